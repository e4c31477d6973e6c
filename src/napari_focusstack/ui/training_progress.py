"""What a run tells while it goes: its curves and its preview."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..arrays import from_float
from .results import Results, split
from .source import PLUGIN, notes
from .training_curves import Curve, CurvesPlot, smoothed

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image

    from .source import Source
    from .training_run import Preview

__all__ = ["PREVIEW", "CurvesPart", "put_preview", "remaining"]

PREVIEW = "training preview"
ROOM = 1.5  # of the canvas around a new preview


class CurvesPart(QWidget):
    """Loss and PSNR over the steps."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Curve("PSNR, network", ("#ff5ce1", "#b8129a"), 2.2)
        self.single = Curve("PSNR, best single frame", ("#ffb000", "#9a5b00"), dashed=True)
        self.mean = Curve("PSNR, mean of the frames", ("#6fb7ff", "#0a58a8"), dashed=True)
        self.trend = Curve("loss, smoothed", ("#5fe0a0", "#067a45"), 2.2)
        self.loss = Curve("", ("#3f6b56", "#a5d3bd"), 1.0)
        waiting = "comes with the first look at examples"
        self.quality = CurvesPlot("PSNR", "dB", waiting, self.network, self.single, self.mean)
        self.losses = CurvesPlot("Loss", "", "comes with the first step", self.trend, self.loss)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.quality)
        layout.addWidget(self.losses)

    def begin(self, steps: int, rows: Iterable[dict[str, float]] = ()) -> None:
        """Begin anew, or with what was noted before."""
        for plot in (self.quality, self.losses):
            plot.clear()
            plot.show_steps(steps)
        for row in rows:
            self.add(int(row["step"]), row["loss"], row.get("psnr"), row.get("psnr_single"), row.get("psnr_mean"))
        self.refresh()

    def add(
        self, step: int, loss: float, psnr: float | None = None, single: float | None = None, mean: float | None = None
    ) -> None:
        """Add a step; `refresh` shows it."""
        self.loss.points.append((step, loss))
        for curve, value in ((self.network, psnr), (self.single, single), (self.mean, mean)):
            if value is not None:
                curve.points.append((step, value))

    def refresh(self) -> None:
        """Show what was added."""
        steps = [step for step, _ in self.loss.points]
        trend = smoothed([loss for _, loss in self.loss.points])
        self.trend.points[:] = zip(steps, trend, strict=True)
        self.quality.update()
        self.losses.update()

    def set_theme(self, theme: str) -> None:
        """Take the colours of one of napari's themes."""
        self.quality.set_theme(theme)
        self.losses.set_theme(theme)


def remaining(seconds: float) -> str:
    """Time left, as roughly as it is known."""
    if seconds < 60:
        return f"{seconds:.0f} s left"
    minutes = round(seconds / 60)
    return f"{minutes} min left" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min left"


def put_preview(viewer: napari.viewer.Viewer, source: Source | None, preview: Preview) -> None:
    """Show what the network does by now, in place of what it did before; a new layer is brought into view."""
    if source is None:
        layer, new = _simulated(viewer, preview)
    elif all(layer in viewer.layers for layer in source.layers) and preview.area is not None:
        layer, new = _of_stack(viewer, source, preview)
    else:
        return
    if new:
        _aim(viewer, layer)


def _of_stack(viewer: napari.viewer.Viewer, source: Source, preview: Preview) -> tuple[Image, bool]:
    assert preview.area is not None
    results = Results(viewer.layers, source, preview.area, {"step": preview.step})
    picture: Any = from_float(preview.picture, source.data.dtype)
    axes = "YXS"
    if "S" not in source.axes:
        picture, axes = (np.moveaxis(picture, -1, 0), "CYX") if "C" in source.axes else (picture[..., 0], "YX")
    layer: Any = None
    new = False
    for owners, part, letters in split(source, picture, axes):
        first = owners[0]
        new = new or results.find(PREVIEW, owners) is None
        look = {} if first.rgb else {"colormap": first.colormap, "contrast_limits": first.contrast_limits}
        layer = results.put(PREVIEW, owners, part, letters, look)
        layer.visible = True
    return layer, new


def _simulated(viewer: napari.viewer.Viewer, preview: Preview) -> tuple[Image, bool]:
    ours = {"role": PREVIEW, "source_id": "", "step": preview.step}
    for layer in viewer.layers:
        if notes(layer).get("role") == PREVIEW and not notes(layer).get("source_id"):
            layer.data = preview.picture
            layer.metadata = {PLUGIN: ours}
            return layer, False
    name = f"simulated burst [{PREVIEW}]"
    picture = np.clip(preview.picture, 0, 1)
    return viewer.add_image(picture, name=name, rgb=picture.shape[-1] == 3, metadata={PLUGIN: ours}), True


def _aim(viewer: napari.viewer.Viewer, layer: Image) -> None:
    """Bring a layer into the middle of the canvas."""
    if viewer.dims.ndisplay != 2:
        return
    corners = layer.extent.world[:, -2:]
    camera = viewer.scene.camera
    camera.center = (0.0, *corners.mean(0))
    camera.zoom = float(np.min(np.asarray(viewer.canvas.size) / (ROOM * np.maximum(corners[1] - corners[0], 1e-9))))
