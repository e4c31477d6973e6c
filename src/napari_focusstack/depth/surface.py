"""Surfaces in three dimensions: a depth map and a picture in, a textured triangle mesh of true proportions out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ..arrays import to_float
from ..progress import track
from .result import Depth

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Surface", "surface_of"]

STEEPEST = 6.0  # slope from which a triangle is no surface that could be seen but a gap between two (80.5°)
JUMP_STEPS = 1.5  # distances between frames that no jump is smaller than: they are not told from a slope
SURE = 4.0  # standard deviations that a jump must exceed
ALIKE = 3.0  # standard deviations up to which depths are of one surface
RELIEF = 0.25  # height of the whole surface where nothing is known of its scale, in shorter sides of the picture
LONGEST_TEXTURE = 4096  # px
TINY, UNKNOWN = 1e-12, 1e12  # standard deviations: the least, and that of a depth whose error is not known
STRIP = 64  # rows of the mesh at a time


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A triangle mesh.

    Attributes
    ----------
    vertices : (V, 3) float32
        z, y, x in `unit`; z grows towards the viewer, y down the picture, x to its right.
    faces : (F, 3) int32
        Numbers of the vertices of each triangle, counter-clockwise as the viewer sees them.
    texcoords : (V, 2) float32
        Place of each vertex in the texture, u from left to right and v from bottom to top, 0 to 1.
    texture : (H, W, 3) uint8 or None
        The picture that covers it.
    unit : str
        "um", "mm", …; "px" where depth, or the size of a pixel, is not known: then heights show the relief, but are
        no measure.
    decimation : int
        Pixels of the depth map, along each side, that one vertex stands for.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    texcoords: NDArray[np.float32]
    texture: NDArray[np.uint8] | None
    unit: str
    decimation: int

    @property
    def colors(self) -> NDArray[np.uint8] | None:
        """(V, 3) colour of each vertex, None without a texture."""
        if self.texture is None:
            return None
        height, width = self.texture.shape[:2]
        x = np.clip(self.texcoords[:, 0] * width, 0, width - 1).astype(np.intp)
        y = np.clip((1 - self.texcoords[:, 1]) * height, 0, height - 1).astype(np.intp)
        colors: NDArray[np.uint8] = self.texture[y, x]
        return colors


def surface_of(
    depth: Depth,
    image: NDArray[Any] | None = None,
    *,
    pixel_size: float | tuple[float, float] | None = None,
    triangles: int = 1_000_000,
    exaggeration: float = 1.0,
    larger_is_nearer: bool = True,
) -> Surface:
    """Surface of a depth map, with holes where depth is not known and cuts where it jumps.

    Parameters
    ----------
    depth : Depth
        Of one burst, planes (Y, X).
    image : ndarray, optional
        (Y, X, C) or (Y, X) picture that covers it; any type.
    pixel_size : float or (float, float), optional
        Height and width of a pixel in the depth's unit. Without it, or with a depth in frames, the surface is in px,
        and its heights are scaled so that the relief is seen: a quarter of the picture's shorter side altogether.
    triangles : int
        At most so many; the map is reduced until they suffice.
    exaggeration : float
        What heights are multiplied by.
    larger_is_nearer : bool
        Whether larger positions are nearer to the viewer, as heights of a stage are; distances from a lens are not.

    Returns
    -------
    Surface
        In the depth's unit, or in px.

    Raises
    ------
    ValueError
        If the depth is of a series, no pixel has a depth, the picture does not fit, or a number is not positive.

    Notes
    -----
    A vertex takes the mean, weighted by 1 / σ², of those of its pixels that agree, within three standard deviations,
    with the surest of them: noise is averaged, and edges are not. A triangle is left out where its heights differ by
    more than 6 times its width, by 1.5 steps of the sweep, and by 4 standard deviations: it would be a curtain between
    foreground and background.
    """
    _check(depth, image, pixel_size, triangles, exaggeration)
    position = depth.position if larger_is_nearer else -depth.position
    step = _decimation(position.shape, triangles)
    heights, sigma = _reduced(position, depth.sigma, step)
    if not np.isfinite(heights).any():
        raise ValueError("no pixel has a depth, so there is no surface; measure with fill=True, or a lower noise_floor")
    known = pixel_size is not None and depth.unit != "frame"
    size = np.broadcast_to(np.asarray(pixel_size if known else 1.0, np.float64), 2)
    scale = 1.0 if known else _relief(heights, position.shape)
    spacing = float(np.median(np.abs(np.diff(np.sort(depth.positions))))) if len(depth.positions) > 1 else 0.0
    faces = _triangles(heights * scale, sigma * scale, step * float(size.mean()), JUMP_STEPS * spacing * scale)
    rows, columns = heights.shape
    y, x = (np.arange(count) * step + (step - 1) / 2 for count in (rows, columns))
    y, x = np.minimum(y, position.shape[0] - 1), np.minimum(x, position.shape[1] - 1)
    vertices = np.empty((rows, columns, 3), np.float32)
    vertices[..., 0] = heights * (scale * exaggeration)
    vertices[..., 1], vertices[..., 2] = (y * size[0])[:, None], x * size[1]
    texcoords = np.empty((rows, columns, 2), np.float32)
    texcoords[..., 0] = (x + 0.5) / position.shape[1]
    texcoords[..., 1] = (1 - (y + 0.5) / position.shape[0])[:, None]
    used, faces = np.unique(faces, return_inverse=True)
    return Surface(
        vertices.reshape(-1, 3)[used],
        faces.reshape(-1, 3).astype(np.int32),
        texcoords.reshape(-1, 2)[used],
        None if image is None else _texture(image),
        depth.unit if known else "px",
        step,
    )


def _check(depth: Depth, image: Any, pixel_size: Any, triangles: int, exaggeration: float) -> None:
    if depth.position.ndim != 2:
        raise ValueError(f"a surface is made of one map (Y, X), not of {depth.position.shape}; choose one burst")
    if image is not None and image.shape[:2] != depth.position.shape:
        raise ValueError(f"the picture is {image.shape[:2]} px, but the depth is {depth.position.shape}")
    sizes = () if pixel_size is None else np.ravel(pixel_size)
    if pixel_size is not None and (len(sizes) not in (1, 2) or not all(0 < s < math.inf for s in sizes)):
        raise ValueError(f"pixel_size={pixel_size!r} is not possible; give a number above 0, or two (height, width)")
    if triangles < 2:
        raise ValueError(f"triangles={triangles!r} are too few for a surface; give 2 or more")
    if not 0 < exaggeration < math.inf:
        raise ValueError(f"exaggeration={exaggeration!r} is not possible; give a number above 0")


def _decimation(shape: tuple[int, ...], triangles: int) -> int:
    """Pixels that one vertex stands for, along each side."""
    step = 1
    while 2 * (-(-shape[0] // step) - 1) * (-(-shape[1] // step) - 1) > triangles:
        step += 1
    return step


def _reduced(
    position: NDArray[np.float32], sigma: NDArray[np.float32], step: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Depth and its standard deviation on the mesh's grid; NaN where no pixel of a cell has one."""
    rows, columns = (-(-length // step) for length in position.shape)
    depths, errors = np.empty((2, rows, columns), np.float32)
    for first in track(range(0, rows, STRIP)):
        part = slice(first, min(first + STRIP, rows))
        cells, spread = (_cells(plane, part, step, columns) for plane in (position, sigma))
        known = np.isfinite(cells)
        spread = np.where(np.isfinite(spread), np.clip(spread, TINY, UNKNOWN), np.float32(UNKNOWN))
        spread = np.where(known, spread, np.float32(2 * UNKNOWN))  # the last to be chosen
        surest = spread.argmin(-1)[..., None]
        value, error = (np.take_along_axis(plane, surest, -1) for plane in (cells, spread))
        alike = known & (np.abs(cells - value) <= ALIKE * np.hypot(np.where(known, spread, 0), error))
        weight = np.where(alike, (error / spread) ** 2, 0)
        total = weight.sum(-1)
        with np.errstate(invalid="ignore"):
            depths[part] = (weight * np.where(alike, cells, 0)).sum(-1) / total
        errors[part] = np.where(total > 0, error[..., 0], np.nan)
    return depths, errors


def _cells(plane: NDArray[np.float32], part: slice, step: int, columns: int) -> NDArray[np.float32]:
    """(rows, columns, step²) values of the cells in these rows; NaN beyond the plane's border."""
    strip = plane[part.start * step : part.stop * step]
    height, width = (part.stop - part.start) * step, columns * step
    if strip.shape != (height, width):
        strip = np.pad(strip, ((0, height - len(strip)), (0, width - strip.shape[1])), constant_values=np.nan)
    cells = strip.reshape(-1, step, columns, step).transpose(0, 2, 1, 3)
    return cells.reshape(part.stop - part.start, columns, step * step)


def _relief(heights: NDArray[np.float32], shape: tuple[int, ...]) -> float:
    """Px of height for one unit of depth, where there is no true scale."""
    low, high = np.nanquantile(heights, (0.005, 0.995))
    return RELIEF * min(shape) / (high - low) if high > low else 1.0


def _triangles(
    heights: NDArray[np.float32], sigma: NDArray[np.float32], width: float, least: float
) -> NDArray[np.intp]:
    """(F, 3) numbers of the corners of all triangles that are surface, not gap."""
    rows, columns = heights.shape
    number = np.arange(rows * columns, dtype=np.intp).reshape(rows, columns)
    above_left, above_right = number[:-1, :-1], number[:-1, 1:]
    below_left, below_right = number[1:, :-1], number[1:, 1:]
    corners = [(above_left, below_left, above_right), (above_right, below_left, below_right)]
    found = []
    for triangle in track(corners):
        z = np.stack([heights.ravel()[corner] for corner in triangle])
        error = np.stack([sigma.ravel()[corner] for corner in triangle])
        with np.errstate(invalid="ignore"):
            jump = z.max(0) - z.min(0)
            whole = jump <= np.maximum(np.maximum(STEEPEST * width, least), SURE * np.minimum(error.max(0), least))
        found.append(np.stack([corner[whole] for corner in triangle], -1))
    faces = np.concatenate(found)
    if not len(faces):
        raise ValueError(
            "no three neighbouring pixels have depths of one surface, so there is nothing to show; "
            "measure with fill=True, or with more smoothing"
        )
    return faces


def _texture(image: NDArray[Any]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 picture: photographs as they are, others stretched between their darkest and brightest."""
    planes = image[..., None] if image.ndim == 2 else image
    if planes.dtype != np.uint8 or planes.shape[2] != 3:
        light = to_float(planes)
        if light.shape[2] != 3:
            light = light.mean(2, keepdims=True)
        finite = light[:: max(1, len(light) // 512), :: max(1, light.shape[1] // 512)]
        low, high = np.nanquantile(finite, (0.001, 0.999))
        light = (np.nan_to_num(light, nan=low) - low) / max(high - low, 1e-12)
        planes = (np.clip(light, 0, 1) * 255 + 0.5).astype(np.uint8)
        planes = np.broadcast_to(planes, (*planes.shape[:2], 3))
    shrink = max(planes.shape[:2]) / LONGEST_TEXTURE
    if shrink > 1:
        size = (round(planes.shape[1] / shrink), round(planes.shape[0] / shrink))
        planes = cv2.resize(np.ascontiguousarray(planes), size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(planes)
