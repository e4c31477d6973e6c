"""The noise of a burst, as a pyramid's details show it: one frame in, variance over brightness out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Samples = list[NDArray[np.float32]]  # one array (M,) for each level, from fine to coarse

__all__ = ["Noise", "noise_of"]

SIDE, COUNT = 256, 4  # px of a side, and number along a side, of the windows that are looked at
MEASURED = 3  # levels whose answer to white noise is measured; from there on it halves from level to level
QUIETEST = 0.1  # share of the places that are taken for plain: they show the noise and nothing else
BINS = 8  # of brightness
LOWER = 0.3  # quantile of the bins that the variance is fitted to: texture in some of them shall not lift it
CORRELATED = 4.0  # times stronger than white, at most, may noise be in coarser levels
ROUNDING = math.sqrt(1 / 12)  # standard deviation of rounding to integers
TINY = 1e-10  # of a black float image
FLOAT_ROUNDING = 1e-6  # the same for floats, relative to the greatest value


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise of one frame, in stored values, and the sharpness that it has in a pyramid.

    Sensors have such noise: shot noise grows with the light, read noise does not.

    Attributes
    ----------
    offset, slope : float
        Its variance is offset + slope · brightness.
    mean, deviation : tuple of float
        Of the sharpness of noise of variance 1, per level.
    """

    offset: float
    slope: float
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


def noise_of(image: NDArray[Any], kernels: Any, levels: int, smoothing: float, channel: int) -> Noise:
    """Noise of a frame, from its quietest places.

    Parameters
    ----------
    image : ndarray
        (Y, X, C) as stored.
    kernels : module
        The pyramid's kernels: sharpness is measured as they measure it.
    levels : int
        How many levels to tell of.
    smoothing, channel
        As in `fuse_pyramid`.

    Notes
    -----
    Robust by low quantiles: the first frame of a sweep is blurred nearly everywhere, and a tenth of any frame shows
    little but noise. Where texture covers all, noise is overestimated, by no more than the weakest texture there is.
    Noise that neighbouring pixels share (interpolation, JPEG) is stronger in coarse levels than white noise of the
    same strength in the finest; the second level tells how much.
    """
    measured = min(levels, MEASURED)
    white = np.random.default_rng(0).standard_normal((SIDE, SIDE, image.shape[2]), np.float32)
    answers, _ = _sharpness(white, kernels, measured, smoothing, channel)
    quiet = [float(np.quantile(answer, QUIETEST)) for answer in answers]
    sharpness, light = _sharpness(image, kernels, min(levels, 2), smoothing, channel)
    peak = float(np.abs(image[:: max(1, len(image) // SIDE)]).max())
    least = ROUNDING if image.dtype.kind in "ui" else FLOAT_ROUNDING * peak + TINY
    offset, slope = _variance(sharpness[0] / quiet[0], light[0], least)
    excess = [1.0] * levels
    if len(sharpness) > 1:
        amplitude = sharpness[1] / quiet[1] / np.sqrt(offset + slope * np.maximum(light[1], 0))
        excess[1:] = [float(np.clip(np.quantile(amplitude, QUIETEST), 1, CORRELATED))] * (levels - 1)
    halved = [0.5 ** max(0, at - measured + 1) * excess[at] for at in range(levels)]
    mean, deviation = (
        tuple(float(of(answers[min(at, measured - 1)])) * halved[at] for at in range(levels))
        for of in (np.mean, np.std)
    )
    return Noise(offset, slope, mean, deviation)


def _sharpness(
    image: NDArray[Any], kernels: Any, levels: int, smoothing: float, channel: int
) -> tuple[Samples, Samples]:
    """Sharpness in stored values, and brightness, of blocks in windows of an image, for each level."""
    sharpness: list[Samples] = [[] for _ in range(levels)]
    light: list[Samples] = [[] for _ in range(levels)]
    for rows, columns in _windows(*image.shape[:2]):
        state = kernels.pyramid(*image[rows, columns].shape, levels)
        kernels.merge(state, image[rows, columns], 0, (1.0, 0.0), [(smoothing, 1.0, 0.0, 0.0)] * levels, channel)
        for at, (best, brightness) in enumerate(kernels.samples(state, channel)):
            sharpness[at].append(best.ravel())
            light[at].append(brightness.ravel())
    return [np.concatenate(parts) for parts in sharpness], [np.concatenate(parts) for parts in light]


def _windows(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    tops, lefts = (
        np.linspace(0, max(length - SIDE, 0), min(COUNT, -(-length // SIDE))).astype(int) for length in (height, width)
    )
    for top in tops:
        for left in lefts:
            yield slice(top, top + SIDE), slice(left, left + SIDE)


def _variance(deviation: NDArray[np.float32], light: NDArray[np.float32], least: float) -> tuple[float, float]:
    """Offset and slope of the variance over the brightness, along the lower edge of the samples.

    Samples below `least` are no noise, but clipped to black or white.
    """
    heard = deviation > least
    deviation, light = deviation[heard], light[heard]
    points = [
        (float(np.median(light[part])), float(np.quantile(deviation[part], QUIETEST)) ** 2)
        for part in np.array_split(np.argsort(light, kind="stable"), BINS)
        if part.size
    ]
    lines = [(least**2, 0.0), *((variance, 0.0) for _, variance in points)]
    for (x0, v0), (x1, v1) in combinations(points, 2):
        slope = (v1 - v0) / (x1 - x0) if x1 > x0 else 0.0
        if slope > 0 and v0 >= slope * x0:
            lines.append((v0 - slope * x0, slope))

    def misfit(line: tuple[float, float]) -> float:
        excess = [math.log(seen / max(line[0] + line[1] * max(x, 0), least**2)) for x, seen in points]
        return sum(LOWER * value if value > 0 else (LOWER - 1) * value for value in excess)

    offset, slope = min(lines, key=misfit)
    return max(offset, least**2), slope
