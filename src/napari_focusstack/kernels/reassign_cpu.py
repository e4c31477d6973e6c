"""Values of the frames that are nearest to a given grey, on the CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from ..arrays import to_float
from ..focus import grey, smoothed
from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["Nearest", "assigned", "compare", "nearest"]

NEIGHBOURHOOD = 2.0  # px, standard deviation: single pixels would find their grey in frames of any colour
LEAST_SQUARE = 1e-20  # of a difference: something to divide by


@dataclass(slots=True)
class Nearest:
    """Running weighted sum of the frames, (Y, X, C), and what their weights follow from.

    The wanted grey, (Y, X), with its tolerance, and the smallest squared difference from it so far.
    """

    wanted: Any
    tolerance: float
    total: Any
    weight: Any
    smallest: Any


def nearest(channels: int, wanted: Plane, tolerance: float) -> Nearest:
    """Sums before the first frame, for a `wanted` grey, (Y, X).

    A frame's weight is 1 / (d² + tolerance²)^4, d² being the mean squared difference of its grey around a pixel: in
    effect the nearest frame alone, or the mean of those that are nearly as near or differ by less than the tolerance.
    """
    total, weight = np.zeros((*wanted.shape, channels), np.float32), np.zeros(wanted.shape, np.float32)
    return Nearest(wanted, tolerance, total, weight, np.full_like(weight, np.inf))


def compare(state: Nearest, image: NDArray[Any], channel: int) -> None:
    """Take a frame, (Y, X, C) as stored, with the weight of its distance from the wanted grey."""
    over_rows(_compare_rows, len(image), state, image, channel)


def assigned(state: Nearest) -> NDArray[np.float32]:
    """Image, (Y, X, C)."""
    over_rows(_mean_rows, len(state.total), state)
    return state.total  # type: ignore[no-any-return]


def _compare_rows(state: Nearest, image: NDArray[Any], channel: int, start: int, stop: int) -> None:
    halo = int(4 * NEIGHBOURHOOD) + 2
    top = max(0, start - halo)
    reach, rows = slice(top, stop + halo), slice(start, stop)
    gap = grey(image[reach], channel) - state.wanted[reach]
    square = smoothed(gap * gap, NEIGHBOURHOOD)[start - top : stop - top]
    square += np.float32(state.tolerance**2 + LEAST_SQUARE)
    _take(to_float(image[rows]), square, state.total[rows], state.weight[rows], state.smallest[rows])


@njit(cache=True, nogil=True)
def _take(image, square, total, weight, smallest):  # type: ignore[no-untyped-def]  # pragma: no cover
    for y in range(square.shape[0]):
        for x in range(square.shape[1]):
            fade = share = np.float32(1)
            if square[y, x] < smallest[y, x]:  # nearer than all before: they are worth less from now on
                fade = (square[y, x] / smallest[y, x]) ** 4
                smallest[y, x] = square[y, x]
            else:
                share = (smallest[y, x] / square[y, x]) ** 4
            weight[y, x] = weight[y, x] * fade + share
            for c in range(image.shape[2]):
                total[y, x, c] = total[y, x, c] * fade + share * image[y, x, c]


def _mean_rows(state: Nearest, start: int, stop: int) -> None:
    state.total[start:stop] /= state.weight[start:stop, :, None]
