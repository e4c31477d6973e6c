"""From frames, picture and depth to light that is freed of what nearer surfaces spread, before anything is checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from ..arrays import Frames, visit
from ..color import Transfer
from ..kernels.strips import over_rows
from ..progress import apart
from .checks import SEGMENT
from .evidence import gathered, jumps_of, reach_of, trimmed
from .law import Law, Nearest, measured
from .matting import EDGE, errors, matted
from .reblurring import law_of_pair, light_of
from .result import SURE
from .spacing import evenly
from .veils import Solved, Veils

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["Correction", "solve"]

ENOUGH, FEWEST = 100, 50  # pixels that tell which end of the burst is nearest, of surfaces drawn back; and at least
CLEAR = 2.0  # times as badly the other end must explain the frames, if both do so worse than if nothing were changed
GAP = 2.0  # frames between two surfaces, from which on one may veil the other
THINNEST = 0.01  # share of the light that a veil takes where correcting begins
NOISY = 0.01, 0.05  # standard deviation of the noise from which on nothing is divided: of a pair, of a stack
SHARP = 0.3  # px: narrower blurs leave nothing to tell what covers pixels in part
FULL_RIM = 1.3  # below which a nearer surface is drawn back

NO_EDGES = "there are no depth edges"  # why nothing is done
NO_TEXTURE = "there is no texture on flat surfaces to measure the blur by; give it: blur (--diffusion-blur)"
NO_END = "the frames do not tell which end of the burst is nearest; give it: nearest (--diffusion-nearest)"
NO_SHADE = (
    "the frames look more as if light added up than as if what is near hid what is behind it; where that cannot be, "
    "depth or blur are wrong: give the blur (--diffusion-blur)"
)


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """Light freed of that of nearer surfaces, and how it was found.

    Attributes
    ----------
    work : Veils
        The points, and what the frames show of them.
    law : Law
        How wide what is out of focus is blurred.
    solved : Solved
        What was found.
    given : (Y, X) float32
        Depth in frames, before `edge` moved it.
    """

    work: Veils
    law: Law
    solved: Solved
    given: Plane

    def weights(self) -> NDArray[np.float32]:
        """(P,) by how much each point is veiled at all, 0 to 1: what is hardly veiled is hardly corrected."""
        veil = self.solved.veil[tuple(self.work.evidence.points.T)]
        return np.clip((veil - THINNEST) / (SURE - THINNEST), 0, 1)  # type: ignore[no-any-return]


def solve(
    frames: Frames,
    stored: NDArray[np.float32],
    depth: Plane,
    known: NDArray[np.bool_],
    *,
    edge: int = 0,
    nearest: Literal["auto", "first", "last"] = "auto",
    blur: float | None = None,
    psf: Literal["auto", "disc", "gaussian"] = "auto",
    form: Literal["auto", "division", "subtraction"] = "auto",
    transfer: Transfer = "linear",
) -> Correction | str:
    """Light of a picture without that of nearer surfaces, or why there is none, in words.

    Arguments as of `eliminate_diffusion`, where they were checked: `stored` is the picture, `depth` the index.
    """
    pair = len(frames) == 2
    gap = min(GAP, len(frames) - 1.0)
    jumps = apart(jumps_of, depth, known)
    if not (jumps > gap - 0.5).any():
        return NO_EDGES
    given = Law(blur, blur, "disc" if psf == "auto" else psf) if blur is not None else None
    kind = given.psf if given else psf
    found = None if pair and not given else measured(frames, stored, depth, transfer, psf=kind, blur=blur)
    if pair:
        found = law_of_pair(frames, depth, transfer, psf=kind, instead=found)
    law = given or found
    if law is None:
        return NO_TEXTURE
    uneven = found.focus if found else ()
    focus = np.array(uneven or evenly(len(frames)))
    if uneven:
        depth = _placed(depth, focus)
        jumps = apart(jumps_of, depth, known)
    reach = apart(reach_of, jumps, gap - 0.5, law.reach)
    step = math.inf if pair else law.wider  # of a pair, the other frame is never sharp, too
    evidence = gathered(frames, stored, depth, reach, transfer, focus, step)
    subtract = form == "subtraction" or (form == "auto" and evidence.noise > NOISY[not pair])
    whole = Veils(evidence, depth, reach, gap, subtract, transfer)
    work, law, told = _drawn_back(frames, whole, law, nearest)
    masks = (work, whole) if pair else ()
    del evidence, whole  # their light is another one, where surfaces were drawn back
    if given and found:
        law = replace(found, nearest=law.nearest).with_near(given.before)
    drawn = work.depth
    if edge:
        work = work.with_depth(frames, _moved(drawn, edge, law.nearest, gap - 0.5))
    if not pair and work.adds_up(law):  # whoever gives the mask of a pair knows
        return NO_SHADE
    if not told:
        return NO_END
    if pair and not edge and law.near >= SHARP:
        work, solved = _of_pair(frames, masks, law)
        return Correction(work, law, solved, work.depth)
    return Correction(work, law, work.solved(law, work.evidence.points), drawn)


def _placed(index: Plane, focus: NDArray[np.float64]) -> Plane:
    """Depth of frames' numbers, with fractions, where the frames are focused."""
    placed, numbers = np.empty_like(index), np.arange(len(focus))

    def rows(start: int, stop: int) -> None:
        placed[start:stop] = np.interp(index[start:stop], numbers, focus)

    over_rows(rows, len(index))
    return placed


def _drawn_back(
    frames: Frames, work: Veils, law: Law, nearest: Literal["auto", "first", "last"]
) -> tuple[Veils, Law, bool]:
    """Nearer surfaces drawn back where they are too wide, and the law with the end of the burst that is the nearest.

    With that end as the nearest, the frames are explained better; without drawing back, if too few pixels tell. Last,
    whether there is nothing to tell, or that end does so at all, or clearly better than the other.
    """
    ends: tuple[Nearest, ...] = ("first", "last") if nearest == "auto" else (nearest,)
    jump, drawn = work.gap - 0.5, dict[Nearest, Veils]()
    for end in ends:
        back = apart(trimmed, work.evidence, work.depth, end, jump, SEGMENT, FULL_RIM)
        drawn[end] = work.with_depth(frames, back)
    if nearest != "auto":
        return drawn[nearest], replace(law, nearest=nearest), True
    gains = {end: one.gain(replace(law, nearest=end)) for end, one in drawn.items()}
    if min(count for _, count in gains.values()) < ENOUGH:
        gains = {end: work.gain(replace(law, nearest=end)) for end in ends}
    best = max(gains, key=lambda end: gains[end])
    gain, count = gains[best]
    told = not count or (count >= FEWEST and (gain > 0 or min(gains.values())[0] < CLEAR * gain))
    return drawn[best], replace(law, nearest=best), told


def _of_pair(frames: Frames, works: Sequence[Veils], law: Law) -> tuple[Veils, Solved]:
    """Of some masks of a pair, that which bears the near frame out best; and the pair, taken apart by it."""
    near, far = (apart(light_of, frame, works[0].transfer) for _, frame in visit(frames, "Eliminating diffusion"))
    if law.nearest == "last":
        near, far = far, near
    found = []
    for work in dict.fromkeys(works):  # they may be the same
        inside = work.depth < 0.5 if law.nearest == "first" else work.depth > 0.5
        one = matted(near, far, inside.astype(np.float32), law.near, law.far, psf=law.psf, subtract=work.subtract)
        found.append((work, inside, one, apart(errors, near, far, one, law, work.transfer)))
    beside = np.any([inside for _, inside, *_ in found], axis=0).astype(np.uint8)
    away = cv2.dilate(beside, np.ones((2 * math.ceil(EDGE) + 1,) * 2, np.uint8)) == 0
    work, inside, one, wrong = min(found, key=lambda each: float(each[-1][0, away].sum()))
    veil = np.where(inside & (one.alpha == 1), np.float32(0), one.veil)
    radius = np.where(veil > 0, np.float32(law.near), np.float32(0))
    return work, Solved(one.light, veil, radius, wrong[:, *work.evidence.points.T])


def _moved(depth: Plane, edge: int, nearest: Nearest, jump: float) -> Plane:
    """Depth whose edges are moved outwards (> 0) or inwards from the nearer surface."""
    window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(edge) + 1,) * 2)
    lower = (edge > 0) == (nearest == "first")
    found = (cv2.erode if lower else cv2.dilate)(depth, window)
    return np.where(np.abs(found - depth) > jump, found, depth)
