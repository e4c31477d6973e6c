"""Compiled loops of the Laplacian pyramid over strips of rows.

Pictures are (Y, C, X) float32: each row has its channels one after the other, so that inner loops run over contiguous
values; a frame as stored, (Y, X, C), is put in that order row by row where it is read. A *block* is 2 × 2 pixels of a
level, and one pixel of the next.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call,type-arg"

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["collapse_rows", "interleave_rows", "merge_rows", "reduce_rows"]

FAST = {"contract", "arcp", "nsz", "reassoc"}
RING = 5  # rows of blocks that the window of the sharpness sees
CHUNK = 256  # pixels of a row that are left alone together where a frame has no share

one, two, half, quarter, eighth = (np.float32(value) for value in (1, 2, 0.5, 0.25, 0.125))
four, six = np.float32(4), np.float32(6)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def mirror(i, n):
    """Index i reflected into 0 … n - 1, about the first and the last one."""
    if n == 1:
        return 0
    i = abs(i)
    i = n - 1 - abs(n - 1 - i)
    return abs(i)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
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


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def read_row(image, stored, y, out):
    """Row y of an image, into `out` (C, X)."""
    if stored:
        spread(image[y].reshape(-1), out)
    else:
        for c in range(out.shape[0]):
            source, target = image[y, c], out[c]
            for x in range(target.size):
                target[x] = source[x]


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
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


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
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


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
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


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def block_row(detail, seen, evidence, coarse, j, height, variance, squares, out):
    """Row j of blocks: mean amplitude of the details in units of the noise, plus the evidence of finer levels.

    `detail` (2, C, X) are the level's two rows, `variance` the offset and slope of the noise's variance.
    """
    channels, width = detail.shape[1], detail.shape[2]
    narrow = out.size
    pairs = width // 2
    offset, slope = variance
    share = one / np.float32(channels if seen < 0 else 1)
    out[:] = 0
    squares[:narrow] = 0
    for c in range(channels):
        if seen < 0 or seen == c:
            row = coarse[j, c]
            for x in range(narrow):
                squares[x] += share * row[x]
    light = squares[:narrow].copy()
    for side in range(2):
        y = min(2 * j + side, height - 1)
        squares[:] = 0
        for c in range(channels):
            if seen < 0 or seen == c:
                row = detail[y - 2 * j, c]
                for x in range(width):
                    squares[x] += row[x] * row[x]
        for x in range(pairs):
            out[x] += np.sqrt(squares[2 * x]) + np.sqrt(squares[2 * x + 1])
        if width % 2:
            out[pairs] += two * np.sqrt(squares[width - 1])
    for x in range(narrow):
        out[x] *= quarter / np.sqrt(offset + slope * max(light[x], np.float32(0)))
    if evidence.size:
        for side in range(2):
            row = evidence[min(2 * j + side, height - 1)]
            for x in range(pairs):
                out[x] += quarter * (row[2 * x] + row[2 * x + 1])
            if width % 2:
                out[pairs] += half * row[width - 1]


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def sharpness_row(ring, j, rows, smoothing, padded, out):
    """Row j of the sharpness: the root of a block's squared amplitude and the squared mean of the 5 × 5 around it.

    The surroundings count `smoothing` times as much as the block. Squares let a block that is sharp by itself, a hair,
    speak for itself.
    """
    narrow = out.size
    inner = padded[2 : narrow + 2]
    a, b = ring[mirror(j - 2, rows) % RING], ring[mirror(j - 1, rows) % RING]
    d, e = ring[mirror(j + 1, rows) % RING], ring[mirror(j + 2, rows) % RING]
    here = ring[j % RING]
    for x in range(narrow):
        inner[x] = a[x] + b[x] + here[x] + d[x] + e[x]
    padded[0], padded[1] = inner[mirror(-2, narrow)], inner[mirror(-1, narrow)]
    padded[narrow + 2] = inner[mirror(narrow, narrow)]
    padded[narrow + 3] = inner[mirror(narrow + 1, narrow)]
    own = one / (one + smoothing)
    others = smoothing * own / np.float32(25 * 25)
    for x in range(narrow):
        around = padded[x] + padded[x + 1] + padded[x + 2] + padded[x + 3] + padded[x + 4]
        out[x] = np.sqrt(own * here[x] * here[x] + others * around * around)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def share_row(sharp, steepness, number, best, weight, index, out):
    """Share of frame `number` in the running weighted mean of each block; brings the running maximum up to date.

    Weights are exp(steepness · (sharpness - greatest sharpness)): relative to the maximum so far, so that nothing
    overflows, and below exp(-16) nothing.
    """
    for x in range(sharp.size):
        gain = sharp[x] - best[x]
        power = np.float32(min(abs(gain) * steepness, np.float32(16)))
        u = power * np.float32(-1 / 32)
        factor = one + u * (one + u * (half + u * (np.float32(1 / 6) + u * np.float32(1 / 24))))  # exp(u)
        factor *= factor
        factor *= factor
        factor *= factor
        factor *= factor
        factor *= factor
        factor = factor if power < np.float32(16) else np.float32(0)
        rises = gain > np.float32(0)
        before = factor if rises else one
        own = one if rises else factor
        total = weight[x] * before + own
        weight[x] = total
        out[x] = own / total
        best[x] = sharp[x] if rises else best[x]
        index[x] = number if rises else index[x]


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def widen(share, width, out, busy):
    """Share of each pixel, from that of its block; and which chunks of the row have any."""
    pairs = width // 2
    for x in range(pairs):
        out[2 * x] = share[x]
        out[2 * x + 1] = share[x]
    if width % 2:
        out[width - 1] = share[pairs]
    for chunk in range(busy.size):
        part = out[chunk * CHUNK : min((chunk + 1) * CHUNK, width)]
        total = np.float32(0)
        for x in range(part.size):
            total += part[x]
        busy[chunk] = total > 0


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def blend_row(mean, row, share, busy):
    """Move the running mean towards `row` by the share of each pixel, where there is any."""
    for chunk in range(busy.size):
        if busy[chunk]:
            begin, end = chunk * CHUNK, min((chunk + 1) * CHUNK, mean.size)
            old, new, part = mean[begin:end], row[begin:end], share[begin:end]
            for x in range(old.size):
                old[x] += part[x] * (new[x] - old[x])


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def merge_rows(
    image,
    stored,
    coarse,
    evidence,
    seen,
    variance,
    rule,
    number,
    detail,
    best,
    weight,
    index,
    base,
    passed,
    start,
    stop,
):
    """Merge one frame's level into the running result, for rows start … stop of blocks."""
    height = image.shape[0]
    rows, channels, narrow = coarse.shape
    width = detail.shape[2]
    smoothing, steepness, floor, gain = rule
    ring = np.empty((RING, narrow), np.float32)
    lines = np.empty((3, 2, channels, width), np.float32)
    squares = np.empty(width + 1, np.float32)
    padded = np.empty(narrow + 4, np.float32)
    sharp = np.empty(narrow, np.float32)
    share = np.empty(narrow, np.float32)
    wide = np.empty(width, np.float32)
    busy = np.empty(-(-width // CHUNK), np.bool_)
    for ahead in range(max(start - 2, 0), stop + 2):
        if ahead < rows:
            pair = lines[ahead % 3]
            for side in range(min(2, height - 2 * ahead)):
                y = 2 * ahead + side
                read_row(image, stored, y, pair[side])
                for c in range(channels):
                    expand_row(coarse, y, c, height, width, -one, padded, pair[side, c])
            block_row(pair, seen, evidence, coarse, ahead, height, variance, squares, ring[ahead % RING])
        j = ahead - 2
        if j < start:
            continue
        sharpness_row(ring, j, rows, smoothing, padded, sharp)
        share_row(sharp, steepness, number, best[j], weight[j], index[j], share)
        target = passed[j]
        for x in range(narrow):
            target[x] = gain * max(sharp[x] - floor, np.float32(0))
        widen(share, width, wide, busy)
        pair = lines[j % 3]
        for side in range(min(2, height - 2 * j)):
            for c in range(channels):
                blend_row(detail[2 * j + side, c], pair[side, c], wide, busy)
        if base.size:
            for c in range(channels):
                mean, row = base[j, c], coarse[j, c]
                for x in range(narrow):
                    mean[x] += share[x] * (row[x] - mean[x])


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def collapse_rows(coarse, detail, start, stop):
    """Add EXPAND(coarse) to rows start … stop of `detail`."""
    height, channels, width = detail.shape
    padded = np.empty(coarse.shape[2] + 2, np.float32)
    for y in range(start, stop):
        for c in range(channels):
            expand_row(coarse, y, c, height, width, one, padded, detail[y, c])


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
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
