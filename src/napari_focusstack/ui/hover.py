"""What our layers tell under the mouse: the depth with its error, and the way to its frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..units import symbol
from .marks import hide_marks
from .source import notes, variant_of

if TYPE_CHECKING:
    from napari.layers import Image, Layer

__all__ = ["depth_words", "frame_at", "go_to_frame", "tell_depth"]

MAPS = ("depth", "depth_sigma")
ROLES = (*MAPS, "fused")  # of layers that tell the depth
NOWHERE = "depth not measured"


def tell_depth(_: Layer, __: Any) -> None:
    """Let the status bar of the window tell the depth in words (a mouse callback of the layer).

    napari's own text for the pixel comes a moment later from a thread, so that what listens to it has the last word.
    """
    import napari

    viewer = napari.current_viewer()
    if viewer is not None:
        viewer.events.status.connect(_tell, position="last")


def _tell(event: Any) -> None:
    """Replace the pixel's value in the status by its depth, or add it to the fused picture's."""
    viewer, status = event.source, event.value
    layer = viewer.layers.selection.active
    role = notes(layer).get("role") if layer is not None else None
    if role not in ROLES or not isinstance(status, dict) or viewer.dims.ndisplay != 2:
        return
    words, value = depth_words(viewer.layers, layer, viewer.cursor.position), str(status.get("value", ""))
    if words and not value.endswith(words):
        told = words if role in MAPS else f"{value} · {words}"
        viewer.status = {**status, "value": told, "coordinates": f"{status.get('coords', '')}: {told}"}


def depth_words(layers: Sequence[Layer], layer: Image, position: Sequence[float]) -> str:
    """Depth, error and frame at a place of the world: "12.34 ± 0.21 µm · frame 7.3"; empty beside the map.

    Parameters
    ----------
    layers : sequence of Layer
        Where the other layers of the same depth are.
    layer : Image
        Layer of a depth, of its error, or the picture fused of the same source.
    position : sequence of float
        In the world.
    """
    depths, sigmas = (_partner(layers, layer, role) for role in MAPS)
    at = None if depths is None else _pixel(depths, position)
    if at is None:
        return ""
    ours, value = notes(depths), float(depths.data[at])
    if not np.isfinite(value):
        return NOWHERE
    sigma = float(sigmas.data[at]) if sigmas is not None and sigmas.data.shape == depths.data.shape else np.nan
    unit, frame = ours["depth_unit"], frame_at(ours["positions"], value)
    words = _with_error(value, sigma)
    words = f"frame {words}" if unit == "frame" else f"{words} {symbol(unit)} · frame {frame:.1f}"
    measured = ours.get("measured")
    return words if measured is None or measured.reshape(depths.data.shape)[at] else f"{words} · filled"


def frame_at(positions: Sequence[float], depth: float) -> float:
    """Number of the frame that is focused at a depth, with a fraction between two that are neighbours in focus."""
    order = np.argsort(positions, kind="stable")
    place = float(np.interp(depth, np.asarray(positions)[order], np.arange(len(order))))
    below, above = int(np.floor(place)), int(np.ceil(place))
    if abs(int(order[above]) - int(order[below])) > 1:  # no neighbours in the stack
        return float(order[round(place)])
    return float(order[below] + (order[above] - order[below]) * (place - below))


def go_to_frame(layer: Image, event: Any) -> Iterator[None]:
    """Show the sharpest frame of the pixel that is clicked, instead of the map; the next click shows the map again.

    A mouse callback of layers of depth, its error, the index and the fused picture that was made with a depth.
    """
    import napari

    dragged = False
    yield
    while event.type == "mouse_move":
        dragged = True
        yield
    viewer, ours = napari.current_viewer(), notes(layer)
    if dragged or viewer is None or "focus_world" not in ours:
        return
    if not layer.visible:
        _show_map(viewer.layers, layer)
        return
    frame = _frame_under(viewer, layer, event)
    if frame is None:
        return
    start, step, from_last = ours["focus_world"]
    axis = viewer.dims.ndim - from_last
    if axis >= 0:
        viewer.dims.set_point(axis, start + step * frame)
        _show_frames(viewer.layers, layer)
        back = "picture" if ours["role"] == "fused" else "map"
        viewer.status = f"sharpest in frame {frame} of '{ours['source']}'; click again for the {back}"


def _show_frames(layers: Sequence[Layer], layer: Image) -> None:
    """Hide what was made of the source and covers it, and show the source."""
    ours, sources = notes(layer), _sources(layers, layer)
    covering = [other for other in layers if other.visible and _made_of(other, sources)]
    ours["covering"] = [str(other.unique_id) for other in covering]
    for other in layers:
        if str(other.unique_id) in sources:
            other.visible = True
    for other in covering:
        other.visible = False


def _show_map(layers: Sequence[Layer], layer: Image) -> None:
    """Undo `_show_frames`."""
    sources, covering = _sources(layers, layer), notes(layer).pop("covering", [])
    hide_marks(layers, "+".join(sources))
    for other in layers:
        name = str(other.unique_id)
        if name in covering or other is layer:
            other.visible = True
        elif name in sources:
            other.visible = False


def _sources(layers: Sequence[Layer], layer: Image) -> list[str]:
    """What a layer was made of; for one of several channels, all that its depth was made of."""
    depths = _partner(layers, layer, "depth")
    return str(notes(layer if depths is None else depths)["source_id"]).split("+")


def _made_of(layer: Layer, sources: Sequence[str]) -> bool:
    its = notes(layer)
    return "role" in its and bool(set(str(its.get("source_id", "")).split("+")) & set(sources))


def _frame_under(viewer: Any, layer: Image, event: Any) -> int | None:
    """Number of the frame for the pixel under the mouse, None if there is none."""
    if notes(layer)["role"] in ROLES:
        depths = _partner(viewer.layers, layer, "depth")
        at = None if depths is None else _pixel(depths, event.position)
        if at is None or not np.isfinite(depths.data[at]):
            return None
        return round(frame_at(notes(depths)["positions"], float(depths.data[at])))
    value = layer.get_value(
        event.position, view_direction=event.view_direction, dims_displayed=event.dims_displayed, world=True
    )
    return None if value is None or not np.isfinite(value) else round(float(value))


def _partner(layers: Sequence[Layer], layer: Image, role: str) -> Any:
    """Layer of this role that was made with the layer, or of joined channels of which it is one; None if none was."""
    sources = set(str(notes(layer).get("source_id", "")).split("+"))
    found = [
        other
        for other in layers
        if notes(other).get("role") == role and sources <= set(str(notes(other).get("source_id", "")).split("+"))
    ]
    return min(found, key=lambda other: variant_of(other) != variant_of(layer), default=None)


def _pixel(layer: Image, position: Sequence[float]) -> tuple[int, ...] | None:
    """Numbers of the pixel of the layer at a place of the world, None beside it."""
    at = np.round(np.asarray(layer.world_to_data(position))[-layer.ndim :]).astype(int)
    return tuple(map(int, at)) if (at >= 0).all() and (at < layer.data.shape).all() else None


def _with_error(value: float, sigma: float) -> str:
    """Write a value with as many digits as its error has meaning: two of it."""
    if not (np.isfinite(sigma) and sigma > 0):
        return f"{value:.4g}"
    digits = int(np.clip(1 - np.floor(np.log10(sigma)), 0, 6))
    return f"{value:.{digits}f} ± {sigma:.{digits}f}"
