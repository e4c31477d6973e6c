"""Pairs of frames with soft edges: what share of a pixel the foreground covers, and what is behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..color import Transfer, to_stored
from ..progress import apart, track
from .crf import tiles
from .law import Law, Psf
from .reblurring import blurred

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)
    Picture = NDArray[np.float32]  # (Y, X, C)

__all__ = ["Matted", "errors", "matted"]

EDGE = 1.6  # px to either side of a mask's edge, in which pixels may be covered in part
INSIDE, BESIDE = 1.5, 1.0  # px: over which the foreground's light is averaged inside of that; where it has no inside
ENOUGH = 0.05  # share of what is averaged that has to be inside
VARIED = 3.0  # px: over which it is seen how much the foreground varies
ALIKE = 0.003  # squared difference of the foreground and what is behind it, at which a share is half believed
TINY = 1e-4
FAINT, CLEAR = 0.125, 0.25  # share of the light behind that comes through: where it begins to be believed, and is
TOLD = 0.05  # the same, to be blurred again
ROUNDS = 2  # times that shares are found: what is behind depends on them
MARGIN = 16  # px that a tile sees around it, beside what blurs reach
EVEN = 10.0  # px: over which what is behind is taken for even, where it is not divided by


@dataclass(frozen=True, slots=True, eq=False)
class Matted:
    """A pair, taken apart.

    Attributes
    ----------
    light : (Y, X, C) float32
        Linear light, without defocus or diffusion.
    alpha, veil : (Y, X) float32
        Share of each pixel that the foreground covers, and share of the light behind that it keeps away in the far
        frame.
    again : (Y, X, C) float32
        Linear light of the near frame, rendered again from the foreground and what is behind it.
    """

    light: Picture
    alpha: Plane
    veil: Plane
    again: Picture


def matted(
    near: Picture,
    far: Picture,
    mask: Plane,
    front: float,
    behind: float,
    *,
    psf: Psf = "gaussian",
    subtract: bool = False,
) -> Matted:
    """Take a pair apart.

    Parameters
    ----------
    near, far : (Y, X, C) float32
        Frames focused on the foreground and behind it, in linear light.
    mask : (Y, X) float32
        Of the foreground, 0 or 1.
    front, behind : float
        Blur, in px, of the foreground in the far frame and of the background in the near one: σ, or a disc's radius.
    psf : {"disc", "gaussian"}
        Point spread function.
    subtract : bool
        Do not divide by what comes through, which raises noise: see `eliminate_diffusion`.

    Notes
    -----
    A mask of 0 and 1 is wrong wherever an edge or a hair covers a part of a pixel: its light is spread over the far
    frame by that part. With the foreground's coverage α and light f, and the background b, the equations of Liu et al.
    (AAAI 2024) read

        N = α f + (1 - α) (b * K₂),    F = (α f) * K₃ + (1 - α * K₃) b.

    Within 1.6 px of the mask's edge, α is the share of the way from β = b * K₂ to f that N has gone, (N - β) · (f - β)
    / |f - β|², with f the mean of N around, farther inside; where the two are alike, or f varies as much, α stays
    nearer to the mask. Then α f = N - (1 - α) β, and b = (F - (α f) * K₃) / (1 - α * K₃), at first for α = M. This is
    done twice; the result is α f + (1 - α) b.
    """
    from ..kernels import veil_cpu

    found = Matted(*(np.empty_like(plane) for plane in (near, mask, mask, near)))
    halo = MARGIN + math.ceil(ROUNDS * veil_cpu.TAILS * (front + behind))
    for core, window, inside in track(list(tiles(*mask.shape, halo=halo)), "Eliminating diffusion"):
        part = apart(_matted, near[window], far[window], mask[window], front, behind, psf, subtract)
        for name in Matted.__slots__:
            getattr(found, name)[core] = getattr(part, name)[inside]
    return found


def errors(near: Picture, far: Picture, found: Matted, law: Law, transfer: Transfer) -> NDArray[np.float32]:
    """(2, Y, X) by how much the near frame, rendered again, differs from what was seen, in stored values.

    First as it was found; then if nothing were taken off the far frame, which is the background there, blurred, or not
    blurred at all, whichever is more like it.
    """
    aside = (found.alpha == 0).astype(np.float32)
    seen = to_stored(near, transfer)

    def wrong(again: Picture) -> Plane:
        off = np.abs(to_stored(np.clip(again, 0, 1), transfer) - seen).max(axis=2)
        return np.asarray(off * aside, np.float32)

    as_it_was = min((wrong(one) for one in (_around(far, aside, law.far, law.psf)[0], far)), key=np.sum)
    return np.stack([wrong(found.again), as_it_was])


def _matted(near: Picture, far: Picture, mask: Plane, front: float, behind: float, psf: Psf, subtract: bool) -> Matted:
    inner, outer = (cv2.distanceTransform(side.astype(np.uint8), cv2.DIST_L2, 5) for side in (mask > 0, mask == 0))
    edge = np.where(mask > 0, inner, outer) <= EDGE
    deep, share = _around(near, mask * ~edge, INSIDE)
    inside = np.clip(share / np.float32(ENOUGH), 0, 1)[..., None]
    color = inside * deep + (1 - inside) * _around(near, mask, BESIDE)[0]
    mean, square = (_around(one, mask, VARIED)[0] for one in (near, np.square(near)))
    doubt = ALIKE + np.maximum(square - np.square(mean), 0).sum(axis=2)
    alpha, light = mask, near * mask[..., None]
    for _ in range(ROUNDS):
        _, bare, _ = _behind(far, alpha, light, front, behind, psf, subtract)
        way = color - bare
        length = np.square(way).sum(axis=2)
        share = np.clip(((near - bare) * way).sum(axis=2) / (length + TINY), 0, 1)
        sure = length / (length + doubt)
        alpha = np.where(edge, sure * share + (1 - sure) * mask, mask)
        rest = np.clip(near - (1 - alpha)[..., None] * bare, 0, near)
        light = np.where(edge[..., None], rest, near * mask[..., None])
    back, bare, veil = _behind(far, alpha, light, front, behind, psf, subtract)
    believed = np.clip((1 - veil - FAINT) / (CLEAR - FAINT), 0, 1)[..., None]
    clear = (1 - alpha)[..., None]
    return Matted(light + clear * (far + believed * (back - far)), alpha, veil, light + clear * bare)


def _behind(
    far: Picture, alpha: Plane, light: Picture, front: float, behind: float, psf: Psf, subtract: bool
) -> tuple[Picture, Picture, Plane]:
    """What is behind the foreground; the same as the near frame blurs it; and the veil before it in the far frame."""
    veil = blurred(alpha, front, psf)
    through, rest = 1 - veil, np.maximum(far - blurred(light, front, psf), 0)
    back = rest / np.maximum(through, np.float32(CLEAR))[..., None]
    if subtract:
        back = rest + veil[..., None] * _around(back, np.square(through), EVEN)[0]
    told = np.clip((through - TOLD) / np.float32(CLEAR - TOLD), 0, 1)
    return back, _around(back, told, behind, psf)[0], veil


def _around(picture: Picture, weight: Plane, width: float, psf: Psf = "gaussian") -> tuple[Picture, Plane]:
    """Weighted mean of what is around each pixel, and the weight there."""
    there = blurred(weight, width, psf)
    total = blurred(picture * weight[..., None], width, psf)
    return np.asarray(total / np.maximum(there, TINY)[..., None], np.float32), there
