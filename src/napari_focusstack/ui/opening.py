"""The panel's row "Open files…" and "Open folder…": a burst becomes layers, without bad frames if that is wished."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QMessageBox, QVBoxLayout, QWidget

from ..io import Burst, Source, UnreadableFrame, read_burst
from ..io.sources import EXTENSIONS, in_natural_order
from ..progress import wait
from .chooser import SINGLE
from .reader import burst_layer
from .sections import push_button, side_by_side
from .worker import Run

if TYPE_CHECKING:
    import napari.viewer

    from .reader import LayerData

__all__ = ["OpenRow", "noting_damage"]

T = TypeVar("T")

FILTER = f"Pictures ({' '.join(f'*{e} *{e.upper()}' for e in sorted(EXTENSIONS))});;All files (*)"
FILES_TIP = "Open the pictures of one burst, or one multi-page TIFF, as a layer."
FOLDER_TIP = "Open all pictures of a folder as a layer."
REMEDY = "“Open files…” and “Open folder…” in the panel can open the burst without it"
NAMED = 3  # frames that were left out, by name; more are counted

_damaged: dict[Path, str] = {}  # files whose damage showed only when their pixels were needed


@dataclass(frozen=True)
class Opened:
    """A burst that was read: its layer data, its name, and what was left out of it."""

    layer: LayerData
    name: str
    skipped: tuple[tuple[Source, str], ...]


@dataclass(frozen=True)
class BadFrame:
    """The first file that cannot be used, and why; an answer, because a thread's exceptions are taken for failures."""

    path: Path
    problem: str

    def __str__(self) -> str:
        return f"“{self.path.name}” cannot be used: {self.problem}."


class OpenRow(QWidget):
    """Buttons that ask for a burst's files and open it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Who gets the layers; they are selected, and so become what the panel works on.

    Signals
    -------
    wanted : Run
        A computation, not yet started, that opens a burst.
    told : str, str
        A message and its kind.
    """

    wanted = Signal(object)
    told = Signal(str, str)

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._paths: list[Path] = []
        self.files = push_button("Open files…", FILES_TIP)
        self.folder = push_button("Open folder…", FOLDER_TIP)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(side_by_side(self.files, self.folder))
        self.files.clicked.connect(self._on_files)
        self.folder.clicked.connect(self._on_folder)

    def open(self, paths: Sequence[Path], *, skip_bad: bool = False) -> None:
        """Open a burst; the first bad frame asks whether to `skip_bad` ones."""
        self._paths = in_natural_order(paths)  # dialogs hand them over in any
        name = paths[0].name if len(paths) == 1 else paths[0].parent.name
        run = Run(partial(_read, self._paths, skip_bad), partial(_show, self._viewer), f"opening “{name}”")
        run.succeeded.connect(self._on_read)
        self.wanted.emit(run)

    def _on_files(self) -> None:
        paths = ask_files(self)
        if paths:
            self.open(paths)

    def _on_folder(self) -> None:
        folder = ask_folder(self)
        if folder:
            self.open([folder])

    def _on_read(self, answer: Opened | BadFrame) -> None:
        if isinstance(answer, BadFrame):
            self._ask(answer)
        else:
            self.told.emit(f"“{answer.name}” opened{_without(answer)}.", "warning" if answer.skipped else "info")

    def _ask(self, bad: BadFrame) -> None:
        """Ask whether to go on; the window lives on meanwhile, and may be closed with the question in it."""
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Open a burst")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(str(bad))
        box.setInformativeText("Go on without such frames? All frames are checked for it, which takes a while.")
        box.setStandardButtons(QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No)
        box.setDefaultButton(QMessageBox.StandardButton.Yes)
        box.button(QMessageBox.StandardButton.Yes).clicked.connect(self._go_on)
        box.open()
        self.told.emit(f"Not opened: {bad}", "warning")

    def _go_on(self) -> None:
        self.open(self._paths, skip_bad=True)


def ask_files(parent: QWidget) -> list[Path]:
    """Files that the user chooses, none if cancelled."""
    return [Path(name) for name in QFileDialog.getOpenFileNames(parent, "Open a burst", "", FILTER)[0]]


def ask_folder(parent: QWidget) -> Path | None:
    """Folder that the user chooses, None if cancelled."""
    name = QFileDialog.getExistingDirectory(parent, "Open a folder of pictures")
    return Path(name) if name else None


def noting_damage(compute: Callable[[], T]) -> T:
    """Return what `compute` does; a frame that it cannot decode is remembered, so that opening asks about it.

    Raises
    ------
    UnreadableFrame
        Where `compute` does, with a remedy for the window's user.
    """
    try:
        return compute()
    except UnreadableFrame as error:
        _damaged[error.path.resolve()] = error.problem
        raise UnreadableFrame(error.path, error.problem, remedy=REMEDY) from error


def _read(paths: list[Path], skip_bad: bool) -> Opened | BadFrame:
    """Read a burst in the worker's thread; bad frames that can be left out are an answer, not an error."""
    try:
        burst = read_burst(paths, skip_bad=skip_bad)
        _check_shown(burst)
        layer = burst_layer(burst)
    except UnreadableFrame as error:
        if skip_bad:
            raise
        return BadFrame(error.path, error.problem)
    if len(burst) < 2 and not burst.is_series:
        raise ValueError(SINGLE.format(burst.sources[0].path.name))
    if not skip_bad:
        for source in burst.sources:
            if problem := _damaged.get(source.path.resolve()):
                return BadFrame(source.path, problem)
    return Opened(layer, burst.name, burst.skipped)


def _check_shown(burst: Burst) -> None:
    """Raise an UnreadableFrame if the middle frame, which napari shows first, is damaged: napari could not say so."""
    middle = tuple(slice(None) if axis in "CYXS" else size // 2 for axis, size in burst.sizes.items())
    pool = ThreadPoolExecutor(1, "decode")
    try:
        wait(pool.submit(np.asarray, burst.data[middle]))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _show(viewer: napari.viewer.Viewer, answer: Opened | BadFrame) -> None:
    """Add the layers and select them: fluorescence channels are then stacked together."""
    if isinstance(answer, Opened):
        data, keywords, _ = answer.layer
        added: Any = viewer.add_image(data, **keywords)
        if isinstance(added, list):
            viewer.layers.selection.update(added)


def _without(opened: Opened) -> str:
    """Which frames were left out, and why, to stand after "opened"."""
    names = [
        f"“{source.path.name}”" + ("" if source.page is None else f" page {source.page + 1}") + f" ({problem})"
        for source, problem in opened.skipped[:NAMED]
    ]
    more = len(opened.skipped) - len(names)
    names += [f"{more} more"] if more else []
    return f" without {', '.join(names)}" if names else ""
