"""From a burst to its all-in-focus image: recipe in, picture with index, confidence and alignment out."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from . import __version__
from .alignment import ALIGNERS, Alignment, Area, align, warped
from .arrays import Frames, as_frames, from_float
from .devices import pick_device
from .fusion import FUSERS, Fusion, fuse
from .methods import check_options, pick

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .color import Transfer

__all__ = ["Aligned", "Recipe", "Result", "aligned", "run", "run_series"]


@dataclass(frozen=True)
class Recipe:
    """All choices that lead from a burst to its result; JSON in and out.

    Attributes
    ----------
    align, fuse : str
        Names in `ALIGNERS` (or "none": frames are taken as they are) and `FUSERS`.
    align_options, fuse_options : mapping
        Keyword arguments of these methods.
    exposure : {"auto", "on", "off"}
        Even out exposure and white balance over the frames; "auto": for photographs, not for microscopy.
    channels : {"joint", "separate"} or int
        What decides where a pixel is sharp: all channels together, each for itself, or the one with this number.
    device : str
        "auto", "cpu", "cuda" or "mps".

    Raises
    ------
    ValueError, TypeError
        If a method or an option is unknown or out of range; the message lists what is allowed.
    """

    align: str = "ecc"
    align_options: Mapping[str, Any] = field(default_factory=dict)
    fuse: str = "pyramid"
    fuse_options: Mapping[str, Any] = field(default_factory=dict)
    exposure: Literal["auto", "on", "off"] = "auto"
    channels: Literal["joint", "separate"] | int = "joint"
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.align != "none":
            check_options(
                pick({**ALIGNERS, "none": align}, self.align, "alignment"), self.align, self.align_options
            )
        check_options(pick(FUSERS, self.fuse, "fusion"), self.fuse, self.fuse_options)
        if self.exposure not in ("auto", "on", "off"):
            raise ValueError(f"exposure={self.exposure!r} is not one of 'auto', 'on', 'off'")
        number = isinstance(self.channels, int) and not isinstance(self.channels, bool) and self.channels >= 0
        if not number and self.channels not in ("joint", "separate"):
            raise ValueError(
                f"channels={self.channels!r} is not 'joint', 'separate' or a channel's number from 0"
            )
        pick_device(self.device)

    def to_json(self) -> str:
        """Return the recipe as JSON text, with the version of the program that wrote it."""
        return json.dumps({"napari-focusstack": __version__, **asdict(self)}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Recipe of a JSON text; what it leaves out takes its default.

        Raises
        ------
        ValueError, TypeError
            If the text is not a recipe, or holds something that is not allowed.
        """
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"not a recipe: no JSON ({error})") from None
        if not isinstance(values, dict) or "napari-focusstack" not in values:
            raise ValueError('not a recipe: a JSON object with the key "napari-focusstack" is needed')
        values.pop("napari-focusstack")
        known = {f.name for f in fields(cls)}
        for name in values:
            if name not in known:
                raise ValueError(f"a recipe has no {name!r}; it has {', '.join(sorted(known))}")
        for name in ("align_options", "fuse_options"):
            if not isinstance(values.get(name, {}), dict):
                raise TypeError(f"{name}={values[name]!r} of a recipe is not a JSON object of options")
        return cls(**values)


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
    transfer = transfer or getattr(frames, "transfer", "linear")
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
    series = _Series(data, axes, focus_axis)
    alignments = _series_alignments(series, recipe, alignment, transfer)
    image_axes = axes.replace(focus_axis, "")
    separate = recipe.channels == "separate"
    index_axes = image_axes if separate else image_axes.replace("C", "").replace("S", "")
    image = index = confidence = np.empty(0)
    for at, (place, frames) in enumerate(series):
        found = alignments[at] if alignments else None
        fusion = _fuse(frames, found, recipe)
        parts = from_float(fusion.image, frames.dtype), fusion.index, fusion.confidence
        if at == 0:
            image = np.empty(series.shape_of(image_axes, parts[0].shape), parts[0].dtype)
            index = np.empty(series.shape_of(index_axes, parts[0].shape), np.float32)
            confidence = np.empty_like(index)
        for whole, part, names in zip(
            (image, index, confidence), parts, (image_axes, index_axes, index_axes), strict=True
        ):
            series.put(whole, names, place, part)
    area = (
        alignments[0].area
        if alignments
        else Area(0, 0, data.shape[axes.index("Y")], data.shape[axes.index("X")])
    )
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
    import dask
    import dask.array as da

    recipe = recipe or Recipe()
    series = _Series(data, axes, focus_axis)
    alignments = _series_alignments(series, recipe, None, transfer)
    if not alignments:
        return Aligned(data, axes, Area(0, 0, data.shape[axes.index("Y")], data.shape[axes.index("X")]), ())
    kept = np.logical_and.reduce([a.kept for a in alignments])
    bursts = []
    for (_, frames), found in zip(series, alignments, strict=True):
        lazy = warped(frames, replace(found, kept=kept))
        take = dask.delayed(lazy.__getitem__, pure=False)
        bursts.append(
            da.stack([da.from_delayed(take(i), lazy.shape[1:], lazy.dtype) for i in range(len(lazy))])
        )
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
            fuse(_OneChannel(ready, c), recipe.fuse, device=recipe.device, **options)
            for c in range(frames.shape[3])
        ]
        image = np.concatenate([part.image for part in parts], axis=2)
        index = np.stack([part.index for part in parts], axis=2)
        fusion = Fusion(image, index, np.stack([part.confidence for part in parts], axis=2))
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


def _series_alignments(
    series: _Series, recipe: Recipe, alignment: Alignment | None, transfer: Transfer
) -> tuple[Alignment, ...]:
    """Alignments of all bursts, cut to the area that they share."""
    found = [alignment or _align(frames, recipe, transfer) for _, frames in series]
    known = [a for a in found if a is not None]
    if not known:
        return ()
    top, left = max(a.area.top for a in known), max(a.area.left for a in known)
    bottom = min(a.area.top + a.area.height for a in known)
    right = min(a.area.left + a.area.width for a in known)
    if bottom <= top or right <= left:
        raise ValueError(
            "the bursts of the series share no area after alignment; align with 'none', or one by one"
        )
    return tuple(replace(a, area=Area(top, left, bottom - top, right - left)) for a in known)


class _OneChannel:
    """Frames with only channel `c`."""

    def __init__(self, frames: Frames, c: int) -> None:
        self._frames, self._c = frames, c
        self.shape, self.dtype = (*frames.shape[:3], 1), frames.dtype

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, i: int) -> NDArray[Any]:
        return np.ascontiguousarray(np.asarray(self._frames[i])[..., self._c : self._c + 1])


class _Series:
    """The bursts in an array of named axes, one after the other."""

    def __init__(self, data: Any, axes: str, focus_axis: str) -> None:
        if len(axes) != len(data.shape) or len(set(axes)) != len(axes):
            raise ValueError(
                f"axes {axes!r} do not name the {len(data.shape)} axes of shape {tuple(data.shape)}"
            )
        missing = [a for a in (focus_axis, "Y", "X") if a not in axes]
        if missing or focus_axis in ("Y", "X"):
            raise ValueError(
                f"axes {axes!r} have no {', '.join(missing) or 'focus axis'}; Y, X and a focus axis are needed"
            )
        if "C" in axes and "S" in axes:
            raise ValueError(f"axes {axes!r} have both C and S; split the channels first")
        self.data, self.axes, self.focus_axis = data, axes, focus_axis
        self.channel = next((a for a in "CS" if a in axes and a != focus_axis), "")
        self.loops = [a for a in axes if a not in (focus_axis, "Y", "X", self.channel)]
        self.loop_shape = tuple(data.shape[axes.index(a)] for a in self.loops)

    def __iter__(self) -> Iterator[tuple[dict[str, int], Frames]]:
        for numbers in itertools.product(*map(range, self.loop_shape)):
            place = dict(zip(self.loops, numbers, strict=True))
            yield place, _AxisFrames(self, place)

    def shape_of(self, names: str, fused: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a whole result with these axes, from one burst's (Y, X, C)."""
        sizes = {
            "Y": fused[0],
            "X": fused[1],
            self.channel: fused[2],
            **dict(zip(self.loops, self.loop_shape, strict=True)),
        }
        return tuple(sizes[a] for a in names)

    def put(self, whole: NDArray[Any], names: str, place: Mapping[str, int], part: NDArray[Any]) -> None:
        """Write one burst's (Y, X) or (Y, X, C) result to its place."""
        rest = [a for a in names if a not in place]
        own = ["Y", "X", self.channel][: part.ndim]
        if part.ndim == 3 and not self.channel:
            part, own = part[..., 0], own[:2]
        whole[tuple(place.get(a, slice(None)) for a in names)] = part.transpose([own.index(a) for a in rest])


class _AxisFrames:
    """Frames along the focus axis at one place of a series."""

    def __init__(self, series: _Series, place: Mapping[str, int]) -> None:
        self._series, self._place = series, place
        size = dict(zip(series.axes, series.data.shape, strict=True))
        self.shape = (size[series.focus_axis], size["Y"], size["X"], size.get(series.channel, 1))
        self.dtype = np.dtype(series.data.dtype)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, i: int) -> NDArray[Any]:
        series = self._series
        at = {**self._place, series.focus_axis: i}
        image = np.asarray(series.data[tuple(at.get(a, slice(None)) for a in series.axes)])
        rest = [a for a in series.axes if a not in at]
        if not series.channel:
            image, rest = image[..., None], [*rest, ""]
        return np.ascontiguousarray(image.transpose([rest.index(a) for a in ("Y", "X", series.channel)]))
