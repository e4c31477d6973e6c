"""Curves of sharpness along a burst around their peaks, on the CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numba import njit

from ..focus import FOCUS_MEASURES, PRE_BLUR, grey, smoothed
from .grids import shrunk
from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ABSENT", "GRID", "WINDOW", "Curves", "curves", "found", "measured", "observe", "spread_of"]

GRID = 2  # px in one of the grid that the curves live on: smoothed measures hold nothing finer
WINDOW = 5  # frames that are kept on either side of the peak
ABSENT = -1.0  # a measure that is not there: before the first frame, after the last one


@dataclass(slots=True)
class Curves:
    """Running peak of the focus measure and the curve around it; about 21 bytes a pixel of the frames.

    `best` is the largest measure so far, met in frame `index`; `before[j]` and `after[j]` are those of the frames
    j + 1 before and after it, `ABSENT` where there are none; `recent` is a ring of the newest; `total` is the sum over
    all, `light` that of the greys. These are on a grid of `GRID` px. `picture`, in full size, is the grey of the best
    frames.
    """

    best: Any
    total: Any
    light: Any
    index: Any
    before: Any
    after: Any
    recent: Any
    picture: Any

    @property
    def nbytes(self) -> int:
        """Bytes of all planes."""
        planes = (self.best, self.total, self.light, self.index, self.before, self.after, self.recent, self.picture)
        return sum(int(plane.nbytes) for plane in planes)


def curves(height: int, width: int) -> Curves:
    """Curves before the first frame."""
    small = -(-height // GRID), -(-width // GRID)
    best = np.full(small, ABSENT, np.float32)  # so that the first frame wins even where its measure is 0
    before, after, recent = (np.full((WINDOW, *small), ABSENT, np.float32) for _ in range(3))
    total, light, index = np.zeros(small, np.float32), np.zeros(small, np.float32), np.zeros(small, np.uint16)
    return Curves(best, total, light, index, before, after, recent, np.zeros((height, width), np.float32))


def spread_of(radius: float) -> float:
    """Standard deviation, on the grid, that makes the mean of a square of the grid one of `radius` px."""
    return float(np.sqrt(max(radius**2 - (GRID**2 - 1) / 12, 0.0)) / GRID)


def observe(state: Curves, image: NDArray[Any], k: int, measure: str, radius: float, channel: int) -> None:
    """Take frame `k`, (Y, X, C) as stored, into the curves. Frames must come in order."""
    over_rows(_observe_rows, len(image), state, image, k, measure, radius, channel, align=GRID)


def _observe_rows(
    state: Curves, image: NDArray[Any], k: int, measure: str, radius: float, channel: int, start: int, stop: int
) -> None:
    halo = (int(4 * (radius + PRE_BLUR)) + 4 * GRID) // GRID * GRID
    top = max(0, start - halo)
    light = grey(image[top : stop + halo], channel)
    sharpness = measured(smoothed(light, PRE_BLUR), measure)
    spread = spread_of(radius)
    if spread > 0:
        sharpness = cv2.GaussianBlur(sharpness, (0, 0), spread, borderType=cv2.BORDER_REFLECT_101)
    first, rows = top // GRID, slice(start // GRID, -(-stop // GRID))
    _take(
        sharpness[rows.start - first : rows.stop - first], light[start - top : stop - top], k,
        state.best[rows], state.total[rows], state.light[rows], state.index[rows], state.before[:, rows],
        state.after[:, rows], state.recent[:, rows], state.picture[start:stop],
    )  # fmt: skip


def measured(light: Any, measure: str) -> Any:
    """Focus measure of a picture on the grid."""
    if measure != "sml" or min(light.shape) < 2:
        return shrunk(FOCUS_MEASURES[measure](light), GRID)
    cells = np.empty((-(-light.shape[0] // GRID), -(-light.shape[1] // GRID)), np.float32)
    _sml_cells(light, cells)
    return cells


@njit(cache=True, nogil=True, fastmath=True)
def _sml_cells(light, cells):  # type: ignore[no-untyped-def]  # pragma: no cover
    """`shrunk(modified_laplacian(light), 2)` in one go: three rows of sums beside each other stay in the cache."""
    height, width = light.shape
    size = np.empty(width, np.float32)
    sums = np.empty((3, width), np.float32)  # of three neighbours in a row, of the rows r - 1, r and r + 1
    measure = np.empty((2, 2 * cells.shape[1]), np.float32)
    half = np.float32(0.5)
    for ahead in range(height + 1):
        if ahead < height:
            above, below = light[abs(ahead - 1)], light[ahead + 1 if ahead + 1 < height else height - 2]
            row = light[ahead]
            for x in range(1, width - 1):
                size[x] = abs(2 * row[x] - row[x - 1] - row[x + 1]) + abs(2 * row[x] - above[x] - below[x])
            for x, beside in ((0, 1), (width - 1, width - 2)):
                size[x] = 2 * abs(row[x] - row[beside]) + abs(2 * row[x] - above[x] - below[x])
            line = sums[ahead % 3]
            for x in range(1, width - 1):
                line[x] = size[x - 1] + size[x] + size[x + 1]
            line[0], line[width - 1] = size[0] + 2 * size[1], size[width - 1] + 2 * size[width - 2]
        if ahead == 0:
            continue
        r = ahead - 1
        before = sums[(r - 1) % 3] if r > 0 else sums[1]
        after = sums[(r + 1) % 3] if r + 1 < height else sums[(r - 1) % 3]
        here, out = sums[r % 3], measure[r % 2]
        for x in range(width):
            out[x] = before[x] + here[x] + after[x]
        if width < len(out):
            out[width] = out[width - 1]
        if r % 2 == 1 or r == height - 1:
            other = measure[0]
            for x in range(cells.shape[1]):
                cells[r // 2, x] = half * half * (out[2 * x] + out[2 * x + 1] + other[2 * x] + other[2 * x + 1])


@njit(cache=True, nogil=True)
def _take(new, light, k, best, total, lights, index, before, after, recent, picture):  # type: ignore[no-untyped-def]  # pragma: no cover
    for y in range(new.shape[0]):
        for x in range(new.shape[1]):
            value = new[y, x]
            since = k - index[y, x]
            if value > best[y, x]:
                best[y, x] = value
                index[y, x] = k
                for j in range(WINDOW):
                    before[j, y, x] = recent[(k - 1 - j) % WINDOW, y, x]
                    after[j, y, x] = ABSENT
                for row in range(GRID * y, min(GRID * y + GRID, light.shape[0])):
                    for column in range(GRID * x, min(GRID * x + GRID, light.shape[1])):
                        picture[row, column] = light[row, column]
            elif since <= WINDOW:
                after[since - 1, y, x] = value
            recent[k % WINDOW, y, x] = value
            total[y, x] += value
            lights[y, x] += light[GRID * y, GRID * x]


def found(state: Curves) -> Curves:
    """Curves as numpy arrays."""
    return state
