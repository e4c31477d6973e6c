"""Chooser of a checkpoint: those that came with the program, the user's own, and any folder."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QComboBox, QFileDialog

from ..nets import sees_mosaics
from ..nets.checkpoint import Checkpoint, CheckpointError, list_checkpoints, read_checkpoint
from .settings import preferences

__all__ = ["CheckpointChooser"]

OTHER = "Open folder…"
NO_MOSAICS = (
    "The network “{}” takes the mosaics of camera raw files, and the frames are none: choose another one, or open the "
    "raw files themselves."
)


class CheckpointChooser(QComboBox):
    """Names of checkpoints; those that cannot be used are there, but cannot be chosen, and say why.

    The list is made anew whenever it opens, so that what was trained meanwhile is on it.

    Parameters
    ----------
    changed : callable
        Called when another one is chosen.
    architectures : sequence of str
        Of the networks that can be used; others are not listed. Empty: all can.
    """

    def __init__(self, changed: Callable[[], None], architectures: Sequence[str] = ()) -> None:
        super().__init__()
        self._changed, self._chosen, self._architectures = changed, "", tuple(architectures)
        self._mosaics = True  # whether there are any
        self.setMinimumContentsLength(12)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.activated.connect(self._take)

    def value(self) -> str:
        """Name of one that came with the program, or path of a folder."""
        return self._chosen

    @property
    def problem(self) -> str:
        """Why the chosen one cannot be used, in plain words; empty if it can."""
        try:
            return self._obstacle(read_checkpoint(self._chosen))
        except CheckpointError as error:
            return str(error)

    def offer_mosaics(self, there: bool) -> None:
        """Let networks be chosen that take the mosaics of raw files, if the frames are from such files."""
        if there != self._mosaics:
            self._mosaics = there
            self._fill()

    def put(self, value: str) -> None:
        """Choose a checkpoint, whether it is on the list or not."""
        moved = value != self._chosen
        self._chosen = value
        self._fill()
        if moved:
            self._changed()

    def showPopup(self) -> None:  # noqa: N802
        """Open the list, made anew."""
        self._fill()
        super().showPopup()

    def _fill(self) -> None:
        self.clear()
        folder = preferences().checkpoints
        for listed in list_checkpoints([folder] if folder.is_dir() else []):
            if listed.checkpoint is None or self._runs(listed.checkpoint):
                value = listed.name if listed.shipped else str(listed.folder)
                self._add(listed.name, value, listed.checkpoint, listed.error)
        if self.findData(self._chosen) < 0:
            try:
                checkpoint, error = read_checkpoint(self._chosen), ""
            except CheckpointError as problem:
                checkpoint, error = None, str(problem)
            self._add(Path(self._chosen).name, self._chosen, checkpoint, error)
        self.insertSeparator(self.count())
        self.addItem(OTHER)
        self.setCurrentIndex(self.findData(self._chosen))
        self.setToolTip(self.itemData(self.currentIndex(), Qt.ItemDataRole.ToolTipRole))

    def _add(self, name: str, value: str, checkpoint: Checkpoint | None, error: str) -> None:
        self.addItem(name, value)
        here = self.count() - 1
        obstacle = error if checkpoint is None else self._obstacle(checkpoint)
        about = "" if checkpoint is None else _described(checkpoint)
        about = " ".join(filter(None, (obstacle, about)))
        self.setItemData(here, f"<p>{html.escape(about)}</p>", Qt.ItemDataRole.ToolTipRole)
        model = self.model()
        if obstacle and isinstance(model, QStandardItemModel):
            model.item(here).setEnabled(False)

    def _runs(self, checkpoint: Checkpoint) -> bool:
        return not self._architectures or checkpoint.architecture in self._architectures

    def _obstacle(self, checkpoint: Checkpoint) -> str:
        """Why it cannot be used; empty if it can."""
        if not self._runs(checkpoint):
            return (
                f"The network “{checkpoint.name}” is a {checkpoint.architecture}; this method runs "
                f"{' and '.join(self._architectures)}. Choose another one."
            )
        if not self._mosaics and sees_mosaics(checkpoint.architecture, checkpoint.arguments):
            return NO_MOSAICS.format(checkpoint.name)
        return ""

    def _take(self, place: int) -> None:
        if self.itemText(place) != OTHER:
            self.put(str(self.itemData(place)))
            return
        folder = QFileDialog.getExistingDirectory(self, "Folder of a checkpoint", str(preferences().checkpoints))
        self.put(folder or self._chosen)


def _described(checkpoint: Checkpoint) -> str:
    """One line: what it is, what it learned from, and how good it was."""
    of = checkpoint.training
    good = f"; {checkpoint.rating} on held-out data" if checkpoint.rating else ""
    return f"{checkpoint.architecture}, {of.steps} steps on {of.data}{good}. Licence: {checkpoint.licence}."
