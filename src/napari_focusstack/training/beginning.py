"""What a run begins with: processes and devices, the network, the optimiser."""

from __future__ import annotations

import os

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch.optim import Adam, AdamW, Optimizer

from ..devices import pick_device
from ..nets import build
from ..nets.checkpoint import load_network, read_checkpoint
from ..nets.network import Network
from .recipe import TrainingRecipe

__all__ = ["fabric_of", "network_of", "optimiser_of"]


def fabric_of(recipe: TrainingRecipe, device: str) -> Fabric:
    """Devices and processes: those that torchrun or SLURM started, else this one.

    Raises
    ------
    ValueError
        If the device is unknown or not there, or the recipe's draws cannot be shared equally among the processes.
    """
    local, processes = _processes()
    if recipe.draws % processes:
        raise ValueError(
            f"draws={recipe.draws} cannot be shared equally among {processes} processes; make it a multiple of their "
            "number"
        )
    fabric = Fabric(
        accelerator=pick_device(device),
        devices=local,
        num_nodes=max(1, processes // local),
        strategy="ddp" if processes > 1 else "auto",
        precision=recipe.precision,
    )
    fabric.launch()
    return fabric


def network_of(recipe: TrainingRecipe) -> Network:
    """Network with the weights that training begins with.

    Raises
    ------
    CheckpointError
        If there is no such checkpoint to start from, or it is broken.
    ValueError
        If it is of another architecture, or of other arguments, than the recipe's.
    """
    with torch.random.fork_rng(devices=[]):  # nobody else's random numbers are moved
        torch.manual_seed(recipe.seed)
        network = build(recipe.architecture, recipe.arguments)
    if recipe.start is not None:
        checkpoint = read_checkpoint(recipe.start)
        if (checkpoint.architecture, dict(checkpoint.arguments)) != (recipe.architecture, network.arguments):
            raise ValueError(
                f"{checkpoint.name} is a {checkpoint.architecture} with {dict(checkpoint.arguments)}, not a "
                f"{recipe.architecture} with {network.arguments}; start from another, or train that one"
            )
        network.load_state_dict(load_network(checkpoint, "cpu").state_dict())
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def optimiser_of(recipe: TrainingRecipe, network: Network) -> Optimizer:
    """Optimiser of all the network's weights."""
    kind: type[Optimizer] = {"adam": Adam, "adamw": AdamW}[recipe.optimiser]
    return kind(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)  # type: ignore[call-arg]


def _processes() -> tuple[int, int]:
    """How many there are on this node, and on all."""
    if TorchElasticEnvironment.detect():
        return int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    if SLURMEnvironment.detect():
        return int(os.environ.get("SLURM_NTASKS_PER_NODE", "1")), int(os.environ["SLURM_NTASKS"])
    return 1, 1
