"""Screenshot of training in napari's real window: a network is fine-tuned on the simulated burst, or on a real one.

Usage, where there is no display:
xvfb-run -a -s "-screen 0 1920x1200x24" python docs/_scripts/training_screenshots.py [FOLDER]

FOLDER holds the frames of a stack.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import napari
from screenshots import IMAGES, PATIENCE_S, SIZE, pump, save

from napari_focusstack.ui.source import PLUGIN

STEPS = 40


def trained(panel, folder: Path, steps: int) -> None:
    """Click the button and wait until so many steps are done."""
    panel.data.put({"stack": 100})  # simulated scenes take a minute to be drawn first
    panel.folder.put(str(folder))
    panel.steps.put(steps=steps, rate=2e-4, check=5)
    panel.steps.crop.setValue(64)
    panel.steps.bursts.setValue(2)
    panel.button.click()
    end = time.monotonic() + 3 * PATIENCE_S
    while panel._run is not None and time.monotonic() < end:
        if panel._last is not None and panel._last.step >= STEPS:
            break
        pump(0.05)


def training_panel(source: Path | None) -> None:
    """The panel while it trains, with the preview beside it."""
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(*SIZE)
    if source is None:
        viewer.open_sample(PLUGIN, "raw")
    else:
        viewer.open(source, plugin=PLUGIN)
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Train a network")
    pump(1.0)
    with tempfile.TemporaryDirectory() as folder:
        trained(panel, Path(folder) / "tuned", 2 * STEPS)
        panel.sections["Data"].open()
        save(viewer, "training_panel.png")
        panel.stop()
        while panel._run is not None:
            pump(0.05)
    viewer.close()


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    training_panel(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
