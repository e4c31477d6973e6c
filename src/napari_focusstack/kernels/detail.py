"""Finest detail of every pixel along the sweep: at given depths, and at its best peaks in front and behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numba import njit

from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)
    Codes = NDArray[np.uint8]

__all__ = ["CODES", "NONE", "SHADES", "Detail"]

FINE = 0.7  # px (σ): of the blur before the Laplacian, and of that of its square
TAPS = tuple(cv2.getGaussianKernel(5, FINE, cv2.CV_32F)[2:, 0])  # from the middle on
CODES = np.float32(24)  # of detail, for each factor of e
STEPS = 16  # bits of a float32 that a table leaves out: its steps are at most 0.8 %
SHADES = np.float32(150), np.float32(50)  # of the grey's range, from dark to bright, and below
APART = np.float32(1.5)  # frames from a depth on which a peak is another one
NONE = -1  # where there is no peak
HERE, FRONT, BEHIND, HIGH, LOW = range(5)
ZERO, MOST = np.float32(0), np.float32(255)


class Detail:
    """What frames that come one by one show of every pixel, in 20 bytes a pixel.

    Parameters
    ----------
    index, low, high : ndarray
        (Y, X) float32: numbers of frames, with fractions, at which each pixel is looked at.
    least : float
        Detail below which differences hardly count.
    dark, bright : float
        Range of the grey.

    Attributes
    ----------
    sharp : (5, Y, X) uint8
        `CODES` ln(1 + d / least) of the detail d, see Notes, in the frames at `index`, at the peak in front of it and
        behind it, at `high` and at `low`.
    shade : (5, Y, X) uint8
        Grey there.
    dip : (2, Y, X) uint8
        Least detail between `index` and the peak in front, and behind.
    peak : (2, Y, X) int16
        Numbers of their frames; `NONE` where there is none.

    Notes
    -----
    Detail is the root of G(0.7 px) * (∇² G(0.7 px) * grey)². A peak is a frame in which it is larger than in those
    beside, 1.5 frames from `index` or more; of several the largest counts. Neither the first nor the last frame is one:
    what lies beyond the sweep is sharpest there.
    """

    def __init__(self, index: Plane, low: Plane, high: Plane, *, least: float, dark: float, bright: float) -> None:
        self._depths = index, low, high
        self._table = _codes_of_squares(least)
        self._tone = np.float32(dark), SHADES[0] / np.float32(max(bright - dark, 1e-12))
        self.sharp, self.shade = (np.zeros((5, *index.shape), np.uint8) for _ in range(2))
        self.dip = np.full((2, *index.shape), 255, np.uint8)
        self.peak = np.full((2, *index.shape), NONE, np.int16)
        self._last = np.zeros((4, *index.shape), np.uint8)  # detail two frames ago, one ago, dip since, grey one ago
        self._last[2] = 255

    def see(self, light: Plane, k: int) -> None:
        """Look at the grey of frame `k`; frames come in their order."""
        over_rows(self._rows, len(light), light, k)

    def _rows(self, light: Plane, k: int, start: int, stop: int) -> None:
        rows = slice(start, stop)
        depths = (plane[rows] for plane in self._depths)
        kept = (planes[:, rows] for planes in (self.sharp, self.shade, self.dip, self.peak, self._last))
        _see(light, start, self._table, *self._tone, k, *depths, *kept)


def _codes_of_squares(least: float) -> Codes:
    """Code of each square of detail, by the leading bits of its float32."""
    bits = np.arange(1 << 31 - STEPS, dtype=np.uint32) << STEPS | 1 << STEPS - 1  # the middle of each step
    square = np.nan_to_num(bits.view(np.float32), nan=np.inf)
    return np.minimum(CODES * np.log1p(np.sqrt(square) / np.float32(least)), MOST).astype(np.uint8)


@njit(cache=True, nogil=True)
def _see(light, first, table, dark, scale, k, index, low, high, sharp, shade, dip, peak, last):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Look at rows of a frame, whose grey is `light`, from row `first` on."""
    height, width = index.shape
    blurred, squares = np.empty((3, width + 2), np.float32), np.empty((5, width), np.float32)
    wide, square = np.empty(width + 4, np.float32), np.empty(width, np.float32)
    bits, codes, shades = square.view(np.uint32), np.empty(width, np.uint8), np.empty(width, np.uint8)
    events = np.zeros(-(-width // 8) * 8, np.uint8)
    around = np.empty(5, np.intp)
    for row in range(first - 3, first + height + 3):
        for i in range(5):
            around[i] = _mirrored(row + i - 2, len(light))
        _across(wide[2:-2], light, around)
        _along(blurred[row % 3, 1:-1], wide)
        if row < first - 1:
            continue
        _laplacian_squared(wide[2:-2], blurred[(row - 2) % 3], blurred[(row - 1) % 3], blurred[row % 3])
        _along(squares[(row - 1) % 5], wide)
        y = row - 3 - first
        if y < 0:
            continue
        for i in range(5):
            around[i] = (row - 5 + i) % 5
        _across(square, squares, around)
        for x in range(width):
            codes[x] = table[bits[x] >> STEPS]
        _find_peaks(k, codes, last[:, y], index[y], sharp[:, y], shade[:, y], dip[:, y], peak[:, y], events)
        for x in range(width):
            shades[x] = min(max((light[first + y, x] - dark) * scale + SHADES[1], ZERO), MOST)
        _note(k, codes, shades, last[2, y], index[y], high[y], low[y], sharp[:, y], shade[:, y], dip[0, y], events)
        last[0, y], last[1, y], last[3, y] = last[1, y], codes, shades


@njit(cache=True, nogil=True)
def _find_peaks(k, codes, last, index, sharp, shade, dip, peak, events):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Keep what the frame before was, where it was a peak and no other one has been larger."""
    if k < 2:
        return
    before, ago, front, behind = last[0], last[1], sharp[FRONT], sharp[BEHIND]
    at = np.float32(k - 1)
    for x in range(index.size):
        top = (ago[x] >= codes[x]) & (ago[x] > before[x])
        in_front = (at <= index[x] - APART) & (ago[x] > front[x])
        events[x] = top & (in_front | ((at >= index[x] + APART) & (ago[x] > behind[x])))
    for block in np.flatnonzero(events.view(np.uint64)):
        for x in range(8 * block, 8 * block + 8):
            if events[x]:
                side = 0 if at < index[x] else 1
                sharp[FRONT + side, x], shade[FRONT + side, x], peak[side, x] = ago[x], last[3, x], k - 1
                dip[side, x] = last[2, x] if side else 255


@njit(cache=True, nogil=True)
def _note(k, codes, shades, since, index, high, low, sharp, shade, dip, events):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Keep what the frame is where it is that of a depth, and the least detail before the depth and after it."""
    at = np.float32(k)
    for x in range(index.size):
        here = np.rint(index[x])
        dip[x] = min(dip[x], codes[x] if at <= here else 255)
        since[x] = min(since[x], codes[x] if at >= here else 255)
        events[x] = (at == here) | (at == np.rint(high[x])) | (at == np.rint(low[x]))
    for block in np.flatnonzero(events.view(np.uint64)):
        for x in range(8 * block, 8 * block + 8):
            if events[x]:
                if at == np.rint(index[x]):
                    sharp[HERE, x], shade[HERE, x] = codes[x], shades[x]
                if at == np.rint(high[x]):
                    sharp[HIGH, x], shade[HIGH, x] = codes[x], shades[x]
                if at == np.rint(low[x]):
                    sharp[LOW, x], shade[LOW, x] = codes[x], shades[x]


@njit(cache=True, nogil=True, fastmath=True)
def _across(out, rows, at):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Blur across the rows whose numbers `at` has."""
    a, b, c, d, e = rows[at[0]], rows[at[1]], rows[at[2]], rows[at[3]], rows[at[4]]
    for x in range(out.size):
        out[x] = TAPS[0] * c[x] + TAPS[1] * (b[x] + d[x]) + TAPS[2] * (a[x] + e[x])


@njit(cache=True, nogil=True, fastmath=True)
def _along(out, wide):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Blur along a row, which has room for 2 px more at both ends."""
    for i in range(2):
        wide[i] = wide[2 + _mirrored(i - 2, out.size)]
        wide[2 + out.size + i] = wide[2 + _mirrored(out.size + i, out.size)]
    for x in range(out.size):
        out[x] = TAPS[0] * wide[x + 2] + TAPS[1] * (wide[x + 1] + wide[x + 3]) + TAPS[2] * (wide[x] + wide[x + 4])


@njit(cache=True, nogil=True, fastmath=True)
def _laplacian_squared(out, above, row, below):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Square of the Laplacian of rows that have room for 1 px more at both ends."""
    row[0], row[-1] = row[1 + _mirrored(-1, out.size)], row[1 + _mirrored(out.size, out.size)]
    for x in range(out.size):
        edge = above[x + 1] + below[x + 1] + row[x] + row[x + 2] - 4 * row[x + 1]
        out[x] = edge * edge


@njit(cache=True, nogil=True)
def _mirrored(i, size):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Where a row or column that may lie beyond the ends is taken from."""
    period = max(2 * (size - 1), 1)
    i = abs(i) % period
    return min(i, period - i)
