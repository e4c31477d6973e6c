"""How far measured depths really scatter about their surface: what the model of their error is held against."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .result import RELIABLE

__all__ = ["calibrated", "off_plane"]

Plane = NDArray[Any]  # (Y, X) float32, on the grid of the curves

NEAR, FAR = 2.0, 5.0  # px of the grid (σ): windows in which a plane is the surface
AROUND = 3.0  # px of the grid (σ), over which scatter is averaged
RELIEF = 2.05, 2.5  # times as much scatter in the wide window: so far it is error, from there it is relief
FOLLOWED = 1.03  # times more error than scatter: the plane follows some of it
UNRESOLVED = 0.92  # of the near scatter that is error where there is relief
MEAN_ROOT = 0.8222  # of the mean of √|x| of a normal x of standard deviation 1
OUTLIER = 8.0  # standard deviations
LEAST, MOST = 0.3, 1.2  # times the modelled error that the found one may be
SPARSE = 2  # px
LONELY = 0.2  # share of the surroundings that must have been measured
BORDER = cv2.BORDER_CONSTANT
SOFT = 0.01  # frames: what weights do not tell apart


def calibrated(index: Plane, sigma: Plane, confidence: Plane) -> Plane:
    """Standard deviation of measured depths, corrected by how much they scatter about planes in two windows.

    Errors are as large in a wide window as in a near one; the relief of a surface is larger in the wide one. So, where
    the scatter levels off, the wide window tells the error. Where it goes on growing, the error is what the
    neighbourhood does not resolve of the relief, which is about the near scatter.

    Parameters
    ----------
    index, sigma, confidence : (Y, X) float32
        Depth, its modelled standard deviation, and the confidence, on the grid of the curves.

    Returns
    -------
    (Y, X) float32
        As modelled where too few neighbours were measured.
    """
    weight = np.where(confidence >= RELIABLE, 1 / (np.square(sigma) + np.float32(SOFT**2)), 0).astype(np.float32)
    size = np.maximum(sigma, np.float32(SOFT / 10))
    near = _scatter(index, size, weight, NEAR, AROUND)
    sparse = (slice(None, None, SPARSE),) * 2  # of a wide window, a quarter of the pixels tells the same
    far = _scatter(index[sparse], size[sparse], weight[sparse], FAR / SPARSE, AROUND / SPARSE)
    far = cv2.resize(far, near.shape[::-1], interpolation=cv2.INTER_LINEAR)
    growth = far / np.maximum(near, np.float32(1e-6))
    relief = np.clip((growth - RELIEF[0]) / (RELIEF[1] - RELIEF[0]), 0, 1)
    found = np.float32(FOLLOWED) * far * (1 - relief) + np.float32(UNRESOLVED) * near * relief
    factor = np.where(np.isfinite(found), np.clip(found, LEAST, MOST), 1)
    return (sigma * factor).astype(np.float32)


def _scatter(index: Plane, size: Plane, weight: Plane, window: float, around: float) -> Plane:
    """Distance of the depths from a plane around each, over their modelled error, as a standard deviation.

    It is that of a normal distribution with the same mean root: so a few that are far off do not make it large.
    """
    kept = weight * (np.abs(off_plane(index, weight, window)) < OUTLIER * size)
    off = np.minimum(np.abs(off_plane(index, kept, window)) / size, np.float32(OUTLIER))
    there = (kept > 0).astype(np.float32)
    total, root = (cv2.GaussianBlur(p, (0, 0), around, borderType=BORDER) for p in (there, there * np.sqrt(off)))
    mean = np.divide(root, total, out=np.full_like(total, np.nan), where=total > LONELY)
    return np.asarray(np.square(mean / np.float32(MEAN_ROOT)))


def off_plane(index: Plane, weight: Plane, window: float) -> Plane:
    """Distance of each depth from the plane that fits its surroundings best, with Gaussian weights."""
    reach = int(np.ceil(3 * window))
    place = np.arange(-reach, reach + 1, dtype=np.float32)
    bell = np.exp(-0.5 * np.square(place / np.float32(window)))
    bell /= bell.sum()
    kernels = [bell, bell * place, bell * place * place]

    def moment(plane: Plane, down: int, across: int) -> Plane:
        return cv2.sepFilter2D(plane, cv2.CV_32F, kernels[across], kernels[down], borderType=BORDER)

    total = moment(weight, 0, 0) + np.float32(1e-12)
    my, mx, yy, xx, xy = (moment(weight, *n) / total for n in ((1, 0), (0, 1), (2, 0), (0, 2), (1, 1)))
    heavy = weight * index
    mz, yz, xz = (moment(heavy, *n) / total for n in ((0, 0), (1, 0), (0, 1)))
    yy, xx, xy = yy - my * my + np.float32(0.01), xx - mx * mx + np.float32(0.01), xy - my * mx
    yz, xz = yz - my * mz, xz - mx * mz
    area = yy * xx - xy * xy
    down, across = (yz * xx - xz * xy) / area, (xz * yy - yz * xy) / area
    return np.asarray(index - (mz - down * my - across * mx))
