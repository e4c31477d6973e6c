"""Depth from curves of sharpness: where they peak, how far that may be off, and whether it is a depth at all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ..focus import PRE_BLUR, smoothed
from .grain import POWERS
from .locking import unevenness, unlocked
from .result import RELIABLE
from .scatter import calibrated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..kernels.sff_cpu import Curves
    from ..kernels.sff_fit import Fit
    from .grain import Grain

    Plane = NDArray[Any]  # (Y, X) float32, on the grid of the curves

__all__ = ["judged", "standing_out", "sureness"]

NOISINESS = {"sml": 0.30, "laplacian": 0.34, "tenengrad": 0.42, "variance": 0.6}  # px: std of the measure of noise
ENLARGED = 1 / 3  # px²: variance of the interpolation from the grid
MISFIT = 0.1  # of the peak: samples that are farther from the fit belong to another depth
SHAPE = 0.03  # of the peak: what samples are off that the fit needs, as peaks are of another shape
DRAWN = 0.055, 0.1, 0.05, 0.0085  # of the peak: what they are off together; by the number of the kind in `sff_fit`
NARROW = 0.9  # bend of a peak, per squared frame, from which on that grows with it
DOUBTED = 0.2  # samples with that misfit that are taken for granted everywhere
BESIDE = 2.0  # px of the grid, over which misfits are averaged
SLOPE = 3.0  # px of the grid, over which the slope of the surface is taken
STEADY = 0.02  # frames: least uncertainty in that
OFF_CENTRE = 0.2  # px: what is not known of where in its neighbourhood the depth was measured
STEEP = 2.0  # confidence gained where a peak stands out by once more than it must
UNSURE = 1.0  # frames of standard deviation from which a depth is not trusted
OUTSIDE = 0.5  # frames by which a peak may lie outside the sweep
REACHES = (10, 20, 40, 80)  # px: width of the surroundings whose blur may be taken for sharpness
SPILL = 2.0  # px: so far from an edge its blur is as sharp as itself, twice as far half as sharp
VEILED = 2.0  # times the noise floor, at most, where a peak is as many times brighter than the pixel mostly is
OUTER = 0.3, 0.6  # of the way from the middle of the sweep to its ends: from where on, and from where on fully
MOST = 30.0  # frames: that the fit moves a peak at most, for once its height that a sample is off
SURROUNDINGS = 10.0  # px (σ), in which scatter is looked for
TINY = np.float32(1e-12)


def judged(
    curves: Curves,
    grain: Grain,
    positions: NDArray[np.float64],
    *,
    measure: str,
    radius: float,
    peak: int,
    noise_floor: float,
    smoothing: float,
) -> tuple[Plane, Plane, Plane, Plane]:
    """Depth in frames, its standard deviation, by itself and in common, and confidence, on the grid of the curves.

    Parameters
    ----------
    curves, grain : Curves, Grain
        Of all frames.
    positions : ndarray
        (N,) float64, ascending.
    measure, radius, peak, noise_floor, smoothing
        As `estimate_sff` has them; `peak` as a number of `sff_fit`.

    Returns
    -------
    index, sigma, common, confidence : ndarray
        (Y, X) float32. `sigma` is that of errors which differ from pixel to pixel, `common` that of those which a flat
        surface has everywhere, so that they neither scatter nor are smoothed away. The confidence is that of the
        weakest of these: the peak stands out from the noise, and the farther, the more of its light is a veil that the
        blur of something bright lays over it; it is no blur of sharper surroundings itself; its uncertainty is below a
        frame; it is inside the sweep.
    """
    from ..kernels.grids import shrunk
    from ..kernels.sff_cpu import GRID, measured
    from ..kernels.sff_fit import fitted

    power, last = POWERS[measure], len(positions) - 1
    wide = math.sqrt(radius**2 + ENLARGED + smoothing)  # px: neighbourhood whose noise is averaged in the end
    noise = grain.at(shrunk(curves.picture, GRID))
    fit = fitted(curves, positions, noise, peak=peak, power=power, noisiness=NOISINESS[measure] / wide)
    freedom = _mean(fit.freedom, BESIDE) + np.float32(DOUBTED)
    over = _mean(np.minimum(fit.excess, np.float32(MISFIT**2) * fit.freedom), BESIDE)
    uneven = unevenness(fit.index, positions)
    lever = _lever(fit, positions, uneven)
    misfit = fit.gain**2 * np.maximum(over, 0) + np.float32(DOUBTED * SHAPE**2) * lever**2
    sigma = np.sqrt(fit.sigma**2 + misfit / freedom)
    inside = (fit.index > -OUTSIDE) & (fit.index < last + OUTSIDE) & (curves.best > TINY)
    index = np.clip(fit.index, -OUTSIDE, last + OUTSIDE)
    sharpness = measured(smoothed(curves.picture, PRE_BLUR), measure)
    index, slope = _centred(unlocked(index, sigma, uneven), sigma, sharpness + TINY, radius)
    sigma = np.hypot(sigma, np.float32(OFF_CENTRE) * slope)
    # what is alike wherever the depth is alike: the slope within the surroundings makes it scatter
    alike = np.exp(-np.square(np.float32(2 * np.pi * SURROUNDINGS) * slope) / 2)
    common = np.sqrt(_mean(np.square(np.float32(DRAWN[peak]) * lever * alike), BESIDE))
    stands_out = standing_out(curves, noise * np.float32(noise_floor), index, last, power)
    confidence = inside * np.clip(stands_out, 0, sureness(sigma))
    sigma = calibrated(index, sigma, confidence)
    return np.clip(index, 0, last), np.minimum(sigma, np.float32(last)), common, confidence


def _lever(fit: Fit, positions: NDArray[np.float64], uneven: Plane) -> Plane:
    """How far a peak is drawn to the frames, or between them, in frames, for once its height that its shape is off.

    The fewer frames there are to a peak, the more its shape tells on the place that is found, if not in proportion; but
    with as many samples before as behind it, a peak of any shape is where it seems: in even frames it is drawn by
    sin(2π d) of the depth d, in uneven ones everywhere.
    """
    steps = np.interp(fit.index, np.arange(len(positions)), np.gradient(positions)).astype(np.float32)
    narrow = np.maximum(-fit.bend * np.square(steps), np.float32(NARROW))
    phase = np.maximum(np.abs(np.sin(np.float32(2 * np.pi) * fit.index)), uneven)
    lever = np.sqrt(np.minimum(fit.gain * narrow, np.float32(MOST))) * phase
    return np.where(fit.bend < 0, lever, np.float32(0))


def standing_out(curves: Curves, floor: Plane, index: Plane, last: int, power: float) -> Plane:
    """Confidence that there is anything to focus on: `RELIABLE` where sharpness just exceeds what it must.

    Parameters
    ----------
    curves : Curves
        Of all frames.
    floor : ndarray
        (Y, X) sharpness that noise may have.
    index : ndarray
        (Y, X) depth in frames.
    last : int
        Number of the last frame.
    power : float
        Of the measure: see `POWERS`.
    """
    above = curves.best / np.maximum(floor * _veil(curves, index, last), TINY)
    own = _own(curves.best, curves.total / np.float32(last + 1), power)
    out: Plane = np.float32(RELIABLE) + np.float32(STEEP) * (np.minimum(above, own) - 1)
    return out


def sureness(sigma: Plane) -> Plane:
    """Confidence in a depth of that standard deviation, in frames: `RELIABLE` at `UNSURE`."""
    sure: Plane = 1 / (1 + np.square(sigma / np.float32(UNSURE)))
    return sure


def _centred(index: Plane, sigma: Plane, sharpness: Plane, radius: float) -> tuple[Plane, Plane]:
    """Depth at the middle of each neighbourhood, and how steep it is, in frames a px.

    What a neighbourhood measures is the depth at the centre of gravity of its sharpness.
    """
    from ..kernels.sff_cpu import GRID, spread_of

    weight = 1 / (np.float32(STEADY**2) + np.square(sigma))
    smooth = _mean(index * weight, SLOPE) / _mean(weight, SLOPE)
    down, across = np.gradient(smooth)
    y, x = (place.astype(np.float32) for place in np.ogrid[: index.shape[0], : index.shape[1]])
    spread = spread_of(radius)
    total = _mean(sharpness, spread)
    shift = down * (_mean(sharpness * y, spread) / total - y) + across * (_mean(sharpness * x, spread) / total - x)
    return index - shift, np.hypot(down, across) / np.float32(GRID)


def _veil(curves: Curves, index: Plane, last: int) -> Plane:
    """How many times farther a peak must stand out from the noise, as something bright may have veiled it.

    Far out of focus, what is bright lays its light, and the noise of that, over what is beside it. So, towards the ends
    of the sweep, peaks of pixels that are brighter there than they mostly are are doubted.
    """
    from ..kernels.grids import shrunk
    from ..kernels.sff_cpu import GRID

    usual = np.maximum(curves.light / np.float32(last + 1), TINY)
    outer = np.clip((np.abs(2 / last * index - 1) - OUTER[0]) / (OUTER[1] - OUTER[0]), 0, 1)
    veil: Plane = 1 + outer * (np.clip(shrunk(curves.picture, GRID) / usual, 1, VEILED) - 1)
    return veil


def _own(best: Plane, others: Plane, power: float) -> Plane:
    """How many times the sharpness exceeds what the blur of sharper surroundings could make there.

    Out of focus, an edge spreads over so many px that it reaches a plain area beside it, which then has a peak of
    sharpness, too: the weaker, the farther away. What is as sharp in all `others`, like a dead pixel, does not spread.
    """
    from ..kernels.sff_cpu import GRID

    contrast = np.maximum(best, TINY) ** np.float32(power / 2)
    peaks = contrast - np.maximum(others, 0) ** np.float32(power / 2)
    own = np.full_like(best, np.inf)
    for reach in REACHES:
        around = cv2.dilate(peaks, np.ones((reach // GRID + 1, reach // GRID + 1), np.uint8))
        np.minimum(own, contrast * np.float32(reach / SPILL) / np.maximum(around, TINY), out=own)
    return own


def _mean(plane: Plane, spread: float) -> Plane:
    """Gaussian mean; a spread below a third of a pixel leaves all as it is."""
    if spread < 1 / 3:
        return plane
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), spread, borderType=cv2.BORDER_REFLECT_101), np.float32)
