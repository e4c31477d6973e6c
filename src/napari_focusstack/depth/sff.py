"""Shape from focus: depth where a focus measure peaks along the sweep, with its uncertainty."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ..arrays import Frames, unit, visit
from ..focus import FOCUS_MEASURES, PRE_BLUR, grey, smoothed
from ..kernels import load
from ..kernels.strips import over_rows
from ..progress import wait
from ..sharpest import Floor
from .regularise import regularised
from .result import Depth

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..kernels.sff_cpu import Curves

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["estimate_sff"]

T = TypeVar("T")

GRID = 2  # px
PEAKS = ("gaussian", "parabola", "guo")
SAMPLED = 8  # px between pixels that stand for all of them, to learn the noise from
POWERS = {"sml": 2.0, "laplacian": 2.0, "tenengrad": 2.0, "variance": 1.0}  # of a measure that make it a power
NOISINESS = {"sml": 0.30, "laplacian": 0.34, "tenengrad": 0.42, "variance": 0.6}  # px: see Notes
RESPONSES = {"sml": 7.46, "laplacian": 0.70, "tenengrad": 0.28, "variance": 0.138}  # to white noise of 1
ROUNDING = 12**-0.5  # standard deviation of what integers round off
OFF_CENTRE = 0.3  # px: what is not known of where in its neighbourhood the depth was measured
MISFIT = 0.1  # of the peak: samples that are farther from the fit belong to another depth
SHAPE = 0.04  # of the peak: what samples are off that the fit needs, as peaks are no Gaussians
DOUBTED = 0.5  # samples with that misfit that are taken for granted everywhere
BESIDE = 2.0  # px on the grid, over which misfits are averaged
SLOPE = 3.0  # px on the grid, over which the slope of the surface is taken
STEADY = 0.02  # frames: least uncertainty in that
UNSURE = 1.0  # frames of standard deviation from which a depth is not trusted
OUTSIDE = 0.5  # frames by which a peak may lie outside the sweep
REACHES = (10, 20, 40, 80)  # px: width of the surroundings whose blur may be taken for sharpness
SPILL = 2.0  # px: so far from an edge its blur is as sharp as itself, twice as far half as sharp
EDGE = 0.05  # of the picture's contrast
TINY = 1e-12


def estimate_sff(
    frames: Frames,
    positions: NDArray[np.float64],
    guide: NDArray[np.float32] | None = None,
    *,
    measure: Literal["sml", "laplacian", "tenengrad", "variance"] = "sml",
    radius: Annotated[float, {"min": 1.0, "max": 30.0}] = 2.0,
    peak: Literal["guo", "gaussian", "parabola"] = "guo",
    smoothing: Annotated[float, {"min": 0.0, "max": 20.0}] = 1.0,
    noise_floor: Annotated[float, {"min": 0.0, "max": 10.0}] = 1.7,
    channel: Annotated[int, {"min": -1, "max": 63}] = -1,
    device: str = "auto",
) -> Depth:
    """Depth from where each pixel is sharpest, between the frames, with its standard deviation: one pass.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C), aligned, in the order of `positions`.
    positions : ndarray
        (N,) float64, ascending, however spaced.
    guide : ndarray, optional
        (Y, X, C) float32 all-in-focus picture, whose edges the depth may follow; by default the sharpest frames' grey.
    measure : {"sml", "laplacian", "tenengrad", "variance"}
        Focus measure.
    radius : float
        Neighbourhood that decides together, in px (standard deviation). Larger for weak texture and much noise,
        smaller for fine details at different depths.
    peak : {"guo", "gaussian", "parabola"}
        How the peak is found between the frames: by a Gaussian fitted to all frames around it, by one through three
        frames, or by a parabola through three.
    smoothing : float
        How strongly pixels are drawn to their neighbours, in units of their own uncertainty. 0: not at all.
    noise_floor : float
        How many times above the noise the focus measure of a pixel must be for its depth to count as measured.
    channel : int
        Channel whose sharpness decides; -1: all jointly.
    device : str
        "auto", "cpu", "cuda", "mps".

    Returns
    -------
    Depth
        Finite everywhere; `confidence` from 0.5 on where it was measured.
    """
    curves, floor = _observed(frames, measure, radius, channel, device)
    light = curves.picture if guide is None else grey(guide, channel if channel < guide.shape[2] else -1)
    index, sigma, confidence = aside(
        _judged,
        curves,
        floor,
        positions,
        measure,
        radius,
        PEAKS.index(peak),
        noise_floor,
        _rounding(frames.dtype, measure),
    )
    index, sigma, confidence = (_large(plane, light.shape) for plane in (index, sigma, confidence))
    index, sigma = regularised(index, sigma, confidence, light, contrast=_contrast(light), smoothing=smoothing)
    return _in_unit(index, sigma, confidence, positions)


def aside(function: Callable[..., T], *args: object) -> T:
    """Result of a function that runs on a thread of its own, so that it can be cancelled meanwhile."""
    pool = ThreadPoolExecutor(1, "depth")
    try:
        return wait(pool.submit(function, *args))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _observed(frames: Frames, measure: str, radius: float, channel: int, device: str) -> tuple[Curves, Floor]:
    """Curves of sharpness around their peaks, and what the measure makes of the noise: the pass over the frames."""
    kernels = load("sff", device)
    state = kernels.curves(*frames.shape[1:3])
    floor = Floor()
    for k, image in visit(frames, "Measuring depth"):
        kernels.observe(state, image, k, measure, radius, channel)
        floor.see(kernels.sampled(state, SAMPLED), grey(image[::SAMPLED, ::SAMPLED], channel))
    return kernels.found(state), floor


def _rounding(dtype: np.dtype[Any], measure: str) -> float:
    """What the measure makes of the rounding of integers."""
    if dtype.kind == "f":
        return 0.0
    return RESPONSES[measure] * (ROUNDING / unit(dtype)) ** (2 / POWERS[measure])


def _judged(
    curves: Curves,
    floor: Floor,
    positions: NDArray[np.float64],
    measure: str,
    radius: float,
    peak: int,
    most: float,
    least: float,
) -> tuple[Plane, Plane, Plane]:
    """Index, sigma and confidence on the grid."""
    from ..kernels.grids import shrunk
    from ..kernels.sff_fit import fitted

    last = len(positions) - 1
    noise = np.maximum(floor.at(shrunk(curves.picture, GRID)), np.float32(least))
    noisiness = NOISINESS[measure] / radius
    fit = fitted(curves, positions, noise, peak=peak, power=POWERS[measure], noisiness=noisiness)
    over = np.minimum(fit.excess, MISFIT**2 * fit.freedom)
    freedom = _mean(fit.freedom, BESIDE) + np.float32(DOUBTED)
    # as many frames before as behind the peak: whatever its shape, it is where it seems
    lopsided = np.square(np.float32(SHAPE) * np.sin(np.float32(2 * np.pi) * fit.index))
    misfit = (np.maximum(_mean(over, BESIDE), 0) + DOUBTED * lopsided) / freedom
    sigma = np.sqrt(fit.sigma**2 + fit.gain**2 * misfit)
    inside = (fit.index > -OUTSIDE) & (fit.index < last + OUTSIDE)
    index = np.clip(fit.index, -OUTSIDE, last + OUTSIDE)
    index, slope = _centred(index, sigma, curves.picture, measure, radius)
    sigma = np.hypot(sigma, OFF_CENTRE * slope)
    ratio = noise * np.float32(most) / np.maximum(curves.best, np.float32(TINY))
    trust = (
        np.minimum(
            1 / np.maximum(ratio, np.float32(TINY)), _own(curves.best, curves.total / (last + 1), POWERS[measure])
        )
        - 0.5
    )
    confidence = inside * np.clip(trust, 0, 1 / (1 + (sigma / UNSURE) ** 2)) * (curves.best > TINY)
    return np.clip(index, 0, last), np.minimum(sigma, np.float32(last)), confidence


def _own(best: Plane, others: Plane, power: float) -> Plane:
    """How many times the sharpness exceeds what the blur of sharper surroundings could make there.

    Out of focus, an edge spreads over so many px that it reaches a plain area beside it, which then has a peak of
    sharpness, too: the weaker, the farther away. What is as sharp in all `others`, like a dead pixel, does not spread.
    """
    contrast = np.maximum(best, np.float32(TINY)) ** np.float32(power / 2)
    peaks = contrast - np.maximum(others, 0) ** np.float32(power / 2)
    own = np.full_like(best, np.inf)
    for reach in REACHES:
        around = cv2.dilate(peaks, np.ones((reach // GRID + 1, reach // GRID + 1), np.uint8))
        np.minimum(own, contrast * np.float32(reach / SPILL) / np.maximum(around, np.float32(TINY)), out=own)
    return own


def _centred(index: Plane, sigma: Plane, picture: Plane, measure: str, radius: float) -> tuple[Plane, Plane]:
    """Depth at the middle of each neighbourhood, and how steep it is, in frames a px.

    What a neighbourhood measures is the depth at the centre of gravity of its sharpness.
    """
    from ..kernels.grids import shrunk
    from ..kernels.sff_cpu import spread_of

    weight = 1 / (np.float32(STEADY**2) + sigma**2)
    smooth = _mean(index * weight, SLOPE) / _mean(weight, SLOPE)
    down, across = np.gradient(smooth)
    sharpness = shrunk(FOCUS_MEASURES[measure](smoothed(picture, PRE_BLUR)), GRID) + np.float32(TINY)
    y, x = np.ogrid[: sharpness.shape[0], : sharpness.shape[1]]
    y, x = y.astype(np.float32), x.astype(np.float32)
    spread = spread_of(radius)
    total = _mean(sharpness, spread)
    shift = down * (_mean(sharpness * y, spread) / total - y) + across * (_mean(sharpness * x, spread) / total - x)
    return index - shift, np.hypot(down, across) / GRID


def _mean(plane: Plane, spread: float) -> Plane:
    """Gaussian mean; a spread below a third of a pixel leaves all as it is."""
    if spread < 1 / 3:
        return plane
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), spread, borderType=cv2.BORDER_REFLECT_101))


def _contrast(light: Plane) -> float:
    """Step of the picture that is an edge."""
    low, high = np.quantile(light[::SAMPLED, ::SAMPLED], (0.01, 0.99))
    return max(EDGE * float(high - low), TINY)


def _in_unit(index: Plane, sigma: Plane, confidence: Plane, positions: NDArray[np.float64]) -> Depth:
    """Frames turned into positions."""
    position, scaled = np.empty_like(index), np.empty_like(sigma)

    def rows(start: int, stop: int) -> None:
        part = slice(start, stop)
        numbers = np.arange(len(positions))
        position[part] = np.interp(index[part], numbers, positions)
        scaled[part] = sigma[part] * np.interp(index[part], numbers, np.gradient(positions))

    over_rows(rows, len(index))
    return Depth(position, scaled, index, confidence.astype(np.float32), positions)


def _large(plane: Plane, shape: tuple[int, ...]) -> Plane:
    """Plane of the grid in full size, bilinear."""
    from ..kernels.grids import enlarged

    return np.asarray(enlarged(plane.astype(np.float32), GRID, 0, shape[0], shape[1]), np.float32)
