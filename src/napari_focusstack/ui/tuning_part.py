"""The panel's part that adapts a depth network to the chosen stack, and keeps what came of it if that is wished."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from .sections import push_button
from .source import axis_title
from .tasks import adapting
from .training_folder import free_folder
from .wording import error_words
from .worker import Run

if TYPE_CHECKING:
    import napari.viewer

    from ..alignment import Alignment
    from ..recipe import Recipe
    from ..training.adapting import Adapted
    from ..training.tuning import Tuned
    from .source import Source

__all__ = ["TuningPart"]

ADAPT_TIP = (
    "Let the network learn from this stack, for about a minute: from its own fused picture, no depth is needed. What "
    "it learned is kept only if its loss falls on parts of the stack that it did not learn from. Of a series, it "
    "learns from the burst that is shown."
)
SAVE_TIP = "Write the adapted network to a folder of its own, and measure with it from then on."
BETTER = "{}. Compare the two depths by the eye of the upper one; “{}” keeps the network."
TAKEN = "“{}” holds other files; choose a new or an empty folder."


class TuningPart(QWidget):
    """Two buttons: adapt, and, once something was adapted, save.

    Signals
    -------
    wanted : Run
        A computation, not yet started.
    told : str, str
        A message and its kind.
    saved : str
        Folder of a network that was saved, to be used from then on.
    """

    wanted = Signal(object)
    told = Signal(str, str)
    saved = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._tuned: Tuned | None = None
        self._name = ""  # of the stack that it was adapted to
        self._asked = ("", "")  # for which stack, and which burst of it, adapting was begun
        self._folder = Path()  # that is written to
        self.adapt = push_button("Adapt to this stack", ADAPT_TIP)
        self.save = push_button("Save adapted network…", SAVE_TIP)
        self.save.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.adapt)
        column.addWidget(self.save)
        self.save.clicked.connect(self._on_save)

    def begin(
        self, viewer: napari.viewer.Viewer, source: Source, recipe: Recipe, alignment: Alignment | None = None
    ) -> None:
        """Adapt the recipe's network to the source; of a series, to the burst that the viewer shows."""
        place, words = _shown(source, viewer.dims.point)
        self._asked = source.name, words
        run = adapting(viewer.layers, source, recipe, place, alignment, words=words)
        run.succeeded.connect(self._on_adapted)
        self.wanted.emit(run)

    def _on_adapted(self, adapted: Adapted) -> None:
        tuned = adapted.tuned
        self._name, words = self._asked
        said = ": ".join(filter(None, (words, tuned.describe())))
        said = said[0].upper() + said[1:]
        self._tuned = tuned if tuned.improved else None
        self.save.setVisible(tuned.improved)
        if tuned.improved:
            self.told.emit(BETTER.format(said, self.save.text()), "info")
        else:
            self.told.emit(f"{said}.", "warning")

    def _on_save(self) -> None:
        assert self._tuned is not None
        proposed = free_folder(f"{self._name} depth")
        try:
            proposed.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.told.emit(error_words(error), "error")
            return
        path, _ = QFileDialog.getSaveFileName(self, "Folder for the adapted network", str(proposed))
        if not path:
            return
        folder = Path(path)
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            self.told.emit(TAKEN.format(folder.name), "error")
            return
        self._folder = folder
        run = Run(partial(self._tuned.save, folder), _nothing, f"saving “{folder.name}”")
        run.succeeded.connect(self._on_saved)
        self.wanted.emit(run)

    def _on_saved(self, _: Any) -> None:
        self.saved.emit(str(self._folder))
        self.told.emit(f"Saved as “{self._folder.name}”; “Measure depth” uses it now.", "info")


def _nothing(_: Any) -> None:
    """Show nothing: what was saved is shown already."""


def _shown(source: Source, point: Sequence[float]) -> tuple[dict[str, int], str]:
    """Which burst of a series is shown at a point of the world: by letters of axes, and in words if there are more."""
    layer = source.layers[0]
    here = np.zeros(layer.ndim)
    known = np.asarray(point, float)[-layer.ndim :]
    here[layer.ndim - len(known) :] = known
    at = np.round(np.asarray(layer.world_to_data(here))).astype(int)
    loops = [i for i, letter in enumerate(source.layer_axes) if letter not in "CZYX"]
    place = {source.layer_axes[i]: int(np.clip(at[i], 0, layer.data.shape[i] - 1)) for i in loops}
    named = [
        f"{axis_title(layer.axis_labels[i], i)} {place[source.layer_axes[i]]}" for i in loops if layer.data.shape[i] > 1
    ]
    return place, ", ".join(named)
