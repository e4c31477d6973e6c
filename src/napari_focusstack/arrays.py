"""Frames of a burst as arrays: the protocol every stage reads, and the ways into and out of float32.

`to_float` and `frame` are the only places where a stored value becomes float32 in [0, 1], `from_float` the only one
where it goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import cv2
import numpy as np

from .progress import track, wait

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    FloatImage = NDArray[np.float32]  # (Y, X, C) or (Y, X)

__all__ = [
    "Box",
    "Frames",
    "Selection",
    "as_frames",
    "check_dtype",
    "decoded",
    "frame",
    "from_float",
    "parts",
    "tiles",
    "to_float",
    "unit",
    "visit",
    "visit_parts",
]

T = TypeVar("T")
Box = tuple[slice, slice]  # rows and columns

COLOURS, PICTURE = (3, 4), 16  # channels of one, and px that are no frames: what a single picture looks like
STRIP = 256  # rows converted at a time
_CV_DEPTHS = {
    np.dtype(np.uint8): cv2.CV_8U,
    np.dtype(np.uint16): cv2.CV_16U,
}  # what OpenCV rounds and clips in one go


@runtime_checkable
class Frames(Protocol):
    """A burst as every stage sees it: (N, Y, X, C), one frame at a time. The subset of layer data that is needed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, Y, X, C)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The stored type, the same for all frames."""

    def __len__(self) -> int:
        """Count the frames."""

    def __getitem__(self, i: int, /) -> Any:
        """Return frame `i`, (Y, X, C), as an array or something that `numpy.asarray` turns into one."""


class _WithChannel:
    """(N, Y, X) seen as (N, Y, X, 1)."""

    def __init__(self, data: Any) -> None:
        self._data = data
        self.shape = (*data.shape, 1)
        self.dtype = np.dtype(data.dtype)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, i: int) -> NDArray[Any]:
        return np.asarray(self._data[i])[..., None]


class Selection:
    """Some of the `frames`, as Frames: those of the numbers `kept`, in this order."""

    def __init__(self, frames: Frames, kept: Sequence[int]) -> None:
        self.frames, self.kept = frames, kept
        self.shape, self.dtype = (len(kept), *frames.shape[1:]), frames.dtype

    def __len__(self) -> int:
        """Count them."""
        return len(self.kept)

    def __getitem__(self, i: int) -> NDArray[Any]:
        """Return one, (Y, X, C)."""
        return np.asarray(self.frames[self.kept[i]])

    def parts(self, i: int, boxes: Sequence[Box]) -> list[NDArray[Any]]:
        """Return parts of one."""
        return parts(self.frames, self.kept[i], boxes)


def as_frames(data: Any) -> Frames:
    """Return `data` as `Frames` of shape (N, Y, X, C), without loading it.

    Parameters
    ----------
    data : array_like
        (N, Y, X) or (N, Y, X, C); numpy, dask, zarr, a memory map, a `Burst`: anything with `shape`, `dtype` and
        `[i]`; or a sequence of equally large images.

    Raises
    ------
    ValueError
        If the shape is not that of a burst, or images differ in theirs.
    TypeError
        If these are no images, the values are not real numbers, or are 64-bit integers.
    """
    if not (hasattr(data, "shape") and hasattr(data, "dtype")):
        if isinstance(data, str | PathLike) or not isinstance(data, Iterable):
            raise TypeError(_no_image("the frames", data))
        data = _together([_image(i, image) for i, image in enumerate(data)])
    check_dtype(data.dtype)
    if len(data.shape) not in (3, 4) or 0 in data.shape:
        raise ValueError(
            f"frames of shape {tuple(data.shape)} are not a burst; (N, Y, X) or (N, Y, X, C) with at least one frame "
            "is needed: for more axes (time, positions) use run_series"
        )
    if len(data.shape) == 3 and data.shape[2] in COLOURS and min(data.shape[:2]) >= PICTURE:
        raise ValueError(
            f"frames of shape {tuple(data.shape)} look like one picture in colour, not a burst; give (N, Y, X, C), or "
            "(N, Y, X) of grey frames"
        )
    return _WithChannel(data) if len(data.shape) == 3 else data


def _image(number: int, image: Any) -> NDArray[Any]:
    array = np.asarray(image)
    if array.ndim == 0:
        raise TypeError(_no_image(f"frame {number}", image))
    return array


def _no_image(what: str, value: Any) -> str:
    if isinstance(value, str | PathLike):
        return f"{what} cannot be the name {str(value)!r}; files and folders are read by read_burst"
    return f"{what} cannot be {value!r}; give arrays, (N, Y, X) or (N, Y, X, C), or what read_burst returns"


def _together(images: list[NDArray[Any]]) -> NDArray[Any]:
    for i, image in enumerate(images):
        if image.shape != images[0].shape:
            raise ValueError(
                f"frame {i} is {image.shape}, but frame 0 is {images[0].shape}; frames of one burst are equally large"
            )
    return np.stack(images) if images else np.empty((0, 0, 0))


def check_dtype(dtype: DTypeLike) -> None:
    """Refuse what no file has: 64-bit integers are small numbers from a script, and would be nearly black.

    Raises
    ------
    TypeError
        If values are not real numbers, or such integers.
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "uif":
        raise TypeError(f"frames of dtype {dtype} cannot be stacked; integers or floats are needed")
    if dtype.kind in "ui" and dtype.itemsize == 8:
        raise TypeError(
            f"frames of dtype {dtype} do not tell what white is; give the type that the camera had, as frames.astype"
            "('uint8') or ('uint16'), or floats from 0 to 1"
        )


def unit(dtype: DTypeLike) -> float:
    """Stored value that stands for 1.0: the maximum of an integer type, 1 for floats."""
    dtype = np.dtype(dtype)
    return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)


def to_float(image: Any) -> FloatImage:
    """Image as contiguous float32: integers divided by the maximum of their type, floats as they are."""
    image = np.asarray(image)
    scale = unit(image.dtype)
    if scale == 1.0:
        return np.ascontiguousarray(image, dtype=np.float32)
    floats: FloatImage = np.multiply(image, np.float32(1 / scale), dtype=np.float32, order="C")
    return floats


def from_float(image: FloatImage, dtype: DTypeLike) -> NDArray[Any]:
    """Image in [0, 1] back in `dtype`: scaled, rounded and clipped for integers; floats are only cast."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return image.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    out = np.empty(image.shape, dtype)
    for row in track(range(0, image.shape[0], STRIP)):
        part = image[row : row + STRIP]
        if dtype in _CV_DEPTHS:
            flat = part.reshape(len(part), -1)
            stored = cv2.multiply(flat, limits.max, dtype=_CV_DEPTHS[dtype])  # type: ignore[call-overload] # takes scalars
            out[row : row + STRIP] = stored.reshape(part.shape)
        else:
            scaled = np.rint(part.astype(np.float64) * limits.max)
            out[row : row + STRIP] = np.clip(scaled, limits.min, limits.max, out=scaled)
    return out


def frame(frames: Frames, i: int) -> FloatImage:
    """Frame `i` as float32, (Y, X, C)."""
    return to_float(frames[i])


def parts(frames: Frames, i: int, boxes: Sequence[Box]) -> list[NDArray[Any]]:
    """Parts of frame `i`, (Y, X, C) each in the stored type; frames that are resampled are resampled only there."""
    if hasattr(frames, "parts"):
        cut: list[NDArray[Any]] = frames.parts(i, boxes)
        return cut
    image = np.asarray(frames[i])
    return [image[box] for box in boxes]


def tiles(shape: Sequence[int], size: int) -> list[Box]:
    """Boxes of at most `size` px a side that together cover a picture once."""
    rows, columns = ([slice(start, min(start + size, side)) for start in range(0, side, size)] for side in shape)
    return [(row, column) for row in rows for column in columns]


def visit(frames: Frames, stage: str, order: Sequence[int] | None = None) -> Iterator[tuple[int, NDArray[Any]]]:
    """Visit the frames one at a time, tracked, the next one decoded on a thread while this one is in use.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C).
    stage : str
        The stage's name for the progress bar.
    order : sequence of int, optional
        Which frames, in which order; all, in order, by default.

    Yields
    ------
    index, image : int, ndarray
        The frame's number and its (Y, X, C) array in the stored type.

    Raises
    ------
    ValueError
        If a frame has values that are no numbers.
    """
    return _ahead(partial(decoded, frames), range(len(frames)) if order is None else order, stage)


def visit_parts(
    frames: Frames, stage: str, boxes: Mapping[int, Sequence[Box]]
) -> Iterator[tuple[int, list[NDArray[Any]]]]:
    """Visit, as `visit` does, parts of some frames: of frame i those in `boxes[i]`."""
    return _ahead(lambda i: [_sound(frames, i, part) for part in parts(frames, i, boxes[i])], list(boxes), stage)


def _ahead(read: Callable[[int], T], order: Sequence[int], stage: str) -> Iterator[tuple[int, T]]:
    pool = ThreadPoolExecutor(1, "decode")
    try:
        upcoming = None
        for position, i in enumerate(track(order, stage)):
            current = upcoming or pool.submit(read, i)
            seen = wait(current)
            last = position + 1 == len(order)
            upcoming = None if last else pool.submit(read, order[position + 1])
            del current  # the future keeps its result alive
            yield i, seen
            del seen
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def decoded(frames: Frames, i: int) -> NDArray[Any]:
    """Frame `i` as an array, if its values are numbers.

    Raises
    ------
    ValueError
        If some are not, or are infinite; with the name of its file, where each frame has one.
    """
    return _sound(frames, i, np.asarray(frames[i]))


def _sound(frames: Frames, i: int, image: NDArray[Any]) -> NDArray[Any]:
    """What was read of frame `i`, if its values are numbers."""
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        files = getattr(frames, "sources", ())
        name, note = (files[i], "") if len(files) == len(frames) else (f"frame {i}", " (the first is number 0)")
        raise ValueError(
            f"{name} has values that are no numbers (NaN) or infinite; put others in their place, or give the frames "
            f"without it{note}"
        )
    return image
