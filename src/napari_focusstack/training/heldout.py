"""Simulated bursts on disk: held-out sets that stay the same, to compare checkpoints on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ..arrays import from_float
from ..progress import track
from ..simulation.batches import Variety
from ..simulation.library import Library, drawn_library, read_library
from .data import DRAWN, SEEDS
from .sources import Simulated
from .store import Dataset, NewBurst, Split, Tile, check_free, write_dataset

__all__ = ["simulate_dataset", "write_held_out"]


def simulate_dataset(
    folder: str | os.PathLike[str],
    *,
    library: str | os.PathLike[str] | None = None,
    split: Split = "test",
    bursts: int = 64,
    frames: tuple[int, int] = (2, 30),
    size: int = 256,
    seed: int = 0,
) -> Dataset:
    """Dataset of simulated bursts, from the simulator's own pictures of a split and those of a folder.

    Parameters
    ----------
    folder : path
        Where to.
    library : path, optional
        Folder of pictures to draw from, too; those of the other split are never used (see `read_library`).
    split : {"train", "test"}
        Pictures of which split; "test" ones are never trained on.
    bursts, frames, size, seed
        As of `write_held_out`.

    Raises
    ------
    FileNotFoundError
        If the folder holds no picture of the split.
    ValueError
        If a number is out of range.
    OSError
        If the dataset cannot be written.
    """
    _check(bursts, frames, size)
    check_free(Path(folder))
    with _one_thread():
        pictures = drawn_library(*DRAWN[split], seed=SEEDS[split])
        if library is not None:
            pictures = pictures + read_library(Path(library), split)
    made = {} if library is None else {"pictures of": Path(library).expanduser().resolve().name}
    variety = Variety(frames=frames)
    return write_held_out(folder, pictures, variety, seed=seed, count=bursts, size=size, split=split, made=made)


def write_held_out(
    folder: str | os.PathLike[str],
    library: Library,
    variety: Variety,
    *,
    seed: int,
    count: int,
    frames: tuple[int, int] | None = None,
    size: int = 256,
    split: Split = "test",
    made: dict[str, Any] | None = None,
) -> Dataset:
    """Dataset of simulated bursts, one tile each, with depth; the same arguments write the same version.

    Parameters
    ----------
    folder : path
        Where to; a dataset that is there is replaced.
    library : Library
        Pictures that scenes are made of; on the CPU, as other devices have other random numbers.
    variety : Variety
        What bursts are like.
    seed : int
        All that is random follows from it.
    count : int
        Number of bursts.
    frames : (int, int), optional
        Fewest and most frames, which bursts have in turn, evenly spread; those of the variety by default.
    size : int
        Height and width, px.
    split : {"train", "test"}
        What the bursts are for.
    made : mapping, optional
        More to be said in the manifest.

    Raises
    ------
    ValueError
        If a number is out of range.
    OSError
        If the dataset cannot be written.
    """
    frames = frames or variety.frames
    _check(count, frames, size)
    lengths = torch.linspace(*frames, count).round().int().tolist()
    facts = {
        "simulated with seed": seed,
        "frames": list(frames),
        "textures and cut-outs": [len(library.textures), len(library.cutouts)],
        "their SHA-256": _digest(library),
        "variety": asdict(variety),
        **(made or {}),
    }
    bursts = _bursts(Simulated(library.to("cpu"), variety), seed, lengths, size, split)
    return write_dataset(folder, bursts, kind="rgb", tile=size, made=facts)


def _bursts(source: Simulated, seed: int, lengths: Sequence[int], size: int, split: Split) -> Iterator[NewBurst]:
    for number, length in enumerate(track(lengths, "Simulating bursts")):
        tile = _tile(source, (seed, number), length, size)
        yield NewBurst(f"simulated {number:04d}", split, ((0, 0),), iter([tile]), target="simulator")


def _tile(source: Simulated, seed: tuple[int, int], frames: int, size: int) -> Tile:
    """Burst as 16-bit values, which hold those of 8 bit exactly."""
    with _one_thread():
        drawn = source.draw(seed, bursts=1, size=size, frames=frames)
    assert drawn.depth is not None
    stored = [from_float(values[0].numpy(), "uint16") for values in (drawn.frames, drawn.truth)]
    return Tile(stored[0], stored[1], drawn.depth[0].numpy())


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute on one thread: with another number, sums are rounded otherwise, and versions differ."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _digest(library: Library) -> str:
    digest = hashlib.sha256(library.textures.numpy().tobytes())
    digest.update(library.cutouts.numpy().tobytes())
    return digest.hexdigest()


def _check(count: int, frames: tuple[int, int], size: int) -> None:
    if not 1 <= count <= 99_999:
        raise ValueError(f"{count} bursts cannot be written; 1 to 99999 can")
    if not 2 <= frames[0] <= frames[1] <= 300:
        raise ValueError(f"frames={frames}: fewest and most frames are needed, from 2 to 300")
    if not 32 <= size <= 1024 or size % 2:
        raise ValueError(f"size={size} px is not possible; an even number from 32 to 1024 is")
