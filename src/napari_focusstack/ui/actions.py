"""Commands of the menu Layers > Project: they work on the selected layers with the preferences' methods."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from napari.utils import progress
from napari.utils.notifications import show_info, show_warning
from qtpy.QtCore import QObject

from .chooser import NOTHING
from .report import summary_of
from .source import Source, bursts_among, channel_group, source_of
from .tasks import aligning, default_recipe, depth_only, stacking
from .worker import Run

if TYPE_CHECKING:
    import napari.viewer

    from ..pipeline import Aligned, Result
    from ..progress import Step

__all__ = ["align", "depth", "fuse", "stack"]


def stack(viewer: napari.viewer.Viewer) -> None:
    """Align and fuse the active layer, or the selected ones as channels, and measure its depth."""
    _start(viewer, lambda source: stacking(viewer.layers, source, default_recipe()))


def depth(viewer: napari.viewer.Viewer) -> None:
    """Measure the depth of the active layer, or of the selected ones as channels, without fusing a picture."""
    recipe = depth_only(default_recipe())
    _start(viewer, lambda source: stacking(viewer.layers, source, recipe, verb="measuring"))


def fuse(viewer: napari.viewer.Viewer) -> None:
    """Fuse the active layer, or the selected ones as channels, without aligning or measuring depth."""
    recipe = replace(default_recipe(), align="none", depth="none")
    _start(viewer, lambda source: stacking(viewer.layers, source, recipe, verb="fusing"))


def align(viewer: napari.viewer.Viewer) -> None:
    """Align the frames of the active layer, or of the selected ones as channels."""
    recipe = default_recipe()
    if recipe.align == "none":
        recipe = replace(recipe, align=type(recipe)().align)
    _start(viewer, lambda source: aligning(viewer.layers, source, recipe))


def _start(viewer: napari.viewer.Viewer, task: Callable[[Source], Run]) -> None:
    bursts = bursts_among(viewer.layers)
    selected = [layer for layer in bursts if layer in viewer.layers.selection]
    if not selected:
        show_warning(NO_BURST if len(viewer.layers) else NOTHING)
        return
    layer = next((layer for layer in selected if layer == viewer.layers.selection.active), selected[0])
    group, meant = channel_group(layer, bursts, selected)
    source = source_of(group if meant else [layer])
    run = task(source)
    _Watcher(run, source)
    run.start()


NO_BURST = "The selected layer is not a burst: a focus stack needs several frames along one axis of one layer."


class _Watcher(QObject):
    """Shows a run's progress among napari's activities and says what was done; lives as long as the run."""

    def __init__(self, run: Run, source: Source) -> None:
        super().__init__(run)
        self._frames, self._began = source.frames, time.monotonic()
        self._bar = progress(total=0, desc=str(run))
        run.stepped.connect(self._on_step)
        run.succeeded.connect(self._on_result)
        run.ended.connect(self._on_ended)

    def _on_step(self, step: Step) -> None:
        if step.total != self._bar.total or step.done < self._bar.n:
            self._bar.reset(total=step.total)
            self._bar.set_description(step.stage)
        self._bar.update(step.done - self._bar.n)

    def _on_result(self, result: Result | Aligned) -> None:
        seconds = time.monotonic() - self._began
        show_info(summary_of(result, self._frames, seconds))

    def _on_ended(self) -> None:
        self._bar.close()
