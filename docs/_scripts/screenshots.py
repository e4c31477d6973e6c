"""Screenshots of the documentation, taken in napari's real window: run it after a change of the panel.

Usage, where there is no display: xvfb-run -a -s "-screen 0 1920x1200x24" python docs/_scripts/screenshots.py
"""

import time
from pathlib import Path

import napari
from PIL import Image
from qtpy.QtWidgets import QApplication

from napari_focusstack.ui.report import AlignmentReport
from napari_focusstack.ui.source import PLUGIN

IMAGES = Path(__file__).parents[1] / "images"
SIZE = (1400, 860)  # px
PATIENCE_S = 120.0


def pump(seconds: float) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def stacked(panel) -> None:
    """Click the button and wait for the result."""
    panel.button.click()
    end = time.monotonic() + PATIENCE_S
    while not panel.button.isEnabled() and time.monotonic() < end:
        pump(0.05)
    pump(0.5)


def window(sample: str):
    """Viewer with a sample, and the panel beside it."""
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(*SIZE)
    viewer.open_sample(PLUGIN, sample)
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Focus stack")
    pump(1.0)
    return viewer, panel


def save(viewer, name: str) -> None:
    """Write a picture of the whole window, in 256 colours: a third of the size."""
    pump(0.3)
    picture = Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)).convert("RGB")
    picture.quantize(256).save(IMAGES / name, optimize=True)


def raw_burst() -> None:
    """A raw burst that was stacked, its index, the panel's sections, and the report of the alignment."""
    viewer, panel = window("raw")
    stacked(panel)
    save(viewer, "panel.png")
    index, fused = viewer.layers["insect [index]"], viewer.layers["insect [fused]"]
    index.visible, fused.visible = True, False
    save(viewer, "index.png")
    for section in panel.sections.values():
        section.open()
    pump(0.3)
    panel.widget().grab().save(str(IMAGES / "sections.png"))
    panel.alignment.report.click()
    pump(0.3)
    panel.findChild(AlignmentReport).grab().save(str(IMAGES / "report.png"))
    viewer.close()


def zstack() -> None:
    """Three channels of a z-stack, stacked together."""
    viewer, panel = window("zstack")
    stacked(panel)
    save(viewer, "channels.png")
    viewer.close()


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    raw_burst()
    zstack()
