"""Forms from signatures: a widget for each option of a method, and a chooser of methods that keeps their forms."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from ..methods import Method, Option, options_of, summary_of
from .checkpoints import CheckpointChooser
from .fields import field_of, quiet

__all__ = ["MethodForm", "OptionsForm", "add_row", "form_layout", "help_label", "human"]

LABEL_WIDTH = 112  # px
LABELS = {  # options whose names in scripts need their section, or the field, to be understood
    "form": "Taken off by",
    "judge": "Judged by",
    "judge_checkpoint": "Network",
    "leave_out": "Omit misfits",
    "nearest": "Nearest frame",
    "psf": "Blur's shape",
}


class OptionsForm(QWidget):
    """A form with one row for each option, labelled and with its text as a tooltip.

    Parameters
    ----------
    options : mapping
        As `methods.options_of` returns them.
    """

    changed = Signal()

    def __init__(self, options: Mapping[str, Option], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._options = dict(options)
        self._fields = {name: field_of(option, self.changed.emit) for name, option in options.items()}
        layout = form_layout(self)
        for name, field in self._fields.items():
            add_row(layout, LABELS.get(name, human(name)), field.widget, _tip(self._options[name]))

    def values(self) -> dict[str, Any]:
        """Options that differ from their defaults: what a recipe needs to know."""
        return {name: value for name, value in self.all_values().items() if value != self._options[name].default}

    def all_values(self) -> dict[str, Any]:
        """All options, as they are shown."""
        return {name: field.get() for name, field in self._fields.items()}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show these values, and the default of every option they leave out."""
        for name, field in self._fields.items():
            field.put(values.get(name, self._options[name].default))


class MethodForm(QWidget):
    """A method's chooser: its name, one sentence of help, and the form of its options.

    Parameters
    ----------
    table : mapping
        Name to method.
    nothing : str, optional
        Help for the entry "none", which is offered when there is one.
    hidden : set of str
        Options that have their own place elsewhere.
    titles : mapping
        Name to what people read, where that is not its `human` form.
    """

    changed = Signal()

    def __init__(
        self,
        table: Mapping[str, Method],
        *,
        nothing: str = "",
        hidden: frozenset[str] = frozenset(),
        titles: Mapping[str, str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._table, self._nothing, self._hidden = dict(table), nothing, hidden
        self._forms: dict[str, OptionsForm] = {}
        self._combo = quiet(QComboBox())
        for name in [*table, *(["none"] if nothing else [])]:
            self._combo.addItem((titles or {}).get(name, human(name)), name)
        self._help = help_label()
        self._place = QVBoxLayout()
        head = QWidget()
        add_row(form_layout(head), "Method", self._combo)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(head)
        layout.addWidget(self._help)
        layout.addLayout(self._place)
        self._combo.currentIndexChanged.connect(self._show)
        self._show()

    @property
    def method(self) -> str:
        """Name of the chosen method."""
        return str(self._combo.currentData())

    @property
    def title(self) -> str:
        """The chosen method as people read it."""
        return str(self._combo.currentText())

    @property
    def checkpoint(self) -> CheckpointChooser | None:
        """Chooser of the chosen method's network, if it has one."""
        return self._forms[self.method].findChild(CheckpointChooser) if self.method in self._forms else None

    def options(self) -> dict[str, Any]:
        """Options of the chosen method that differ from their defaults."""
        return self._forms[self.method].values() if self.method in self._forms else {}

    def choose(self, method: str, options: Mapping[str, Any] | None = None) -> None:
        """Show a method, with these options or with those it had."""
        self._combo.setCurrentIndex(max(0, self._combo.findData(method)))
        if options is not None and method in self._forms:
            self._forms[method].set_values(options)

    def reset(self, method: str) -> None:
        """Forget all options and show this method."""
        for form in self._forms.values():
            form.set_values({})
        self.choose(method)

    def _show(self) -> None:
        name = self.method
        self._help.setText(self._nothing if name == "none" else summary_of(self._table[name]))
        if name != "none" and name not in self._forms:
            options = {k: o for k, o in options_of(self._table[name]).items() if k not in self._hidden}
            self._forms[name] = OptionsForm(options)
            self._forms[name].changed.connect(self.changed)
            self._place.addWidget(self._forms[name])
        for other, form in self._forms.items():
            form.setVisible(other == name)
        self.changed.emit()


def human(name: str) -> str:
    """Name in a signature as a label: "noise_floor" becomes "Noise floor", "ecc" becomes "ECC"."""
    return name.upper() if len(name) <= 3 else name.replace("_", " ").capitalize()


def help_label(text: str = "") -> QLabel:
    """Label of one or more lines of small explaining text."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setObjectName("help")
    return label


def form_layout(widget: QWidget) -> QFormLayout:
    """Form layout whose fields take all the width there is."""
    layout = QFormLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(10)
    layout.setVerticalSpacing(6)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return layout


def add_row(layout: QFormLayout, text: str, field: QWidget, tip: str = "") -> None:
    """Add a labelled field; the labels of all forms have one width, so that the fields stand in one column."""
    label = QLabel(text)
    label.setMinimumWidth(LABEL_WIDTH)
    if tip:
        label.setToolTip(tip)
        field.setToolTip(tip)
    layout.addRow(label, field)


def _tip(option: Option) -> str:
    """Tooltip of an option: its text and its range, wrapped by Qt because it is rich text."""
    low, high = option.minimum, option.maximum
    limits = f" ({low:g} to {high:g})" if low is not None and high is not None else ""
    return f"<p>{html.escape(option.text)}{limits}</p>"
