"""How much of a correction to keep: what the frames show of it, and a network that judges by that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast

import cv2
import numpy as np

from ..arrays import Box, tiles
from ..color import to_stored
from ..devices import in_short_floats
from ..progress import apart, track
from .checks import Borne, borne_out, in_segments, trust, understood

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..nets.config import Checkpoint
    from ..nets.trustnet import TrustNet
    from .solving import Correction

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["PLANES", "Case", "Judge", "case_of", "check_judge", "judged", "load_judge"]

PLANES = 17
TILE = 512  # px: what the network is asked about at once
AROUND = 7  # px to either side, over which depth is taken for level
MOST = 4.0  # times what frames may differ by, and frames from the level of depth: more is as bad
DIFFERENCE, SHARE, BLUR, STEP, GRAIN = 4.0, 2.0, 0.125, 0.25, 20.0  # what brings each kind of plane to about 1


class Judge(NamedTuple):
    """A network, and where it runs."""

    network: TrustNet
    device: str


def check_judge(checkpoint: str) -> Checkpoint:
    """Description of a checkpoint that can judge; torch is not loaded.

    Raises
    ------
    CheckpointError
        If there is no such checkpoint, it is damaged, or no TrustNet.
    """
    from ..nets.checkpoint import check_architecture, read_checkpoint

    described = read_checkpoint(checkpoint)
    check_architecture(described, ("trustnet",), "diffusion")
    return described


def load_judge(checkpoint: str, device: str) -> Judge:
    """Network of a checkpoint, see `check_judge`; loads torch."""
    import torch

    from ..devices import pick_device
    from ..nets.checkpoint import load_network

    network = load_network(check_judge(checkpoint), device)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Judge(cast("TrustNet", network), pick_device(device))


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A correction of a picture, and what speaks for and against it.

    Attributes
    ----------
    correction : Correction
        What was found.
    stored : (Y, X, C) float32
        The picture, in stored values.
    known : (Y, X) bool
        Where depth was measured.
    weights : (P,) float32
        By how much each point is veiled at all, 0 to 1.
    which : (Q,) int
        Numbers of the points that are.
    borne : Borne
        How far the frames bear these out.
    rules : (Q,) float32
        Share of the correction that they keep by the rules of `checks`.
    """

    correction: Correction
    stored: NDArray[np.float32]
    known: NDArray[np.bool_]
    weights: NDArray[np.float32]
    which: NDArray[np.intp]
    borne: Borne
    rules: NDArray[np.float32]

    def places(self) -> NDArray[np.int32]:
        """(Y, X) which of `which` each pixel is; -1: none of them."""
        work = self.correction.work
        places = np.full(work.depth.shape, -1, np.int32)
        places[tuple(work.evidence.points[self.which].T)] = np.arange(len(self.which), dtype=np.int32)
        return places

    def planes(self, box: Box, places: NDArray[np.int32]) -> NDArray[np.float32]:
        """(17, Y, X) what is known of the pixels of a part of the picture: what a `TrustNet` is asked.

        Notes
        -----
        The grey of the fused picture; by how much another light differs from it, as mean and root mean square of the
        channels: what was freed, what the frames show that the index names, what the nearer frame shows in which the
        pixel has most detail; that detail; the veil's share and its blur; what the frames differ by, corrected and as
        they are; the share by the rules; whether depth was measured; whether anything may be corrected; depth beside
        that around, nearer is less; the noise.
        """
        work, solved = self.correction.work, self.correction.solved
        evidence, at = work.evidence, places[box]
        there = at >= 0
        some = at[there]
        points = self.which[some]
        fused = self.stored[box]
        freed, single = (to_stored(light[box], work.transfer) for light in (solved.light, evidence.light))
        front, detail = self._in_front(points)
        nearer = fused.copy()
        nearer[there] = front
        planes = np.zeros((PLANES, *at.shape), np.float32)
        planes[0] = fused.mean(axis=2) - 0.5
        for i, other in enumerate((freed, single, nearer)):
            difference = DIFFERENCE * np.clip(other - fused, -1, 1)
            planes[1 + 2 * i] = difference.mean(axis=2)
            planes[2 + 2 * i] = np.sqrt(np.square(difference).mean(axis=2))
        planes[7][there] = np.log1p(detail)
        planes[8], planes[9] = SHARE * solved.veil[box], BLUR * solved.radius[box]
        planes[10][there], planes[11][there] = (np.minimum(one[some], MOST) for one in self.borne[1:])
        planes[12][there] = self.rules[some]
        planes[13], planes[14] = self.known[box], there
        planes[15], planes[16] = np.clip(STEP * self._above(box), -MOST, MOST), GRAIN * evidence.noise
        return planes

    def _in_front(self, points: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Stored values (P, C) of points in the nearer frame that shows most detail there, and that detail (P,)."""
        evidence, sign = self.correction.work.evidence, self._sign
        own = sign * self.correction.given[tuple(evidence.points[points].T)]
        nearer = sign * evidence.frames[:, None] < own - 1
        detail = evidence.detail[:, points].astype(np.float32) * nearer
        best, every = detail.argmax(axis=0), np.arange(len(points))
        return evidence.seen[best, points].astype(np.float32) / 255, detail[best, every]

    def _above(self, box: Box) -> Plane:
        """Depth less that around."""
        given = self.correction.given
        wide, inner = _wide(box, AROUND, given.shape)
        depth = self._sign * given[wide]
        return (depth - cv2.blur(depth, (2 * AROUND + 1,) * 2))[inner]

    @property
    def _sign(self) -> np.float32:
        return np.float32(1 if self.correction.law.nearest == "first" else -1)


def case_of(correction: Correction, stored: NDArray[np.float32], known: NDArray[np.bool_]) -> Case | None:
    """Hold a correction of a picture against the frames; None if nothing is veiled."""
    work, law, solved, given = correction.work, correction.law, correction.solved, correction.given
    weights = correction.weights()
    which = np.flatnonzero(weights)
    if not len(which):
        return None
    borne = borne_out(work, solved, law, which, given)
    return Case(correction, stored, known, weights, which, borne, trust(work, stored, solved, which, given, borne))


def judged(case: Case, judge: Judge) -> NDArray[np.float32]:
    """(P,) share of the correction that is to be kept, of the points of a case: where the frames bear it out."""
    import torch

    places = apart(case.places)
    shares = np.zeros(len(case.which), np.float32)
    margin = -(-judge.network.halo // judge.network.grid) * judge.network.grid
    boxes = [box for box in tiles(places.shape, TILE) if (places[box] >= 0).any()]

    def judge_one(box: Box) -> None:
        wide, inner = _wide(box, margin, places.shape)
        asked = torch.from_numpy(case.planes(wide, places))[None].to(judge.device)
        with torch.inference_mode(), in_short_floats(judge.device):
            found = judge.network(asked.contiguous(memory_format=torch.channels_last), inner)
        there = places[box] >= 0
        shares[places[box][there]] = found[0, 0].float().cpu().numpy()[there]

    for box in track(boxes, "Judging"):
        apart(judge_one, box)
    work = case.correction.work
    shares *= case.borne.sound * understood(work, case.which, case.rules)
    return shares * in_segments(work, case.which, case.borne, shares)


def _wide(box: Box, margin: int, shape: tuple[int, ...]) -> tuple[Box, Box]:
    """A box with a margin, as far as there is one; and where it lies therein."""
    starts = [max(0, part.start - margin) for part in box]
    stops = [min(size, part.stop + margin) for part, size in zip(box, shape, strict=True)]
    wide = [slice(start, stop) for start, stop in zip(starts, stops, strict=True)]
    inner = [slice(part.start - start, part.stop - start) for part, start in zip(box, starts, strict=True)]
    return (wide[0], wide[1]), (inner[0], inner[1])
