"""Fusion by a depth map: at every pixel the frames nearest to where the focus measure peaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from ..arrays import Frames, visit
from ..kernels import load
from ..kernels.strips import over_rows
from ..sharpest import Sharpest, find_sharpest
from .result import Fusion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["fuse_depthmap"]

REACH = 30.0  # px, of the filling
LEAST_WEIGHT = 1e-3  # of a depth that is smoothed
CONTRAST = 0.03  # of edges that the filling respects, in units of the contrast of the picture
AVERAGED = 3.0  # frames to either side that are averaged where nothing is in focus


def fuse_depthmap(
    frames: Frames,
    *,
    measure: Literal["sml", "laplacian", "tenengrad", "variance"] = "sml",
    radius: Annotated[float, {"min": 1.0, "max": 30.0}] = 4.0,
    softness: Annotated[float, {"min": 0.0, "max": 1.0}] = 0.5,
    smoothing: Annotated[float, {"min": 0.0, "max": 50.0}] = 4.0,
    noise_floor: Annotated[float, {"min": 0.0, "max": 10.0}] = 2.0,
    channel: Annotated[int, {"min": -1, "max": 63}] = -1,
    device: str = "auto",
) -> Fusion:
    """All-in-focus image by a depth map: best for smooth surfaces; the frames must be in the order of the sweep.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C), aligned, in the order of the focus, either way round.
    measure : {"sml", "laplacian", "tenengrad", "variance"}
        Focus measure that finds the sharpest frame.
    radius : float
        Neighbourhood that decides together, in px (standard deviation). Larger for weak texture, smaller for fine
        details at different depths.
    softness : float
        Width of the transition from frame to frame, in frames, where the noise can be seen: 1 fades from one into
        the next all the way. Sharp edges far above the noise are taken from the nearest frame.
    smoothing : float
        Reach, in px, over which the depth is smoothed, though hardly across edges of the picture. 0: not at all.
    noise_floor : float
        How many times above the noise a focus measure must be to count. Below, depth is taken from the
        surroundings, and neighbouring frames are averaged.
    channel : int
        Channel whose sharpness decides for all; -1: all jointly.
    device : str
        "auto", "cpu", "cuda", "mps".

    Returns
    -------
    Fusion
        `index` holds fractions of frames.

    Notes
    -----
    The focus measure of frame k is F_k = G_radius * measure(grey_k); the depth its argmax over k, refined by a
    Gaussian through three frames (Nayar and Nakagawa, PAMI 1994). It is trusted where F exceeds the noise (see
    `find_sharpest`); elsewhere it is the edge-aware mean of where it is. Then it is smoothed, weighted by its
    confidence (F - mean of the others' F) / F, and a second pass blends the frames around it, so that every value
    stays inside the range of the stack. Memory: about 45 bytes a pixel for three channels, whatever the number of
    frames.
    """
    sharpest = find_sharpest(
        frames, measure=measure, radius=radius, noise_floor=noise_floor, channel=channel, device=device
    )
    depth = _depth(sharpest, len(frames), smoothing)
    reach, index = np.empty_like(depth), np.empty_like(depth)
    over_rows(_reach_rows, len(depth), sharpest, depth, softness, reach, index)
    confidence = sharpest.confidence
    del sharpest
    kernels = load("depthmap", device)
    sums = kernels.blend(frames.shape[3], depth, reach)
    for k, image in visit(frames, "Blending"):
        kernels.blended(sums, image, k)
    return Fusion(kernels.mean(sums), index, confidence)


def _depth(sharpest: Sharpest, count: int, smoothing: float) -> Plane:
    """Depth in frames: filled from its surroundings where it is not trusted, then smoothed, up to edges."""
    from ..kernels.fill import filled

    contrast = max(CONTRAST * sharpest.contrast, 4 * sharpest.sigma)
    depth = np.empty_like(sharpest.offset)
    over_rows(_peak_rows, len(depth), sharpest, count, depth)
    around = filled(depth, sharpest.trust, sharpest.picture, reach=REACH, contrast=contrast)
    weight = around  # takes its place
    over_rows(_mix_rows, len(depth), sharpest, count, around, depth, weight)
    return filled(depth, weight, sharpest.picture, reach=smoothing, contrast=contrast) if smoothing > 0 else depth


def _peak_rows(sharpest: Sharpest, count: int, depth: Plane, start: int, stop: int) -> None:
    rows = slice(start, stop)
    depth[rows] = np.clip(sharpest.index[rows] + sharpest.offset[rows], 0, count - 1)


def _mix_rows(
    sharpest: Sharpest, count: int, around: Plane, depth: Plane, weight: Plane, start: int, stop: int
) -> None:
    rows = slice(start, stop)
    middle = np.float32((count - 1) / 2)  # where nothing at all is in focus
    plain = np.where(np.isnan(around[rows]), middle, around[rows])
    depth[rows] += (1 - sharpest.trust[rows]) * (plain - depth[rows])
    weight[rows] = np.maximum(sharpest.confidence[rows], np.float32(LEAST_WEIGHT))


def _reach_rows(
    sharpest: Sharpest, depth: Plane, softness: float, reach: Plane, index: Plane, start: int, stop: int
) -> None:
    rows = slice(start, stop)
    trust = sharpest.trust[rows]
    reach[rows] = sharpest.doubt[rows] * np.float32(softness / 2) + (1 - trust) * np.float32(AVERAGED)
    index[rows] = np.where(trust > 0, depth[rows], np.float32(np.nan))
