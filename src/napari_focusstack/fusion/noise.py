"""The noise of a burst, as a pyramid's details show it: one frame in, variance over brightness out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import unit
from ..kernels import load
from ..progress import track

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Samples = list[NDArray[np.float32]]  # one array (T, M) for each level, from fine to coarse: M blocks of T tiles

__all__ = ["Noise", "noise_of", "silent", "variances_of"]

SMOOTHING = 1.5  # as `fuse_pyramid` has it
SIDE, COUNT = 256, 4  # px of a side, and number along a side, of the windows that are looked at
TILE = 8  # blocks of a side of the tiles of which it is asked whether they are plain
MEASURED = 3  # levels whose answer to white noise is measured; from there on it halves from level to level
QUIETEST = 0.1  # share of the places that are taken for plain: they show the noise and nothing else
BINS = 8  # of brightness
CORRELATED = (
    1.8  # times stronger than white, at most, is noise in coarser levels: after colour interpolation, JPEG, warping
)
UNEVEN = 2.0  # times the deviation of white noise, at most, is that of noise that channels or pixels share
ROUNDING = math.sqrt(1 / 12)  # standard deviation of rounding to integers
FLOAT_ROUNDING = 1e-6  # the same for floats, relative to the greatest value
TINY = 1e-10  # of a black float image


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


def silent(levels: int) -> Noise:
    """No noise: every detail counts as it is."""
    return Noise(1.0, 0.0, (0.0,) * levels, (0.0,) * levels)


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
    little but noise. White noise falls to a quarter from the first level to the second, noise that neighbouring
    pixels share (colour interpolation, JPEG, warping) to half at most; texture does not. So the fall tells how much
    of what looks like noise is texture.
    """
    white = np.random.default_rng(0).standard_normal((SIDE, SIDE, image.shape[2]), np.float32)
    answers, _ = _sharpness(white, kernels, min(levels, MEASURED), smoothing, channel)
    sharpness, light = _sharpness(image, kernels, min(levels, 2), smoothing, channel)
    least = ROUNDING if image.dtype.kind in "ui" else FLOAT_ROUNDING * float(np.abs(light[0]).max()) + TINY
    offset, slope = _variance(sharpness[0] / _quiet(answers[0]), light[0], least)
    for at, brightness in enumerate(light):  # from here on in units of the noise
        sharpness[at] /= np.sqrt(offset + slope * np.maximum(brightness, 0)).astype(np.float32)
    excess = 1.0
    if levels > 1:
        fall = _quiet(sharpness[1]) / _quiet(answers[0])
        fall_of_white = _quiet(answers[1]) / _quiet(answers[0])
        noise = float(np.clip((1 - fall**2) / (1 - (CORRELATED * fall_of_white) ** 2), 0, 1))  # the rest is texture
        offset, slope = max(offset * noise, least**2), slope * noise
        excess = float(np.clip(fall / fall_of_white, 1, CORRELATED))
    uneven = float(np.clip(_unevenness(sharpness[0]) / _unevenness(answers[0]), 1, UNEVEN))
    scales = [0.5 ** max(0, at - MEASURED + 1) * (excess if at else 1) for at in range(levels)]
    known = [answers[min(at, len(answers) - 1)] for at in range(levels)]
    mean = tuple(scale * float(answer.mean()) for scale, answer in zip(scales, known, strict=True))
    deviation = tuple(scale * uneven * float(answer.std()) for scale, answer in zip(scales, known, strict=True))
    return Noise(offset, slope, mean, deviation)


def variances_of(image: NDArray[Any]) -> NDArray[np.float64]:
    """Slope and offset (C, 2) of the variance of a frame's noise over its brightness, in the scale of `to_float`.

    Parameters
    ----------
    image : (Y, X, C) ndarray
        As stored. Each channel is looked at by itself.
    """
    kernels, white, found = load("pyramid", "cpu"), unit(image.dtype), []
    for channel in track(range(image.shape[2])):
        known = noise_of(image[..., channel : channel + 1], kernels, 2, SMOOTHING, -1)
        found.append((known.slope / white, known.offset / white**2))
    return np.array(found)


def _quiet(sharpness: NDArray[np.float32]) -> float:
    return float(np.quantile(sharpness, QUIETEST))


def _unevenness(sharpness: NDArray[np.float32]) -> float:
    """Relative deviation of the sharpness within plain tiles; 0 where all are empty."""
    mean = sharpness.mean(axis=1)
    plain = (mean <= np.quantile(mean, 2 * QUIETEST)) & (mean > 0)
    return float(np.median(sharpness[plain].std(axis=1) / mean[plain])) if plain.any() else 0.0


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
            sharpness[at].append(_tiles(best))
            light[at].append(_tiles(brightness))
    return [np.concatenate(parts) for parts in sharpness], [np.concatenate(parts) for parts in light]


def _tiles(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Blocks (Y, X) as tiles (T, M); one tile where there is no room for more. What is not finite counts as 0."""
    high, wide = (max(1, size // TILE) for size in blocks.shape)
    tall, broad = (min(TILE, size) for size in blocks.shape)
    whole = np.nan_to_num(blocks[: high * tall, : wide * broad], nan=0, posinf=0, neginf=0)
    return whole.reshape(high, tall, wide, broad).swapaxes(1, 2).reshape(high * wide, tall * broad)


def _windows(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    tops, lefts = (
        np.linspace(0, max(length - SIDE, 0), min(COUNT, -(-length // SIDE))).astype(int) for length in (height, width)
    )
    for top in tops:
        for left in lefts:
            yield slice(top, top + SIDE), slice(left, left + SIDE)


def _variance(deviation: NDArray[np.float32], light: NDArray[np.float32], least: float) -> tuple[float, float]:
    """Offset and slope of the variance over the brightness: through the lower edge of the samples, by least deviation.

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
        return sum(abs(value) for value in excess)

    offset, slope = min(lines, key=misfit)
    return max(offset, least**2), slope
