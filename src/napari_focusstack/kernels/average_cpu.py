"""Running average of frames, weighted by their sharpness, on the CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from ..arrays import to_float
from ..focus import FOCUS_MEASURES, PRE_BLUR, grey, smoothed
from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["Average", "add", "average", "found", "sampled"]

SAMPLED = 8  # px between pixels that stand for all of them
LEAST = 1e-12  # a focus measure that is nothing but rounding


@dataclass(slots=True)
class Average:
    """Running weighted average; 4 C + 14 bytes a pixel.

    `mean` (Y, X, C) is the average so far, `best` (Y, X) the largest measure so far, met in frame `index`, `weight`
    the sum of the weights relative to the best frame's, `last` the newest frame's measure at some of the pixels.
    """

    mean: Any
    best: Any
    weight: Any
    index: Any
    last: Any


def average(height: int, width: int, channels: int) -> Average:
    """Average before the first frame."""
    return Average(
        mean=np.zeros((height, width, channels), np.float32),
        best=np.full((height, width), -1, np.float32),  # so that the first frame wins even where its measure is 0
        weight=np.zeros((height, width), np.float32),
        index=np.zeros((height, width), np.uint16),
        last=np.zeros((-(-height // SAMPLED), -(-width // SAMPLED)), np.float32),
    )


def add(
    state: Average, image: NDArray[Any], k: int, measure: str, radius: float, exponent: float, channel: int
) -> None:
    """Add frame `k`, (Y, X, C) as stored, with its measure, smoothed by `radius` px, to the power of `exponent`."""
    over_rows(_add_rows, len(image), state, image, k, measure, radius, exponent, channel, align=SAMPLED)


def _add_rows(
    state: Average, image: NDArray[Any], k: int, measure: str, radius: float, exponent: float, channel: int,
    start: int, stop: int,
) -> None:  # fmt: skip
    halo = int(4 * (radius + PRE_BLUR)) + 4
    top = max(0, start - halo)
    light = grey(image[top : stop + halo], channel)
    sharpness = smoothed(FOCUS_MEASURES[measure](smoothed(light, PRE_BLUR)), radius)[start - top : stop - top]
    sharpness = np.maximum(sharpness, np.float32(LEAST))
    state.last[start // SAMPLED : -(-stop // SAMPLED)] = sharpness[::SAMPLED, ::SAMPLED]
    rows = slice(start, stop)
    best = state.best[rows]
    rises = sharpness > best
    ratio = np.where(rises, best / sharpness, sharpness / np.maximum(best, np.float32(LEAST)))
    fading = np.power(np.maximum(ratio, 0), np.float32(exponent))
    _blend(
        to_float(image[rows]), sharpness, rises, fading, k, state.mean[rows], best, state.weight[rows],
        state.index[rows],
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _blend(image, sharpness, rises, fading, k, mean, best, weight, index):  # type: ignore[no-untyped-def]  # pragma: no cover
    one = np.float32(1)
    for y in range(best.shape[0]):
        for x in range(best.shape[1]):
            own = one if rises[y, x] else fading[y, x]
            total = own + weight[y, x] * (fading[y, x] if rises[y, x] else one)
            weight[y, x] = total
            if rises[y, x]:
                best[y, x] = sharpness[y, x]
                index[y, x] = k
            share = own / total
            for c in range(image.shape[2]):
                mean[y, x, c] += share * (image[y, x, c] - mean[y, x, c])


def sampled(state: Average) -> Plane:
    """Measures of the newest frame at some of the pixels."""
    return state.last  # type: ignore[no-any-return]


def found(state: Average) -> Average:
    """Average as numpy arrays."""
    return state
