"""The sharpest frame at every pixel of a burst, and whether it can be trusted: what several methods start from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .arrays import Frames, visit
from .focus import grey, image_noise, refine_peak
from .kernels import load
from .kernels.strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .kernels.peaks_cpu import Peaks

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["Sharpest", "find_sharpest"]

FAINTEST = 0.25  # share of a frame that shows little but noise
MOST = 3.0  # times as strong as overall the noise may be at some brightness: what is stronger is texture
BINS, BIN_SIZE = 8, 200  # of brightness, at most; pixels of one, at least
STANDS_OUT = 2.0  # times the mean of the other frames: noise alone never does, however strong it is there
NEARLY_NONE = 0.01  # share of the greys at either end that may be specks
SAMPLED = 8  # px between pixels that stand for all of them
ROUNDING = 1e-5  # of greys, relative
TINY = 1e-12  # a focus measure that is nothing but rounding


@dataclass(frozen=True, slots=True)
class Sharpest:
    """The sharpest frame at every pixel.

    Attributes
    ----------
    index : (Y, X) uint16
        Its number; the first of equally sharp ones.
    offset : (Y, X) float32
        From it to the peak between the frames, -0.5 to 0.5.
    doubt : (Y, X) float32
        What the measure must reach to count, over what it is, 1 at most: near 0 where noise plays no part.
    trust : (Y, X) float32
        From 0 (nothing but noise) to 1.
    confidence : (Y, X) float32
        From 0 (no frame stands out) to 1, (F - mean of the others' F) / F where trusted.
    picture : (Y, X) float32
        Grey of the sharpest frames.
    low, high : float
        Range of nearly all greys of the picture: frames may fill little of their type's range, and floats any.
    sigma : float
        Noise of the grey of one frame, standard deviation.
    """

    index: NDArray[np.uint16]
    offset: Plane
    doubt: Plane
    trust: Plane
    confidence: Plane
    picture: Plane
    low: float
    high: float
    sigma: float

    @property
    def contrast(self) -> float:
        """Range of the greys, and never less than their rounding."""
        return max(self.high - self.low, ROUNDING * max(abs(self.low), abs(self.high)), TINY)


def find_sharpest(
    frames: Frames, *, measure: str, radius: float, noise_floor: float, channel: int, device: str
) -> Sharpest:
    """The sharpest frame at every pixel, by a focus measure that a neighbourhood decides on together.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C), aligned.
    measure : str
        A name in `FOCUS_MEASURES`.
    radius : float
        Standard deviation of the neighbourhood, in px.
    noise_floor : float
        A peak counts from so many times the measure of the noise on, and is fully trusted from twice that; below only
        where it is more than twice the mean of the other frames.
    channel : int
        Channel that decides; -1: all jointly.
    device : str
        "auto", "cpu", "cuda", "mps".

    Notes
    -----
    What the measure makes of the noise is read from its own values, whatever colour interpolation and compression
    gave to the noise: the lowest quarter of the pixels of the least textured frame, of each brightness.
    """
    count, height, width, _ = frames.shape
    kernels = load("peaks", device)
    state = kernels.peaks(height, width)
    sigma = math.inf  # of the least textured frame: texture looks like noise
    floor = Floor()
    for k, image in visit(frames, "Finding the sharpest frames"):
        sigma = min(sigma, image_noise(image, channel))
        kernels.observe(state, image, k, measure, radius, channel)
        floor.see(kernels.sampled(state, SAMPLED), grey(image[::SAMPLED, ::SAMPLED], channel))
    found: Peaks = kernels.found(state)
    over_rows(_judge, height, found, count, noise_floor, floor)
    offset, doubt, trust, confidence = found.before, found.after, found.total, found.best
    low, high = np.quantile(found.picture[::SAMPLED, ::SAMPLED], (NEARLY_NONE, 1 - NEARLY_NONE))
    extent = float(low), float(high)
    return Sharpest(found.index, offset, doubt, trust, confidence, found.picture, *extent, sigma)


class Floor:
    """What the focus measure makes of the noise, over the brightness: shot noise grows with it."""

    def __init__(self) -> None:
        self.edges: Plane | None = None
        self.faintest: Plane = np.empty(0, np.float32)
        self.overall = math.inf

    def see(self, sample: Plane, light: Plane) -> None:
        """Learn from some of a frame's measures and greys."""
        if self.edges is None:
            count = max(1, min(BINS, sample.size // BIN_SIZE))
            self.edges = np.quantile(light, np.linspace(0, 1, count + 1)).astype(np.float32)
            self.faintest = np.full(count, np.inf, np.float32)
        self.overall = min(self.overall, float(np.quantile(sample, FAINTEST)))
        place = np.searchsorted(self.edges[1:-1], light)
        for k in range(len(self.faintest)):
            part = sample[place == k]
            if part.size >= min(sample.size, BIN_SIZE // 2):
                self.faintest[k] = min(self.faintest[k], np.quantile(part, FAINTEST))

    def at(self, light: Plane) -> Plane:
        """Measure of noise of that brightness."""
        assert self.edges is not None
        middles = (self.edges[1:] + self.edges[:-1]) / 2
        return np.interp(light, middles, np.minimum(self.faintest, MOST * self.overall)).astype(np.float32)


def _judge(found: Peaks, count: int, noise_floor: float, floor: Floor, start: int, stop: int) -> None:
    """Put offset, doubt, trust and confidence in the places of before, after, total and best: memory is short."""
    rows = slice(start, stop)
    best = np.maximum(found.best[rows], np.float32(TINY))
    others = np.maximum((found.total[rows] - best) / max(1, count - 1), 0)  # sums of equal values may round below
    ratio = np.float32(noise_floor) * floor.at(found.picture[rows]) / best
    above = 1 / np.maximum(ratio, np.float32(TINY)) - 1
    ahead = best / np.maximum(others, TINY) - STANDS_OUT
    trust = np.clip(np.maximum(above, ahead), 0, 1) * (best > TINY)
    found.before[rows] = refine_peak(found.before[rows], best, found.after[rows])
    found.after[rows] = np.minimum(ratio, 1)
    found.total[rows] = trust
    found.best[rows] = trust * np.clip(1 - others / best, 0, 1)
