"""From a burst to its all-in-focus image and its depth: recipe in, what it asks for out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .alignment import Alignment, Area, warped
from .arrays import as_frames, from_float
from .depth import Depth
from .depth.temporal import steadied
from .diffusion.result import Elimination, joined
from .progress import part
from .recipe import Recipe, chosen
from .series import Series
from .stages import Stacked, align_burst, check_mosaics, stack_burst
from .sweep import known_sweep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .color import Transfer
    from .diffusion import Law
    from .io import Burst

__all__ = ["Aligned", "Recipe", "Result", "aligned", "run", "run_series"]

PLANES = ("position", "sigma", "index", "confidence")  # of a depth
VEILS = ("acted", "veil", "blur")  # planes of an elimination


@dataclass(frozen=True)
class Result:
    """An all-in-focus image and a depth, where they came from, and how they were made.

    Attributes
    ----------
    image : ndarray or None
        Fused picture in the input's dtype; axes as `axes` says, (Y, X, C) from `run`. None if the recipe fuses nothing.
    index : ndarray of float32, or None
        Number of the source frame of each pixel, NaN where no frame was in focus; axes as `index_axes`, (Y, X) from
        `run`. Numbers count all frames of the source, left out ones too.
    confidence : ndarray of float32, or None
        From 0 to 1, axes as `index`.
    depth : Depth or None
        Depth of each pixel, one map for all channels; axes of its planes as `depth_axes`. None if the recipe has none.
    axes, index_axes, depth_axes : str
        One letter per axis: Y, X, C (channels), S (red, green, blue), others as given.
    area : Area
        Rectangle of the source that the picture covers, in px.
    alignments : tuple of Alignment
        One for each burst of a series; empty if frames were taken as they are.
    recipe : Recipe
        The choices that made it.
    diffusion : Elimination or None
        What was taken out of `image`, which is its `image`, too; None if nothing was looked for. The `component` has
        the picture's axes, the planes the index's; of a series, `law` is that of the first burst that has one.
    """

    image: NDArray[Any] | None
    index: NDArray[np.float32] | None
    confidence: NDArray[np.float32] | None
    depth: Depth | None
    axes: str
    index_axes: str
    depth_axes: str
    area: Area
    alignments: tuple[Alignment, ...]
    recipe: Recipe
    diffusion: Elimination | None = None


@dataclass(frozen=True)
class Aligned:
    """Aligned frames of a series, lazy: `data` (dask) with the `axes` of the source, cut to `area`."""

    data: Any
    axes: str
    area: Area
    alignments: tuple[Alignment, ...]


Source = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Any


def run(
    source: Source,
    recipe: Recipe | None = None,
    *,
    alignment: Alignment | None = None,
    transfer: Transfer | None = None,
    positions: Sequence[float] | None = None,
    unit: str | None = None,
) -> Result:
    """All-in-focus image and depth of one burst, whichever the recipe asks for.

    Parameters
    ----------
    source : path, sequence of paths, Burst or array_like
        Files for `read_burst`, or frames (N, Y, X, C) or (N, Y, X).
    recipe : Recipe, optional
        The choices; good defaults without.
    alignment : Alignment, optional
        Of another burst of the same scene (the next channel, the next lamp): taken instead of aligning.
    transfer : {"linear", "srgb"}, optional
        How stored values relate to light; by default what the burst says, "linear" for plain arrays.
    positions : sequence of float, optional
        Focus position of each frame; by default what the burst's files say. A step of the recipe goes before both.
    unit : str, optional
        Of `positions`; needed with them.

    Returns
    -------
    Result
        `image` (Y, X, C) in the input's dtype, `index` and `confidence` (Y, X), or (Y, X, C) with
        ``channels="separate"``; planes of `depth` (Y, X).

    Raises
    ------
    ValueError
        If the burst, the recipe or the alignment do not fit together.
    UnreadableFrame
        If a file cannot be read.

    Examples
    --------
    >>> from napari_focusstack import run, simulate
    >>> run(simulate("slanted", frames=5, height=64, width=64).frames).image.shape[2]
    3
    """
    recipe = chosen(recipe)
    frames = as_frames(_opened(source))
    transfer = transfer or cast("Transfer", getattr(frames, "transfer", "linear"))
    sweep = known_sweep(len(frames), positions, unit, frames)
    sweep.check(recipe)
    check_mosaics(frames, recipe)
    if alignment is None:
        alignment = align_burst(frames, recipe, transfer)
    done = stack_burst(frames, alignment, recipe, transfer, sweep)
    axes = "YXC" if recipe.channels == "separate" else "YX"
    area = alignment.area if alignment else Area(0, 0, *frames.shape[1:3])
    found = (alignment,) if alignment else ()
    if done.fusion is None:
        return Result(None, None, None, done.depth, "YXC", axes, "YX", area, found, recipe)
    fusion, image = done.fusion, from_float(done.fusion.image, frames.dtype)
    diffusion = replace(done.elimination, image=image) if done.elimination else None
    return Result(image, fusion.index, fusion.confidence, done.depth, "YXC", axes, "YX", area, found, recipe, diffusion)


def run_series(
    data: Any,
    axes: str,
    recipe: Recipe | None = None,
    *,
    focus_axis: str = "Z",
    alignment: Alignment | None = None,
    transfer: Transfer = "linear",
    positions: Sequence[float] | None = None,
    unit: str | None = None,
    raw: Burst | None = None,
) -> Result:
    """All-in-focus images and depths of an array with more axes: times, positions, channels.

    Every burst of the series is aligned by itself; all are cut to the area that they share.

    Parameters
    ----------
    data : array_like
        Any array with `shape`, `dtype` and slicing; read frame by frame.
    axes : str
        One letter for each axis of `data`: Y and X, the focus axis, C for channels, S for red, green and blue (last);
        bursts are looped over all other axes. "TCZYX", "ZYXS", …
    recipe : Recipe, optional
        The choices; good defaults without.
    focus_axis : str
        Letter of the axis along which the focus changes.
    alignment : Alignment, optional
        Applied to every burst instead of aligning it.
    transfer : {"linear", "srgb"}
        How stored values relate to light.
    positions : sequence of float, optional
        Focus position along the focus axis, the same for all bursts. A step of the recipe goes before them.
    unit : str, optional
        Of `positions`; needed with them.
    raw : Burst, optional
        Raw files whose developed frames `data` is, for methods that begin with the sensor's mosaic.

    Returns
    -------
    Result
        With the axes of `data` less the focus axis; `index` and `confidence` also without channels, unless
        ``channels="separate"``; `depth` always without.

    Raises
    ------
    ValueError
        If the axes do not fit the data.
    """
    recipe = chosen(recipe)
    series = Series(data, axes, focus_axis)
    sweep = known_sweep(data.shape[axes.index(focus_axis)], positions, unit)
    sweep.check(recipe)
    check_mosaics(raw, recipe)
    alignments = _series_alignments(series, recipe, alignment, transfer)
    image_axes = axes.replace(focus_axis, "")
    depth_axes = image_axes.replace("C", "").replace("S", "")
    all_axes = image_axes, image_axes if recipe.channels == "separate" else depth_axes, depth_axes
    wholes: dict[str, NDArray[Any]] = {}
    depth: Depth | None = None
    told: list[tuple[Law | None, str]] = []  # of each burst's halos
    for at, (place, frames) in enumerate(series):
        found = alignments[at] if alignments else None
        with _burst_of(series, at):
            done = stack_burst(frames, found, recipe, transfer, sweep, raw)
        depth = done.depth or depth
        told += [(done.elimination.law, done.elimination.obstacle)] if done.elimination else []
        for name, (names, one) in _parts(done, frames.dtype, all_axes).items():
            if name not in wholes:
                wholes[name] = np.zeros(series.shape_of(names, one.shape), one.dtype)
            series.put(wholes[name], names, place, one)
    if depth is not None:
        position, sigma, indices, sure = (wholes[f"depth {name}"] for name in PLANES)
        depth = Depth(position, sigma, indices, sure, depth.positions, depth.unit)
        if recipe.steady and "T" in depth_axes:
            depth = steadied(depth, depth_axes.index("T"))
    area = alignments[0].area if alignments else Area(0, 0, data.shape[axes.index("Y")], data.shape[axes.index("X")])
    image, index, confidence = (wholes.get(name) for name in ("image", "index", "confidence"))
    taken, (law, obstacle) = {name: wholes[name] for name in ("image", "component", *VEILS) if told}, joined(told)
    diffusion = Elimination(**taken, law=law, obstacle=obstacle) if told else None
    return Result(image, index, confidence, depth, *all_axes, area, alignments, recipe, diffusion)


def _parts(done: Stacked, dtype: Any, all_axes: tuple[str, str, str]) -> dict[str, tuple[str, NDArray[Any]]]:
    """What was made of one burst of a series: names, axes and arrays."""
    image_axes, index_axes, depth_axes = all_axes
    parts: dict[str, tuple[str, NDArray[Any]]] = {}
    if done.fusion is not None:
        parts["image"] = image_axes, from_float(done.fusion.image, dtype)
        parts |= {name: (index_axes, getattr(done.fusion, name)) for name in ("index", "confidence")}
    if done.elimination is not None:
        parts["component"] = image_axes, done.elimination.component
        parts |= {name: (depth_axes, getattr(done.elimination, name)) for name in VEILS}
    if done.depth is not None:
        parts |= {f"depth {name}": (depth_axes, getattr(done.depth, name)) for name in PLANES}
    return parts


def aligned(
    data: Any,
    axes: str,
    recipe: Recipe | None = None,
    *,
    focus_axis: str = "Z",
    transfer: Transfer = "linear",
) -> Aligned:
    """Aligned frames of a series as one lazy array with the same axes; parameters as in `run_series`.

    Raises
    ------
    ValueError
        If the axes do not fit the data.
    """
    import dask.array as da
    from dask.delayed import delayed

    recipe = chosen(recipe)
    series = Series(data, axes, focus_axis)
    alignments = _series_alignments(series, recipe, None, transfer)
    if not alignments:
        return Aligned(data, axes, Area(0, 0, data.shape[axes.index("Y")], data.shape[axes.index("X")]), ())
    kept = np.logical_and.reduce([a.kept for a in alignments])
    bursts = []
    for (_, frames), found in zip(series, alignments, strict=True):
        lazy = warped(frames, replace(found, kept=kept))
        take = delayed(lazy.__getitem__, pure=False)
        bursts.append(da.stack([da.from_delayed(take(i), lazy.shape[1:], lazy.dtype) for i in range(len(lazy))]))
    whole = da.stack(bursts).reshape(*series.loop_shape, *bursts[0].shape)
    names = [*series.loops, focus_axis, "Y", "X", series.channel or "C"]
    if not series.channel:
        whole, names = whole[..., 0], names[:-1]
    return Aligned(whole.transpose([names.index(letter) for letter in axes]), axes, alignments[0].area, alignments)


def _opened(source: Source) -> Any:
    paths = [source] if isinstance(source, str | os.PathLike) else source
    if isinstance(paths, list | tuple) and paths and all(isinstance(p, str | os.PathLike) for p in paths):
        from .io import read_burst

        return read_burst([Path(p) for p in paths] if len(paths) > 1 else Path(paths[0]))
    return source


def _burst_of(series: Series, at: int) -> AbstractContextManager[None]:
    """Context whose progress says which burst of the series it is, if there are several."""
    return part(f"burst {at + 1} of {len(series)}" if len(series) > 1 else "")


def _series_alignments(
    series: Series, recipe: Recipe, alignment: Alignment | None, transfer: Transfer
) -> tuple[Alignment, ...]:
    """Alignments of all bursts, cut to the area that they share."""
    found = []
    for at, (_, frames) in enumerate(series):
        with _burst_of(series, at):
            found.append(alignment or align_burst(frames, recipe, transfer))
    known = [a for a in found if a is not None]
    if not known:
        return ()
    top, left = max(a.area.top for a in known), max(a.area.left for a in known)
    bottom = min(a.area.top + a.area.height for a in known)
    right = min(a.area.left + a.area.width for a in known)
    if bottom <= top or right <= left:
        raise ValueError("the bursts of the series share no area after alignment; align with 'none', or one by one")
    return tuple(replace(a, area=Area(top, left, bottom - top, right - left)) for a in known)
