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

STEEPEST = 3.0  # slope between neighbouring pixels from which they are not of one surface (71.6°)
JUMP_STEPS = 1.5  # distances between frames that no jump is smaller than: they are not told from a slope
STRAY = 0.24  # of a cell: how far a vertex may be from its middle; from a quarter on, triangles could turn over
SAMPLED = 512  # px along the shorter side that tell the range of the depths
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
    Neighbouring pixels are of one surface where their depths differ by no more than 3 times their distance, or by 1.5
    steps of the sweep, whichever is more. A vertex stands for a square of pixels: for the surest of them and all whose
    depths go on from its own without such a jump. Depth and place are their means, weighted by 1 / σ², so that noise is
    averaged, slopes are not shifted, and edges are not blurred. A triangle is left out where the pixels of two
    neighbouring corners are a jump apart: it would be a curtain between foreground and background.
    """
    _check(depth, image, pixel_size, triangles, exaggeration)
    position = depth.position if larger_is_nearer else -depth.position
    if not np.isfinite(position).any():
        raise ValueError("no pixel has a depth, so there is no surface; measure with fill=True, or a lower noise_floor")
    known = pixel_size is not None and depth.unit != "frame"
    size = np.broadcast_to(np.asarray(pixel_size if known else 1.0, np.float64), 2)
    scale = 1.0 if known else _relief(position)
    jump = _jump(depth.positions, float(size.mean()) / scale)
    step = _decimation(position.shape, triangles)
    places, low, high = _reduced(position, depth.sigma, step, jump)
    faces = _triangles(low, high, jump)
    used, faces = np.unique(faces, return_inverse=True)
    z, y, x = places.reshape(3, -1)[:, used]
    return Surface(
        np.stack([z * (scale * exaggeration), y * size[0], x * size[1]], -1).astype(np.float32),
        faces.reshape(-1, 3).astype(np.int32),
        np.stack([(x + 0.5) / position.shape[1], 1 - (y + 0.5) / position.shape[0]], -1).astype(np.float32),
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


def _relief(position: NDArray[np.float32]) -> float:
    """Px of height for one unit of depth, where there is no true scale."""
    thin = max(1, min(position.shape) // SAMPLED)
    low, high = np.nanquantile(position[::thin, ::thin], (0.005, 0.995))
    return RELIEF * min(position.shape) / float(high - low) if high > low else 1.0


def _jump(positions: NDArray[np.float64], pixel: float) -> float:
    """Difference of depth from which two neighbouring pixels are not of one surface; `pixel` is their distance."""
    spacing = float(np.median(np.diff(np.sort(positions)))) if len(positions) > 1 else 0.0
    return max(STEEPEST * pixel, JUMP_STEPS * spacing)


def _decimation(shape: tuple[int, ...], triangles: int) -> int:
    """Pixels that one vertex stands for, along each side."""
    step = 1
    while 2 * (shape[0] // step - 1) * (shape[1] // step - 1) > triangles:
        step += 1
    return step


def _reduced(
    position: NDArray[np.float32], sigma: NDArray[np.float32], step: int, jump: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Places (z, y, x) of the vertices, and the lowest and highest depth of the pixels that each stands for.

    NaN where no pixel of a cell has a depth.
    """
    rows, columns = (length // step for length in position.shape)
    places = np.empty((3, rows, columns), np.float32)
    low, high = np.empty((2, rows, columns), np.float32)
    y, x = (np.arange(count, dtype=np.float32) * step + np.float32((step - 1) / 2) for count in (rows, columns))
    within = np.indices((step, step), np.float32).reshape(2, -1) - np.float32((step - 1) / 2)
    for first in track(range(0, rows, STRIP)):
        part = slice(first, min(first + STRIP, rows))
        depths, spread = (_cells(plane, part, step, columns) for plane in (position, sigma))
        weight, low[part], high[part] = _one_surface(depths, spread, jump)
        total = weight.sum(-1)
        with np.errstate(invalid="ignore"):
            places[0, part] = np.einsum("rcp,rcp->rc", weight, np.nan_to_num(depths)) / total
            shift = weight @ within.T / total[..., None]
        shift = np.clip(shift, -STRAY * step, STRAY * step)
        places[1, part], places[2, part] = y[part, None] + shift[..., 0], x + shift[..., 1]
    return places, low, high


def _one_surface(
    depths: NDArray[np.float32], spread: NDArray[np.float32], jump: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Weights (rows, columns, pixels) of the pixels that are of one surface with the surest, and their range."""
    known = np.isfinite(depths)
    spread = np.where(np.isfinite(spread), np.clip(spread, TINY, UNKNOWN), np.float32(UNKNOWN))
    spread = np.where(known, spread, np.float32(2 * UNKNOWN))  # the last to be chosen
    surest = spread.argmin(-1)[..., None]
    low = high = np.take_along_axis(depths, surest, -1)
    alike, more = depths == low, True
    while more:  # the range grows until no pixel is within a jump of it
        wider = (depths >= low - jump) & (depths <= high + jump)
        low = np.where(wider, depths, low).min(-1, keepdims=True)
        high = np.where(wider, depths, high).max(-1, keepdims=True)
        alike, more = wider, bool((wider != alike).any())
    weight = np.where(alike, (np.take_along_axis(spread, surest, -1) / spread) ** 2, 0)
    return weight, low[..., 0], high[..., 0]


def _cells(plane: NDArray[np.float32], part: slice, step: int, columns: int) -> NDArray[np.float32]:
    """(rows, columns, step²) values of the cells in these rows."""
    strip = plane[part.start * step : part.stop * step, : columns * step]
    cells = strip.reshape(-1, step, columns, step).transpose(0, 2, 1, 3)
    return cells.reshape(part.stop - part.start, columns, step * step)


def _triangles(low: NDArray[np.float32], high: NDArray[np.float32], jump: float) -> NDArray[np.intp]:
    """(F, 3) numbers of the corners of all triangles that are surface, not gap."""
    rows, columns = low.shape
    number = np.arange(rows * columns, dtype=np.intp).reshape(rows, columns)
    above_left, above_right = number[:-1, :-1], number[:-1, 1:]
    below_left, below_right = number[1:, :-1], number[1:, 1:]
    corners = [(above_left, below_left, above_right), (below_right, above_right, below_left)]  # the right angle first
    found = []
    for triangle in track(corners):
        lows, highs = (np.stack([plane.ravel()[corner] for corner in triangle]) for plane in (low, high))
        gaps = np.maximum(lows[1:], lows[0]) - np.minimum(highs[1:], highs[0])
        whole = (gaps <= jump).all(0)  # not where one is NaN
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
        planes = _stretched(planes)
    shrink = max(planes.shape[:2]) / LONGEST_TEXTURE
    if shrink > 1:
        size = (max(1, round(planes.shape[1] / shrink)), max(1, round(planes.shape[0] / shrink)))
        planes = cv2.resize(np.ascontiguousarray(planes), size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(planes)


def _stretched(planes: NDArray[Any]) -> NDArray[np.uint8]:
    """(Y, X, 3) uint8 of planes in any type; their mean in grey unless there are three."""
    thin = max(1, min(planes.shape[:2]) // SAMPLED)
    low, high = np.nanquantile(_light(planes[::thin, ::thin]), (0.001, 0.999))
    texture = np.empty((*planes.shape[:2], 3), np.uint8)
    for row in track(range(0, len(planes), STRIP)):
        light = (np.nan_to_num(_light(planes[row : row + STRIP]), nan=low) - low) / max(high - low, TINY)
        texture[row : row + STRIP] = np.clip(light, 0, 1) * 255 + 0.5
    return texture


def _light(planes: NDArray[Any]) -> NDArray[np.float32]:
    light = to_float(planes)
    return light if light.shape[2] == 3 else light.mean(2, keepdims=True)
