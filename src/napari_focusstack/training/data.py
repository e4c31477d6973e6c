"""From what a recipe says of data to sources: what is trained on, and what is held out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from ..nets import architecture, sees_mosaics
from ..nets.checkpoint import load_network, read_checkpoint
from ..nets.config import Task
from ..progress import track
from ..simulation.batches import Variety
from ..simulation.library import Split, drawn_library, read_library
from ..simulation.scenes import SCENES
from .examples import Examples
from .lessons import FRAMES
from .own import Own
from .recipe import DataPart, Kind, TrainingRecipe
from .sources import Corrected, Mixed, Paired, Rehearsed, Simulated, Source, Staged, Undecided
from .store import read_dataset
from .stored import Stored

__all__ = ["held_out_of", "source_of"]

DRAWN = {"train": (84, 135), "test": (21, 27)}  # procedural textures and cut-outs of each split
SEEDS = {"train": 1, "test": 999}
MEASURED = 4  # bursts that are held out, of each number of frames
SCENERY: dict[str, Any] = {"noisy": 0.5, "shot": (1e-5, 3e-3)}  # scenes are of fine edges, which much noise hides
FITTING: dict[Task, tuple[Kind, ...]] = {  # of tasks that are learned from what only the simulator knows
    "foreground": ("simulation",),
    "refinement": ("simulation",),
    "kernel": ("simulation",),
    "edges": ("simulation", "scene"),
    "trust": ("simulation", "scene"),
}
LOOKED_INTO: dict[Task, Callable[[Source], Source]] = {"edges": Undecided, "trust": Corrected}
VALIDATION = 2**40  # step number of what is held out, which no run reaches


def source_of(
    recipe: TrainingRecipe, stacks: Mapping[str, Source], device: torch.device, split: Split = "train"
) -> Source:
    """Where the recipe's examples come from.

    Raises
    ------
    ValueError
        If it asks for a stack that is not among the `stacks`, a dataset cannot be read, or the network learns from
        simulated scenes alone, or is to look again at what is seen through a mosaic, which cannot be turned.
    """
    if recipe.looks > 1 and sees_mosaics(recipe.architecture, recipe.arguments):
        raise ValueError(
            f"looks={recipe.looks}: what is seen through a mosaic cannot be turned; only looks=1 is possible"
        )
    task = architecture(recipe.architecture).task
    least, most = FRAMES[task]
    if recipe.frames[0] < least:
        raise ValueError(f"frames={recipe.frames}: {recipe.architecture} takes {least} to {most} frames; begin there")
    parts = [(_part(part, recipe, stacks, device, split), part.share) for part in recipe.data]
    source = parts[0][0] if len(parts) == 1 else Mixed(parts)
    if task == "refinement":
        return Rehearsed(source, load_network(read_checkpoint("fsb"), "cpu"))
    return LOOKED_INTO[task](source) if task in LOOKED_INTO else source


def held_out_of(recipe: TrainingRecipe, stacks: Mapping[str, Source], device: torch.device) -> Sequence[Examples]:
    """Examples that are never trained on: other seeds, and other original pictures wherever there are any."""
    source = source_of(recipe, stacks, device, "test")
    counts = torch.linspace(*recipe.frames, recipe.held_out).round().int().tolist()
    draws = [(number, burst, count) for number, count in enumerate(counts) for burst in range(MEASURED)]
    return [  # one by one, so that they differ in more, and Cancel is felt
        source.draw((VALIDATION, number, burst), bursts=1, size=recipe.size, frames=count)
        for number, burst, count in track(draws, "Drawing what is held out")
    ]


def _part(
    part: DataPart, recipe: TrainingRecipe, stacks: Mapping[str, Source], device: torch.device, split: Split
) -> Source:
    task = architecture(recipe.architecture).task
    if part.kind not in FITTING.get(task, (part.kind,)):
        raise ValueError(
            f"data of kind {part.kind!r} does not tell what is in front, which {recipe.architecture} learns; give "
            f"parts of kind {' or '.join(map(repr, FITTING[task]))}"
        )
    if part.kind == "stack":
        if part.name is None or part.name not in stacks:
            raise ValueError(f"there is no stack {part.name!r}; open are: {', '.join(stacks) or 'none'}")
        stack = stacks[part.name]
        return replace(stack, split=split) if isinstance(stack, Own) else stack
    mosaics = sees_mosaics(recipe.architecture, recipe.arguments)
    variety = replace(Variety(), frames=recipe.frames, sweep=recipe.sweep)
    if part.kind == "scene":
        if mosaics:
            raise ValueError("scenes are drawn as pictures, not through a mosaic; give parts of kind 'simulation'")
        if part.name not in SCENES:
            raise ValueError(f"there is no scene {part.name!r}; there are {', '.join(SCENES)}")
        return Staged(part.name, replace(variety, **SCENERY), split, device)
    if part.kind == "dataset":
        dataset = read_dataset(part.folder or "").split(split)
        if dataset.kind == "raw" and not (recipe.architecture == "focusdeep" and mosaics):
            raise ValueError(
                f"{part.folder} holds planes of raw files and developed pictures, which {recipe.architecture} cannot "
                "develop; build kind 'rgb', or train a focusdeep of 4 channels and factor 2"
            )
        return Stored(dataset, device)
    library = drawn_library(*DRAWN[split], seed=SEEDS[split])
    if part.folder:
        library = library + read_library(part.folder, split)
    if task in ("foreground", "refinement", "kernel"):
        return Paired(library.opaque().to(device))
    return Simulated(library.to(device), variety, mosaics)
