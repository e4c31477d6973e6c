"""Gaussian filters over position and colour at once, on the CPU: the permutohedral lattice.

Adams, Baek, Davis, "Fast high-dimensional filtering using the permutohedral lattice" (Eurographics 2010): values are
spread to the corners of the simplex that a pixel lies in, blurred there along each axis of the lattice, and read back.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["Lattice"]

COLORS = 3
AXES = 2 + COLORS  # x, y, red, green, blue
CORNERS = AXES + 1
BITS = 12  # of each coordinate of a corner: 5 of them fit into an integer
MIDDLE = 1 << (BITS - 1)
SCALES = np.array([math.sqrt(2 / 3) * CORNERS / math.sqrt((i + 1) * (i + 2)) for i in range(AXES)])
ONES = sum(1 << BITS * i for i in range(AXES))
STEPS = np.array([*(CORNERS * (1 << BITS * (AXES - 1 - i)) - ONES for i in range(AXES)), -ONES])  # to the next corner
EMPTY = -1
TINY = 1e-20
HASH = 0x9E3779B97F4A7C15 >> 1  # odd, and without a pattern


class Lattice:
    """Gaussian filter of planes, exp(-Δxy² / 2 - Δrgb² / 2), normalised symmetrically: D^-½ K D^-½ with D = K 1.

    Parameters
    ----------
    picture : (Y, X, 3) float32
        Colours, in standard deviations of the filter: from 0 to 60 at most.
    spread : float
        Standard deviation of the filter in px; the picture's sides are at most 60 of them.
    """

    def __init__(self, picture: NDArray[np.float32], spread: float) -> None:
        height, width = self.shape = picture.shape[:2]
        keys, self.weights = (np.empty((height * width, CORNERS), dtype) for dtype in (np.int64, np.float32))
        over_rows(_placed, height, picture, 1 / spread, keys, self.weights)
        vertices = np.unique(keys)
        table = np.full((2 ** math.ceil(math.log2(2 * len(vertices) + 1)), 2), EMPTY, np.int64)
        _fill(table, vertices)
        self.corners = np.empty(keys.shape, np.int32)
        over_rows(_found, len(keys), table, keys, self.corners)
        del keys
        self.neighbours = np.empty((len(STEPS), len(vertices), 2), np.int32)
        over_rows(_beside, len(vertices), table, vertices, self.neighbours)
        self.count = len(vertices)
        whole = self._filtered(np.ones(self.shape, np.float32))
        self.norm = np.asarray(1 / np.sqrt(np.maximum(whole, np.float32(TINY))), np.float32)

    def __call__(self, plane: Plane) -> Plane:
        """(Y, X) float32, filtered."""
        return self.norm * self._filtered(self.norm * plane)

    def _filtered(self, plane: Plane) -> Plane:
        values = np.zeros(self.count + 1, np.float32)  # the last one: of corners that are not there
        _splat(plane.ravel(), self.corners, self.weights, values)
        for neighbours in self.neighbours:
            values[:-1] += (values[neighbours[:, 0]] + values[neighbours[:, 1]]) / 2
        out = np.empty(len(self.corners), np.float32)
        over_rows(_slice, len(out), values, self.corners, self.weights, out)
        return out.reshape(self.shape)


@njit(cache=True, nogil=True)
def _placed(picture, step, keys, weights, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Corners, and their shares, of the simplices that the pixels of some rows lie in."""
    width = picture.shape[1]
    high, share = np.empty(CORNERS), np.empty(CORNERS + 1)
    base, rank = np.empty(CORNERS, np.int64), np.empty(CORNERS, np.int64)
    for y in range(start, stop):
        for x in range(width):
            total, off = 0.0, 0
            for i in range(AXES, 0, -1):
                feature = x * step if i == 1 else (y * step if i == 2 else picture[y, x, i - 3])
                part = feature * SCALES[i - 1]
                high[i] = total - i * part
                total += part
            high[0] = total
            for i in range(CORNERS):
                nearest = math.floor(high[i] / CORNERS + 0.5)
                base[i] = nearest * CORNERS
                off += nearest
                rank[i] = 0
            for i in range(AXES):
                for j in range(i + 1, CORNERS):
                    if high[i] - base[i] < high[j] - base[j]:
                        rank[i] += 1
                    else:
                        rank[j] += 1
            share[:] = 0
            for i in range(CORNERS):
                rank[i] += off
                if rank[i] < 0:
                    rank[i] += CORNERS
                    base[i] += CORNERS
                elif rank[i] > AXES:
                    rank[i] -= CORNERS
                    base[i] -= CORNERS
                part = (high[i] - base[i]) / CORNERS
                share[AXES - rank[i]] += part
                share[CORNERS - rank[i]] -= part
            share[0] += 1 + share[CORNERS]
            for corner in range(CORNERS):
                key = 0
                for i in range(AXES):
                    place = base[i] + corner - (CORNERS if rank[i] > AXES - corner else 0)
                    key = (key << BITS) + place + MIDDLE
                keys[y * width + x, corner] = key
                weights[y * width + x, corner] = share[corner]


@njit(cache=True, nogil=True, inline="always")
def _at(table, key):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Row of the table that holds the key, or the free one where it would be."""
    last = len(table) - 1
    row = ((key * HASH) >> 20) & last
    while table[row, 0] != key and table[row, 0] != EMPTY:
        row = (row + 1) & last
    return row


@njit(cache=True, nogil=True)
def _fill(table, vertices):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(len(vertices)):
        row = _at(table, vertices[i])
        table[row, 0], table[row, 1] = vertices[i], i


@njit(cache=True, nogil=True)
def _found(table, keys, corners, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(start, stop):
        for j in range(CORNERS):
            corners[i, j] = table[_at(table, keys[i, j]), 1]


@njit(cache=True, nogil=True)
def _beside(table, vertices, neighbours, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Corners to either side along each axis; -1, the last of the values, where there is none."""
    for axis in range(CORNERS):
        for i in range(start, stop):
            neighbours[axis, i, 0] = table[_at(table, vertices[i] + STEPS[axis]), 1]
            neighbours[axis, i, 1] = table[_at(table, vertices[i] - STEPS[axis]), 1]


@njit(cache=True, nogil=True)
def _splat(values, corners, weights, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(len(values)):
        for j in range(CORNERS):
            out[corners[i, j]] += weights[i, j] * values[i]


@njit(cache=True, nogil=True)
def _slice(values, corners, weights, out, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(start, stop):
        total = 0.0
        for j in range(CORNERS):
            total += weights[i, j] * values[corners[i, j]]
        out[i] = total
