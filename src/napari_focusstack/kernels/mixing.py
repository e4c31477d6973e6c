"""Grey of a frame whose stored values stand for others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["mixed"]


def mixed(image: NDArray[Any], table: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the channels, (Y, X) float32, of what `table` (C, V) has for the stored values 0 to V - 1 of each.

    Parameters
    ----------
    image : (Y, X, C) uint8 or uint16
        Stored values.
    table : (C, V) float32
        What takes their place.
    """
    out = np.empty(image.shape[:2], np.float32)
    over_rows(_mix_rows, len(image), np.ascontiguousarray(image), table / np.float32(len(table)), out)
    return out


@njit(cache=True, nogil=True)
def _mix_rows(image, table, out, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    for y in range(start, stop):
        for x in range(image.shape[1]):
            total = np.float32(0)
            for c in range(image.shape[2]):
                total += table[c, image[y, x, c]]
            out[y, x] = total
