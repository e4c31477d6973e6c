"""The dock panel "Focus stack": choose a layer, press one button."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QPushButton, QWidget

from ..alignment import Alignment
from ..recipe import Recipe
from .capture import CaptureReport, Checked, checking
from .chooser import LayerChooser
from .depth_section import DepthPart
from .diffusion_section import DiffusionPart
from .docked import DockPanel
from .feedback import JsonFiles, ProgressRow
from .look import Section
from .opening import OpenRow
from .report import AlignmentReport, duration, summary_of
from .sections import AlignmentPart, FusionPart, RecipePart
from .session import keep_choices, kept_choices
from .source import Source
from .tasks import aligning, default_recipe, depth_only, stacking
from .wording import error_words
from .worker import Run

if TYPE_CHECKING:
    import napari.viewer

    from ..pipeline import Aligned, Result

__all__ = ["FocusStackPanel"]

WIDTH = 330  # px; the dock's title and every label fit


class FocusStackPanel(DockPanel):
    """Panel that stacks a layer of the viewer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose layers are offered, and who gets the results.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(viewer, WIDTH, parent)
        self._run: Run | None = None
        self._source: Source | None = None
        self._applied: Alignment | None = None
        self._alignments: tuple[Alignment, ...] = ()
        self._began = 0.0
        self._chosen = ""  # what the chooser said when it was last asked
        self._build()
        self._connect()
        self.reset()
        kept = kept_choices(viewer)
        if kept is not None:
            self.show_recipe(kept)

    # ------------------------------------------------------------------
    # what the buttons do

    def stack(self) -> None:
        """Align and fuse the chosen layer."""
        if self.fusion.problem:
            self.say(self.fusion.problem, "error")
            return
        if self.depth.method != "none" and not self._depth_is_fine():
            return
        source = self.chooser.source()
        self._compute(stacking(self._viewer.layers, source, self.recipe(), self._applied), source)

    def measure_depth(self) -> None:
        """Measure the depth of the chosen layer, without fusing a picture."""
        if not self._depth_is_fine():
            return
        source, recipe = self.chooser.source(), depth_only(self.recipe())
        self._compute(stacking(self._viewer.layers, source, recipe, self._applied, verb="measuring"), source)

    def adapt(self) -> None:
        """Adapt the chosen network of depth to the chosen layer."""
        if self._depth_is_fine():
            self.depth.tuning.begin(self._viewer, self.chooser.source(), self.recipe(), self._applied)

    def check_capture(self) -> None:
        """Look for what is wrong with how the chosen layer was taken."""
        self._viewer.dims.ndisplay = 2  # where frames are seen, and what is wrong over them
        self._source = self.chooser.source()
        run = checking(self._viewer.layers, self._source, self.chooser.channel_choice())
        run.succeeded.connect(self._on_checked)
        self._start(run)

    def align_only(self) -> None:
        """Align the chosen layer into a layer of frames."""
        if self.alignment.methods.method == "none":
            self.say("Choose a method of alignment first.", "warning")
            return
        source = self.chooser.source()
        self._compute(aligning(self._viewer.layers, source, self.recipe()), source)

    def cancel(self) -> None:
        """Stop the computation that runs, if one does."""
        if self._run is not None:
            self.say("Stopping …")
            self._run.cancel()

    def recipe(self) -> Recipe:
        """Return all choices of the panel."""
        return Recipe(
            align=self.alignment.methods.method,
            align_options=self.alignment.methods.options(),
            fuse=self.fusion.methods.method,
            fuse_options=self.fusion.methods.options(),
            exposure=self.alignment.exposure.currentData(),
            channels=self.chooser.channel_choice(),
            device=self.fusion.device.currentData(),
            **self.diffusion.choices(),
            **self.depth.choices(),
        )

    def show_recipe(self, recipe: Recipe) -> None:
        """Show these choices in the panel."""
        self.alignment.methods.choose(recipe.align, recipe.align_options)
        self.fusion.methods.choose(recipe.fuse, recipe.fuse_options)
        for part in (self.diffusion, self.depth):
            part.show_recipe(recipe)
        self.alignment.exposure.setCurrentIndex(self.alignment.exposure.findData(recipe.exposure))
        self.fusion.device.setCurrentIndex(self.fusion.device.findData(recipe.device))
        self.chooser.choose_channels(recipe.channels)

    def reset(self) -> None:
        """Go back to the preferences."""
        self._preferred = recipe = default_recipe()
        for part, method in ((self.alignment, recipe.align), (self.fusion, recipe.fuse), (self.depth, recipe.depth)):
            part.methods.reset(method)
        self.show_recipe(recipe)
        self.align_anew()
        self._on_source()

    def align_anew(self) -> None:
        """Stop applying a saved alignment."""
        self._applied = None
        self.alignment.show_applied("")
        self._show_state()

    def show_report(self) -> None:
        """Open a window with the motion of each frame."""
        name = self._source.name if self._source else ""
        AlignmentReport(self._alignments, name, self).show()

    def save_recipe(self) -> None:
        """Ask for a file and save all choices in it."""
        if self._depth_is_fine():
            self.files.save("recipe", self.recipe().save)

    def load_recipe(self) -> None:
        """Ask for a file and take all choices from it."""
        found = self.files.load("Load a recipe", lambda path: Recipe.from_json(Path(path).read_text(encoding="utf-8")))
        if found:
            name, recipe = found
            self.show_recipe(recipe)
            self.say(f"Recipe “{name}” loaded.")

    def save_alignment(self) -> None:
        """Ask for a file and save the last alignment in it."""
        self.files.save("alignment", self._alignments[0].save)

    def apply_alignment(self) -> None:
        """Ask for a file whose alignment is then applied instead of aligning."""
        found = self.files.load("Apply a saved alignment", Alignment.load)
        if found:
            name, self._applied = found
            self.alignment.show_applied(name)
            self._show_state()

    def _depth_is_fine(self) -> bool:
        """Whether depth can be measured as chosen; says what is in the way otherwise."""
        problem = self.depth.problem
        if problem:
            self.say(problem, "error")
        return not problem

    # ------------------------------------------------------------------
    # a computation and its progress

    def _compute(self, run: Run, source: Source) -> None:
        self._source = source
        run.succeeded.connect(self._on_result)
        self._start(run)

    def _start(self, run: Run) -> None:
        self._run, self._began = run, time.monotonic()
        run.stepped.connect(self.progress.show_step)
        run.failed.connect(self._on_error)
        run.cancelled.connect(self._on_cancelled)
        run.ended.connect(self._on_ended)
        self.say("")
        self.progress.begin()
        self._show_state()
        run.start()

    def _on_result(self, result: Result | Aligned) -> None:
        self._alignments = result.alignments
        self.alignment.offer(done=bool(self._alignments), one=len(self._alignments) == 1)
        seconds = time.monotonic() - self._began
        frames = self._source.frames if self._source else 0
        self.say(summary_of(result, frames, seconds))

    def _on_checked(self, checked: Checked) -> None:
        assert self._source is not None
        self.say(f"{self._source.frames} frames checked in {duration(time.monotonic() - self._began)}.")
        CaptureReport(checked.captures, self._source.name, self).show()

    def _on_error(self, error: Exception) -> None:
        self.say(error_words(error), "error")

    def _on_cancelled(self) -> None:
        self.say("Cancelled. Nothing was changed.", "warning")

    def _on_ended(self) -> None:
        self._run = None
        self._show_state()

    # ------------------------------------------------------------------
    # building

    def _build(self) -> None:
        self.chooser, self.opening = LayerChooser(self._viewer), OpenRow(self._viewer)
        self.button = QPushButton("Stack")
        self.button.setObjectName("main")
        self.progress, self.files = ProgressRow(), JsonFiles(self, self.say)
        self.alignment, self.fusion, self.diffusion = AlignmentPart(), FusionPart(), DiffusionPart()
        self.depth, self.recipes = DepthPart(), RecipePart()
        self.sections = {
            "Alignment": Section("Alignment", self.alignment),
            "Fusion": Section("Fusion", self.fusion),
            "Halos": Section("Halos", self.diffusion),
            "Depth": Section("Depth", self.depth),
            "Recipe": Section("Recipe", self.recipes),
        }
        above = (self.chooser, self.opening, self.button, self.progress, self.message)
        self._fill(*above, *self.sections.values())

    def _connect(self) -> None:
        self.button.clicked.connect(self.stack)
        self.progress.stop.clicked.connect(self.cancel)
        for button, slot in (
            (self.alignment.only, self.align_only),
            (self.alignment.report, self.show_report),
            (self.alignment.save, self.save_alignment),
            (self.alignment.apply, self.apply_alignment),
            (self.alignment.forget, self.align_anew),
            (self.depth.only, self.measure_depth),
            (self.depth.check, self.check_capture),
            (self.depth.tuning.adapt, self.adapt),
            (self.recipes.save, self.save_recipe),
            (self.recipes.load, self.load_recipe),
            (self.recipes.reset, self.reset),
        ):
            button.clicked.connect(slot)
        for asking in (self.opening, self.depth.tuning):
            asking.wanted.connect(self._start)
            asking.told.connect(self.say)
        self.chooser.changed.connect(self._on_source)
        for part in (self.alignment, self.fusion):
            part.methods.changed.connect(self._show_state)
        for part in (self.diffusion, self.depth):
            part.changed.connect(self._show_state)

    def _on_source(self) -> None:
        problem = self.chooser.problem
        source = None if problem else self.chooser.source()
        chosen = problem if source is None else str([layer.unique_id for layer in source.layers])
        if self._run is None and chosen != self._chosen:  # else what was said of the source still holds
            self.say(problem)
        self._chosen = chosen
        self.fusion.follow(source)
        self.depth.follow(source)

    def _show_state(self) -> None:
        """Texts and what is enabled, from what is chosen and whether something runs."""
        running, ready = self._run is not None, not self.chooser.problem
        self.progress.setVisible(running)
        for part in (self.opening, self.depth.tuning):
            part.setEnabled(not running)
        for button in (self.button, self.alignment.only, self.depth.only, self.depth.check, self.depth.tuning.adapt):
            button.setEnabled(ready and not running)
        idle = f"Stack {self.chooser.source().words}" if ready else "Stack"
        self.button.setText(f"{str(self._run).split()[0].capitalize()} …" if running else idle)
        self.sections["Alignment"].set_summary("as saved" if self._applied else self.alignment.methods.title)
        self.sections["Fusion"].set_summary(self.fusion.methods.title)
        self.sections["Halos"].set_summary(self.diffusion.title())
        self.sections["Depth"].set_summary(self.depth.title())

    def release(self) -> None:
        """Let go of the viewer and stop what runs: the dock is closed."""
        super().release()
        keep_choices(self._viewer, self.recipe, self._preferred)
        self.cancel()
        self.chooser.release()
