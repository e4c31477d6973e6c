"""Fusion of complex wavelet coefficients on the CPU: the strongest of each place, and the mean of all."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from ..arrays import to_float
from ..focus import grey, smoothed
from ..progress import track
from .daubechies import low_pass
from .daubechies_cpu import analyse, synthesise
from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

__all__ = ["Coefficients", "coefficients", "combined", "judged", "take"]

NEIGHBOURHOOD = 1.0  # coefficients: standard deviation of the mean energy that decides
TINY = 1e-12
FAINTEST = 0.25  # share of a frame that shows little but noise
SAMPLED = 4  # coefficients between those that stand for all
FINEST = 3  # levels that tell which frame a pixel comes from


@dataclass(slots=True)
class Coefficients:
    """Fused coefficients of one or more planes and the energies by which they were chosen.

    Lists go over levels, finest first, of y × x coefficients: `energy`, `total`, `index` and `wins` are (D, y, x), D
    being 1 if the detail bands decide together, else 3; `detail` is the newest frame's, (3, 2, y, x). `best` and
    `mean` hold such arrays for each plane; `low`, (2, y, x) a plane, is weighted by `low_weight`.
    """

    taps: int
    together: bool
    smooth: bool
    shapes: list[tuple[int, int]]
    energy: list[Any] = field(default_factory=list)
    total: list[Any] = field(default_factory=list)
    index: list[Any] = field(default_factory=list)
    newest: list[Any] = field(default_factory=list)
    wins: list[Any] = field(default_factory=list)
    noise: list[float] = field(default_factory=list)
    detail: list[Any] = field(default_factory=list)
    best: list[list[Any]] = field(default_factory=list)
    mean: list[list[Any]] = field(default_factory=list)
    low: list[Any] = field(default_factory=list)
    low_weight: Any = None


def coefficients(
    height: int, width: int, planes: int, levels: int, taps: int, *, together: bool, smooth: bool
) -> Coefficients:
    """Coefficients before the first frame, of so many planes and levels.

    With `together`, the three detail bands of a place come from the same frame; with `smooth`, its neighbourhood
    decides with it.
    """
    shapes = [(height, width)]
    for _ in range(levels):
        shapes.append((-(-shapes[-1][0] // 2), -(-shapes[-1][1] // 2)))
    state = Coefficients(taps, together, smooth, shapes)
    bands = 1 if together else 3
    for shape in shapes[1:]:
        state.energy.append(np.full((bands, *shape), -1, np.float32))  # so that the first frame wins
        state.total.append(np.zeros((bands, *shape), np.float32))
        state.index.append(np.zeros((bands, *shape), np.uint16))
        state.newest.append(np.zeros((bands, *shape), np.float32))
        state.wins.append(np.zeros((bands, *shape), np.bool_))
        state.detail.append(np.zeros((3, 2, *shape), np.float32))
    state.noise = [math.inf] * min(FINEST, levels)
    state.best = [[np.zeros_like(part) for part in state.detail] for _ in range(planes)]
    state.mean = [[np.zeros_like(part) for part in state.detail] for _ in range(planes)]
    state.low = [np.zeros((2, *shapes[-1]), np.float32) for _ in range(planes)]
    state.low_weight = np.zeros(shapes[-1], np.float32)
    return state


def take(state: Coefficients, image: NDArray[Any], k: int, channel: int) -> None:
    """Take frame `k`, (Y, X, C) as stored: its grey decides; the fused planes are the grey, or all channels."""
    alone = len(state.best) == 1
    low = _split(state, grey(image, channel), k, 0 if alone else None)
    for level, newest in enumerate(state.newest[:FINEST]):
        faintest = float(np.quantile(newest[:, ::SAMPLED, ::SAMPLED], FAINTEST))
        state.noise[level] = min(state.noise[level], math.sqrt(faintest))
    weight = np.maximum(state.newest[-1].mean(axis=0), np.float32(TINY))
    state.low_weight += weight
    if alone:
        state.low[0] += weight * low
    else:
        for plane in range(len(state.best)):
            state.low[plane] += weight * _split(state, to_float(image[..., plane]), None, plane)


def _split(state: Coefficients, values: Array, decides: int | None, plane: int | None) -> Array:
    """Analyse a plane, (Y, X); decide as frame number `decides`; merge into `plane`; return the low band."""
    low = values[None]
    for level, detail in enumerate(track(state.detail)):
        source, low = low, np.empty((2, *detail.shape[2:]), np.float32)
        analyse(source, low_pass(state.taps), low, detail)
        if decides is not None:
            over_rows(_decide_rows, low.shape[1], state, level, decides)
        if plane is not None:
            best, mean = state.best[plane][level], state.mean[plane][level]
            over_rows(_merge_rows, low.shape[1], detail, state.wins[level], best, mean)
    return low


def _energy(detail: Array) -> Array:
    energy: Array = np.einsum("bpyx,bpyx->byx", detail, detail)
    return energy


def _decide_rows(state: Coefficients, level: int, k: int, start: int, stop: int) -> None:
    halo = 6 if state.smooth else 0
    top = max(0, start - halo)
    energy = _energy(state.detail[level][:, :, top : stop + halo])
    if state.together:
        energy = energy.mean(axis=0, keepdims=True)
    if state.smooth:
        energy = np.stack([smoothed(band, NEIGHBOURHOOD) for band in energy])
    energy = energy[:, start - top : stop - top]
    best, rows = state.energy[level], slice(start, stop)
    wins = energy > best[:, rows]
    np.copyto(best[:, rows], energy, where=wins)
    np.copyto(state.index[level][:, rows], np.uint16(k), where=wins)
    state.total[level][:, rows] += energy
    state.newest[level][:, rows] = energy
    state.wins[level][:, rows] = wins


@njit(cache=True, nogil=True)
def _merge_rows(detail, wins, best, mean, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    for band in range(3):
        decision = min(band, wins.shape[0] - 1)
        for part in range(2):
            for y in range(start, stop):
                for x in range(detail.shape[3]):
                    value = detail[band, part, y, x]
                    mean[band, part, y, x] += value
                    if wins[decision, y, x]:
                        best[band, part, y, x] = value


def combined(state: Coefficients, count: int, denoise: float) -> list[Array]:
    """Fused planes, (Y, X) each, of `count` frames.

    Coefficients whose deciding root mean square lies below `denoise` times the noise of their level are the mean of
    all frames, above twice that the chosen ones, between the two a mixture. The coefficients are used up.
    """
    planes = []
    for plane, low in enumerate(state.low):
        low /= state.low_weight
        for level in track(reversed(range(len(state.detail)))):
            best, mean = state.best[plane][level], state.mean[plane][level]
            floor = np.float32(denoise * state.noise[min(level, len(state.noise) - 1)])
            over_rows(_shrink_rows, best.shape[2], best, mean, state.energy[level], count, floor)
            out = np.empty((2 if level else 1, *state.shapes[level]), np.float32)
            synthesise(low, best, low_pass(state.taps), out)
            low = out
        planes.append(low[0])
    return planes


@njit(cache=True, nogil=True)
def _shrink_rows(best, mean, energy, count, floor, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    for band in range(3):
        decision = min(band, energy.shape[0] - 1)
        for part in range(2):
            for y in range(start, stop):
                for x in range(best.shape[3]):
                    share = np.float32(1)
                    if floor > 0:
                        share = np.sqrt(energy[decision, y, x]) / floor - np.float32(1)
                        share = min(np.float32(1), max(np.float32(0), share))
                    average = mean[band, part, y, x] / np.float32(count)
                    best[band, part, y, x] = average + share * (best[band, part, y, x] - average)


def judged(state: Coefficients, count: int, denoise: float) -> tuple[Array, Array]:
    """Source frame of every pixel, NaN where no coefficient is `denoise` times the noise, and confidence; (Y, X) each.

    Of the finest levels the one with the most energy tells.
    """
    height, width = state.shapes[0]
    index = np.full((height, width), np.nan, np.float32)
    confidence, strongest = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    for level in track(range(min(FINEST, len(state.detail)))):
        energy = state.energy[level].mean(axis=0)
        others = (state.total[level].mean(axis=0) - energy) / max(1, count - 1)
        distinct = 1 - np.sqrt(np.clip(others, 0, None) / np.maximum(energy, TINY))
        source = np.take_along_axis(state.index[level], state.energy[level].argmax(axis=0)[None], 0)[0]
        energy *= energy > (denoise * state.noise[level]) ** 2
        over_rows(_place_rows, height, level + 1, energy, distinct, source, strongest, index, confidence)
    return index, confidence


@njit(cache=True, nogil=True)
def _place_rows(level, energy, distinct, source, strongest, index, confidence, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    for y in range(start, stop):
        for x in range(index.shape[1]):
            there = energy[y >> level, x >> level]
            if there > strongest[y, x]:
                strongest[y, x] = there
                index[y, x] = source[y >> level, x >> level]
                confidence[y, x] = max(np.float32(0), distinct[y >> level, x >> level])
