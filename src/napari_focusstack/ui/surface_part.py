"""The part of the depth panel about 3-D: how the surface looks, how high it is, and how fine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QHBoxLayout, QSlider, QVBoxLayout, QWidget

from .fields import quiet
from .forms import add_row, form_layout, help_label
from .sections import push_button, side_by_side
from .surface_view import LOOKS, Covered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..depth.surface import Surface
    from .measured import Measured

__all__ = ["SurfacePart", "making_surface"]

FINENESS = {"coarse": 100_000, "normal": 500_000, "fine": 2_000_000, "every pixel": 200_000_000}  # triangles
HIGHEST = 50.0  # times
SPIN_WIDTH = 106  # px
NOTCHES = 200  # of the slider
HEIGHT_TIP = "<p>What heights are multiplied by. At 1 the proportions are true, if the layer's scale is.</p>"
FINENESS_TIP = "<p>How many triangles the surface has: 100 000, 500 000, 2 million, or two for each pixel.</p>"
FLIP_TIP = "<p>Turn near and far around: right where positions count away from the camera.</p>"
WHOLE = 0.9  # share of the picture that looks whole
HOLES = "For a surface without holes, measure depth with “Fill gaps”."
BARE = "There is no picture yet, so the surface shows the colours of the depth; “Stack” makes one along with the depth."
LEVEL = {True: "True heights", False: "Heights × 1"}  # whether the layer's scale is known
LEVEL_TIP = {
    True: "Heights times 1: the true proportions.",
    False: "Heights times 1, which are not true: no scale is known.",
}
UNSCALED = "No true scale is known: heights show the relief, but are no measure."


class SurfacePart(QWidget):
    """Look, height and fineness of the surface."""

    dressed = Signal(str)
    raised = Signal(float)
    remade = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.look, self.fineness = quiet(QComboBox()), quiet(QComboBox())
        for name, text in LOOKS.items():
            self.look.addItem(text, name)
        for name, count in FINENESS.items():
            self.fineness.addItem(name, count)
        self.fineness.setCurrentIndex(1)
        self.slider, self.height_ = quiet(QSlider(Qt.Orientation.Horizontal)), quiet(QDoubleSpinBox())
        self.flip = QCheckBox("Turn near and far around")
        self.flip.setToolTip(FLIP_TIP)
        self.aim = push_button("Reset the view", "Look at the whole surface from where its relief shows.")
        self.level = push_button(LEVEL[True], LEVEL_TIP[True])
        self.said = help_label()
        self._chosen: Measured | None = None
        self._pictured = True
        self._build()
        self.look.currentIndexChanged.connect(lambda _: self.dressed.emit(self.look.currentData()))
        self.fineness.currentIndexChanged.connect(lambda _: self.remade.emit())
        self.flip.toggled.connect(lambda _: self.remade.emit())
        self.slider.valueChanged.connect(self._on_slider)
        self.height_.valueChanged.connect(self._on_height)
        self.level.clicked.connect(lambda: self.height_.setValue(1.0))

    def follow(self, chosen: Measured | None) -> None:
        """Show what is true of the chosen depth."""
        self._chosen = chosen
        scaled = chosen is None or chosen.pixel_size is not None
        self.level.setText(LEVEL[scaled])
        self.level.setToolTip(f"<p>{LEVEL_TIP[scaled]}</p>")
        self._hint()

    def offer_picture(self, pictured: bool) -> None:
        """Say whether there is a picture to cover the surface with."""
        if pictured != self._pictured:
            self._pictured = pictured
            self._hint()

    def choices(self) -> dict[str, Any]:
        """Return what `surface_of` needs to know."""
        return {"triangles": self.fineness.currentData(), "larger_is_nearer": not self.flip.isChecked()}

    def height(self) -> float:
        """Return what heights are multiplied by."""
        return float(self.height_.value())

    def title(self) -> str:
        """Return what is chosen, for the section's header."""
        bare = self._chosen is not None and not self._pictured and self.look.currentData() == "picture"
        return f"{LOOKS['colours'] if bare else self.look.currentText()} · height × {self.height_.value():.4g}"

    def _hint(self) -> None:
        words, chosen = [], self._chosen
        if chosen is not None:
            words = [BARE] * (not self._pictured) + [UNSCALED] * (chosen.pixel_size is None)
            words += [HOLES] * (chosen.share < WHOLE)
        self.said.setText(" ".join(words))
        self.said.setVisible(bool(words))

    def _build(self) -> None:
        self.slider.setRange(-NOTCHES, NOTCHES)
        self.height_.setRange(1 / HIGHEST, HIGHEST)
        self.height_.setDecimals(2)
        self.height_.setSingleStep(0.1)
        self.height_.setValue(1.0)
        self.height_.setPrefix("× ")
        self.height_.setFixedWidth(SPIN_WIDTH)
        heights = QWidget()
        row = QHBoxLayout(heights)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.slider, 1)
        row.addWidget(self.height_)
        rows = QWidget()
        layout = form_layout(rows)
        add_row(layout, "Look", self.look)
        add_row(layout, "Heights", heights, HEIGHT_TIP)
        add_row(layout, "Triangles", self.fineness, FINENESS_TIP)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 10)
        column.setSpacing(6)
        for widget in (rows, self.flip, self.said, side_by_side(self.aim, self.level)):
            column.addWidget(widget)

    def _on_slider(self, notch: int) -> None:
        self.height_.setValue(HIGHEST ** (notch / NOTCHES))

    def _on_height(self, height: float) -> None:
        notch = round(NOTCHES * float(np.log(height) / np.log(HIGHEST)))
        self.slider.blockSignals(True)
        self.slider.setValue(notch)
        self.slider.blockSignals(False)
        self.raised.emit(height)


def making_surface(
    chosen: Measured, picture: Callable[[], NDArray[np.uint8]] | None, choices: dict[str, Any]
) -> Callable[[], Covered]:
    """Return what makes the surface of a depth, to be called in a thread."""
    depth, size = chosen.depth, chosen.pixel_size

    def make() -> Covered:
        from ..depth.surface import surface_of

        surface = surface_of(depth, None if picture is None else picture(), pixel_size=size, **choices)
        return Covered(surface, _depths(surface, depth.position), chosen)

    return make


def _depths(surface: Surface, position: NDArray[np.float32]) -> NDArray[np.float32]:
    """(V,) depth of each vertex: its height, times what the heights of all were divided by."""
    u, v = surface.texcoords.T
    height, width = position.shape
    row = np.clip(np.round((1 - v) * height - 0.5), 0, height - 1).astype(np.intp)
    column = np.clip(np.round(u * width - 0.5), 0, width - 1).astype(np.intp)
    there, z = position[row, column], surface.vertices[:, 0]
    large = np.isfinite(there) & (np.abs(z) >= np.median(np.abs(z)))
    ratio = np.median(there[large] / z[large]) if large.any() and np.abs(z).any() else 1.0
    return np.asarray(z * np.float32(ratio), np.float32)
