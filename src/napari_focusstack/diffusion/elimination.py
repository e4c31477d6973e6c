"""Diffusion elimination: a fused picture and its depth in, the picture without halos out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Frames, as_frames
from ..color import Transfer, to_linear, to_stored
from ..methods import check_options
from ..progress import apart
from .checks import without_specks
from .judging import case_of, check_judge, judged, load_judge
from .result import Elimination, unchanged
from .solving import Correction, solve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["eliminate_diffusion"]

TRUSTNET = "trustnet"  # checkpoint that comes with the program
BRIGHTEST = 16.0  # of white, in a picture: more is another scale

NO_STRENGTH = "strength is 0"  # why nothing is done
NO_VEIL = "no nearer surface spreads light over one behind it"
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
    judge: Literal["network", "rules"] = "network",
    judge_checkpoint: Annotated[str, {"architectures": ("trustnet",)}] = TRUSTNET,
    transfer: Transfer = "linear",
    device: str = "auto",
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
    device : str
        Where the network runs: "auto", "cpu", "cuda", "mps".

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
    CheckpointError
        If there is no such checkpoint, it is damaged, or no TrustNet.

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
    within 7 % of the range and three standard deviations of the noise, or twice that; where those of the 65 px around,
    and those of the whole picture, do so better than if nothing were changed; where the rims of the nearer surfaces in
    these 65 px are not much less sharp in their own frames than in those of what is behind, as where an index claims
    too much; and where a fifth of its light is left. How much of the change it keeps there, a network says, from all of
    this and from what the frames show of it, see `Case.planes`. By the rules, which it is told, too, nothing is kept
    where detail is lost, as of hairs that the index does not know, or comes up that was not there, with less patience
    where depth is ragged; and a part where frames differ, or detail comes up, by up to twice as much as may be, and
    where the veiled pixels around, of 7 px and of 41, hardly may be changed. Where they keep less than a quarter of
    what is veiled in the 129 px around, the network counts less in proportion: it was not taught with such pictures.

    In a pair, whose mask may be wrong by half of a pixel everywhere, pixels beside its edges are covered in part, see
    `matting.matted`, unless `edge` is given. Nothing is done to a stack where light that only adds up, I_k = C + R_k,
    explains the frames better: in fluorescence nothing near hides what is behind it, and elsewhere depth or blur must
    be wrong.
    """
    ways: dict[str, Any] = {"edge": edge, "nearest": nearest, "blur": blur, "psf": psf, "form": form}
    options = ways | {"strength": strength, "judge": judge, "judge_checkpoint": judge_checkpoint}
    check_options(eliminate_diffusion, "diffusion", options)
    if transfer not in get_args(Transfer):
        raise ValueError(f"unknown transfer {transfer!r}; choices: {', '.join(get_args(Transfer))}")
    if judge == "network":
        check_judge(judge_checkpoint)
    elif judge_checkpoint != TRUSTNET:
        raise ValueError(
            f"judge_checkpoint={judge_checkpoint!r} is for judge='network', not {judge!r}; choose that, or leave it out"
        )
    frames = as_frames(frames)
    stored, depth, sure = apart(_checked, frames, image, index, known)
    if strength == 0:
        return unchanged(stored, NO_STRENGTH)
    found = solve(frames, stored, depth, sure, **ways, transfer=transfer)
    if isinstance(found, str):
        return unchanged(stored, found)
    case = case_of(found, stored, sure)
    if case is None:
        return _written(found, stored, strength, np.zeros(len(found.work.evidence.points), np.float32), NO_VEIL)
    by_network = judge == "network" and len(frames) > 2
    shares = judged(case, apart(load_judge, judge_checkpoint, device)) if by_network else case.rules
    weights = case.weights.copy()
    weights[case.which] *= shares
    return _written(found, stored, strength, weights, REFUSED)


def _written(
    found: Correction, stored: NDArray[np.float32], strength: float, weights: NDArray[np.float32], otherwise: str
) -> Elimination:
    """The picture, changed by so much (P,) at each point, and where it was drawn back; else, why it was not."""
    result, work = unchanged(stored, ""), found.work
    light, veil, radius, _ = found.solved
    rows, columns = work.evidence.points.T
    weights[(work.depth != found.given)[rows, columns]] = 1
    some = weights > 0
    rows, columns, weights = rows[some], columns[some], weights[some]
    before = apart(to_linear, stored[rows, columns], work.transfer)
    freed = before - weights[:, None] * (before - light[rows, columns])
    seen = apart(to_stored, work.evidence.light, work.transfer)
    taken = strength * (before - apart(without_specks, stored, seen, (rows, columns), freed, veil, work.transfer))
    image = stored.copy()
    image[rows, columns] = apart(to_stored, before - taken, work.transfer)
    result.component[rows, columns], result.acted[rows, columns] = taken, weights
    obstacle = "" if some.any() else otherwise
    return replace(result, image=image, veil=veil, blur=radius, law=found.law, obstacle=obstacle)


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
