"""Diffusion elimination: a fused picture and its depth in, the picture without halos out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Frames, as_frames
from ..color import Transfer, to_linear, to_stored
from ..methods import check_options
from ..progress import apart
from .evidence import gathered, gathered_again, jumps_of, reach_of, rims, trimmed
from .law import Law, Nearest, measured
from .result import SURE, Elimination
from .veils import Veils

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["eliminate_diffusion"]

GAP = 2.0  # frames between two surfaces, from which on one may veil the other
THINNEST = 0.01  # share of the light that a veil takes where correcting begins
TOLERANCE = 0.07  # of the range of values: what a frame rendered again may differ by, and noise
NOISES = 3.0  # standard deviations of the noise that it may differ by, too
NOISY = 0.01  # standard deviation of the noise from which on nothing is divided
SEGMENT = 65  # px: of a boundary, in which the frames must be rendered better than without the correction
AROUND = 7  # px, in which detail is compared
RIM = 0.4  # of the detail in the frame of what is behind it: what the rim of a nearer surface has in its own at least
FULL_RIM = 1.3  # below which a nearer surface is drawn back
RAGGED, SQUARE = 0.06, 31  # share of the pixels within so many px at small jumps of depth: surfaces have few of them
SMALL = 0.5  # frames: the least of those jumps; the largest are depth edges
ROUGHER = 1.5, 0.003, 0.5  # what detail may grow by: a factor, something beside, and the light that is left at least
SMOOTHER = 0.8  # of the detail must stay: hairs that the index does not know are sharp in other frames only
STRICTER = 1.2, 0.001, 0.75  # the same where depth is ragged, and veils are as ragged
SPECK = 0.08  # of white: what a freed pixel may stand out from those around it by, beyond what it did before
AMONG = 0.5  # share of the 3 × 3 px around a speck that were freed, too: others may have their halo still
TIMES = 3  # that detail, and specks, are looked at: what was refused leaves edges
BRIGHTEST = 16.0  # of white, in a picture: more is another scale

NO_STRENGTH = "strength is 0"  # why nothing is done
NO_EDGES = "there are no depth edges"
NO_TEXTURE = "there is no texture on flat surfaces to measure the blur by; give it: blur (--diffusion-blur)"
NO_VEIL = "no nearer surface spreads light over one behind it"
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
    blur: Annotated[float, {"min": 0.0, "max": 64.0}] = 0.0,
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
        of what is in focus in the first frame: ``1 - mask``.
    known : (Y, X) array_like of bool, optional
        Where the index was measured, not filled: only between such pixels there are depth edges. By default everywhere.
    strength : float
        Share of that light that is taken away.
    edge : int
        Give so many px beside each depth edge to the nearer surface (> 0), or to the one behind it (< 0), where both
        seem sharp: against edges that one can see through.
    nearest : {"auto", "first", "last"}
        The frame whose focus is nearest; "auto": whichever explains the frames better.
    blur : float
        Radius (disc) or σ (Gaussian) of the blur, in px, of what is one frame out of focus; 0: measured. What is behind
        the focus may be blurred otherwise than what is in front of it, so that is measured all the same, if possible.
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
        picture is not in the scale of `to_float`, or an option is unknown or out of range.

    Notes
    -----
    Liu et al., "Focus stacking with high fidelity and superior visual effects" (AAAI 2024), for any number of frames;
    this has nothing to do with diffusion models. In the frame k in which a pixel is in focus, nearer surfaces j add
    their blurred light C = Σ R_j K_jk and keep A = Σ K_jk of its own away: I_k = C + (1 - A) R_k. From near to far,
    pixel by pixel, R_j is known by then: R_k = (I_k - C) / (1 - A), where at least a quarter comes through. The
    subtractive form, after eqs. 8 and 13, is R_k = I_k - (C - A b), with the mean b of what is not nearer around the
    pixel; eq. 13 lacks the factor M on its right side. The blur is in proportion to the number of frames; its kind and
    width are measured on textured patches. Nearer surfaces whose rims show what is behind them are drawn back first.

    A pixel is only changed where up to six frames that are focused in front of it, rendered again, look as they did,
    within 7 % of the range and three standard deviations of the noise; where those of the 65 px around, and those of
    the whole picture, do so better than if nothing were changed; where the rims of the nearer surfaces in these 65 px
    are not much less sharp in their own frames than in those of what is behind, as where an index claims too much;
    where a fifth of its light is left; and where no detail is lost, as of hairs that the index does not know, nor comes
    up that was not there, with less patience where depth is ragged. Nothing is done to a stack where light that only
    adds up, I_k = C + R_k, explains the frames better: in fluorescence nothing near hides what is behind it, and
    elsewhere depth or blur must be wrong.
    """
    options = {"strength": strength, "edge": edge, "nearest": nearest, "blur": blur, "psf": psf, "form": form}
    check_options(eliminate_diffusion, "diffusion", options)
    if transfer not in get_args(Transfer):
        raise ValueError(f"unknown transfer {transfer!r}; choices: {', '.join(get_args(Transfer))}")
    frames = as_frames(frames)
    stored, depth, sure = apart(_checked, frames, image, index, known)
    if strength == 0:
        return _unchanged(stored, NO_STRENGTH)
    gap = min(GAP, len(frames) - 1.0)
    jumps = apart(jumps_of, depth, sure)
    if not (jumps > gap - 0.5).any():
        return _unchanged(stored, NO_EDGES)
    given = Law(blur, blur, "disc" if psf == "auto" else psf) if blur else None
    found = measured(frames, stored, depth, transfer, psf=given.psf if given else psf, blur=blur)
    law = given or found
    if law is None:
        return _unchanged(stored, NO_TEXTURE)
    reach = apart(reach_of, jumps, gap - 0.5, law.reach)
    evidence = gathered(frames, stored, depth, reach, transfer)
    subtract = form == "subtraction" or (form == "auto" and evidence.noise > NOISY)
    work = Veils(evidence, depth, reach, gap, subtract, transfer)
    law = replace(law, nearest=work.nearest(law) if nearest == "auto" else nearest)
    if given and found:
        law = replace(found, nearest=law.nearest).with_near(blur)
    drawn = apart(trimmed, evidence, depth, law.nearest, gap - 0.5, SEGMENT, FULL_RIM)
    moved = _moved(drawn, edge, law.nearest, gap - 0.5) if edge else drawn
    if (moved != depth).any():
        evidence = gathered_again(evidence, frames, moved, moved != depth, transfer)
        work = Veils(evidence, moved, reach, gap, subtract, transfer)
    if len(frames) > 2 and work.adds_up(law):  # of a pair, whoever gives the mask knows
        return _unchanged(stored, NO_SHADE)
    return _written(work, law, stored, strength, drawn)


def _written(work: Veils, law: Law, stored: NDArray[np.float32], strength: float, given: Plane) -> Elimination:
    """The picture, changed where the check allows it."""
    result = _unchanged(stored, "")
    solved = light, veil, radius = work.solved(law, work.evidence.points)
    rows, columns = work.evidence.points.T
    weight = np.clip((veil[rows, columns] - THINNEST) / (SURE - THINNEST), 0, 1)
    which = np.flatnonzero(weight)
    weight[which[~_sound(work, stored, solved, law, which, given)]] = 0
    weight[(work.depth != given)[rows, columns]] = 1
    some = weight > 0
    obstacle = "" if some.any() else REFUSED if len(which) else NO_VEIL
    rows, columns, weight = rows[some], columns[some], weight[some]
    before = apart(to_linear, stored[rows, columns], work.transfer)
    seen = apart(to_stored, work.evidence.light, work.transfer)
    freed = apart(_without_specks, stored, seen, (rows, columns), light[rows, columns], veil, work.transfer)
    taken = strength * weight[:, None] * (before - freed)
    image = stored.copy()
    image[rows, columns] = apart(to_stored, before - taken, work.transfer)
    result.component[rows, columns], result.acted[rows, columns] = taken, weight
    return replace(result, image=image, veil=veil, blur=radius, law=law, obstacle=obstacle)


def _sound(
    work: Veils,
    stored: NDArray[np.float32],
    solved: tuple[NDArray[np.float32], Plane, Plane],
    law: Law,
    which: NDArray[np.intp],
    given: Plane,
) -> NDArray[np.bool_]:
    """Of some points: whether the frames, rendered again, look as they did, and more so than without the correction."""
    if not len(which):
        return np.zeros(0, bool)
    light, veil, radius = solved
    where = tuple(work.evidence.points[which].T)
    worst, before = work.worst(light, radius, law, which)
    tolerance = TOLERANCE + NOISES * work.evidence.noise
    gain = np.minimum(before, tolerance) - np.minimum(worst, tolerance)
    sound: NDArray[np.bool_] = (worst <= tolerance) & (gain.mean() > 0) & apart(_gaining, gain, where, veil.shape)
    own, behind = apart(rims, work.evidence, given, law.nearest, work.gap - 0.5, SEGMENT)
    sound &= (own >= RIM * behind)[which] & apart(work.leaves, light, which)
    ragged = apart(_ragged, given, work.gap)[where]
    rougher, fine, mostly = np.where(ragged, *np.array([STRICTER, ROUGHER], np.float32)[:, :, None])
    detail = apart(_detail, stored)[where]
    allowed = rougher * detail / np.maximum(1 - veil[where], mostly) + fine + work.evidence.noise
    freed = apart(to_stored, light[where], work.transfer)
    for _ in range(TIMES):
        left = apart(_detail_with, stored, where, freed, sound)
        sound &= (left <= allowed) & (left >= SMOOTHER * detail - fine - work.evidence.noise)
    return sound


def _gaining(gain: NDArray[np.float32], where: tuple[NDArray[np.int32], ...], shape: tuple[int, ...]) -> NDArray[Any]:
    """Whether the points around each one gain."""
    gains = np.zeros(shape, np.float32)
    gains[where] = gain
    return cv2.blur(gains, (SEGMENT, SEGMENT))[where] > 0


def _detail_with(
    stored: NDArray[np.float32], where: tuple[NDArray[np.int32], ...], freed: NDArray[Any], sound: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Detail around points of a picture that has been freed where it is sound."""
    picture = stored.copy()
    picture[tuple(axis[sound] for axis in where)] = freed[sound]
    return _detail(picture)[where]


def _without_specks(
    stored: NDArray[np.float32],
    seen: NDArray[np.float32],
    where: tuple[NDArray[np.int32], ...],
    light: NDArray[Any],
    veil: Plane,
    transfer: Transfer,
) -> NDArray[Any]:
    """Light (P, C) of freed points, in which those that stand out, and did not before, take the median of 3 × 3 px."""
    from ..kernels.veil_cpu import LEAST_LEFT

    picture, calm = stored.copy(), light.copy()
    picture[where] = to_stored(light, transfer)
    before = np.max([np.abs(one - _median(one))[where].max(axis=1) for one in (stored, seen)], axis=0)
    allowed = SPECK + before / np.maximum(1 - veil[where], LEAST_LEFT)
    freed = np.zeros(veil.shape, np.float32)
    freed[where] = 1
    allowed[cv2.blur(freed, (3, 3))[where] < AMONG] = np.inf
    for _ in range(TIMES):
        median = _median(picture)[where]
        specks = np.abs(picture[where] - median).max(axis=1) > allowed
        picture[tuple(axis[specks] for axis in where)] = median[specks]
        calm[specks] = to_linear(median[specks], transfer)
    return calm


def _median(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median of each channel over 3 × 3 px."""
    return np.dstack([cv2.medianBlur(np.ascontiguousarray(picture[..., c]), 3) for c in range(picture.shape[2])])


def _ragged(depth: Plane, gap: float) -> NDArray[np.bool_]:
    """(Y, X) where depth jumps by little all over the place, as it does where it was hardly measured."""
    window = np.ones((3, 3), np.uint8)
    jumps = cv2.dilate(depth, window) - cv2.erode(depth, window)
    small = ((jumps > SMALL) & (jumps < gap)).astype(np.float32)
    return cv2.blur(small, (SQUARE, SQUARE)) > RAGGED


def _detail(picture: NDArray[np.float32]) -> Plane:
    """Root mean square of the Laplacian of all channels (Y, X, C) around each pixel (Y, X)."""
    edges = cv2.Laplacian(picture, cv2.CV_32F).reshape(picture.shape)
    square = np.einsum("yxc,yxc->yx", edges, edges) / np.float32(picture.shape[2])
    mean = cv2.blur(square, (AROUND, AROUND))
    return np.sqrt(np.maximum(mean, 0))  # type: ignore[no-any-return] # running sums end a little below 0


def _moved(depth: Plane, edge: int, nearest: Nearest, jump: float) -> Plane:
    """Depth whose edges are moved outwards (> 0) or inwards from the nearer surface."""
    window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(edge) + 1,) * 2)
    lower = (edge > 0) == (nearest == "first")
    found = (cv2.erode if lower else cv2.dilate)(depth, window)
    return np.where(np.abs(found - depth) > jump, found, depth)


def _unchanged(stored: NDArray[np.float32], obstacle: str) -> Elimination:
    acted, veil, blur = (np.zeros(stored.shape[:2], np.float32) for _ in range(3))
    return Elimination(stored, np.zeros_like(stored), acted, veil, blur, None, obstacle)


def _checked(
    frames: Frames, image: ArrayLike, index: ArrayLike, known: ArrayLike | None
) -> tuple[NDArray[np.float32], Plane, NDArray[np.bool_]]:
    stored, depth = np.asarray(image, np.float32), np.asarray(index, np.float32)
    if stored.ndim == 2:
        stored = stored[..., None]
    if stored.shape != frames.shape[1:]:
        raise ValueError(
            f"a picture of shape {stored.shape} does not belong to frames of {frames.shape[1:]}; give the picture that "
            "was fused from them"
        )
    if not np.isfinite(stored).all() or stored.max(initial=0) > BRIGHTEST:
        raise ValueError(
            f"a picture with values up to {stored.max():g}; give it in the scale of the fused picture, from 0 to 1, "
            "without gaps"
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
