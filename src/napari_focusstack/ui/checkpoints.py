"""Chooser of a checkpoint: those that came with the program, the user's own, and any folder."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QComboBox, QFileDialog

from ..nets.checkpoint import Checkpoint, CheckpointError, list_checkpoints, read_checkpoint
from .settings import preferences

__all__ = ["CheckpointChooser"]

OTHER = "Open folder…"


class CheckpointChooser(QComboBox):
    """Names of checkpoints; broken ones are there, but cannot be chosen, and say what is wrong with them.

    The list is made anew whenever it opens, so that what was trained meanwhile is on it.

    Parameters
    ----------
    changed : callable
        Called when another one is chosen.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__()
        self._changed, self._chosen = changed, ""
        self.setMinimumContentsLength(12)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.activated.connect(self._take)

    def value(self) -> str:
        """Name of one that came with the program, or path of a folder."""
        return self._chosen

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
            self._add(
                listed.name, listed.name if listed.shipped else str(listed.folder), listed.checkpoint, listed.error
            )
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
        about = error if checkpoint is None else _described(checkpoint)
        self.setItemData(here, f"<p>{html.escape(about)}</p>", Qt.ItemDataRole.ToolTipRole)
        model = self.model()
        if checkpoint is None and isinstance(model, QStandardItemModel):
            model.item(here).setEnabled(False)

    def _take(self, place: int) -> None:
        if self.itemText(place) != OTHER:
            self.put(str(self.itemData(place)))
            return
        folder = QFileDialog.getExistingDirectory(self, "Folder of a checkpoint", str(preferences().checkpoints))
        self.put(folder or self._chosen)


def _described(checkpoint: Checkpoint) -> str:
    """One line: what it is, what it learned from, and how good it was."""
    of = checkpoint.training
    found: dict[str, Any] = dict(checkpoint.metrics)
    good = f"; {found['psnr']:.1f} dB on held-out data" if "psnr" in found else ""
    return f"{checkpoint.architecture}, {of.steps} steps on {of.data}{good}. Licence: {checkpoint.licence}."
