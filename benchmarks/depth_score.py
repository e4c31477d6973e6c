"""Figures of one depth map against its truth, all in frames.

Run as a process of its own: ``python -m benchmarks.depth_score MAP BURST`` prints the error of a
file, for the speed benchmark.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import tifffile

from napari_focusstack.metrics import bumpiness, mae, rmse

from .bursts import true_depth

if TYPE_CHECKING:
    from .depth_cases import Target

    Plane = np.ndarray  # (Y, X)

__all__ = [
    "Estimate",
    "Score",
    "distance_to_edges",
    "edges_found",
    "error_of_file",
    "flattest",
    "near_unknown",
    "read_depth",
    "score",
    "wide",
]

JUMP = 1.0  # frames between two neighbours that make an edge
BESIDE = 6.0  # px from an edge that are beside it
SIDES = 7.0  # px from a pixel within which the depths of both sides lie
OFF = 0.5  # frames: an error that is neither side's depth


@dataclass(frozen=True)
class Estimate:
    """What a method found: `index` (Y, X) float32 in frames, filled; `sigma` of it, if it gives one; `measured`."""

    index: Plane
    measured: Plane
    sigma: Plane | None = None


@dataclass(frozen=True)
class Score:
    """Figures of one map; those that do not apply are None.

    Attributes
    ----------
    mae, rmse : float
        In frames, over measured pixels away from depth edges.
    all_mae : float
        The same over all pixels away from depth edges, filled ones too.
    within : float or None
        Share of those measured pixels whose error is at most one σ.
    measured : float
        Share of the pixels.
    plain_marked : float or None
        Share of plain pixels that are marked as not measured.
    good_lost : float or None
        Share of textured pixels that are.
    edges : float or None
        Share of the length of depth edges that is found within 1 px.
    smear, between, elsewhere : float or None
        Share of pixels that are off by more than half a frame: beside edges; beside edges and at the depth of neither
        side; far from them.
    bumpiness : float
        See `napari_focusstack.metrics.bumpiness`; away from depth edges.
    """

    case: str
    method: str
    mae: float
    rmse: float
    all_mae: float
    within: float | None
    measured: float
    plain_marked: float | None
    good_lost: float | None
    edges: float | None
    smear: float | None
    between: float | None
    elsewhere: float | None
    bumpiness: float


def score(case: str, method: str, found: Estimate, target: Target) -> Score:
    """All figures of a map."""
    truth, judged = target.depth, target.judged
    distance = distance_to_edges(truth)
    away = judged & (distance > BESIDE)
    known = away & found.measured
    error = np.abs(found.index - truth)
    beside = judged & (distance >= 1) & (distance <= BESIDE)
    has_edges = bool(beside.any())
    off, neither = error > OFF, np.minimum(error, _off_both_sides(found.index, truth)) > OFF
    return Score(
        case,
        method,
        mae(found.index, truth, mask=known) if known.any() else np.nan,
        rmse(found.index, truth, mask=known) if known.any() else np.nan,
        mae(found.index, truth, mask=away),
        float((error <= found.sigma)[known].mean()) if found.sigma is not None and known.any() else None,
        float(found.measured[judged].mean()),
        _share(~found.measured, target.plain),
        _share(~found.measured, target.textured),
        edges_found(found.index, truth, judged) if has_edges else None,
        _share(off, beside) if has_edges else None,
        _share(neither, beside) if has_edges else None,
        _share(off, judged & (distance > 2 * BESIDE)) if has_edges else None,
        bumpiness(found.index, truth, mask=away & ~near_unknown(truth)),
    )


def near_unknown(truth: Plane) -> Plane:
    """Where derivatives of the truth meet pixels without one."""
    return cv2.dilate((~np.isfinite(truth)).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


def _share(what: Plane, where: Plane) -> float | None:
    """None where there are too few pixels to tell."""
    return float(what[where].mean()) if where.mean() > 0.002 else None


def edges_found(index: Plane, truth: Plane, judged: Plane) -> float:
    """Share of the pairs of neighbours across a depth edge where the map crosses the middle, too, at most 1 px away.

    A pair is an edge if its true depths differ by more than a frame. The map crosses there if it has the mean of both
    between its own two values, the larger one on the same side, at that pair or at one of the four beside it.
    """
    found = total = 0
    for axis in (0, 1):
        first, second = _pairs(truth, axis)
        edge = (np.abs(first - second) > JUMP) & np.logical_and(*_pairs(judged, axis))
        middle, rises = (first + second) / 2, second > first
        low, high = (np.pad(side, 1, mode="edge") for side in _pairs(index, axis))
        crossed = np.zeros_like(edge)
        for down, right in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
            view = np.s_[1 + down : 1 + down + edge.shape[0], 1 + right : 1 + right + edge.shape[1]]
            a, b = low[view], high[view]
            crossed |= np.where(rises, (a < middle) & (b > middle), (a > middle) & (b < middle))
        found += int(np.count_nonzero(crossed & edge))
        total += int(np.count_nonzero(edge))
    return found / total if total else np.nan


def distance_to_edges(truth: Plane) -> Plane:
    """Distance, in px, to the nearest pixel of a pair across a depth edge; infinite where the scene has none."""
    on_edge = np.zeros(truth.shape, bool)
    for axis in (0, 1):
        first, second = _pairs(truth, axis)
        jump = np.abs(first - second) > JUMP
        for side in _pairs(on_edge, axis):
            side |= jump
    if not on_edge.any():
        return np.full(truth.shape, np.inf, np.float32)
    return cv2.distanceTransform((~on_edge).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def wide(plane: Plane, border: int) -> Plane:
    """Mask of the border."""
    mask = np.ones(plane.shape, bool)
    mask[border:-border, border:-border] = False
    return mask


def flattest(picture: np.ndarray, window: int) -> Plane:
    """Where the picture, (Y, X, C), is the same over a square of `window` px."""
    square = np.ones((window, window), np.uint8)
    spread = (cv2.dilate(picture, square) - cv2.erode(picture, square)).reshape(picture.shape)
    return spread.max(axis=2) < 0.5 / 255


def _pairs(plane: Plane, axis: int) -> tuple[Plane, Plane]:
    """Views of all neighbours along an axis."""
    return (plane[:-1], plane[1:]) if axis == 0 else (plane[:, :-1], plane[:, 1:])


def _off_both_sides(index: Plane, truth: Plane) -> Plane:
    """How far each depth is from every true one nearby."""
    reach = int(SIDES)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    nearest = np.full(truth.shape, np.inf, np.float32)
    padded = np.pad(truth, reach, constant_values=np.nan)
    height, width = truth.shape
    for down, right in zip(y[inside := np.hypot(y, x) <= SIDES] + reach, x[inside] + reach, strict=True):
        np.fmin(nearest, np.abs(index - padded[down : down + height, right : right + width]), out=nearest)
    return nearest


def read_depth(path: Path, frames: int) -> Plane:
    """Depth in frames; focus-stack's 8 bits are 255 (depth + 1) / frames."""
    found = tifffile.imread(path)
    return found * np.float32(frames / 255) - 1 if found.dtype == np.uint8 else found


def error_of_file(path: Path, burst: Path) -> float:
    """Mean absolute error of a depth map in a file, laid with its centre on the truth's: programs cut differently."""
    frames = len(list(burst.glob("frame_*.tif")))
    with tifffile.TiffFile(burst / "truth.tif") as file:
        height, width = file.pages[0].shape[:2]
    found = read_depth(path, frames)
    top, left = (height - found.shape[0]) // 2, (width - found.shape[1]) // 2
    truth = true_depth(height, width) * (frames - 1)
    return mae(found, truth[top : top + found.shape[0], left : left + found.shape[1]])


if __name__ == "__main__":
    print(f"{error_of_file(Path(sys.argv[1]), Path(sys.argv[2])):.4f}")
