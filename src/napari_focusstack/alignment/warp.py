"""Aligned frames: a burst and its alignment in, lazy frames out, resampled as they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Frames, as_frames, unit
from ..kernels import load
from .alignment import Alignment
from .exposure import gain_table, relit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_fits", "warped"]

UNMOVED = 1e-3  # px: a motion nearer to whole pixels than this is not resampled
NATIVE = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))  # what is resampled as it is stored


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
        self._corner = np.array([[1, 0, area.left], [0, 1, area.top], [0, 0, 1]], np.float64)
        self.shape = (len(self._numbers), area.height, area.width, frames.shape[3])
        self.dtype = np.dtype(frames.dtype).newbyteorder("=")

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, i: int) -> NDArray[Any]:
        number = int(self._numbers[i])
        image = np.asarray(self._frames[number])
        matrix = self._alignment.transforms[number] @ self._corner
        gains = self._alignment.gains[number]
        if np.all(gains == 1):
            left, top = np.rint(matrix[:2, 2]).astype(int)
            height, width = self.shape[1:3]
            if _is_shift(matrix, left, top, height, width):
                return image[top : top + height, left : left + width].astype(self.dtype, copy=False)
        return self._resampled(image, matrix, gains)

    def _resampled(self, image: NDArray[Any], matrix: NDArray[np.float64], gains: NDArray[np.float64]) -> NDArray[Any]:
        height, width = self.shape[1:3]
        transfer = self._alignment.transfer
        lit = not np.all(gains == 1)
        if self.dtype in NATIVE and self.dtype.kind == "u":
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


def _is_shift(matrix: NDArray[np.float64], left: int, top: int, height: int, width: int) -> bool:
    """Whether a matrix moves every pixel of the area by whole pixels."""
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float64).T
    x, y, w = matrix @ corners
    away = np.abs(np.stack([x / w - left - corners[0], y / w - top - corners[1]]))
    return bool(left >= 0 and top >= 0 and away.max() < UNMOVED)
