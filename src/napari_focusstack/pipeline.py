"""From a burst to its all-in-focus image: recipe in, picture with index, confidence and alignment out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .alignment import Alignment, Area, align, warped
from .arrays import Frames, as_frames, from_float
from .fusion import Fusion, fuse
from .progress import part
from .recipe import Recipe
from .series import OneChannel, Series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .color import Transfer

__all__ = ["Aligned", "Recipe", "Result", "aligned", "run", "run_series"]


@dataclass(frozen=True)
class Result:
    """An all-in-focus image, where it came from, and how it was made.

    Attributes
    ----------
    image : ndarray
        Fused picture in the input's dtype; axes as `axes` says, (Y, X, C) from `run`.
    index : ndarray of float32
        Number of the source frame of each pixel, NaN where no frame was in focus; axes as `index_axes`, (Y, X) from
        `run`. Numbers count all frames of the source, left out ones too.
    confidence : ndarray of float32
        From 0 to 1, axes as `index`.
    axes, index_axes : str
        One letter per axis: Y, X, C (channels), S (red, green, blue), others as given.
    area : Area
        Rectangle of the source that the picture covers, in px.
    alignments : tuple of Alignment
        One for each burst of a series; empty if frames were taken as they are.
    recipe : Recipe
        The choices that made it.
    """

    image: NDArray[Any]
    index: NDArray[np.float32]
    confidence: NDArray[np.float32]
    axes: str
    index_axes: str
    area: Area
    alignments: tuple[Alignment, ...]
    recipe: Recipe


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
) -> Result:
    """All-in-focus image of one burst.

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

    Returns
    -------
    Result
        `image` (Y, X, C) in the input's dtype, `index` and `confidence` (Y, X), or (Y, X, C) with
        ``channels="separate"``.

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
    recipe = recipe or Recipe()
    frames = as_frames(_opened(source))
    transfer = transfer or cast("Transfer", getattr(frames, "transfer", "linear"))
    if alignment is None:
        alignment = _align(frames, recipe, transfer)
    fusion = _fuse(frames, alignment, recipe)
    axes = "YXC" if recipe.channels == "separate" else "YX"
    area = alignment.area if alignment else Area(0, 0, *frames.shape[1:3])
    image = from_float(fusion.image, frames.dtype)
    found = (alignment,) if alignment else ()
    return Result(image, fusion.index, fusion.confidence, "YXC", axes, area, found, recipe)


def run_series(
    data: Any,
    axes: str,
    recipe: Recipe | None = None,
    *,
    focus_axis: str = "Z",
    alignment: Alignment | None = None,
    transfer: Transfer = "linear",
) -> Result:
    """All-in-focus images of an array with more axes: times, positions, channels.

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

    Returns
    -------
    Result
        With the axes of `data` less the focus axis; `index` and `confidence` also without channels, unless
        ``channels="separate"``.

    Raises
    ------
    ValueError
        If the axes do not fit the data.
    """
    recipe = recipe or Recipe()
    series = Series(data, axes, focus_axis)
    alignments = _series_alignments(series, recipe, alignment, transfer)
    image_axes = axes.replace(focus_axis, "")
    separate = recipe.channels == "separate"
    index_axes = image_axes if separate else image_axes.replace("C", "").replace("S", "")
    image: NDArray[Any] = np.empty(0)
    index = confidence = np.empty(0, np.float32)
    for at, (place, frames) in enumerate(series):
        found = alignments[at] if alignments else None
        with _burst_of(series, at):
            fusion = _fuse(frames, found, recipe)
        parts = from_float(fusion.image, frames.dtype), fusion.index, fusion.confidence
        if at == 0:
            image = np.empty(series.shape_of(image_axes, parts[0].shape), parts[0].dtype)
            index = np.empty(series.shape_of(index_axes, parts[0].shape), np.float32)
            confidence = np.empty_like(index)
        for whole, one, names in zip(
            (image, index, confidence), parts, (image_axes, index_axes, index_axes), strict=True
        ):
            series.put(whole, names, place, one)
    area = alignments[0].area if alignments else Area(0, 0, data.shape[axes.index("Y")], data.shape[axes.index("X")])
    return Result(image, index, confidence, image_axes, index_axes, area, alignments, recipe)


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

    recipe = recipe or Recipe()
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
    order = [names.index(letter) for letter in axes]
    return Aligned(whole.transpose(order), axes, alignments[0].area, alignments)


def _opened(source: Source) -> Any:
    paths = [source] if isinstance(source, str | os.PathLike) else source
    if isinstance(paths, list | tuple) and paths and all(isinstance(p, str | os.PathLike) for p in paths):
        from .io import read_burst

        return read_burst([Path(p) for p in paths] if len(paths) > 1 else Path(paths[0]))
    return source


def _align(frames: Frames, recipe: Recipe, transfer: Transfer) -> Alignment | None:
    photograph = transfer == "srgb" or bool(getattr(frames, "camera", None))
    exposure = recipe.exposure == "on" or (recipe.exposure == "auto" and photograph)
    if recipe.align == "none":
        return None
    return align(frames, recipe.align, exposure=exposure, transfer=transfer, **recipe.align_options)


def _fuse(frames: Frames, alignment: Alignment | None, recipe: Recipe) -> Fusion:
    """Fuse on the alignment's area; index in numbers of the unaligned source's frames."""
    numbers = np.arange(len(frames)) if alignment is None else np.flatnonzero(alignment.kept)
    ready = frames if alignment is None else warped(frames, alignment)
    options = dict(recipe.fuse_options)
    if recipe.channels == "separate" and frames.shape[3] > 1:
        parts = [
            fuse(OneChannel(ready, c), recipe.fuse, device=recipe.device, **options) for c in range(frames.shape[3])
        ]
        image = np.concatenate([one.image for one in parts], axis=2)
        index = np.stack([one.index for one in parts], axis=2)
        fusion = Fusion(image, index, np.stack([one.confidence for one in parts], axis=2))
    else:
        if isinstance(recipe.channels, int):
            if recipe.channels >= frames.shape[3]:
                raise ValueError(
                    f"channel {recipe.channels} is not there; channels are numbered 0 to {frames.shape[3] - 1}"
                )
            options["channel"] = recipe.channels
        fusion = fuse(ready, recipe.fuse, device=recipe.device, **options)
    if len(numbers) < len(frames):
        index = np.interp(fusion.index, np.arange(len(numbers)), numbers).astype(np.float32)
        fusion = replace(fusion, index=np.where(np.isnan(fusion.index), np.float32(np.nan), index))
    return fusion


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
            found.append(alignment or _align(frames, recipe, transfer))
    known = [a for a in found if a is not None]
    if not known:
        return ()
    top, left = max(a.area.top for a in known), max(a.area.left for a in known)
    bottom = min(a.area.top + a.area.height for a in known)
    right = min(a.area.left + a.area.width for a in known)
    if bottom <= top or right <= left:
        raise ValueError("the bursts of the series share no area after alignment; align with 'none', or one by one")
    return tuple(replace(a, area=Area(top, left, bottom - top, right - left)) for a in known)
