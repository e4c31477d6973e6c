"""Pixels beside depth edges, freed of the light of nearer surfaces by a law, and held against the frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..color import Transfer, to_stored
from ..kernels.strips import over_rows
from ..progress import apart, track
from .evidence import Evidence
from .law import Law, Nearest, kind_of
from .result import SURE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["Veils"]

BLOCK, BLOCKS = 64, 4  # px, and number, of the squares that tell which end of the burst is nearest
DIFFERENT = 0.5  # of the range of values: what two frames differ by counts as so much at most
ASKED = 1000  # pixels of them
ENDS: Sequence[Nearest] = ("first", "last")
ROUNDS = 2  # of the subtractive form, which takes what is around from the one before
LEVELS = 4096  # of linear light, to look stored values up by


class Veils:
    """Pixels beside depth edges, and what is found of them by a law."""

    def __init__(
        self, evidence: Evidence, depth: Plane, reach: NDArray[np.uint8], gap: float, subtract: bool, transfer: Transfer
    ) -> None:
        self.evidence, self.depth, self.reach, self.gap, self.subtract = evidence, depth, reach, gap, subtract
        self.transfer: Transfer = transfer
        self.curve = to_stored(np.linspace(0, 1, LEVELS, dtype=np.float32), transfer).astype(np.float32)

    def solved(self, law: Law, points: NDArray[np.int32]) -> tuple[NDArray[np.float32], Plane, Plane]:
        """Light (Y, X, C), veil (Y, X) and the blur of what veils (Y, X), px, solved at points (P, 2)."""
        from ..kernels import veil_cpu

        light, depth = self.evidence.light, self._ascending(law)
        around = light
        veil, radius = np.zeros_like(depth), np.zeros_like(depth)
        level = np.floor(depth[points[:, 0], points[:, 1]]).astype(np.int32)
        order = apart(np.argsort, level, kind="stable")
        bounds = np.flatnonzero(np.diff(level[order], prepend=-(2**30), append=2**30))
        buckets = [points[order[first:last]] for first, last in pairwise(bounds)]
        for _ in range(ROUNDS if self.subtract else 1):
            solved = light.copy()
            for some in track(buckets, "Eliminating diffusion"):
                args = (some, light, around, depth, self.reach, law.near, self.gap, kind_of(law.psf), self.subtract)
                over_rows(veil_cpu.unveil, len(some), *args, solved, veil, radius)
            around = solved
        return solved, veil, radius

    def worst(self, solved: NDArray[np.float32], radius: Plane, law: Law, which: NDArray[np.intp]) -> Plane:
        """(2, …) largest difference of frames that are rendered again, at some of the points: solved, and as it was."""
        from ..kernels import veil_cpu

        points = self.evidence.points[which]
        worst: Plane = veil_cpu.errors(  # type: ignore[no-untyped-call]
            points,
            solved,
            self.evidence.light,
            self._ascending(law),
            self.reach,
            radius[tuple(points.T)] / np.float32(law.near),
            law.near,
            law.far,
            self.gap,
            kind_of(law.psf),
            self.evidence.frames if law.nearest == "first" else -self.evidence.frames,
            np.ascontiguousarray(self.evidence.seen[:, which]),
            self.curve,
            min(1.0, self.gap),
        )
        return worst

    def nearest(self, law: Law) -> Nearest:
        """End of the burst that explains the frames better if it is the nearest."""
        points = self.evidence.points
        across = self.depth.shape[1] // BLOCK + 1
        counts = np.bincount(points[:, 0] // BLOCK * across + points[:, 1] // BLOCK)
        there = np.flatnonzero(counts)
        away = np.full(len(points), np.inf, np.float32)  # from the middle of the nearest of the busiest squares
        for square in track(there[np.argsort(counts[there])[-BLOCKS:]]):
            down, right = (np.abs(points[:, i] - (at + 0.5) * BLOCK) for i, at in enumerate(divmod(square, across)))
            np.minimum(away, np.maximum(down, right), out=away)
        around, inside = points[away <= BLOCK], np.flatnonzero(away <= BLOCK / 2)
        asked = np.random.default_rng(0).permutation(inside)[:ASKED]
        gains: dict[Nearest, float] = {}
        for end in ENDS:
            one = replace(law, nearest=end)
            light, veil, radius = self.solved(one, around)
            veiled = asked[veil[tuple(points[asked].T)] > SURE]
            found, before = np.minimum(self.worst(light, radius, one, veiled), DIFFERENT)
            gains[end] = float((before - found).mean()) if len(veiled) else -np.inf
        return max(gains, key=lambda end: gains[end])

    def _ascending(self, law: Law) -> Plane:
        return self.depth if law.nearest == "first" else -self.depth
