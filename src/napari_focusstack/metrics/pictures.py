"""Metrics of one picture: against the truth (PSNR, SSIM), against its stack, or alone.

Pictures are (Y, X) or (Y, X, C); integers are divided by the maximum of their type, floats are taken as they
are, so that 1.0 is the full range everywhere. The noise of a picture without a truth is `focus.noise_sigma`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from ..arrays import Frames, as_frames, to_float, visit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["band_beside_depth_edges", "inside_range", "psnr", "spatial_frequency", "ssim"]


def psnr(image: ArrayLike, truth: ArrayLike, *, mask: ArrayLike | None = None) -> float:
    """Peak signal-to-noise ratio, 10 log10(1 / MSE), in dB; infinite for equal pictures.

    Parameters
    ----------
    image, truth : (Y, X) or (Y, X, C)
        The picture and what it should be.
    mask : (Y, X) bool, optional
        Where to compare; everywhere by default.

    Raises
    ------
    ValueError
        If the shapes differ or the mask is empty.
    """
    image, truth = _pair(image, truth)
    squared = np.square(image - truth, dtype=np.float64)
    mse = float(np.mean(squared if mask is None else squared[_checked_mask(mask, image.shape)]))
    return float("inf") if mse == 0 else -10 * float(np.log10(mse))


def ssim(image: ArrayLike, truth: ArrayLike) -> float:
    """Structural similarity, 1 for equal pictures, as the mean over pixels and channels.

    The form of Wang et al. 2004 [1]_ and of pytorch-msssim: an 11-tap Gaussian window of sigma 1.5, valid
    positions only, population variances, K = (0.01, 0.03). The default of scikit-image (7x7 uniform window)
    gives other values.

    Parameters
    ----------
    image, truth : (Y, X) or (Y, X, C)
        The picture and what it should be, at least 11 x 11.

    Raises
    ------
    ValueError
        If the shapes differ or a side is shorter than the window.

    References
    ----------
    .. [1] Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from error
       visibility to structural similarity", IEEE Trans. Image Process. 13(4), 2004, eq. 13.
    """
    image, truth = _pair(image, truth)
    if min(image.shape[:2]) < 11:
        raise ValueError(
            f"pictures of {image.shape[1]} x {image.shape[0]} px are too small for SSIM; 11 x 11 is needed"
        )
    luminance, contrast = ssim_terms(image.astype(np.float64), truth.astype(np.float64), 11, 0.01**2, 0.03**2)
    return float(np.mean(luminance * contrast))


def ssim_terms(
    a: NDArray[np.float64], b: NDArray[np.float64], taps: int, c1: float, c2: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Luminance, and contrast times structure, of SSIM at each valid position of a Gaussian window."""
    mean_a, mean_b = gauss_valid(a, taps), gauss_valid(b, taps)
    var_a = gauss_valid(a * a, taps) - mean_a**2
    var_b = gauss_valid(b * b, taps) - mean_b**2
    covariance = gauss_valid(a * b, taps) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return luminance, (2 * covariance + c2) / (var_a + var_b + c2)


def gauss_valid(image: NDArray[np.float64], taps: int) -> NDArray[np.float64]:
    """Gaussian means (sigma 1.5) at the positions where the whole window lies inside the picture."""
    kernel = cv2.getGaussianKernel(taps, 1.5, cv2.CV_64F)
    edge = taps // 2
    filtered = np.asarray(cv2.sepFilter2D(image, cv2.CV_64F, kernel, kernel), np.float64)
    return filtered[edge:-edge, edge:-edge]


def inside_range(image: ArrayLike, frames: Frames, *, tolerance: float = 0.5 / 255) -> float:
    """Share of the values, 0 to 1, that lie between the stack's minimum and maximum at their pixel.

    Parameters
    ----------
    image : (Y, X, C)
        The fused picture.
    frames : Frames
        (N, Y, X, C), aligned.
    tolerance : float
        How far outside still counts as inside; half a step of 8 bit by default.
    """
    frames = as_frames(frames)
    image = to_float(image).reshape(frames.shape[1:])
    low = np.full(image.shape, np.inf, np.float32)
    high = -low
    for _, stored in visit(frames, "Measuring"):
        values = to_float(stored)
        np.minimum(low, values, out=low)
        np.maximum(high, values, out=high)
    return float(np.mean((image >= low - tolerance) & (image <= high + tolerance)))


def spatial_frequency(image: ArrayLike) -> float:
    """Root mean square of the horizontal and vertical first differences: higher is sharper, or noisier.

    The form of Eskicioglu and Fisher 1995: sqrt(RF^2 + CF^2), over all channels.
    """
    values = to_float(image).astype(np.float64)
    rows, columns = np.diff(values, axis=0), np.diff(values, axis=1)
    return float(np.sqrt(np.mean(rows**2) + np.mean(columns**2)))


def band_beside_depth_edges(
    depth: ArrayLike,
    *,
    width: float,
    step: float = 1.0,
    order: Literal["near-to-far", "far-to-near"] = "near-to-far",
) -> NDArray[np.bool_]:
    """Mask of the background beside depth edges, where the defocus of a nearer surface spreads its light.

    A depth edge lies where the depth jumps by more than `step` from one pixel to the next; a slope is none.
    The band are the pixels within `width` of the near side of such an edge that lie behind it by more than
    `step`.

    Parameters
    ----------
    depth : (Y, X) float
        Depth of the front-most surface, as a simulated burst gives it: the frame in which it is sharpest.
    width : float
        Width of the band in px, best the largest blur radius that the nearer surface has there.
    step : float
        Smallest jump that counts, in the unit of the depth.
    order : str
        Whether the depth grows with the distance ("near-to-far") or falls ("far-to-near").

    Examples
    --------
    Two layers, as masks from near to far, give a depth of 0 and 1:

    >>> near = np.zeros((9, 9), bool)
    >>> near[:, :4] = True
    >>> band = band_beside_depth_edges(np.argmax([near, ~near], axis=0), width=2, step=0.5)
    >>> band[0].astype(int)
    array([0, 0, 0, 0, 1, 1, 0, 0, 0])
    """
    distance = np.array(depth, np.float32)
    if order == "far-to-near":
        distance = -distance
    behind = cv2.dilate(distance, np.ones((3, 3), np.uint8))  # the farthest of the neighbours
    edge = np.where(behind - distance > step, distance, np.float32(np.inf))
    reach = int(np.floor(width))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    nearest = cv2.erode(edge, (y**2 + x**2 <= width**2).astype(np.uint8))  # the nearest edge within reach
    return np.asarray(distance - nearest > step)


def _pair(image: ArrayLike, truth: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    a, b = to_float(image), to_float(truth)
    if a.shape != b.shape:
        raise ValueError(
            f"a picture of shape {a.shape} cannot be compared with a truth of shape {b.shape}: cut both alike"
        )
    return a, b


def _checked_mask(mask: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    chosen = np.asarray(mask, bool)
    if chosen.shape != shape[:2]:
        raise ValueError(
            f"a mask of shape {chosen.shape} does not fit a picture of shape {shape}; {shape[:2]} is needed"
        )
    if not chosen.any():
        raise ValueError("the mask is empty: there is nothing to measure; choose at least one pixel")
    return chosen
