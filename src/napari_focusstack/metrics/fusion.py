"""Fusion quality without a truth: how much of the source frames a fused picture has kept.

With many blurred source frames all of these reward averaging: where a truth is known, use PSNR against it, or
pass the truth twice as the sources. Colour is turned to grey by the luma weights of Rec. 601; for more than
two sources the generalisation is our own choice and is given at each function.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

import cv2
import numpy as np

from ..arrays import to_float
from .pictures import gauss_valid, ssim_terms

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Grey = NDArray[np.float64]  # (Y, X)

__all__ = ["q_abf", "q_mi", "q_y", "qcv_chen_varshney"]


def q_mi(image: ArrayLike, sources: Iterable[ArrayLike]) -> float:
    """Normalised mutual information Q_MI of a fused picture with its sources, 0 to 2; 2 for equal pictures.

    Grey values are stretched to 0..255 and rounded, histograms have 256 bins, logarithms base 2. With H the
    entropy and MI(A, F) = H(A) + H(F) - H(A, F), Q_MI = 2 [MI(A, F) / (H(A) + H(F)) + MI(B, F) / (H(B) +
    H(F))] (Hossny et al. 2008 [1]_); for N sources 4/N times the sum over the sources, which is the same for
    N = 2.

    Parameters
    ----------
    image : (Y, X) or (Y, X, C)
        The fused picture.
    sources : iterable of (Y, X) or (Y, X, C)
        The frames that it was fused from, read one at a time.

    References
    ----------
    .. [1] M. Hossny, S. Nahavandi, D. Creighton, "Comments on 'Information measure for performance of image
       fusion'", Electronics Letters 44(18), 2008.
    """
    fused = _stretched(_grey(image)).astype(np.intp)
    shares = []
    for source in _checked(image, sources):
        grey = _stretched(source).astype(np.intp)
        joint = np.bincount((grey * 256 + fused).ravel(), minlength=256 * 256).reshape(256, 256) / grey.size
        both = _entropy(joint.sum(axis=0)) + _entropy(joint.sum(axis=1))
        shares.append((both - _entropy(joint)) / both if both > 0 else 0.5)  # two plain pictures tell all of each other
    return 4 * float(np.mean(shares))


class _Sigmoids(NamedTuple):
    """Perceptual loss curves of Q_AB/F: height, slope and threshold, for edge strength and orientation."""

    strength: tuple[float, float, float]
    orientation: tuple[float, float, float]


_SIGMOIDS = {
    "original": _Sigmoids((0.9994, -15, 0.5), (0.9879, -22, 0.8)),
    "toolbox": _Sigmoids((1, -10, 0.5), (1, -20, 0.75)),
}


def q_abf(
    image: ArrayLike, sources: Iterable[ArrayLike], *, variant: Literal["original", "toolbox"] = "original"
) -> float:
    """Edge transfer Q_AB/F of Xydeas and Petrovic 2000 [1]_, 0 to below 1: how well edges were kept.

    Each edge counts with its strength in the source. "original" has the constants of the paper and the ratio
    of sums over the picture (0.9748 for equal pictures); "toolbox" has those of the widely used MATLAB fusion
    toolbox and the mean of the ratio at each pixel (0.98666). For N sources the sums run over all of them.

    Parameters
    ----------
    image : (Y, X) or (Y, X, C)
        The fused picture.
    sources : iterable of (Y, X) or (Y, X, C)
        The frames that it was fused from, read one at a time.
    variant : str
        "original" or "toolbox".

    Raises
    ------
    ValueError
        If the variant is unknown, there are no sources or their size differs.

    References
    ----------
    .. [1] C. S. Xydeas, V. Petrovic, "Objective image fusion performance measure", Electronics Letters 36(4),
       2000.
    """
    if variant not in _SIGMOIDS:
        raise ValueError(f"unknown variant {variant!r} of Q_AB/F; choices: {', '.join(_SIGMOIDS)}")
    curves = _SIGMOIDS[variant]
    strength_f, angle_f = _edges(_grey(image))
    kept, weight = np.zeros_like(strength_f), np.zeros_like(strength_f)
    for source in _checked(image, sources):
        strength, angle = _edges(source)
        larger = np.maximum(strength, strength_f)
        ratio = np.divide(np.minimum(strength, strength_f), larger, out=np.zeros_like(larger), where=larger > 0)
        turn = np.abs(np.abs(angle - angle_f) - np.pi / 2) * (2 / np.pi)
        kept += _sigmoid(ratio, curves.strength) * _sigmoid(turn, curves.orientation) * strength
        weight += strength
    edges = weight > 0
    if not edges.any():
        raise ValueError("the sources have no edges at all: Q_AB/F is not defined for plain pictures")
    if variant == "original":
        return float(kept.sum() / weight.sum())
    return float(np.mean(kept[edges] / weight[edges]))


def q_y(image: ArrayLike, sources: Sequence[ArrayLike]) -> float:
    """Structural similarity Q_Y of Yang et al. 2008 [1]_, up to 1.

    The similarity to both sources where they agree, to the better one where they do not.

    Gaussian windows of 7 taps and sigma 1.5, valid positions, grey values on 0..255, constants 2e-16, the
    threshold of agreement 0.75. For N sources the mean over the pairs of neighbours.

    Parameters
    ----------
    image : (Y, X) or (Y, X, C)
        The fused picture.
    sources : sequence of (Y, X) or (Y, X, C)
        At least two frames that it was fused from.

    References
    ----------
    .. [1] C. Yang, J. Zhang, X. Wang, X. Liu, "A novel similarity based quality metric for image fusion",
       Information Fusion 9(2), 2008, eq. 9.
    """
    if len(sources) < 2:
        raise ValueError(f"Q_Y compares pairs of sources; {len(sources)} given, at least 2 are needed")
    fused = _grey(image)
    return float(np.mean([_q_y_of_pair(fused, a, b) for a, b in pairwise(_checked(image, sources))]))


def _q_y_of_pair(fused: Grey, a: Grey, b: Grey) -> float:
    var_a, var_b = (np.maximum(gauss_valid(s * s, 7) - gauss_valid(s, 7) ** 2, 0) for s in (a, b))
    total = var_a + var_b
    share = np.divide(var_a, total, out=np.full_like(total, 0.5), where=total > 1e-6)
    with_a, with_b = _plain_ssim(a, fused), _plain_ssim(b, fused)
    mixed = share * with_a + (1 - share) * with_b
    return float(np.mean(np.where(_plain_ssim(a, b) >= 0.75, mixed, np.maximum(with_a, with_b))))


def _plain_ssim(a: Grey, b: Grey) -> Grey:
    """SSIM without stabilising constants; 1 where both windows are flat and equal."""
    luminance, structure = ssim_terms(a, b, 7, 2e-16, 2e-16)
    mean_a, mean_b = gauss_valid(a, 7), gauss_valid(b, 7)
    flat = (gauss_valid(a * a, 7) - mean_a**2 < 1e-6) & (gauss_valid(b * b, 7) - mean_b**2 < 1e-6)
    return np.where(flat & (np.abs(mean_a - mean_b) < 1e-6), 1.0, luminance * structure)


def qcv_chen_varshney(image: ArrayLike, sources: Iterable[ArrayLike]) -> float:
    """Perceptual difference Q_CV of Chen and Varshney 2007 [1]_; LOWER is better, 0 for equal pictures.

    Grey values stretched to 0..255 and rounded; differences to each source, filtered by the contrast
    sensitivity of the eye (Mannos and Sakrison), are averaged over blocks of 16 x 16 px, weighted with the
    block's saliency (sum of the Sobel magnitude to the power 5). Incomplete blocks are dropped. For N sources
    the sums run over all of them. Not to be confused with a classifier's probability that the literature on
    diffusion elimination calls Q^CV.

    Parameters
    ----------
    image : (Y, X) or (Y, X, C)
        The fused picture, at least 16 x 16.
    sources : iterable of (Y, X) or (Y, X, C)
        The frames that it was fused from, read one at a time.

    References
    ----------
    .. [1] H. Chen, P. K. Varshney, "A human perception inspired quality metric for image fusion based on
       regional information", Information Fusion 8(2), 2007.
    """
    fused = _stretched(_grey(image))
    if min(fused.shape) < 16:
        raise ValueError(
            f"pictures of {fused.shape[1]} x {fused.shape[0]} px are too small for Q_CV; 16 x 16 is needed"
        )
    height, width = fused.shape
    v, u = np.fft.fftfreq(height) * 2 * height / 8, np.fft.rfftfreq(width) * 2 * width / 8
    r = 0.144 * np.hypot(v[:, None], u[None])
    sensitivity = 2.6 * (0.0192 + r) * np.exp(-(r**1.1))
    difference, weight = 0.0, 0.0
    for source in _checked(image, sources):
        grey = _stretched(source)
        seen = np.fft.irfft2(np.fft.rfft2(grey - fused) * sensitivity, s=fused.shape)
        saliency = _block_means(_edges(grey)[0] ** 5)
        difference += float(np.sum(saliency * _block_means(seen**2)))
        weight += float(np.sum(saliency))
    return difference / weight if weight > 0 else 0.0


def _grey(image: ArrayLike) -> Grey:
    """Luma on 0..255, (Y, X)."""
    values = to_float(image)
    if values.ndim == 3:
        channels = values.shape[2]
        weights = [0.299, 0.587, 0.114] if channels == 3 else [1 / channels] * channels
        values = values @ np.array(weights, np.float32)
    return values.astype(np.float64) * 255


def _checked(image: ArrayLike, sources: Iterable[ArrayLike]) -> Iterable[Grey]:
    """Yield the grey sources one at a time; raise where there are none or one has another size."""
    size = np.shape(image)[:2]
    count = 0
    for count, source in enumerate(sources, 1):
        if np.shape(source)[:2] != size:
            raise ValueError(
                f"source {count - 1} has {np.shape(source)[:2]} px, the fused picture {size}: cut both alike"
            )
        yield _grey(source)
    if count == 0:
        raise ValueError("no sources given; pass the frames that the picture was fused from")


def _stretched(grey: Grey) -> Grey:
    low, high = grey.min(), grey.max()
    return np.rint((grey - low) * (255 / (high - low))) if high > low else np.zeros_like(grey)


def _entropy(probabilities: NDArray[np.float64]) -> float:
    p = probabilities[probabilities > 0]
    return float(-np.sum(p * np.log2(p)))


def _edges(grey: Grey) -> tuple[Grey, Grey]:
    """Strength and orientation (-pi/2 to pi/2) of the Sobel gradient."""
    gx = cv2.Sobel(grey, cv2.CV_64F, 1, 0)
    gy = cv2.Sobel(grey, cv2.CV_64F, 0, 1)
    return np.hypot(gx, gy), np.arctan(gy / np.where(gx == 0, 1e-5, gx))


def _sigmoid(x: Grey, curve: tuple[float, float, float]) -> Grey:
    height, slope, threshold = curve
    return height / (1 + np.exp(slope * (x - threshold)))


def _block_means(values: Grey) -> Grey:
    height, width = (side // 16 * 16 for side in values.shape)
    blocks = values[:height, :width].reshape(height // 16, 16, width // 16, 16)
    return np.asarray(blocks.mean(axis=(1, 3)))
