"""The lower parts of the panel: how to align, how to fuse, and the recipe of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QComboBox, QGridLayout, QPushButton, QVBoxLayout, QWidget

from ..alignment import ALIGNERS
from ..devices import DEVICES
from ..fusion import FUSERS
from .feedback import Message
from .fields import quiet
from .forms import MethodForm, add_row, form_layout, help_label

if TYPE_CHECKING:
    from .source import Source

__all__ = ["AlignmentPart", "FusionPart", "RecipePart", "combo", "push_button", "side_by_side"]

AS_THEY_ARE = "The frames are taken as they are: right for a stage that moves nothing but the focus."
EXPOSURES = {"auto": "automatic", "on": "even out", "off": "leave as it is"}
EXPOSURE_TIP = (
    "<p>Even out brightness and white balance over the frames. Automatic: in photographs, not in microscopy.</p>"
)
TITLES = {"focusdeep": "FocusDeep", "unet": "UNet"}  # of methods with names of their own
DEVICE_NAMES = {"auto": "automatic", "cpu": "CPU", "cuda": "graphics card (CUDA)", "mps": "graphics card (Apple)"}
DEVICE_TIP = "<p>Where to compute. Automatic: on the graphics card if there is one that can be used.</p>"


class AlignmentPart(QWidget):
    """Method of alignment, exposure, and buttons for the alignment by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.methods = MethodForm(ALIGNERS, nothing=AS_THEY_ARE)
        self.exposure = combo(EXPOSURES, EXPOSURE_TIP)
        self.only = push_button("Align only", "Make a layer of the aligned frames, without fusing them.")
        self.report = push_button("Report…", "Show how each frame was moved.")
        self.save = push_button("Save…", "Save the last alignment as JSON, to apply it to another burst.")
        self.apply = push_button("Apply…", "Take a saved alignment (of another channel or lamp) instead of aligning.")
        self.applied = help_label()
        self.forget = push_button("Align anew", "Stop applying the saved alignment.")
        _stack(self, self.methods, _rows({"Brightness": self.exposure}), self.applied, self.forget)
        _stack(self, side_by_side(self.only, self.report, self.save, self.apply))
        self.show_applied("")
        self.offer(done=False, one=False)

    def show_applied(self, name: str) -> None:
        """Say which saved alignment is applied instead of aligning, none if empty."""
        self.applied.setText(f"The alignment in “{name}” is applied instead.")
        self.applied.setVisible(bool(name))
        self.forget.setVisible(bool(name))
        self.methods.setEnabled(not name)

    def offer(self, *, done: bool, one: bool) -> None:
        """Enable what needs an alignment that was made, and what needs exactly one."""
        self.report.setEnabled(done)
        self.save.setEnabled(one)


class FusionPart(QWidget):
    """Method of fusion and the device; under it, what keeps the method from being used."""

    def __init__(self) -> None:
        super().__init__()
        hidden = frozenset({"channel"})  # the chooser's, for all methods alike
        self.methods = MethodForm(FUSERS, hidden=hidden, titles=TITLES)
        self.device = combo({name: DEVICE_NAMES.get(name, name) for name in DEVICES}, DEVICE_TIP)
        self.obstacle, self._mosaics = Message(), True
        _stack(self, self.methods, self.obstacle, _rows({"Compute on": self.device}))
        self.methods.changed.connect(self._check)
        self._check()

    @property
    def problem(self) -> str:
        """Why the method cannot be used with its network on the frames, in plain words; empty if it can."""
        chooser = self.methods.checkpoint
        return "" if chooser is None else chooser.problem

    def follow(self, source: Source | None) -> None:
        """Offer what can be used on a source; None: everything."""
        self._mosaics = source is None or source.raw is not None
        self._check()

    def _check(self) -> None:
        chooser = self.methods.checkpoint
        if chooser is not None:
            chooser.offer_mosaics(self._mosaics)
        self.obstacle.say(self.problem, "warning")


class RecipePart(QWidget):
    """Buttons for all choices at once."""

    def __init__(self) -> None:
        super().__init__()
        self.save = push_button("Save…", "Save all choices as JSON, for the command line, scripts or another day.")
        self.load = push_button("Load…", "Take all choices from a saved recipe.")
        self.reset = push_button("Reset", "Go back to the defaults of the preferences.")
        words = help_label("The recipe is all choices of this panel. Every result carries it in its metadata.")
        _stack(self, words, side_by_side(self.save, self.load, self.reset))


def combo(entries: dict[str, str], tip: str) -> QComboBox:
    """Chooser of values, each with what people read."""
    box = quiet(QComboBox())
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    for value, text in entries.items():
        box.addItem(text, value)
    box.setToolTip(tip)
    return box


def push_button(text: str, tip: str) -> QPushButton:
    """Button with a tool tip."""
    button = QPushButton(text)
    button.setToolTip(f"<p>{tip}</p>")
    return button


def _rows(fields: dict[str, QWidget]) -> QWidget:
    widget = QWidget()
    layout = form_layout(widget)
    for label, field in fields.items():
        add_row(layout, label, field)
    return widget


def side_by_side(*widgets: QWidget) -> QWidget:
    """Buttons of equal width, side by side."""
    widget = QWidget()
    layout = QGridLayout(widget)
    layout.setContentsMargins(0, 4, 0, 0)
    layout.setSpacing(6)
    for column, button in enumerate(widgets):
        layout.addWidget(button, 0, column)
        layout.setColumnStretch(column, 1)
    return widget


def _stack(parent: QWidget, *widgets: Any) -> None:
    """Put widgets below each other."""
    layout = parent.layout() or QVBoxLayout(parent)
    layout.setContentsMargins(0, 2, 0, 10)
    layout.setSpacing(6)
    for widget in widgets:
        layout.addWidget(widget)
