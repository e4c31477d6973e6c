"""The plugin's page in napari's preferences, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from ..devices import set_threads
from .source import PLUGIN

__all__ = ["Preferences", "preferences"]


def _usual_checkpoints() -> Path:
    """Where checkpoints go unless the user says otherwise."""
    return platformdirs.user_data_path(PLUGIN, appauthor=False) / "checkpoints"


@dataclass(frozen=True)
class Preferences:
    """What the panel and the menu commands start with."""

    align: str = "ecc"
    fuse: str = "pyramid"
    depth: str = "sff"
    device: str = "auto"
    threads: int = 0  # all cores
    checkpoints: Path = field(default_factory=_usual_checkpoints)  # folder of the user's own

    def apply(self) -> None:
        """Let computations use the preferred number of threads."""
        set_threads(self.threads)


def preferences() -> Preferences:
    """Preferences as the user set them; the defaults where napari does not know pages of plugins (before 0.9)."""
    try:
        from napari.settings import get_plugin_settings

        page = get_plugin_settings(PLUGIN)
    except (ImportError, KeyError):  # an older napari; the manifest is not registered
        return Preferences()
    methods, computing = page.methods, page.computing
    folder = Path(page.training.checkpoints).expanduser() if page.training.checkpoints else _usual_checkpoints()
    return Preferences(methods.align, methods.fuse, methods.depth, computing.device, computing.threads, folder)
