"""Image layers as sources of bursts: which axis is the focus axis, and what the others are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from ..color import Transfer
    from ..io import Burst

__all__ = [
    "PLUGIN",
    "Axis",
    "Source",
    "axes_of",
    "axis_title",
    "bursts_among",
    "channel_group",
    "focus_axes",
    "notes",
    "source_of",
    "variant_of",
]

PLUGIN = "napari-focusstack"  # the key of what we write into a layer's metadata

FOCUS_LABELS = ("z", "focus", "depth")  # by preference
CHANNEL_LABELS = ("c", "channel", "channels", "ch")
TIME_LABELS = ("t", "time")
OTHER_LETTERS = "PQRUVWABDEFGHIJKLMNO"  # for axes that a pipeline only loops over


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a layer that may be the focus axis."""

    number: int
    label: str
    length: int

    def __str__(self) -> str:
        return f"{self.label} · {self.length} frames"


@dataclass(frozen=True)
class Source:
    """What a computation needs of one or several layers, taken before it starts.

    Attributes
    ----------
    layers : tuple of Image
        One layer, or several of the same shape that are the channels of one picture. For the main thread only.
    data : array_like
        Their values, with the `axes`; several layers are joined along a leading C.
    axes : str
        One letter per axis of `data`: Z is the focus axis, S holds red, green and blue.
    focus_axis : int
        Number of the focus axis among the layers' own axes.
    transfer : {"linear", "srgb"}
        How stored values relate to light.
    photograph : bool
        Taken with a camera whose exposure may drift.
    raw : Burst or None
        The camera raw files whose developed frames the data are.
    """

    layers: tuple[Image, ...]
    data: Any
    axes: str
    focus_axis: int
    transfer: Transfer
    photograph: bool
    raw: Burst | None = None

    @property
    def name(self) -> str:
        """The layers' names."""
        return " + ".join(layer.name for layer in self.layers)

    @property
    def layer_axes(self) -> str:
        """Letters of the layers' own axes, as napari counts them: without S and without the axis that joins layers."""
        return self.axes.replace("S", "")[len(self.layers) > 1 :]

    @property
    def frames(self) -> int:
        """Number of frames along the focus axis."""
        return int(self.data.shape[self.axes.index("Z")])

    @property
    def words(self) -> str:
        """What there is, for a button: "20 frames", or "3 channels together" of several layers."""
        return f"{len(self.layers)} channels together" if len(self.layers) > 1 else f"{self.frames} frames"

    @property
    def channels(self) -> int:
        """Number of channels, 1 if there is no axis of them."""
        return next((int(self.data.shape[self.axes.index(a)]) for a in "CS" if a in self.axes), 1)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a frame in px."""
        return int(self.data.shape[self.axes.index("Y")]), int(self.data.shape[self.axes.index("X")])


def notes(layer: Layer) -> dict[str, Any]:
    """What this plugin knows of a layer: from its reader, or because it made it."""
    found = layer.metadata.get(PLUGIN)
    return found if isinstance(found, dict) else {}


def variant_of(layer: Layer) -> str:
    """What tells a layer that we made apart from others of its role and source: "adapted", or nothing."""
    return str(notes(layer).get("variant", ""))


def focus_axes(layer: Image) -> list[Axis]:
    """Axes that can be the focus axis, the most likely one first."""
    labels = [label.lower() for label in layer.axis_labels]
    plane = _plane(layer)
    shape = _data(layer).shape
    axes = [
        Axis(i, axis_title(layer.axis_labels[i], i), shape[i])
        for i in range(layer.ndim)
        if i not in plane and shape[i] > 1
    ]

    def likelihood(axis: Axis) -> tuple[int, int]:
        label = labels[axis.number]
        if label in FOCUS_LABELS:
            return FOCUS_LABELS.index(label), 0
        named = label in CHANNEL_LABELS or label in TIME_LABELS
        return len(FOCUS_LABELS) + named, -axis.number  # unnamed: the one before Y

    return sorted(axes, key=likelihood)


def axes_of(layer: Image, focus_axis: int) -> str:
    """One letter per axis of the layer's data, Z for the focus axis."""
    y, x = _plane(layer)
    spare = iter(OTHER_LETTERS)
    letters: list[str] = []
    for i, label in enumerate(layer.axis_labels):
        fixed = {focus_axis: "Z", y: "Y", x: "X"}.get(i, "")
        if not fixed and label.lower() in CHANNEL_LABELS and not layer.rgb and "C" not in letters:
            fixed = "C"
        if not fixed and label.lower() in TIME_LABELS and "T" not in letters:
            fixed = "T"
        letters.append(fixed or next(spare))
    return "".join(letters) + ("S" if layer.rgb else "")


def bursts_among(layers: Iterable[Layer]) -> list[Image]:
    """Image layers with a possible focus axis, but not what this plugin made of them."""
    from napari.layers import Image

    return [
        layer
        for layer in layers
        if isinstance(layer, Image) and notes(layer).get("role", "aligned") == "aligned" and focus_axes(layer)
    ]


def channel_group(layer: Image, bursts: Iterable[Image], selected: Iterable[Layer]) -> tuple[tuple[Image, ...], bool]:
    """Layers that can be channels of one picture together with `layer`, and whether they are meant to be.

    Channels are alike in all but their values. They are meant to belong together if several are selected, or if they
    were opened from one file or sample.
    """
    if layer.rgb or "C" in axes_of(layer, focus_axes(layer)[0].number):
        return (), False
    alike = [other for other in bursts if _kind(other) == _kind(layer)]
    chosen = set(selected)
    origin = (layer.source.path, layer.source.sample)
    for group in (
        [other for other in alike if other in chosen],
        [other for other in alike if origin != (None, None) and (other.source.path, other.source.sample) == origin],
    ):
        if len(group) > 1 and layer in group:
            return tuple(group), True
    return (tuple(alike), False) if len(alike) > 1 else ((), False)


def source_of(layers: Sequence[Image], focus_axis: int | None = None) -> Source:
    """Source of one layer, or of several that are the channels of one picture.

    Raises
    ------
    ValueError
        If a layer has no axis that could be the focus axis.
    """
    first = layers[0]
    possible = focus_axes(first)
    if not possible:
        raise ValueError(
            f"'{first.name}' is a single picture; a focus stack needs several frames along one axis: "
            "open them together as one layer (select all files, or open their folder)"
        )
    number = possible[0].number if focus_axis is None else focus_axis
    axes = axes_of(first, number)
    data = _data(first)
    if len(layers) > 1:
        data, axes = _joined([_data(layer) for layer in layers]), "C" + axes
    known = notes(first)
    transfer: Transfer = known.get("transfer") or ("srgb" if first.rgb else "linear")
    photograph = transfer == "srgb" or bool(known.get("camera"))
    raw = known.get("raw")
    if raw is not None and raw.data.shape != data.shape:  # the layer was given other data since
        raw = None
    return Source(tuple(layers), data, axes, number, transfer, photograph, raw)


def _joined(parts: list[Any]) -> Any:
    import dask.array

    da: Any = dask.array  # untyped
    return da.stack([part if isinstance(part, da.Array) else da.from_array(part, name=False) for part in parts])


def _kind(layer: Image) -> tuple[Any, ...]:
    data, where = _data(layer), (tuple(layer.scale), tuple(layer.translate))
    return data.shape, np.dtype(data.dtype), layer.rgb, tuple(layer.axis_labels), where, notes(layer).get("role")


def _data(layer: Image) -> Any:
    return layer.data[0] if layer.multiscale else layer.data


def _plane(layer: Image) -> tuple[int, int]:
    """Numbers of the axes Y and X: by their labels, else the last two."""
    labels = [label.lower() for label in layer.axis_labels]
    if labels.count("y") == labels.count("x") == 1:
        return labels.index("y"), labels.index("x")
    return layer.ndim - 2, layer.ndim - 1


def axis_title(label: str, number: int) -> str:
    """Label of a layer's axis as it is read; "axis 0" for one that napari numbered itself."""
    return f"axis {number}" if label.lstrip("-").isdigit() else label
