"""napari reader: files to one lazy layer, if they are a burst; everything else is left to other readers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..io import RAW_EXTENSIONS, Burst, Metadata, UnreadableFrame, read_burst
from ..io.sources import in_natural_order
from .source import PLUGIN

if TYPE_CHECKING:
    LayerData = tuple[Any, dict[str, Any], str]

__all__ = ["burst_layer", "get_reader"]

MOST_LEFT_OUT = 0.25  # with more unreadable or odd pictures than this part, a folder is not a burst


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[LayerData]] | None:
    """Return a function that reads the files as a burst, or None if they are not one.

    A burst is: camera raw, one file or more; a folder or a list of at least two pictures that are alike; a TIFF file
    whose focus axis has a scale, which napari's own reader would lose. A single photograph is not.

    Parameters
    ----------
    path : str or list of str
        A file, a folder, or files opened as a stack.
    """
    paths = [Path(path)] if isinstance(path, str) else [Path(one) for one in path]
    try:
        burst = _burst_of(paths)
    except UnreadableFrame as error:
        return partial(_fail, error) if all(one.suffix.lower() in RAW_EXTENSIONS for one in paths) else None
    except (OSError, ValueError):
        return None
    return partial(_read, burst) if _is_ours(burst, paths) else None


def burst_layer(burst: Burst) -> LayerData:
    """Layer of a burst: lazy data, a chunk a frame, with scale, units, axis labels and what the files said.

    Fluorescence channels become a layer each. Of values whose usual range is not their type's (16 bit mono, floats),
    one frame is read for the contrast limits; otherwise none is.
    """
    axes = burst.axes.replace("S", "")
    sizes = burst.sizes
    apart = sizes.get("C", 1) > 1
    labels = [axis for axis in axes if not (apart and axis == "C")]
    scales = {axis: _scale(burst, axis) for axis in labels}
    keywords: dict[str, Any] = {
        "name": burst.name,
        "rgb": "S" in sizes,
        "scale": [scales[axis] or 1.0 for axis in labels],
        "units": ["um" if scales[axis] else "pixel" for axis in labels],
        "axis_labels": [axis.lower() for axis in labels],
        "contrast_limits": _contrast_limits(burst, apart),
        "metadata": {PLUGIN: _notes(burst)},
    }
    if apart:
        names = burst.channel_names if len(burst.channel_names) == sizes["C"] else range(sizes["C"])
        keywords |= {"channel_axis": axes.index("C"), "name": [f"{burst.name} [{name}]" for name in names]}
        keywords["metadata"] = [{PLUGIN: _notes(burst)} for _ in names]
        del keywords["rgb"]
    return burst.data, keywords, "image"


def _read(burst: Burst, _: Any) -> list[LayerData]:
    for source, problem in burst.skipped:
        warnings.warn(f"Left out: {source}: {problem}", stacklevel=2)
    return [burst_layer(burst)]


def _fail(error: UnreadableFrame, _: Any) -> list[LayerData]:
    """Say what is wrong with a file that no other reader could read either."""
    raise error


def _burst_of(paths: list[Path]) -> Burst:
    """Burst of the files, without frames that cannot be read if they are few."""
    source = paths[0] if len(paths) == 1 else in_natural_order(paths)  # dialogs hand them over in any
    try:
        return read_burst(source)
    except UnreadableFrame as error:
        burst = read_burst(source, skip_bad=True)
        if len(burst.skipped) > MOST_LEFT_OUT * (len(burst.sources) + len(burst.skipped)):
            raise error from None
        return burst


def _is_ours(burst: Burst, paths: list[Path]) -> bool:
    if burst.is_raw:
        return True
    if len(paths) == 1 and paths[0].is_file():
        return burst.sizes.get("Z", 1) > 1 and bool(burst.ome or burst.pixel_size or burst.step)
    return len(burst) > 1


def _scale(burst: Burst, axis: str) -> float | None:
    if axis == "Z" and burst.position_unit == "um":  # a stage's; a lens is focused in metres
        return burst.step
    if axis in "YX" and burst.pixel_size is not None:
        return burst.pixel_size["YX".index(axis)]
    return None


def _contrast_limits(burst: Burst, apart: bool) -> Any:
    dtype = burst.dtype
    if "S" in burst.axes or dtype == np.uint8:
        return (0.0, 1.0) if dtype.kind == "f" else (0, int(np.iinfo(dtype).max))
    middle = tuple(slice(None) if axis in "CYX" else size // 2 for axis, size in burst.sizes.items())
    frame = np.asarray(burst.data[middle])
    return [_span(channel) for channel in frame] if apart else _span(frame)


def _span(values: Any) -> tuple[float, float]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return (low, high) if low < high else (low, low + 1)


def _notes(burst: Burst) -> dict[str, Any]:
    """What the files said, for the panel and the writer."""
    said = {field.name: getattr(burst, field.name) for field in fields(Metadata)}
    return {
        **({"raw": burst} if burst.is_raw else {}),
        **said,
        "sources": [str(source) for source in burst.sources],
        "numbers": list(burst.numbers),
        "skipped": [f"{source}: {problem}" for source, problem in burst.skipped],
    }
