"""From a burst to a depth network that is adapted to it: alignment and picture as a recipe makes them, then `tune`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from ..alignment import Alignment, Area
from ..arrays import as_frames
from ..depth.aifdepth import CHECKPOINT
from ..series import OneChannel
from ..stages import align_burst, fuse_burst, fuses_mosaics
from ..sweep import known_sweep, swept_burst
from .tuning import Tuned, tune

if TYPE_CHECKING:
    from ..color import Transfer
    from ..recipe import Recipe

__all__ = ["Adapted", "adapt"]

METHOD = "aif"  # of depth, which runs the networks that can be adapted
TARGET = "pyramid"  # method of the picture to learn from, where the recipe's is none
BLURRED = ("none", "average")  # methods whose picture is not all in focus


@dataclass(frozen=True)
class Adapted:
    """A network that was adapted to a burst, and what the burst was taken as.

    Attributes
    ----------
    tuned : Tuned
        Its `depth_before` and `depth_after` are as `run` gives them by the recipe, with the network as it was and as it
        is now.
    area : Area
        Rectangle of the burst that they cover, in px.
    alignment : Alignment or None
        None if frames were taken as they are.
    recipe : Recipe
        The choices.
    """

    tuned: Tuned
    area: Area
    alignment: Alignment | None
    recipe: Recipe


def adapt(
    burst: Any,
    recipe: Recipe,
    *,
    alignment: Alignment | None = None,
    transfer: Transfer | None = None,
    positions: Sequence[float] | None = None,
    unit: str | None = None,
    minutes: float = 1.0,
) -> Adapted:
    """Depth network of a recipe, adapted to one burst that was aligned and fused by the same recipe.

    Parameters
    ----------
    burst : Burst or array_like
        Frames (N, Y, X, C) or (N, Y, X).
    recipe : Recipe
        With the depth method "aif" and its options. The picture to learn from is that of its fusion; by a pyramid where
        that is "none", "average" or a network that takes mosaics, and of all channels jointly where each is on its own.
    alignment : Alignment, optional
        Taken instead of aligning.
    transfer, positions, unit
        As of `run`; the positions must ascend or descend.
    minutes : float
        How long is learned, at most.

    Returns
    -------
    Adapted
        The network, and the depths before and after.

    Raises
    ------
    ValueError
        If the recipe has another method of depth, or the burst cannot be learned from: see `tune`.
    """
    if recipe.depth != METHOD:
        raise ValueError(f"depth={recipe.depth!r} has no network that could be adapted; choose depth={METHOD!r}")
    frames = as_frames(burst)
    light = transfer or cast("Transfer", getattr(frames, "transfer", "linear"))
    sweep = known_sweep(len(frames), positions, unit, frames)
    sweep.check(recipe)
    if alignment is None:
        alignment = align_burst(frames, recipe, light)
    fusion = fuse_burst(frames, alignment, _for_target(recipe))
    assert fusion is not None
    swept = swept_burst(frames, alignment, recipe, sweep)
    ready, picture = swept.frames, fusion.image
    options = dict(recipe.depth_options)
    channel = options.pop("channel", -1)
    if isinstance(recipe.channels, int):
        channel = recipe.channels
    if channel >= 0:
        ready, picture = OneChannel(ready, channel), picture[..., channel : channel + 1]
    checkpoint = options.pop("checkpoint", CHECKPOINT)
    told = {"positions": swept.positions, "unit": swept.unit, "minutes": minutes, "device": recipe.device, **options}
    tuned = tune(checkpoint, ready, picture, **told)
    before, after = (swept.told(depth, recipe) for depth in (tuned.depth_before, tuned.depth_after))
    if not recipe.fill:
        before, after = before.unfilled(), after.unfilled()
    area = alignment.area if alignment else Area(0, 0, *frames.shape[1:3])
    return Adapted(replace(tuned, depth_before=before, depth_after=after), area, alignment, recipe)


def _for_target(recipe: Recipe) -> Recipe:
    """Recipe of a picture that is all in focus, in the values of the frames."""
    if recipe.fuse in BLURRED or fuses_mosaics(recipe):
        recipe = replace(recipe, fuse=TARGET, fuse_options={})
    return replace(recipe, channels="joint") if recipe.channels == "separate" else recipe
