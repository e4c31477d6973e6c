"""What the panel and the menu commands start: stack a source, or only align it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ..depth import DEPTH_ESTIMATORS
from .layers import show_aligned, show_result
from .opening import noting_damage
from .settings import Preferences, preferences
from .sweep import known_positions, numbers_of
from .worker import Run

if TYPE_CHECKING:
    from napari.components import LayerList

    from ..alignment import Alignment
    from ..recipe import Recipe
    from .source import Source

__all__ = ["aligning", "default_recipe", "depth_only", "resolved", "stacking"]


FEWEST = 3  # frames that a peak of sharpness needs


def default_recipe(chosen: Preferences | None = None) -> Recipe:
    """Recipe of the preferences."""
    from ..recipe import Recipe

    chosen = chosen or preferences()
    return Recipe(align=chosen.align, fuse=chosen.fuse, depth=chosen.depth, device=chosen.device)


def depth_only(recipe: Recipe) -> Recipe:
    """The recipe without its picture; with a method of depth, even if it has none."""
    return replace(recipe, fuse="none", depth=recipe.depth if recipe.depth != "none" else next(iter(DEPTH_ESTIMATORS)))


def stacking(
    layers: LayerList, source: Source, recipe: Recipe, alignment: Alignment | None = None, *, verb: str = "stacking"
) -> Run:
    """Run, not yet started, that adds to `layers` the picture and the depth that the recipe asks for.

    It succeeds with a `Result`. A picture of too few frames for a depth is made without one.
    """
    from ..pipeline import run_series

    preferences().apply()
    known = known_positions(source)
    compute = partial(
        run_series,
        source.data,
        source.axes,
        resolved(recipe, source),
        alignment=alignment,
        transfer=source.transfer,
        positions=numbers_of(source) if known.positions is None else known.positions,
        unit=known.unit,
        raw=source.raw,
    )
    return Run(partial(noting_damage, compute), partial(show_result, layers, source), f"{verb} “{source.name}”")


def aligning(layers: LayerList, source: Source, recipe: Recipe) -> Run:
    """Run, not yet started, that adds the aligned frames to `layers`; it succeeds with an `Aligned`."""
    from ..pipeline import aligned

    preferences().apply()
    compute = partial(aligned, source.data, source.axes, resolved(recipe, source), transfer=source.transfer)
    return Run(partial(noting_damage, compute), partial(show_aligned, layers, source), f"aligning “{source.name}”")


def resolved(recipe: Recipe, source: Source) -> Recipe:
    """Recipe with "auto" decided by what the files said of their camera, and depth only where it can be."""
    if recipe.exposure == "auto" and source.photograph:
        recipe = replace(recipe, exposure="on")
    if recipe.diffusion == "auto" and recipe.eliminates(photograph=source.photograph):
        recipe = replace(recipe, diffusion="on")
    return replace(recipe, depth="none") if source.frames < FEWEST and recipe.fuse != "none" else recipe
