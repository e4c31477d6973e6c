"""What is wrong with the frames, drawn over them: seen with the frames alone, gone when what was made of them is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .source import notes

if TYPE_CHECKING:
    from napari.layers import Layer

__all__ = ["HIDDEN", "MARKS", "hidden_by_marks", "hide_marks"]

MARKS = ("coverage", "clipped", "dust")  # roles of layers, in the coordinates of frames that nobody aligned
HIDDEN = "hidden"  # in their metadata: layers that were hidden to show them


def hide_marks(layers: Iterable[Layer], source_id: str) -> None:
    """Hide marks over these frames, and show again instead of the frames what was hidden for them.

    Parameters
    ----------
    layers : iterable of Layer
        The viewer's.
    source_id : str
        Of whatever was made of the frames: their layers, joined by "+".
    """
    layers = list(layers)
    marks = _shown_marks(layers, source_id)
    wanted = hidden_by_marks(layers, source_id)
    for mark in marks:
        mark.visible = False
    again = [layer for layer in layers if str(layer.unique_id) in wanted]
    if again:
        for layer in layers:
            if str(layer.unique_id) in source_id.split("+"):
                layer.visible = False
    for layer in again:
        layer.visible = True


def hidden_by_marks(layers: Iterable[Layer], source_id: str) -> list[str]:
    """What was hidden to show the marks over these frames that are shown now."""
    return [ident for mark in _shown_marks(layers, source_id) for ident in notes(mark).get(HIDDEN, ())]


def _shown_marks(layers: Iterable[Layer], source_id: str) -> list[Any]:
    frames = set(source_id.split("+"))
    return [
        layer
        for layer in layers
        if layer.visible
        and notes(layer).get("role") in MARKS
        and frames & set(str(notes(layer).get("source_id", "")).split("+"))
    ]
