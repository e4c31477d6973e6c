"""Checkpoints in folders: found by name, listed, described; broken ones with what is wrong. None of it loads torch."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..files import folders_in, standing
from . import ARCHITECTURES
from .config import Checkpoint, CheckpointError
from .weights import NO_PICKLE, is_cut_short

__all__ = ["CONFIG", "SHIPPED", "WEIGHTS", "Listed", "check_architecture", "list_checkpoints", "read_checkpoint"]

CONFIG, WEIGHTS = "config.json", "model.safetensors"
SHIPPED = Path(__file__).parents[1] / "weights"  # the checkpoints that come with the program
LARGEST_CONFIG = 2**20  # bytes
PICKLED = (".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt")  # usual names of files that hold a pickle

StrPath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Listed:
    """A checkpoint that was found, whole or broken.

    Attributes
    ----------
    name : str
        By which it is chosen.
    folder : Path
        Where it lies.
    shipped : bool
        Whether it came with the program.
    checkpoint : Checkpoint or None
        What its config.json says; None if it is broken.
    error : str
        What is wrong with it; empty if nothing is.
    """

    name: str
    folder: Path
    shipped: bool
    checkpoint: Checkpoint | None
    error: str


def read_checkpoint(which: StrPath, folders: Sequence[StrPath] = ()) -> Checkpoint:
    """Checkpoint of a name or in a folder, as its config.json describes it; torch is not loaded.

    Parameters
    ----------
    which : str or path
        Name of one that came with the program or lies in one of the `folders`, or path of its folder.
    folders : sequence of path
        The user's folders of checkpoints.

    Raises
    ------
    CheckpointError
        If there is none, or it is broken; the message names the file, what is wrong and what to do.
    """
    if not isinstance(which, str) or "/" in which or os.sep in which or which.startswith((".", "~")):
        return _read(Path(which))
    found: dict[str, Path] = {}
    for place in (*folders[::-1], SHIPPED):  # a name that came with the program always means that one
        with suppress(CheckpointError):
            found |= {folder.name: folder for folder in _candidates(Path(place))}
    if which in found:
        return _read(found[which])
    if which and (Path(which).exists() or Path(which).suffix in PICKLED):
        return _read(Path(which))
    close = difflib.get_close_matches(which, found, n=1)
    hint = f"did you mean {close[0]!r}? There" if close else "there"
    raise CheckpointError(
        f"there is no checkpoint {which[:100]!r}; {hint} are: {', '.join(sorted(found)) or 'none'}. Choose one, or "
        "give the path of a folder"
    )


def list_checkpoints(folders: Sequence[StrPath] = ()) -> list[Listed]:
    """Checkpoints that came with the program, then those in the folders, by name; broken ones with what is wrong.

    Parameters
    ----------
    folders : sequence of path
        The user's: each is one checkpoint, or holds some.
    """
    listed = []
    for place in (SHIPPED, *map(Path, folders)):
        shipped = place == SHIPPED
        try:
            found = _candidates(place)
        except CheckpointError as error:
            listed.append(Listed(place.name, place, shipped, None, str(error)))
            continue
        for folder in found:
            try:
                listed.append(Listed(folder.name, folder, shipped, _read(folder, listed=True), ""))
            except CheckpointError as error:
                listed.append(Listed(folder.name, folder, shipped, None, str(error)))
    return listed


def check_architecture(checkpoint: Checkpoint, architectures: Sequence[str], method: str) -> None:
    """Raise if the checkpoint's network is none of the architectures that a method takes.

    Raises
    ------
    CheckpointError
        The message says which ones it takes, and which checkpoints that came with the program are such.
    """
    if checkpoint.architecture in architectures:
        return
    fitting = [
        listed.name
        for listed in list_checkpoints()
        if listed.checkpoint is not None and listed.checkpoint.architecture in architectures
    ]
    raise CheckpointError(
        f"checkpoint {checkpoint.name!r} is a {checkpoint.architecture}; method {method} takes "
        f"{' or '.join(architectures)}. There are: {', '.join(fitting) or 'none'}"
    )


def _read(folder: Path, *, listed: bool = False) -> Checkpoint:
    """Checkpoint in a folder; one that is `listed` is looked at a little closer, as nobody may load it soon."""
    try:
        folder = folder.expanduser().resolve()
        folder = folder.parent if folder.name in (CONFIG, WEIGHTS) and folder.is_file() else folder
        place = standing(folder)
        if not place.is_dir():
            if place.suffix in PICKLED:
                raise CheckpointError(f"{folder}: {NO_PICKLE}")
            wrong = "this is a file" if place.is_file() else "there is no such folder"
            raise CheckpointError(f"{folder}: {wrong}; a checkpoint is a folder with {CONFIG} and {WEIGHTS}")
        for name in (CONFIG, WEIGHTS):
            if not (place / name).is_file():
                pickles = sorted(path.name for path in place.iterdir() if path.suffix in PICKLED)
                hint = f"there is {pickles[0]} instead: {NO_PICKLE}" if pickles else "copy the whole folder again"
                raise CheckpointError(f"{folder}: {name} is missing; {hint}")
        if (place / CONFIG).stat().st_size > LARGEST_CONFIG:
            raise CheckpointError(f"{folder / CONFIG}: too large for a description; copy the folder again")
        text = (place / CONFIG).read_text(encoding="utf-8")
        if listed and is_cut_short(place / WEIGHTS):
            raise CheckpointError(f"{folder / WEIGHTS}: cut short; copy the whole folder again")
    except CheckpointError:
        raise
    except (OSError, ValueError, RuntimeError) as error:  # no text; a path with a zero in it; links in a circle
        raise CheckpointError(f"{str(folder)!r}: could not be read ({_reason(error)}); copy the folder again") from None
    try:
        checkpoint = Checkpoint.from_json(text, folder)
    except ValueError as error:
        raise CheckpointError(f"{folder / CONFIG}: {error}; copy the folder again, or update the program") from None
    if checkpoint.architecture not in ARCHITECTURES:
        raise CheckpointError(
            f"{folder / CONFIG}: architecture {checkpoint.architecture[:100]!r} is unknown here; known are "
            f"{', '.join(ARCHITECTURES)}: update the program, or choose another checkpoint"
        )
    return checkpoint


def _candidates(place: Path) -> list[Path]:
    """Folders that are meant as checkpoints: the place itself, or those in it, by name."""
    try:
        place = place.expanduser()
        if (place / CONFIG).is_file():
            return [place]
        return [
            folder
            for folder in (folders_in(place) if place.is_dir() or place != SHIPPED else [])
            if any((standing(folder) / name).is_file() for name in (CONFIG, WEIGHTS))
        ]
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{str(place)!r}: no folder that can be read ({_reason(error)}); choose another"
        ) from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
