"""The part of the depth panel that saves: the map as a picture of numbers, the surface as a mesh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from ..io import Metadata
from ..io.depth import check_depth_writable, write_depth
from ..io.mesh import check_mesh_writable, write_mesh
from ..units import factor
from .forms import help_label
from .saving import ask_path
from .sections import push_button, side_by_side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .measured import Measured

__all__ = ["ExportPart", "saving_depth", "saving_mesh"]

DEPTH_FILTERS = (
    "OME-TIFF, 32 bit (*.ome.tif)",
    "TIFF, 32 bit (*.tif)",
    "PNG, 16 bit (*.png)",
)
MESH_FILTERS = (
    "glTF with picture (*.glb)",
    "PLY with colours (*.ply)",
    "OBJ with picture (*.obj)",
    "STL, shape alone (*.stl)",
)
WORDS = "Depth: numbers in their unit, with the size of a pixel. Surface: as fine and as high as chosen under 3-D."


class ExportPart(QWidget):
    """Buttons that ask for a file.

    Signals
    -------
    depth_wanted, mesh_wanted : str
        Path that the user chose.
    """

    depth_wanted = Signal(str)
    mesh_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._name = ""
        self.depth = push_button("Depth…", "Save the depth: TIFF in 32 bit, or PNG in 16 bit.")
        self.mesh = push_button("Surface…", "Save the surface for viewers, slicers and printers: GLB, PLY, OBJ, STL.")
        self.sigma = QCheckBox("σ as a second channel")
        self.sigma.setToolTip("<p>The standard deviation of each depth along with it; not in PNG.</p>")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 10)
        column.setSpacing(6)
        for widget in (help_label(WORDS), self.sigma, side_by_side(self.depth, self.mesh)):
            column.addWidget(widget)
        self.depth.clicked.connect(self._ask_depth)
        self.mesh.clicked.connect(self._ask_mesh)

    def follow(self, chosen: Measured | None) -> None:
        """Offer to save another depth."""
        self._name = "" if chosen is None else chosen.source

    def offer(self, offered: bool) -> None:
        """Enable the buttons, or not."""
        self.depth.setEnabled(offered)
        self.mesh.setEnabled(offered)

    def _ask_depth(self) -> None:
        path = ask_path(self, "Save the depth", f"{self._name} depth.ome.tif", DEPTH_FILTERS)
        if path:
            self.depth_wanted.emit(path)

    def _ask_mesh(self) -> None:
        path = ask_path(self, "Save the surface", f"{self._name} surface.glb", MESH_FILTERS)
        if path:
            self.mesh_wanted.emit(path)


def saving_depth(path: str, chosen: Measured, *, sigma: bool) -> Callable[[], Path]:
    """Return what saves a depth, to be called in a thread.

    Raises
    ------
    ValueError
        If the file's extension does not take it.
    """
    depth, size = chosen.depth, chosen.pixel_size
    with_sigma = sigma and Path(path).suffix.lower() != ".png"
    check_depth_writable(path, depth.position.shape, sigma=with_sigma)
    known = Metadata(made_of=chosen.made_of)
    if size is not None:
        into = factor(depth.unit, "um")
        known = replace(known, pixel_size=(size[0] * into, size[1] * into), unit="um")
    error = depth.sigma if with_sigma else None
    return lambda: write_depth(path, depth.position, unit=depth.unit, sigma=error, like=known)


def saving_mesh(
    path: str,
    chosen: Measured,
    picture: Callable[[], NDArray[Any]] | None,
    choices: dict[str, Any],
) -> Callable[[], Path]:
    """Return what makes the surface of a depth and saves it, to be called in a thread.

    Raises
    ------
    ValueError
        If the file's extension is not one of a mesh.
    """
    check_mesh_writable(path)
    depth, size, made_of = chosen.depth, chosen.pixel_size, chosen.made_of

    def save() -> Path:
        from ..depth.surface import surface_of

        surface = surface_of(depth, None if picture is None else picture(), pixel_size=size, **choices)
        return write_mesh(
            path,
            surface.vertices,
            surface.faces,
            texcoords=surface.texcoords,
            texture=surface.texture,
            unit=surface.unit,
            made_of=made_of,
        )

    return save
