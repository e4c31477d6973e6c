"""Guided-filter fusion on the CPU: weights that follow the edges of each frame, for its base and for its detail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numba import njit

from ..arrays import to_float
from ..focus import grey
from .grids import enlarged, shrunk
from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = [
    "BASE_MEAN",
    "BASE_RADIUS",
    "COARSE",
    "DETAIL_RADIUS",
    "FINE",
    "Layers",
    "add",
    "layers",
    "merged",
]

COARSE = 4  # px of the picture in one of the base's grid: the base is a mean over 31 px, and needs no more
BASE_MEAN = 15 // COARSE + 1  # radius of that mean (Li et al.: 15 px), in steps of the grid
BASE_RADIUS = 45 // COARSE  # of the guided filter for the base's weights (45 px)
FINE = 2  # px of the picture in one of the grid of the guided filter for the detail's weights
DETAIL_RADIUS = 7 // FINE  # of that filter (7 px)
LEAST = 1e-8  # weight of a frame: something to divide by where all are 0
HALO = 16  # px around a strip that its detail's weights depend on, a multiple of FINE


@dataclass(slots=True)
class Layers:
    """Running sums over the frames, and what their weights follow from.

    `index` of the sharpest frame and how far it can be trusted; weighted sums of base (on the coarse grid) and detail;
    the detail's largest weight and the frame it is from; lowest and highest values of the frames, or None.
    """

    eps: tuple[float, float]
    middle: float
    index: Any
    trust: Any
    base: Any
    base_weight: Any
    detail: Any
    detail_weight: Any
    strongest: Any
    source: Any
    low: Any
    high: Any


def layers(
    channels: int, index: NDArray[np.uint16], trust: Plane, *, keep_range: bool, eps: tuple[float, float], middle: float
) -> Layers:
    """Sums before the first frame.

    A frame's weight, before it is filtered, is 1 where `index`, (Y, X), is its number, else 0, and the same for all
    frames where `trust`, (Y, X), is 0. `eps` are the squares of the steps in the grey that the filters begin to follow,
    for base and detail; `middle` is a grey from which the others do not differ much, for the sake of rounding.
    """
    height, width = index.shape
    small = -(-height // COARSE), -(-width // COARSE)
    base, base_weight = np.zeros((*small, channels), np.float32), np.zeros(small, np.float32)
    detail, weight = np.zeros((height, width, channels), np.float32), np.zeros((height, width), np.float32)
    strongest, source = np.zeros_like(weight), np.zeros((height, width), np.uint16)
    extent = [np.full_like(detail, end) if keep_range else None for end in (np.inf, -np.inf)]
    return Layers(eps, middle, index, trust, base, base_weight, detail, weight, strongest, source, *extent)


def add(state: Layers, image: NDArray[Any], k: int, count: int, channel: int) -> None:
    """Add frame `k` of `count`, (Y, X, C) as stored."""
    shares = np.empty(state.index.shape, np.float32)
    small = np.empty(state.base.shape, np.float32)
    small_shares = np.empty(state.base_weight.shape, np.float32)
    over_rows(_shrink_rows, len(image), state, image, k, count, shares, small, small_shares, align=COARSE)
    base = cv2.blur(small, (2 * BASE_MEAN + 1,) * 2, borderType=cv2.BORDER_REPLICATE).reshape(small.shape)
    light = grey(small, channel) - np.float32(state.middle)
    slope, level = _guided(light, small_shares, BASE_RADIUS, state.eps[0])
    weight = _weight(slope, level, light)
    state.base += weight[..., None] * base
    state.base_weight += weight
    over_rows(_detail_rows, len(image), state, image, k, shares, base, channel, align=COARSE)


def merged(state: Layers) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """Fused image, (Y, X, C), and the frame that gave most of its detail, (Y, X)."""
    state.base /= state.base_weight[..., None]
    over_rows(_merge_rows, len(state.detail), state, align=COARSE)
    return state.detail, state.source


def _shrink_rows(
    state: Layers, image: NDArray[Any], k: int, count: int, shares: Plane, small: NDArray[np.float32],
    small_shares: Plane, start: int, stop: int,
) -> None:  # fmt: skip
    rows = slice(start, stop)
    coarse = slice(start // COARSE, -(-stop // COARSE))
    trust = state.trust[rows]
    np.add(trust * (state.index[rows] == k), (1 - trust) / count, out=shares[rows])
    small[coarse] = shrunk(to_float(image[rows]), COARSE).reshape(small[coarse].shape)
    small_shares[coarse] = shrunk(shares[rows], COARSE)


def _guided(guide: Any, values: Any, radius: int, eps: float) -> tuple[Any, Any]:
    """Slope and level of the guided filter (He et al. 2013), by which its result is slope · guide + level."""

    def mean(plane: Any) -> Any:
        return cv2.blur(plane, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REPLICATE)

    mean_guide, mean_values = mean(guide), mean(values)
    spread = np.maximum(mean(guide * guide) - mean_guide * mean_guide, 0) + np.float32(eps)
    slope = (mean(guide * values) - mean_guide * mean_values) / spread
    return mean(slope), mean(mean_values - slope * mean_guide)


def _weight(slope: Any, level: Any, guide: Any) -> Any:
    """Result of the guided filter, clipped to [0, 1] and a trace above 0, so that weights can be divided by."""
    weight = slope * guide
    weight += level
    return np.clip(weight, np.float32(LEAST), np.float32(1), out=weight)


def _detail_rows(
    state: Layers, image: NDArray[Any], k: int, shares: Plane, base: NDArray[np.float32], channel: int,
    start: int, stop: int,
) -> None:  # fmt: skip
    top = max(0, start - HALO)
    light, share = grey(image[top : stop + HALO], channel) - np.float32(state.middle), shares[top : stop + HALO]
    inner, rows = slice(start - top, stop - top), slice(start, stop)
    planes = _guided(shrunk(light, FINE), shrunk(share, FINE), DETAIL_RADIUS, state.eps[1])
    size = planes[0].shape[1] * FINE, planes[0].shape[0] * FINE
    slope, level = (
        cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)[inner, : image.shape[1]] for plane in planes
    )
    weight = _weight(slope, level, light[inner])
    values = to_float(image[rows])
    if state.low is not None:
        np.minimum(state.low[rows], values, out=state.low[rows])
        np.maximum(state.high[rows], values, out=state.high[rows])
    _accumulate(
        values, enlarged(base, COARSE, start, stop, image.shape[1]), weight, k, state.detail[rows],
        state.detail_weight[rows], state.strongest[rows], state.source[rows],
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _accumulate(image, base, weight, k, detail, total, strongest, source):  # type: ignore[no-untyped-def]  # pragma: no cover
    for y in range(weight.shape[0]):
        for x in range(weight.shape[1]):
            share = weight[y, x]
            total[y, x] += share
            for c in range(image.shape[2]):
                detail[y, x, c] += share * (image[y, x, c] - base[y, x, c])
            if share > strongest[y, x]:
                strongest[y, x] = share
                source[y, x] = k


def _merge_rows(state: Layers, start: int, stop: int) -> None:
    rows = slice(start, stop)
    state.detail[rows] /= state.detail_weight[rows, :, None]
    state.detail[rows] += enlarged(state.base, COARSE, start, stop, state.detail.shape[1])
    if state.low is not None:
        np.clip(state.detail[rows], state.low[rows], state.high[rows], out=state.detail[rows])
