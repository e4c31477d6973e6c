"""What the panel tells of its work: a message, a progress bar, and files that were saved or loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from ..progress import Step
from .look import breakable
from .saving import check_folder
from .wording import error_words

__all__ = ["JsonFiles", "Message", "ProgressRow"]

T = TypeVar("T")

JSON = "JSON (*.json)"


class Message(QLabel):
    """Plain text in a box that is there only if there is something to say."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("message")
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

    def say(self, text: str, kind: str = "info") -> None:
        """Show a message: "info", "warning" or "error"."""
        self.setText(breakable(text))
        self.setProperty("kind", kind)
        self.style().unpolish(self)
        self.style().polish(self)
        self.setVisible(bool(text))


class ProgressRow(QWidget):
    """Progress bar with a button beside it that stops the work."""

    def __init__(self) -> None:
        super().__init__()
        self.bar, self.stop = QProgressBar(), QPushButton("Cancel")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.bar, 1)
        row.addWidget(self.stop)

    def begin(self) -> None:
        """Show that work began whose amount is not known yet."""
        self.bar.setRange(0, 0)
        self.bar.setFormat("starting")

    def show_step(self, step: Step) -> None:
        """Show how far it is."""
        self.bar.setRange(0, step.total)
        self.bar.setValue(step.done)
        self.bar.setFormat(f"{step.stage} · {step.done}/{step.total}")


class JsonFiles:
    """Asks for a JSON file and saves to it or loads from it; says what was done.

    Parameters
    ----------
    parent : QWidget
        In front of which the dialogs appear.
    say : callable
        Takes a text and its kind.
    """

    def __init__(self, parent: QWidget, say: Callable[..., None]) -> None:
        self._parent, self._say = parent, say

    def save(self, what: str, write: Callable[[str], Any]) -> None:
        """Ask where to save `what`, "recipe" or "alignment", and `write` it there."""
        path = self.ask_save(f"Save the {what}", f"{what}.json")
        if path:
            try:
                check_folder(path)
                write(path)
                self._say(f"{what.capitalize()} saved as “{Path(path).name}”.")
            except OSError as error:
                self._say(error_words(error), "error")

    def load(self, title: str, read: Callable[[str], T]) -> tuple[str, T] | None:
        """Ask for a file and `read` it: its name and what it holds, None if there is nothing that can be used."""
        path = self.ask_open(title)
        if path:
            try:
                return Path(path).name, read(path)
            except (OSError, ValueError, TypeError, KeyError) as error:
                self._say(f"“{Path(path).name}” cannot be used: {error_words(error)}", "error")
        return None

    def ask_save(self, title: str, name: str) -> str:
        """Path that the user chose, empty if none."""
        return str(QFileDialog.getSaveFileName(self._parent, title, name, JSON)[0])

    def ask_open(self, title: str) -> str:
        """Path that the user chose, empty if none."""
        return str(QFileDialog.getOpenFileName(self._parent, title, "", JSON)[0])
