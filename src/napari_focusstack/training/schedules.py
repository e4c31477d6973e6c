"""How the learning rate changes over the steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .recipe import TrainingRecipe

__all__ = ["rate_at"]


def rate_at(step: int, recipe: TrainingRecipe) -> float:
    """Learning rate of a step, counted from 0: it rises linearly over the warm-up, then follows the schedule."""
    rate = recipe.learning_rate * min(1.0, (step + 1) / max(recipe.warmup, 1))
    if recipe.schedule == "cosine":
        return rate * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
    if recipe.schedule == "halving":
        return rate * 0.5 ** (step // recipe.halve_every)
    return rate
