"""The dock panel "Depth and 3-D": look at a depth from all sides, measure in it, and save it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QPushButton, QWidget

from .annotations import Drawn
from .depth_chooser import DepthChooser
from .depth_export import ExportPart, saving_depth, saving_mesh
from .docked import DockPanel
from .feedback import ProgressRow
from .look import Section
from .probes import ProbesPart
from .profile_part import ProfilePart
from .regions import ROLE, empty_shapes
from .roughness_part import RoughnessPart
from .saving import check_folder
from .surface_part import SurfacePart, making_surface
from .surface_texture import picture_of
from .surface_view import Covered, SurfaceView
from .wording import error_words
from .worker import Run

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["DepthPanel"]

WIDTH = 330  # px; as the panel that measures depth
SHOW, BACK = "Show in 3-D", "Back to 2-D"


class DepthPanel(DockPanel):
    """Panel for a layer of depth.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose layers are offered, and in whose window the surface is shown.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(viewer, WIDTH, parent)
        self._run: Run | None = None
        self._again = False  # what is wanted changed while a surface was made
        self.view = SurfaceView(viewer, self._show_state)
        self._build()
        self._connect()
        self._on_chosen()

    # ------------------------------------------------------------------
    # what the buttons do

    def toggle(self) -> None:
        """Show the surface, or go back."""
        if self.view.shown:
            self.view.back()
        else:
            self.make_surface()

    def make_surface(self) -> None:
        """Make the surface of the chosen depth in a thread, and show it."""
        chosen = self.chooser.chosen
        if chosen is None:
            return
        if self._run is not None:
            self._again = True
            self._run.cancel()
            return
        picture = picture_of(self._viewer.layers, chosen, self._viewer.dims.point)
        run = Run(making_surface(chosen, picture, self.surface.choices()), self._show_surface, "making the surface")
        self.start(run)

    def save_depth(self, path: str) -> None:
        """Save the chosen depth in a thread."""
        chosen = self.chooser.chosen
        assert chosen is not None
        self._save(path, lambda: saving_depth(path, chosen, sigma=self.export.sigma.isChecked()))

    def save_mesh(self, path: str) -> None:
        """Save the surface of the chosen depth in a thread."""
        chosen = self.chooser.chosen
        assert chosen is not None
        picture = picture_of(self._viewer.layers, chosen, self._viewer.dims.point)
        choices = {**self.surface.choices(), "exaggeration": self.surface.height()}
        self._save(path, lambda: saving_mesh(path, chosen, picture, choices))

    def cancel(self) -> None:
        """Stop what runs, if something does."""
        self._again = False
        if self._run is not None:
            self._run.cancel()

    def start(self, run: Run) -> None:
        """Start a computation whose progress is shown."""
        self._run = run
        run.stepped.connect(self.progress.show_step)
        run.failed.connect(self._on_error)
        run.cancelled.connect(self._on_cancelled)
        run.ended.connect(self._on_ended)
        self.say("")
        self.progress.begin()
        self._show_state()
        run.start()

    def _save(self, path: str, prepare: Callable[[], Callable[[], Path]]) -> None:
        try:
            check_folder(path)
            work = prepare()
        except (ValueError, OSError) as error:
            self.say(error_words(error), "error")
            return
        self.start(Run(work, lambda file: self.say(f"Saved as “{file.name}” in {file.parent}."), "saving"))

    # ------------------------------------------------------------------
    # what happens

    def _show_surface(self, covered: Covered) -> None:
        if covered.chosen.layer in self._viewer.layers:
            self.view.show(covered)

    def _on_error(self, error: Exception) -> None:
        self.say(error_words(error), "error")

    def _on_cancelled(self) -> None:
        if not self._again:
            self.say("Cancelled. Nothing was changed.", "warning")

    def _on_ended(self) -> None:
        self._run = None
        again, self._again = self._again, False
        self._show_state()
        if again:
            self.make_surface()

    def _on_chosen(self) -> None:
        """Another depth, or another time of it."""
        chosen = self.chooser.chosen
        self.drawn.follow(chosen)
        for part in (self.surface, self.probes, self.profile, self.roughness, self.export):
            part.follow(chosen)
        self._show_state()
        if self.view.shown and chosen is not None:
            self.make_surface()

    def _on_drawn(self) -> None:
        self.profile.refresh()
        self.roughness.refresh()

    def _on_remade(self) -> None:
        if self.view.shown:
            self.make_surface()

    # ------------------------------------------------------------------
    # building

    def _build(self) -> None:
        self.chooser, self.surface = DepthChooser(self._viewer), SurfacePart()
        self.drawn = Drawn(self._viewer, ROLE, empty_shapes, self._on_drawn)
        self.profile, self.roughness = ProfilePart(self.drawn), RoughnessPart(self.drawn)
        self.probes, self.export = ProbesPart(self._viewer), ExportPart()
        self.button = QPushButton(SHOW)
        self.button.setObjectName("main")
        self.progress = ProgressRow()
        self.sections = {
            "3-D": Section("3-D", self.surface),
            "Probes": Section("Probes", self.probes),
            "Profile": Section("Profile", self.profile),
            "Roughness": Section("Roughness", self.roughness),
            "Export": Section("Export", self.export),
        }
        self._fill(self.chooser, self.button, self.progress, self.message, *self.sections.values())

    def _connect(self) -> None:
        self.button.clicked.connect(self.toggle)
        self.progress.stop.clicked.connect(self.cancel)
        self.chooser.changed.connect(self._on_chosen)
        self.surface.dressed.connect(self.view.dress)
        self.surface.raised.connect(self.view.raise_by)
        self.surface.remade.connect(self._on_remade)
        self.surface.aim.clicked.connect(self.view.aim)
        self.sections["Roughness"].header.toggled.connect(lambda _: self.roughness.refresh())
        self.export.depth_wanted.connect(self.save_depth)
        self.export.mesh_wanted.connect(self.save_mesh)
        for signal in (self.surface.dressed, self.surface.raised, self.probes.changed):
            signal.connect(self._show_state)
        for event in self._layers_events():
            event.connect(self._show_state)

    def _layers_events(self) -> tuple[Any, ...]:
        """Events after which there may be another picture of the depth."""
        events = self._viewer.layers.events
        return events.inserted, events.removed

    def _show_state(self, _: Any = None) -> None:
        """Texts and what is enabled, from what is chosen and whether something runs."""
        there, running = self.chooser.chosen is not None, self._run is not None
        self.progress.setVisible(running)
        self.button.setText(BACK if self.view.shown else SHOW)
        self.button.setEnabled(self.view.shown or (there and not running))
        self.export.offer(there and not running)
        chosen = self.chooser.chosen
        self.surface.offer_picture(
            chosen is not None and picture_of(self._viewer.layers, chosen, self._viewer.dims.point) is not None
        )
        self.sections["3-D"].set_summary(self.surface.title())
        self.sections["Probes"].set_summary(self.probes.title())

    def _on_theme(self, _: Any = None) -> None:
        super()._on_theme()
        self.profile.plot.set_theme(self._viewer.theme)

    def release(self) -> None:
        """Let go of the viewer and stop what runs: the dock is closed."""
        super().release()
        self.cancel()
        self.chooser.release()
        self.view.release()
        self.drawn.release()
        self.probes.release()
        self.roughness.stop()
        for event in self._layers_events():
            event.disconnect(self._show_state)
