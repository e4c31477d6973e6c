"""Drift of exposure and white balance: small pictures of each frame's light in, a gain per frame and channel out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ..arrays import to_float, unit
from ..color import Transfer, to_linear, to_stored
from ..kernels import load

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

__all__ = ["Light", "gain_table", "light_gains", "light_of", "relit"]

GRID = 64  # cells along the longer side
SAMPLES = 12  # pixels along the side of a cell that are looked at
CLIPPED = 0.98  # of white: a pixel that may be brighter than it says
REACH = 2  # cells that light of a clipped one may spread over when it is out of focus
SMALLEST_SHARE = 0.02  # of the cells that must count for a gain to be believed
SMALLEST_GAIN, LARGEST_GAIN = 0.5, 2.0


@dataclass(frozen=True, slots=True)
class Light:
    """Linear light of a frame: means over cells of `factor` px, (y, x, C), and which of them hold no clipped pixel."""

    cells: NDArray[np.float32]
    usable: NDArray[np.float32]  # (y, x, 1): 1 or 0
    factor: int


def light_of(image: NDArray[Any], transfer: Transfer) -> Light:
    """Light of a frame (Y, X, C), from a regular sample of its pixels."""
    rows, columns, channels = image.shape
    step = max(1, max(rows, columns) // (GRID * SAMPLES))
    sample = image[::step, ::step]
    height, width = (max(1, side // (step * SAMPLES)) for side in (rows, columns))
    sample = sample[: height * SAMPLES, : width * SAMPLES]
    channels_apart = list(np.moveaxis(sample, 2, 0))
    clipped = (np.maximum.reduce(channels_apart) >= CLIPPED * unit(image.dtype)).astype(np.float32)
    linear = [_linear(channel, transfer) for channel in channels_apart]
    planes = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA) for plane in (*linear, clipped)]
    return Light(np.stack(planes[:channels], axis=2), (planes[-1] == 0).astype(np.float32)[..., None], step * SAMPLES)


def _linear(stored: NDArray[Any], transfer: Transfer) -> NDArray[np.float32]:
    if stored.dtype in (np.uint8, np.uint16):
        return _linear_table(stored.dtype.str, transfer).take(stored)
    return np.asarray(to_linear(to_float(stored), transfer), np.float32)


@lru_cache(maxsize=4)
def _linear_table(dtype: str, transfer: Transfer) -> NDArray[np.float32]:
    top = np.iinfo(dtype).max
    return np.asarray(to_linear(np.arange(top + 1) / top, transfer), np.float32)


def light_gains(lights: Sequence[Light], transforms: NDArray[np.float64], reference: int) -> NDArray[np.float64]:
    """Gain of each frame and channel that brings its light to the reference's.

    Parameters
    ----------
    lights : sequence of Light
        One for each frame.
    transforms : (N, 3, 3) float64
        Reference → frame, in px.
    reference : int
        Number of the frame with gain 1.

    Returns
    -------
    (N, C) float64
        Between 1/2 and 2.
    """
    warp = load("warp", "cpu").warp
    target = lights[reference]
    rows, columns, channels = target.cells.shape
    offset = (target.factor - 1) / 2
    to_px = np.array([[target.factor, 0, offset], [0, target.factor, offset], [0, 0, 1.0]])
    gains = np.ones((len(lights), channels))
    for i, light in enumerate(lights):
        if i != reference:
            matrix = np.linalg.solve(to_px, transforms[i] @ to_px)
            cells, usable = (warp(part, matrix, rows, columns) for part in (light.cells, light.usable))
            both = (usable > 0.99) & (target.usable > 0) & _inside(matrix, rows, columns)
            gains[i] = _gains(target.cells, cells, _apart(both))
    return np.clip(gains, SMALLEST_GAIN, LARGEST_GAIN)


def _inside(matrix: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.bool_]:
    """Cells that `matrix` takes from inside the grid, (y, x, 1)."""
    y, x = np.mgrid[:rows, :columns].reshape(2, -1)
    u, v, w = matrix @ [x, y, np.ones(x.size)]
    inside = (u >= 0) & (u <= (columns - 1) * w) & (v >= 0) & (v <= (rows - 1) * w)
    return np.asarray(inside).reshape(rows, columns, 1)


def _apart(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells so far from those that do not count that these spread no light over them when out of focus."""
    return cv2.erode(cells.astype(np.uint8), np.ones((2 * REACH + 1,) * 2, np.uint8), borderValue=1)[..., None] > 0


def _gains(target: NDArray[np.float32], cells: NDArray[np.float32], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Ratio of the light of all cells together, (C,): defocus moves light about, but loses none."""
    wanted, there = (np.where(counted, part, 0).sum(axis=(0, 1), dtype=np.float64) for part in (target, cells))
    enough = (counted.mean() >= SMALLEST_SHARE) & (wanted > 0) & (there > 0)
    gains: NDArray[np.float64] = np.divide(wanted, there, out=np.ones_like(wanted), where=enough)
    return gains


def gain_table(gains: NDArray[np.float64], dtype: DTypeLike, transfer: Transfer) -> NDArray[np.float32]:
    """Stored values, not rounded, that take the place of the stored values of an integer type, (C, V) float32."""
    top = np.iinfo(dtype).max
    stored = np.arange(top + 1) / top
    light = to_linear(stored, transfer) * np.reshape(gains, (-1, 1))
    return np.asarray(to_stored(light, transfer) * top, np.float32)


def relit(image: NDArray[np.float32], gains: NDArray[np.float64], transfer: Transfer) -> NDArray[np.float32]:
    """Image (Y, X, C) with its light multiplied by a gain per channel."""
    light = to_linear(image, transfer) * np.asarray(gains, np.float32)
    return np.asarray(to_stored(light, transfer), np.float32)
