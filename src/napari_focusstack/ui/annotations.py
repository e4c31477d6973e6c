"""Layers that a user draws on a depth: its probes, and its lines and regions; found again by their role."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .marks import hide_marks
from .measured import Measured
from .source import PLUGIN, notes

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["Drawn", "describe"]


class Drawn:
    """A layer of one role on the chosen depth, and whoever wants to know of its changes.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        In whose layers it is.
    role : str
        In its metadata.
    make : callable
        Makes it, empty, on a depth.
    changed : callable
        Called when something was drawn, moved, selected or removed, also while the mouse drags.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        role: str,
        make: Callable[[Measured], Layer],
        changed: Callable[[], None],
    ) -> None:
        self._viewer, self._role, self._make, self._changed = viewer, role, make, changed
        self._chosen: Measured | None = None
        self._layer: Any = None
        self._known: Any = None  # data and selection that were told last
        self._told = False
        viewer.layers.events.inserted.connect(self._find)
        viewer.layers.events.removed.connect(self._find)

    @property
    def layer(self) -> Any:
        """The layer, None if nothing was drawn yet."""
        return self._layer

    def follow(self, chosen: Measured | None) -> None:
        """Turn to the layer of another depth."""
        self._chosen, self._told = chosen, False
        self._find()
        if self._layer is not None and chosen is not None:
            _lay(self._layer, chosen)

    def ready(self) -> Any:
        """Return the layer, made if it is not there, and make it the one that the mouse draws in."""
        assert self._chosen is not None
        hide_marks(self._viewer.layers, self._chosen.source_id)
        if self._layer is None:
            self._viewer.layers.append(self._make(self._chosen))
        self._layer.visible = True
        self._viewer.layers.selection.active = self._layer
        return self._layer

    def selected(self) -> list[int]:
        """Numbers of what is selected."""
        return [] if self._layer is None else sorted(int(i) for i in self._layer.selected_data)

    def release(self) -> None:
        """Stop following the viewer."""
        self._viewer.layers.events.inserted.disconnect(self._find)
        self._viewer.layers.events.removed.disconnect(self._find)
        self._watch(None)

    def _find(self, _: Any = None) -> None:
        found = None
        if self._chosen is not None:
            ident = self._chosen.source_id
            ours = [layer for layer in self._viewer.layers if notes(layer).get("role") == self._role]
            found = next((layer for layer in ours if notes(layer).get("source_id") == ident), None)
        if found is not self._layer:
            self._watch(found)
        self._tell()

    def _watch(self, layer: Any) -> None:
        if self._layer is not None:
            for event in _events(self._layer):
                event.disconnect(self._tell)
        self._layer, self._told = layer, False
        if layer is not None:
            for event in _events(layer):
                event.connect(self._tell)

    def _tell(self, _: Any = None) -> None:
        """Tell of a change; napari says that something was drawn anew more often than anything changed."""
        layer = self._layer
        now = None
        if layer is not None:
            now = ([np.array(part, float) for part in layer.data], self.selected(), _kinds(layer))
        if not self._told or not _alike(self._known, now):
            self._known, self._told = now, True
            self._changed()


def describe(chosen: Measured, role: str, title: str) -> dict[str, Any]:
    """Keywords of a layer that is drawn on a depth: name, place, and what finds it again."""
    ours = {"role": role, "source": chosen.source, "source_id": chosen.source_id}
    return {"name": f"{chosen.source} [{title}]", "metadata": {PLUGIN: ours}, **chosen.place()}


def _lay(layer: Any, chosen: Measured) -> None:
    """Let a layer lie as its depth does: drawn things stay where they are if the depth covers another part now."""
    place = chosen.place()
    scale, start = place["scale"], place["translate"]
    if np.array_equal(layer.scale, scale) and np.array_equal(layer.translate, start):
        return
    if np.array_equal(layer.scale, scale):
        shift = (np.asarray(layer.translate) - start) / scale
        moved = [np.asarray(part) + shift for part in layer.data]
        layer.data = moved if hasattr(layer, "shape_type") else np.array(moved).reshape(-1, 2)
    layer.scale, layer.translate, layer.units = scale, start, place["units"]


def _events(layer: Any) -> list[Any]:
    return [layer.events.data, layer.events.set_data, layer.selected_data.events.items_changed]


def _kinds(layer: Any) -> list[str]:
    return list(getattr(layer, "shape_type", ()))


def _alike(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    if one[1:] != other[1:] or len(one[0]) != len(other[0]):
        return False
    return all(np.array_equal(first, second) for first, second in zip(one[0], other[0], strict=True))
