"""The panel's part about halos: whether to take them away, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..diffusion import eliminate_diffusion
from ..methods import options_of
from .forms import OptionsForm, add_row, form_layout, help_label
from .sections import combo

if TYPE_CHECKING:
    from ..recipe import Recipe

__all__ = ["DiffusionPart"]

HELP = (
    "Light of nearer surfaces, out of focus, beside their edges. It is taken away where the frames themselves agree; "
    "everything else stays as it was fused."
)
WHENS = {"auto": "automatic", "on": "eliminate", "off": "leave as they are"}
WHEN_TIP = "<p>Automatic: in photographs, not in microscopy, where nearer surfaces are seldom opaque.</p>"


class DiffusionPart(QWidget):
    """Whether diffusion is eliminated, and its options."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.when = combo(WHENS, WHEN_TIP)
        self.form = OptionsForm(options_of(eliminate_diffusion))
        head = QWidget()
        add_row(form_layout(head), "Halos", self.when, WHEN_TIP)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 10)
        column.setSpacing(6)
        for widget in (help_label(HELP), head, self.form):
            column.addWidget(widget)
        self.when.currentIndexChanged.connect(self._show)
        self._show()

    def title(self) -> str:
        """Return what is chosen, for the section's header."""
        return {"auto": "Automatic", "on": "On", "off": "Off"}[self.when.currentData()]

    def choices(self) -> dict[str, Any]:
        """Return what a recipe needs to know."""
        return {"diffusion": self.when.currentData(), "diffusion_options": self.form.values()}

    def show_recipe(self, recipe: Recipe) -> None:
        """Show a recipe's choices."""
        self.when.setCurrentIndex(self.when.findData(recipe.diffusion))
        self.form.set_values(recipe.diffusion_options)

    def _show(self) -> None:
        self.form.setEnabled(self.when.currentData() != "off")
        self.changed.emit()
