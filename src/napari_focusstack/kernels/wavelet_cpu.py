"""Fusion of complex wavelet coefficients on the CPU: the strongest of each place, and the mean of all."""

from __future__ import annotations

import math
from dataclasses import dataclass
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

__all__ = ["Coefficients", "Level", "coefficients", "combined", "judged", "take"]

NEIGHBOURHOOD = 1.0  # coefficients: standard deviation of the mean energy that decides
TINY = 1e-12
FAINTEST = 0.25  # share of a frame that shows little but noise
SAMPLED = 4  # coefficients between those that stand for all
SURELY = 1.5  # times the floor: half of a coefficient is picked, half averaged
FINEST = 3  # levels that tell which frame a pixel comes from


@dataclass(slots=True)
class Level:
    """One level of y × x coefficients: how they were chosen, and the fused ones of each plane.

    `energy` of the chosen frame, `index` its number, `total` over all frames, `newest` frame's, and whether it `wins`:
    (D, y, x) each, D being 1 if the detail bands decide together, else 3. `detail` is the newest frame's, (3, 2, y, x),
    three bands of real and imaginary part; `best` and `total_detail` hold such arrays for each plane. `noise` is the
    root mean square of what shows little but noise.
    """

    energy: Any
    total: Any
    newest: Any
    index: Any
    wins: Any
    detail: Any
    best: list[Any]
    total_detail: list[Any]
    noise: float = math.inf


@dataclass(slots=True)
class Coefficients:
    """Fused coefficients: levels, finest first, and for each plane the low band, (2, y, x), with its weight."""

    filters: NDArray[np.complex128]
    smooth: bool
    shapes: list[tuple[int, int]]
    levels: list[Level]
    low: list[Any]
    low_weight: Any


def shapes_of(height: int, width: int, levels: int) -> list[tuple[int, int]]:
    """Sizes of the picture and of the coefficients of each level."""
    shapes = [(height, width)]
    for _ in range(levels):
        shapes.append((-(-shapes[-1][0] // 2), -(-shapes[-1][1] // 2)))
    return shapes


def coefficients(
    height: int, width: int, planes: int, levels: int, taps: int, *, together: bool, smooth: bool
) -> Coefficients:
    """Coefficients before the first frame, of so many planes and levels.

    With `together`, the three detail bands of a place come from the same frame; with `smooth`, its neighbourhood
    decides with it.
    """
    shapes = shapes_of(height, width, levels)
    low = [np.zeros((2, *shapes[-1]), np.float32) for _ in range(planes)]
    parts = [_level(shape, planes, 1 if together else 3) for shape in shapes[1:]]
    return Coefficients(low_pass(taps), smooth, shapes, parts, low, np.zeros(shapes[-1], np.float32))


def _level(shape: tuple[int, int], planes: int, bands: int) -> Level:
    total, newest = np.zeros((2, bands, *shape), np.float32)
    energy = np.full_like(total, -1)  # so that the first frame wins
    index, wins = np.zeros(total.shape, np.uint16), np.zeros(total.shape, np.bool_)
    detail, *fused = np.zeros((1 + 2 * planes, 3, 2, *shape), np.float32)
    return Level(energy, total, newest, index, wins, detail, fused[:planes], fused[planes:])


def take(state: Coefficients, image: NDArray[Any], k: int, channel: int) -> None:
    """Take frame `k`, (Y, X, C) as stored: its grey decides; the fused planes are the grey, or all channels."""
    alone = len(state.low) == 1
    low = _split(state, grey(image, channel), k, 0 if alone else None)
    note_noise([level.newest[:, ::SAMPLED, ::SAMPLED] for level in state.levels[:FINEST]], state.levels)
    weight = np.maximum(state.levels[-1].newest.mean(axis=0), np.float32(TINY))
    state.low_weight += weight
    if alone:
        state.low[0] += weight * low
    else:
        for plane in range(len(state.low)):
            state.low[plane] += weight * _split(state, to_float(image[..., plane]), None, plane)


def note_noise(samples: list[Array], levels: list[Level]) -> None:
    """Let the finest levels know what little but noise shows: the faintest parts of the least textured frame.

    `samples` are energies of the newest frame, some of each level.
    """
    for sample, level in zip(samples, levels, strict=False):
        level.noise = min(level.noise, math.sqrt(float(np.quantile(sample, FAINTEST))))


def _split(state: Coefficients, values: Array, decides: int | None, plane: int | None) -> Array:
    """Analyse a plane, (Y, X); decide as frame number `decides`; merge into `plane`; return the low band."""
    low = values[None]
    for level in track(state.levels):
        source, low = low, np.empty((2, *level.detail.shape[2:]), np.float32)
        analyse(source, state.filters, low, level.detail)
        if decides is not None:
            over_rows(_decide_rows, low.shape[1], level, state.smooth, decides)
        if plane is not None:
            over_rows(_merge_rows, low.shape[1], level.detail, level.wins, level.best[plane], level.total_detail[plane])
    return low


def _decide_rows(level: Level, smooth: bool, k: int, start: int, stop: int) -> None:
    halo = 6 if smooth else 0
    top = max(0, start - halo)
    detail = level.detail[:, :, top : stop + halo]
    energy: Array = np.einsum("bpyx,bpyx->byx", detail, detail)
    if len(level.energy) == 1:
        energy = energy.mean(axis=0, keepdims=True)
    if smooth:
        energy = np.stack([smoothed(band, NEIGHBOURHOOD) for band in energy])
    energy, rows = energy[:, start - top : stop - top], slice(start, stop)
    wins = energy > level.energy[:, rows]
    np.copyto(level.energy[:, rows], energy, where=wins)
    np.copyto(level.index[:, rows], np.uint16(k), where=wins)
    level.total[:, rows] += energy
    level.newest[:, rows] = energy
    level.wins[:, rows] = wins


@njit(cache=True, nogil=True)
def _merge_rows(detail, wins, best, total, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    for band in range(3):
        decision = min(band, wins.shape[0] - 1)
        for part in range(2):
            for y in range(start, stop):
                for x in range(detail.shape[3]):
                    value = detail[band, part, y, x]
                    total[band, part, y, x] += value
                    if wins[decision, y, x]:
                        best[band, part, y, x] = value


def combined(state: Coefficients, count: int, noise_floor: float) -> list[Array]:
    """Fused planes, (Y, X) each, of `count` frames.

    Coefficients whose deciding root mean square lies below `noise_floor` times the noise of their level are the mean of
    all frames, above twice that the chosen ones, between the two a mixture. The coefficients are used up.
    """
    planes = []
    for plane, low in enumerate(state.low):
        low /= state.low_weight
        for at in track(reversed(range(len(state.levels)))):
            level, floor = state.levels[at], np.float32(noise_floor * noise_of(state.levels, at))
            best, total = level.best[plane], level.total_detail[plane]
            over_rows(_shrink_rows, best.shape[2], best, total, level.energy, np.float32(count), floor)
            out = np.empty((2 if at else 1, *state.shapes[at]), np.float32)
            synthesise(low, best, state.filters, out)
            low = out
        planes.append(low[0])
    return planes


def noise_of(levels: list[Level], at: int) -> float:
    """Noise of a level; that of the coarser ones cannot be told from the picture: white noise has the same on all."""
    return levels[min(at, FINEST - 1)].noise


@njit(cache=True, nogil=True)
def _shrink_rows(best, total, energy, count, floor, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    for band in range(3):
        decision = min(band, energy.shape[0] - 1)
        for part in range(2):
            for y in range(start, stop):
                for x in range(best.shape[3]):
                    share = np.float32(1)
                    if floor > 0:
                        share = np.sqrt(energy[decision, y, x]) / floor - np.float32(1)
                        share = min(np.float32(1), max(np.float32(0), share))
                    average = total[band, part, y, x] / count
                    best[band, part, y, x] = average + share * (best[band, part, y, x] - average)


def judged(state: Coefficients, count: int, noise_floor: float) -> tuple[Array, Array]:
    """Source frame of every pixel and confidence, (Y, X) each.

    The finest level tells that has a coefficient well above the noise there, as it knows the depth best;
    where none of the three finest has, the source is NaN.
    """
    index, confidence = np.zeros((2, *state.shapes[0]), np.float32)
    index[:] = np.nan
    for at in reversed(range(min(FINEST, len(state.levels)))):
        floor = np.float32((SURELY * noise_floor * state.levels[at].noise) ** 2)
        over_rows(
            _judge_rows, len(index), state.levels[at], at + 1, count, floor, index, confidence, align=2 ** (at + 1)
        )
    return index, confidence


def _judge_rows(
    level: Level, step: int, count: int, floor: float, index: Array, confidence: Array, start: int, stop: int
) -> None:
    coarse = slice(start >> step, -(-stop >> step))
    chosen = level.energy[:, coarse]
    energy = chosen.mean(axis=0)
    others = np.maximum((level.total[:, coarse].mean(axis=0) - energy) / max(1, count - 1), 0)
    distinct = np.clip(1 - np.sqrt(others / np.maximum(energy, np.float32(TINY))), 0, 1)
    source = np.take_along_axis(level.index[:, coarse], chosen.argmax(axis=0)[None], 0)[0]
    _place(step, energy > floor, distinct, source, index[start:stop], confidence[start:stop])


@njit(cache=True, nogil=True)
def _place(step, heard, distinct, source, index, confidence):  # type: ignore[no-untyped-def]  # pragma: no cover
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            if heard[y >> step, x >> step]:
                index[y, x] = source[y >> step, x >> step]
                confidence[y, x] = distinct[y >> step, x >> step]
