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


@dataclass(slots=True)
class Blend:
    """Running weighted sum of the frames, (Y, X, C), and of the weights, (Y, X)."""

    total: Any
    weight: Any


def blend(height: int, width: int, channels: int) -> Blend:
    """Sums before the first frame."""
    return Blend(np.zeros((height, width, channels), np.float32), np.zeros((height, width), np.float32))


def blended(state: Blend, image: NDArray[Any], k: int, depth: Plane, reach: Plane, softness: float) -> None:
    """Add frame `k`, (Y, X, C) as stored, weighted by its distance from `depth` in frames.

    The weight is 1 near the depth and falls to 0 around half a frame's distance, over `softness` frames (0: the
    nearest frame alone, 1: linear interpolation of the two neighbours); `reach` moves its foot so many frames out.
    """
    over_rows(_blended_rows, len(image), state, image, k, depth, reach, softness)


def _blended_rows(
    state: Blend, image: NDArray[Any], k: int, depth: Plane, reach: Plane, softness: float, start: int, stop: int
) -> None:
    rows = slice(start, stop)
    weight = np.empty((stop - start, image.shape[1]), np.float32)
    if _weigh(depth[rows], reach[rows], np.float32(k), np.float32(max(softness, 1e-3)), weight):
        _add(to_float(image[rows]), weight, state.total[rows], state.weight[rows])


@njit(cache=True, nogil=True)
def _weigh(depth, reach, k, softness, weight):  # type: ignore[no-untyped-def]  # pragma: no cover
    found = False
    for y in range(depth.shape[0]):
        for x in range(depth.shape[1]):
            ramp = softness + reach[y, x]
            value = (np.float32(0.5) * (1 + softness) + reach[y, x] - abs(depth[y, x] - k)) / ramp
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
