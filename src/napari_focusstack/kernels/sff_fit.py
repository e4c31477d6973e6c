"""Peaks of curves of sharpness, with how noise moves them: compiled loops."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from .sff_cpu import WINDOW, Curves
from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["GAUSSIAN", "GUO", "LORENTZIAN", "PARABOLA", "Fit", "fitted"]

GAUSSIAN, PARABOLA, GUO, LORENTZIAN = range(4)
TAIL = 0.7  # of curves of sharpness: 1 / p; 0 would be a Gaussian
FOOT = 0.3  # share of the peak's power down to which the curve belongs to it
LEAST = 1e-3  # of the peak's power: what is lower, once the noise is taken off, is not told from nothing
FLATTEST = 1e-9  # determinant of a fit, relative, below which its points do not make a curve
SPREAD = 0.25  # relative standard deviation of the bends of the peaks in one stack
ROUGH = 0.03  # relative standard deviation of measures that even without noise are no Gaussian
CLEAR = 2.0  # times the noise: peaks that others can take their width from
FEW = 0.05  # share of them inside the sweep, at least, for those at its ends to do so
MOST = 1e3  # frames: an uncertainty that says "unknown"


@dataclass(slots=True)
class Fit:
    """Fitted peaks, each plane (Y, X) float32.

    Attributes
    ----------
    index : ndarray
        Where the peak is, in frames with fractions; up to a frame outside the sweep.
    sigma : ndarray
        Its standard deviation from the noise, in frames; 1000 where there is no peak.
    gain : ndarray
        The same for a relative standard deviation of 1 of the measure at the peak.
    bend : ndarray
        Second derivative of the logarithm of the measure at the peak, per squared unit of the positions; 0 where
        there is no peak.
    excess, freedom : ndarray
        Sum of the squares of what the samples differ from the fit, relative to the peak, beyond what noise explains,
        and how many of the samples the fit did not need.
    """

    index: Plane
    sigma: Plane
    gain: Plane
    bend: Plane
    excess: Plane
    freedom: Plane


def fitted(
    curves: Curves, positions: NDArray[np.float64], floor: Plane, *, peak: int, power: float, noisiness: float
) -> Fit:
    """Where the curves peak, how far noise moves that, and how badly the curves fit.

    The logarithm of a Gaussian is a parabola, a + b u + c u², with its peak at -b / 2c. `GAUSSIAN` lays it through the
    highest sample and its two neighbours, `GUO` [1]_ as near as weights proportional to the samples' power allow to
    all samples around the highest that are above `FOOT` of it; `PARABOLA` lays a parabola through three samples
    themselves. All are fitted over the frames' positions, however these are spaced. The power of the noise is first
    taken off.

    Blur of the standard deviation s leaves e^(-s²ω²) of the power at the frequency ω. Pictures have about 1 / ω² of it,
    so what is left in all is (1 + s² / w²)^(-p), and s grows with the distance from focus: the curve of sharpness F is
    a power of a Lorentzian, with longer tails than a Gaussian, and (1 - F^(-1 / p)) p is a parabola. That is what
    `LORENTZIAN` fits, with Guo's samples and weights; Gaussians, where frames are few to a peak, are drawn to them.

    A peak in the first or the last frame has samples on one side only. There, the bend that the other peaks of the
    stack have is taken as one more sample: two frames then tell how far away the peak is.

    Parameters
    ----------
    curves : Curves
        Of all frames.
    positions : ndarray
        (N,) float64, ascending.
    floor : ndarray
        (Y, X) float32, measure of the noise alone.
    peak : int
        `GAUSSIAN`, `PARABOLA` or `GUO`.
    power : float
        To which the measure must be raised to be a power: 2 for one that grows like the contrast, 1 for a variance.
    noisiness : float
        Standard deviation of the measure, in units of `floor`.

    References
    ----------
    .. [1] H. Guo, "A simple algorithm for fitting a Gaussian function", IEEE Signal Processing Magazine 28 (5),
       134-137, 2011, eq. 7.
    """
    planes = [np.empty(curves.best.shape, np.float32) for _ in range(6)]
    fit = Fit(*planes)
    known = (curves.best, curves.index, curves.before, curves.after, floor, positions)
    how = (peak, float(power), float(noisiness))
    over_rows(_fit_rows, len(floor), *known, *how, 0.0, False, *planes)
    ends = (curves.index == 0) | (curves.index == len(positions) - 1)
    sure = (fit.bend < 0) & (fit.sigma < 1) & (curves.best > CLEAR * floor)
    inner = sure & ~ends
    if peak != PARABOLA and ends.any() and inner.sum() > FEW * sure.sum():
        over_rows(_fit_rows, len(floor), *known, *how, float(np.median(fit.bend[inner])), True, *planes)
    return fit


@njit(cache=True, nogil=True)
def _fit_rows(  # type: ignore[no-untyped-def]  # pragma: no cover
    best, first, before, after, floor, positions, peak, power, noisiness, bend, only_ends,
    index, sigma, gain, bends, excess, freedom, start, stop,
):  # fmt: skip
    u, level, noise, value, rise, weight = np.empty((6, 2 * WINDOW + 1))
    last = len(positions) - 1
    for y in range(start, stop):
        for x in range(best.shape[1]):
            k, top = int(first[y, x]), float(best[y, x])
            if only_ends and 0 < k < last:
                continue
            index[y, x], sigma[y, x], gain[y, x], bends[y, x] = k, MOST, MOST, 0
            excess[y, x], freedom[y, x] = 0, 0
            if top <= 0:
                continue
            low, high = max(k - 1, 0), min(k + 1, last)
            step = (positions[high] - positions[low]) / (high - low)
            off = 0.0 if peak == PARABOLA else _raised(min(floor[y, x] / top, 1.0), power)
            relative = noisiness * floor[y, x] / top
            u[0], level[0], noise[0] = 0.0, 1.0, relative / max(1 - off, LEAST)
            count = 1
            nearest = 1 if 0 < k < last or only_ends else 2  # samples that are always taken
            for side in (-1, 1):
                part = before if side < 0 else after
                for j in range(WINDOW):
                    other = k + side * (j + 1)
                    if not 0 <= other <= last:
                        break
                    share = max(part[j, y, x] / top, 1e-9)
                    raised = _raised(share, power)
                    if j >= nearest and (peak < GUO or raised < FOOT):
                        break
                    u[count] = (positions[other] - positions[k]) / step
                    rest = max((raised - off) / max(1 - off, LEAST), LEAST)
                    level[count] = share if peak == PARABOLA else _rooted(rest, power)
                    noise[count] = relative * (
                        1.0 if peak == PARABOLA else raised / share / (rest * (1 - off) + LEAST * off)
                    )
                    count += 1
            known = bend * step * step / 2 if only_ends else 0.0
            alone = (k == 0 or k == last) and not only_ends
            shape = GUO if peak == LORENTZIAN and alone else peak  # a tail makes no peak
            place, error, lever, curved, over = _peak(count, u, level, noise, value, rise, weight, shape, power, known)
            if curved < 0:
                index[y, x] = k + _frames(place, positions, k, step)
                sigma[y, x], gain[y, x] = min(error, MOST), min(lever, MOST)
                bends[y, x] = 2 * curved / step**2
                excess[y, x], freedom[y, x] = over, max(count - 3, 0)


@njit(cache=True, nogil=True)
def _raised(value, power):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Power of a value; squares need no logarithm."""
    return value * value if power == 2 else value**power


@njit(cache=True, nogil=True)
def _rooted(value, power):  # type: ignore[no-untyped-def]  # pragma: no cover
    return math.sqrt(value) if power == 2 else value ** (1 / power)


@njit(cache=True, nogil=True)
def _straightened(level, peak):  # type: ignore[no-untyped-def]  # pragma: no cover
    """What is a parabola of the position if the curve is of that kind, and its derivative by the level."""
    if peak == PARABOLA:
        return level, 1.0
    if peak == LORENTZIAN:
        tail = np.float32(level) ** np.float32(-TAIL)
        return (1 - tail) / TAIL, tail / level
    return math.log(level), 1 / level


@njit(cache=True, nogil=True)
def _frames(place, positions, k, step):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Frames from frame `k` to `place` steps away from it, within the frame before and the frame after."""
    beside = k + 1 if (place > 0 and k < len(positions) - 1) or k == 0 else k - 1
    share = place * step / (positions[beside] - positions[k]) * (beside - k)
    return min(max(share, -1.0), 1.0)


@njit(cache=True, nogil=True)
def _peak(count, u, level, noise, value, rise, weight, peak, power, known):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Peak; standard deviations of it for the given noise and for unit noise; curvature; squares left over.

    Of the first `count` samples; `value`, `rise` and `weight` are written to.
    """
    total = mean1 = mean2 = mean = 0.0
    for i in range(count):
        value[i], rise[i] = _straightened(level[i], peak)
        weight[i] = _raised(level[i], power) if peak >= GUO else 1.0
        total += weight[i]
        mean1, mean2, mean = mean1 + weight[i] * u[i], mean2 + weight[i] * u[i] ** 2, mean + weight[i] * value[i]
    mean1, mean2, mean = mean1 / total, mean2 / total, mean / total
    s11 = s12 = s22 = t1 = t2 = n11 = n12 = n22 = m11 = m12 = m22 = 0.0
    for i in range(count):
        p, q, w = u[i] - mean1, u[i] * u[i] - mean2, weight[i]
        s11, s12, s22 = s11 + w * p * p, s12 + w * p * q, s22 + w * q * q
        t1, t2 = t1 + w * p * (value[i] - mean), t2 + w * q * (value[i] - mean)
        noise[i] *= 1.0 if peak == PARABOLA else level[i] * rise[i]
        v = (w * noise[i]) ** 2
        n11, n12, n22 = n11 + v * p * p, n12 + v * p * q, n22 + v * q * q
        v = (w * rise[i]) ** 2
        m11, m12, m22 = m11 + v * p * p, m12 + v * p * q, m22 + v * q * q
    if known < 0:
        share = (noise[0] ** 2 + ROUGH**2) / (SPREAD * known) ** 2  # weight of the known bend as one more sample
        s22, t2 = s22 + share, t2 + share * known
        n22 += (share * SPREAD * known) ** 2
    determinant = s11 * s22 - s12 * s12
    if not determinant > FLATTEST * s11 * s22:
        return 0.0, MOST, MOST, 0.0, 0.0
    b, c = (t1 * s22 - t2 * s12) / determinant, (t2 * s11 - t1 * s12) / determinant
    if not c < 0:
        return 0.0, MOST, MOST, 0.0, 0.0
    # the peak's derivatives by b and c, times the inverse of the sums
    d1, d2 = -1 / (2 * c), b / (2 * c * c)
    e1, e2 = (d1 * s22 - d2 * s12) / determinant, (d2 * s11 - d1 * s12) / determinant
    error = math.sqrt(max(e1 * e1 * n11 + 2 * e1 * e2 * n12 + e2 * e2 * n22, 0.0))
    lever = math.sqrt(max(e1 * e1 * m11 + 2 * e1 * e2 * m12 + e2 * e2 * m22, 0.0))
    excess = 0.0
    for i in range(count):
        rest = value[i] - mean - b * (u[i] - mean1) - c * (u[i] * u[i] - mean2)
        excess += (rest / rise[i]) ** 2 - (noise[i] / rise[i]) ** 2 * max(count - 3, 0) / count
    return -b / (2 * c), error, lever, c, excess
