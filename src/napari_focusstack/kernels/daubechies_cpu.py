"""One level of the complex Daubechies transform and its inverse, on the CPU.

Pictures are mirrored at their borders (half-sample symmetry): the filters are symmetric, so that the low band mirrors
in the same way, the high band with the opposite sign, and no coefficient more than the picture has pixels is needed.
Complex planes are stored as (2, Y, X): real and imaginary part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["analyse", "synthesise"]


def analyse(
    plane: NDArray[np.floating], filters: NDArray[np.complex128], low: NDArray[Any], detail: NDArray[Any]
) -> None:
    """Split a plane into its low band and the three detail bands of half its size.

    Parameters
    ----------
    plane : ndarray
        (1, Y, X) if it is real, (2, Y, X) if it is complex. An odd size is mirrored to the next even one.
    filters : ndarray
        First half of the low-pass filter.
    low, detail : ndarray
        Written: (2, ⌈Y/2⌉, ⌈X/2⌉) and (3, 2, ⌈Y/2⌉, ⌈X/2⌉): high in y, high in x, high in both.
    """
    parts = filters.real.astype(plane.dtype), filters.imag.astype(plane.dtype)
    over_rows(_analyse_rows, low.shape[1], plane, *parts, low, detail)


def synthesise(
    low: NDArray[np.floating], detail: NDArray[np.floating], filters: NDArray[np.complex128], out: NDArray[Any]
) -> None:
    """Put a plane together from its bands: the inverse of `analyse`.

    Parameters
    ----------
    low, detail : ndarray
        (2, y, x) and (3, 2, y, x).
    filters : ndarray
        First half of the low-pass filter.
    out : ndarray
        Written: (1, Y, X) for the real part alone, or (2, Y, X); Y is 2 y or 2 y - 1, X likewise.
    """
    parts = filters.real.astype(low.dtype), filters.imag.astype(low.dtype)
    over_rows(_synthesise_rows, out.shape[1], low, detail, *parts, out)


@njit(cache=True, nogil=True, inline="always")
def _mirrored(i, size):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Index of sample `i` of a row that is mirrored at both ends, over and over, if need be."""
    even = size + size % 2
    while i < 0 or i >= even:
        i = -1 - i if i < 0 else 2 * even - 1 - i
    return min(i, size - 1)


@njit(cache=True, nogil=True, fastmath=True)
def _filter_pairs(first, second, factor_re, factor_im, sign, low, high):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add h[j] (first + second) to `low` and g[j] (first - second) to `high`; all (2, n)."""
    for x in range(low.shape[1]):
        sum_re = first[0, x] + second[0, x]
        sum_im = first[1, x] + second[1, x]
        low[0, x] += factor_re * sum_re - factor_im * sum_im
        low[1, x] += factor_re * sum_im + factor_im * sum_re
        gap_re = sign * (first[0, x] - second[0, x])
        gap_im = sign * (first[1, x] - second[1, x])
        high[0, x] += factor_re * gap_re + factor_im * gap_im
        high[1, x] += factor_re * gap_im - factor_im * gap_re


@njit(cache=True, nogil=True, fastmath=True)
def _filter_real_pairs(first, second, factor_re, factor_im, sign, low, high):  # type: ignore[no-untyped-def]  # pragma: no cover
    for x in range(low.shape[1]):
        both = first[0, x] + second[0, x]
        low[0, x] += factor_re * both
        low[1, x] += factor_im * both
        gap = sign * (first[0, x] - second[0, x])
        high[0, x] += factor_re * gap
        high[1, x] -= factor_im * gap


@njit(cache=True, nogil=True)
def _analyse_row(row, h_re, h_im, even, odd, bands):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Low and high band (2, 2, n) of one row (1 or 2, X); `even` and `odd` are scratch for its mirrored samples."""
    half, parts, size, count = len(h_re), row.shape[0], row.shape[1], bands.shape[2]
    for part in range(parts):
        for m in range(even.shape[1]):
            i = 2 * m - half + 1
            if i >= 0 and i + 1 < size:
                even[part, m] = row[part, i]
                odd[part, m] = row[part, i + 1]
            else:
                even[part, m] = row[part, _mirrored(i, size)]
                odd[part, m] = row[part, _mirrored(i + 1, size)]
    bands[:] = 0
    for j in range(half):
        last = 2 * half - 1 - j  # one of j and last is even, the other odd
        if j % 2:
            first, second = odd[:, j // 2 :], even[:, last // 2 :]
        else:
            first, second = even[:, j // 2 :], odd[:, last // 2 :]
        sign = row.dtype.type(1 - 2 * (j % 2))
        if parts == 1:
            _filter_real_pairs(first[:, :count], second[:, :count], h_re[j], h_im[j], sign, bands[0], bands[1])
        else:
            _filter_pairs(first[:, :count], second[:, :count], h_re[j], h_im[j], sign, bands[0], bands[1])


@njit(cache=True, nogil=True)
def _analyse_rows(plane, h_re, h_im, low, detail, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    half, taps, count = len(h_re), 2 * len(h_re), low.shape[2]
    even = np.empty((plane.shape[0], count + half), plane.dtype)
    odd = np.empty_like(even)
    ring = np.empty((taps, 2, 2, count), plane.dtype)  # the newest rows: low or high in x, real or imaginary
    newest = 2 * start - half  # row number that is in the ring
    for m in range(start, stop):
        while newest < 2 * m + half:
            newest += 1
            row = plane[:, _mirrored(newest, plane.shape[1])]
            _analyse_row(row, h_re, h_im, even, odd, ring[newest % taps])
        low[:, m] = 0
        detail[:, :, m] = 0
        for j in range(half):
            sign = plane.dtype.type(1 - 2 * (j % 2))
            first = ring[(2 * m - half + 1 + j) % taps]
            second = ring[(2 * m + half - j) % taps]
            _filter_pairs(first[0], second[0], h_re[j], h_im[j], sign, low[:, m], detail[0, :, m])
            _filter_pairs(first[1], second[1], h_re[j], h_im[j], sign, detail[1, :, m], detail[2, :, m])


@njit(cache=True, nogil=True, fastmath=True)
def _add_products(low, high, factor_re, factor_im, sign, flip, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add conj(h[j]) low + conj(g[j]) high to `out`; all (2, n). `flip` is the sign of a mirrored high band."""
    sign = sign * flip
    for x in range(out.shape[1]):
        out[0, x] += factor_re * low[0, x] + factor_im * low[1, x]
        out[1, x] += factor_re * low[1, x] - factor_im * low[0, x]
        out[0, x] += sign * (factor_re * high[0, x] - factor_im * high[1, x])
        out[1, x] += sign * (factor_re * high[1, x] + factor_im * high[0, x])


@njit(cache=True, nogil=True, inline="always")
def _is_flipped(i, size):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Whether an odd number of mirrors lies between sample `i` and the row of so many samples."""
    return (i // size) % 2 != 0


@njit(cache=True, nogil=True)
def _synthesise_row(low, high, h_re, h_im, scratch, sums, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """One row, (1 or 2, X), of its low and high band, (2, n)."""
    half, count, size = len(h_re), low.shape[1], out.shape[1]
    one = low.dtype.type(1)
    for i in range(-half, count + half):
        place, sign = i, one
        while place < 0 or place >= count:
            place, sign = (-1 - place if place < 0 else 2 * count - 1 - place), -sign
        for part in range(2):
            scratch[0, part, i + half] = low[part, place]
            scratch[1, part, i + half] = sign * high[part, place]
    for parity in range(2):
        sums[:] = 0
        for j in range((parity + half - 1) % 2, 2 * half, 2):
            first = (parity + half - 1 - j) // 2 + half
            pair = min(j, 2 * half - 1 - j)
            _add_products(
                scratch[0, :, first : first + count], scratch[1, :, first : first + count],
                h_re[pair], h_im[pair], low.dtype.type(1 - 2 * (j % 2)), one, sums,
            )  # fmt: skip
        for part in range(out.shape[0]):
            for x in range(parity, size, 2):
                out[part, x] = sums[part, x // 2]


@njit(cache=True, nogil=True)
def _synthesise_rows(low, detail, h_re, h_im, out, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    half, count, height = len(h_re), low.shape[2], low.shape[1]
    bands = np.empty((2, 2, count), low.dtype)
    scratch = np.empty((2, 2, count + 2 * half), low.dtype)
    sums = np.empty((2, count), low.dtype)
    one = low.dtype.type(1)
    for y in range(start, stop):
        bands[:] = 0
        for j in range((y + half - 1) % 2, 2 * half, 2):
            m = (y + half - 1 - j) // 2
            flip = -one if _is_flipped(m, height) else one
            row = _mirrored_band(m, height)
            pair = min(j, 2 * half - 1 - j)
            sign = low.dtype.type(1 - 2 * (j % 2))
            _add_products(low[:, row], detail[0, :, row], h_re[pair], h_im[pair], sign, flip, bands[0])
            _add_products(detail[1, :, row], detail[2, :, row], h_re[pair], h_im[pair], sign, flip, bands[1])
        _synthesise_row(bands[0], bands[1], h_re, h_im, scratch, sums, out[:, y])


@njit(cache=True, nogil=True, inline="always")
def _mirrored_band(i, size):  # type: ignore[no-untyped-def]  # pragma: no cover
    while i < 0 or i >= size:
        i = -1 - i if i < 0 else 2 * size - 1 - i
    return i
