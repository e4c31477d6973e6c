"""The upper part of the panel: which layer, along which axis, and what decides between its channels."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QWidget

from .fields import quiet
from .forms import add_row, form_layout, help_label
from .source import Axis, Source, bursts_among, channel_group, focus_axes, source_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

__all__ = ["LayerChooser"]

NOTHING = (
    "Open a focus stack first: drop a folder of pictures, a raw burst or a z-stack onto the window, "
    "or take one from File ▸ Open Sample."
)
SINGLE = (
    "“{}” is a single picture. A focus stack needs several frames in one layer: open all its files together, "
    "or their folder."
)

LAYER_TIP = "<p>The burst or z-stack to make one sharp picture of. Follows the layer list.</p>"
FOCUS_TIP = "<p>The axis along which the focus changes from frame to frame.</p>"
CHANNELS_TIP = "<p>What decides where a pixel is sharp. One decision for all keeps the channels registered.</p>"


class LayerChooser(QWidget):
    """Chooser of the source; follows the viewer's layers and what is selected among them.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Only its layer list is used.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layers = viewer.layers
        self._candidates: list[Image] = []  # as in the layer combo
        self._group: tuple[Image, ...] = ()  # layers that can be channels of one picture
        self._meant = False  # ... and are meant to be
        self._axes: list[Axis] = []  # as in the focus combo
        self.layer, self.focus, self.channels = (quiet(QComboBox()) for _ in range(3))
        self.together = QCheckBox()
        self.facts = help_label()
        self._build()
        self.layer.activated.connect(self._on_layer)
        self.focus.currentIndexChanged.connect(self._on_choice)
        self.together.toggled.connect(self._on_choice)
        self.channels.currentIndexChanged.connect(self.changed)
        for event in self._events():
            event.connect(self._follow)
        self._follow()

    def release(self) -> None:
        """Stop following the viewer."""
        for event in self._events():
            event.disconnect(self._follow)

    @property
    def problem(self) -> str:
        """Why there is nothing to stack, in plain words; empty if there is."""
        if self._candidates:
            return ""
        active = self._layers.selection.active
        return SINGLE.format(active.name) if active is not None and active.ndim == 2 else NOTHING

    def source(self) -> Source:
        """Return what is chosen.

        Raises
        ------
        ValueError
            If nothing is there that could be stacked.
        """
        if self.problem:
            raise ValueError(self.problem)
        layers = self._group if self._group and self.together.isChecked() else (self._current(),)
        return source_of(layers, self._axes[self.focus.currentIndex()].number)

    def channel_choice(self) -> Any:
        """What a recipe's `channels` shall be: "joint", "separate" or a channel's number."""
        return self.channels.currentData() if self.channels.count() else "joint"

    def choose_channels(self, choice: Any) -> None:
        """Show a recipe's `channels`, where the layer has them."""
        self.channels.setCurrentIndex(max(0, self.channels.findData(choice)))

    def _build(self) -> None:
        self._rows = form_layout(self)
        add_row(self._rows, "Layer", self.layer, LAYER_TIP)
        add_row(self._rows, "Focus axis", self.focus, FOCUS_TIP)
        self._rows.addRow(self.facts)
        self._rows.addRow(self.together)
        add_row(self._rows, "Sharpness from", self.channels, CHANNELS_TIP)
        for combo in (self.layer, self.focus, self.channels):
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)

    def _events(self) -> list[Any]:
        events = self._layers.events
        changed = self._layers.selection.events.changed
        return [events.inserted, events.removed, events.reordered, events.renamed, changed]

    def _current(self) -> Image:
        return self._candidates[self.layer.currentIndex()]

    def _follow(self, _: Any = None) -> None:
        """Take over what the layer list has and what is selected in it."""
        before = self._current() if self._candidates else None
        self._candidates = bursts_among(self._layers)
        selected = [layer for layer in self._candidates if layer in self._layers.selection]
        active = self._layers.selection.active
        wished = [layer for layer in selected if active is not None and layer == active] or selected
        at = next((self._candidates.index(layer) for layer in (*wished, before) if layer in self._candidates), 0)
        with QSignalBlocker(self.layer):
            self.layer.clear()
            self.layer.addItems([layer.name for layer in self._candidates])
            self.layer.setCurrentIndex(at if self._candidates else -1)
        if selected or not set(self._group) <= set(self._candidates):
            self._find_group(selected)
        self._show_axes(keep=bool(self._candidates) and self._current() is before)

    def _on_layer(self) -> None:
        self._find_group(())
        self._show_axes(keep=False)

    def _find_group(self, selected: Sequence[Image]) -> None:
        """Offer to stack layers together that can be channels of one picture, and do so if they are meant to be."""
        before = set(self._group), self._meant
        self._group, self._meant = (
            channel_group(self._current(), self._candidates, selected) if self._candidates else ((), False)
        )
        if (set(self._group), self._meant) != before:
            with QSignalBlocker(self.together):
                self.together.setChecked(self._meant)
            self.together.setText(f"Stack {len(self._group)} layers together, as channels")
            self.together.setToolTip(f"<p>{html.escape(', '.join(layer.name for layer in self._group))}</p>")

    def _show_axes(self, *, keep: bool) -> None:
        """Offer the layer's axes, the most likely one first; `keep` the choice if it is still the same layer."""
        before = self.focus.currentText() if keep else ""
        self._axes = focus_axes(self._current()) if self._candidates else []
        with QSignalBlocker(self.focus):
            self.focus.clear()
            self.focus.addItems([str(axis) for axis in self._axes])
            self.focus.setCurrentIndex(max(0, self.focus.findText(before)) if self._axes else -1)
        self._on_choice()

    def _on_choice(self) -> None:
        source = None if self.problem else self.source()
        for row in (self.layer, self.focus, self.facts):
            self._rows.setRowVisible(row, source is not None)
        self._rows.setRowVisible(self.together, bool(self._group))
        self.facts.setText("" if source is None else _facts(source))
        names = [] if source is None else _channel_names(source)
        before = self.channel_choice()
        with QSignalBlocker(self.channels):
            self.channels.clear()
            if names:
                self.channels.addItem("all channels", "joint")
                for c, name in enumerate(names):
                    self.channels.addItem(f"{name} only", c)
                self.channels.addItem("each channel on its own", "separate")
            self.choose_channels(before)
        self._rows.setRowVisible(self.channels, bool(names))
        self.changed.emit()


def _facts(source: Source) -> str:
    """Size, kind and depth of the source in one line."""
    dtype = np.dtype(source.data.dtype)
    height, width = source.size
    parts = [f"{width} × {height} px"]
    if "S" in source.axes:
        parts.append("colour")
    if "C" in source.axes:
        parts.append(f"{source.channels} channels")
    parts.append(f"{dtype.itemsize * 8} bit" + (" float" if dtype.kind == "f" else ""))
    labels = source.layers[0].axis_labels
    for i, letter in enumerate(source.layer_axes):
        if letter not in "ZYXC":
            label = labels[i] if not labels[i].lstrip("-").isdigit() else f"axis {i}"
            parts.append(f"{source.layers[0].data.shape[i]} × {label}")
    return " · ".join(part.replace(" ", "\u00a0") for part in parts)


def _channel_names(source: Source) -> list[str]:
    """Names of the channels that may decide, none if there is one only or if they are red, green and blue."""
    if "C" not in source.axes or source.channels < 2:
        return []
    if len(source.layers) > 1:
        return [layer.name for layer in source.layers]
    return [f"channel {c}" for c in range(source.channels)]
