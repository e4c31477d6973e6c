"""The widgets of the training panel, from top to bottom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QPushButton, QWidget

from .docked import DockPanel
from .feedback import ProgressRow
from .fields import quiet
from .forms import add_row, form_layout, help_label
from .look import Section
from .sections import side_by_side
from .training_data import DataSection, FolderLine
from .training_form import StepsPart
from .training_network import NetworkPart
from .training_progress import CurvesPart

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["PRESETS", "TrainingView"]

WIDTH = 390  # px; its presets and the names of the networks fit
PRESETS: dict[str, tuple[str, str]] = {  # title and help
    "tune": (
        "Fine-tune on this stack",
        "A trained network gets better at one kind of specimen: it goes on learning from the chosen stack, and from "
        "simulated bursts, so that it does not forget the rest.",
    ),
    "scratch": (
        "Train from scratch",
        "A new network learns from simulated bursts, whose truth is known. An hour on two cores is a good beginning.",
    ),
    "own": ("Own choices", "All as it is set below."),
}
FOLDER_TIP = "<p>Where the checkpoint goes. The stacking panel offers those in the folder of the preferences.</p>"


class TrainingView(DockPanel):
    """Preset, folder, buttons, progress, curves, and the sections of the form; what they do is the panel's.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose layers are offered.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(viewer, WIDTH, parent)
        self.preset = quiet(QComboBox())
        for name, (title, _) in PRESETS.items():
            self.preset.addItem(title, name)
        self.preset.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.about = help_label()
        self.folder = FolderLine("Folder of the checkpoint", "folder of the checkpoint")
        head = QWidget()
        rows = form_layout(head)
        add_row(rows, "Preset", self.preset, "<p>Fills the sections below.</p>")
        rows.addRow(self.about)
        add_row(rows, "Checkpoint", self.folder, FOLDER_TIP)
        self.button, self.hold, self.fresh = QPushButton(), QPushButton("Pause"), QPushButton("New run")
        self.fresh.setToolTip("<p>Train anew, in another folder.</p>")
        self.button.setObjectName("main")
        self.progress, self.curves = ProgressRow(), CurvesPart()
        self.progress.stop.setText("Stop")
        self.progress.layout().insertWidget(1, self.hold)
        self.use_it = QPushButton("Use it now")
        self.use_it.setToolTip("<p>Choose this checkpoint in the panel that stacks.</p>")
        self.data, self.network, self.steps = DataSection(self._viewer), NetworkPart(), StepsPart()
        self.sections = {
            "Data": Section("Data", self.data),
            "Network": Section("Network", self.network),
            "Steps": Section("Steps", self.steps),
        }
        self.curves.setVisible(False)
        above = (head, self.button, self.progress, self.message, self.curves, side_by_side(self.use_it, self.fresh))
        self._fill(*above, *self.sections.values())
