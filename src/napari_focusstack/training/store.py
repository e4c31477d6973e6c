"""Datasets on disk: tiles of bursts with their truth, in chunks, and a manifest that says what they are.

A dataset is a folder::

    manifest.json                 what it holds and how it was made (see `Entry`)
    bursts/00000/frames           zarr 3 array (T, N, C, h, w): T tiles of N frames
    bursts/00000/truth            (T, C', H, W)
    bursts/00000/depth            (T, H, W) float32, where it is known

A chunk is a tile's whole burst: reading an example takes one file of each array. Values are stored values, as in
picture files: 255 or 65535 is 1.0, floats are as they are. Tiles of kind "raw" hold four half-size planes of linear
light: plane 2 r + c, pixel (y, x) is the mosaic's pixel (2 y + r, 2 x + c) of the truth, and red comes first.

Every chunk carries a checksum, the manifest the SHA-256 of each burst's values, and the dataset's version is the
SHA-256 of that. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..arrays import to_float
from ..files import replacing_folder, standing
from ..progress import track
from .chunks import arrays_of, check_description, create, layout, opened, read
from .manifest import MANIFEST, DatasetError, Entry, Kind, Split, manifest_of, parsed_manifest

if TYPE_CHECKING:
    import zarr
    from numpy.typing import NDArray

__all__ = [
    "Dataset",
    "DatasetError",
    "Entry",
    "Kind",
    "NewBurst",
    "Split",
    "Tile",
    "check_free",
    "read_dataset",
    "write_dataset",
]

BURSTS = "bursts"


class Tile(NamedTuple):
    """An example: frames (N, C, h, w), truth (C', H, W), and depth (H, W) in numbers of frames, if known."""

    frames: NDArray[Any]
    truth: NDArray[Any]
    depth: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class NewBurst:
    """A burst to be written: see `Entry`. The `tiles` come in the order of the `places`, one at a time."""

    name: str
    split: Split
    places: tuple[tuple[int, int], ...]
    tiles: Iterator[Tile]
    transfer: str | None = None
    camera: str = ""
    sources: tuple[str, ...] = ()
    target: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Examples on disk, read one at a time; see `read_dataset`.

    Attributes
    ----------
    folder : Path
        Where it lies.
    kind : {"rgb", "mono", "raw"}
        What frames are: pictures of three channels or of one, or planes of a mosaic.
    tile : int
        Height and width of the truth of an example, px.
    entries : tuple of Entry
        Its bursts.
    version : str
        SHA-256 over all that it holds: the same version, the same values.
    manifest : mapping
        All that manifest.json says, also how the dataset was made.
    """

    folder: Path
    kind: Kind
    tile: int
    entries: tuple[Entry, ...]
    version: str
    manifest: Mapping[str, Any] = field(repr=False)
    _numbers: tuple[tuple[int, int], ...] = field(repr=False)  # burst and tile of each example
    _open: dict[tuple[int, str], zarr.Array[Any]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        """Count the examples."""
        return len(self._numbers)

    def __getitem__(self, i: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Frames (N, C, h, w) and truth (C', H, W) of example `i`, in stored values.

        Raises
        ------
        DatasetError
            If the file is missing or damaged.
        """
        frames, truth, _ = self.example(i)
        return frames, truth

    def example(self, i: int) -> Tile:
        """Return frames, truth and, where it is known, depth of example `i`; errors as of indexing."""
        burst, tile = self._numbers[i]
        depth = self._read(burst, "depth", tile) if self.entries[burst].depth else None
        return Tile(self._read(burst, "frames", tile), self._read(burst, "truth", tile), depth)

    def entry(self, i: int) -> Entry:
        """Return what the manifest says of the burst that example `i` is of."""
        return self.entries[self._numbers[i][0]]

    def split(self, split: Split) -> Dataset:
        """Return the examples that are to be trained on ("train") or that are held out ("test").

        Raises
        ------
        DatasetError
            If there are none.
        """
        numbers = tuple(pair for pair in self._numbers if self.entries[pair[0]].split == split)
        if not numbers:
            missing = "held out: build it of two or" if split == "test" else "there to be trained on: build it of"
            raise DatasetError(
                f"{self.folder}: no burst of this dataset is {missing} more bursts, or choose another one"
            )
        return replace(self, _numbers=numbers)

    def check(self) -> None:
        """Read everything and compare it with the manifest.

        Raises
        ------
        DatasetError
            If anything is missing or not what was written.
        """
        for number, entry in enumerate(track(self.entries, "Checking")):
            digest = hashlib.sha256()
            for tile in track(range(len(entry.places))):
                for name in arrays_of(entry):
                    digest.update(self._read(number, name, tile).tobytes())
            if digest.hexdigest() != entry.sha256:
                raise DatasetError(
                    f"{self._place(number)}: not the values that {MANIFEST} names (their SHA-256 differs); copy the "
                    "dataset again, or build it anew"
                )

    def samples(self) -> Iterator[tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32] | None]]:
        """Yield frames (N, Y, X, C) as stored, truth (Y, X, C) float32, and depth (Y, X) or None."""
        for i in range(len(self)):
            frames, truth, depth = self.example(i)
            yield np.moveaxis(frames, 1, -1), to_float(np.moveaxis(truth, 0, -1)), depth

    def describe(self) -> str:
        """What the dataset holds, in words, a line a fact, then a line a burst."""
        made = dict(self.manifest["made"])
        lines = [
            f"{self.folder.name}: dataset of kind {self.kind}, tiles of {self.tile} px",
            f"to train on: {self._count('train')}; held out: {self._count('test')}",
            *(f"left out: {line}" for line in made.pop("left out", [])),
            *(f"{name}: {value}" for name, value in made.items()),
            f"version: {self.version}",
            "burst  split  frames  tiles  type     truth                 name",
        ]
        for number, e in enumerate(self.entries):
            size = f"{number:5d}  {e.split:5s}  {e.frames:6d}  {len(e.places):5d}"
            lines.append(f"{size}  {e.dtype:7s}  {e.target:20s}  {e.name}")
        return "\n".join(lines)

    def _count(self, split: Split) -> str:
        chosen = [entry for entry in self.entries if entry.split == split]
        numbers = {"burst": len(chosen), "tile": sum(len(entry.places) for entry in chosen)}
        return ", ".join(f"{number} {name}{'s' * (number != 1)}" for name, number in numbers.items())

    def _place(self, burst: int) -> Path:
        return standing(self.folder) / BURSTS / f"{burst:05d}"

    def _read(self, burst: int, name: str, tile: int) -> NDArray[Any]:
        key = burst, name
        if key not in self._open:
            self._open[key] = opened(self._place(burst) / name, self.kind, self.tile, self.entries[burst])
        return read(self._open[key], self._place(burst) / name, tile)


def write_dataset(
    folder: str | os.PathLike[str],
    bursts: Iterable[NewBurst],
    *,
    kind: Kind,
    tile: int,
    made: Mapping[str, Any],
) -> Dataset:
    """Dataset in a folder, which it replaces at once when all is written or, if anything fails, not at all.

    Parameters
    ----------
    folder : path
        The dataset's; what is there before is replaced.
    bursts : iterable of NewBurst
        One at a time, and of each one tile at a time: only one tile is held in memory.
    kind, tile
        As in `Dataset`.
    made : mapping
        How it was made, as JSON values; goes into the manifest.

    Raises
    ------
    DatasetError
        If the folder holds something else, there are no bursts, two have one name, or a tile's shape or type is not
        that of the kind.
    OSError
        If the folder cannot be written; what was there before is untouched.
    """
    folder = Path(folder).expanduser().resolve()
    check_free(folder)
    with replacing_folder(folder) as new:
        entries: list[Entry] = []
        for burst in bursts:
            if burst.name in {entry.name for entry in entries}:
                raise DatasetError(f"two bursts are called {burst.name!r}; rename one")
            entries.append(_write_burst(new / BURSTS / f"{len(entries):05d}", burst, kind, tile))
        if not entries:
            raise DatasetError(f"{folder} was not written: there are no bursts; name their folders")
        (new / MANIFEST).write_text(manifest_of(kind, tile, entries, made), encoding="utf-8")
    return read_dataset(folder)


def check_free(folder: Path) -> None:
    """Raise a DatasetError if there is something else than a dataset where one is to be written."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file()):
        raise DatasetError(f"{folder} holds other files, which a dataset would replace; name a new folder")


def read_dataset(folder: str | os.PathLike[str]) -> Dataset:
    """Dataset in a folder; only its manifest is read now, and the arrays' descriptions.

    Raises
    ------
    DatasetError
        If the folder holds no dataset, or one that is damaged or of a newer program.
    """
    folder = Path(folder).expanduser().resolve()
    path = standing(folder) / MANIFEST
    if not path.is_file():
        raise DatasetError(
            f"{folder}: no dataset, {MANIFEST} is missing; make one with focusstack dataset build or simulate"
        )
    values, entries = parsed_manifest(path)
    numbers = tuple((b, t) for b, entry in enumerate(entries) for t in range(len(entry.places)))
    dataset = Dataset(folder, values["kind"], values["tile"], entries, values["version"], values, numbers)
    for number, entry in enumerate(entries):
        for name in arrays_of(entry):
            check_description(dataset._place(number) / name, dataset.kind, dataset.tile, entry)
    return dataset


def _write_burst(folder: Path, burst: NewBurst, kind: Kind, tile: int) -> Entry:
    """Write the tiles as they come; returns what the manifest says of them."""
    entry: Entry | None = None
    arrays: dict[str, zarr.Array[Any]] = {}
    digest, number = hashlib.sha256(), -1
    for number, values in enumerate(burst.tiles):
        if entry is None:
            facts = {name: getattr(burst, name) for name in ("transfer", "camera", "sources", "target")}
            depth = values.depth is not None
            types = str(values.frames.dtype), str(values.truth.dtype)
            entry = Entry(burst.name, burst.split, len(values.frames), burst.places, *types, depth, **facts, sha256="")
            arrays = {name: create(folder / name, *layout(name, kind, tile, entry)) for name in arrays_of(entry)}
        for name, array in arrays.items():
            value = getattr(values, name)
            if (
                value is None
                or value.shape != array.shape[1:]
                or value.dtype != array.dtype
                or number >= array.shape[0]
            ):
                found = "nothing" if value is None else f"{value.shape} {value.dtype}"
                raise DatasetError(
                    f"tile {number} of burst {burst.name!r}: {name} are {found}; {array.shape[0]} tiles of "
                    f"{array.shape[1:]} {array.dtype} are needed in a dataset of kind {kind!r} with tiles of {tile} px"
                )
            array[number] = value
            digest.update(np.ascontiguousarray(value).tobytes())
    if entry is None or number + 1 != len(burst.places):
        raise DatasetError(f"burst {burst.name!r} came with {number + 1} tiles for {len(burst.places)} places")
    return replace(entry, sha256=digest.hexdigest())
