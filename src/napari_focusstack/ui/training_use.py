"""From a checkpoint to the panel that stacks with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..fusion import FUSERS
from ..methods import Method, options_of
from ..nets.checkpoint import read_checkpoint
from .source import PLUGIN

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["select_checkpoint"]

PANEL = "Focus stack"


def select_checkpoint(viewer: napari.viewer.Viewer, path: Path) -> Any:
    """Panel that stacks, opened, with the method of the checkpoint's network and the checkpoint chosen in it.

    Raises
    ------
    ValueError
        If the checkpoint cannot be read, or no method uses such a network.
    """
    architecture = read_checkpoint(path).architecture
    method = next((name for name, fuser in FUSERS.items() if architecture in _architectures(fuser)), None)
    if method is None:
        raise ValueError(f"no method of fusion uses a {architecture}; the checkpoint is in {path}")
    dock, panel = viewer.window.add_plugin_dock_widget(PLUGIN, PANEL, tabify=True)
    panel.fusion.methods.choose(method, {"checkpoint": str(path)})
    panel.sections["Fusion"].open()
    dock.show()
    dock.raise_()
    panel.say(f"The method “{panel.fusion.methods.title}” uses the checkpoint “{path.name}” now.")
    return panel


def _architectures(fuser: Method) -> tuple[str, ...]:
    """Architectures of the networks that a method of fusion runs."""
    option = options_of(fuser).get("checkpoint")
    return option.architectures if option else ()
