"""What was chosen in a panel, as long as its viewer lives: closing a dock is not meant to undo it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from .tasks import default_recipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..recipe import Recipe

__all__ = ["keep_choices", "kept_choices"]

_kept: WeakKeyDictionary[Any, tuple[Recipe, Recipe]] = (
    WeakKeyDictionary()
)  # of each viewer: choices, and what the panel began with


def keep_choices(viewer: Any, recipe: Callable[[], Recipe], defaults: Recipe) -> None:
    """Keep what is chosen for the next panel in the same viewer; what is no recipe is not kept.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Of the panel.
    recipe : callable
        Returns what is chosen.
    defaults : Recipe
        What the panel began with.
    """
    with suppress(ValueError, TypeError):
        _kept[_own(viewer)] = recipe(), defaults


def kept_choices(viewer: Any) -> Recipe | None:
    """Return what was chosen last in this viewer; None if nothing was, or if the preferences were changed since."""
    recipe, defaults = _kept.get(_own(viewer), (None, None))
    return recipe if defaults == default_recipe() else None


def _own(viewer: Any) -> Any:
    """Viewer itself: what napari gives to plugins is one wrapper after another."""
    return getattr(viewer, "__wrapped__", viewer)
