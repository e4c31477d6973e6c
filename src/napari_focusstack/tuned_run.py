"""`focusstack depth --tune`: a depth by a network that was adapted to the burst."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from .alignment import Alignment
    from .io import Burst
    from .pipeline import Result
    from .recipe import Recipe

__all__ = ["check_tuning", "tuned_run"]

METHOD = "aif"  # of depth, whose networks can be adapted


def check_tuning(recipe: Recipe, chosen: argparse.Namespace) -> None:
    """Refuse to adapt what is no network, and to save what was not adapted.

    Raises
    ------
    ValueError
        It says which flag is missing.
    """
    if chosen.tune and recipe.depth != METHOD:
        raise ValueError(f"--tune adapts a network, and {recipe.depth} has none; choose --depth {METHOD}")
    if chosen.tune_out and not chosen.tune:
        raise ValueError(f"{chosen.tune_out} would hold an adapted network; give --tune, too")


def tuned_run(
    burst: Burst, recipe: Recipe, alignment: Alignment | None, chosen: argparse.Namespace
) -> tuple[Result, str]:
    """Depth of the burst by its adapted network, and what came of adapting, in words; it is saved where that is asked.

    The recipe of the result names the network that was saved.

    Raises
    ------
    ValueError
        If there are several bursts.
    """
    if burst.is_series:
        raise ValueError(f"{burst.name} holds several bursts; a network is adapted to one: open it in napari instead")
    from .pipeline import Result
    from .training.adapting import adapt

    adapted = adapt(burst, recipe, alignment=alignment, minutes=chosen.tune)
    words = adapted.tuned.describe()
    if chosen.tune_out and adapted.tuned.improved:
        adapted.tuned.save(chosen.tune_out)
        words = f"{chosen.tune_out}: {words}"
        recipe = replace(recipe, depth_options={**recipe.depth_options, "checkpoint": str(chosen.tune_out)})
    found = (adapted.alignment,) if adapted.alignment else ()
    depth = adapted.tuned.depth_after
    return Result(None, None, None, depth, "YXC", "YX", "YX", adapted.area, found, recipe), words
