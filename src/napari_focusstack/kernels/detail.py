"""Finest detail of every pixel along the sweep: at given depths, and at its best peaks in front and behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numba import njit

from ..focus import grey
from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)
    Codes = NDArray[np.uint8]

__all__ = ["CODES", "NONE", "SHADES", "Detail"]

FINE = 0.7  # px (σ): of the blur before the Laplacian, and of that of its square
MARGIN = 8  # rows that these look beyond
CODES = np.float32(24)  # of detail, for each factor of e
SHADES = np.float32(150), np.float32(50)  # of the grey's range, from dark to bright, and below
APART = np.float32(1.5)  # frames from a depth on which a peak is another one
NONE = -1  # where there is no peak
HERE, FRONT, BEHIND, HIGH, LOW = range(5)


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
    channel : int
        Channel that is looked at; -1: all.

    Attributes
    ----------
    sharp : (Y, X, 5) uint8
        `CODES` ln(1 + d / least) of the detail d, see Notes, in the frames at `index`, at the peak in front of it and
        behind it, at `high` and at `low`.
    shade : (Y, X, 5) uint8
        Grey there.
    dip : (Y, X, 2) uint8
        Least detail between `index` and the peak in front, and behind.
    peak : (Y, X, 2) int16
        Numbers of their frames; `NONE` where there is none.

    Notes
    -----
    Detail is the root of G(0.7 px) * (∇² G(0.7 px) * grey)². A peak is a frame in which it is larger than in those
    beside, 1.5 frames from `index` or more; of several the largest counts. Neither the first nor the last frame is one:
    what lies beyond the sweep is sharpest there.
    """

    def __init__(
        self, index: Plane, low: Plane, high: Plane, *, least: float, dark: float, bright: float, channel: int = -1
    ) -> None:
        self._depths, self._channel = (index, low, high), channel
        self._scales = np.float32(1 / least), np.float32(dark), SHADES[0] / np.float32(max(bright - dark, 1e-12))
        self.sharp, self.shade = (np.zeros((*index.shape, 5), np.uint8) for _ in range(2))
        self.dip = np.full((*index.shape, 2), 255, np.uint8)
        self.peak = np.full((*index.shape, 2), NONE, np.int16)
        self._last = np.zeros((*index.shape, 4), np.uint8)  # detail two frames ago, one ago, grey one ago, dip since
        self._last[..., 3] = 255

    def see(self, image: NDArray[Any], k: int) -> None:
        """Look at frame `k`, (Y, X, C) as stored; frames come in their order."""
        over_rows(self._rows, len(image), image, k)

    def _rows(self, image: NDArray[Any], k: int, start: int, stop: int) -> None:
        planes = (*self._depths, self.sharp, self.shade, self.dip, self.peak, self._last)
        _see(*self._coded(image, start, stop), k, *(plane[start:stop] for plane in planes))

    def _coded(self, image: NDArray[Any], start: int, stop: int) -> tuple[Codes, Codes]:
        top = max(0, start - MARGIN)
        light = grey(image[top : stop + MARGIN], self._channel)
        inner = slice(start - top, stop - top)
        edges = cv2.Laplacian(cv2.GaussianBlur(light, (0, 0), FINE), cv2.CV_32F)
        detail = np.sqrt(cv2.GaussianBlur(np.square(edges), (0, 0), FINE)[inner])
        least, dark, scale = self._scales
        codes = np.minimum(CODES * np.log1p(detail * least), 255).astype(np.uint8)
        return codes, np.clip((light[inner] - dark) * scale + SHADES[1], 0, 255).astype(np.uint8)


@njit(cache=True, nogil=True)
def _see(codes, shades, k, index, low, high, sharp, shade, dip, peak, last):  # type: ignore[no-untyped-def]  # pragma: no cover
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            now, here = codes[y, x], index[y, x]
            before, ago = last[y, x, 0], last[y, x, 1]
            if k > 1 and ago >= now and ago > before:
                if k - 1 <= here - APART and ago > sharp[y, x, FRONT]:
                    sharp[y, x, FRONT], shade[y, x, FRONT] = ago, last[y, x, 2]
                    peak[y, x, 0], dip[y, x, 0] = k - 1, 255
                elif k - 1 >= here + APART and ago > sharp[y, x, BEHIND]:
                    sharp[y, x, BEHIND], shade[y, x, BEHIND] = ago, last[y, x, 2]
                    peak[y, x, 1], dip[y, x, 1] = k - 1, last[y, x, 3]
            nearest = round(here)
            if k <= nearest:
                dip[y, x, 0] = min(dip[y, x, 0], now)
            if k >= nearest:
                last[y, x, 3] = min(last[y, x, 3], now)
            if k == nearest:
                sharp[y, x, HERE], shade[y, x, HERE] = now, shades[y, x]
            if k == round(high[y, x]):
                sharp[y, x, HIGH], shade[y, x, HIGH] = now, shades[y, x]
            if k == round(low[y, x]):
                sharp[y, x, LOW], shade[y, x, LOW] = now, shades[y, x]
            last[y, x, 0], last[y, x, 1], last[y, x, 2] = ago, now, shades[y, x]
