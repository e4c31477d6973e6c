"""Checkpoints: networks to folders and back. A folder holds model.safetensors, the weights, and config.json.

Weights are never unpickled: a pickle is a program that runs when it is read.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..arrays import Frames, as_frames
from ..devices import pick_device
from ..files import replacing_folder, standing
from . import build, name_of
from .config import Checkpoint, CheckpointError, Input, Task, Training
from .listing import CONFIG, SHIPPED, WEIGHTS, Listed, check_architecture, list_checkpoints, read_checkpoint
from .weights import NO_PICKLE, is_pickle, packed, unpacked

if TYPE_CHECKING:
    from .network import Network

__all__ = [
    "CONFIG",
    "SHIPPED",
    "WEIGHTS",
    "Checkpoint",
    "CheckpointError",
    "Input",
    "Listed",
    "Training",
    "check_architecture",
    "check_frames",
    "list_checkpoints",
    "load_network",
    "read_checkpoint",
    "save_checkpoint",
]

LARGEST_WEIGHTS = 2**32  # bytes


def save_checkpoint(
    folder: str | os.PathLike[str],
    network: Network,
    *,
    task: Task,
    input: Input,
    training: Training,
    metrics: Mapping[str, float],
    licence: str,
    tile: int = 512,
    also: Callable[[Path], None] | None = None,
) -> Checkpoint:
    """Checkpoint of the network, written to a folder, which it replaces at once or, if anything fails, not at all.

    Only one process may write to a folder. Files in it that have nothing to do with the checkpoint stay.

    Parameters
    ----------
    folder : path
        Its last part is the checkpoint's name.
    network : Network
        One of the `ARCHITECTURES`, neither compiled nor distributed.
    task, input, training, metrics, licence
        As in `Checkpoint`.
    tile : int
        Side in px of the tiles that it is to be run on.
    also : callable, optional
        Called with the folder before it takes its place, to write what belongs to the same moment: the optimiser's
        state.

    Raises
    ------
    CheckpointError
        If a weight is not finite or a description is not allowed.
    OSError
        If the folder cannot be written; what was there before is untouched.
    """
    folder = Path(folder).expanduser().resolve()
    try:
        content = packed(network)
        described = Checkpoint(
            folder=folder,
            architecture=name_of(network),
            arguments=network.arguments,
            task=task,
            input=input,
            tile=tile,
            halo=network.halo,
            training=training,
            metrics={name: float(value) for name, value in metrics.items()},
            licence=licence,
            sha256=hashlib.sha256(content).hexdigest(),
        )
        checkpoint = Checkpoint.from_json(described.to_json(), folder)
        _check_shape(checkpoint, network)
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{folder} was not written: {error}") from None
    with replacing_folder(folder) as new:
        (new / WEIGHTS).write_bytes(content)
        (new / CONFIG).write_text(checkpoint.to_json(), encoding="utf-8")
        if also is not None:
            also(new)
    return checkpoint


def check_frames(checkpoint: Checkpoint, frames: Frames) -> None:
    """Raise if the network does not take such frames; nothing of them is read, no device is touched.

    Raises
    ------
    CheckpointError
        If their number or that of their channels is another than the network was trained for.
    """
    count, *_, channels = as_frames(frames).shape
    least, most = checkpoint.input.frames
    wanted = checkpoint.input.channels
    if not least <= count <= most:
        raise CheckpointError(
            f"{checkpoint.name} was trained for bursts of {least} to {most} frames, not {count}; choose another "
            "checkpoint, or " + ("add frames" if count < least else "leave frames out")
        )
    if wanted not in (None, channels):
        raise CheckpointError(
            f"{checkpoint.name} was trained for frames of {wanted} channels, not {channels}; choose another checkpoint"
        )


def load_network(checkpoint: Checkpoint, device: str = "auto") -> Network:
    """Network with its weights, on the device, ready to be run.

    Before memory is taken, names and shapes in the file are held against those of the network that it describes.

    Raises
    ------
    CheckpointError
        If the weights are not those that config.json names, or not those of its network.
    """
    import torch

    from .hollow import hollow

    device = pick_device(device)
    path = checkpoint.folder / WEIGHTS
    content = _weights_of(checkpoint)
    try:
        with hollow():
            skeleton = build(checkpoint.architecture, checkpoint.arguments)
        _check_shape(checkpoint, skeleton)
    except (ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{checkpoint.folder / CONFIG}: {error}") from None
    try:
        weights = unpacked(content, skeleton)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None
    del content
    with torch.random.fork_rng(devices=[]):  # the weights it begins with must not move anyone's random numbers
        network = build(checkpoint.architecture, checkpoint.arguments)
    network.load_state_dict(weights)
    return network.to(device).eval()


def _weights_of(checkpoint: Checkpoint) -> bytes:
    """Content of the file of weights, after a look at its checksum."""
    path = checkpoint.folder / WEIGHTS
    try:
        stored = standing(checkpoint.folder) / WEIGHTS
        if not stored.is_file():
            raise CheckpointError(f"{path}: missing; copy the whole folder again")
        if stored.stat().st_size > LARGEST_WEIGHTS:
            raise CheckpointError(f"{path}: larger than {LARGEST_WEIGHTS >> 30} GiB, so no weights of ours")
        content = stored.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: could not be read ({error.strerror}); copy the folder again") from None
    if is_pickle(content):
        raise CheckpointError(f"{path}: {NO_PICKLE}")
    if hashlib.sha256(content).hexdigest() != checkpoint.sha256:
        raise CheckpointError(
            f"{path}: not the weights that {CONFIG} names (their SHA-256 differs): cut short, damaged, or replaced "
            "since; copy the whole folder again"
        )
    return content


def _check_shape(checkpoint: Checkpoint, network: Network) -> None:
    """Raise if what the description says about the network is not so."""
    if checkpoint.halo != network.halo:
        raise ValueError(f"halo {checkpoint.halo} px, but the network sees {network.halo} px to either side")
    if network.channels is not None and checkpoint.input.channels != network.channels:
        raise ValueError(f"input of {checkpoint.input.channels} channels, but the network takes {network.channels}")
    if checkpoint.tile % network.multiple:
        raise ValueError(f"tile {checkpoint.tile} px is no multiple of the network's {network.multiple} px")
