"""Planes of raw bursts, aligned: what a network learns to develop and to fuse in one go, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..arrays import from_float
from ..kernels import load
from .alignment import Area
from .warp import check_fits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .alignment import Alignment

__all__ = ["AlignedPlanes", "BalancedPlanes", "plane_matrix", "red_around", "red_first"]

SITES = ((0, 0), (0, 1), (1, 0), (1, 1))  # row and column, in a mosaic's block, of red, green, green, blue


def plane_matrix(
    transform: NDArray[np.float64], site: tuple[int, int], origin: tuple[int, int] | None = None
) -> NDArray[np.float64]:
    """Transform of whole frames as it is for one of the four half-size planes.

    Parameters
    ----------
    transform : (3, 3) float64
        Reference → frame, (x, y, 1) in px of whole frames.
    site : (int, int)
        Column and row d, in the frame, of the plane's first pixel: pixel q lies at 2 q + d.
    origin : (int, int), optional
        The same in the reference; `site` by default.

    Returns
    -------
    (3, 3) float64
        S(d)⁻¹ M S(o), where S(d) q = 2 q + d. For p → A p + t and o = d: q → A q + (t + (A - 1) d) / 2, whose last term
        is what the halves of a shift leave out: up to half a percent of a pixel for each percent of scale.
    """
    there, here = (np.array([[2.0, 0, x], [0, 2.0, y], [0, 0, 1]]) for x, y in (site, origin or site))
    return np.asarray(np.linalg.solve(there, transform @ here))


def red_first(area: Area, cfa_offset: tuple[int, int]) -> Area:
    """Largest part of an area, in px of whole frames, that starts on a red site and holds whole blocks.

    The blocks at its far sides are left out, as the other colours' planes may end before them.
    """
    top, left = (start + (start - red) % 2 for start, red in zip((area.top, area.left), cfa_offset, strict=True))
    height = (area.top + area.height - top) // 2 * 2 - 2
    width = (area.left + area.width - left) // 2 * 2 - 2
    return area._replace(top=top, left=left, height=height, width=width)


def red_around(area: Area, cfa_offset: tuple[int, int]) -> Area:
    """Smallest area around another one, in px of whole frames, that starts on a red site and holds whole blocks.

    It may reach one px beyond the frame on each side.
    """
    top, left = (start - (start - red) % 2 for start, red in zip((area.top, area.left), cfa_offset, strict=True))
    height, width = area.top + area.height - top, area.left + area.width - left
    return area._replace(top=top, left=left, height=height + height % 2, width=width + width % 2)


class Mosaics(Protocol):
    """What is needed of a raw burst for its planes: `Burst` has it."""

    @property
    def cfa_offset(self) -> tuple[int, int]:
        """Row and column of the first red site, each 0 or 1."""

    def mosaic(self, i: int, /) -> NDArray[np.float32]:
        """Planes of frame `i`, (Y/2, X/2, 4), in the sensor's orientation."""


class RawBurst(Mosaics, Protocol):
    """What is needed of a raw burst for balanced planes: `Burst` has it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, Y, X, 3) of the developed frames, upright."""

    @property
    def quarter_turns(self) -> int:
        """Quarter turns, counter-clockwise, that make the sensor's picture upright."""

    @property
    def white_balance(self) -> NDArray[np.float64]:
        """Gains of the planes, (4,); the smallest is 1."""

    @property
    def camera_to_srgb(self) -> NDArray[np.float64]:
        """Matrix (3, 3) from white-balanced colours of the camera to linear sRGB."""


class AlignedPlanes:
    """Red, two green and blue planes of a raw burst, (K, Y/2, X/2, 4) uint16, resampled as they are read.

    Parameters
    ----------
    burst : Mosaics
        Raw, in the sensor's orientation.
    alignment : Alignment
        Of its developed frames.
    area : Area
        From `red_first`. Plane (r, c), pixel (y, x), lies at row 2 y + r and column 2 x + c of the area.
    """

    def __init__(self, burst: Mosaics, alignment: Alignment, area: Area) -> None:
        self._burst, self._area = burst, area
        self._transforms = alignment.transforms
        self._numbers = np.flatnonzero(alignment.kept)
        self.shape = (len(self._numbers), area.height // 2, area.width // 2, 4)
        self.dtype = np.dtype(np.uint16)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, i: int) -> NDArray[np.uint16]:
        number = int(self._numbers[i])
        planes = self._burst.mosaic(number)
        return from_float(_resampled(planes, self._transforms[number], self._burst.cfa_offset, self._area), self.dtype)


class BalancedPlanes:
    """White-balanced planes of a raw burst, (K, Y/2, X/2, 4) uint16: what a network develops and fuses in one go.

    Red, green beside red, green beside blue and blue, in linear light; white is 65535. They cover all of the
    alignment's area, in the sensor's orientation; beyond the frame, its border goes on.

    Parameters
    ----------
    burst : RawBurst
        As it was aligned: upright, of full size.
    alignment : Alignment, optional
        Of its developed frames; without one, frames are taken as they are.

    Attributes
    ----------
    shape : (int, int, int, int)
        (K, Y/2, X/2, 4), K of kept frames.
    dtype : dtype
        uint16.
    white_balance : (4,) float64
        The planes' gains, by which noise grew; the smallest is 1.

    Raises
    ------
    ValueError
        If the frames have no RGB Bayer mosaic, or the alignment is of other ones.

    Notes
    -----
    Balanced light is clipped to white before anything else, as LibRaw does: so a place that is too bright for one
    colour is white in all frames, and does not turn pink where its light is evened out. What is left fits into 16 bit,
    whose steps are finer than those of sensors, in half the memory of floats.

    The alignment's gains g are those of sRGB colours. Sites know but one colour of the camera: their gains are
    1 / (M⁻¹ (1 / g)), where M is `camera_to_srgb`. That is exact where exposure changed, and for greys where the white
    balance did.
    """

    def __init__(self, burst: RawBurst, alignment: Alignment | None = None) -> None:
        if not hasattr(burst, "mosaic"):
            raise ValueError("these frames have no sensor mosaic; raw networks need camera raw files: use read_burst")
        if alignment is not None:
            check_fits(alignment, burst.shape)
        count, height, width = burst.shape[:3]
        self._burst, self._turns, self._offset = burst, burst.quarter_turns, burst.cfa_offset
        self._sensor = (width, height) if self._turns % 2 else (height, width)
        turn = _turn(self._turns, height, width)
        whole = Area(0, 0, height, width)
        self._covered = _turned(alignment.area if alignment else whole, turn)
        self._area = red_around(self._covered, self._offset)
        still = np.broadcast_to(np.eye(3), (count, 3, 3))
        self._transforms = turn @ (alignment.transforms if alignment else still) @ np.linalg.inv(turn)
        self._numbers = np.flatnonzero(alignment.kept if alignment else np.ones(count))
        self._gains: NDArray[np.float64] = np.ones((count, 4))
        if alignment and not np.all(alignment.gains == 1):
            grey = 1 / np.broadcast_to(alignment.gains, (count, 3))  # of the reference, as each frame has it
            self._gains[:] = 1 / np.linalg.solve(burst.camera_to_srgb, grey.T).T[:, [0, 1, 1, 2]]
        self.white_balance = burst.white_balance
        self.shape = (len(self._numbers), self._area.height // 2, self._area.width // 2, 4)
        self.dtype = np.dtype(np.uint16)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, i: int) -> NDArray[np.uint16]:
        number = int(self._numbers[i])
        planes = self._burst.mosaic(number)
        (height, width), (top, left) = self._sensor, self._offset
        if planes.shape[:2] != ((height - top) // 2, (width - left) // 2):
            raise ValueError(
                f"the frames are developed to {width} × {height} px, their sensor's planes have "
                f"{planes.shape[1]} × {planes.shape[0]} px: raw networks need square pixels, and half_size=False"
            )
        balanced = np.minimum(planes * self.white_balance.astype(np.float32), 1)
        light = _resampled(balanced, self._transforms[number], self._offset, self._area)
        light *= self._gains[number].astype(np.float32)
        return from_float(light, self.dtype)

    def restored(self, picture: NDArray[Any]) -> NDArray[Any]:
        """Picture of the alignment's area, upright, (Y, X, C), from one of the planes' grid.

        Parameters
        ----------
        picture : (2 Y', 2 X', C) ndarray
            Pixel (2 y + r, 2 x + c) lies where pixel (y, x) of plane (r, c) does; Y' and X' from `shape`.

        Raises
        ------
        ValueError
            If the picture is of another size.
        """
        area, part = self._area, self._covered
        if picture.shape[:2] != (area.height, area.width):
            raise ValueError(
                f"a picture of {picture.shape[1]} × {picture.shape[0]} px is not one of these planes: "
                f"{area.width} × {area.height} px, twice the planes' size, is needed"
            )
        top, left = part.top - area.top, part.left - area.left
        picture = picture[top : top + part.height, left : left + part.width]
        return np.ascontiguousarray(np.rot90(picture, self._turns))


def _resampled(
    planes: NDArray[np.float32], transform: NDArray[np.float64], cfa_offset: tuple[int, int], area: Area
) -> NDArray[np.float32]:
    """Planes of a red-first area of the reference, (height / 2, width / 2, 4), from those of a frame."""
    top, left = cfa_offset
    out = np.empty((area.height // 2, area.width // 2, len(SITES)), np.float32)
    warp = load("warp", "cpu").warp
    for plane, (row, column) in enumerate(SITES):
        matrix = plane_matrix(transform, (left + column, top + row), (area.left + column, area.top + row))
        source = np.ascontiguousarray(planes[..., plane : plane + 1])
        out[..., plane] = warp(source, matrix, *out.shape[:2])[..., 0]
    return out


def _turn(turns: int, height: int, width: int) -> NDArray[np.float64]:
    """Matrix from (x, y, 1) in upright frames of this size to (x, y, 1) in the sensor's."""
    corner_x, corner_y = {0: (0, 0), 1: (height - 1, 0), 2: (width - 1, height - 1), 3: (0, width - 1)}[turns % 4]
    cos, sin = {0: (1, 0), 1: (0, 1), 2: (-1, 0), 3: (0, -1)}[turns % 4]
    return np.array([[cos, -sin, corner_x], [sin, cos, corner_y], [0, 0, 1]], np.float64)


def _turned(area: Area, turn: NDArray[np.float64]) -> Area:
    """Area as `turn` moves it."""
    rows, columns = [area.top, area.top + area.height - 1], [area.left, area.left + area.width - 1]
    x, y, _ = np.rint(turn @ [columns, rows, [1, 1]]).astype(int)
    return Area(int(y.min()), int(x.min()), int(np.ptp(y)) + 1, int(np.ptp(x)) + 1)
