"""Checkpoints averaged into one: runs that went on from the same weights are better together than each alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from napari_focusstack import __version__
from napari_focusstack.nets.checkpoint import Checkpoint, Training, load_network, read_checkpoint, save_checkpoint
from napari_focusstack.training import read_recipe
from napari_focusstack.training.beginning import fabric_of
from napari_focusstack.training.data import held_out_of
from napari_focusstack.training.validation import measured

from .tables import markdown

if TYPE_CHECKING:
    from napari_focusstack.nets.network import Network

__all__ = ["report"]

ALIKE = "architecture", "arguments", "task", "input"  # what checkpoints have in common


def report(out: Path, names: Sequence[str], *, recipe: str, device: str) -> None:
    """Write a checkpoint with the mean of the weights of others, and print how good each is.

    Parameters
    ----------
    out : Path
        Folder of the checkpoint.
    names : sequence of str
        Names or folders of the others, of one architecture.
    recipe : str
        Name or file: they are measured on what it holds out.
    device : str
        "auto", "cpu", "cuda" or "mps".
    """
    checkpoints = [read_checkpoint(name) for name in names]
    for name in ALIKE:
        if any(getattr(one, name) != getattr(checkpoints[0], name) for one in checkpoints):
            raise ValueError(f"checkpoints with another {name} cannot be averaged: {', '.join(names)}")
    asked = read_recipe(recipe)
    fabric = fabric_of(asked, device)
    networks = [load_network(one, fabric.device.type) for one in checkpoints]
    networks.append(_mean(checkpoints[0], networks))
    draws = held_out_of(asked, {}, fabric.device)
    scores = [measured(network, draws, fabric.autocast) for network in networks]
    taught = [one.training for one in checkpoints]
    steps = sum({one.folder: one.training.steps for one in checkpoints}.values())
    data = (
        f"{asked.data_in_words()}; mean of {len(names)} checkpoints of {', '.join(str(t.steps) for t in taught)} steps"
    )
    save_checkpoint(
        out,
        networks[-1],
        task=checkpoints[0].task,
        input=checkpoints[0].input,
        training=Training(data, steps, asked.seed, asked.loss, __version__),
        metrics=scores[-1],
        licence=checkpoints[0].licence,
        tile=checkpoints[0].tile,
    )
    rows = [
        [name, *(f"{value:.4f}" for value in one.values())] for name, one in zip((*names, "mean"), scores, strict=True)
    ]
    print(markdown(["checkpoint", *scores[0]], rows))


@torch.no_grad()
def _mean(checkpoint: Checkpoint, networks: Sequence[Network]) -> Network:
    mean = load_network(checkpoint, "cpu").to(next(networks[0].parameters()).device)
    states = [network.state_dict() for network in networks]
    mean.load_state_dict({key: torch.stack([state[key] for state in states]).mean(0) for key in states[0]})
    return mean
