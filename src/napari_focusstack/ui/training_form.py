"""How long, how fast and on what device is trained."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QSpinBox, QWidget

from ..devices import DEVICES
from .fields import quiet
from .forms import add_row, form_layout
from .sections import DEVICE_NAMES, DEVICE_TIP

__all__ = ["StepsPart"]

ROWS = {  # label, tooltip
    "steps": ("Steps", "Updates of the weights. Training may be stopped at any of them."),
    "crop": ("Crops", "Side of the squares that are trained on. Smaller ones make faster steps."),
    "bursts": ("Bursts per step", "More make each step steadier and slower, and need more memory on a graphics card."),
    "rate": ("Learning rate", "How far each step goes. Lower it if the loss does not fall or training diverges."),
    "check": ("Check every", "Steps between two looks at held-out examples, for the PSNR curves; saved then, too."),
    "seed": ("Seed", "All that is random follows from it."),
    "device": ("Compute on", DEVICE_TIP),
}
SHORTEST = 32  # px of a crop


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
