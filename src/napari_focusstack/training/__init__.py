"""Training: from simulated bursts and the user's own to checkpoints. Importing this package does not load torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .recipe import TrainingRecipe, read_recipe
    from .report import Report
    from .trainer import Trainer, train

_HOME_OF = {
    "Report": "report",
    "Trainer": "trainer",
    "TrainingRecipe": "recipe",
    "read_recipe": "recipe",
    "train": "trainer",
}

__all__ = ["Report", "Trainer", "TrainingRecipe", "read_recipe", "train"]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
