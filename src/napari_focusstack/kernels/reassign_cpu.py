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


@dataclass(slots=True)
class Nearest:
    """Weighted sum of the frames, (Y, X, C), their weights and the smallest squared difference so far, (Y, X)."""

    total: Any
    weight: Any
    smallest: Any


def nearest(height: int, width: int, channels: int) -> Nearest:
    """Sums before the first frame."""
    total, weight = np.zeros((height, width, channels), np.float32), np.zeros((height, width), np.float32)
    return Nearest(total, weight, np.full_like(weight, np.inf))


def compare(state: Nearest, image: NDArray[Any], wanted: Plane, tolerance: float, channel: int) -> None:
    """Take a frame, (Y, X, C) as stored, by how near its grey is to the `wanted` one, (Y, X), around each pixel.

    Its weight is 1 / (d² + tolerance²)^4, d² being the mean squared difference: in effect the nearest frame alone, or
    the mean of those that are nearly as near or differ by less than the tolerance.
    """
    over_rows(_compare_rows, len(image), state, image, wanted, tolerance, channel)


def assigned(state: Nearest) -> NDArray[np.float32]:
    """Image, (Y, X, C)."""
    over_rows(_mean_rows, len(state.total), state)
    return state.total  # type: ignore[no-any-return]


def _compare_rows(
    state: Nearest, image: NDArray[Any], wanted: Plane, tolerance: float, channel: int, start: int, stop: int
) -> None:
    halo = int(4 * NEIGHBOURHOOD) + 2
    top = max(0, start - halo)
    reach, rows = slice(top, stop + halo), slice(start, stop)
    gap = grey(image[reach], channel) - wanted[reach]
    square = smoothed(gap * gap, NEIGHBOURHOOD)[start - top : stop - top]
    square += np.float32(tolerance**2 + 1e-20)
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
