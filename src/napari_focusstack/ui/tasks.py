"""What the panel and the menu commands start: stack a source, only align it, or adapt a network to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..depth import DEPTH_ESTIMATORS
from ..progress import apart
from .layers import show_adapted, show_aligned, show_result
from .opening import noting_damage
from .settings import Preferences, preferences
from .sweep import known_positions, numbers_of
from .worker import Run

if TYPE_CHECKING:
    from napari.components import LayerList

    from ..alignment import Alignment
    from ..recipe import Recipe
    from ..training.adapting import Adapted
    from .source import Source

__all__ = ["adapting", "aligning", "default_recipe", "depth_only", "resolved", "stacking"]


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
    compute = partial(
        run_series,
        source.data,
        source.axes,
        resolved(recipe, source),
        alignment=alignment,
        **_told(source),
        raw=source.raw,
    )
    return Run(partial(noting_damage, compute), partial(show_result, layers, source), f"{verb} “{source.name}”")


def aligning(layers: LayerList, source: Source, recipe: Recipe) -> Run:
    """Run, not yet started, that adds the aligned frames to `layers`; it succeeds with an `Aligned`."""
    from ..pipeline import aligned

    preferences().apply()
    compute = partial(aligned, source.data, source.axes, resolved(recipe, source), transfer=source.transfer)
    return Run(partial(noting_damage, compute), partial(show_aligned, layers, source), f"aligning “{source.name}”")


def adapting(
    layers: LayerList,
    source: Source,
    recipe: Recipe,
    place: Mapping[str, int],
    alignment: Alignment | None = None,
    *,
    words: str = "",
) -> Run:
    """Run, not yet started, that adapts the recipe's depth network and adds the depths; it succeeds with an `Adapted`.

    Parameters
    ----------
    layers, source, recipe, alignment
        As of `stacking`.
    place : mapping
        Which burst of a series: its number along each axis that is looped over.
    words : str
        The same for the names of the layers; empty if there is one burst only.
    """
    preferences().apply()
    compute = partial(
        _adapted,
        source.data,
        source.axes,
        dict(place),
        replace(resolved(recipe, source), depth=recipe.depth),  # too few frames are an error here
        alignment=alignment,
        **_told(source),
    )
    deliver = partial(show_adapted, layers, source, words)
    return Run(partial(noting_damage, compute), deliver, f"adapting to “{source.name}”")


def _told(source: Source) -> dict[str, Any]:
    """What `run_series` and `adapt` are told of a source: its transfer curve, and where its frames are focused."""
    known = known_positions(source)
    positions = numbers_of(source) if known.positions is None else known.positions
    return {"transfer": source.transfer, "positions": positions, "unit": known.unit}


def _adapted(data: Any, axes: str, place: dict[str, int], recipe: Recipe, **told: Any) -> Adapted:
    """What `adapt` makes of one burst of a series."""
    from ..series import Series

    frames = next(frames for at, frames in Series(data, axes, "Z") if at == place)
    return apart(_adapt)(frames, recipe, **told)


def _adapt() -> Callable[..., Adapted]:
    """`adapt`, which loads torch: too long to be done where Cancel is waited for."""
    from ..training.adapting import adapt

    return adapt


def resolved(recipe: Recipe, source: Source) -> Recipe:
    """Recipe with "auto" decided by what the files said of their camera, and depth only where it can be."""
    if recipe.exposure == "auto" and source.photograph:
        recipe = replace(recipe, exposure="on")
    if recipe.diffusion == "auto" and recipe.eliminates(photograph=source.photograph):
        recipe = replace(recipe, diffusion="on")
    return replace(recipe, depth="none") if source.frames < FEWEST and recipe.fuse != "none" else recipe
