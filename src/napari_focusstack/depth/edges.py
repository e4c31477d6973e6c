"""Depth edges put where they belong, by a second look at the frames on both sides of every jump."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from ..arrays import Box, Frames, tiles, visit_parts
from ..progress import apart, track

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["placed"]

JUMP = 1.0  # frames between two surfaces, from which on a depth edge is looked for
REACH = 4, 12  # px around a jump that are decided anew, at least and at most
TILE = 128  # px: parts of the frames are looked at, around the jumps in each
ROUNDS = 20  # of the mean field: more change little
LEAST = 0.5  # of the contrast: a difference of two pixels that is mostly noise
CUT = 1.6  # of the contrast: a difference of two pixels that is a contour


def placed(
    frames: Frames,
    index: Plane,
    sigma: Plane,
    known: NDArray[np.bool_],
    *,
    contrast: float,
    radius: float,
    channel: int = -1,
) -> tuple[Plane, Plane, bool]:
    """Depth whose jumps lie on the contours of the nearer surfaces, and its standard deviation.

    A focus measure decides by neighbourhoods: the contour of the nearer surface, sharp in its own frame, wins the
    background's pixels beside it. Here every pixel within reach of a jump is given to one of the two surfaces, the
    least and the largest depth around it, by what the frames of these two depths show between it and its eight
    neighbours; see `kernels.contours.shares`.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C), aligned; read once more where there are jumps, as far as depths beside them are theirs.
    index, sigma : ndarray
        (Y, X) float32: depth, as a number of a frame with fractions, finite; and its standard deviation.
    known : ndarray
        (Y, X) bool: where the depth was measured. Only between such pixels there are jumps.
    contrast : float
        Step of the picture that is an edge, in the scale of `to_float`.
    radius : float
        Neighbourhood of the focus measure, in px: jumps lie up to twice as far from where they belong.
    channel : int
        Channel that is looked at; -1: all.

    Returns
    -------
    index, sigma : ndarray
        (Y, X) float32, unchanged farther from jumps.
    backwards : bool
        Whether what is nearest is sharp in the last frames, as far as contours tell: of two surfaces, that of the
        nearer one is sharp where it is.

    Notes
    -----
    Memory: 28 bytes a pixel, whatever the number of frames.
    """
    from ..kernels import contours

    reach = min(max(math.ceil(2 * radius) + 1, REACH[0]), REACH[1])
    low, high = contours.beside_jumps(index, known, JUMP, reach)
    if np.array_equal(low, high):
        return index, sigma, False
    least = LEAST * contrast
    codes = np.zeros((*index.shape, contours.PAIRS, 2), np.uint8)
    boxes = apart(_boxes, low, high, len(frames))
    for k, parts in visit_parts(frames, "Placing the depth edges", boxes):
        for box, part in track(list(zip(boxes[k], parts, strict=True))):
            contours.compare(part, k, low[box], high[box], channel, least, codes[box])
    share, first = contours.shares(index, low, high, codes, least, CUT * contrast, ROUNDS)
    return *contours.settle(index, sigma, low, high, share, reach), not first


def _boxes(low: Plane, high: Plane, count: int) -> dict[int, list[Box]]:
    """Parts of every frame that show, or may show, one of two surfaces sharp, with the pixels beside."""
    found = defaultdict(list)
    for rows, columns in tiles(low.shape, TILE):
        least, most = low[rows, columns], high[rows, columns]
        beside = least != most
        if not beside.any():
            continue
        down, across = (np.flatnonzero(beside.any(axis=axis)) for axis in (1, 0))
        box = (_with_neighbours(rows, down, len(low)), _with_neighbours(columns, across, low.shape[1]))
        depths = np.concatenate([least[beside], most[beside]])
        for k in np.unique([np.floor(depths + 0.5), np.ceil(depths - 0.5)]).astype(int):
            found[int(k)].append(box)
    return {k: found[k] for k in range(count) if k in found}


def _with_neighbours(part: slice, at: NDArray[np.intp], side: int) -> slice:
    return slice(max(0, part.start + int(at[0]) - 1), min(part.start + int(at[-1]) + 2, side))
