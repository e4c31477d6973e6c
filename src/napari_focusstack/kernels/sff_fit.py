"""Peaks of curves of sharpness, with how noise moves them: compiled loops."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from .sff_cpu import WINDOW, Curves
from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["GAUSSIAN", "GUO", "PARABOLA", "fitted"]

GAUSSIAN, PARABOLA, GUO = range(3)
FOOT = 0.3  # share of the peak's power down to which the curve belongs to it
LEAST = 1e-6  # of the peak: what is lower has no logarithm worth a weight
FLATTEST = 1e-9  # determinant of a fit, relative, below which its points do not make a curve


def fitted(curves: Curves, positions: NDArray[np.float64], peak: int, power: float) -> tuple[Plane, Plane, Plane]:
    """Where the curves peak, how far noise moves that, and how badly the curves fit.

    The logarithm of a Gaussian is a parabola, a + b u + c u², with its peak at -b / 2c. `GAUSSIAN` lays it through the
    highest sample and its two neighbours, `GUO` [1]_ as near as weights proportional to the samples' power allow to
    all samples around the highest that are above `FOOT` of it; `PARABOLA` lays a parabola through three samples
    themselves. All are fitted over the frames' positions, however these are spaced.

    Parameters
    ----------
    curves : Curves
        Of all frames.
    positions : ndarray
        (N,) float64, ascending.
    peak : int
        `GAUSSIAN`, `PARABOLA` or `GUO`.
    power : float
        To which the measure must be raised to be a power: 2 for one that grows like the contrast, 1 for a variance.

    Returns
    -------
    index : ndarray
        (Y, X) float32, frames with fractions; it may lie outside the sweep by what the curve says, 1 frame at most.
    gain : ndarray
        Standard deviation of `index` for noise of all measures of as much as the peak's; infinite where there is no
        peak.
    misfit : ndarray
        Root mean square of what the samples differ from the fit, relative to the peak; 0 where nothing is left over.

    References
    ----------
    .. [1] H. Guo, "A simple algorithm for fitting a Gaussian function", IEEE Signal Processing Magazine 28 (5),
       134-137, 2011, eq. 7.
    """
    index, gain, misfit = (np.empty(curves.best.shape, np.float32) for _ in range(3))
    planes = (curves.best, curves.index, curves.before, curves.after)
    over_rows(_fit_rows, len(index), *planes, positions, peak, power, index, gain, misfit)
    return index, gain, misfit


@njit(cache=True, nogil=True)
def _fit_rows(  # type: ignore[no-untyped-def]  # pragma: no cover
    best, first, before, after, positions, peak, power, index, gain, misfit, start, stop
):
    u, level = np.empty(2 * WINDOW + 1), np.empty(2 * WINDOW + 1)
    for y in range(start, stop):
        for x in range(best.shape[1]):
            k, top = first[y, x], best[y, x]
            index[y, x], gain[y, x], misfit[y, x] = k, np.inf, 0
            if top <= 0:
                continue
            step = _step(positions, k)
            count = 1
            u[0], level[0] = 0.0, 1.0
            foot = FOOT ** (1 / power) if peak == GUO else np.inf
            for side in (-1, 1):
                part = before if side < 0 else after
                # the nearest sample always, and two where there is none on the other side
                always = 1 if 0 < k < len(positions) - 1 else 2
                for j in range(WINDOW):
                    if not 0 <= k + side * (j + 1) < len(positions):
                        break
                    share = part[j, y, x] / top
                    if share < foot and j >= always:
                        break
                    u[count] = (positions[k + side * (j + 1)] - positions[k]) / step
                    level[count] = max(share, LEAST)
                    count += 1
            place, gain[y, x], misfit[y, x] = _peak(u[:count], level[:count], peak, power)
            index[y, x] = k + _frames(place, positions, k, step)


@njit(cache=True, nogil=True)
def _step(positions, k):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Distance of the neighbours of frame `k`."""
    low, high = max(k - 1, 0), min(k + 1, len(positions) - 1)
    return (positions[high] - positions[low]) / (high - low)


@njit(cache=True, nogil=True)
def _frames(place, positions, k, step):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Frames from frame `k` to `place` steps away from it, within the frame before and the frame after."""
    beside = k + 1 if (place > 0 and k < len(positions) - 1) or k == 0 else k - 1
    share = place * step / (positions[beside] - positions[k]) * (beside - k)
    return min(max(share, -1.0), 1.0)


@njit(cache=True, nogil=True)
def _peak(u, level, peak, power):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Peak, standard deviation of it for unit noise of the levels, and root mean square misfit."""
    count = len(u)
    value = level if peak == PARABOLA else np.log(level)
    weight = level**power if peak == GUO else np.ones(count)
    total = weight.sum()
    mean1, mean2, mean = (weight * u).sum() / total, (weight * u * u).sum() / total, (weight * value).sum() / total
    s11 = s12 = s22 = t1 = t2 = n11 = n12 = n22 = 0.0
    for i in range(count):
        p, q, w = u[i] - mean1, u[i] * u[i] - mean2, weight[i]
        s11, s12, s22 = s11 + w * p * p, s12 + w * p * q, s22 + w * q * q
        t1, t2 = t1 + w * p * (value[i] - mean), t2 + w * q * (value[i] - mean)
        v = w * w if peak == PARABOLA else w * w / (level[i] * level[i])  # times the variance of the value
        n11, n12, n22 = n11 + v * p * p, n12 + v * p * q, n22 + v * q * q
    determinant = s11 * s22 - s12 * s12
    if not determinant > FLATTEST * s11 * s22:
        return 0.0, np.inf, 0.0
    b, c = (t1 * s22 - t2 * s12) / determinant, (t2 * s11 - t1 * s12) / determinant
    if not c < 0:
        return 0.0, np.inf, 0.0
    place = -b / (2 * c)
    # the peak's derivatives by b and c, times the inverse of the sums
    d1, d2 = -1 / (2 * c), b / (2 * c * c)
    e1, e2 = (d1 * s22 - d2 * s12) / determinant, (d2 * s11 - d1 * s12) / determinant
    gain = math.sqrt(max(e1 * e1 * n11 + 2 * e1 * e2 * n12 + e2 * e2 * n22, 0.0))
    left = 0.0
    for i in range(count):
        rest = value[i] - mean - b * (u[i] - mean1) - c * (u[i] * u[i] - mean2)
        left += (rest * (1.0 if peak == PARABOLA else level[i])) ** 2
    return place, gain, math.sqrt(left / max(count - 3, 1))
