"""The upper part of the depth panel: which depth is looked at; follows the viewer's layers and its step in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QWidget

from .fields import quiet
from .forms import add_row, form_layout, help_label
from .measured import Measured, depths_among, measured
from .source import notes

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

__all__ = ["NOTHING", "DepthChooser"]

NOTHING = "Measure depth first: stack a burst or z-stack in the panel “Focus stack”, which makes a layer of depth."
LAYER_TIP = "<p>The depth to look at and to measure in: of this plugin, or your own picture of one float plane.</p>"
PADDING = 4  # px around the text that a style may take


class MiddleElided(QComboBox):
    """A chooser that leaves out the middle of a long name: the unit is at its end."""

    def initStyleOption(self, option: QStyleOptionComboBox) -> None:  # noqa: N802
        """Shorten what is drawn to the room there is."""
        super().initStyleOption(option)
        part = QStyle.SubControl.SC_ComboBoxEditField
        room = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, self).width() - PADDING
        option.currentText = self.fontMetrics().elidedText(option.currentText, Qt.TextElideMode.ElideMiddle, room)


class DepthChooser(QWidget):
    """Chooser of a layer of depth.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose layers are offered.

    Signals
    -------
    changed
        Another layer, other data, or another step in time.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._layers = viewer, viewer.layers
        self._candidates: list[Image] = []
        self._watched: Image | None = None
        self._measured: Measured | None = None
        self.layer, self.facts = quiet(MiddleElided()), help_label()
        self.layer.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        rows = form_layout(self)
        add_row(rows, "Depth", self.layer, LAYER_TIP)
        rows.addRow(self.facts)
        self.layer.currentIndexChanged.connect(self._on_layer)
        for event in self._events():
            event.connect(self._follow)
        viewer.dims.events.point.connect(self._on_step)
        self._show(None)
        self._follow()

    @property
    def chosen(self) -> Measured | None:
        """What is chosen, None if there is no depth."""
        return self._measured

    def release(self) -> None:
        """Stop following the viewer."""
        for event in self._events():
            event.disconnect(self._follow)
        self._viewer.dims.events.point.disconnect(self._on_step)
        self._watch(None)

    def _events(self) -> list[Any]:
        events = self._layers.events
        changed = self._layers.selection.events.changed
        return [events.inserted, events.removed, events.reordered, events.renamed, changed]

    def _follow(self, _: Any = None) -> None:
        before = self._watched
        self._candidates = depths_among(self._layers)
        selected = [layer for layer in self._candidates if layer in self._layers.selection]
        named = [layer for layer in self._candidates if "role" in notes(layer)]
        wished = (*selected, *([before] if before is not None else []), *reversed(named), *self._candidates)
        at = next((self._candidates.index(layer) for layer in wished if layer in self._candidates), -1)
        with QSignalBlocker(self.layer):
            self.layer.clear()
            self.layer.addItems([layer.name for layer in self._candidates])
            self.layer.setCurrentIndex(at)
        self._on_layer()

    def _on_layer(self, _: Any = None) -> None:
        at = self.layer.currentIndex()
        layer = self._candidates[at] if at >= 0 else None
        if layer is not self._watched:
            self._watch(layer)
            self._read()

    def _watch(self, layer: Image | None) -> None:
        """Listen to the chosen layer's values, and no longer to those of the one before."""
        for event in _changes(self._watched):
            event.disconnect(self._read)
        self._watched = layer
        for event in _changes(layer):
            event.connect(self._read)

    def _on_step(self, _: Any = None) -> None:
        """Take another plane of a series, if the step is along it."""
        if self._watched is not None and self._watched.ndim > 2 and self._measured is not None:
            found = measured(self._layers, self._watched, self._viewer.dims.point)
            if not _same(found, self._measured):
                self._show(found)

    def _read(self, _: Any = None) -> None:
        layer = self._watched
        self._show(None if layer is None else measured(self._layers, layer, self._viewer.dims.point))

    def _show(self, found: Measured | None) -> None:
        self._measured = found
        self.layer.setEnabled(found is not None)
        self.facts.setText(NOTHING if found is None else found.facts())
        self.changed.emit()


def _changes(layer: Image | None) -> list[Any]:
    """Events of a layer after which other depths are measured; its metadata has the unit."""
    if layer is None:
        return []
    events = layer.events
    return [events.data, events.scale, events.translate, events.units, events.metadata]


def _same(one: Measured, other: Measured) -> bool:
    """Whether both are views of the same values."""
    first, second = (plane.depth.position.__array_interface__["data"] for plane in (one, other))
    return bool(first == second)
