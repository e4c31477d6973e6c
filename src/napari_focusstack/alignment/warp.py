"""Aligned frames: a burst and its alignment in, lazy frames out, resampled as they are read."""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Box, Frames, as_frames, unit
from ..focus import grey
from ..kernels import load
from ..kernels.mixing import mixed
from .alignment import Alignment
from .exposure import gain_table, relit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["check_fits", "warped"]

UNMOVED = 1e-3  # px: a motion nearer to whole pixels than this is not resampled
MARGIN = 4  # px beyond a part that its pixels are interpolated from
TABLED = (np.dtype(np.uint8), np.dtype(np.uint16))  # what is resampled as it is stored, its values out of a table


def warped(frames: Frames, alignment: Alignment, *, device: str = "cpu") -> Frames:
    """Frames laid on the reference and cut to the area that all share; each is resampled, once, when it is read.

    A frame that has moved by whole pixels, as the reference and every frame of a burst that stands still, is only cut:
    its values are the stored ones. Interpolation takes a little sharpness and noise from the others. With six samples
    it is so little that the reference is not chosen more often for it (measured on simulated bursts); to interpolate
    it like the others would cost sharpness for nothing.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C) or (N, Y, X): the burst that was aligned, or another one of the same scene.
    alignment : Alignment
        From `align` or `Alignment.load`.
    device : str
        Where to resample: "cpu", "cuda", "mps" or "auto".

    Returns
    -------
    Frames
        The kept frames, in the stored dtype, (K, height, width, C).

    Raises
    ------
    ValueError
        If the alignment is of a burst with another number of frames, channels or pixels.
    """
    frames = as_frames(frames)
    check_fits(alignment, frames.shape)
    return _Warped(frames, alignment, device)


def check_fits(alignment: Alignment, shape: tuple[int, ...]) -> None:
    """Raise a ValueError if an alignment is not one of frames of this shape, (N, Y, X, C)."""
    count, height, width, channels = shape
    if count != len(alignment.transforms):
        raise ValueError(
            f"the alignment is of {len(alignment.transforms)} frames, the burst has {count}: align this burst, or "
            "apply the alignment to a burst with as many frames"
        )
    area = alignment.area
    if (
        alignment.size not in (None, (height, width))
        or area.top + area.height > height
        or area.left + area.width > width
    ):
        wanted = alignment.size or (area.top + area.height, area.left + area.width)
        raise ValueError(
            f"the alignment is of frames of {wanted[1]} × {wanted[0]} px, these are {width} × {height} px: align this "
            "burst by itself"
        )
    if alignment.gains.shape[1] not in (1, channels) and not np.all(alignment.gains == 1):
        raise ValueError(
            f"the alignment evens out the light of {alignment.gains.shape[1]} channels, the frames have {channels}: "
            "align with exposure=False to apply it to them"
        )


class _Warped:
    """Frames that are resampled as they are read."""

    def __init__(self, frames: Frames, alignment: Alignment, device: str) -> None:
        self._frames = frames
        self._alignment = alignment
        self._kernels = load("warp", device)
        self._numbers = np.flatnonzero(alignment.kept)
        area = alignment.area
        self.shape = (len(self._numbers), area.height, area.width, frames.shape[3])
        self.dtype = np.dtype(frames.dtype).newbyteorder("=")

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, i: int) -> NDArray[Any]:
        number, size = int(self._numbers[i]), self.shape[1:3]
        return self._seen(np.asarray(self._frames[number]), self._matrix(number, (0, 0)), number, size)

    def parts(self, i: int, boxes: Sequence[Box]) -> list[NDArray[Any]]:
        """Return parts of a frame, each resampled by itself."""
        number = int(self._numbers[i])
        image = np.asarray(self._frames[number])
        cut = []
        for rows, columns in boxes:
            size = rows.stop - rows.start, columns.stop - columns.start
            matrix = self._matrix(number, (rows.start, columns.start))
            cut.append(self._seen(*_around(image, matrix, size), number, size))
        return cut

    def grey(self, i: int, channel: int) -> NDArray[np.float32]:
        """Return the grey of a frame, (Y, X), see `focus.grey`; its channels are mixed before it is resampled."""
        number, size = int(self._numbers[i]), self.shape[1:3]
        image, matrix = np.asarray(self._frames[number]), self._matrix(number, (0, 0))
        gains, transfer = self._alignment.gains[number], self._alignment.transfer
        lit = not np.all(gains == 1)
        if not lit and (cut := _shifted(image, matrix, size)) is not None:
            return grey(cut, channel)
        if lit and self.dtype in TABLED:
            channels = slice(None) if channel < 0 else slice(channel, channel + 1)
            table = gain_table(np.broadcast_to(gains, self.shape[3:]), self.dtype, transfer)[channels]
            image = image[..., channels].astype(self.dtype, copy=False)
            light = mixed(image, table / np.float32(unit(self.dtype)))
        elif lit:
            light = grey(relit(image.astype(np.float32) / np.float32(unit(self.dtype)), gains, transfer), channel)
        else:
            light = grey(image, channel)
        return np.asarray(self._kernels.warp(light[..., None], matrix, *size))[..., 0]

    def _matrix(self, number: int, corner: tuple[int, int]) -> NDArray[np.float64]:
        """From a part of the result that begins at this row and column to the stored frame."""
        area = self._alignment.area
        return np.asarray(self._alignment.transforms[number] @ _shift(area.left + corner[1], area.top + corner[0]))

    def _seen(
        self, image: NDArray[Any], matrix: NDArray[np.float64], number: int, size: tuple[int, ...]
    ) -> NDArray[Any]:
        gains = self._alignment.gains[number]
        if np.all(gains == 1) and (cut := _shifted(image, matrix, size)) is not None:
            return cut.astype(self.dtype, copy=False)
        return self._resampled(image, matrix, gains, size)

    def _resampled(
        self, image: NDArray[Any], matrix: NDArray[np.float64], gains: NDArray[np.float64], size: tuple[int, ...]
    ) -> NDArray[Any]:
        height, width = size
        transfer = self._alignment.transfer
        lit = not np.all(gains == 1)
        if self.dtype in TABLED:
            gains = np.broadcast_to(gains, self.shape[3:])
            table = gain_table(gains, self.dtype, transfer) if lit else None
            return np.asarray(self._kernels.warp(image.astype(self.dtype, copy=False), matrix, height, width, table))
        scale = unit(self.dtype)
        floats = image.astype(np.float32, copy=False)
        if lit:
            floats = relit(floats / np.float32(scale), gains, transfer) * np.float32(scale)
        result = np.asarray(self._kernels.warp(floats, matrix, height, width))
        if self.dtype.kind in "ui":
            limits = np.iinfo(self.dtype)
            result = np.clip(np.rint(result.astype(np.float64)), limits.min, limits.max)
        return result.astype(self.dtype, copy=False)


def _shift(x: float, y: float) -> NDArray[np.float64]:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def _around(
    image: NDArray[Any], matrix: NDArray[np.float64], size: tuple[int, int]
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """What a part of the result is interpolated from, of a stored frame, and the matrix to that."""
    height, width = size
    x, y, w = matrix @ np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float64).T
    rows, columns = (_reached(at, side) for at, side in zip((y / w, x / w), image.shape, strict=False))
    return image[rows, columns], _shift(-columns.start, -rows.start) @ matrix


def _reached(at: NDArray[np.float64], side: int) -> slice:
    first = min(max(floor(at.min()) - MARGIN, 0), side - 1)
    return slice(first, min(max(ceil(at.max()) + MARGIN + 1, first + 1), side))


def _shifted(image: NDArray[Any], matrix: NDArray[np.float64], size: tuple[int, ...]) -> NDArray[Any] | None:
    """Part of an image of this size, if a matrix moves all its pixels by whole pixels."""
    (height, width), (left, top) = size, np.rint(matrix[:2, 2]).astype(int)
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float64).T
    x, y, w = matrix @ corners
    away = np.abs(np.stack([x / w - left - corners[0], y / w - top - corners[1]]))
    return image[top : top + height, left : left + width] if min(left, top) >= 0 and away.max() < UNMOVED else None
