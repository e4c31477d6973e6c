"""Diffusion elimination: a fused picture and its depth in, the picture without halos out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import cv2
import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Frames, as_frames, visit
from ..color import Transfer, to_linear, to_stored
from ..kernels.strips import over_rows
from ..methods import check_options
from ..progress import apart
from .checks import SEGMENT, trust, without_specks
from .evidence import gathered, jumps_of, reach_of, trimmed
from .law import Law, Nearest, measured
from .matting import EDGE, errors, matted
from .reblurring import law_of_pair, light_of
from .result import SURE, Elimination, unchanged
from .spacing import evenly
from .veils import Solved, Veils

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["eliminate_diffusion"]

ENOUGH, FEWEST = 100, 50  # pixels that tell which end of the burst is nearest, of surfaces drawn back; and at least
CLEAR = 2.0  # times as badly the other end must explain the frames, if both do so worse than if nothing were changed
GAP = 2.0  # frames between two surfaces, from which on one may veil the other
THINNEST = 0.01  # share of the light that a veil takes where correcting begins
NOISY = 0.01, 0.05  # standard deviation of the noise from which on nothing is divided: of a pair, of a stack
SHARP = 0.3  # px: narrower blurs leave nothing to tell what covers pixels in part
FULL_RIM = 1.3  # below which a nearer surface is drawn back
BRIGHTEST = 16.0  # of white, in a picture: more is another scale

NO_STRENGTH = "strength is 0"  # why nothing is done
NO_EDGES = "there are no depth edges"
NO_TEXTURE = "there is no texture on flat surfaces to measure the blur by; give it: blur (--diffusion-blur)"
NO_VEIL = "no nearer surface spreads light over one behind it"
NO_END = "the frames do not tell which end of the burst is nearest; give it: nearest (--diffusion-nearest)"
NO_SHADE = "the frames look more as if light added up than as if what is near hid what is behind it"
REFUSED = "the frames, rendered again, did not look better without it"


def eliminate_diffusion(
    frames: Frames,
    image: ArrayLike,
    index: ArrayLike,
    known: ArrayLike | None = None,
    *,
    strength: Annotated[float, {"min": 0.0, "max": 1.0}] = 1.0,
    edge: Annotated[int, {"min": -8, "max": 8}] = 0,
    nearest: Literal["auto", "first", "last"] = "auto",
    blur: Annotated[float | None, {"min": 0.05, "max": 64.0}] = None,
    psf: Literal["auto", "disc", "gaussian"] = "auto",
    form: Literal["auto", "division", "subtraction"] = "auto",
    transfer: Transfer = "linear",
) -> Elimination:
    """Take away the light that nearer surfaces, out of focus, spread over what is behind them beside their edges.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C) or (N, Y, X), aligned; read one at a time, twice, and some again.
    image : (Y, X, C) array_like of float32
        All-in-focus picture of them, in the scale of `to_float`, by any method that picks or blends frames.
    index : (Y, X) array_like
        Number of the frame, with fractions, in which each pixel is in focus, known everywhere. Of a pair, with a mask
        of what is in focus in the first frame: ``mask <= 0.5``.
    known : (Y, X) array_like of bool, optional
        Where the index was measured, not filled: only between such pixels there are depth edges. By default everywhere.
    strength : float
        Share of that light that is taken away.
    edge : int
        Give so many px beside each depth edge to the nearer surface (> 0), or to the one behind it (< 0), where both
        seem sharp: against edges that one can see through.
    nearest : {"auto", "first", "last"}
        The frame whose focus is nearest; "auto": whichever explains the frames better, if one does.
    blur : float, optional
        Radius (disc) or σ (Gaussian) of the blur, in px, of what is one frame out of focus; by default it is measured.
        What is behind the focus may be blurred otherwise than what is in front of it, and frames may be focused
        unevenly: both are measured all the same, if possible.
    psf : {"auto", "disc", "gaussian"}
        Point spread function.
    form : {"auto", "division", "subtraction"}
        Divide what is left by what came through, or subtract: less noise, a little less contrast. "auto": by the noise.
    transfer : {"linear", "srgb"}
        How stored values relate to light.

    Returns
    -------
    Elimination
        The picture, unchanged to the bit where nothing was done; what was taken away, and where.

    Raises
    ------
    ValueError
        If shapes do not fit each other, the index is not known everywhere or names a frame that is not there, the
        picture is not in the scale of `to_float`, there is only one frame, or an option is unknown or out of range.
    TypeError
        If an option is of another type.

    Notes
    -----
    Liu et al., "Focus stacking with high fidelity and superior visual effects" (AAAI 2024), for any number of frames;
    this has nothing to do with diffusion models. In the frame k in which a pixel is in focus, nearer surfaces j add
    their blurred light C = Σ R_j K_jk and keep A = Σ K_jk of its own away: I_k = C + (1 - A) R_k. From near to far,
    pixel by pixel, R_j is known by then: R_k = (I_k - C) / (1 - A), where at least a quarter comes through. The
    subtractive form, after eqs. 8 and 13, is R_k = I_k - (C - A b), with the mean b of what is not nearer around the
    pixel; eq. 13 lacks the factor M on its right side. The blur is in proportion to the number of frames, or to their
    mean step; its kind and width are measured on textured patches, of a pair on all that is in focus in either. Nearer
    surfaces whose rims show what is behind them are drawn back first.

    A pixel is only changed where up to six frames that are focused in front of it, rendered again, look as they did,
    within 7 % of the range and three standard deviations of the noise; where those of the 65 px around, and those of
    the whole picture, do so better than if nothing were changed; where the rims of the nearer surfaces in these 65 px
    are not much less sharp in their own frames than in those of what is behind, as where an index claims too much;
    where a fifth of its light is left; and where no detail is lost, as of hairs that the index does not know, nor comes
    up that was not there, with less patience where depth is ragged. Where frames differ, or detail comes up, by up to
    twice as much as may be, it is changed in part, and so where the veiled pixels around, of 7 px and of 41, hardly may
    be. In a pair, whose mask may be wrong by half of a pixel everywhere, pixels beside its edges are covered in part,
    see `matting.matted`, unless `edge` is given. Nothing is done to a stack where light that only adds up, I_k = C +
    R_k, explains the frames better: in fluorescence nothing near hides what is behind it, and elsewhere depth or blur
    must be wrong.
    """
    options = {"strength": strength, "edge": edge, "nearest": nearest, "blur": blur, "psf": psf, "form": form}
    check_options(eliminate_diffusion, "diffusion", options)
    if transfer not in get_args(Transfer):
        raise ValueError(f"unknown transfer {transfer!r}; choices: {', '.join(get_args(Transfer))}")
    frames = as_frames(frames)
    stored, depth, sure = apart(_checked, frames, image, index, known)
    if strength == 0:
        return unchanged(stored, NO_STRENGTH)
    gap = min(GAP, len(frames) - 1.0)
    jumps = apart(jumps_of, depth, sure)
    if not (jumps > gap - 0.5).any():
        return unchanged(stored, NO_EDGES)
    given = Law(blur, blur, "disc" if psf == "auto" else psf) if blur is not None else None
    kind = given.psf if given else psf
    pair = len(frames) == 2
    found = None if pair and not given else measured(frames, stored, depth, transfer, psf=kind, blur=blur)
    if pair:
        found = law_of_pair(frames, depth, transfer, psf=kind, instead=found)
    law = given or found
    if law is None:
        return unchanged(stored, NO_TEXTURE)
    uneven = found.focus if found else ()
    focus = np.array(uneven or evenly(len(frames)))
    if uneven:
        depth = _placed(depth, focus)
        jumps = apart(jumps_of, depth, sure)
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
        return unchanged(stored, NO_SHADE)
    if not told:
        return unchanged(stored, NO_END)
    if pair and not edge and law.near >= SHARP:
        work, solved = _of_pair(frames, masks, law)
        return _written(work, law, solved, stored, strength, work.depth)
    return _written(work, law, work.solved(law, work.evidence.points), stored, strength, drawn)


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


def _written(
    work: Veils, law: Law, solved: Solved, stored: NDArray[np.float32], strength: float, given: Plane
) -> Elimination:
    """The picture, changed where the check allows it."""
    result = unchanged(stored, "")
    light, veil, radius, _ = solved
    rows, columns = work.evidence.points.T
    weight = np.clip((veil[rows, columns] - THINNEST) / (SURE - THINNEST), 0, 1)
    which = np.flatnonzero(weight)
    weight[which] *= trust(work, stored, solved, law, which, given)
    weight[(work.depth != given)[rows, columns]] = 1
    some = weight > 0
    obstacle = "" if some.any() else REFUSED if len(which) else NO_VEIL
    rows, columns, weight = rows[some], columns[some], weight[some]
    before = apart(to_linear, stored[rows, columns], work.transfer)
    freed = before - weight[:, None] * (before - light[rows, columns])
    seen = apart(to_stored, work.evidence.light, work.transfer)
    taken = strength * (before - apart(without_specks, stored, seen, (rows, columns), freed, veil, work.transfer))
    image = stored.copy()
    image[rows, columns] = apart(to_stored, before - taken, work.transfer)
    result.component[rows, columns], result.acted[rows, columns] = taken, weight
    return replace(result, image=image, veil=veil, blur=radius, law=law, obstacle=obstacle)


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


def _checked(
    frames: Frames, image: ArrayLike, index: ArrayLike, known: ArrayLike | None
) -> tuple[NDArray[np.float32], Plane, NDArray[np.bool_]]:
    stored, depth = np.asarray(image, np.float32), np.asarray(index, np.float32)
    if len(frames) < 2:
        raise ValueError("there is only one frame; nothing is out of focus in another: give two or more")
    if stored.ndim == 2:
        stored = stored[..., None]
    if stored.shape != frames.shape[1:]:
        raise ValueError(
            f"a picture of shape {stored.shape} does not belong to frames of {frames.shape[1:]}; give the picture that "
            "was fused from them"
        )
    if not np.isfinite(stored).all():
        raise ValueError("the picture has values that are no numbers (NaN) or infinite; give it without")
    if stored.max(initial=0) > BRIGHTEST:
        raise ValueError(
            f"a picture with values up to {stored.max():g}; give it in the scale of the fused picture, from 0 to 1"
        )
    if depth.shape != stored.shape[:2]:
        raise ValueError(f"an index of shape {depth.shape} does not fit a picture of {stored.shape[:2]}")
    measured = np.ones(depth.shape, bool) if known is None else np.asarray(known, bool)
    if measured.shape != depth.shape:
        raise ValueError(f"known of shape {measured.shape} does not fit an index of {depth.shape}")
    if not np.isfinite(depth).all():
        raise ValueError(
            "the index is not known everywhere; fill it: estimate_depth(frames, fill=True).index has no gaps"
        )
    low, high = float(depth.min()), float(depth.max())
    if low < 0 or high > len(frames) - 1:
        raise ValueError(f"an index from {low:g} to {high:g}; frames are numbered 0 to {len(frames) - 1}")
    return stored, depth, measured
