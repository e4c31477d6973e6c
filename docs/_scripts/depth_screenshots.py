"""Screenshots of depth in napari's real window: of the simulated burst, and of real ones where they are at hand.

Usage, where there is no display:
xvfb-run -a -s "-screen 0 1920x1200x24" python docs/_scripts/depth_screenshots.py [FOLDER]

FOLDER holds stacks/sphere12/frames, stacks/pcb_switch10/frames, stacks/beetle28/frames and zstacks/pollen_z32*.tif.
"""

from __future__ import annotations

import sys
from pathlib import Path

import napari
import numpy as np
from PIL import Image, ImageOps
from screenshots import IMAGES, SIZE, pump, save, stacked, window

from napari_focusstack.depth import Depth
from napari_focusstack.depth.surface import surface_of
from napari_focusstack.ui.source import PLUGIN

REAL = {  # file of the sheet: its bursts, and whether their focus came nearer from frame to frame
    "depth_macro.jpg": {"stacks/sphere12/frames": True, "stacks/pcb_switch10/frames": True},
    "depth_small.jpg": {"stacks/beetle28/frames": False, "zstacks/pollen_z32*.tif": True},
}
TILE = (460, 345)  # px: one picture of a sheet
GAP = 8  # px
LOOK = (-0.75, -0.6, -0.3)  # along z, y, x: from in front of the surface, below and right of it
BURST_STEP = 20.0  # µm, as if the simulated burst had been shot so


def depth_panel() -> None:
    """The simulated raw burst with its depth, and in 3-D."""
    viewer, panel = window("raw")
    measured(panel, BURST_STEP)
    show(viewer, "[depth in")
    panel.sections["Depth"].open()
    save(viewer, "depth_panel.png")
    viewer.close()


def depth_3d() -> None:
    """The same burst in 3-D, by the button of the other panel."""
    viewer, panel = window("raw")
    panel.depth.fill.setChecked(True)
    measured(panel, BURST_STEP)
    viewer.window.remove_dock_widget("all")
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Depth and 3-D")
    dock.sections["3-D"].open()
    dock.surface.flip.setChecked(True)  # the focus went away from the camera
    pump(0.5)
    dock.button.click()
    pump(6.0)
    save(viewer, "depth_3d.png")
    viewer.close()


def real(folder: Path) -> None:
    """Sheets of real bursts: the picture, the depth, the surface."""
    for name, sources in REAL.items():
        rows = [row_of(next(iter(folder.glob(source))), nearer) for source, nearer in sources.items()]
        sheet = stacked_tiles([stacked_tiles(row, axis=1) for row in rows], axis=0)
        Image.fromarray(sheet).save(IMAGES / name, quality=85, optimize=True)


def row_of(source: Path, nearer: bool) -> list[np.ndarray]:
    """Picture, depth and surface of a burst, as its window shows them."""
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(*SIZE)
    viewer.open(source, plugin=PLUGIN if source.is_dir() else "napari")
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Focus stack")
    pump(1.0)
    measured(panel)
    tiles = []
    for part in ("[fused]", "[depth in"):
        show(viewer, part)
        viewer.layers.selection.active.colorbar.visible = False  # the tile cuts it
        tiles.append(tile(viewer))
    panel.depth.fill.setChecked(True)
    stacked(panel)
    turn_up(viewer, nearer)
    tiles.append(tile(viewer))
    viewer.close()
    return tiles


def turn_up(viewer, nearer: bool) -> None:
    """Show the surface, its gaps filled, with the picture on it, from the side."""
    fused, position, sigma = (
        next(np.squeeze(layer.data) for layer in viewer.layers if part in layer.name)
        for part in ("[fused]", "[depth in", "[depth σ in")
    )
    known = np.isfinite(position).astype(np.float32)
    depth = Depth(position, sigma, position, known, np.arange(2.0))
    surface = surface_of(depth, fused, larger_is_nearer=nearer)
    for layer in viewer.layers:
        layer.visible = False
    viewer.add_surface(
        (surface.vertices, surface.faces), texture=surface.texture, texcoords=surface.texcoords, shading="none"
    )
    viewer.dims.ndisplay = 3
    viewer.fit_to_view()
    viewer.camera.orientation = ("towards", "down", "right")
    viewer.camera.set_view_direction(LOOK, (0, -1, 0))
    pump(1.0)


def measured(panel, step: float | None = None) -> None:
    """Stack and measure, with a distance of the frames in µm if one is given."""
    panel.depth.methods.choose("sff", {})
    panel.depth.step.put(step, None if step is None else "um")
    stacked(panel)


def show(viewer, part: str) -> None:
    """Show the layers whose names hold `part`, and no others."""
    for layer in viewer.layers:
        layer.visible = part in layer.name and "σ" not in layer.name
        if layer.visible:
            viewer.layers.selection.active = layer
    viewer.fit_to_view()
    pump(0.3)


def tile(viewer) -> np.ndarray:
    """The canvas alone, (Y, X, 3) uint8, all tiles of the same size."""
    picture = Image.fromarray(viewer.screenshot(canvas_only=True, flash=False)).convert("RGB")
    return np.asarray(ImageOps.fit(picture, TILE, Image.Resampling.LANCZOS))


def stacked_tiles(pictures: list[np.ndarray], axis: int) -> np.ndarray:
    """Pictures side by side or below each other, with white between them."""
    shape = list(pictures[0].shape)
    shape[axis] = GAP
    gap = np.full(shape, 255, np.uint8)
    return np.concatenate([piece for picture in pictures for piece in (picture, gap)][:-1], axis)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    depth_panel()
    depth_3d()
    if len(sys.argv) > 1:
        real(Path(sys.argv[1]))
