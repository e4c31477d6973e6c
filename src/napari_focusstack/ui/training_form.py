"""Which network is trained, and how long and how fast."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QSpinBox, QWidget

from ..devices import DEVICES
from ..nets import ARCHITECTURES
from ..nets.checkpoint import SHIPPED, CheckpointError, read_checkpoint
from .checkpoints import CheckpointChooser
from .fields import quiet
from .forms import add_row, form_layout, human
from .sections import DEVICE_NAMES, DEVICE_TIP

__all__ = ["NetworkPart", "StepsPart"]

FIRST = "unet-small"  # the checkpoint that training starts from unless another is chosen
SIZES = {"small": "small (1 M weights)", "paper": "as published (47 M)"}
TASKS = {"fusion": "sharp picture"}
ROWS = {  # label, tooltip
    "task": ("Task", "What the network learns to do."),
    "starts": ("Start from", "Begin with the weights of a checkpoint (fine-tuning) or with random ones."),
    "architecture": ("Architecture", "Kind of the network. A checkpoint brings its own."),
    "size": ("Size", "The small one is trained within an hour on two cores; the published one needs a graphics card."),
    "frames": ("Frames", "How many frames the network looks at together; other stacks are thinned out or repeated."),
    "steps": ("Steps", "Updates of the weights. Training may be stopped at any of them."),
    "crop": ("Crops", "Side of the squares that are trained on. Smaller ones make faster steps."),
    "bursts": ("Bursts per step", "More make each step steadier and slower, and need more memory on a graphics card."),
    "rate": ("Learning rate", "How far each step goes. Lower it if the loss does not fall or training diverges."),
    "check": ("Check every", "Steps between two looks at held-out examples, for the PSNR curves; saved then, too."),
    "seed": ("Seed", "All that is random follows from it."),
    "device": ("Compute on", DEVICE_TIP),
}
SHORTEST = 32  # px of a crop


class NetworkPart(QWidget):
    """Task, architecture and size; or a checkpoint, which has these."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.task, self.starts, self.architecture, self.size = (quiet(QComboBox()) for _ in range(4))
        self.frames = spin(1, 256, 30)
        self.checkpoint = quiet(CheckpointChooser(self._on_change))
        for combo, entries in (
            (self.task, TASKS),
            (self.starts, {True: "a checkpoint", False: "random weights"}),
            (self.architecture, {name: {"unet": "UNet"}.get(name, human(name)) for name in ARCHITECTURES}),
            (self.size, SIZES),
        ):
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            for value, text in entries.items():
                combo.addItem(text, value)
        self._rows = form_layout(self)
        for name in ("task", "starts"):
            self._add(name)
        add_row(self._rows, "Checkpoint", self.checkpoint, "<p>Whose weights training begins with.</p>")
        for name in ("architecture", "size", "frames"):
            self._add(name)
        self._rows.setContentsMargins(0, 4, 0, 10)
        self.starts.currentIndexChanged.connect(self._on_change)
        self.size.currentIndexChanged.connect(self._on_change)
        self.checkpoint.put(FIRST if (SHIPPED / FIRST).is_dir() else "")
        self._on_change()

    def start(self, from_checkpoint: bool) -> None:
        """Begin with the chosen checkpoint or with random weights."""
        self.starts.setCurrentIndex(self.starts.findData(from_checkpoint))

    def choices(self, channels: int) -> dict[str, Any]:
        """What a recipe says of the network, for frames of so many channels.

        Raises
        ------
        CheckpointError
            If the chosen checkpoint is missing or broken.
        """
        if self.starts.currentData():
            checkpoint = read_checkpoint(self.checkpoint.value())
            return {
                "architecture": checkpoint.architecture,
                "arguments": dict(checkpoint.arguments),
                "start": self.checkpoint.value(),
            }
        arguments: dict[str, Any] = {"size": self.size.currentData(), "frames": self.frames.value()}
        if self.size.currentData() == "paper":
            arguments["channels"] = channels
        return {"architecture": self.architecture.currentData(), "arguments": arguments, "start": None}

    def title(self) -> str:
        """Return the choice in a few words."""
        if self.starts.currentData():
            return f"from {self.checkpoint.currentText()}"
        return f"{self.architecture.currentText()}, {self.size.currentData()}"

    def _add(self, name: str) -> None:
        label, tip = ROWS[name]
        add_row(self._rows, label, getattr(self, name), f"<p>{tip}</p>")

    def _on_change(self, _: Any = None) -> None:
        if not hasattr(self, "_rows"):
            return
        old = bool(self.starts.currentData())
        self._rows.setRowVisible(self.checkpoint, old)
        for field in (self.architecture, self.size, self.frames):
            self._rows.setRowVisible(field, not old)
        self.changed.emit()

    @property
    def problem(self) -> str:
        """Why training cannot begin with this; empty if it can."""
        if self.starts.currentData():
            try:
                read_checkpoint(self.checkpoint.value())
            except CheckpointError as error:
                return str(error)
        return ""


class StepsPart(QWidget):
    """How many steps, of what, how fast, and where."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.steps, self.crop = spin(1, 10_000_000, 300), spin(SHORTEST, 1024, 96, " px", 16)
        self.bursts, self.check, self.seed = spin(1, 256, 4), spin(1, 100_000, 25, " steps", 5), spin(0, 2**31 - 1, 0)
        self.rate, self.device = quiet(_Rate()), quiet(QComboBox())
        self.device.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.steps.setSingleStep(50)
        self.steps.setGroupSeparatorShown(True)
        self.rate.setDecimals(6)
        self.rate.setRange(1e-6, 1.0)
        self.rate.setSingleStep(1e-4)
        for device in DEVICES:
            self.device.addItem(DEVICE_NAMES.get(device, device), device)
        layout = form_layout(self)
        for name in ("steps", "crop", "bursts", "rate", "check", "seed", "device"):
            label, tip = ROWS[name]
            add_row(layout, label, getattr(self, name), tip if tip.startswith("<p>") else f"<p>{tip}</p>")
        layout.setContentsMargins(0, 4, 0, 10)
        for field in (self.steps, self.crop, self.bursts, self.rate, self.check, self.seed):
            field.valueChanged.connect(self._on_change)

    def put(self, *, steps: int, rate: float, check: int) -> None:
        """Show a preset's choices."""
        self.steps.setValue(steps)
        self.rate.setValue(rate)
        self.check.setValue(check)

    def choices(self) -> dict[str, Any]:
        """What a recipe says of the steps; bursts are drawn one by one, so that Stop is felt within a burst."""
        return {
            "size": self.crop.value(),
            "batch": 1,
            "draws": self.bursts.value(),
            "steps": self.steps.value(),
            "learning_rate": self.rate.value(),
            "warmup": min(200, self.steps.value() // 20),
            "validate_every": self.check.value(),
            "save_every": self.check.value(),
            "held_out": 3,
            "seed": self.seed.value(),
        }

    def title(self) -> str:
        """Return the choice in a few words."""
        return f"{self.steps.value():,} of {self.crop.value()} px"

    def _on_change(self, _: Any = None) -> None:
        self.changed.emit()


class _Rate(QDoubleSpinBox):
    """Small number without trailing zeros."""

    def textFromValue(self, value: float) -> str:  # noqa: N802
        """Return the shortest text of the number."""
        return f"{value:.6f}".rstrip("0").rstrip(".")


def spin(low: int, high: int, value: int, suffix: str = "", step: int = 1) -> QSpinBox:
    """Field for a whole number."""
    field = quiet(QSpinBox())
    field.setRange(low, high)
    field.setValue(value)
    field.setSuffix(suffix)
    field.setSingleStep(step)
    return field
