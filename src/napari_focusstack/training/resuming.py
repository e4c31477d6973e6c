"""All that a run needs to go on to the same numbers, as one safetensors file of tensors and a few words: no pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

__all__ = ["RESUME", "restore", "store"]

RESUME = "resume.safetensors"
NETWORK, OPTIMISER = "network.", "optimiser."


def store(path: Path, network: nn.Module, optimiser: Optimizer, words: Mapping[str, Any]) -> None:
    """Write the newest weights, the optimiser's state and some JSON values."""
    tensors = {NETWORK + name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    for number, state in optimiser.state_dict()["state"].items():
        for name, tensor in state.items():
            tensors[f"{OPTIMISER}{number}.{name}"] = torch.as_tensor(tensor).detach().cpu().contiguous().clone()
    save_file(tensors, path, {key: json.dumps(value) for key, value in words.items()})


def restore(path: Path, network: nn.Module, optimiser: Optimizer) -> dict[str, Any]:
    """Put weights and the optimiser's state back, and return the JSON values.

    Raises
    ------
    ValueError
        If the file is not what `store` wrote for such a network; nothing is changed then.
    """
    try:
        with safe_open(path, "pt") as file:
            words = {key: json.loads(value) for key, value in (file.metadata() or {}).items()}
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - it is no mapping
        weights = {name.removeprefix(NETWORK): t for name, t in tensors.items() if name.startswith(NETWORK)}
        if {n: t.shape for n, t in weights.items()} != {n: t.shape for n, t in network.state_dict().items()}:
            raise ValueError("it is of another network")
        states: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith(OPTIMISER):
                number, key = name.removeprefix(OPTIMISER).split(".")
                states.setdefault(int(number), {})[key] = tensor
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise ValueError(
            f"{path}: no state to go on from ({error}); train into another folder, starting from these weights"
        ) from None
    network.load_state_dict(weights)
    optimiser.load_state_dict(optimiser.state_dict() | {"state": states})
    for weight, state in optimiser.state.items():  # laid out in memory as its weight is, so that sums are rounded alike
        state |= {
            name: torch.empty_like(weight).copy_(tensor)
            for name, tensor in state.items()
            if tensor.shape == weight.shape and tensor.dim()
        }
    return words
