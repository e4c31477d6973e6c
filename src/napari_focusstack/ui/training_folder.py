"""Where a run lies: its folder, and what is known of a run that lies there already."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..nets.checkpoint import CONFIG, CheckpointError, read_checkpoint
from .settings import preferences
from .wording import error_words

if TYPE_CHECKING:
    from ..training.recipe import TrainingRecipe

__all__ = ["Found", "found_in", "free_folder", "history"]

RECIPE, STATE, LOG = "training.json", "resume.safetensors", "log.csv"


@dataclass(frozen=True)
class Found:
    """What lies in a folder.

    Attributes
    ----------
    recipe : TrainingRecipe or None
        Of the run that can be gone on with.
    step : int
        Steps done.
    words : str
        What there is to say of it; empty: the folder is free.
    problem : bool
        Whether nothing can be trained there.
    """

    recipe: TrainingRecipe | None = None
    step: int = 0
    words: str = ""
    problem: bool = False

    @property
    def done(self) -> bool:
        """Whether the run reached its last step."""
        return self.recipe is not None and self.step >= self.recipe.steps


def found_in(path: str) -> Found:
    """What lies in a folder, without loading torch."""
    if not path:
        return Found(words="Choose a folder for the checkpoint.", problem=True)
    folder = Path(path).expanduser()
    if folder.exists() and not folder.is_dir():
        return Found(words=f"{folder} is a file; choose another folder for the checkpoint.", problem=True)
    if not (folder / CONFIG).exists():
        if folder.is_dir() and any(folder.iterdir()):
            return Found(words=f"{folder} holds other files; choose an empty or a new folder.", problem=True)
        return Found()
    from ..training.recipe import TrainingRecipe

    try:
        checkpoint = read_checkpoint(folder)
        if not (folder / RECIPE).is_file() or not (folder / STATE).is_file():
            words = f"{folder} holds a finished checkpoint that cannot be gone on with; choose another folder."
            return Found(words=words, problem=True)
        recipe = TrainingRecipe.load(folder / RECIPE)
    except (CheckpointError, ValueError, TypeError, OSError) as error:
        return Found(words=f"The run in this folder cannot be used: {error_words(error)}", problem=True)
    step = checkpoint.training.steps
    if step >= recipe.steps:
        words = f"“{folder.name}” has done all its {recipe.steps} steps. Use it, or choose a new folder to train on."
    else:
        words = f"“{folder.name}” holds a run at step {step} of {recipe.steps}. Resume goes on with its own recipe."
    return Found(recipe, step, words)


def free_folder(name: str) -> Path:
    """Folder that does not exist yet among the user's checkpoints, after this name."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "network"
    home = preferences().checkpoints
    number = 1
    while (home / (slug if number == 1 else f"{slug}-{number}")).exists():
        number += 1
    return home / (slug if number == 1 else f"{slug}-{number}")


def history(folder: Path) -> list[dict[str, float]]:
    """What a run noted at its steps so far; nothing if it has no such notes."""
    try:
        with (folder / LOG).open(newline="", encoding="utf-8") as file:
            return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
    except (OSError, ValueError, TypeError):
        return []
