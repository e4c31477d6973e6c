"""Depths that were picked from a few become those of the surface around."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["calmed"]


FEWEST = 4  # pixels of one depth, within reach, that make a surface


def calmed(depth: Plane, moved: NDArray[np.bool_], before: Plane, reach: int, close: float) -> Plane:
    """Depth (Y, X), where `moved` the mean of the depths within `reach` px that are at most `close` off.

    Those that were moved count as well, but a tenth: their depth is one of a few. Where less than four pixels have such
    a depth, it is a speck: the depth is what it was `before`.
    """
    out = np.empty_like(depth)
    over_rows(_calm, len(depth), depth, moved, before, reach, np.float32(close), out)
    return out


@njit(cache=True, nogil=True, fastmath=True)
def _calm(depth, moved, before, reach, close, out, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    height, width = depth.shape
    for y in range(start, stop):
        for x in range(width):
            aim = depth[y, x]
            out[y, x] = aim
            if not moved[y, x]:
                continue
            total, weight, count = np.float32(0), np.float32(0), 0
            for row in range(max(0, y - reach), min(height, y + reach + 1)):
                for column in range(max(0, x - reach), min(width, x + reach + 1)):
                    if abs(depth[row, column] - aim) <= close:
                        w = np.float32(0.1) if moved[row, column] else np.float32(1)
                        total += w * depth[row, column]
                        weight += w
                        count += 1
            out[y, x] = total / weight if count >= FEWEST else before[y, x]
