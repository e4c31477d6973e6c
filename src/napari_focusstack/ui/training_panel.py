"""The dock panel "Train a network": from a stack or from simulation to a checkpoint in use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QWidget

from .chooser import NOTHING
from .report import duration
from .training_fit import misfit
from .training_folder import Found, found_in, free_folder, history
from .training_progress import put_preview, remaining
from .training_run import Preview, TrainingRun, Work
from .training_use import select_checkpoint
from .training_view import PRESETS, TrainingView
from .wording import error_words

if TYPE_CHECKING:
    import napari.viewer

    from ..nets.checkpoint import Checkpoint
    from ..training.recipe import TrainingRecipe
    from ..training.report import Report

__all__ = ["TrainingPanel"]

MOST_FRAMES = 30  # of simulated bursts


class TrainingPanel(TrainingView):
    """Panel that trains networks.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose layers are offered, and who gets the preview.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(viewer, parent)
        self._run: TrainingRun | None = None
        self._last: Report | None = None
        self._found = Found()
        self._filling = False  # a preset is being shown
        self._named = ""  # the folder that we proposed
        self._told = ""  # what the message says of a problem
        self._rate = self.network.rate  # that usually does
        self._connect()
        self.choose("tune")

    # ------------------------------------------------------------------
    # what the buttons do

    def choose(self, preset: str) -> None:
        """Fill the form with a preset: "tune" or "scratch"."""
        self._filling = True
        self.preset.setCurrentIndex(self.preset.findData(preset))
        self.about.setText(PRESETS[preset][1])
        if preset == "tune":
            self.network.start(True)
            self.data.put({"stack": 75, "simulation": 25})
            self.steps.put(steps=300, rate=self.network.rate, check=25)
        elif preset == "scratch":
            self.network.start(False)
            self.data.put({"simulation": 100})
            self.steps.put(steps=3000, rate=self.network.rate, check=250)
        self._rate, self._filling = self.network.rate, False
        self._propose()
        self._show_state()

    def start(self) -> None:
        """Begin to train, or go on with the run that lies in the folder."""
        self._look()
        folder = Path(self.folder.path()).expanduser()
        try:
            if self._found.problem or self._found.done:
                raise ValueError(self._found.words)
            recipe = self._found.recipe or self.recipe()
            wanted = any(part.kind == "stack" for part in recipe.data)
            stack = self.data.wish() if wanted else None
        except (ValueError, TypeError) as error:
            self.say(str(error), "error")
            return
        fresh = self._found.recipe is None
        run = TrainingRun(Work(recipe, folder, stack, fresh, self.steps.device.currentData()))
        self._run, self._last = run, None
        run.reported.connect(self._on_reports)
        run.previewed.connect(self._on_preview)
        run.rested.connect(self._on_rested)
        run.finished.connect(self._on_finished)
        run.run.stepped.connect(self._on_step)
        run.run.failed.connect(self._on_error)
        run.run.cancelled.connect(self._on_stopped)
        run.run.ended.connect(self._on_ended)
        self.say("")
        self.progress.begin()
        self.curves.begin(recipe.steps, () if fresh else history(folder))
        self.curves.setVisible(True)
        self._show_state()
        run.run.start()

    def pause(self) -> None:
        """Rest after this step, or go on."""
        if self._run is None:
            return
        if self._run.paused:
            self._run.go_on()
            self.say("")
        else:
            self._run.pause()
            self.say("Pausing …")
        self._show_state()

    def stop(self) -> None:
        """Stop training; the checkpoint is kept."""
        if self._run is not None:
            self.say("Stopping …")
            self._run.run.cancel()

    def use(self) -> None:
        """Choose the checkpoint in the panel that stacks."""
        try:
            select_checkpoint(self._viewer, Path(self.folder.path()).expanduser())
        except ValueError as error:
            self.say(str(error), "error")

    def new_folder(self) -> None:
        """Propose a folder that is free."""
        self._named = self.folder.path()
        self._propose()

    def recipe(self) -> TrainingRecipe:
        """Return all choices of the panel.

        Raises
        ------
        ValueError, TypeError
            If something is missing or not allowed; the message says what.
        """
        from ..training.recipe import TrainingRecipe

        problem = self._problem()
        if problem:
            raise ValueError(problem)
        frames, channels = MOST_FRAMES, 3
        if self.data.used["stack"].isChecked():
            source = self.data.chooser.source()
            frames, channels = max(3, min(frames, source.frames)), source.channels
        return TrainingRecipe(
            data=self.data.parts(), frames=(2, frames), **self.network.choices(channels), **self.steps.choices()
        )

    # ------------------------------------------------------------------
    # what happens

    def _on_step(self, step: Any) -> None:
        if step.stage != "Training" and self._last is None:
            self.progress.show_step(step)

    def _on_reports(self, reports: list[Report]) -> None:
        for report in reports:
            self.curves.add(report.step, report.loss, report.psnr, report.psnr_single, report.psnr_mean)
        self.curves.refresh()
        self._last = last = reports[-1]
        self.progress.bar.setRange(0, last.steps)
        self.progress.bar.setValue(last.step)
        self.progress.bar.setFormat(f"{last.step}/{last.steps} · {remaining(last.seconds_left)}")

    def _on_preview(self, preview: Preview) -> None:
        if self._run is not None:
            stack = self._run.work.stack
            put_preview(self._viewer, stack.source if stack else None, preview)

    def _on_rested(self) -> None:
        if self._run is not None and self._run.paused:
            at = f" at step {self._last.step}" if self._last else ""
            self.say(f"Paused{at}. The checkpoint is saved; Go on continues at once.")
        self._look()
        self._show_state()

    def _on_finished(self, checkpoint: Checkpoint | None) -> None:
        if checkpoint is None:
            return
        found: dict[str, Any] = dict(checkpoint.metrics)
        words = f"Trained {checkpoint.training.steps} steps"
        if self._last is not None:
            words += f" in {duration(self._last.seconds)}"
        if "psnr" in found:
            words += f": {found['psnr']:.1f} dB on what was held out"
        if "psnr_single" in found:  # not of mosaics, whose frames are no pictures
            words += (
                f"; best single frame {found['psnr_single']:.1f} dB, mean of the frames {found['psnr_mean']:.1f} dB"
            )
        self.say(f"{words}. Saved as “{checkpoint.name}”.")

    def _on_error(self, error: Exception) -> None:
        self.say(error_words(error), "error")

    def _on_stopped(self) -> None:
        self._look()
        if self._found.recipe is None:
            self.say("Stopped before the first step. Nothing was saved.", "warning")
        else:
            words = f"Stopped at step {self._found.step}. The checkpoint is saved; Resume goes on from there."
            self.say(words, "warning")

    def _on_ended(self) -> None:
        self._run = None
        self._look()
        self._show_state()

    def _on_change(self) -> None:
        """Something in the form was changed by hand."""
        if self._filling:
            return
        if self.network.rate != self._rate:
            if self.steps.rate.value() == self._rate:  # as it was proposed
                self.steps.rate.setValue(self.network.rate)
            self._rate = self.network.rate
        self._propose()
        self._show_state()

    def _on_preset(self) -> None:
        self.choose(self.preset.currentData())

    def _on_folder(self) -> None:
        self._look()
        if self._run is None:
            kind = "error" if self._found.problem else "info"
            self.say(self._found.words, kind)
        self._show_state()

    def _propose(self) -> None:
        """Name the folder after what is trained, unless the user named one."""
        if self._run is not None or self.folder.path() != self._named:
            return
        tuned = bool(self.network.starts.currentData())
        stack = self.data.used["stack"].isChecked() and not self.data.chooser.problem
        name = self.data.chooser.source().name if stack else str(self.network.architecture.currentData())
        path = str(free_folder(f"{name} {'tuned' if tuned else 'trained'}"))
        self._named = path
        if path != self.folder.path():
            self.folder.put(path)

    def _look(self) -> None:
        self._found = found_in(self.folder.path())

    # ------------------------------------------------------------------
    # what is shown

    def _connect(self) -> None:
        for button, slot in (
            (self.button, self.start),
            (self.hold, self.pause),
            (self.progress.stop, self.stop),
            (self.use_it, self.use),
            (self.fresh, self.new_folder),
        ):
            button.clicked.connect(slot)
        self.preset.activated.connect(self._on_preset)
        self.folder.changed.connect(self._on_folder)
        for part in (self.data, self.network, self.steps):
            part.changed.connect(self._on_change)

    def _show_state(self) -> None:
        """Texts and what is enabled, from what is chosen and whether something runs."""
        running, there = self._run is not None, self._found.recipe is not None
        problem = self._problem()
        self.progress.setVisible(running)
        for widget in (self.preset, self.folder, *(section.content for section in self.sections.values())):
            widget.setEnabled(not running)
        for part in (self.network, self.steps):
            part.setEnabled(not running and not there)  # a run goes on as it began
        done = "Trained" if self._found.done else "Resume training"
        self.button.setText("Training …" if running else done if there else "Start training")
        if running and self._run is not None and self._run.paused:
            self.button.setText("Paused")
        self.button.setEnabled(not running and not problem and not self._found.problem and not self._found.done)
        self.hold.setText("Go on" if self._run is not None and self._run.paused else "Pause")
        self.use_it.setVisible(there)
        self.fresh.setVisible(there and not running)
        if not running:
            self._tell(problem)
        for name, part in (("Data", self.data), ("Network", self.network), ("Steps", self.steps)):
            self.sections[name].set_summary(part.title())

    def _problem(self) -> str:
        """Why training cannot begin with what is chosen; empty if it can."""
        resumed = self._found.recipe is not None  # with its own network
        problem = self.data.problem or ("" if resumed else self.network.problem)
        if problem or resumed:
            return problem
        name, arguments = self.network.network()
        return misfit(name, arguments, self.data.given(), simulated=self.data.used["simulation"].isChecked())

    def _tell(self, problem: str) -> None:
        """Say what keeps training from beginning, unless something else is said, and take it back when it is gone."""
        if self.message.text() not in ("", self._told) or (not problem and not self.message.text()):
            return
        self.say(problem, "info" if problem == NOTHING else "warning")
        self._told = self.message.text()

    def _on_theme(self, _: Any = None) -> None:
        super()._on_theme()
        self.curves.set_theme(self._viewer.theme)

    def release(self) -> None:
        """Let go of the viewer and stop what runs, keeping its checkpoint: the dock is closed."""
        super().release()
        run, self._run = self._run, None
        if run is not None:
            run.run.cancel()
        self.data.release()
