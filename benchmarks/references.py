"""Reference pictures: what the truth allows, and two weak baselines of the literature."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focusstack.arrays import Frames, frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.float32]  # (Y, X, C)

__all__ = ["best_single_frame", "hard_pick", "mean", "modulus_wavelet", "signed_laplacian"]

# Low-pass of the complex Daubechies wavelet with 6 taps (Lina and Mayrand 1995); sum sqrt(2)
HALF = np.array([-0.0662912607 - 0.0855816496j, 0.1104854346 - 0.0855816496j, 0.6629126074 + 0.1711632992j])
LOW = np.concatenate([HALF, HALF[::-1]])
HIGH = (-1) ** np.arange(6) * np.conj(LOW[::-1])
LEVELS = 6


def _each(frames: Frames) -> Iterator[Image]:
    return (frame(frames, i) for i in range(len(frames)))


def mean(frames: Frames) -> Image:
    """Plain mean of the frames."""
    return np.asarray(sum(_each(frames)) / np.float32(len(frames)))


def hard_pick(frames: Frames, depth: NDArray[np.float32]) -> Image:
    """At every pixel the frame nearest to the true depth."""
    nearest = np.clip(np.rint(depth), 0, len(frames) - 1)
    image = frame(frames, 0)
    for i, values in enumerate(_each(frames)):
        image[nearest == i] = values[nearest == i]
    return image


def best_single_frame(frames: Frames, truth: Image) -> Image:
    """At every pixel the frame whose colour is nearest to the truth: the ceiling of every method that only selects."""
    smallest = np.full(truth.shape[:2], np.inf, np.float32)
    image = np.empty_like(truth)
    for values in _each(frames):
        error = np.sum((values - truth) ** 2, axis=2)
        better = error < smallest
        smallest[better], image[better] = error[better], values[better]
    return image


def signed_laplacian(frames: Frames) -> Image:
    """At every pixel the frame with the largest SIGNED 5x5 Laplacian of the smoothed grey.

    The baseline "Laplace" of [1]_. No absolute value and no smoothing of the decision: weak by construction.

    References
    ----------
    .. [1] A. Araujo, J. Ponce, J. Mairal, "Towards Real-World Focus Stacking with Deep Learning", arXiv 2311.17846.
    """
    largest: NDArray[np.float32] | None = None
    image = frame(frames, 0)
    for values in _each(frames):
        smooth = cv2.GaussianBlur(values.mean(axis=2), (5, 5), 0)
        response = cv2.Laplacian(smooth, cv2.CV_32F, ksize=5)
        if largest is None:
            largest = response
        better = response > largest
        largest[better], image[better] = response[better], values[better]
    return image


def modulus_wavelet(frames: Frames) -> Image:
    """Complex wavelets with the largest modulus, for each channel by itself.

    The baseline "Wavelets" of [1]_. Six levels, six taps, the low-pass band by largest modulus too, no consistency
    checks, no reassignment.

    References
    ----------
    .. [1] A. Araujo, J. Ponce, J. Mairal, "Towards Real-World Focus Stacking with Deep Learning", arXiv 2311.17846.
    """
    height, width = frames.shape[1:3]
    pad = [(0, -side % 2**LEVELS) for side in (height, width)] + [(0, 0)]
    best: NDArray[np.complex128] | None = None
    for values in _each(frames):
        bands = np.pad(values, pad, "reflect").astype(np.complex128)
        for level in range(LEVELS):
            part = tuple(slice(side >> level) for side in bands.shape[:2])
            bands[part] = _analysis(_analysis(bands[part], 0), 1)
        best = bands if best is None else np.where(np.abs(bands) > np.abs(best), bands, best)
    assert best is not None
    for level in reversed(range(LEVELS)):
        part = tuple(slice(side >> level) for side in best.shape[:2])
        best[part] = _synthesis(_synthesis(best[part], 1), 0)
    return best.real[:height, :width].astype(np.float32)


def _analysis(x: NDArray[np.complex128], axis: int) -> NDArray[np.complex128]:
    """Low-pass half, then high-pass half, along one axis; periodic."""
    x = np.moveaxis(x, axis, 0)
    shifted = [np.roll(x, 3 - j, axis=0)[::2] for j in range(6)]
    low = sum(h * s for h, s in zip(LOW, shifted, strict=True))
    high = sum(g * s for g, s in zip(HIGH, shifted, strict=True))
    return np.moveaxis(np.concatenate([low, high]), 0, axis)


def _synthesis(bands: NDArray[np.complex128], axis: int) -> NDArray[np.complex128]:
    bands = np.moveaxis(bands, axis, 0)
    half = bands.shape[0] // 2
    x = np.zeros_like(bands)
    for j in range(6):
        spread = np.zeros_like(bands)
        spread[::2] = np.conj(LOW[j]) * bands[:half] + np.conj(HIGH[j]) * bands[half:]
        x += np.roll(spread, j - 3, axis=0)
    return np.moveaxis(x, 0, axis)
