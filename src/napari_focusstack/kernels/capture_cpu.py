"""What a burst's frames tell about how they were taken, gathered in one pass, on the CPU."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numba import njit

from ..focus import grey
from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["BANDS", "POOL", "Traces", "observe", "traces"]

BANDS = (0.7, 1.4, 2.8)  # px: standard deviations of the blurs whose differences are the fine and the coarse band
POOL = 3.0  # px: neighbourhood over which a band's energy is averaged
AROUND = 8.0  # px: standard deviation of the surroundings that a spot is compared with
SIGNATURE = 48  # cells along the longer side of a frame's signature
DARK = 1e-3  # of full scale: darker surroundings tell nothing of a spot


@dataclass(slots=True)
class Traces:
    """What is kept of the frames; 22 bytes a pixel, and a signature of at most 2304 numbers a frame.

    `coarse` is the largest energy of the coarse band so far, met in frame `index`; `fine` is that of the fine band,
    `light` the brightest channel there. `spots` and `squares` are sums of how much a pixel differs from its
    surroundings. `signatures` are the coarse energies of all frames in cells of `cell` px.
    """

    coarse: Any
    fine: Any
    light: Any
    index: Any
    spots: Any
    squares: Any
    cell: int
    signatures: list[Any] = field(default_factory=list)


def traces(height: int, width: int) -> Traces:
    """Traces before the first frame."""
    coarse, fine, light, spots, squares = (np.zeros((height, width), np.float32) for _ in range(5))
    coarse -= 1  # so that the first frame wins even where its energy is 0
    cell = max(4, -(-max(height, width) // SIGNATURE))
    return Traces(coarse, fine, light, np.zeros((height, width), np.uint16), spots, squares, cell)


def observe(state: Traces, image: NDArray[Any], k: int, channel: int) -> None:
    """Take frame `k`, (Y, X, C) as stored, into the traces."""
    height, width = image.shape[:2]
    energy = np.empty((height, width), np.float32)
    over_rows(_observe_rows, height, state, image, k, channel, energy)
    rows, columns = max(1, height // state.cell), max(1, width // state.cell)
    inner = energy[: rows * state.cell, : columns * state.cell]
    state.signatures.append(cv2.resize(inner, (columns, rows), interpolation=cv2.INTER_AREA))


def _observe_rows(
    state: Traces, image: NDArray[Any], k: int, channel: int, energy: Plane, start: int, stop: int
) -> None:
    halo = int(4 * max(BANDS[-1] + POOL, AROUND)) + 1
    top = max(0, start - halo)
    part = image[top : stop + halo]
    light = grey(part, channel)
    soft = [_blurred(light, sigma) for sigma in BANDS]
    fine, coarse = (_blurred(np.square(a - b), POOL) for a, b in ((soft[0], soft[1]), (soft[1], soft[2])))
    around = _blurred(light, AROUND)
    spot = light / np.maximum(around, np.float32(DARK)) - 1
    brightest = part.max(2).astype(np.float32)
    inner, rows = slice(start - top, stop - top), slice(start, stop)
    energy[rows] = coarse[inner]
    _take(
        coarse[inner], fine[inner], brightest[inner], spot[inner], k, state.coarse[rows], state.fine[rows],
        state.light[rows], state.index[rows], state.spots[rows], state.squares[rows],
    )  # fmt: skip


def _blurred(plane: Any, sigma: float) -> Any:
    return cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)


@njit(cache=True, nogil=True)
def _take(new, fine_new, brightest, spot, k, coarse, fine, light, index, spots, squares):  # type: ignore[no-untyped-def]  # pragma: no cover
    for y in range(new.shape[0]):
        for x in range(new.shape[1]):
            if new[y, x] > coarse[y, x]:
                coarse[y, x] = new[y, x]
                fine[y, x] = fine_new[y, x]
                light[y, x] = brightest[y, x]
                index[y, x] = k
            value = spot[y, x]
            spots[y, x] += value
            squares[y, x] += value * value
