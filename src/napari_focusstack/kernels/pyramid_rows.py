"""Compiled loops that take a Laplacian pyramid apart and put it together again, over strips of rows.

REDUCE blurs by w = [1, 4, 6, 4, 1] / 16 along both axes and keeps every second pixel; EXPAND puts zeros between the
pixels and blurs by 2 w (Burt and Adelson, IEEE Trans. Commun. 31, 1983); borders are mirrored about the last pixel.

Pictures are (Y, C, X) float32: each row has its channels one after the other, so that inner loops run over contiguous
values. A frame as stored, (Y, X, C), is put in that order row by row where it is read.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["collapse_rows", "compiled", "expand_row", "interleave_rows", "mirror", "read_row", "reduce_rows"]

FAST = {"contract", "arcp", "nsz", "reassoc"}  # but NaN stays NaN
compiled = njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")

one, half, quarter, eighth = np.float32(1), np.float32(1 / 2), np.float32(1 / 4), np.float32(1 / 8)
four, six = np.float32(4), np.float32(6)


@compiled  # pragma: no cover
def mirror(i, n):
    """Index i reflected into 0 … n - 1, about the first and the last one."""
    if n == 1:
        return 0
    i = abs(i)
    i = n - 1 - abs(n - 1 - i)
    return abs(i)


@compiled  # pragma: no cover
def spread(source, out):
    """Values of a row of pixels, channel by channel, into rows `out` (C, X)."""
    channels, width = out.shape
    if channels == 3:
        red, green, blue = out[0], out[1], out[2]
        for x in range(width):
            red[x] = source[3 * x]
            green[x] = source[3 * x + 1]
            blue[x] = source[3 * x + 2]
    elif channels == 1:
        grey = out[0]
        for x in range(width):
            grey[x] = source[x]
    else:
        for c in range(channels):
            for x in range(width):
                out[c, x] = source[channels * x + c]


@compiled  # pragma: no cover
def read_row(image, stored, y, out):
    """Row y of an image, into `out` (C, X)."""
    if stored:
        spread(image[y].reshape(-1), out)
    else:
        for c in range(out.shape[0]):
            source, target = image[y, c], out[c]
            for x in range(target.size):
                target[x] = source[x]


@compiled  # pragma: no cover
def blur_down(image, y, begin, out):
    """Rows y - 2 … y + 2 of an image, weighted by 1, 4, 6, 4, 1, from value `begin` on, into `out` (X)."""
    height, end = image.shape[0], begin + out.size
    first, second = image[mirror(y - 2, height)].reshape(-1), image[mirror(y - 1, height)].reshape(-1)
    fourth, fifth = image[mirror(y + 1, height)].reshape(-1), image[mirror(y + 2, height)].reshape(-1)
    a, b, c, d, e = (
        first[begin:end],
        second[begin:end],
        image[y].reshape(-1)[begin:end],
        fourth[begin:end],
        fifth[begin:end],
    )
    for x in range(out.size):
        outer, inner = np.float32(a[x]) + np.float32(e[x]), np.float32(b[x]) + np.float32(d[x])
        out[x] = outer + four * inner + six * np.float32(c[x])


@compiled  # pragma: no cover
def reduce_rows(image, stored, out, start, stop):
    """REDUCE: blur by [1, 4, 6, 4, 1] / 16 along both axes and keep every second pixel; rows start … stop of `out`."""
    channels, narrow = out.shape[1], out.shape[2]
    width = image.shape[1] if stored else image.shape[2]
    blurred = np.empty(width * channels, np.float32)
    padded = np.empty((channels, 2 * narrow + 4), np.float32)
    inner = padded[:, 2 : width + 2]
    for j in range(start, stop):
        if stored:
            blur_down(image, 2 * j, 0, blurred)
            spread(blurred, inner)
        for c in range(channels):
            if not stored:
                blur_down(image, 2 * j, c * width, inner[c])
            row, target = padded[c], out[j, c]
            for x in (-2, -1):
                row[x + 2] = row[mirror(x, width) + 2]
            for x in range(width, 2 * narrow + 2):
                row[x + 2] = row[mirror(x, width) + 2]
            for x in range(narrow):
                outer, near = row[2 * x] + row[2 * x + 4], row[2 * x + 1] + row[2 * x + 3]
                target[x] = np.float32(1 / 256) * (outer + four * near + six * row[2 * x + 2])


@compiled  # pragma: no cover
def expand_row(coarse, y, c, height, width, sign, padded, out):
    """Add sign · EXPAND(coarse) to row y of channel c; `out` has `width` values, `padded` two more than coarse has."""
    narrow = coarse.shape[2]
    j = y // 2
    inner = padded[1 : narrow + 1]
    here = coarse[j, c]
    below = coarse[mirror(2 * j + 2, height) // 2, c]
    if y % 2:
        for x in range(narrow):
            inner[x] = sign * half * (here[x] + below[x])
    else:
        above = coarse[mirror(2 * j - 2, height) // 2, c]
        for x in range(narrow):
            inner[x] = sign * eighth * (above[x] + six * here[x] + below[x])
    padded[0] = inner[mirror(-2, width) // 2]
    padded[narrow + 1] = inner[mirror(2 * narrow, width) // 2]
    left, right = padded[:narrow], padded[2 : narrow + 2]
    pairs = width // 2
    for x in range(pairs):
        out[2 * x] += eighth * (left[x] + six * inner[x] + right[x])
        out[2 * x + 1] += half * (inner[x] + right[x])
    if width % 2:
        out[width - 1] += eighth * (left[pairs] + six * inner[pairs] + right[pairs])


@compiled  # pragma: no cover
def collapse_rows(coarse, detail, start, stop):
    """Add EXPAND(coarse) to rows start … stop of `detail`."""
    height, channels, width = detail.shape
    padded = np.empty(coarse.shape[2] + 2, np.float32)
    for y in range(start, stop):
        for c in range(channels):
            expand_row(coarse, y, c, height, width, one, padded, detail[y, c])


@compiled  # pragma: no cover
def interleave_rows(image, scale, start, stop):
    """Reorder rows start … stop of `image` (Y, C, X) in place, so that their memory holds (Y, X, C), times `scale`."""
    _, channels, width = image.shape
    copy = np.empty((channels, width), np.float32)
    for y in range(start, stop):
        copy[:] = image[y]
        row = image[y].reshape(-1)
        for c in range(channels):
            plane = copy[c]
            for x in range(width):
                row[x * channels + c] = scale * plane[x]
