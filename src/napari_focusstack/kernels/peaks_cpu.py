"""Where the focus measure peaks along a burst, on the CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from ..focus import FOCUS_MEASURES, PRE_BLUR, grey, smoothed
from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Peaks", "found", "observe", "peaks", "sampled"]


@dataclass(slots=True)
class Peaks:
    """Running peak of the focus measure; 26 bytes a pixel.

    `best` is the largest measure so far, met in frame `index`; `before` and `after` are those of its neighbours,
    `last` is the newest frame's, `total` the sum over all; `picture` is the grey of the best frame.
    """

    best: Any
    before: Any
    after: Any
    last: Any
    total: Any
    picture: Any
    index: Any


def peaks(height: int, width: int) -> Peaks:
    """Peaks before the first frame."""
    best = np.full((height, width), -1, np.float32)  # so that the first frame wins even where its measure is 0
    before, after, last, total, picture = (np.zeros((height, width), np.float32) for _ in range(5))
    return Peaks(best, before, after, last, total, picture, np.zeros((height, width), np.uint16))


def observe(state: Peaks, image: NDArray[Any], k: int, measure: str, radius: float, channel: int) -> None:
    """Take frame `k`, (Y, X, C) as stored, into the peaks. Frames must come in order."""
    over_rows(_observe_rows, len(image), state, image, k, measure, radius, channel)


def _observe_rows(
    state: Peaks, image: NDArray[Any], k: int, measure: str, radius: float, channel: int, start: int, stop: int
) -> None:
    halo = int(4 * (radius + PRE_BLUR)) + 4
    top = max(0, start - halo)
    light = grey(image[top : stop + halo], channel)
    sharpness = smoothed(FOCUS_MEASURES[measure](smoothed(light, PRE_BLUR)), radius)
    inner = slice(start - top, stop - top)
    rows = slice(start, stop)
    _take(
        sharpness[inner], light[inner], k, state.best[rows], state.before[rows], state.after[rows],
        state.last[rows], state.total[rows], state.picture[rows], state.index[rows],
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _take(new, light, k, best, before, after, last, total, picture, index):  # type: ignore[no-untyped-def]  # pragma: no cover
    for y in range(new.shape[0]):
        for x in range(new.shape[1]):
            value = new[y, x]
            if value > best[y, x]:
                best[y, x] = value
                before[y, x] = last[y, x]
                after[y, x] = 0
                picture[y, x] = light[y, x]
                index[y, x] = k
            elif index[y, x] + 1 == k:
                after[y, x] = value
            last[y, x] = value
            total[y, x] += value


def sampled(state: Peaks, step: int) -> NDArray[np.float32]:
    """Measures of the newest frame at every so many-th row and column."""
    return state.last[::step, ::step]  # type: ignore[no-any-return]


def found(state: Peaks) -> Peaks:
    """Peaks as numpy arrays."""
    return state
