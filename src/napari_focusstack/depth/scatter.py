"""How far measured depths really scatter about their surface: what the model of their error is held against."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .result import RELIABLE

__all__ = ["calibrated"]

Plane = NDArray[Any]  # (Y, X) float32, on the grid of the curves

NEAR, FAR = 2.0, 5.0  # px of the grid (σ): windows in which a plane is the surface
RELIEF = (
    2.05,
    2.5,
)  # times as much scatter in the wide window: so far it is error, from there it is the surface's relief
UNRESOLVED = 0.85  # of the near scatter that is error where there is relief
LEFT = 0.92  # of the error that the smoothing leaves
OUTLIER = 8.0  # standard deviations
LEAST, MOST = 0.2, 1.2  # times the modelled error that the found one may be
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
    near, far = (_scatter(index, size, weight, window) for window in (NEAR, FAR))
    growth = far / np.maximum(near, np.float32(1e-6))
    relief = np.clip((growth - RELIEF[0]) / (RELIEF[1] - RELIEF[0]), 0, 1)
    found = far + relief * (np.float32(UNRESOLVED) * near - far)
    factor = np.where(np.isfinite(found), np.clip(np.float32(LEFT) * found, LEAST, MOST), 1)
    return (sigma * factor).astype(np.float32)


def _scatter(index: Plane, size: Plane, weight: Plane, window: float) -> Plane:
    """Root mean square distance of the depths from a plane around each, over their modelled error, without outliers."""
    off = (index - _planes(index, weight, window)) / size
    kept = weight * (np.abs(off) < OUTLIER)
    off = (index - _planes(index, kept, window)) / size
    total = _mean((kept > 0).astype(np.float32), FAR)
    square = _mean(np.square(np.where(kept > 0, np.minimum(np.abs(off), np.float32(OUTLIER)), 0)), FAR)
    return np.sqrt(np.divide(square, total, out=np.full_like(total, np.nan), where=total > 0.2))


def _planes(index: Plane, weight: Plane, window: float) -> Plane:
    """Height, at each pixel, of the plane that fits its surroundings best."""
    y, x = (axis.astype(np.float64) for axis in np.ogrid[: index.shape[0], : index.shape[1]])

    def mean(values: Plane) -> Plane:
        return _mean(weight * values, window) / total

    total = _mean(weight, window) + np.float32(1e-12)
    ones = np.ones_like(index)
    my, mx, mz = mean(y * ones), mean(x * ones), mean(index)
    yy, xx, xy = mean(y * y * ones) - my * my, mean(x * x * ones) - mx * mx, mean(y * x) - my * mx
    yz, xz = mean(y * index) - my * mz, mean(x * index) - mx * mz
    yy, xx = yy + np.float32(0.01), xx + np.float32(0.01)  # of a line of pixels
    area = yy * xx - xy * xy
    down, across = (yz * xx - xz * xy) / area, (xz * yy - yz * xy) / area
    return np.asarray(mz + down * (y - my) + across * (x - mx))


def _mean(plane: Plane, spread: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), spread, borderType=cv2.BORDER_CONSTANT))
