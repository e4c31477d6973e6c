"""The view in three dimensions: a surface layer in its place, everything else hidden; and exactly back again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer

from ..units import factor
from .measured import Measured
from .source import PLUGIN, notes

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Surface as SurfaceLayer
    from numpy.typing import NDArray

    from ..depth.surface import Surface

__all__ = ["LOOKS", "Covered", "SurfaceView"]

LOOKS = {"picture": "Picture", "colours": "Depth colours", "shaded": "Plain, shaded"}
TILT, TURN = np.radians(46.0), np.radians(24.0)  # of the line of sight: from the vertical, and around it
PERSPECTIVE = 25.0  # degrees of the field of view
MARGIN = 0.15  # around the surface, of the window: perspective makes its near end larger
FITTED = 20_000  # vertices that are looked at for it
TAILS = (0.5, 99.5)  # percentiles of them that are to be seen
PLASTER = (0.8, 0.8, 0.78, 1.0)


@dataclass(frozen=True, eq=False)
class Covered:
    """A surface and the depth it was made of.

    Attributes
    ----------
    surface : Surface
        Its mesh, with the texture if there is a picture.
    depths : (V,) float32
        Depth of each vertex, in the depth's unit.
    chosen : Measured
        Where it lies.
    """

    surface: Surface
    depths: NDArray[np.float32]
    chosen: Measured


@dataclass(frozen=True)
class _Before:
    """What the window showed in 2-D."""

    visible: dict[Any, bool]
    selection: tuple[Any, ...]
    active: Any
    point: tuple[float, ...]
    camera: dict[str, Any]


class SurfaceView:
    """Shows surfaces in 3-D and puts the window back as it was.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose window it is.
    changed : callable
        Called when the view was entered or left, by whomever.
    """

    def __init__(self, viewer: ViewerModel, changed: Callable[[], None]) -> None:
        self._viewer, self._changed = viewer, changed
        self._before: _Before | None = None
        self._layer: SurfaceLayer | None = None
        self._covered: Covered | None = None
        self._look, self._height = "picture", 1.0
        viewer.dims.events.ndisplay.connect(self._on_ndisplay)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def shown(self) -> bool:
        """Whether the window shows a surface now."""
        return self._before is not None

    def release(self) -> None:
        """Leave 3-D, and stop following the viewer."""
        self.back()
        self._layer = self._covered = None
        self._viewer.dims.events.ndisplay.disconnect(self._on_ndisplay)
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def show(self, covered: Covered) -> SurfaceLayer:
        """Put the surface into its layer, new or that of the same depth, and enter 3-D if the window is not there."""
        entering = self._before is None
        before = self._before or self._state()
        self._before = None  # what is removed now is not removed by the user
        self._layer, self._covered = self._put(covered), covered
        self._dress()
        if self._layer not in self._viewer.layers:
            self._viewer.layers.append(self._layer)
        self._before = before
        for layer in self._viewer.layers:
            layer.visible = layer is self._layer
        self._viewer.layers.selection.active = self._layer
        if entering:
            self._viewer.dims.ndisplay = 3
            self.aim()
            self._changed()
        return self._layer

    def aim(self) -> None:
        """Look at the surface from where its relief shows."""
        camera = self._viewer.scene.camera
        sight = (-np.cos(TILT), -np.sin(TILT) * np.cos(TURN), np.sin(TILT) * np.sin(TURN))
        camera.set_view_direction(sight, up_direction=(1, 0, 0))  # z points up in the window
        camera.perspective = PERSPECTIVE
        if self._layer is not None:
            self._fit(self._layer)

    def _fit(self, layer: SurfaceLayer) -> None:
        """Fit what is not astray into the window: single wrong depths would make everything else small."""
        camera, every = self._viewer.scene.camera, max(1, len(layer.data[0]) // FITTED)
        places = layer.data[0][::every] * layer.scale + layer.translate
        units = self._viewer.layers.units
        if units is not None:  # those of the window, which may be another layer's
            places = places * [
                (1 * own).to(of_all).magnitude for own, of_all in zip(layer.units, units[-3:], strict=True)
            ]
        sight, up = np.array(camera.view_direction), np.array(camera.up_direction)
        axes = np.stack([sight, up, np.cross(sight, up)])
        low, high = np.percentile(places @ axes.T, TAILS, axis=0)
        room = (high - low)[1:] / np.array(self._viewer.canvas.size)
        camera.center = tuple(float(v) for v in ((low + high) / 2) @ axes)
        if room.max() > 0:
            camera.zoom = (1 - MARGIN) / float(room.max())

    def back(self) -> None:
        """Show what was shown before, from where it was seen."""
        before, self._before = self._before, None
        if before is None:
            return
        viewer = self._viewer
        viewer.dims.ndisplay = 2
        if self._layer in viewer.layers:
            viewer.layers.remove(self._layer)  # else its z would stay among the sliders
        for layer, visible in before.visible.items():
            if layer in viewer.layers:
                layer.visible = visible
        inner = before.point[-3:]  # the others have sliders in 3-D, too: time stays where it was moved
        viewer.dims.point = (*viewer.dims.point[: viewer.dims.ndim - len(inner)], *inner)
        for name, value in before.camera.items():
            setattr(viewer.scene.camera, name, value)
        viewer.layers.selection.clear()
        viewer.layers.selection.update(layer for layer in before.selection if layer in viewer.layers)
        if before.active in viewer.layers:
            viewer.layers.selection.active = before.active
            viewer.layers.selection.update(layer for layer in before.selection if layer in viewer.layers)
        self._changed()

    def dress(self, look: str) -> None:
        """Cover the surface with one of `LOOKS`."""
        self._look = look
        self._dress()

    def raise_by(self, height: float) -> None:
        """Multiply heights, and keep the surface in the window."""
        self._height = height
        if self._layer is not None and self._covered is not None:
            self._layer.scale = self._scale()
            if self._look == "shaded":  # light falls on the true slopes
                self._dress()
            if self.shown:
                self._fit(self._layer)

    # ------------------------------------------------------------------
    # the layer

    def _put(self, covered: Covered) -> SurfaceLayer:
        from napari.layers import Surface

        chosen, surface = covered.chosen, covered.surface
        known = {"role": "surface", "source": chosen.source, "source_id": chosen.source_id}
        layer, layers = self._layer, self._viewer.layers
        if layer in layers and notes(layer)["source_id"] != chosen.source_id:
            layers.remove(layer)
        if layer is None or layer not in layers:
            layer = Surface((surface.vertices, surface.faces, covered.depths), metadata={PLUGIN: known}, visible=False)
        layer.name = f"{chosen.source} [surface]"
        layer.translate = (0, *chosen.layer.translate[-2:])
        layer.units = self._units(chosen)
        layer.axis_labels = ("z", *chosen.layer.axis_labels[-2:])
        return layer

    def _units(self, chosen: Measured) -> tuple[Any, ...]:
        """Units of the surface; that of z is the other layers', if it cannot be converted: napari wants them alike."""
        y, x = chosen.layer.units[-2:]
        others = [layer.units[-3] for layer in self._viewer.layers if layer.ndim > 2 and layer is not self._layer]
        foreign = [unit for unit in others if not unit.is_compatible_with(y)]
        return (foreign[0] if foreign else y, y, x)

    def _scale(self) -> tuple[float, ...]:
        """Scale of the layer: from the surface's unit to the world's, and the heights."""
        assert self._covered is not None
        chosen = self._covered.chosen
        y, x = map(float, chosen.layer.scale[-2:])
        height = 1.0 if self._look == "shaded" else self._height
        if chosen.pixel_size is None:
            return ((abs(y) + abs(x)) / 2 * height, y, x)
        unit = factor(chosen.depth.unit, str(chosen.length))
        return (unit * height, float(np.copysign(unit, y)), float(np.copysign(unit, x)))

    def _dress(self) -> None:
        layer, covered = self._layer, self._covered
        if layer is None or covered is None:
            return
        surface, look = covered.surface, self._look
        if look == "picture" and surface.texture is None:
            look = "colours"
        vertices = surface.vertices
        if self._look == "shaded":
            vertices = vertices * np.array((self._height, 1, 1), np.float32)
        layer.texture, layer.texcoords, layer.vertex_colors = None, None, None  # those of other vertices
        layer.scale = self._scale()
        values = np.ones_like(covered.depths) if look == "picture" else covered.depths  # they multiply the picture
        layer.data = (vertices, surface.faces, values)
        shown = covered.chosen.layer
        layer.colormap = "gray" if look == "picture" else shown.colormap
        limits = (0.0, 1.0) if look == "picture" else shown.contrast_limits
        layer.contrast_limits_range = layer.contrast_limits = limits
        layer.shading = "smooth" if look == "shaded" else "none"
        if look == "picture":
            layer.texcoords, layer.texture = surface.texcoords, surface.texture
        elif look == "shaded":
            layer.vertex_colors = np.tile(np.array(PLASTER, np.float32), (len(vertices), 1))

    # ------------------------------------------------------------------
    # the window

    def _state(self) -> _Before:
        layers, camera = self._viewer.layers, self._viewer.scene.camera
        return _Before(
            {layer: bool(layer.visible) for layer in layers},
            tuple(layers.selection),
            layers.selection.active,
            tuple(self._viewer.dims.point),
            {name: getattr(camera, name) for name in ("angles", "perspective", "center", "zoom")},
        )

    def _on_ndisplay(self, _: Any = None) -> None:
        if self._viewer.dims.ndisplay == 2 and self.shown:  # by napari's own button
            QTimer.singleShot(0, self.back)  # when everybody else knows of it

    def _on_removed(self, event: Any) -> None:
        if event.value is self._layer and self.shown:  # by the user
            self.back()
