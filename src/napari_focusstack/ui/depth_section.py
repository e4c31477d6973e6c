"""The panel's part about depth: how far apart the frames are, how to measure, and what to do with gaps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from ..depth import DEPTH_ESTIMATORS
from ..units import plain, symbol
from .feedback import Message
from .fields import quiet
from .forms import MethodForm, add_row, form_layout, help_label
from .sections import push_button, side_by_side
from .sweep import Known, known_positions
from .tuning_part import TuningPart

if TYPE_CHECKING:
    from ..recipe import Recipe
    from .source import Source

__all__ = ["DepthPart", "StepField"]

TITLES = {"sff": "Shape from focus", "aif": "AiFDepthNet", "none": "Off"}
ADAPTABLE = "aif"  # the method whose networks can be adapted
NOTHING = "The button at the top makes the picture alone."
TYPED = {True: "As typed; empty it to go by the file.", False: "As typed, from frame to frame."}
LENGTHS = ("nm", "um", "mm", "m")
WRONG = "{} is no distance between frames; type another number, such as 2.5, or empty the field Step."
UNIT_WIDTH = 74  # px
STEP_TIP = (
    "<p>Distance of the focus from each frame to the next. Empty: what the files or the layer say. "
    "Negative if the focus goes down.</p>"
)


class StepField(QWidget):
    """A distance between frames with its unit: typed, or what is known while nothing is typed."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.known = Known()
        self.line, self.unit = QLineEdit(), quiet(QComboBox())
        self.line.setClearButtonEnabled(True)
        for name in LENGTHS:
            self.unit.addItem(symbol(name), name)
        self.unit.setFixedWidth(UNIT_WIDTH)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.line, 1)
        row.addWidget(self.unit)
        self.put(None, None)
        self.line.textChanged.connect(self.changed)
        self.unit.currentIndexChanged.connect(self.changed)

    @property
    def step(self) -> float | None:
        """Distance that was typed, None if none was, or nothing that is one."""
        try:
            step = float(self._typed().replace(",", "."))  # a comma is the point of many languages
        except ValueError:  # empty, or not complete: "-"
            return None
        return step if step and math.isfinite(step) else None

    @property
    def problem(self) -> str:
        """What is wrong with what was typed; empty if nothing is."""
        typed = self._typed()
        return WRONG.format(typed if typed == "0" else f"“{typed}”") if typed and self.step is None else ""

    @property
    def chosen(self) -> str | None:
        """Unit that depth shall have, None for the one in which it is known anyway."""
        unit = str(self.unit.currentData())
        told = self.step is not None or (self.known.positions is not None and unit != self.known.unit)
        return unit if told else None

    def put(self, step: float | None, unit: str | None) -> None:
        """Show what a recipe says."""
        self._show("" if step is None else plain(step, 9), unit)

    def _typed(self) -> str:
        """What is in the field, with signs that a keyboard has."""
        return str(self.line.text()).strip().replace("\N{MINUS SIGN}", "-")

    def _show(self, text: str, unit: str | None) -> None:
        with QSignalBlocker(self.line), QSignalBlocker(self.unit):
            if text != self.line.text():  # else the cursor would jump
                self.line.setText(text)
            wished = unit or self.known.unit
            self.unit.setCurrentIndex(LENGTHS.index(wished if wished in LENGTHS else "um"))
        self.changed.emit()

    def follow(self, known: Known) -> None:
        """Show what is known of another source; a typed distance and a chosen unit stay."""
        typed, unit = self.line.text(), self.chosen
        self.known = known
        places = known.positions
        words = "unknown" if places is None else plain(known.step) if known.step else "uneven"
        self.line.setPlaceholderText(words)
        self._show(typed, unit)

    def words(self) -> str:
        """Distance as the section's title says it: "2.5 µm", "-2.5 µm", "in µm", "in frames", "which step?"."""
        unit = symbol(str(self.unit.currentData()))
        if self.problem:
            return "which step?"
        if self.step is not None:
            return f"{plain(self.step)} {unit}"
        if self.known.positions is None:
            return "in frames"
        same = self.known.step and self.known.unit == self.unit.currentData()
        return f"{plain(self.known.step or 0)} {unit}" if same else f"in {unit}"


class DepthPart(QWidget):
    """Distance of the frames, method of depth, gaps, and buttons for the depth by itself."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.step = StepField()
        self.said = help_label()
        self.methods = MethodForm(DEPTH_ESTIMATORS, nothing=NOTHING, hidden=frozenset({"channel"}), titles=TITLES)
        self.fill = _check("Fill gaps", "Give a depth to what is in focus nowhere, too, from its surroundings.")
        self.steady = _check("Steady over time", "Let neighbouring times even out each other's errors.")
        self.only = push_button("Measure depth", "Make a layer of depth, without fusing a picture.")
        self.check = push_button(
            "Check capture", "Look for planes that are missing or too many, and for what is blurred, clipped or dusty."
        )
        self.tuning, self.obstacle, self._series = TuningPart(), Message(), False
        self._build()
        for signal in (self.step.changed, self.methods.changed, self.fill.toggled, self.steady.toggled):
            signal.connect(self._show)
        self.tuning.saved.connect(self._use)
        self._show()

    @property
    def method(self) -> str:
        """Name of the chosen method, or "none"."""
        return self.methods.method

    @property
    def problem(self) -> str:
        """Why depth cannot be measured as chosen, in plain words; empty if it can."""
        chooser = self.methods.checkpoint
        return self.step.problem or ("" if chooser is None else chooser.problem)

    def title(self) -> str:
        """Return what is chosen, for the section's header."""
        return self.methods.title if self.method == "none" else f"{self.methods.title} · {self.step.words()}"

    def choices(self) -> dict[str, Any]:
        """Return what a recipe needs to know."""
        return {
            "depth": self.method,
            "depth_options": self.methods.options(),
            "step": self.step.step,
            "unit": self.step.chosen,
            "fill": self.fill.isChecked(),
            "steady": self._series and self.steady.isChecked(),
        }

    def show_recipe(self, recipe: Recipe) -> None:
        """Show a recipe's choices."""
        self.methods.choose(recipe.depth, recipe.depth_options)
        self.step.put(recipe.step, recipe.unit)
        self.fill.setChecked(recipe.fill)
        self.steady.setChecked(recipe.steady)

    def follow(self, source: Source | None) -> None:
        """Show what is known of the chosen source."""
        self._series = source is not None and "T" in source.axes and source.data.shape[source.axes.index("T")] > 1
        self.step.follow(Known() if source is None else known_positions(source))

    def _build(self) -> None:
        rows = QWidget()
        layout = form_layout(rows)
        add_row(layout, "Step", self.step, STEP_TIP)
        checks = QWidget()
        row = QHBoxLayout(checks)
        row.setContentsMargins(0, 2, 0, 0)
        row.setSpacing(16)
        row.addWidget(self.fill)
        row.addWidget(self.steady)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 10)
        column.setSpacing(6)
        buttons = side_by_side(self.only, self.check)
        for widget in (rows, self.said, self.methods, self.obstacle, checks, buttons, self.tuning):
            column.addWidget(widget)

    def _use(self, folder: str) -> None:
        """Choose the network in this folder."""
        self.methods.choose(ADAPTABLE)
        chooser = self.methods.checkpoint
        assert chooser is not None
        chooser.put(folder)

    def _show(self) -> None:
        known = self.step.known
        words = str(known) if self.step.step is None else TYPED[known.positions is not None]
        self.said.setText(self.step.problem or words)
        self.obstacle.say("" if self.step.problem else self.problem, "warning")
        self.steady.setVisible(self._series)
        self.tuning.setVisible(self.method == ADAPTABLE)
        self.changed.emit()


def _check(text: str, tip: str) -> QCheckBox:
    box = QCheckBox(text)
    box.setToolTip(f"<p>{tip}</p>")
    return box
