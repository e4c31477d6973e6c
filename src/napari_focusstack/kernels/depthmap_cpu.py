"""Frames blended by a map of depth, on the CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from ..arrays import to_float
from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["Blend", "blend", "blended", "mean"]

LEAST_REACH = 1e-3  # frames: a depth half-way between two frames takes the mean of both


@dataclass(slots=True)
class Blend:
    """Running weighted sum of the frames, (Y, X, C), and of the weights, (Y, X); what the weights follow from."""

    total: Any
    weight: Any
    depth: Any
    reach: Any


def blend(channels: int, depth: Plane, reach: Plane) -> Blend:
    """Sums before the first frame.

    A frame's weight is 1 up to half a frame's distance from `depth`, (Y, X) in frames, and falls to 0 over the next
    `reach`, (Y, X): almost 0 takes the nearest frame alone, 0.5 fades from frame to frame all the way, more takes
    several.
    """
    total, weight = np.zeros((*depth.shape, channels), np.float32), np.zeros(depth.shape, np.float32)
    return Blend(total, weight, depth, np.maximum(reach, np.float32(LEAST_REACH)))


def blended(state: Blend, image: NDArray[Any], k: int) -> None:
    """Add frame `k`, (Y, X, C) as stored."""
    over_rows(_blended_rows, len(image), state, image, k)


def _blended_rows(state: Blend, image: NDArray[Any], k: int, start: int, stop: int) -> None:
    rows = slice(start, stop)
    weight = np.empty((stop - start, image.shape[1]), np.float32)
    if _weigh(state.depth[rows], state.reach[rows], np.float32(k), weight):
        _add(to_float(image[rows]), weight, state.total[rows], state.weight[rows])


@njit(cache=True, nogil=True)
def _weigh(depth, reach, k, weight):  # type: ignore[no-untyped-def]  # pragma: no cover
    found = False
    for y in range(depth.shape[0]):
        for x in range(depth.shape[1]):
            value = 1 + (np.float32(0.5) - abs(depth[y, x] - k)) / reach[y, x]
            weight[y, x] = min(np.float32(1), max(np.float32(0), value))
            found |= weight[y, x] > 0
    return found


@njit(cache=True, nogil=True)
def _add(image, weight, total, total_weight):  # type: ignore[no-untyped-def]  # pragma: no cover
    for y in range(weight.shape[0]):
        for x in range(weight.shape[1]):
            share = weight[y, x]
            if share > 0:
                total_weight[y, x] += share
                for c in range(image.shape[2]):
                    total[y, x, c] += share * image[y, x, c]


def mean(state: Blend) -> NDArray[np.float32]:
    """Weighted mean of the frames, (Y, X, C). Takes the place of the sum."""
    over_rows(_mean_rows, len(state.total), state)
    return state.total  # type: ignore[no-any-return]


def _mean_rows(state: Blend, start: int, stop: int) -> None:
    state.total[start:stop] /= state.weight[start:stop, :, None]
