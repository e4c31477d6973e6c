"""Results as layers: named after their source, placed where it lies, updated in place when they are ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import __version__
from .placement import place
from .source import PLUGIN, Source, notes

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Image

    from ..pipeline import Aligned, Result

__all__ = ["go_to_frame", "show_aligned", "show_result"]


def show_result(layers: LayerList, source: Source, result: Result) -> None:
    """Put the fused picture and its index into `layers`, new or in place of those of an earlier run.

    The source is hidden, because the picture covers it; the index is hidden until it is asked for.
    """
    record = {
        "recipe": json.loads(result.recipe.to_json()),
        "alignments": result.alignments,
        "frames": source.frames,
    }
    index_look = {
        "colormap": "turbo",
        "contrast_limits": (0, max(1, source.frames - 1)),
        "interpolation2d": "nearest",
        "visible": False,
    }
    pictures = _Results(layers, source, result.area, record)
    for owners, index, axes in _split(source, result.index, result.index_axes):
        layer = pictures.put("index", owners, index, axes, index_look)
        if go_to_frame not in layer.mouse_drag_callbacks:
            layer.mouse_drag_callbacks.append(go_to_frame)
    for owners, image, axes in _split(source, result.image, result.axes):
        pictures.put("fused", owners, image, axes, _look(owners[0]))
    pictures.reveal()


def show_aligned(layers: LayerList, source: Source, result: Aligned) -> None:
    """Put the aligned frames, lazy, into `layers`, new or in place of those of an earlier run."""
    frames = _Results(layers, source, result.area, {"alignments": result.alignments, "transfer": source.transfer})
    for owners, part, axes in _split(source, result.data, result.axes):
        frames.put("aligned", owners, part, axes, _look(owners[0]))
    frames.reveal()


def go_to_frame(layer: Image, event: Any) -> Iterator[None]:
    """Move the viewer to the sharpest frame of the pixel that is clicked in an index layer (a mouse callback)."""
    import napari

    dragged = False
    yield
    while event.type == "mouse_move":
        dragged = True
        yield
    viewer, ours = napari.current_viewer(), notes(layer)
    if dragged or viewer is None or "focus_world" not in ours:
        return
    value = layer.get_value(
        event.position, view_direction=event.view_direction, dims_displayed=event.dims_displayed, world=True
    )
    if value is None or not np.isfinite(value):
        return
    start, step, from_last = ours["focus_world"]
    frame, axis = round(float(value)), viewer.dims.ndim - from_last
    if axis >= 0:
        viewer.dims.set_point(axis, start + step * frame)
        viewer.status = f"sharpest in frame {frame} of '{ours['source']}'"


class _Results:
    """Puts the results of one source into a layer list."""

    def __init__(self, layers: LayerList, source: Source, area: Any, record: dict[str, Any]) -> None:
        self._layers, self._source, self._area, self._record = layers, source, area, record
        self._new: list[Image] = []

    def put(self, role: str, owners: tuple[Image, ...], data: Any, axes: str, look: dict[str, Any]) -> Image:
        """Update our layer of this role and these owners, or add it."""
        from napari.layers import Image

        first, name = owners[0], " + ".join(layer.name for layer in owners)
        slabs, where = place(first, self._source.layer_axes, axes.replace("S", ""), self._area)
        for axis in slabs:
            data = np.expand_dims(data, axis)
        rgb = axes.endswith("S")
        source_id = "+".join(str(layer.unique_id) for layer in owners)
        metadata = self._metadata(role, first, name, source_id)
        old = _ours(self._layers, role, source_id)
        if old is not None and old.rgb == rgb and old.ndim == data.ndim - rgb:
            old.data = data
            for keyword, value in {**where, "metadata": metadata}.items():
                setattr(old, keyword, value)
            return old
        if old is not None:
            self._layers.remove(old)
        layer = Image(data, name=f"{name} [{role}]", rgb=rgb, metadata=metadata, **where, **look)
        self._layers.append(layer)
        self._new.append(layer)
        return layer

    def reveal(self) -> None:
        """Hide the sources, so that the results are seen, and select what is new."""
        for layer in self._source.layers:
            layer.visible = False
        shown = {layer for layer in self._new if layer.visible}
        if shown:
            self._layers.selection.clear()
            self._layers.selection.update(shown)

    def _metadata(self, role: str, first: Image, name: str, source_id: str) -> dict[str, Any]:
        """What the source's layer carries, and how the result was made."""
        axis = self._source.focus_axis
        ours = {
            **notes(first),
            **self._record,
            "role": role,
            "source": name,
            "source_id": source_id,
            "version": __version__,
            "focus_world": (float(first.translate[axis]), float(first.scale[axis]), first.ndim - axis),
        }
        return {**first.metadata, PLUGIN: ours}


def _split(source: Source, data: Any, axes: str) -> Iterator[tuple[tuple[Image, ...], Any, str]]:
    """Parts of a result with the layers that own them: one for each channel where channels were joined layers."""
    if len(source.layers) == 1 or "C" not in axes:
        yield source.layers, data, axes
        return
    at = axes.index("C")
    for c, layer in enumerate(source.layers):
        yield (layer,), data[(slice(None),) * at + (c,)], axes.replace("C", "")


def _ours(layers: LayerList, role: str, source_id: str) -> Any:
    """Our layer of this role and source, if it is there."""
    for layer in layers:
        ours = notes(layer)
        if ours.get("role") == role and ours.get("source_id") == source_id:
            return layer
    return None


def _look(layer: Image) -> dict[str, Any]:
    """How the source is shown, for its result."""
    look = {"blending": layer.blending, "gamma": layer.gamma}
    if not layer.rgb:
        look |= {"colormap": layer.colormap, "contrast_limits": layer.contrast_limits}
    return look
