"""Screenshots of learned depth in napari's real window, before and after its network was adapted to the stack.

Usage, where there is no display:
xvfb-run -a -s "-screen 0 1920x1200x24" python docs/_scripts/learned_screenshots.py [FOLDER]

With FOLDER, only of real bursts, made smaller, which it holds (see REAL): by shape from focus, by the network, and by
the network that was adapted.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import napari
import numpy as np
from depth_screenshots import show, stacked_tiles, tile
from PIL import Image
from screenshots import IMAGES, SIZE, pump, save

from napari_focusstack import simulate
from napari_focusstack.ui.source import PLUGIN

REAL = ("stacks/pcb_switch10/frames", "stacks/sphere12/frames", "stacks/beetle28/frames")
STEP = 20.0  # µm, as if the simulated burst had been shot so
SIDE, WIDTH = 480, 1400  # px: the longer one of the real frames; the sheet's


def learned_panel() -> None:
    """A small simulated burst by the network as it comes, and adapted: both layers, and the panel with its buttons."""
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(*SIZE)
    burst = simulate("steps", frames=6, height=240, width=320, blur=2.0, noise=5e-3, seed=1)
    viewer.add_image(burst.frames, name="steps", axis_labels=("z", "y", "x"))
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Focus stack")
    pump(1.0)
    panel.depth.step.put(STEP, "um")
    adapted(panel)
    panel.sections["Depth"].open()
    viewer.canvas.grid.enabled = True
    viewer.fit_to_view()
    save(viewer, "depth_adapted.png")
    viewer.close()


def real(folder: Path) -> None:
    """A sheet of real bursts, a row each."""
    rows = [row_of(folder / source) for source in REAL]
    sheet = stacked_tiles([stacked_tiles(row, axis=1) for row in rows], axis=0)
    picture = Image.fromarray(sheet)
    picture.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
    picture.save(IMAGES / "depth_learned.jpg", quality=80, optimize=True)


def row_of(source: Path) -> list[np.ndarray]:
    """Fused picture, depth by shape from focus, by the network, and by the adapted network."""
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(*SIZE)
    with tempfile.TemporaryDirectory() as place:
        viewer.open(smaller(source, Path(place) / source.parent.name), plugin=PLUGIN)
        _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Focus stack")
        pump(1.0)
        panel.depth.methods.choose("sff", {})
        done(panel, panel.button)
        tiles = [shown(viewer, "[fused]"), shown(viewer, "[depth in")]
        limits = viewer.layers.selection.active.contrast_limits
        adapted(panel)
        for layer in viewer.layers:
            if "depth in" in layer.name:
                layer.contrast_limits = limits
        better = any("adapted]" in layer.name for layer in viewer.layers)
        tiles += [shown(viewer, part) for part in ("[depth in frames]", "adapted]" if better else "[depth in frames]")]
    viewer.close()
    return tiles


def smaller(source: Path, place: Path) -> Path:
    """Folder of the frames, made smaller."""
    place.mkdir()
    for path in sorted(source.iterdir()):
        with Image.open(path) as picture:
            picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
            picture.save(place / f"{path.stem}.png")
    return place


def adapted(panel) -> None:
    """Adapt the shipped network to what is chosen."""
    panel.depth.methods.choose("aif", {})
    done(panel, panel.depth.tuning.adapt)


def done(panel, button) -> None:
    """Click a button and wait until all is done."""
    button.click()
    while not panel.button.isEnabled():
        pump(0.1)
    pump(0.5)


def shown(viewer, part: str) -> np.ndarray:
    """Canvas with the layer whose name holds `part`."""
    show(viewer, part)
    viewer.layers.selection.active.colorbar.visible = False  # the tile cuts it
    return tile(viewer)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        real(Path(sys.argv[1]))
    else:
        learned_panel()
