"""Metrics of depth maps and masks against their truth.

Every error of a depth map is taken over `mask`; by default where the truth is finite. Data sets that mark
unknown depth by 0 need ``mask=truth > 0``. An estimate that is NaN inside the mask makes a mean NaN and
counts as wrong in `delta` and `bad_pixels`: a method cannot gain by leaving out the difficult pixels unless
the mask says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["abs_rel", "bad_pixels", "bumpiness", "delta", "log_rmse", "mae", "miou", "rmse", "sqr_rel"]


def mae(depth: ArrayLike, truth: ArrayLike, *, mask: ArrayLike | None = None) -> float:
    """Mean absolute error, in the unit of the depth."""
    estimate, exact = _inside(depth, truth, mask)
    return float(np.mean(np.abs(estimate - exact)))


def rmse(depth: ArrayLike, truth: ArrayLike, *, mask: ArrayLike | None = None) -> float:
    """Root mean square error, in the unit of the depth."""
    estimate, exact = _inside(depth, truth, mask)
    return float(np.sqrt(np.mean(np.square(estimate - exact))))


def log_rmse(depth: ArrayLike, truth: ArrayLike, *, mask: ArrayLike | None = None) -> float:
    """Root mean square of the difference of natural logarithms; depths must be positive."""
    estimate, exact = _positive(*_inside(depth, truth, mask))
    return float(np.sqrt(np.mean(np.square(np.log(estimate) - np.log(exact)))))


def abs_rel(depth: ArrayLike, truth: ArrayLike, *, mask: ArrayLike | None = None) -> float:
    """Mean of |p - g| / |g|."""
    estimate, exact = _inside(depth, truth, mask)
    return float(np.mean(np.abs(estimate - exact) / np.abs(exact)))


def sqr_rel(depth: ArrayLike, truth: ArrayLike, *, mask: ArrayLike | None = None) -> float:
    """Mean of (p - g)^2 / |g|, in the unit of the depth."""
    estimate, exact = _inside(depth, truth, mask)
    return float(np.mean(np.square(estimate - exact) / np.abs(exact)))


def delta(depth: ArrayLike, truth: ArrayLike, *, power: int = 1, mask: ArrayLike | None = None) -> float:
    """Share of pixels, 0 to 1, with max(p / g, g / p) below 1.25^power; depths must be positive."""
    estimate, exact = _positive(*_inside(depth, truth, mask))
    return float(np.mean(np.maximum(estimate / exact, exact / estimate) < 1.25**power))


def bad_pixels(depth: ArrayLike, truth: ArrayLike, *, threshold: float = 0.07, mask: ArrayLike | None = None) -> float:
    """Share of pixels, 0 to 1, that are off by more than `threshold`, in the unit of the depth."""
    estimate, exact = _inside(depth, truth, mask)
    return float(np.mean(~(np.abs(estimate - exact) <= threshold)))  # so that NaN is bad


def bumpiness(depth: ArrayLike, truth: ArrayLike, *, mask: ArrayLike | None = None) -> float:
    """Mean curvature of the error, times 100: 0 for an error that is constant or a plane, at most 5.

    The Frobenius norm of the Hessian of p - g, from Scharr derivatives applied twice, clipped to 0.05 (the
    evaluation of the 4D light field benchmark [1]_). The derivatives have a gain of 2 and mirror the border,
    as in scikit-image: on a plane, the two outer rows and columns are not 0.

    Parameters
    ----------
    depth, truth : (Y, X)
        Estimate and truth.
    mask : (Y, X) bool, optional
        Where to average; where the truth is finite by default.

    References
    ----------
    .. [1] K. Honauer, O. Johannsen, D. Kondermann, B. Goldluecke, "A dataset and evaluation methodology for
       depth estimation on 4D light fields", ACCV 2016.
    """
    error = np.asarray(depth, np.float64) - np.asarray(truth, np.float64)
    chosen = _mask(truth, mask)
    dx, dy = _scharr(error)
    second = [*_scharr(dx), *_scharr(dy)]
    curvature = np.sqrt(np.sum(np.square(second), axis=0))
    return 100 * float(np.mean(np.minimum(curvature, 0.05)[chosen]))


def miou(mask: ArrayLike, truth: ArrayLike) -> float:
    """Mean of the intersection over union of foreground and background, 0 to 1, of masks cut at 0.5.

    A class that is empty in both masks counts as 1. For several pictures take the mean of their values.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    a, b = np.asarray(mask) > 0.5, np.asarray(truth) > 0.5
    if a.shape != b.shape:
        raise ValueError(f"a mask of shape {a.shape} cannot be compared with a truth of shape {b.shape}")
    unions = (np.sum(a | b), np.sum(~a | ~b))
    common = (np.sum(a & b), np.sum(~a & ~b))
    return float(np.mean([both / union if union else 1.0 for both, union in zip(common, unions, strict=True)]))


def _mask(truth: ArrayLike, mask: ArrayLike | None) -> NDArray[np.bool_]:
    chosen = np.isfinite(np.asarray(truth, np.float64)) if mask is None else np.asarray(mask, bool)
    if chosen.shape != np.shape(truth):
        raise ValueError(f"a mask of shape {chosen.shape} does not fit a depth map of shape {np.shape(truth)}")
    if not chosen.any():
        raise ValueError("no pixel to compare: the mask is empty or the truth has no finite value")
    return chosen


def _inside(
    depth: ArrayLike, truth: ArrayLike, mask: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    estimate, exact = np.asarray(depth, np.float64), np.asarray(truth, np.float64)
    if estimate.shape != exact.shape:
        raise ValueError(
            f"a depth map of shape {estimate.shape} cannot be compared with a truth of shape {exact.shape}"
        )
    chosen = _mask(truth, mask)
    return estimate[chosen], exact[chosen]


def _positive(
    estimate: NDArray[np.float64], exact: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if np.any(exact <= 0) or np.any(estimate <= 0):
        raise ValueError("ratios and logarithms need positive depths; pass mask=(truth > 0) & (depth > 0)")
    return estimate, exact


def _scharr(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the derivatives along x and y, twice the slope of a ramp."""
    dx = cv2.Scharr(values, cv2.CV_64F, 1, 0, scale=1 / 16, borderType=cv2.BORDER_REFLECT)
    dy = cv2.Scharr(values, cv2.CV_64F, 0, 1, scale=1 / 16, borderType=cv2.BORDER_REFLECT)
    return np.asarray(dx, np.float64), np.asarray(dy, np.float64)
