"""Compiled loops that merge a frame into the running result of a Laplacian pyramid's fusion, over strips of rows.

Pictures are (Y, C, X), as in `pyramid_rows`. A *block* is 2 × 2 pixels of a level, and one pixel of the next: the
frames' shares are decided for blocks. All steps from the frame's pixels to the running mean follow each other row by
row, in buffers that stay in the cache.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from .pyramid_rows import compiled, expand_row, half, mirror, one, quarter, read_row

__all__ = ["merge_rows"]

RING = 5  # rows of blocks that the window of the sharpness sees
AHEAD = 2  # rows of blocks that must be known beyond the one that is decided
CHUNK = 256  # pixels of a row that are left alone together where a frame has no share

zero, two, sixteen = np.float32(0), np.float32(2), np.float32(16)
third, fourth = np.float32(1 / 6), np.float32(1 / 24)  # factors of the exponential's series


@compiled  # pragma: no cover
def noise_row(coarse, seen, variance, out):
    """Reciprocal of the noise's amplitude in a row of blocks, by their brightness in `coarse` (C, X)."""
    channels = coarse.shape[0]
    offset, slope = variance
    slope /= np.float32(channels if seen < 0 else 1)
    out[:] = zero
    for c in range(channels):
        if seen < 0 or seen == c:
            row = coarse[c]
            for x in range(out.size):
                out[x] += row[x]
    for x in range(out.size):
        out[x] = one / np.sqrt(offset + slope * max(out[x], zero))


@compiled  # pragma: no cover
def add_amplitude(detail, seen, squares, out):
    """Add the amplitude sqrt(Σ L²) over the channels of a row of details (C, X), summed over the pixels of a block."""
    channels, width = detail.shape
    pairs = width // 2
    squares[:] = zero
    for c in range(channels):
        if seen < 0 or seen == c:
            row = detail[c]
            for x in range(width):
                squares[x] += row[x] * row[x]
    for x in range(pairs):
        out[x] += np.sqrt(squares[2 * x]) + np.sqrt(squares[2 * x + 1])
    if width % 2:
        out[pairs] += two * np.sqrt(squares[width - 1])


@compiled  # pragma: no cover
def add_evidence(row, out):
    """Add a row of the finer level's evidence, its mean over two rows of a block."""
    pairs = row.size // 2
    for x in range(pairs):
        out[x] += quarter * (row[2 * x] + row[2 * x + 1])
    if row.size % 2:
        out[pairs] += half * row[row.size - 1]


@compiled  # pragma: no cover
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


@compiled  # pragma: no cover
def share_row(sharp, steepness, number, best, weight, index, out):
    """Share of frame `number` in the running weighted mean of each block; brings the running maximum up to date.

    Weights are exp(steepness · (sharpness - greatest sharpness)): relative to the maximum so far, so that nothing
    overflows, and below exp(-16) nothing.
    """
    for x in range(sharp.size):
        gain = sharp[x] - best[x]
        power = np.float32(min(abs(gain) * steepness, sixteen))
        u = power * np.float32(-1 / 32)
        factor = one + u * (one + u * (half + u * (third + u * fourth)))  # exp(u)
        factor *= factor
        factor *= factor
        factor *= factor
        factor *= factor
        factor *= factor
        factor = factor if power < sixteen else zero
        rises = gain > zero
        before = factor if rises else one
        own = one if rises else factor
        total = weight[x] * before + own
        weight[x] = total
        out[x] = own / total
        best[x] = sharp[x] if rises else best[x]
        index[x] = number if rises else index[x]


@compiled  # pragma: no cover
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


@compiled  # pragma: no cover
def blend_row(mean, row, share, busy):
    """Move the running mean towards `row` by the share of each pixel, where there is any."""
    for chunk in range(busy.size):
        if busy[chunk]:
            begin, end = chunk * CHUNK, min((chunk + 1) * CHUNK, mean.size)
            old, new, part = mean[begin:end], row[begin:end], share[begin:end]
            for x in range(old.size):
                old[x] += part[x] * (new[x] - old[x])


@compiled  # pragma: no cover
def merge_rows(
    image, stored, coarse, evidence, seen, variance, rule, number,
    detail, best, weight, index, base, passed, start, stop,
):  # fmt: skip
    """Merge one frame's level into the running result, for rows start … stop of blocks.

    Parameters
    ----------
    image, stored, coarse
        The frame at this level, whether it is (Y, X, C) as stored, and the frame at the next level.
    evidence : (Y, X), or of size 0
        What finer levels say.
    seen : int
        Channel that decides, -1 for all.
    variance, rule : tuple of float32
        As in `pyramid_cpu.merge`.
    number : int
        The frame's.
    detail, best, weight, index, base
        The running result; `base` of size 0 but in the coarsest level.
    passed : (Y / 2, X / 2)
        Evidence for the next level.
    """
    height = image.shape[0]
    rows, channels, narrow = coarse.shape
    width = detail.shape[2]
    smoothing, steepness, floor, gain = rule
    ring = np.empty((RING, narrow), np.float32)
    lines = np.empty((AHEAD + 1, 2, channels, width), np.float32)
    squares, padded = np.empty(width, np.float32), np.empty(narrow + 4, np.float32)
    sharp, share = np.empty(narrow, np.float32), np.empty(narrow, np.float32)
    wide, busy = np.empty(width, np.float32), np.empty(-(-width // CHUNK), np.bool_)
    for ahead in range(max(start - AHEAD, 0), stop + AHEAD):
        if ahead < rows:
            pair, blocks = lines[ahead % (AHEAD + 1)], ring[ahead % RING]
            blocks[:] = zero
            for side in range(2):
                y = min(2 * ahead + side, height - 1)
                row = pair[y - 2 * ahead]
                if y == 2 * ahead + side:
                    read_row(image, stored, y, row)
                    for c in range(channels):
                        expand_row(coarse, y, c, height, width, -one, padded[: narrow + 2], row[c])
                add_amplitude(row, seen, squares, blocks)
            noise_row(coarse[ahead], seen, variance, share)
            for x in range(narrow):
                blocks[x] *= quarter * share[x]
            if evidence.size:
                for side in range(2):
                    add_evidence(evidence[min(2 * ahead + side, height - 1)], blocks)
        j = ahead - AHEAD
        if j < start:
            continue
        sharpness_row(ring, j, rows, smoothing, padded, sharp)
        share_row(sharp, steepness, number, best[j], weight[j], index[j], share)
        target = passed[j]
        for x in range(narrow):
            target[x] = gain * max(sharp[x] - floor, zero)
        widen(share, width, wide, busy)
        for y in range(2 * j, min(2 * j + 2, height)):
            for c in range(channels):
                blend_row(detail[y, c], lines[j % (AHEAD + 1), y - 2 * j, c], wide, busy)
        if base.size:
            for c in range(channels):
                mean, row = base[j, c], coarse[j, c]
                for x in range(narrow):
                    mean[x] += share[x] * (row[x] - mean[x])
