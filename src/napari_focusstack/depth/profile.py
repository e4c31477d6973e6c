"""Heights along a line: two points of a depth map in, distance, height and its error out."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..files import write_text
from ..units import symbol
from .result import Depth

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Profile", "profile"]

DIGITS = 6  # of a place in px: rounding errors along a line neither leave the map nor touch a gap beside it


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Depth along a line.

    Attributes
    ----------
    distance : (P,) float64
        From the start, in `distance_unit`.
    position, sigma : (P,) float64
        Depth and its standard deviation, in `unit`; NaN where none is known.
    unit, distance_unit : str
        "um", "mm", …; "frame" and "px" where no length is known.
    """

    distance: NDArray[np.float64]
    position: NDArray[np.float64]
    sigma: NDArray[np.float64]
    unit: str
    distance_unit: str

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the profile as CSV, a row a point, units in the header.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        unit = symbol(self.unit)
        rows = [f"distance ({symbol(self.distance_unit)}),depth ({unit}),sigma ({unit})"]
        rows += [
            ",".join("" if math.isnan(value) else f"{value:.6g}" for value in values)
            for values in zip(self.distance, self.position, self.sigma, strict=True)
        ]
        write_text(path, "\n".join(rows) + "\n")


def profile(
    depth: Depth,
    start: tuple[float, float],
    end: tuple[float, float],
    *,
    pixel_size: float | tuple[float, float] | None = None,
    width: float = 1.0,
) -> Profile:
    """Depth along a straight line, a point about every pixel, linearly interpolated.

    Parameters
    ----------
    depth : Depth
        Of one burst, planes (Y, X).
    start, end : (float, float)
        y, x of the ends in px.
    pixel_size : float or (float, float), optional
        Height and width of a pixel in the depth's unit; without it, or with a depth in frames, distances are in px.
    width : float
        Breadth, in px, of the stripe that is averaged.

    Returns
    -------
    Profile
        A point is NaN where a pixel that it would be interpolated from has no depth: nothing is made up across gaps.
        Its σ is the root mean square of those of the stripe, since errors of neighbours are alike.

    Raises
    ------
    ValueError
        If the depth is of a series, the ends are one point or none, or the width or the pixel size is not positive.
    """
    if depth.position.ndim != 2:
        raise ValueError(f"a profile runs through one map (Y, X), not through {depth.position.shape}; choose one burst")
    if not 0 < width < math.inf:
        raise ValueError(f"width={width!r} px is not possible; give a number above 0")
    sizes = np.ravel(1.0 if pixel_size is None else pixel_size).astype(np.float64)
    if len(sizes) not in (1, 2) or not all(0 < size < math.inf for size in sizes):
        raise ValueError(f"pixel_size={pixel_size!r} is not possible; give a number above 0, or two (height, width)")
    first, last = np.asarray(start, np.float64), np.asarray(end, np.float64)
    if first.shape != (2,) or last.shape != (2,) or not np.isfinite([first, last]).all():
        raise ValueError(f"a line from {start!r} to {end!r} is not possible; give two points (y, x), in px")
    along = last - first
    length = float(np.hypot(*along))
    if not 0 < length < math.inf:
        raise ValueError(f"a line from {start!r} to {end!r} has no length; draw a longer one")
    share = np.linspace(0, 1, max(2, math.ceil(length) + 1))
    across = np.array([-along[1], along[0]]) / length
    lines = max(1, round(width))
    offsets = (np.arange(lines) - (lines - 1) / 2) * (width / lines)
    places = (first + share[:, None] * along)[None] + offsets[:, None, None] * across
    heights = _interpolated(depth.position, places)
    variances = _interpolated(np.square(depth.sigma, dtype=np.float32), places)
    known = np.isfinite(heights)
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known.any(0), np.where(known, heights, 0).sum(0) / count, np.nan)
    sigma = np.sqrt(np.where(known.any(0), np.where(known, variances, 0).sum(0) / count, np.nan))
    scaled = pixel_size is not None and depth.unit != "frame"
    distance = share * float(np.hypot(*(along * sizes if scaled else along)))
    return Profile(distance, mean, sigma, depth.unit, depth.unit if scaled else "px")


def _interpolated(plane: NDArray[np.float32], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Plane at places (…, 2), bilinear; NaN outside, and where a pixel that takes part is NaN."""
    y, x = np.moveaxis(np.round(places, DIGITS), -1, 0)
    inside = (y >= 0) & (y <= plane.shape[0] - 1) & (x >= 0) & (x <= plane.shape[1] - 1)
    top = np.clip(np.floor(y), 0, max(plane.shape[0] - 2, 0)).astype(np.intp)
    left = np.clip(np.floor(x), 0, max(plane.shape[1] - 2, 0)).astype(np.intp)
    down, right = y - top, x - left
    total = np.zeros(y.shape)
    for row, share_y in ((0, 1 - down), (1, down)):
        for column, share_x in ((0, 1 - right), (1, right)):
            weight = share_y * share_x
            value = plane[np.minimum(top + row, plane.shape[0] - 1), np.minimum(left + column, plane.shape[1] - 1)]
            total += np.where(weight > 0, weight * value, 0.0)
    return np.where(inside, total, np.nan)
