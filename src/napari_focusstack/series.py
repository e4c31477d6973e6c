"""Arrays with more axes as bursts: one channel of frames, and the bursts of a series (times, positions)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .arrays import Frames

__all__ = ["OneChannel", "Series"]


class OneChannel:
    """Frames with only channel `c`."""

    def __init__(self, frames: Frames, c: int) -> None:
        self._frames, self._c = frames, c
        self.shape, self.dtype = (*frames.shape[:3], 1), frames.dtype

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, i: int) -> NDArray[Any]:
        return np.ascontiguousarray(np.asarray(self._frames[i])[..., self._c : self._c + 1])


class Series:
    """The bursts in an array of named axes, one after the other."""

    def __init__(self, data: Any, axes: str, focus_axis: str) -> None:
        if len(axes) != len(data.shape) or len(set(axes)) != len(axes):
            raise ValueError(f"axes {axes!r} do not name the {len(data.shape)} axes of shape {tuple(data.shape)}")
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

    def __len__(self) -> int:
        """Count the bursts."""
        return math.prod(self.loop_shape)

    def __iter__(self) -> Iterator[tuple[dict[str, int], Frames]]:
        for numbers in itertools.product(*map(range, self.loop_shape)):
            place = dict(zip(self.loops, numbers, strict=True))
            yield place, AxisFrames(self, place)

    def shape_of(self, names: str, fused: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a whole result with these axes, from one burst's (Y, X) or (Y, X, C)."""
        sizes = {
            "Y": fused[0],
            "X": fused[1],
            self.channel: fused[2] if len(fused) > 2 else 1,
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


class AxisFrames:
    """Frames along the focus axis at one place of a series."""

    def __init__(self, series: Series, place: Mapping[str, int]) -> None:
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
