"""A dataset's arrays: zarr 3, a chunk a tile with a checksum, opened only after a look at their description."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .manifest import DTYPES, DatasetError, Entry, Kind

if TYPE_CHECKING:
    import zarr
    from numpy.typing import NDArray

__all__ = ["arrays_of", "check_description", "create", "layout", "opened", "read"]

PLANES = {"rgb": (3, 3, 1), "mono": (1, 1, 1), "raw": (4, 3, 2)}  # of frames, of truth; px of truth a px of frames
CODECS = ("bytes", "blosc", "crc32c")
AXES = {"frames": "tzcyx", "truth": "tcyx", "depth": "tyx"}  # t: tile, z: frame


def arrays_of(entry: Entry) -> tuple[str, ...]:
    """Names of a burst's arrays, in the order in which their values are hashed."""
    return ("frames", "truth", "depth") if entry.depth else ("frames", "truth")


def layout(name: str, kind: Kind, tile: int, entry: Entry) -> tuple[tuple[int, ...], str]:
    """Shape and dtype of an array of a burst."""
    planes, colours, scale = PLANES[kind]
    count, small = len(entry.places), tile // scale
    if name == "frames":
        return (count, entry.frames, planes, small, small), entry.dtype
    return ((count, colours, tile, tile), entry.truth_dtype) if name == "truth" else ((count, tile, tile), "float32")


def create(path: Path, shape: tuple[int, ...], dtype: str) -> zarr.Array[Any]:
    """Empty array in a new folder, to be written tile by tile.

    Raises
    ------
    DatasetError
        If values of that type cannot be stored.
    """
    import zarr
    from zarr.codecs import BloscCodec, Crc32cCodec

    if dtype not in DTYPES:
        raise DatasetError(f"values of type {dtype} cannot be stored; {', '.join(DTYPES)} can")
    return zarr.create_array(
        str(path),
        shape=shape,
        chunks=(1, *shape[1:]),
        dtype=dtype,
        compressors=[BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"), Crc32cCodec()],
        chunk_key_encoding={"name": "default", "separator": "."},
        dimension_names=tuple(AXES[path.name]),
        fill_value=0,
        config={"write_empty_chunks": True},
    )


def check_description(path: Path, kind: Kind, tile: int, entry: Entry) -> None:
    """Raise a DatasetError if an array's description is missing, damaged, or not what the manifest says."""
    shape, dtype = layout(path.name, kind, tile, entry)
    path = path / "zarr.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        found = tuple(values["shape"]), values["data_type"]
        chunks = tuple(values["chunk_grid"]["configuration"]["chunk_shape"])
        codecs = [str(codec["name"]) for codec in values["codecs"]]
    except OSError as error:
        raise DatasetError(f"{path}: could not be read ({error.strerror}); copy the whole dataset again") from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DatasetError(f"{path}: damaged ({error}); copy the dataset again, or build it anew") from None
    if found != (shape, dtype) or chunks != (1, *shape[1:]) or not set(codecs) <= set(CODECS):
        raise DatasetError(
            f"{path}: an array of {found[0]} {found[1]} in chunks of {chunks} with {', '.join(map(str, codecs))}; "
            f"{shape} {dtype} in chunks of one tile is needed: copy the dataset again, or build it anew"
        )


def opened(path: Path, kind: Kind, tile: int, entry: Entry) -> zarr.Array[Any]:
    """Array of a folder, after a look at its description; no file stays open."""
    import zarr

    check_description(path, kind, tile, entry)
    return zarr.open_array(str(path), mode="r", zarr_format=3)


def read(array: zarr.Array[Any], path: Path, tile: int) -> NDArray[Any]:
    """Values of a tile.

    Raises
    ------
    DatasetError
        If its file is missing (zarr would give zeros), damaged or cut short.
    """
    chunk = path / ".".join(["c", str(tile), *"0" * (array.ndim - 1)])
    if not chunk.is_file():
        raise DatasetError(f"{chunk}: missing; copy the whole dataset again, or build it anew")
    try:
        return np.asarray(array[tile])
    except (OSError, ValueError, RuntimeError, TypeError, KeyError) as error:
        raise DatasetError(
            f"{chunk}: damaged or cut short ({error}); copy the dataset again, or build it anew"
        ) from None
