"""What a dataset says of itself: its bursts, as JSON, checked word by word when it is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from .. import __version__

__all__ = ["DTYPES", "MANIFEST", "DatasetError", "Entry", "Kind", "Split", "manifest_of", "parsed_manifest"]

Kind = Literal["rgb", "mono", "raw"]
Split = Literal["train", "test"]

KEY, FORMAT = "napari-focusstack dataset", 1
MANIFEST = "manifest.json"
DTYPES = ("uint8", "uint16", "float32")
MOST_FRAMES, LARGEST_TILE = 10_000, 4096


class DatasetError(ValueError):
    """A dataset that is none, is damaged, or cannot be made; the message names the file and what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the manifest says of a burst.

    Attributes
    ----------
    name : str
        Unlike that of any other burst of the dataset.
    split : {"train", "test"}
        Whether it is trained on, or held out.
    frames : int
        How many.
    places : tuple of (int, int)
        Row and column, in the truth's picture, of each tile's upper left px.
    dtype, truth_dtype : str
        "uint8", "uint16" or "float32".
    depth : bool
        Whether depth is known.
    transfer : {"srgb", "linear"} or None
        How stored values of the frames relate to light; None if that is not known.
    camera : str
        Maker and model, where files tell.
    sources : tuple of str
        Names of the frames' files.
    target : str
        Where the truth comes from: a fusion method, a file, or the simulator.
    sha256 : str
        Of the values of all tiles, one after the other: frames, truth, depth.
    """

    name: str
    split: Split
    frames: int
    places: tuple[tuple[int, int], ...]
    dtype: str
    truth_dtype: str
    depth: bool
    transfer: str | None
    camera: str
    sources: tuple[str, ...]
    target: str
    sha256: str


def manifest_of(kind: Kind, tile: int, entries: Iterable[Entry], made: Mapping[str, Any]) -> str:
    """JSON text of a dataset's manifest.

    Parameters
    ----------
    kind, tile, entries
        As in `store.Dataset`.
    made : mapping
        How the dataset was made, as JSON values.
    """
    entries = tuple(entries)
    values = {
        KEY: FORMAT,
        "program": __version__,
        "kind": kind,
        "tile": tile,
        "version": _version(kind, tile, entries),
        "made": dict(made),
        "bursts": [asdict(entry) for entry in entries],
    }
    return json.dumps(values, indent=1) + "\n"


def parsed_manifest(path: Path) -> tuple[dict[str, Any], tuple[Entry, ...]]:
    """Values of a manifest, and its bursts.

    Raises
    ------
    DatasetError
        If the file is no manifest of a dataset, is damaged, or of a newer program.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict) or KEY not in values:
            raise DatasetError(f'{path}: no dataset of ours, the key "{KEY}" is missing; name a folder that holds one')
        if values[KEY] != FORMAT:
            raise DatasetError(f"{path}: format {values[KEY]!r}, this program reads {FORMAT}; update it")
        kind, tile = values["kind"], values["tile"]
        if kind not in get_args(Kind) or type(tile) is not int or not 0 < tile <= LARGEST_TILE or tile % 2:
            raise ValueError(f"kind {kind!r}, tile {tile!r}")
        entries = tuple(_entry(one) for one in values["bursts"])
        if values["version"] != _version(kind, tile, entries):
            raise ValueError("its version is not that of its content")
    except DatasetError:
        raise
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise DatasetError(f"{path}: damaged ({error}); copy the dataset again, or build it anew") from None
    return values, entries


def _version(kind: str, tile: int, entries: Iterable[Entry]) -> str:
    content = json.dumps([kind, tile, [asdict(entry) for entry in entries]], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _entry(values: Any) -> Entry:
    """Entry of the manifest's JSON."""
    if not isinstance(values, dict):
        raise TypeError("a burst that is no JSON object")
    places = tuple((int(y), int(x)) for y, x in values.pop("places"))
    entry = Entry(**values | {"places": places, "sources": tuple(map(str, values["sources"]))})
    if entry.split not in get_args(Split) or not places or not {entry.dtype, entry.truth_dtype} <= set(DTYPES):
        raise ValueError(f"burst {entry.name!r}: split {entry.split!r}, {len(places)} tiles of {entry.dtype!r}")
    if type(entry.frames) is not int or not 0 < entry.frames <= MOST_FRAMES or type(entry.depth) is not bool:
        raise ValueError(f"burst {entry.name!r}: {entry.frames!r} frames")
    return entry
