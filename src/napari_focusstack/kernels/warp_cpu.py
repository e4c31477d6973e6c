"""Resampling on the CPU: an image and a motion in, the image on another grid out, interpolated from six samples.

The kernel. Six samples in a row make three pairs around the middle of the row, the innermost one last, with sums S0,
S1, S2 and differences D0, D1, D2. At offset t from the middle, -1/2 to 1/2, with q = 1 - 4 t²::

    value = S2 / 2 + t D2 + q ((S0 - 5 S1 + 4 S2) / 32 + t (D0 - 9 D1 + 22 D2) / 96)

It goes through the samples and reproduces cubics, as the six-point kernel of Keys (IEEE Trans. ASSP 29, 1981) does;
of the two numbers that these conditions leave free, the ones are taken that err least on photographs: 3 dB less than
the usual four-point cubic half-way between pixels, at nearly the same cost.

Two passes. A motion near the identity is resampled along the rows, then along the columns (Catmull and Smith, SIGGRAPH
1980). In both passes the whole-pixel part of the displacement is constant over long runs of a row: all loads are
contiguous, and the compiler vectorises. Only the rows that are being combined are held in float32.
"""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["splits", "warp"]

STEEPEST = 0.03  # sine of the rotation or shear up to which two passes agree with one in two dimensions to 0.5/255
LARGEST_ZOOM = 1.5
TAPS = 6
BEFORE = 2  # samples before the one at or left of the position

f4 = np.float32
loop = njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"})


def warp(
    image: NDArray[Any],
    matrix: NDArray[np.float64],
    height: int,
    width: int,
    table: NDArray[np.float32] | None = None,
) -> NDArray[Any]:
    """Image on another grid: ``result(p) = image(matrix @ p)``.

    Parameters
    ----------
    image : (Y, X, C) uint8, uint16 or float32
        The source. Beyond its border its outermost pixels are repeated.
    matrix : (3, 3) float64
        From (x, y, 1) of the result to (x, y, 1) of the source, in px with integer pixel centres.
    height, width : int
        Size of the result in px.
    table : (C, V) float32, optional
        Values that take the place of the stored values 0 to V - 1 of each channel, before interpolation.

    Returns
    -------
    (height, width, C), in the dtype of `image`
        Rounded and clipped, for integers.
    """
    rows, columns, channels = image.shape
    flat = np.ascontiguousarray(image).reshape(rows, columns * channels)
    out = np.empty((height, width * channels), image.dtype)
    table = np.empty((channels, 0), f4) if table is None else table
    integers = image.dtype.kind == "u"
    limits = np.array([0, np.iinfo(image.dtype).max, 0.5] if integers else [-np.inf, np.inf, 0], f4)
    matrix = np.asarray(matrix, np.float64) / matrix[2, 2]
    function = _two_passes if splits(matrix) else _two_dimensions
    over_rows(function, height, out, flat, channels, matrix, table, limits)
    return out.reshape(height, width, channels)


def splits(matrix: NDArray[np.float64]) -> bool:
    """Whether two passes give the same answer as one interpolation in two dimensions."""
    (a, b, _), (d, e, _), (g, h, _) = matrix / matrix[2, 2]
    upright = g == 0 == h and max(abs(b), abs(d)) <= STEEPEST
    return bool(upright and all(1 / LARGEST_ZOOM <= zoom <= LARGEST_ZOOM for zoom in (a, e)))


@njit(cache=True, nogil=True, inline="always")
def _between(a0, a1, a2, b2, b1, b0, t):  # type: ignore[no-untyped-def]  # pragma: no cover
    even = (a0 + b0 - f4(5) * (a1 + b1) + f4(4) * (a2 + b2)) * f4(1 / 32)
    odd = (b0 - a0 - f4(9) * (b1 - a1) + f4(22) * (b2 - a2)) * f4(1 / 96)
    return f4(0.5) * (a2 + b2) + t * (b2 - a2) + (f4(1) - f4(4) * t * t) * (even + t * odd)


@loop
def _blend(out, a0, a1, a2, b2, b1, b0, x, slope, start):  # type: ignore[no-untyped-def]  # pragma: no cover
    """One run: the offset is `start` at its beginning and grows by `slope` a pixel."""
    for i in range(out.size):
        out[i] = _between(a0[i], a1[i], a2[i], b2[i], b1[i], b0[i], slope * x[i] + start)


@loop
def _blend_to_stored(out, a0, a1, a2, b2, b1, b0, x, slope, start, limits):  # type: ignore[no-untyped-def]  # pragma: no cover
    low, high, half = limits
    for i in range(out.size):
        value = _between(a0[i], a1[i], a2[i], b2[i], b1[i], b0[i], slope * x[i] + start)
        out[i] = min(max(value, low), high) + half


@njit(cache=True, nogil=True)
def _run_end(x, slope, offset, width):  # type: ignore[no-untyped-def]  # pragma: no cover
    """End of the run from `x` on in which ``floor(slope * x + offset)`` stays the same."""
    whole = floor(slope * x + offset)
    if slope > 0:
        end = ceil((whole + 1 - offset) / slope)
    elif slope < 0:
        end = floor((whole - offset) / slope) + 1
    else:
        end = width
    return min(max(end, x + 1), width)


@njit(cache=True, nogil=True)
def _load(row, source, pad, channels, table):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Copy a source row into the middle of `row`, and repeat its ends beside it."""
    begin, size = pad * channels, source.size
    middle = row[begin : begin + size]
    if table.shape[1] == 0:
        for i in range(size):
            middle[i] = source[i]
    else:
        for c in range(channels):
            values = table[c]
            for i in range(c, size, channels):
                middle[i] = values[int(source[i])]
    for p in range(pad):
        for c in range(channels):
            row[p * channels + c] = middle[c]
            row[begin + size + p * channels + c] = middle[size - channels + c]


@njit(cache=True, nogil=True)
def _along_row(out, row, pad, channels, x_of, slope, offset):  # type: ignore[no-untyped-def]  # pragma: no cover
    """First pass, of one source row: position ``x + slope * x + offset`` for each x of the result."""
    width = out.size // channels
    x = 0
    while x < width:
        end = _run_end(x, slope, offset, width)
        shift = slope * x + offset
        whole = floor(shift)
        n = (end - x) * channels
        i = min(max((x + whole + pad - BEFORE) * channels, 0), row.size - n - (TAPS - 1) * channels)
        _blend(
            out[x * channels : end * channels],
            row[i:],
            row[i + channels :],
            row[i + 2 * channels :],
            row[i + 3 * channels :],
            row[i + 4 * channels :],
            row[i + 5 * channels :],
            x_of,
            f4(slope),
            f4(shift - whole - 0.5),
        )
        x = end


@njit(cache=True, nogil=True)
def _along_columns(out, held, rows, channels, x_of, slope, offset, limits):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Second pass, of one row of the result: source row ``slope * x + offset`` for each x; `held` is a ring of rows."""
    width = out.size // channels
    size = held.shape[0]
    x = 0
    while x < width:
        end = _run_end(x, slope, offset, width)
        position = slope * x + offset
        whole = floor(position)
        i = x * channels
        top = whole - BEFORE
        _blend_to_stored(
            out[i : end * channels],
            held[min(max(top, 0), rows - 1) % size, i:],
            held[min(max(top + 1, 0), rows - 1) % size, i:],
            held[min(max(top + 2, 0), rows - 1) % size, i:],
            held[min(max(top + 3, 0), rows - 1) % size, i:],
            held[min(max(top + 4, 0), rows - 1) % size, i:],
            held[min(max(top + 5, 0), rows - 1) % size, i:],
            x_of,
            f4(slope),
            f4(position - whole - 0.5),
            limits,
        )
        x = end


@njit(cache=True, nogil=True)
def _two_passes(out, source, channels, matrix, table, limits, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Rows `start` to `stop` of the result, of a motion that `splits`.

    A point (x, y) of the result is seen at column u = a x + b y + t and row v = d x + e y + s. Along the source row v
    the column is u = (a - b d / e) x + b / e (v - s) + t: the first pass; the second takes v.
    """
    a, b, t = matrix[0]
    d, e, s = matrix[1]
    rows, columns, width = source.shape[0], source.shape[1] // channels, out.shape[1] // channels
    slope, lean = a - b * d / e - 1, b / e
    low, high = min(0.0, d * (width - 1)), max(0.0, d * (width - 1))
    first = min(max(floor(e * start + s + low) - BEFORE, 0), rows - 1)
    after = min(max(floor(e * (stop - 1) + s + high) + TAPS - BEFORE, 1), rows)
    reach = abs(t) + abs(slope) * width + abs(lean) * (abs(first - s) + abs(after - s)) + abs(width - columns)
    pad = int(min(ceil(reach), columns + width)) + TAPS
    held = np.empty((ceil(high - low) + ceil(e) + TAPS + 2, width * channels), f4)
    row = np.empty((columns + 2 * pad) * channels, f4)
    x_of = (np.arange(width * channels) // channels).astype(f4)
    upcoming = first
    for y in range(start, stop):
        needed = min(max(floor(e * y + s + high) + TAPS - BEFORE, 1), rows)
        while upcoming < needed:
            _load(row, source[upcoming], pad, channels, table)
            _along_row(held[upcoming % held.shape[0]], row, pad, channels, x_of, slope, lean * (upcoming - s) + t)
            upcoming += 1
        _along_columns(out[y], held, rows, channels, x_of, d, e * y + s, limits)


@njit(cache=True, nogil=True, inline="always")
def _weights(t, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Weights of the six samples at offset `t`: `_between`, sample by sample."""
    q = 1 - 4 * t * t
    for i in range(3):
        even = (1.0, -5.0, 4.0)[i] * q / 32 + (0.0, 0.0, 0.5)[i]
        odd = t * ((1.0, -9.0, 22.0)[i] * q / 96 + (0.0, 0.0, 1.0)[i])
        out[i] = even - odd
        out[TAPS - 1 - i] = even + odd


@loop
def _two_dimensions(out, source, channels, matrix, table, limits, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Rows `start` to `stop` of the result, of any motion."""
    rows, columns, width = source.shape[0], source.shape[1] // channels, out.shape[1] // channels
    across, down, at = np.empty(TAPS, f4), np.empty(TAPS, f4), np.empty(TAPS, np.intp)
    low, high, half = limits
    mapped = table.shape[1] > 0
    for y in range(start, stop):
        for x in range(width):
            depth = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]
            u = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]) / depth
            v = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]) / depth
            u, v = min(max(u, -1.0), columns + 0.0), min(max(v, -1.0), rows + 0.0)
            left, top = floor(u), floor(v)
            _weights(u - left - 0.5, across)
            _weights(v - top - 0.5, down)
            for i in range(TAPS):
                at[i] = min(max(left + i - BEFORE, 0), columns - 1) * channels
            for c in range(channels):
                total = f4(0)
                for j in range(TAPS):
                    line = source[min(max(top + j - BEFORE, 0), rows - 1)]
                    part = f4(0)
                    for i in range(TAPS):
                        stored = line[at[i] + c]
                        part += across[i] * (table[c, int(stored)] if mapped else f4(stored))
                    total += down[j] * part
                out[y, x * channels + c] = min(max(total, low), high) + half
