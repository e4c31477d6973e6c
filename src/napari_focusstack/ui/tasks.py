"""What the panel and the menu commands start: stack a source, or only align it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from .layers import show_aligned, show_result
from .opening import noting_damage
from .settings import Preferences, preferences
from .worker import Run

if TYPE_CHECKING:
    from napari.components import LayerList

    from ..alignment import Alignment
    from ..recipe import Recipe
    from .source import Source

__all__ = ["aligning", "default_recipe", "stacking"]


def default_recipe(chosen: Preferences | None = None) -> Recipe:
    """Recipe of the preferences."""
    from ..recipe import Recipe

    chosen = chosen or preferences()
    return Recipe(align=chosen.align, fuse=chosen.fuse, device=chosen.device)


def stacking(
    layers: LayerList, source: Source, recipe: Recipe, alignment: Alignment | None = None, *, verb: str = "stacking"
) -> Run:
    """Run, not yet started, that adds the fused picture and its index to `layers`; it succeeds with a `Result`."""
    from ..pipeline import run_series

    preferences().apply()
    compute = partial(
        run_series,
        source.data,
        source.axes,
        _resolved(recipe, source),
        alignment=alignment,
        transfer=source.transfer,
    )
    return Run(partial(noting_damage, compute), partial(show_result, layers, source), f"{verb} “{source.name}”")


def aligning(layers: LayerList, source: Source, recipe: Recipe) -> Run:
    """Run, not yet started, that adds the aligned frames to `layers`; it succeeds with an `Aligned`."""
    from ..pipeline import aligned

    preferences().apply()
    compute = partial(aligned, source.data, source.axes, _resolved(recipe, source), transfer=source.transfer)
    return Run(partial(noting_damage, compute), partial(show_aligned, layers, source), f"aligning “{source.name}”")


def _resolved(recipe: Recipe, source: Source) -> Recipe:
    """Recipe with "auto" exposure decided by what the source's files said of their camera."""
    return replace(recipe, exposure="on") if recipe.exposure == "auto" and source.photograph else recipe
