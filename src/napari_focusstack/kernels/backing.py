"""How much of its surroundings agrees with every depth of a map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from .grids import enlarged
from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["backing"]

GRID = 2  # px of the map in one of the grid that is looked at
SPREAD = np.float32(3)  # σ by which depths of one surface may differ
STEP = np.float32(0.1)  # units of depth by which they always may


def backing(index: Plane, sigma: Plane, known: NDArray[np.bool_], reach: int) -> Plane:
    """Share, 0 to 1, of the pixels within `reach` px of each, that are known and of the same depth.

    The same is what differs by less than 3 (σ₁² + σ₂²)^½, or by less than 0.1.
    """
    small = np.zeros((-(-index.shape[0] // GRID), -(-index.shape[1] // GRID)), np.float32)
    parts = (plane[::GRID, ::GRID] for plane in (index, sigma, known))
    over_rows(_count, len(small), *parts, reach // GRID, small)
    out = np.empty_like(index)

    def rows(start: int, stop: int) -> None:
        out[start:stop] = enlarged(small, GRID, start, stop, index.shape[1])

    over_rows(rows, len(index), align=GRID)
    return out


@njit(cache=True, nogil=True, fastmath=True)
def _count(index, sigma, known, reach, share, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    height, width = index.shape
    for y in range(start, stop):
        for x in range(width):
            if not known[y, x]:
                continue
            here, variance = index[y, x], sigma[y, x] ** 2
            same = total = 0
            for row in range(max(0, y - reach), min(height, y + reach + 1)):
                for column in range(max(0, x - reach), min(width, x + reach + 1)):
                    apart = index[row, column] - here
                    limit = max(SPREAD * SPREAD * (variance + sigma[row, column] ** 2), STEP * STEP)
                    same += known[row, column] and apart * apart < limit
                    total += 1
            share[y, x] = same / total
