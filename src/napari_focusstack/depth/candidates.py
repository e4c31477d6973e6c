"""Depths that a pixel may have beside the one it was given, and what the frames show of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..focus import noise_sigma
from ..kernels.strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["AROUND", "CANDIDATES", "PLANES", "Candidates"]

CANDIDATES = 5  # as it is; the best peaks before and behind; the largest and the least depth around
PLANES = 3 * CANDIDATES + 4
MIRRORED = (0, 2, 1, 4, 3)  # candidates of a sweep that is looked at from its other end
REACH = 10  # px to either side, around
SAMPLED = 3  # px between pixels that stand for all of them; odd, so that a checker has both its greys
AROUND = 15  # px to either side, over which depth and grey are taken for level
LEAST = 5e-4  # of the picture's range: detail that hardly counts
NOISE = 2.2  # detail that noise of one standard deviation makes
ROUNDING = 1 / (3 * 255)  # least noise
STANDS_OUT = 4.0  # times the noise, from which on a peak may be a surface's
FALLS = 1.5  # times less detail than at a peak, between it and the depth
APART = 1.0  # frames: a step in depth that is one of two surfaces
UNIT = np.float32(8)  # frames
TONE = np.float32(0.04)  # per code of the grey


class Candidates:
    """Depths of every pixel to choose from: they are collected while frames come one by one.

    Parameters
    ----------
    index, sigma : ndarray
        (Y, X) float32: depth, as a number of a frame with fractions, finite; and its standard deviation.
    known : ndarray
        (Y, X) bool: where it was measured.
    light : ndarray
        (Y, X) float32: grey of a picture of it, for its range.
    count : int
        Number of frames.

    Attributes
    ----------
    disputed : ndarray
        (Y, X) bool: where there are two surfaces within 10 px.

    Notes
    -----
    A hair in front of a texture is sharp in its own frame, and the texture behind it is sharp in another one: it shines
    through where the hair is blurred. A focus measure over a neighbourhood takes what is stronger; what is in front, of
    two that are sharp, hides the other. But edges of bokeh are sharp, too, and noise has peaks. So all depths at which
    a pixel shows fine detail are kept, for a network to choose: see `nets.edgenet`.

    Memory: 33 bytes a pixel, whatever the number of frames.
    """

    def __init__(self, index: Plane, sigma: Plane, known: NDArray[np.bool_], light: Plane, *, count: int) -> None:
        from ..kernels.contours import beside_jumps
        from ..kernels.detail import Detail

        self._last = np.float32(count - 1)
        self._index, self._sigma, self._known = np.clip(index, 0, self._last), sigma, known
        self._beside = cv2.dilate(known.astype(np.uint8), np.ones((3, 3), np.uint8))
        low, high = beside_jumps(self._index, known, APART, REACH)
        self.disputed = low < high
        self._low, self._high = low, high
        over_rows(self._around, len(index))
        dark, bright = (float(value) for value in np.quantile(light[::SAMPLED, ::SAMPLED], (0.01, 0.99)))
        self._least = LEAST * max(bright - dark, 1e-9)
        self._detail = Detail(self._index, self._low, self._high, least=self._least, dark=dark, bright=bright)
        self._noise: list[float] = []

    def see(self, light: Plane, k: int) -> None:
        """Look at the grey of frame `k`; frames come in their order."""
        self._detail.see(light, k)
        self._noise.append(noise_sigma(light))

    def undecided(self, rows: slice, columns: slice) -> NDArray[np.bool_]:
        """Where a part of the picture has other depths to choose from that are worth it, beside a known one."""
        part = (rows, columns)
        sharp, dip = self._detail.sharp[1:3, *part].astype(np.int16), self._detail.dip[:, *part].astype(np.int16)
        floor, falls = self._code(STANDS_OUT * self._floor), self._code((FALLS - 1) * self._least)
        peaks = (self._detail.peak[:, *part] >= 0) & (sharp > floor) & (sharp > dip + falls)
        other = peaks.any(axis=0) | self.disputed[part]
        return np.asarray(other & (self._beside[part] > 0))

    def part(self, rows: slice, columns: slice, *, backwards: bool = False) -> tuple[Plane, Plane]:
        """Depths (5, Y, X) to choose from, and planes (19, Y, X) of what is known of them, of a part of the picture.

        `backwards`: as if the frames had come in the other order. The depths are in their true order all the same.
        """
        part = (rows, columns)
        here = self._index[part]
        sharp, shade, dip, peak = (
            planes[:, *part] for planes in (self._detail.sharp, self._detail.shade, self._detail.dip, self._detail.peak)
        )
        there = np.ones(sharp.shape, bool)
        there[1:3] = peak >= 0
        front, behind = np.where(there[1:3], peak, here).astype(np.float32)
        depths = np.stack([here, front, behind, self._high[part], self._low[part]])
        detail = self._detail_of(sharp) * there
        falls = np.maximum(detail[1:3] - self._detail_of(dip), 0)
        grey = np.where(there, shade, shade[0]).astype(np.float32)
        level, tone = _level(here), _level(grey[0])
        order = list(MIRRORED if backwards else range(CANDIDATES))
        sign = np.float32(-1 if backwards else 1)
        seen = (sign * (depths - level) / UNIT, np.log1p(detail), (grey - tone) * TONE)
        planes = np.empty((PLANES, *here.shape), np.float32)
        for i, several in enumerate(seen):
            planes[i : 3 * CANDIDATES : 3] = several[order]
        planes[-4:-2] = np.log1p(falls[::-1] if backwards else falls)
        planes[-2], planes[-1] = np.log1p(2 * self._sigma[part]), self._known[part]
        return depths[order], planes

    @property
    def _floor(self) -> float:
        """Detail that noise makes."""
        return NOISE * max(float(np.median(self._noise)), ROUNDING)

    def _code(self, detail: float) -> float:
        from ..kernels.detail import CODES

        return float(CODES) * float(np.log1p(detail / self._least))

    def _detail_of(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Detail in units of the noise's."""
        from ..kernels.detail import CODES

        scale = self._least / self._floor
        table = (np.expm1(np.arange(256) / CODES) * scale).astype(np.float32)
        return table[codes]

    def _around(self, start: int, stop: int) -> None:
        top = max(0, start - REACH)
        index, known = self._index[top : stop + REACH], self._known[top : stop + REACH]
        window, inner = np.ones((2 * REACH + 1,) * 2, np.uint8), slice(start - top, stop - top)
        rows = slice(start, stop)
        highest = cv2.dilate(np.where(known, index, 0), window)[inner]
        lowest = cv2.erode(np.where(known, index, self._last), window)[inner]
        np.maximum(highest, self._index[rows], out=self._high[rows])
        np.minimum(lowest, self._index[rows], out=self._low[rows])


def _level(plane: Plane) -> Plane:
    return np.asarray(cv2.blur(plane, (2 * AROUND + 1,) * 2), np.float32)
