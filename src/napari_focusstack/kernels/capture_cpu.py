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

__all__ = ["GRID", "Traces", "observe", "traces"]

GRID = 4  # px between the points at which sharpness is kept: it is a mean over more than that
POOL = 0.7  # of the grid: standard deviation of that mean, beside the grid's own
AROUND = 2.0  # of the grid, 8 px: standard deviation of the surroundings that a spot is compared with
HALO = 64  # px that a strip needs to see above and below it; a multiple of GRID
SIGNATURE = 48  # cells along the longer side of a frame's signature
DARK = 1e-3  # of full scale: darker surroundings tell nothing of a spot


@dataclass(slots=True)
class Traces:
    """What is kept of the frames: 14 bytes a pixel, and a signature of at most 2304 numbers a frame.

    On the grid: `coarse` is the largest energy of the coarse band so far, met in frame `index`; `fine` is that of the
    fine band there; `before`, `after` and `last` are coarse energies of the frames beside it and of the newest one.
    A pixel each: `light` is the brightest channel in the frame where the pixel is sharpest, as stored; `spots` and
    `squares` are sums of how much the pixel differs from its surroundings, and of the squares.
    `signatures` are the coarse energies of all frames in cells of `cell` points of the grid, which are `grid` px apart.
    """

    coarse: Any
    fine: Any
    before: Any
    after: Any
    last: Any
    index: Any
    light: Any
    spots: Any
    squares: Any
    cell: int
    grid: int = GRID
    signatures: list[Any] = field(default_factory=list)


def traces(height: int, width: int) -> Traces:
    """Traces before the first frame."""
    rows, columns = -(-height // GRID), -(-width // GRID)
    coarse = np.full((rows, columns), -1, np.float32)  # so that the first frame wins even where its energy is 0
    fine, before, after, last = (np.zeros((rows, columns), np.float32) for _ in range(4))
    light, spots, squares = (np.zeros((height, width), np.float32) for _ in range(3))
    cell = max(1, -(-max(rows, columns) // SIGNATURE))
    index = np.zeros((rows, columns), np.uint16)
    return Traces(coarse, fine, before, after, last, index, light, spots, squares, cell)


def observe(state: Traces, image: NDArray[Any], k: int, channel: int) -> None:
    """Take frame `k`, (Y, X, C) as stored, into the traces. Frames must come in order."""
    over_rows(_observe_rows, len(image), state, image, k, channel, align=GRID)
    height, width = (max(1, size // state.cell) for size in state.last.shape)
    inner = state.last[: height * state.cell, : width * state.cell]
    state.signatures.append(cv2.resize(inner, (width, height), interpolation=cv2.INTER_AREA))


def _observe_rows(state: Traces, image: NDArray[Any], k: int, channel: int, start: int, stop: int) -> None:
    top = max(0, start - HALO)
    part = np.ascontiguousarray(image[top : stop + HALO])
    light = grey(part, channel)
    fine, coarse = energies(light)
    inner, grid = slice(start - top, stop - top), slice(start // GRID, -(-stop // GRID))
    within = slice((start - top) // GRID, (start - top) // GRID + grid.stop - grid.start)
    better = np.empty((grid.stop - grid.start, coarse.shape[1]), np.bool_)
    _take(
        coarse[within], fine[within], k, state.coarse[grid], state.fine[grid], state.before[grid], state.after[grid],
        state.last[grid], state.index[grid], better,
    )  # fmt: skip
    small = cv2.resize(light, coarse.shape[::-1], interpolation=cv2.INTER_AREA)
    around = cv2.resize(_blurred(small, AROUND), light.shape[::-1], interpolation=cv2.INTER_LINEAR)
    rows = slice(start, stop)
    _compare(
        part[inner], light[inner], around[inner], better, state.light[rows], state.spots[rows], state.squares[rows]
    )


def energies(light: Plane) -> tuple[Plane, Plane]:
    """Local energy of the fine band and of the coarse band of a grey, on the grid.

    The bands are differences of binomial filters whose standard deviations are 0.7 and 1.2 px (fine), 1.2 and 2.3 px
    (coarse).
    """
    first = cv2.GaussianBlur(light, (3, 3), 0.7071, borderType=cv2.BORDER_REFLECT_101)
    second = cv2.pyrDown(first)
    third = cv2.pyrDown(second)
    fine, coarse = np.square(first[::2, ::2] - second), np.square(second[::2, ::2] - third)
    size = third.shape[::-1]
    return _blurred(cv2.resize(fine, size, interpolation=cv2.INTER_AREA), POOL), _blurred(coarse, POOL)


def _blurred(plane: Any, sigma: float) -> Any:
    return cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)


@njit(cache=True, nogil=True)
def _take(new, fine_new, k, coarse, fine, before, after, last, index, better):  # type: ignore[no-untyped-def]  # pragma: no cover
    for y in range(new.shape[0]):
        for x in range(new.shape[1]):
            value = new[y, x]
            better[y, x] = value > coarse[y, x]
            if better[y, x]:
                coarse[y, x] = value
                fine[y, x] = fine_new[y, x]
                before[y, x] = last[y, x]
                after[y, x] = 0
                index[y, x] = k
            elif index[y, x] + 1 == k:
                after[y, x] = value
            last[y, x] = value


@njit(cache=True, nogil=True)
def _compare(image, grey, around, better, light, spots, squares):  # type: ignore[no-untyped-def]  # pragma: no cover
    height, width, channels = image.shape
    for y in range(height):
        for x in range(width):
            value = grey[y, x] / max(around[y, x], np.float32(DARK)) - np.float32(1)
            spots[y, x] += value
            squares[y, x] += value * value
        for x in range(width):
            if better[y // GRID, x // GRID]:
                brightest = image[y, x, 0]
                for c in range(1, channels):
                    brightest = max(brightest, image[y, x, c])
                light[y, x] = brightest
