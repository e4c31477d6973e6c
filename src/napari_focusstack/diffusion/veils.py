"""Pixels beside depth edges, freed of the light of nearer surfaces by a law, and held against the frames."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from ..arrays import Frames
from ..color import Transfer, to_stored
from ..kernels.strips import over_rows
from ..progress import apart, track
from .evidence import Evidence, gathered_again
from .law import Law, kind_of
from .result import SURE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["Solved", "Veils"]

BLOCK, BLOCKS = 64, 4  # px, and number, of the squares that tell which end of the burst is nearest
DIFFERENT = 0.5  # of the range of values: what two frames differ by counts as so much at most
ASKED = 1000  # pixels of them
HIDING, CLEARLY = 1.05, 1.2  # times as well as adding up it must explain the frames; where that is likely, too
ROUNDS = 2  # of the subtractive form, which takes what is around from the one before
LEFT = 0.2  # of a pixel's light: where nearer surfaces seem to have added more than the rest, depth is wrong
LEVELS = 4096  # of linear light, to look stored values up by


class Solved(NamedTuple):
    """What was found of the points.

    Attributes
    ----------
    light : (Y, X, C) float32
        Linear light, freed at the points.
    veil, radius : (Y, X) float32
        Share of the light that was kept away, and the blur, in px, of what did; 0 elsewhere.
    wrong : (2, P) float32, optional
        By how much the frames, rendered again, differ from what was seen at the points: solved, and as it was. By
        default it is still to be rendered.
    """

    light: NDArray[np.float32]
    veil: Plane
    radius: Plane
    wrong: NDArray[np.float32] | None = None


class Veils:
    """Pixels beside depth edges, and what is found of them by a law."""

    def __init__(
        self, evidence: Evidence, depth: Plane, reach: NDArray[np.uint8], gap: float, subtract: bool, transfer: Transfer
    ) -> None:
        self.evidence, self.depth, self.reach, self.gap, self.subtract = evidence, depth, reach, gap, subtract
        self.transfer: Transfer = transfer
        self.curve = to_stored(np.linspace(0, 1, LEVELS, dtype=np.float32), transfer).astype(np.float32)

    def with_depth(self, frames: Frames, depth: Plane) -> Veils:
        """Veils of another depth; the frames are read again that its pixels name."""
        moved = depth != self.depth
        if not moved.any():
            return self
        evidence = gathered_again(self.evidence, frames, depth, moved, self.transfer)
        return Veils(evidence, depth, self.reach, self.gap, self.subtract, self.transfer)

    def solved(self, law: Law, points: NDArray[np.int32], *, opaque: bool = True) -> Solved:
        """Light without that of nearer surfaces at points (P, 2)."""
        from ..kernels import veil_cpu

        light, depth = self.evidence.light, self._ascending(law)
        points = apart(self._behind, points, depth)
        around = light
        veil, radius = np.zeros_like(depth), np.zeros_like(depth)
        buckets = apart(_by_level, points, depth)
        for _ in range(ROUNDS if self.subtract else 1):
            solved = apart(light.copy)
            for some in track(buckets, "Eliminating diffusion"):
                seen = some, light, around, depth, self.reach
                how = law.near, self.gap, kind_of(law.psf), self.subtract, opaque
                over_rows(veil_cpu.unveil, len(some), *seen, *how, solved, veil, radius)
            around = solved
        return Solved(solved, veil, radius)

    def worst(self, solved: Solved, law: Law, which: NDArray[np.intp], *, opaque: bool = True) -> NDArray[np.float32]:
        """(2, …) largest difference of frames that are rendered again, at some of the points: solved, and as it was."""
        from ..kernels import veil_cpu

        if solved.wrong is not None:
            return solved.wrong[:, which]
        points = self.evidence.points[which]
        worst: NDArray[np.float32] = veil_cpu.errors(  # type: ignore[no-untyped-call]
            points,
            solved.light,
            self.evidence.light,
            self._ascending(law),
            self.reach,
            solved.radius[tuple(points.T)] / np.float32(law.near),
            law.near,
            law.far,
            self.gap,
            kind_of(law.psf),
            self.evidence.frames if law.nearest == "first" else -self.evidence.frames,
            np.ascontiguousarray(self.evidence.seen[:, which]),
            self.curve,
            min(1.0, self.gap),
            opaque,
        )
        return worst

    def leaves(self, solved: NDArray[np.float32], which: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether a fifth of the light of some of the points is left, and some in every channel."""
        where = tuple(self.evidence.points[which].T)
        left, seen = solved[where], self.evidence.light[where]
        return np.asarray((left.min(axis=1) > 0) & (left.mean(axis=1) > LEFT * seen.mean(axis=1)))

    def gain(self, law: Law) -> tuple[float, int]:
        """By how much better the frames are explained by a law than without, and by how many pixels that is told."""
        found, before = self._tried(law, opaque=True)
        return (float((before - found).mean()) if len(found) else -np.inf), len(found)

    def adds_up(self, law: Law) -> bool:
        """Whether the frames look more as if light added up than as if nearer surfaces hid farther ones.

        In fluorescence it does; elsewhere it seems so where depth or blur are wrong: nothing is to be taken, either.
        Hiding has to be shown clearly of light that is stored as it is, as microscopes do, while photographs have a
        curve; and where adding up explains the frames, too, better than the picture as it is.
        """
        hiding, as_it_was = (wrong.sum() for wrong in self._tried(law, opaque=True))
        adding = self._tried(law, opaque=False)[0].sum()
        likely = self.transfer == "linear" or adding < as_it_was
        return bool(adding < (CLEARLY if likely else HIDING) * hiding)

    def _tried(self, law: Law, *, opaque: bool) -> NDArray[np.float32]:
        """(2, …) `worst`, `DIFFERENT` at most, of some pixels that are veiled by a law, in the busiest squares."""
        found = []
        for part, asked in track(self._busiest()):
            solved = part.solved(law, part.evidence.points, opaque=opaque)
            veiled = asked[solved.veil[tuple(part.evidence.points[asked].T)] > SURE]
            found.append(part.worst(solved, law, veiled, opaque=opaque))
        return np.minimum(np.concatenate(found, axis=1), np.float32(DIFFERENT))

    def _busiest(self) -> list[tuple[Veils, NDArray[np.intp]]]:
        """Squares with the most points, cut out with what is around them, and the numbers of some points inside."""
        points = self.evidence.points
        across = self.depth.shape[1] // BLOCK + 1
        counts = np.bincount(points[:, 0] // BLOCK * across + points[:, 1] // BLOCK)
        around = int(self.reach.max())
        found = []
        for square in np.argsort(counts)[-BLOCKS:]:
            corner = np.array(divmod(int(square), across)) * BLOCK
            first = np.maximum(corner - around, 0)
            part = self._cut(*first, *(corner + BLOCK + around))
            away = part.evidence.points + first - corner
            inside = np.flatnonzero(((away >= 0) & (away < BLOCK)).all(axis=1))
            found.append((part, np.random.default_rng(0).permutation(inside)[: ASKED // BLOCKS]))
        return found

    def _cut(self, top: int, left: int, bottom: int, right: int) -> Veils:
        """A rectangle of it."""
        evidence, where = self.evidence, (slice(top, bottom), slice(left, right))
        rows, columns = evidence.points.T
        inside = np.flatnonzero((rows >= top) & (rows < bottom) & (columns >= left) & (columns < right))
        part = replace(
            evidence,
            points=evidence.points[inside] - np.array([top, left], np.int32),
            light=np.ascontiguousarray(evidence.light[where]),
            seen=evidence.seen[:, inside],
            detail=evidence.detail[:, inside],
        )
        depth, reach = np.ascontiguousarray(self.depth[where]), np.ascontiguousarray(self.reach[where])
        return Veils(part, depth, reach, self.gap, self.subtract, self.transfer)

    def _behind(self, points: NDArray[np.int32], depth: Plane) -> NDArray[np.int32]:
        """Those of the points that have something nearer within their reach."""
        rows, columns = points.T
        reach, own = self.reach[rows, columns], depth[rows, columns]
        behind = np.zeros(len(points), bool)
        for width in np.unique(reach):
            some = np.flatnonzero(reach == width)
            lowest = cv2.erode(depth, np.ones((2 * int(width) + 1,) * 2, np.uint8))
            behind[some] = own[some] - lowest[rows[some], columns[some]] >= self.gap
        return points[behind]

    def _ascending(self, law: Law) -> Plane:
        return self.depth if law.nearest == "first" else -self.depth


def _by_level(points: NDArray[np.int32], depth: Plane) -> list[NDArray[np.int32]]:
    """Points (P, 2) of each whole frame of depth, in ascending order."""
    level = np.floor(depth[points[:, 0], points[:, 1]]).astype(np.int32)
    order = np.argsort(level, kind="stable")
    bounds = np.flatnonzero(np.diff(level[order], prepend=-(2**30), append=2**30))
    return [points[order[first:last]] for first, last in pairwise(bounds)]
