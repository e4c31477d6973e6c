"""The stages of one burst, as a recipe asks for them: its alignment, its fused picture, its depth, and no halos."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from .alignment import Alignment, BalancedPlanes, align
from .arrays import Frames
from .depth import LEAST, Depth, estimate_depth
from .diffusion import Elimination, eliminate_diffusion, eliminate_from_pair
from .fusion import Fusion, fuse
from .fusion.focusdeep import takes_mosaics
from .series import OneChannel
from .sweep import Sweep, renumbered, swept_burst, used_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .color import Transfer
    from .recipe import Recipe

__all__ = [
    "Stacked",
    "align_burst",
    "check_mosaics",
    "depth_of",
    "eliminate_burst",
    "fuse_burst",
    "fuses_mosaics",
    "stack_burst",
]

log = logging.getLogger(__name__)

EDGES = "network"  # how depth edges are placed for the elimination: it has to know of hairs


@dataclass(frozen=True, slots=True)
class Stacked:
    """What was made of one aligned burst; None what its recipe does not ask for, or could not be made."""

    fusion: Fusion | None
    depth: Depth | None
    elimination: Elimination | None


def stack_burst(
    frames: Frames, alignment: Alignment | None, recipe: Recipe, transfer: Transfer, sweep: Sweep, raw: Any = None
) -> Stacked:
    """Picture and depth of a burst, after its alignment; parameters as in `fuse_burst` and `depth_of`.

    The picture is the one without diffusion where that is eliminated: by the depth that is asked for, if there is one.
    """
    fusion = fuse_burst(frames, alignment, recipe, raw)
    depth = depth_of(frames, alignment, recipe, sweep, fusion)
    elimination = eliminate_burst(frames, alignment, recipe, transfer, sweep, fusion, depth)
    if fusion is not None and elimination is not None:
        fusion = replace(fusion, image=elimination.image)
    if depth is not None and not recipe.fill:
        depth = depth.unfilled()
    return Stacked(fusion, depth, elimination)


def align_burst(frames: Frames, recipe: Recipe, transfer: Transfer) -> Alignment | None:
    """Alignment of a burst; None where the recipe takes frames as they are."""
    if recipe.align == "none":
        return None
    photograph = transfer == "srgb" or bool(getattr(frames, "camera", None))
    exposure = recipe.exposure == "on" or (recipe.exposure == "auto" and photograph)
    return align(frames, recipe.align, exposure=exposure, transfer=transfer, **recipe.align_options)


def check_mosaics(frames: Any, recipe: Recipe) -> None:
    """Raise a ValueError if the recipe's network takes the mosaics of raw files, and these frames have none."""
    if not fuses_mosaics(recipe):
        return
    wants = f"checkpoint {recipe.fuse_options['checkpoint']!r} takes the mosaics of raw files"
    if not getattr(frames, "is_raw", False):
        raise ValueError(
            f"{wants}, and these frames are none; choose a checkpoint for pictures, or open the raw files themselves"
        )
    if frames.is_half_size:
        raise ValueError(
            f"{wants} at full size, and these are developed at half the size; leave half_size (--half-size) out, or "
            "choose a checkpoint for pictures"
        )


def fuse_burst(frames: Frames, alignment: Alignment | None, recipe: Recipe, raw: Any = None) -> Fusion | None:
    """Fusion on the alignment's area, index in numbers of all frames, left out ones, too; None where none is asked for.

    Parameters
    ----------
    frames, alignment, recipe
        Of the burst.
    raw : Burst, optional
        Raw files whose developed frames these are; by default the frames themselves, where they know their files.

    """
    if recipe.fuse == "none":
        return None
    numbers, ready = used_frames(frames, alignment)
    options = {**recipe.fuse_options, **_channel(frames, recipe)}
    if fuses_mosaics(recipe):
        fusion = _developed(frames if raw is None else raw, alignment, recipe, options)
    elif recipe.channels == "separate" and frames.shape[3] > 1:
        parts = [
            fuse(OneChannel(ready, c), recipe.fuse, device=recipe.device, **options) for c in range(frames.shape[3])
        ]
        image = np.concatenate([one.image for one in parts], axis=2)
        index = np.stack([one.index for one in parts], axis=2)
        fusion = Fusion(image, index, np.stack([one.confidence for one in parts], axis=2))
    else:
        fusion = fuse(ready, recipe.fuse, device=recipe.device, **options)
    called = np.asarray(getattr(frames, "numbers", ()) or range(len(frames)))
    return replace(fusion, index=renumbered(fusion.index, called[numbers], called[-1] + 1))


def depth_of(
    frames: Frames, alignment: Alignment | None, recipe: Recipe, sweep: Sweep, fusion: Fusion | None
) -> Depth | None:
    """Depth on the alignment's area, its gaps filled, guided by the fused picture if there is one; None if not wanted.

    None, too, with a warning, where the alignment left too few frames for a depth, but enough for the picture.
    """
    if recipe.depth == "none":
        return None
    swept = swept_burst(frames, alignment, recipe, sweep)
    if len(swept.frames) < LEAST and fusion is not None:
        log.warning("no depth: %d frames are too few, a peak of sharpness needs at least %d", len(swept.frames), LEAST)
        return None
    found = estimate_depth(
        swept.frames,
        recipe.depth,
        positions=swept.positions,
        unit=swept.unit,
        guide=None if fusion is None else fusion.image,
        fill=True,
        device=recipe.device,
        **{**recipe.depth_options, **_channel(frames, recipe)},
    )
    return swept.told(found, recipe)


def eliminate_burst(
    frames: Frames,
    alignment: Alignment | None,
    recipe: Recipe,
    transfer: Transfer,
    sweep: Sweep,
    fusion: Fusion | None,
    depth: Depth | None = None,
) -> Elimination | None:
    """The fused picture without diffusion; None where the recipe does not ask for that, or it cannot be.

    It cannot be where picture and frames do not share their values, that is, of pictures fused from the mosaics of raw
    files; nor of channels on their own, of one frame, or of frames that are not in the order of the sweep.

    Parameters
    ----------
    frames, alignment, recipe, transfer, sweep, fusion
        Of the burst.
    depth : Depth, optional
        From `depth_of`; taken if a network placed its edges. Otherwise shape from focus finds a depth for this, with
        the options of the recipe if it is the recipe's method: what is asked for beside does not change the picture.
    """
    photograph = transfer == "srgb" or bool(getattr(frames, "camera", None))
    if fusion is None or not recipe.eliminates(photograph=photograph):
        return None
    numbers, ready = used_frames(frames, alignment)
    obstacle = _obstacle(recipe, sweep, len(numbers))
    if obstacle:
        if recipe.diffusion == "on":
            log.warning("no diffusion eliminated: %s", obstacle)
        return None
    options = recipe.diffusion_options
    if len(numbers) < LEAST:  # two frames tell no depth
        return eliminate_from_pair(ready, fusion.image, transfer=transfer, device=recipe.device, **options)
    asked = recipe.depth_options if recipe.depth == "sff" else {}
    if depth is not None and recipe.depth == "sff" and asked.get("edges", EDGES) == EDGES:
        index: NDArray[Any] = np.interp(depth.index, numbers, range(len(numbers)))
        known = depth.measured
    else:
        how: dict[str, Any] = {**asked, "edges": EDGES, **_channel(frames, recipe)}
        found = estimate_depth(ready, guide=fusion.image, fill=True, device=recipe.device, **how)
        index, known = found.index, found.measured
    options = {**options, "transfer": transfer, "device": recipe.device}
    return eliminate_diffusion(ready, fusion.image, _without_gaps(index), known, **options)


def _developed(raw: Any, alignment: Alignment | None, recipe: Recipe, options: dict[str, Any]) -> Fusion:
    """Fusion of a raw burst's mosaics, developed as its frames are."""
    planes = BalancedPlanes(raw, alignment)
    fusion = fuse(planes, recipe.fuse, device=recipe.device, **options)
    image = raw.developed(planes.restored(fusion.image))
    told = planes.restored(np.stack([fusion.index, fusion.confidence], 2))
    return Fusion(image, told[..., 0].copy(), told[..., 1].copy())


def fuses_mosaics(recipe: Recipe) -> bool:
    """Whether the recipe fuses by a network that takes the mosaics of raw files."""
    checkpoint = recipe.fuse_options.get("checkpoint") if recipe.fuse == "focusdeep" else None
    return checkpoint is not None and takes_mosaics(checkpoint)


def _obstacle(recipe: Recipe, sweep: Sweep, count: int) -> str:
    """Why no diffusion can be eliminated from the picture of so many frames, in words; empty if it can."""
    if recipe.channels == "separate":
        return "channels on their own have no depth in common; let all of them, or one, decide"
    if fuses_mosaics(recipe):
        return "the picture was fused from mosaics, not from the frames' values; choose another method of fusion"
    if count < 2:
        return "there is one frame only"
    steps = np.sign(np.diff(sweep.positions or [0, 1]))
    return "" if abs(steps.sum()) == len(steps) else "the frames are not in the order of the sweep; sort them"


def _without_gaps(index: NDArray[Any]) -> NDArray[np.float32]:
    """(Y, X) index whose gaps take the nearest value that is known; 0 everywhere if none is."""
    gaps = np.isnan(index)
    if gaps.all():
        return np.zeros(index.shape, np.float32)
    whole = index.astype(np.float32)
    if gaps.any():
        zones = cv2.distanceTransformWithLabels(gaps.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)[
            1
        ]
        whole[gaps] = whole[~gaps][zones[gaps] - 1]
    return whole


def _channel(frames: Frames, recipe: Recipe) -> dict[str, int]:
    """Option of the channel that decides, if it is one."""
    if not isinstance(recipe.channels, int):
        return {}
    if recipe.channels >= frames.shape[3]:
        raise ValueError(f"channel {recipe.channels} is not there; channels are numbered 0 to {frames.shape[3] - 1}")
    return {"channel": recipe.channels}
