"""Which of two surfaces every pixel beside a depth edge belongs to, from the two frames that show them sharp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numba import njit

from ..arrays import unit
from ..progress import track
from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["PAIRS", "beside_jumps", "compare", "settle", "shares"]

ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)
PAIRS = 4  # of a pixel: with the one beside it, the one below, and the two on the diagonals below
STEPS = np.array([[0, 1], [1, 0], [1, 1], [1, -1]])  # rows and columns from a pixel to the other one of the pair
SAY = np.array([1, 1, 0.5, 0.5], np.float32) / np.float32(1.5)  # weights of the pairs: diagonals are longer
CODES = np.float32(16)  # of a difference, for each factor of e
TRUST = np.float32(0.5)  # in the logarithm of the ratio of two differences, as a logarithm of a probability
HEAT = np.float32(0.5)  # of the mean field
STILL = np.float32(0.01)  # change of a probability that is none
FIRST = np.float32(0.8)  # probability that a pixel belongs to the surface that its depth is nearer to, to begin with
PRIOR = 0.03  # that a depth is of the surface it is nearer to, as a logarithm of a probability
LEAST_CUT = 0.05  # that two neighbours cost, of different surfaces, however much they differ
CLOSE = np.float32(0.5)  # frames to the depth of a surface within which a depth is one of it
FAR = np.float32(1e9)  # beyond all depths
NARROW, WIDE = 2, 5  # px to either side in two windows
SAME = np.float32(0.65)  # share of the range of depths of the wide one that the narrow one has where there is a jump


def beside_jumps(index: Plane, known: NDArray[np.bool_], jump: float, reach: int) -> tuple[Plane, Plane]:
    """Least and largest known depth within `reach` px of every pixel as near to a jump; elsewhere twice the depth.

    Elsewhere is also where neither the pixel's depth nor a neighbour's is known: no frame shows sharp what is there.
    A jump is a range of more than `jump` of the known depths within 5 × 5 pixels that hardly grows in a window of twice
    the size: on a steep slope it does.
    """
    low, high = np.empty_like(index), np.empty_like(index)
    over_rows(_beside_rows, len(index), index, known, jump, reach, low, high)
    return low, high


def _beside_rows(
    index: Plane, known: NDArray[np.bool_], jump: float, reach: int, low: Plane, high: Plane, start: int, stop: int
) -> None:
    top, bottom = max(0, start - reach - WIDE), stop + reach + WIDE
    part, sure = index[top:bottom], known[top:bottom]
    floor, ceiling = np.where(sure, part, FAR), np.where(sure, part, -FAR)
    next_to, narrow, wide, window = (np.ones((2 * r + 1, 2 * r + 1), np.uint8) for r in (1, NARROW, WIDE, reach))
    here, around = (cv2.dilate(ceiling, size) - cv2.erode(floor, size) for size in (narrow, wide))
    jumps = ((here > jump) & (here > SAME * around)).astype(np.uint8)
    inner = slice(start - top, stop - top)
    apart = cv2.min(cv2.dilate(jumps, window), cv2.dilate(sure.astype(np.uint8), next_to))[inner] > 0
    low[start:stop] = np.where(apart, cv2.erode(floor, window)[inner], index[start:stop])
    high[start:stop] = np.where(apart, cv2.dilate(ceiling, window)[inner], index[start:stop])


def compare(
    image: NDArray[Any],
    k: int,
    low: Plane,
    high: Plane,
    channel: int,
    least: float,
    codes: NDArray[np.uint8],
) -> None:
    """Note how much neighbours differ in a part of frame `k`, (Y, X, C), where it shows one of the two depths sharp.

    `codes` (Y, X, 4, 2) takes `CODES` ln(1 + d / least), d the mean difference of the channels, for the pairs of
    `STEPS`: first in the frame nearest to `low`, then in that nearest to `high`.
    """
    part = image if channel < 0 else image[:, :, channel : channel + 1]
    scale = np.float32(1 / (least * unit(image.dtype) * part.shape[2]))
    _compare(np.ascontiguousarray(part), k, low, high, scale, codes)


@njit(cache=True, nogil=True, fastmath=True)
def _compare(part, k, low, high, scale, codes):  # type: ignore[no-untyped-def]  # pragma: no cover
    height, width, channels = part.shape
    for y in range(low.shape[0]):
        for x in range(width):
            if low[y, x] == high[y, x]:
                continue
            for side in range(2):
                depth = high[y, x] if side else low[y, x]
                if abs(depth - k) > np.float32(0.5):
                    continue
                for pair in range(PAIRS):
                    row, column = y + STEPS[pair, 0], x + STEPS[pair, 1]
                    if row >= height or column < 0 or column >= width:
                        continue
                    total = np.float32(0)
                    for c in range(channels):
                        total += abs(np.float32(part[row, column, c]) - np.float32(part[y, x, c]))
                    code = CODES * np.log(1 + total * scale)
                    codes[y, x, pair, side] = np.uint8(min(code, np.float32(255)))


def shares(
    index: Plane, low: Plane, high: Plane, codes: NDArray[np.uint8], least: float, contrast: float, rounds: int
) -> tuple[Plane, bool]:
    """Probability, 0 to 1, that a pixel belongs to the surface at `low`, wherever that is not `high`.

    And whether the frames of lower depths show what is nearer.

    The mean field of a random field on pairs of neighbours, for which d₁ and d₂ are their differences in the frames of
    the two surfaces: both low costs max(0, ln(d₂ / d₁)) / 2, both high max(0, ln(d₁ / d₂)) / 2, as a surface has the
    larger differences where it is sharp; one of each exp(-d / contrast), d the difference in the frame of the nearer
    surface, as its contour is sharp there. A pair across the contour thus tells that one of the two pixels is of the
    nearer surface and not which, where a focus measure, with its neighbourhood, takes both. Which end of the sweep is
    the nearer one, the contours themselves tell after half of the rounds: in its frames they are sharper.
    """
    share = np.empty_like(index)
    over_rows(_start_rows, len(index), index, low, high, share)
    stirred = np.zeros(index.shape, np.uint8)  # the round in which the share last changed
    corners = [_beside(low, high, corner // 2, corner % 2) for corner in range(4)]
    cut = _cut(least, contrast)
    sharper = True
    near = np.array([True, True])  # the frames, low and high, that may show a contour
    for turn in track(range(rounds)):
        if turn == rounds // 2:
            sharper = sum(over_rows(_sharper_rows, len(index), low, high, codes, share)) > 0
            near = np.array([sharper, not sharper])
            stirred[:] = turn
        for places in corners:  # pixels that are updated at the same time are no neighbours
            over_rows(
                _vote, len(places), places, index, np.float32(PRIOR), share, low, high, codes, cut, near, stirred, turn
            )
    return share, sharper


def _beside(low: Plane, high: Plane, row: int, column: int) -> NDArray[np.int64]:
    """Places, in the flat picture, of pixels beside a jump: those of every other row and column."""
    rows, columns = np.nonzero(low[row::2, column::2] != high[row::2, column::2])
    places: NDArray[np.int64] = (2 * rows + row) * low.shape[1] + 2 * columns + column
    return places


def _cut(least: float, contrast: float) -> NDArray[np.float32]:
    """What it costs, for every code, that two neighbours belong to different surfaces."""
    difference = least * np.expm1(np.arange(256) / CODES)
    return np.maximum(np.exp(-difference / contrast), LEAST_CUT).astype(np.float32)


def _start_rows(index: Plane, low: Plane, high: Plane, share: Plane, start: int, stop: int) -> None:
    rows = slice(start, stop)
    share[rows] = np.where(2 * index[rows] < low[rows] + high[rows], FIRST, 1 - FIRST)


@njit(cache=True, nogil=True, fastmath=True)
def _vote(places, index, prior, share, low, high, codes, cut, near, stirred, turn, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    height, width = share.shape
    for place in places[start:stop]:
        y, x = place // width, place % width
        if turn and not _any_stirred(stirred, y, x, turn):
            continue
        middle = (low[y, x] + high[y, x]) * HALF
        gain = prior if index[y, x] < middle else -prior  # of being low
        for way in range(2 * PAIRS):
            pair = way % PAIRS
            sign = 1 if way < PAIRS else -1
            row, column = y + sign * STEPS[pair, 0], x + sign * STEPS[pair, 1]
            if row < 0 or row >= height or column < 0 or column >= width:
                continue
            other = ZERO  # the neighbour's probability of being low, seen from here
            if low[row, column] < middle:
                other += share[row, column]
            if high[row, column] < middle:
                other += ONE - share[row, column]
            y0, x0 = (y, x) if sign > 0 else (row, column)
            in_low, in_high = codes[y0, x0, pair, 0], codes[y0, x0, pair, 1]
            sharper = TRUST * (np.float32(in_low) - np.float32(in_high)) / CODES
            apart = cut[max(in_low * near[0], in_high * near[1])]
            gain += SAY[pair] * (other * (apart + min(sharper, ZERO)) + (ONE - other) * (max(sharper, ZERO) - apart))
        new = ONE / (ONE + np.exp(-gain / HEAT))
        if abs(new - share[y, x]) > STILL:
            stirred[y, x] = turn
        share[y, x] = new


@njit(cache=True, nogil=True)
def _any_stirred(stirred, y, x, turn):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Whether a pixel or a neighbour changed since the round before."""
    for row in range(max(0, y - 1), min(stirred.shape[0], y + 2)):
        for column in range(max(0, x - 1), min(stirred.shape[1], x + 2)):
            if stirred[row, column] >= turn - 1:
                return True
    return False


@njit(cache=True, nogil=True)
def _sharper_rows(low, high, codes, share, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    """By how much contours differ more in the frames of the lower depths, summed over their pairs."""
    total = np.int64(0)
    height, width = low.shape
    for y in range(start, stop):
        for x in range(width):
            if low[y, x] == high[y, x]:
                continue
            for pair in range(2):
                row, column = y + STEPS[pair, 0], x + STEPS[pair, 1]
                if row < height and column < width and (share[y, x] > 0.5) != (share[row, column] > 0.5):
                    total += np.int64(codes[y, x, pair, 0]) - np.int64(codes[y, x, pair, 1])
    return total


def settle(index: Plane, sigma: Plane, low: Plane, high: Plane, share: Plane, reach: int) -> tuple[Plane, Plane]:
    """Depth, and its standard deviation, of the surface that each pixel belongs to.

    Beside a jump, the mean of the depths within `reach` px that are near to that of the surface; the variance grows by
    p (1 - p) (high - low)², p the probability of either.
    """
    depth, error = np.empty_like(index), np.empty_like(index)
    over_rows(_settle, len(index), index, sigma, low, high, share, reach, depth, error)
    return depth, error


@njit(cache=True, nogil=True, fastmath=True)
def _settle(index, sigma, low, high, share, reach, depth, error, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    height, width = index.shape
    for y in range(start, stop):
        for x in range(width):
            depth[y, x], error[y, x] = index[y, x], sigma[y, x]
            gap = high[y, x] - low[y, x]
            if gap == 0:
                continue
            p = share[y, x]
            aim = low[y, x] if p > np.float32(0.5) else high[y, x]
            close = min(gap / 4, CLOSE)
            if abs(index[y, x] - aim) > close:
                total, weight, variance = np.float32(0), np.float32(0), np.float32(0)
                for row in range(max(0, y - reach), min(height, y + reach + 1)):
                    for column in range(max(0, x - reach), min(width, x + reach + 1)):
                        if abs(index[row, column] - aim) <= close:
                            w = 1 / np.float32((row - y) ** 2 + (column - x) ** 2)
                            total += w * index[row, column]
                            variance += w * sigma[row, column] ** 2
                            weight += w
                if weight > 0:
                    depth[y, x], error[y, x] = total / weight, np.sqrt(variance / weight)
            error[y, x] = np.sqrt(error[y, x] ** 2 + p * (1 - p) * gap * gap)
