"""Planes of raw bursts, aligned: what a network learns to develop and to fuse in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..arrays import from_float
from ..kernels import load

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .alignment import Alignment, Area

__all__ = ["AlignedPlanes", "plane_matrix", "red_first"]

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


class Mosaics(Protocol):
    """What is needed of a raw burst: `Burst` has it."""

    @property
    def cfa_offset(self) -> tuple[int, int]:
        """Row and column of the first red site, each 0 or 1."""

    def mosaic(self, i: int, /) -> NDArray[np.float32]:
        """Planes of frame `i`, (Y/2, X/2, 4), in the sensor's orientation."""


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
        top, left = self._burst.cfa_offset
        out = np.empty(self.shape[1:], np.float32)
        warp = load("warp", "cpu").warp
        for plane, (row, column) in enumerate(SITES):
            origin = self._area.left + column, self._area.top + row
            matrix = plane_matrix(self._transforms[number], (left + column, top + row), origin)
            source = np.ascontiguousarray(planes[..., plane : plane + 1])
            out[..., plane] = warp(source, matrix, *self.shape[1:3])[..., 0]
        return from_float(out, self.dtype)
