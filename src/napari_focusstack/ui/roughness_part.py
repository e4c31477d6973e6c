"""The part of the depth panel about roughness: height parameters of a region that is drawn, or of everything."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QComboBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from ..units import symbol
from .feedback import Message
from .fields import quiet
from .forms import add_row, form_layout, help_label
from .regions import mask_of, region_of
from .sections import push_button, side_by_side
from .worker import Run

if TYPE_CHECKING:
    from ..depth.roughness import Roughness
    from .annotations import Drawn
    from .measured import Measured

__all__ = ["RoughnessPart"]

FORMS = {"plane": "tilt", "quadric": "tilt and curvature", "none": "nothing but the mean"}
PLACES = {"region": "the region", "all": "the whole map"}
PAUSE_MS = 250  # after the last change, before it is computed
FORM_TIP = "<p>Shape that is subtracted by least squares before, because it is no roughness.</p>"
PLACE_TIP = "<p>The region that is selected, or was drawn last; or every pixel with a depth.</p>"
NO_REGION = "Draw a region, or choose the whole map."
MEANINGS = (
    ("sa", "Sa", "mean height"),
    ("sq", "Sq", "rms height"),
    ("sz", "Sz", "maximum height"),
    ("sp", "Sp", "highest peak"),
    ("sv", "Sv", "deepest valley"),
    ("ssk", "Ssk", "skewness"),
    ("sku", "Sku", "kurtosis"),
)
PLAIN = ("ssk", "sku")  # have no unit


class RoughnessPart(QWidget):
    """Buttons for a region, what is taken off, and the table of parameters.

    Parameters
    ----------
    drawn : Drawn
        Lines and regions.
    """

    def __init__(self, drawn: Drawn) -> None:
        super().__init__()
        self._drawn = drawn
        self._chosen: Measured | None = None
        self._run: Run | None = None
        self._stale = True  # what is shown is not of what is chosen
        self.result: Roughness | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._compute)
        self._build()
        self._show(None)

    def follow(self, chosen: Measured | None) -> None:
        """Measure in another depth, or another plane of it."""
        self._chosen = chosen
        for button in self.tools:
            button.setEnabled(chosen is not None)
        self.refresh()

    def refresh(self) -> None:
        """Compute anew, in a moment, if the part is open."""
        self._stale = True
        if not self.isHidden():
            self._pause.start()

    def stop(self) -> None:
        """Stop what runs."""
        self._pause.stop()
        if self._run is not None:
            self._run.cancel()

    def copy(self) -> None:
        """Put the parameters into the clipboard, as text."""
        clipboard = QApplication.clipboard()
        if self.result is not None and clipboard is not None:
            clipboard.setText(self.result.report())
            self.message.say("Copied.")

    def _compute(self) -> None:
        if self._run is not None:  # of what was chosen before
            self._run.cancel()
            return
        self._stale = False
        chosen, region = self._chosen, region_of(self._drawn)
        if chosen is None or (region is None and self.place.currentData() == "region"):
            self._show(None)
            return
        work = _measuring(chosen, region if self.place.currentData() == "region" else None, self.form.currentData())
        self._run = Run(work, self._show, "measuring the roughness")
        self._run.ended.connect(self._on_ended)
        self._run.start()

    def _on_ended(self) -> None:
        self._run = None
        if self._stale:
            self.refresh()

    def _show(self, result: Roughness | str | None) -> None:
        """Show the parameters, or why there are none."""
        self.result = None if isinstance(result, str) else result
        self.copy_.setEnabled(self.result is not None)
        self.table.setVisible(self.result is not None)
        self.said.setVisible(self.result is not None)
        if self.result is None:
            self.message.say(result if isinstance(result, str) else NO_REGION if self._chosen is not None else "")
            return
        unit = symbol(self.result.unit)
        for name, label in self.values.items():
            value = getattr(self.result, name)
            known = f"{value:.4g}{'' if name in PLAIN else ' ' + unit}"
            label.setText("–" if math.isnan(value) else known)
        noise = self.result.noise
        error = "" if math.isnan(noise) else f" · error of single depths {noise:.2g} {unit}"
        self.said.setText(f"{self.result.pixels:,} pixels{error}".replace(",", "\u202f"))
        doubtful = self.result.sq < 2 * noise
        self.message.say(DOUBTFUL if doubtful else "", "warning")

    def _build(self) -> None:
        self.rectangle = push_button("Rectangle", "Draw a rectangle.")
        self.ellipse = push_button("Ellipse", "Draw an ellipse.")
        self.polygon = push_button("Polygon", "Draw a polygon: click its corners, double-click the last.")
        self.tools = (self.rectangle, self.ellipse, self.polygon)
        for button, mode in zip(self.tools, ("add_rectangle", "add_ellipse", "add_polygon"), strict=True):
            button.clicked.connect(self._turning_to(mode))
        self.place, self.form = _combo(PLACES), _combo(FORMS)
        self.copy_ = push_button("Copy", "Copy the parameters as text.")
        self.copy_.clicked.connect(self.copy)
        self.said, self.message, self.table = help_label(), Message(), QWidget()
        self.values = {name: QLabel() for name, _, _ in MEANINGS}
        grid = QGridLayout(self.table)
        grid.setContentsMargins(2, 2, 2, 2)
        grid.setVerticalSpacing(3)
        grid.setHorizontalSpacing(12)
        grid.setColumnStretch(2, 1)
        for row, (name, short, meaning) in enumerate(MEANINGS):
            for column, label in enumerate((QLabel(f"<b>{short}</b>"), self.values[name], help_label(meaning))):
                grid.addWidget(label, row, column)
        rows = QWidget()
        layout = form_layout(rows)
        add_row(layout, "Of", self.place, PLACE_TIP)
        add_row(layout, "Take off", self.form, FORM_TIP)
        stack = QVBoxLayout(self)
        stack.setContentsMargins(0, 2, 0, 10)
        stack.setSpacing(6)
        for widget in (side_by_side(*self.tools), rows, self.table, self.said, self.message, self.copy_):
            stack.addWidget(widget)
        for combo in (self.place, self.form):
            combo.currentIndexChanged.connect(lambda _: self.refresh())

    def _turning_to(self, mode: str) -> Callable[[], None]:
        def turn() -> None:
            self.place.setCurrentIndex(0)
            self._drawn.ready().mode = mode

        return turn


DOUBTFUL = "The heights are hardly above the error of the depth: take them as upper limits."


def _measuring(chosen: Measured, region: tuple[str, object] | None, form: str) -> Callable[[], Roughness | str]:
    """Return what measures a region, to be called in a thread; a region that is too small is told in words."""
    depth = chosen.depth

    def measure() -> Roughness | str:
        from ..depth.roughness import roughness

        mask = None if region is None else mask_of(*region, depth.position.shape)  # type: ignore[arg-type]
        try:
            return roughness(depth, mask, form=form)  # type: ignore[arg-type]
        except ValueError as error:
            return str(error)

    return measure


def _combo(entries: dict[str, str]) -> QComboBox:
    combo = quiet(QComboBox())
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    for value, text in entries.items():
        combo.addItem(text, value)
    return combo
