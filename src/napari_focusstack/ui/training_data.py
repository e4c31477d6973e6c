"""What is trained on: a stack of the viewer, a dataset, simulated bursts, each with its share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ..files import standing
from ..training.manifest import MANIFEST, DatasetError, parsed_manifest
from ..training.recipe import DataPart
from .chooser import LayerChooser
from .fields import quiet
from .forms import add_row, form_layout
from .source import bursts_among
from .training_fit import CHANNELS
from .training_stack import StackWish, wish_of

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["DataSection", "FolderLine"]

MADE = "fused now"
TARGET_TIP = (
    "<p>What the network is to make of the stack: a fused picture that is open (of another program, or retouched), or "
    "one that our pyramid fusion makes before training starts.</p>"
)
TIPS = {
    "stack": "Crops of an open stack, with its fused picture as the truth.",
    "dataset": "A folder that “focusstack dataset build” made of many bursts.",
    "simulation": "Endless bursts of drawn scenes, whose truth is known exactly.",
}
DATASET_TIP = "<p>The folder of a dataset.</p>"
PICTURES_TIP = "<p>Pictures of your own that simulated scenes are made of, beside the drawn ones.</p>"


class FolderLine(QWidget):
    """Path of a folder, with a button that asks for one."""

    changed = Signal()

    def __init__(self, title: str, hint: str) -> None:
        super().__init__()
        self._title = title
        self.line, self.ask = QLineEdit(), QPushButton("…")
        self.line.setPlaceholderText(hint)
        self.ask.setFixedWidth(28)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.line, 1)
        row.addWidget(self.ask)
        self.ask.clicked.connect(self._ask)
        self.line.textChanged.connect(lambda text: (self.line.setToolTip(text), self.changed.emit()))

    def path(self) -> str:
        """What was written or chosen."""
        return str(self.line.text().strip())

    def put(self, path: str) -> None:
        """Show a path, from its end, which tells most."""
        self.line.setText(path)

    def _ask(self) -> None:
        path = QFileDialog.getExistingDirectory(self, self._title, self.path())
        if path:
            self.put(str(path))


class DataSection(QWidget):
    """Three kinds of data that can be mixed.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose layers are offered.
    """

    changed = Signal()

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._layers = viewer.layers
        self._pictures: list[Any] = []  # as in the combo, after its first entry
        self.chooser = LayerChooser(viewer)
        self.target = quiet(QComboBox())
        self.target.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.dataset = FolderLine("Folder of a dataset", "folder of a dataset")
        self.pictures = FolderLine("Folder of pictures", "drawn ones only")
        self.used = {kind: QCheckBox(text) for kind, text in (
            ("stack", "This stack"), ("dataset", "A dataset"), ("simulation", "Simulated bursts"))}  # fmt: skip
        self.shares = {kind: quiet(QSpinBox()) for kind in self.used}
        self._bodies = {"stack": self._stack_body(), "dataset": QWidget(), "simulation": QWidget()}
        add_row(form_layout(self._bodies["dataset"]), "Folder", self.dataset, DATASET_TIP)
        add_row(form_layout(self._bodies["simulation"]), "Own pictures", self.pictures, PICTURES_TIP)
        self._build()
        for event in self._events():
            event.connect(self._follow)
        self.chooser.changed.connect(self._on_change)
        for box in self.used.values():
            box.toggled.connect(self._on_change)
        for share in self.shares.values():
            share.valueChanged.connect(self._on_change)
        for line in (self.dataset, self.pictures):
            line.changed.connect(self._on_change)
        self._follow()

    def release(self) -> None:
        """Stop following the viewer."""
        self.chooser.release()
        for event in self._events():
            event.disconnect(self._follow)

    @property
    def problem(self) -> str:
        """What is missing, in plain words; empty if nothing is."""
        if not any(box.isChecked() for box in self.used.values()):
            return "Choose at least one kind of data to train on."
        if self.used["stack"].isChecked() and self.chooser.problem:
            return self.chooser.problem
        if self.used["dataset"].isChecked() and not self.dataset.path():
            return "Choose the folder of the dataset, or leave it out."
        try:
            self.given()
        except DatasetError as error:
            return str(error)
        return ""

    def given(self) -> dict[str, int | None]:
        """Channels of the frames of the chosen stack and dataset, by what they are called; None: mosaics' planes.

        Raises
        ------
        DatasetError
            If the dataset is none, or damaged.
        """
        found: dict[str, int | None] = {}
        if self.used["stack"].isChecked() and not self.chooser.problem:
            source = self.chooser.source()
            found[f"“{source.name}”"] = source.channels
        if self.used["dataset"].isChecked() and self.dataset.path():
            folder = Path(self.dataset.path()).expanduser()
            values, _ = parsed_manifest(standing(folder) / MANIFEST)
            found[f"the dataset “{folder.name}”"] = CHANNELS[values["kind"]]
        return found

    def parts(self) -> tuple[DataPart, ...]:
        """Return what a recipe says of the data."""
        found = []
        for kind, box in self.used.items():
            if box.isChecked():
                folder = {"dataset": self.dataset.path(), "simulation": self.pictures.path()}.get(kind) or None
                name = self.chooser.source().name if kind == "stack" else None
                found.append(DataPart(kind, float(self.shares[kind].value()), folder, name))  # type: ignore[arg-type]
        return tuple(found)

    def put(self, shares: dict[str, int]) -> None:
        """Use these kinds, with these shares, and no others."""
        for kind, box in self.used.items():
            self.shares[kind].setValue(shares.get(kind, 50))
            box.setChecked(kind in shares)

    def wish(self) -> StackWish:
        """Return what is needed of the chosen stack."""
        at = self.target.currentIndex()
        return wish_of(self.chooser.source(), self._pictures[at - 1] if at > 0 else None)

    def title(self) -> str:
        """Return the chosen kinds in a few words."""
        names = {"stack": "stack", "dataset": "dataset", "simulation": "simulation"}
        return " + ".join(names[kind] for kind, box in self.used.items() if box.isChecked()) or "nothing yet"

    def _stack_body(self) -> QWidget:
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.chooser)
        rows = QWidget()
        add_row(form_layout(rows), "Truth", self.target, TARGET_TIP)
        layout.addWidget(rows)
        return body

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 10)
        layout.setSpacing(6)
        for kind, box in self.used.items():
            box.setToolTip(f"<p>{TIPS[kind]}</p>")
            share = self.shares[kind]
            share.setRange(1, 100)
            share.setValue(50)
            share.setSuffix(" parts")
            share.setToolTip("<p>Of the examples, relative to the other kinds of data.</p>")
            share.setFixedWidth(122)
            head = QWidget()
            row = QHBoxLayout(head)
            row.setContentsMargins(0, 0, 0, 0)
            row.addWidget(box, 1)
            row.addWidget(share)
            layout.addWidget(head)
            layout.addWidget(self._bodies[kind])

    def _events(self) -> list[Any]:
        events = self._layers.events
        return [events.inserted, events.removed, events.renamed]

    def _follow(self, _: Any = None) -> None:
        """Offer the pictures that are open as the truth."""
        from napari.layers import Image

        at = self.target.currentIndex()
        before = self._pictures[at - 1] if at > 0 else None
        stacks = bursts_among(self._layers)
        hidden = ("index", "depth", "depth_sigma", "training preview")
        self._pictures = [
            layer
            for layer in self._layers
            if isinstance(layer, Image)
            and layer not in stacks
            and (layer.metadata.get("napari-focusstack") or {}).get("role") not in hidden
        ]
        with QSignalBlocker(self.target):
            self.target.clear()
            self.target.addItems([MADE, *(layer.name for layer in self._pictures)])
            self.target.setCurrentIndex(self._pictures.index(before) + 1 if before in self._pictures else 0)
        self._on_change()

    def _on_change(self, _: Any = None) -> None:
        several = sum(box.isChecked() for box in self.used.values()) > 1
        for kind, box in self.used.items():
            self._bodies[kind].setVisible(box.isChecked())
            self.shares[kind].setVisible(box.isChecked() and several)
        self.changed.emit()
