"""One picture blurred until it looks like another: how wide a blur that takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np

from ..arrays import Frames, to_float, visit
from ..color import Transfer, to_linear
from ..progress import apart, track
from .law import Law, Psf, lowest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)
    Picture = NDArray[np.float32]  # (Y, X, C)

__all__ = ["Widths", "blurred", "law_of_pair", "light_of", "measured_blur", "squares", "veiling_blur"]

SIDE, MOST = 256, 8  # px, and number, of the squares that are looked at
WIDTHS = np.geomspace(0.4, 20, 34)  # px: standard deviations that are tried; radii of discs are twice as large
COVERED = (0.98, 0.9, 0.75)  # share of a pixel's light that comes from the mask, where it is compared
LEAST = 64  # pixels that tell something
EXPLAINED = 0.4  # of the difference between the two: what the best blur leaves at most
TINY = 1e-6  # of white, squared
SPREADS = np.geomspace(0.35, 10, 28)  # px: standard deviations that are tried of light that veils
EVEN, AROUND = 10.0, 24  # px: over which what is behind is taken for even; how far from the mask veils are looked at
CLEAR = 1e-3  # share of the light behind that comes through at least
VEILING = 0.999  # of the squares of values, and of slopes, around the mask: what the best blur leaves at most


@dataclass(frozen=True, slots=True, eq=False)
class Widths:
    """What blurs of several widths leave of the difference between two pictures.

    Attributes
    ----------
    left, before : (L, W) float64
        Sums of squared differences with each of W blurs, and without any, for each of the `COVERED`.
    pixels : (L, W) int64
        How many were compared.
    """

    left: NDArray[np.float64]
    before: NDArray[np.float64]
    pixels: NDArray[np.int64]

    def best(self, widths: NDArray[np.float64]) -> float | None:
        """Width that leaves least, in px; None where nothing tells.

        The mask is wide enough for a blur if there are pixels that hardly get any light from outside it. Where none is,
        those will do that get a little.
        """
        for left, before, pixels in zip(self.left, self.before, self.pixels, strict=True):
            some = int((pixels >= LEAST).sum())  # wider blurs leave fewer pixels
            if some < 3:
                continue
            share = (left[:some] + TINY) / (before[:some] + TINY)
            at = int(np.argmin(share))
            if share[at] < EXPLAINED and at < some - 1:
                if at == 0:
                    return float(widths[0])
                near = slice(at - 1, at + 2)
                return math.exp(lowest(np.log(widths[near]), share[near]))
        return None


def measured_blur(sharp: Picture, soft: Picture, mask: Plane, *, psf: Psf = "gaussian") -> float | None:
    """Standard deviation (disc: radius), in px, of the blur of `sharp` that gives `soft` on a mask; None: not told.

    Parameters
    ----------
    sharp, soft : (Y, X, C) float32
        Linear light.
    mask : (Y, X) float32
        Where, 0 to 1.
    psf : {"disc", "gaussian"}
        Point spread function.

    Notes
    -----
    The least ‖E(M) (N * K_s - F)‖² / ‖E(M) (N - F)‖² over s, with E(M) the mask less a margin as wide as the blur: all
    pixels for which M * K_s ≈ 1, so that nothing else has spread its light there. The ratio, since E(M) is another one
    for each s.
    """
    widths = WIDTHS * (2 if psf == "disc" else 1)
    windows = apart(lambda: squares(sharp.mean(axis=2), mask))
    found = [
        apart(_tried, sharp[window], soft[window], mask[window], widths, psf)
        for window in track(windows, "Measuring the blur")
    ]
    total = Widths(*(sum(parts) for parts in zip(*((one.left, one.before, one.pixels) for one in found), strict=True)))
    return total.best(widths)


def veiling_blur(sharp: Picture, soft: Picture, mask: Plane, *, psf: Psf = "gaussian") -> float | None:
    """Standard deviation (disc: radius), in px, of the blur by which a foreground veils what is behind; None: not told.

    It tells where the foreground is plain, or narrower than its blur, too, a little less exactly than `measured_blur`.

    Parameters
    ----------
    sharp, soft, mask, psf
        As of `measured_blur`.

    Notes
    -----
    With the light C_s = (M N) * K_s and the veil A_s = M * K_s of the foreground in F, and the mean b_s of what is
    behind, over 10 px, b_s = G * (F - C_s) / G * (1 - A_s): the least log ‖r‖² + log ‖∇r‖² over s, within 24 px of the
    mask, of what is left, r = F - C_s - (1 - A_s) b_s. Texture that is behind does not depend on the mask, and so
    leaves as much for every s: what is coarse of it hides less of the veil's slopes, and noise less of the veil itself.
    None where the best leaves hardly less than no veil, or is the first or the last of the widths.
    """
    widths = SPREADS * (2 if psf == "disc" else 1)
    windows = apart(lambda: squares(sharp.mean(axis=2), mask))
    parts = [
        apart(_unveiled, sharp[window], soft[window], mask[window], widths, psf)
        for window in track(windows, "Measuring the blur")
    ]
    left = np.log(np.sum(parts, axis=0) + TINY).sum(axis=0)
    at = int(np.argmin(left))
    if not 1 < at < len(widths) or left[at] > left[0] + 2 * math.log(VEILING):
        return None
    return math.exp(lowest(np.log(widths[at - 2 : at + 1]), left[at - 1 : at + 2]))


def _unveiled(sharp: Picture, soft: Picture, mask: Plane, widths: NDArray[np.float64], psf: Psf) -> NDArray[np.float64]:
    """Squares (2, 1 + W) of values and slopes around the mask, less what is even: as they are, and less every veil."""
    away = cv2.distanceTransform((mask < 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    beside = (away <= AROUND).astype(np.float32)
    light, left = sharp * mask[..., None], np.empty((2, 1 + len(widths)))
    height, width = mask.shape
    for at, blur in enumerate([0.0, *widths]):
        veil, added = (blurred(plane, blur, psf) if blur else np.zeros_like(plane) for plane in (mask, light))
        through, behind = 1 - veil, soft - added
        known = np.maximum(blurred(through * beside, EVEN), np.float32(CLEAR))
        even = blurred(behind * beside[..., None], EVEN) / known[..., None]
        rest = behind - through[..., None] * even
        slopes = sum(np.square(np.diff(rest, axis=axis)).sum(axis=2)[: height - 1, : width - 1] for axis in (0, 1))
        left[:, at] = (np.square(rest).sum(axis=2) * beside).sum(dtype=np.float64), (slopes * beside[1:, 1:]).sum()
    return left


def law_of_pair(
    frames: Frames, index: Plane, transfer: Transfer, *, psf: Psf | Literal["auto"] = "auto", instead: Law | None = None
) -> Law | None:
    """Law of two frames (2, Y, X, C): what is in focus in each is blurred until it looks like the other one.

    Parameters
    ----------
    frames, index, transfer
        Frames; the number of that in which each pixel (Y, X) is in focus; how stored values relate to light.
    psf : {"auto", "disc", "gaussian"}
        Point spread function; "auto": Gaussian.
    instead : Law, optional
        Law to go by where one of the two does not tell; by default there is none then.
    """
    kind: Psf = "gaussian" if psf == "auto" else psf
    first, second = (apart(light_of, stored, transfer) for _, stored in visit(frames, "Measuring the blur"))
    inside = (index < 0.5).astype(np.float32)
    after = measured_blur(first, second, inside, psf=kind) or (instead and instead.after)
    before = measured_blur(second, first, 1 - inside, psf=kind) or (instead and instead.before)
    return Law(before, after, kind) if before and after else None


def light_of(frame: NDArray[Any], transfer: Transfer) -> Picture:
    """Linear light of a frame, (Y, X, C) float32."""
    return to_linear(to_float(frame), transfer).astype(np.float32, copy=False)


def blurred(picture: NDArray[np.float32], width: float, psf: Psf = "gaussian") -> NDArray[np.float32]:
    """Picture (Y, X, C) or plane (Y, X) blurred by so many px, as `measured_blur` counts them."""
    from ..kernels import veil_cpu

    if psf == "gaussian":
        taps = 2 * math.ceil(veil_cpu.TAILS * width) + 1
        found = cv2.GaussianBlur(picture, (taps, taps), width, borderType=cv2.BORDER_REFLECT)
    else:
        kernel = veil_cpu.spread(width, veil_cpu.DISC)
        found = cv2.filter2D(picture, cv2.CV_32F, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)
    return found.reshape(picture.shape)  # type: ignore[return-value] # float32, as it was


def squares(grey: Plane, mask: Plane) -> list[tuple[slice, slice]]:
    """Rectangles of a picture with the most texture on a mask: all of it, if it is small.

    Parameters
    ----------
    grey, mask : (Y, X) float32
        Picture, and where its texture counts.
    """
    height, width = grey.shape
    rows, columns = -(-height // (2 * SIDE)), -(-width // (2 * SIDE))
    if rows * columns == 1:
        return [(slice(0, height), slice(0, width))]
    texture = np.square(cv2.Laplacian(grey, cv2.CV_32F)) * mask
    found = []
    for top in range(0, max(height - SIDE, 0) + 1, SIDE):
        for left in range(0, max(width - SIDE, 0) + 1, SIDE):
            where = slice(top, top + SIDE), slice(left, left + SIDE)
            found.append((float(texture[where].sum()), top, left))
    best = sorted(found, reverse=True)[:MOST]
    return [
        (slice(top, top + SIDE), slice(left, left + SIDE)) for some, top, left in best if some > 0 or not best[0][0]
    ]


def _tried(sharp: Picture, soft: Picture, mask: Plane, widths: NDArray[np.float64], psf: Psf) -> Widths:
    unlike = np.square(sharp - soft).sum(axis=2)
    shape = len(COVERED), len(widths)
    found = Widths(np.zeros(shape), np.zeros(shape), np.zeros(shape, np.int64))
    for at, width in enumerate(widths):
        cover = blurred(mask, float(width), psf)
        if np.count_nonzero(cover > COVERED[-1]) == 0:
            break
        squared = np.square(blurred(sharp, float(width), psf) - soft).sum(axis=2)
        for level, least in enumerate(COVERED):
            inside = cover > least
            found.left[level, at] = squared[inside].sum(dtype=np.float64)
            found.before[level, at] = unlike[inside].sum(dtype=np.float64)
            found.pixels[level, at] = np.count_nonzero(inside)
    return found
