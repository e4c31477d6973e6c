"""One input field for one option of a method: its widget, how to read it and how to set it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QSpinBox, QWidget

from ..methods import Option
from .checkpoints import CheckpointChooser

__all__ = ["Field", "field_of", "quiet"]

W = TypeVar("W", bound=QWidget)

LIMIT = 1_000_000  # of numbers without a range of their own
AUTOMATIC = "automatic"  # how None reads
READ = {  # choices that do not read as they are named in scripts
    "auto": AUTOMATIC,
    "gaussian": "Gaussian",
    "guo": "Gaussian fit",
    "laplacian": "Laplacian",
    "lorentzian": "Lorentzian fit",
    "sml": "modified Laplacian",
    "tenengrad": "Tenengrad",
}


@dataclass(frozen=True)
class Field:
    """A widget that holds the value of one option."""

    widget: QWidget
    get: Callable[[], Any]
    put: Callable[[Any], None]


def field_of(option: Option, changed: Callable[[], None]) -> Field:
    """Field for an option, holding its default; `changed` is called when its value changes."""
    if option.architectures:
        chooser = quiet(CheckpointChooser(changed, option.architectures))
        chooser.put(option.default)
        return Field(chooser, chooser.value, chooser.put)
    if option.choices is not None:
        return _choice(option, option.choices, changed)
    if option.type is bool:
        return _choice(option, (True, False), changed) if option.optional else _check(option, changed)
    if option.type in (int, float):
        return _number(option, changed)
    return _line(option, changed)


def quiet(widget: W) -> W:
    """Return the widget, deaf to the mouse wheel until it is clicked, so that a panel can be scrolled past it."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_NoWheel(widget))
    return widget


class _NoWheel(QObject):
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Leave a wheel event to the parent unless the widget has the focus."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


class _Float(QDoubleSpinBox):
    """Decimal number without trailing zeros."""

    def textFromValue(self, value: float) -> str:  # noqa: N802
        """Return the shortest text of the number."""
        return f"{value:.6g}"


def _check(option: Option, changed: Callable[[], None]) -> Field:
    box = QCheckBox()
    box.setChecked(option.default)
    box.toggled.connect(lambda _: changed())
    return Field(box, box.isChecked, box.setChecked)


def _choice(option: Option, choices: tuple[Any, ...], changed: Callable[[], None]) -> Field:
    combo = quiet(QComboBox())
    values = [None, *choices] if option.optional else list(choices)
    texts = {None: AUTOMATIC, True: "yes", False: "no"} if option.type is bool else {None: AUTOMATIC}
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.addItems([texts.get(value, READ.get(value, str(value))) for value in values])
    combo.setCurrentIndex(values.index(option.default))
    combo.currentIndexChanged.connect(lambda _: changed())
    return Field(
        combo,
        lambda: values[combo.currentIndex()],
        lambda value: combo.setCurrentIndex(values.index(value)),
    )


def _number(option: Option, changed: Callable[[], None]) -> Field:
    spin = quiet(QSpinBox() if option.type is int else _Float())
    cast = int if option.type is int else float
    low = cast(-LIMIT if option.minimum is None else option.minimum)
    high = cast(LIMIT if option.maximum is None else option.maximum)
    step = cast(1) if option.type is int else _step(high - low)
    if isinstance(spin, QDoubleSpinBox):
        spin.setDecimals(8)
    spin.setSingleStep(step)
    spin.setRange(low - step if option.optional else low, high)  # one step below the range stands for None
    if option.optional:
        spin.setSpecialValueText(AUTOMATIC)

    def get() -> Any:
        return None if option.optional and spin.value() == spin.minimum() else cast(spin.value())

    def put(value: Any) -> None:
        spin.setValue(spin.minimum() if value is None else value)

    put(option.default)
    spin.valueChanged.connect(lambda _: changed())
    return Field(spin, get, put)


def _step(width: float) -> float:
    """Return a round step for a range of this width."""
    return next((step for step in (0.01, 0.05, 0.1, 0.5) if width <= 40 * step), 1.0)


def _line(option: Option, changed: Callable[[], None]) -> Field:
    line = QLineEdit()
    line.setPlaceholderText(AUTOMATIC if option.optional else "")

    def get() -> Any:
        return None if option.optional and not line.text() else line.text()

    def put(value: Any) -> None:
        line.setText("" if value is None else str(value))

    put(option.default)
    line.editingFinished.connect(changed)
    return Field(line, get, put)
