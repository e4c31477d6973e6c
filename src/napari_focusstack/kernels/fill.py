"""Gaps of a map filled from their surroundings, up to the edges of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from .grids import enlarged, shrunk
from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["filled"]

GRID = 2  # px of the map in one of the grid that it is solved on
ROUNDS = 3  # of rows and columns: what is left of the streaks of one-dimensional passes is not seen
PRIOR = 1e-10  # weight of the mean of all values at every pixel


def filled(values: Plane, weight: Plane, picture: Plane, *, reach: float, contrast: float) -> Plane:
    """Weighted mean of the surroundings of every pixel, which hardly crosses the edges of `picture`.

    The ratio of two edge-aware smoothings, of weight · values and of weight, by the separable weighted least squares
    of Min et al. (IEEE TIP 23, 5638, 2014, eq. 8 to 14), on a grid of half the size. Far from all weights it tends to
    the weighted mean of all values.

    Parameters
    ----------
    values : ndarray
        (Y, X) float32; what it holds where the weight is 0 does not matter.
    weight : ndarray
        (Y, X) float32, 0 or positive.
    picture : ndarray
        (Y, X) float32, whose edges are respected.
    reach : float
        Distance, in px, over which a weight falls to 1/e in plain surroundings.
    contrast : float
        Step of the picture at which the coupling of two pixels falls to 1/e.

    Returns
    -------
    ndarray
        (Y, X) float32; NaN everywhere where no pixel has a weight.
    """
    height, width = values.shape
    above, beside, guide = np.empty((3, -(-height // GRID), -(-width // GRID)), np.float32)
    over_rows(_shrink_rows, height, values, weight, picture, above, beside, guide, align=GRID)
    total = float(beside.sum(dtype=np.float64))
    above += np.float32(PRIOR * float(above.sum(dtype=np.float64)) / total if total else np.nan)
    beside += np.float32(PRIOR)
    strength = (reach / GRID) ** 2
    for turn in range(ROUNDS):
        share = np.float32(strength * 1.5 * 4 ** (ROUNDS - 1 - turn) / (4**ROUNDS - 1))
        over_rows(_solve_rows, above.shape[0], above, beside, guide, share, np.float32(1 / contrast))
        over_rows(_solve_columns, above.shape[1], above, beside, guide, share, np.float32(1 / contrast))
    above /= beside
    out = np.empty((height, width), np.float32)
    over_rows(_enlarge_rows, height, above, out, align=GRID)
    return out


def _shrink_rows(
    values: Plane, weight: Plane, picture: Plane, above: Plane, beside: Plane, guide: Plane, start: int, stop: int
) -> None:
    rows, coarse = slice(start, stop), slice(start // GRID, -(-stop // GRID))
    heavy = weight[rows]
    above[coarse] = shrunk(heavy * np.where(heavy > 0, values[rows], np.float32(0)), GRID)
    beside[coarse] = shrunk(heavy, GRID)
    guide[coarse] = shrunk(picture[rows], GRID)


def _enlarge_rows(small: Plane, out: Plane, start: int, stop: int) -> None:
    out[start:stop] = enlarged(small, GRID, start, stop, out.shape[1])


# Both solve (1 + s Σ c) u - s Σ c u_neighbour = f along one axis, c = exp(-|step of the guide| / contrast), by forward
# elimination and back substitution. All terms are positive: small values keep their relative accuracy.


@njit(cache=True, nogil=True)
def _solve_rows(above, beside, guide, share, steepness, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    width = guide.shape[1]
    factor = np.empty(width, np.float32)
    for y in range(start, stop):
        left = np.float32(0)
        for x in range(width):
            right = np.float32(0)
            if x + 1 < width:
                right = share * np.exp(-abs(guide[y, x + 1] - guide[y, x]) * steepness)
            before = factor[x - 1] if x else np.float32(0)
            pivot = np.float32(1) / (1 + left + right - left * before)
            factor[x] = right * pivot
            for part in (above, beside):
                carried = left * part[y, x - 1] if x else np.float32(0)
                part[y, x] = (part[y, x] + carried) * pivot
            left = right
        for x in range(width - 2, -1, -1):
            above[y, x] += factor[x] * above[y, x + 1]
            beside[y, x] += factor[x] * beside[y, x + 1]


@njit(cache=True, nogil=True)
def _solve_columns(above, beside, guide, share, steepness, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    height = guide.shape[0]
    factor = np.empty((height, stop - start), np.float32)
    up = np.zeros(stop - start, np.float32)
    for y in range(height):
        for x in range(start, stop):
            i = x - start
            down = np.float32(0)
            if y + 1 < height:
                down = share * np.exp(-abs(guide[y + 1, x] - guide[y, x]) * steepness)
            before = factor[y - 1, i] if y else np.float32(0)
            pivot = np.float32(1) / (1 + up[i] + down - up[i] * before)
            factor[y, i] = down * pivot
            for part in (above, beside):
                carried = up[i] * part[y - 1, x] if y else np.float32(0)
                part[y, x] = (part[y, x] + carried) * pivot
            up[i] = down
    for y in range(height - 2, -1, -1):
        for x in range(start, stop):
            above[y, x] += factor[y, x - start] * above[y + 1, x]
            beside[y, x] += factor[y, x - start] * beside[y + 1, x]
