"""What frames show beside depth edges: one pass over them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ..arrays import Frames, from_float, to_float, visit
from ..color import Transfer, to_linear
from ..focus import grey, image_noise, laplacian
from ..progress import apart
from .law import Nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["MOST_REACH", "Evidence", "gathered", "gathered_again", "jumps_of", "reach_of", "rims", "trimmed"]

MOST_REACH = 64  # px that the light of a depth edge is followed
WIDTHS = (4, 6, 8, 11, 14, 18, 24, 32, 44, MOST_REACH)  # px: classes of that reach
JUMP_PX = 2  # to either side of a pixel, in which a jump of depth is looked for
MARGIN_PX = 2  # more than the reach that follows from the jump
FAR = 1e9  # beyond all depths
BESIDE = 2  # frames to either side of a pixel's own that its light may be a mean with
LOST = 0.014  # standard deviation of what a blur of 1 px (radius of a disc) takes away; in proportion to its square
LEAST = 0.02  # that it must count, to be read at all
CHECKS = 6  # frames that the result is rendered again for
MOST_TOO_WIDE = 3  # px by which nearer surfaces are drawn back
CLEARER = 2.5  # factor by which that makes their rims sharper in their own frames, beside those of what is behind
LAPLACIAN = 20.0  # variance of the Laplacian of noise of variance 1


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What frames show.

    Attributes
    ----------
    points : (P, 2) int32
        Rows and columns of pixels beside depth edges.
    light : (Y, X, C) float32
        Linear light: of these pixels, in the frame that their index names and, by `beside`, in those around it;
        elsewhere of the fused picture.
    beside : tuple of float
        What the frames one step before and behind a pixel's own count, which counts 1; then those two steps away.
    focus : (N,) float64
        Depths that the frames are focused at, ascending.
    frames : (K,) float32
        Those of the frames that a result can be compared with.
    seen : (K, P, C) uint8
        Stored values of the points in these; 255 is white.
    detail : (K, P) float16
        Size of the Laplacian of their grey, with that of noise.
    noise : float
        Standard deviation of the noise of a frame, in stored values of 0 to 1.
    """

    points: NDArray[np.int32]
    light: NDArray[np.float32]
    beside: tuple[float, ...]
    focus: NDArray[np.float64]
    frames: NDArray[np.float32]
    seen: NDArray[np.uint8]
    detail: NDArray[np.float16]
    noise: float


def jumps_of(index: Plane, known: NDArray[np.bool_]) -> Plane:
    """(Y, X) by how many frames depth jumps within 2 px of each pixel; below 0 where nothing is known.

    Parameters
    ----------
    index : (Y, X) float32
        Depth in frames.
    known : (Y, X) bool
        Where it was measured: only between such pixels there are edges.
    """
    window = np.ones((2 * JUMP_PX + 1, 2 * JUMP_PX + 1), np.uint8)
    floor, ceiling = np.where(known, index, np.float32(FAR)), np.where(known, index, np.float32(-FAR))
    return cv2.dilate(ceiling, window) - cv2.erode(floor, window)


def reach_of(jumps: Plane, jump: float, blur: float) -> NDArray[np.uint8]:
    """(Y, X) how far in px, at most, another surface's light comes to each pixel; 0 where there is none.

    Parameters
    ----------
    jumps : (Y, X) float32
        As `jumps_of` has them.
    jump : float
        Frames between two surfaces that make a depth edge.
    blur : float
        How far the light of what is one frame out of focus comes, px.
    """
    far = np.where(jumps > jump, jumps * blur + MARGIN_PX, 0)
    reach = np.zeros(jumps.shape, np.uint8)
    for lower, upper in pairwise((0, *WIDTHS)):
        some = (far > lower) & ((far <= upper) | (upper == MOST_REACH))
        if some.any():
            distance = cv2.distanceTransform((~some).astype(np.uint8), cv2.DIST_L2, 3)
            reach[distance <= upper] = upper
    return reach


class _Light:
    """Linear light of pixels in the frames that are focused next to their depth, and in those beside.

    Parameters
    ----------
    points : (P, 2) int32
        Rows and columns.
    depth : (P,) float32
        In frames.
    focus : (N,) float64
        Depths that the frames are focused at, ascending.
    channels : int
        Of the frames.
    transfer : {"linear", "srgb"}
        How stored values relate to light.
    """

    def __init__(
        self, points: NDArray[np.int32], depth: Plane, focus: NDArray[np.float64], channels: int, transfer: Transfer
    ) -> None:
        self.points, self.transfer = points, transfer
        self.frame = np.searchsorted((focus[1:] + focus[:-1]) / 2, depth).astype(np.int32)
        steps = np.rint(np.abs(np.subtract.outer(focus, focus)))  # mean ones: frames may be focused unevenly
        self.away = np.where(np.eye(len(focus)), 0, np.maximum(steps, 1)).astype(np.int32)
        self.light = np.zeros((1 + BESIDE, len(points), channels), np.float32)  # summed, by the distance in steps

    def see(self, stored: NDArray[Any], k: int) -> None:
        """Look at frame `k`, (Y, X, C) as stored."""
        away = self.away[k][self.frame]
        some = np.flatnonzero(away <= BESIDE)
        self.light[away[some], some] += to_linear(to_float(stored[tuple(self.points[some].T)]), self.transfer)

    def needed(self, farthest: int) -> list[int]:
        """Numbers of the frames that are so many steps from a pixel's own, or less."""
        return np.flatnonzero((self.away[:, np.unique(self.frame)] <= farthest).any(axis=1)).tolist()

    def mean(self, beside: Sequence[float]) -> NDArray[np.float32]:
        """(P, C) of all of them, in which the frames beside count so much."""
        weights = np.array((1, *beside), np.float32)
        count = sum(weight * (self.away == away).sum(axis=1) for away, weight in enumerate(weights))
        return np.asarray(np.tensordot(weights, self.light[: len(weights)], 1) / count[self.frame, None])


def gathered(
    frames: Frames,
    image: NDArray[np.float32],
    index: Plane,
    reach: NDArray[np.uint8],
    transfer: Transfer,
    focus: NDArray[np.float64],
    blur: float,
) -> Evidence:
    """What the frames show of the pixels that something may reach.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C), aligned.
    image : (Y, X, C) float32
        Fused picture, in stored values.
    index : (Y, X) float32
        Depth of each pixel, in frames.
    reach : (Y, X) uint8
        As `reach_of` has it.
    transfer : {"linear", "srgb"}
        How stored values relate to light.
    focus : (N,) float64
        Depths that the frames are focused at, ascending.
    blur : float
        Of what is one frame out of focus: radius of a disc of that variance, in px.
    """
    points = apart(np.argwhere, reach > 0).astype(np.int32)
    rows, columns = points.T
    light = apart(to_linear, image, transfer).astype(np.float32, copy=transfer == "linear")
    low, high = int(np.searchsorted(focus, index.min(), "right")) - 1, int(np.searchsorted(focus, index.max()))
    checks = sorted({round(k) for k in np.linspace(max(low, 0), min(high, len(focus) - 1), CHECKS)})
    seen = np.empty((len(checks), len(points), image.shape[2]), np.uint8)
    detail, noise = np.empty(seen.shape[:2], np.float16), math.inf
    own = _Light(points, index[rows, columns], focus, image.shape[2], transfer)
    for k, stored in visit(frames, "Gathering light"):
        apart(own.see, stored, k)
        if k in checks:
            noise = min(noise, apart(image_noise, stored))  # the least: what is sharp looks like noise, too
            seen[checks.index(k)] = apart(_in_8_bits, stored, rows, columns)
            detail[checks.index(k)] = apart(_detail, stored, rows, columns)
    beside = _weights(blur, noise)
    light[rows, columns] = apart(own.mean, beside)
    return Evidence(points, light, beside, focus, focus[checks].astype(np.float32), seen, detail, noise)


def _weights(blur: float, noise: float) -> tuple[float, ...]:
    """What frames beside count, by the inverse of their variance: noise, and what the blur of the steps takes away."""
    lost = (LOST * (away * blur) ** 2 for away in range(1, 1 + BESIDE))
    weights = (noise**2 / (noise**2 + one**2) for one in lost)
    return tuple(weight for weight in weights if weight > LEAST)


def gathered_again(
    evidence: Evidence, frames: Frames, index: Plane, moved: NDArray[np.bool_], transfer: Transfer
) -> Evidence:
    """Evidence of another index, (Y, X) float32, which differs where pixels are `moved`.

    Reads the frames that these name, and those beside that count.
    """
    light = evidence.light.copy()
    points = evidence.points[moved[tuple(evidence.points.T)]]
    where = tuple(points.T)
    own = _Light(points, index[where], evidence.focus, light.shape[2], transfer)
    for k, stored in visit(frames, "Gathering light", own.needed(len(evidence.beside))):
        apart(own.see, stored, k)
    light[where] = apart(own.mean, evidence.beside)
    return replace(evidence, light=light)


def _in_8_bits(stored: NDArray[Any], rows: NDArray[np.int32], columns: NDArray[np.int32]) -> NDArray[np.uint8]:
    return np.asarray(from_float(np.clip(to_float(stored[rows, columns]), 0, 1), np.uint8))


def _detail(stored: NDArray[Any], rows: NDArray[np.int32], columns: NDArray[np.int32]) -> NDArray[np.float16]:
    return laplacian(grey(stored))[rows, columns].astype(np.float16)


def rims(
    evidence: Evidence, index: Plane, nearest: Nearest, jump: float, around: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(P,) twice: detail that the nearer surfaces' rims have in their own frames, and in those of what is behind.

    Mean squares of the Laplacian of what is not noise, of the pixels that touch a farther surface, within a square of
    `around` px. Where an index or a mask claims more than the surface, its rim shows what is behind, and that is
    sharper in the frames of the latter; where it ends with the surface, its contour is in its own frame, too.

    Parameters
    ----------
    evidence : Evidence
        Its frames are looked at.
    index : (Y, X) float32
        Frame number of each pixel.
    nearest : {"first", "last"}
        The frame whose focus is nearest.
    jump : float
        Frames between two surfaces that make a depth edge.
    around : int
        px.
    """
    beside = (cv2.dilate if nearest == "first" else cv2.erode)(index, np.ones((3, 3), np.uint8))
    rim = np.abs(beside - index) > jump
    at = np.nonzero(rim)
    rows, columns = evidence.points.T
    numbers = np.full(index.shape, -1, np.int32)
    numbers[rows, columns] = np.arange(len(rows), dtype=np.int32)
    sums = np.zeros((2, *index.shape), np.float32)
    for total, depth in zip(sums, (index, beside), strict=True):
        frame = np.abs(evidence.frames[:, None] - depth[at]).argmin(axis=0)
        detail = np.square(evidence.detail[frame, numbers[at]], dtype=np.float32) - LAPLACIAN * evidence.noise**2
        total[at] = np.where(numbers[at] >= 0, detail, 0)
    own, behind = (np.maximum(cv2.blur(total, (around, around)), 0)[rows, columns] for total in sums)
    return own, behind


def trimmed(evidence: Evidence, index: Plane, nearest: Nearest, jump: float, around: int, least: float) -> Plane:
    """Index whose nearer surfaces are drawn back, by up to 3 px, from where their rims show what is behind them.

    Parameters
    ----------
    evidence, index, nearest, jump, around
        As of `rims`.
    least : float
        Share of the detail in the frames of what is behind that a rim has in its own frame at least.

    Returns
    -------
    (Y, X) float32
        The index itself where rims are as they should be.
    """
    window, points = np.ones((3, 3), np.uint8), tuple(evidence.points.T)
    first = own, behind = rims(evidence, index, nearest, jump, around)
    drawn = index
    for _ in range(MOST_TOO_WIDE):
        wide = np.zeros(index.shape, bool)
        wide[points] = own < least * behind
        if not wide.any():
            break
        beside = (cv2.dilate if nearest == "first" else cv2.erode)(drawn, window)
        drawn = np.where(wide & (np.abs(beside - drawn) > jump), beside, drawn)
        own, behind = rims(evidence, drawn, nearest, jump, around)
    better = np.zeros(index.shape, bool)
    better[points] = own * first[1] > CLEARER * first[0] * behind
    return np.where(better, drawn, index)
