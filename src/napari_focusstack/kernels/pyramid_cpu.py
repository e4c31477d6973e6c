"""The running result of a Laplacian pyramid's fusion, on the CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import to_float
from .pyramid_merge import merge_rows
from .pyramid_rows import collapse_rows, interleave_rows, reduce_rows
from .strips import over_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

    Plane = NDArray[np.float32]

__all__ = ["NOTHING", "Level", "Pyramid", "Rule", "collapse", "decisions", "merge", "pyramid", "samples"]

READ_DIRECTLY = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
NOTHING = np.float32(-1e30)  # less than any sharpness

Rule = tuple[float, float, float, float]  # how a level decides: see merge


@dataclass(slots=True)
class Level:
    """A level of the running result, and room for the frame at hand; a block is 2 × 2 of its pixels.

    Attributes
    ----------
    detail : (Y, C, X) float32
        Weighted mean of the frames' details.
    best : (Y / 2, X / 2) float32
        Greatest sharpness so far of each block, in units of the noise.
    weight : (Y / 2, X / 2) float32
        Sum of the frames' weights, relative to that of the sharpest.
    index : (Y / 2, X / 2) uint16
        The sharpest frame.
    coarse : (Y / 2, C, X / 2) float32
        The frame at hand, reduced.
    evidence : (Y / 2, X / 2) float32
        What the sharpness of the frame at hand tells the next level.
    """

    detail: Any
    best: Any
    weight: Any
    index: Any
    coarse: Any
    evidence: Any


@dataclass(slots=True)
class Pyramid:
    """The running result.

    Attributes
    ----------
    levels : list of Level
        From fine to coarse.
    base : (Y / 2ⁿ, C, X / 2ⁿ) float32
        What remains beside the details.
    low, high : (Y, X, C) or None
        Smallest and greatest value of the frames, as stored, where the result shall stay between them.
    """

    levels: list[Level]
    base: Any
    low: Any
    high: Any


def pyramid(height: int, width: int, channels: int, levels: int, range_dtype: DTypeLike | None = None) -> Pyramid:
    """Pyramid before the first frame; with a dtype, that of the frames, their range is kept too."""
    low = high = None
    if range_dtype is not None:
        limits = np.iinfo(range_dtype) if np.dtype(range_dtype).kind in "ui" else np.finfo(range_dtype)
        low = np.full((height, width, channels), limits.max, range_dtype)
        high = np.full((height, width, channels), limits.min, range_dtype)
    made = []
    for _ in range(levels):
        blocks = -(-height // 2), -(-width // 2)
        level = Level(
            detail=np.zeros((height, channels, width), np.float32),
            best=np.full(blocks, NOTHING),
            weight=np.zeros(blocks, np.float32),
            index=np.zeros(blocks, np.uint16),
            coarse=np.zeros((blocks[0], channels, blocks[1]), np.float32),
            evidence=np.zeros(blocks, np.float32),
        )
        made.append(level)
        height, width = blocks
    return Pyramid(made, np.zeros((height, channels, width), np.float32), low, high)


def merge(
    state: Pyramid,
    image: NDArray[Any],
    number: int,
    variance: tuple[float, float],
    rules: Sequence[Rule],
    channel: int,
) -> None:
    """Merge a frame into the running result.

    Parameters
    ----------
    state : Pyramid
        Changed in place.
    image : ndarray
        (Y, X, C) as stored.
    number : int
        The frame's number.
    variance : (float, float)
        Offset and slope, over the brightness, of the squared sharpness that noise alone has in the finest level.
    rules : sequence of (float, float, float, float)
        Per level: weight of a block's surroundings, relative to the block itself; steepness of the frames' weights,
        exp(steepness · sharpness); floor of the evidence for the next level; factor of what lies above it.
    channel : int
        Channel whose sharpness decides; -1: all.
    """
    if state.low is not None:
        over_rows(_widen_range, len(image), state.low, state.high, image)
    # Writable, although it is only read: numba would compile everything again for read-only arrays.
    source = np.require(image, image.dtype if image.dtype in READ_DIRECTLY else np.float32, ["C", "W"])
    noise = np.float32(variance[0]), np.float32(variance[1])
    evidence = np.empty((0, 0), np.float32)
    for at, (level, rule) in enumerate(zip(state.levels, rules, strict=True)):
        stored, last = at == 0, at == len(state.levels) - 1
        rows = len(level.coarse)
        over_rows(reduce_rows, rows, source, stored, level.coarse)
        over_rows(
            merge_rows,
            rows,
            source,
            stored,
            level.coarse,
            evidence,
            channel,
            noise,
            tuple(np.float32(value) for value in rule),
            number,
            level.detail,
            level.best,
            level.weight,
            level.index,
            state.base if last else state.base[:0],
            level.evidence,
        )
        source, evidence = level.coarse, level.evidence


def decisions(state: Pyramid) -> list[tuple[Plane, NDArray[np.uint16], Plane]]:
    """Greatest sharpness, the frame that has it, and the sum of the weights; (Y / 2, X / 2) for each level."""
    return [(level.best, level.index, level.weight) for level in state.levels]


def samples(state: Pyramid, channel: int) -> list[tuple[Plane, Plane]]:
    """Sharpness and brightness of the blocks of each level, after one frame."""
    channels = slice(None) if channel < 0 else slice(channel, channel + 1)
    return [(level.best, level.coarse[:, channels].mean(axis=1)) for level in state.levels]


def collapse(state: Pyramid, scale: float) -> Plane:
    """The fused image, (Y, X, C), times `scale`. Takes the place of the details."""
    coarse = state.base
    for level in reversed(state.levels):
        over_rows(collapse_rows, len(level.detail), coarse, level.detail)
        coarse = level.detail
    height, channels, width = coarse.shape
    over_rows(interleave_rows, height, coarse, np.float32(scale))
    image: Plane = coarse.reshape(height, width, channels)
    if state.low is not None:
        over_rows(_clip, height, image, state.low, state.high)
    return image


def _widen_range(low: NDArray[Any], high: NDArray[Any], image: NDArray[Any], start: int, stop: int) -> None:
    rows = slice(start, stop)
    np.minimum(low[rows], image[rows], out=low[rows])
    np.maximum(high[rows], image[rows], out=high[rows])


def _clip(image: Plane, low: NDArray[Any], high: NDArray[Any], start: int, stop: int) -> None:
    rows = slice(start, stop)
    np.clip(image[rows], to_float(low[rows]), to_float(high[rows]), out=image[rows])
