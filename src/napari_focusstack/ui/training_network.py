"""Which network is trained: a checkpoint goes on learning, or an architecture begins with random weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QApplication, QComboBox, QVBoxLayout, QWidget

from ..methods import Method, options_of
from ..nets import architecture
from ..nets.checkpoint import SHIPPED, read_checkpoint
from .checkpoints import CheckpointChooser
from .fields import quiet
from .forms import OptionsForm, add_row, form_layout, help_label

__all__ = ["NetworkPart"]

FIRST = "focusdeep-small"  # the checkpoint that training starts from unless another is chosen
TASKS = {"fusion": "sharp picture"}
TITLES = {  # of the architectures that fuse, the usual one first
    "focusdeep-any": "FocusDeep (any length)",
    "focusdeep": "FocusDeep (as published)",
    "unet": "UNet",
}
ABOUT = {
    "focusdeep-any": "Takes bursts of any length and order, and their noise away. Small: 2 million weights, for "
    "laptops. Paper: 4 million, for graphics cards.",
    "focusdeep": "Takes a fixed number of frames in the order of the sweep. 4 million weights, for graphics cards.",
    "unet": "Takes a fixed number of frames in the order of the sweep. Small: 1 million weights, for laptops. Paper: "
    "47 million for 30 frames, for graphics cards.",
}
FROM_DATA = {"unet": {"channels"}}  # arguments that are no choice, but follow from what is trained on
RATES = {"focusdeep-any": 1e-3, "focusdeep": 1e-4, "unet": 2e-3}  # that random weights bear
PAPER_RATE, TUNING_RATE = 1e-4, 2e-4  # ... of the size "paper", and of trained ones
ROWS = {  # label, tooltip
    "task": ("Task", "What the network learns to do."),
    "starts": ("Start from", "Begin with the weights of a checkpoint (fine-tuning) or with random ones."),
    "checkpoint": ("Checkpoint", "Whose weights training begins with."),
    "architecture": ("Architecture", "Kind of the network. A checkpoint brings its own."),
}


class NetworkPart(QWidget):
    """Task, and a checkpoint, or an architecture with its arguments, as the signature of its class tells them."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.task, self.starts, self.architecture = (quiet(QComboBox()) for _ in range(3))
        self.checkpoint, self.about = quiet(CheckpointChooser(self._on_change, tuple(TITLES))), help_label()
        self._forms: dict[str, OptionsForm] = {}
        for combo, entries in (
            (self.task, TASKS),
            (self.starts, {True: "a checkpoint", False: "random weights"}),
            (self.architecture, TITLES),
        ):
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            for value, text in entries.items():
                combo.addItem(text, value)
        head = QWidget()
        self._rows = form_layout(head)
        for name, (label, tip) in ROWS.items():
            add_row(self._rows, label, getattr(self, name), f"<p>{tip}</p>")
        self._rows.addRow(self.about)
        self._place = QVBoxLayout(self)
        self._place.setContentsMargins(0, 4, 0, 10)
        self._place.setSpacing(6)
        self._place.addWidget(head)
        self.starts.currentIndexChanged.connect(self._on_change)
        self.architecture.currentIndexChanged.connect(self._on_change)
        self.checkpoint.put(FIRST if (SHIPPED / FIRST).is_dir() else "")
        self._on_change()

    @property
    def from_checkpoint(self) -> bool:
        """Whether training begins with a checkpoint."""
        return bool(self.starts.currentData())

    def start(self, from_checkpoint: bool) -> None:
        """Begin with the chosen checkpoint or with random weights."""
        self.starts.setCurrentIndex(self.starts.findData(from_checkpoint))

    def put(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Begin with random weights of an architecture with these arguments."""
        self.architecture.setCurrentIndex(self.architecture.findData(name))
        self.start(False)
        self._forms[name].set_values(arguments)

    def choices(self, channels: int) -> dict[str, Any]:
        """What a recipe says of the network, for frames of so many channels.

        Raises
        ------
        CheckpointError
            If the chosen checkpoint is missing or broken.
        """
        name, arguments = self.network()
        if "channels" in FROM_DATA.get(name, ()) and arguments.get("size") == "paper" and not self.from_checkpoint:
            arguments["channels"] = channels
        start = self.checkpoint.value() if self.from_checkpoint else None
        return {"architecture": name, "arguments": arguments, "start": start}

    def network(self) -> tuple[str, dict[str, Any]]:
        """Architecture and its arguments, less those that follow from the data.

        Raises
        ------
        CheckpointError
            If the chosen checkpoint is missing or broken.
        """
        if self.from_checkpoint:
            checkpoint = read_checkpoint(self.checkpoint.value())
            return checkpoint.architecture, dict(checkpoint.arguments)
        name = str(self.architecture.currentData())
        return name, self._forms[name].all_values()

    def title(self) -> str:
        """Return the choice in a few words."""
        if self.from_checkpoint:
            return f"from {self.checkpoint.currentText()}"
        size = self.network()[1].get("size")
        return ", ".join(filter(None, (self.architecture.currentText(), size)))

    @property
    def rate(self) -> float:
        """Learning rate that usually does."""
        if self.from_checkpoint:
            return TUNING_RATE
        name, arguments = self.network()
        return PAPER_RATE if arguments.get("size") == "paper" else RATES[name]

    @property
    def problem(self) -> str:
        """Why training cannot begin with this; empty if it can."""
        return self.checkpoint.problem if self.from_checkpoint else ""

    def _on_change(self, _: Any = None) -> None:
        name, old = str(self.architecture.currentData()), self.from_checkpoint
        if not old and name not in self._forms:
            self._forms[name] = _form(name)
            self._forms[name].changed.connect(self._on_change)
            self._place.addWidget(self._forms[name])
        self.about.setText(ABOUT[name])
        self._rows.setRowVisible(self.checkpoint, old)
        for row in (self.architecture, self.about):
            self._rows.setRowVisible(row, not old)
        for other, form in self._forms.items():
            form.setVisible(other == name and not old)
        self.changed.emit()


def _form(name: str) -> OptionsForm:
    """Form of an architecture's arguments; the first one takes a moment, as torch is loaded."""
    QApplication.setOverrideCursor(Qt.CursorShape.WaitCursor)
    try:
        kind: Method = architecture(name)
    finally:
        QApplication.restoreOverrideCursor()
    hidden = FROM_DATA.get(name, set())
    return OptionsForm({key: option for key, option in options_of(kind).items() if key not in hidden})
