"""Putting results into a layer list: named after their source, placed where it lies, updated in place if ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import __version__
from .marks import MARKS, hidden_by_marks, hide_marks
from .placement import place
from .source import PLUGIN, Source, notes, variant_of

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Image, Layer

    from ..alignment import Area

__all__ = ["Results", "of_sources", "split"]

PICTURES = {"fused", "aligned"}
Owners = tuple["Image", ...]  # layers that a result was made of


class Results:
    """Puts the results of one run into a layer list.

    Parameters
    ----------
    layers : LayerList
        Where they go.
    source : Source
        What they were made of.
    area : Area
        Rectangle of the source that they cover, in px.
    record : dict
        What all of them carry in their metadata.
    """

    def __init__(self, layers: LayerList, source: Source, area: Area, record: dict[str, Any]) -> None:
        self._layers, self._source, self._area, self._record = layers, source, area, record
        self._new: list[Image] = []
        self._pictures: set[str] = set()  # roles that were put of those that are looked at first

    def put(
        self,
        role: str,
        owners: Owners,
        data: Any,
        axes: str,
        look: dict[str, Any],
        *,
        title: str = "",
        facts: dict[str, Any] | None = None,
    ) -> Image:
        """Update our layer of this role and these owners, or add it.

        Parameters
        ----------
        role : str
            What it is; with the owners it tells our layers apart.
        owners : tuple of Image
            Layers it was made of.
        data : array_like
            Its values.
        axes : str
            Their axes, one letter each.
        look : dict
            How it is shown at first; later that is the user's choice.
        title : str
            In its name, instead of the role.
        facts : dict, optional
            Metadata of its own; `variant` tells it apart from others of its role.
        """
        from napari.layers import Image

        self._pictures |= {role} & PICTURES
        name = " + ".join(layer.name for layer in owners)
        slabs, where = place(owners[0], self._source.layer_axes, axes.replace("S", ""), self._area)
        for axis in slabs:
            data = np.expand_dims(data, axis)
        rgb = axes.endswith("S")
        where["metadata"] = self._metadata(role, owners, facts or {})
        old = self.find(role, owners, (facts or {}).get("variant", ""))
        if old is not None and old.rgb == rgb and old.ndim == data.ndim - rgb:
            old.data = data
            for keyword, value in where.items():
                setattr(old, keyword, value)
            return old
        if old is not None:
            self._layers.remove(old)
        layer = Image(data, name=f"{name} [{title or role}]", rgb=rgb, **where, **look)
        self._layers.append(layer)
        self._new.append(layer)
        return layer

    def find(self, role: str, owners: Owners, variant: str = "") -> Any:
        """Our layer of this role, these owners and this variant, if it is there."""
        for layer in self._layers:
            ours = notes(layer)
            if (ours.get("role"), ours.get("source_id"), variant_of(layer)) == (role, _id(owners), variant):
                return layer
        return None

    def made(self, role: str) -> list[Any]:
        """Our layers of this role of the source, one for each channel if they are several."""
        return [layer for layer in of_sources(self._layers, self._source.layers) if notes(layer).get("role") == role]

    def drop(self, role: str) -> None:
        """Take away our layers of this role of the source."""
        for layer in self.made(role):
            self._layers.remove(layer)

    def reveal(self, wanted: Iterable[Image] = ()) -> None:
        """Show and select what is new or wanted; hide what it covers: its sources, and our other results of them.

        Where there is nothing new, what is seen of our results stays; if nothing is, the picture is shown.
        """
        hide_marks(self._layers, _id(self._source.layers))
        for layer in self._source.layers:
            layer.visible = False
        made = of_sources(self._layers, self._source.layers)
        shown = {layer for layer in self._new if layer.visible} | set(wanted)
        if not shown and any(layer.visible for layer in made):
            return
        shown = shown or {layer for layer in made if notes(layer).get("role") in self._pictures}
        for layer in made:
            layer.visible = layer in shown
        self._layers.selection.clear()
        self._layers.selection.update(shown)

    def give_way(self) -> list[str]:
        """Show the sources, and hide what was made of them; return what was hidden, now or for marks that are there."""
        hidden = hidden_by_marks(self._layers, _id(self._source.layers))
        for layer in of_sources(self._layers, self._source.layers):
            if layer.visible and notes(layer).get("role") not in MARKS:
                hidden.append(str(layer.unique_id))
                layer.visible = False
        for layer in self._source.layers:
            layer.visible = True
        return sorted(set(hidden))

    def _metadata(self, role: str, owners: Owners, facts: dict[str, Any]) -> dict[str, Any]:
        """What the source's layer carries, and how the result was made."""
        first, axis = owners[0], self._source.focus_axis
        ours = {
            **notes(first),
            **self._record,
            **facts,
            "role": role,
            "source": " + ".join(layer.name for layer in owners),
            "source_id": _id(owners),
            "version": __version__,
            "focus_world": (float(first.translate[axis]), float(first.scale[axis]), first.ndim - axis),
        }
        return {**first.metadata, PLUGIN: ours}


def of_sources(layers: Iterable[Layer], sources: Iterable[Layer]) -> list[Any]:
    """Images that this plugin made of any of the sources."""
    from napari.layers import Image

    ids = {str(layer.unique_id) for layer in sources}
    return [
        layer
        for layer in layers
        if isinstance(layer, Image) and ids & set(str(notes(layer).get("source_id", "")).split("+"))
    ]


def split(source: Source, data: Any, axes: str) -> Iterator[tuple[Owners, Any, str]]:
    """Parts of a result with the layers that own them: one for each channel where channels were joined layers."""
    if len(source.layers) == 1 or "C" not in axes:
        yield source.layers, data, axes
        return
    at = axes.index("C")
    for c, layer in enumerate(source.layers):
        yield (layer,), data[(slice(None),) * at + (c,)], axes.replace("C", "")


def _id(owners: Owners) -> str:
    return "+".join(str(layer.unique_id) for layer in owners)
