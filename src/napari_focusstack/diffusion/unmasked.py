"""Pairs of frames of which nothing else is known: networks find what is near, in which frame, and its mask."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ..arrays import Frames, as_frames, to_float, visit
from ..color import Transfer
from ..focus import grey, smoothed
from ..methods import check_options
from ..progress import apart
from .elimination import REFUSED, eliminate_diffusion
from .law import Law, Nearest
from .matting import errors, matted
from .pair import by_sharpness, find_blur, find_foreground
from .reblurring import light_of, measured_blur, squares
from .result import Elimination, unchanged
from .solving import NO_END

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["eliminate_from_pair", "nearer_frame"]

BESIDE = 17  # px across, of edges by sharpness, whose texture tells which squares are looked at
BLURS = (0.5, 1.0, 2.0, 4.0, 8.0)  # px: of what is behind, where it does not tell itself
TOLD = 1.25  # times as doubtful as the other one, at least, is the frame that is not the nearer
AROUND, CLEARLY = 2.0, 10.0  # px; times as far, squared, from the far frame as from the near one a picture may be
TINY = 1e-6

ALIKE = "the two frames are the same picture"  # why nothing is done
NO_FOREGROUND = "the networks find no foreground in the nearer frame, or nothing else"


def eliminate_from_pair(
    frames: Frames, image: ArrayLike, *, transfer: Transfer = "linear", device: str = "auto", **options: Any
) -> Elimination:
    """Do as `eliminate_diffusion` does, with two frames of which no index is known: networks find the foreground.

    Parameters
    ----------
    frames : Frames
        (2, Y, X, C) or (2, Y, X), aligned, either way round.
    image : (Y, X, C) array_like of float32
        All-in-focus picture of them, in the scale of `to_float`, by any method.
    transfer : {"linear", "srgb"}
        How stored values relate to light.
    device : str
        Of the networks: "auto", "cpu", "cuda", "mps".
    **options
        Of `eliminate_diffusion`. By default `nearest` is found by `nearer_frame`, and `blur` by `find_blur`.

    Returns
    -------
    Elimination
        The picture, unchanged to the bit where nothing was done; what was taken away, and where.

    Raises
    ------
    ValueError
        If there are not two frames, the picture does not belong to them, or an option is unknown or out of range.
    TypeError
        If an option is of another type.

    Notes
    -----
    A network takes plain parts of a foreground for what is behind it, and nobody has looked at its mask: so, other than
    `eliminate_diffusion`, this changes nothing where the picture shows the near frame, that is, where within 2 px its
    mean squared difference from the far one is ten times that from the near one.
    """
    check_options(eliminate_diffusion, "diffusion", options)
    frames = as_frames(frames)
    if len(frames) != 2:
        raise ValueError(f"{len(frames)} frames are no pair; of a stack, give an index to eliminate_diffusion")
    shown = {"transfer": transfer, **options}
    first, second = (stored for _, stored in visit(frames, "Reading the pair"))
    nothing = eliminate_diffusion(frames, image, np.zeros(first.shape[:2], np.float32), **shown)  # checks what is given
    if options.get("strength") == 0:
        return nothing
    if apart(np.array_equal, first, second):
        return unchanged(nothing.image, ALIKE)
    nearest = options.get("nearest", "auto")
    if nearest == "auto":
        nearest = nearer_frame(first, second, transfer=transfer, device=device)
    if nearest is None:
        return unchanged(nothing.image, NO_END)
    near, far = (first, second) if nearest == "first" else (second, first)
    mask = find_foreground(near, far, transfer=transfer, device=device) > 0.5
    if mask.all() or not mask.any():
        return unchanged(nothing.image, NO_FOREGROUND)
    shown["nearest"] = nearest
    if options.get("blur") is None:
        shown["psf"] = "disc" if options.get("psf") == "disc" else "gaussian"
        shown["blur"] = find_blur(near, far, mask, psf=shown["psf"], transfer=transfer, device=device)
    found = eliminate_diffusion(frames, image, mask == (nearest == "last"), **shown)
    return found if found.obstacle else _kept(found, nothing.image, apart(_shows_far, nothing.image, near, far))


def _shows_far(image: NDArray[np.float32], near: NDArray[Any], far: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a fused picture (Y, X, C) is not clearly the near frame."""
    off_near, off_far = (smoothed(np.square(image - to_float(frame)).sum(axis=2), AROUND) for frame in (near, far))
    return np.asarray(off_far <= CLEARLY * off_near)


def _kept(found: Elimination, image: NDArray[np.float32], kept: NDArray[np.bool_]) -> Elimination:
    """What is found where it is kept, and the picture as it was elsewhere."""
    acted = np.where(kept, found.acted, np.float32(0))
    freed, taken = np.where(kept[..., None], found.image, image), found.component * kept[..., None]
    return replace(found, image=freed, component=taken, acted=acted, obstacle="" if acted.any() else REFUSED)


def nearer_frame(
    first: ArrayLike, second: ArrayLike, *, transfer: Transfer = "linear", device: str = "auto"
) -> Nearest | None:
    """Tell which of two frames is focused on what is nearer, "first" or "last"; None where that is not told.

    Parameters
    ----------
    first, second : (Y, X, C) or (Y, X) array_like
        Aligned frames, in stored values.
    transfer : {"linear", "srgb"}
        How stored values relate to light.
    device : str
        Of the networks: "auto", "cpu", "cuda", "mps".

    Notes
    -----
    Either is taken for the nearer in turn. The networks that find the foreground have learned from pairs that are the
    right way round, and are less sure of those that are not; and the frame focused in front is rendered worse from a
    foreground that is behind. So the product of both is compared, of the mean of 1 - 2 |mask - ½|, and of the error
    that is left beside the foreground. Of large frames, up to eight squares are looked at.
    """
    pair = np.asarray(first), np.asarray(second)
    where = _squares(*pair)
    doubts = [_doubt([(near[w], far[w]) for w in where], transfer, device) for near, far in (pair, pair[::-1])]
    if max(doubts) < TOLD * min(doubts):
        return None
    return "first" if doubts[0] < doubts[1] else "last"


def _squares(first: NDArray[Any], second: NDArray[Any]) -> list[tuple[slice, slice]]:
    """Where two frames have the most texture beside the edges of what is in focus in either."""
    one, other = (apart(to_float, np.atleast_3d(frame)) for frame in (first, second))
    sharper = (by_sharpness(one, other) > 0.5).astype(np.uint8)
    window = np.ones((BESIDE, BESIDE), np.uint8)
    edges = cv2.dilate(sharper, window) != cv2.erode(sharper, window)
    return apart(squares, grey(one + other), edges.astype(np.float32))


def _doubt(pairs: list[tuple[NDArray[Any], NDArray[Any]]], transfer: Transfer, device: str) -> float:
    """How unsure networks are of the foregrounds of pairs, times how badly the near frames are rendered with them."""
    unsure, pixels, wrong = 0.0, 0, np.zeros(2)
    for near, far in pairs:
        shares = find_foreground(near, far, transfer=transfer, device=device)
        unsure, pixels = unsure + float((1 - 2 * np.abs(shares - 0.5)).sum()), pixels + shares.size
        mask = shares > 0.5
        if mask.any() and not mask.all() and not np.array_equal(near, far):
            front = find_blur(near, far, mask, transfer=transfer, device=device)
            wrong += _wrong(near, far, mask.astype(np.float32), front, transfer)
    return float((unsure / pixels + TINY) * (wrong[0] + TINY) / (wrong[1] + TINY))


def _wrong(near: NDArray[Any], far: NDArray[Any], mask: Plane, front: float, transfer: Transfer) -> NDArray[np.float64]:
    """(2,) sums of what the near frame, rendered again, differs by beside the foreground: as found, and with none."""
    sharp, soft = (apart(light_of, np.atleast_3d(frame), transfer) for frame in (near, far))
    told = measured_blur(soft, sharp, 1 - mask)
    tried = []
    for behind in [told] if told else BLURS:
        found = matted(sharp, soft, mask, front, behind)
        law = Law(before=behind, after=front, psf="gaussian")
        off = apart(errors, sharp, soft, found, law, transfer)
        reach = 2 * math.ceil(2 * max(front, behind)) + 1
        beside = cv2.dilate(mask, np.ones((reach, reach), np.uint8)) > mask
        tried.append(off[:, beside].sum(axis=1, dtype=np.float64))
    return np.asarray(min(tried, key=lambda one: one[0]))
