"""Peaks that are drawn to the frames: how much so is learnt from the slopes of a depth, and taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from .scatter import BORDER, off_plane

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[Any]  # (Y, X) float32, on the grid of the curves

__all__ = ["unevenness", "unlocked"]

WINDOW = 6.0  # px of the grid (σ) in which a plane is the surface
SPARSE = 2  # px of the grid between those that tell: in a wide window, a quarter of them tells the same
SOFT = 0.02  # frames: what weights do not tell apart
STRAY = 4.0, 0.1  # standard deviations, and frames, off the plane: farther is another surface
WHOLE = 0.95  # share of a window that must lie near its plane: across an edge, there is a plane of no surface
TELLING = 0.1  # mean square of the wave within the windows, from which on there are slopes that tell; ½ at most
MOST = 0.1  # frames
EVEN = 0.2  # unevenness from which on the pull of another place is not that of even frames
UNSURE = 0.5  # frames of standard deviation, from which on a depth tells nothing


def unevenness(index: Plane, positions: NDArray[np.float64]) -> Plane:
    """How far frames are from the middle between their neighbours, as a share of half that distance, at a depth."""
    steps = np.diff(positions)
    shares = np.zeros(len(positions))
    shares[1:-1] = np.abs(np.diff(steps)) / (steps[1:] + steps[:-1])
    return np.interp(index, np.arange(len(positions)), shares).astype(np.float32)


def unlocked(index: Plane, sigma: Plane, uneven: Plane) -> Plane:
    """Depth without what draws it to the frames, or between them.

    Where the curve of sharpness is no Gaussian, the fitted one peaks off the true place d by about A sin(2π d), as
    there is as much to either side at whole and at half frames. On a slope, that is a wave about its plane; so A is
    the regression of what depths are off their planes on what sin(2π d), of the planes' d, is off its own, where nearly
    all depths around lie near the plane. Without slopes, all is left as it is; as is what lies between frames that are
    unevenly spaced, where the pull is another.

    Parameters
    ----------
    index, sigma, uneven : (Y, X) float32
        Depth in frames, its standard deviation and the `unevenness`, on the grid of the curves.

    Returns
    -------
    (Y, X) float32
    """
    even = uneven < EVEN
    some, error, told = (plane[::SPARSE, ::SPARSE] for plane in (index, sigma, even))
    weight = np.where((error < UNSURE) & told, 1 / (np.square(error) + np.float32(SOFT**2)), 0).astype(np.float32)
    stray, window = STRAY[0] * np.hypot(error, np.float32(STRAY[1])), WINDOW / SPARSE
    near = weight * (np.abs(off_plane(some, weight, window)) < stray)
    off = off_plane(some, near, window)
    wave = off_plane(_wave(some - off), near, window)
    all_around, near_around = (cv2.GaussianBlur(plane, (0, 0), window, borderType=BORDER) for plane in (weight, near))
    weight = near * (near_around > WHOLE * all_around)
    square, total = float(np.sum(weight * wave * wave)), float(np.sum(weight))
    if not square > TELLING * total:
        return index
    pull = min(max(float(np.sum(weight * wave * off)) / square, -MOST), MOST)
    nearly = index - np.float32(pull) * _wave(index)
    return np.where(even, index - np.float32(pull) * _wave(nearly), index)


def _wave(index: Plane) -> Plane:
    return np.asarray(np.sin(np.float32(2 * np.pi) * index), np.float32)
