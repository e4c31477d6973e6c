"""Depth layers as measurements: the plane that is shown, its error, the size of its pixels, and the picture of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..depth import Depth
from ..depth.result import most_between, most_words
from ..units import check_unit, factor, plain, symbol
from .source import notes, variant_of

if TYPE_CHECKING:
    from napari.layers import Image, Layer

__all__ = ["Measured", "depths_among", "measured", "of_role", "plane_at", "with_error"]

FACTS = 250_000  # pixels that are looked at for the facts
MICRO_DIGITS = 6


@dataclass(frozen=True, eq=False)
class Measured:
    """One plane of a depth layer, and how it lies in the world.

    Attributes
    ----------
    layer : Image
        Of the depth. For the main thread only.
    depth : Depth
        Its plane (Y, X) at the viewer's current step.
    pixel_size : (float, float) or None
        Height and width of a pixel in the depth's unit; None where depth, or the pixels, are of no known length.
    length : str or None
        Unit of the layer's world, None if it is no length.
    """

    layer: Image
    depth: Depth
    pixel_size: tuple[float, float] | None
    length: str | None

    @property
    def source(self) -> str:
        """Name of what the depth was measured in."""
        return str(notes(self.layer).get("source") or self.layer.name)

    @property
    def source_id(self) -> str:
        """What tells the layers of one measurement: that of the source, or of a depth layer without one."""
        return str(notes(self.layer).get("source_id") or self.layer.unique_id)

    @property
    def made_of(self) -> str:
        """Name of the first file of what the depth was measured in, empty if unknown."""
        return str(notes(self.layer).get("made_of") or "")

    @property
    def lateral_unit(self) -> str:
        """Unit of distances across the picture."""
        return "px" if self.pixel_size is None else self.depth.unit

    def at(self, y: float, x: float) -> tuple[float, float]:
        """Depth and its standard deviation at a place in px; NaN beside the map and where none is known."""
        row, column = round(y), round(x)
        height, width = self.depth.position.shape
        if not (0 <= row < height and 0 <= column < width):
            return float("nan"), float("nan")
        return float(self.depth.position[row, column]), float(self.depth.sigma[row, column])

    def place(self) -> dict[str, Any]:
        """Keywords of a layer whose data are places (y, x) in px of this plane."""
        layer = self.layer
        return {
            "scale": layer.scale[-2:],
            "translate": layer.translate[-2:],
            "units": list(layer.units[-2:]),
            "axis_labels": list(layer.axis_labels[-2:]),
        }

    @property
    def share(self) -> float:
        """Share of the picture that has a depth."""
        return float(np.isfinite(_thinned(self.depth.position)).mean())

    def facts(self) -> str:
        """Size, range and error, a line for each: dots between them would dangle where a narrow panel breaks them."""
        height, width = self.depth.position.shape
        position, sigma = _thinned(self.depth.position), _thinned(self.depth.sigma)
        known, found = np.isfinite(position), most_between(self.depth.position, self.depth.measured)
        lines = [f"{width} × {height} px"]
        if found is not None:
            lines[0] += f", {known.mean():.0%} known"
            lines.append(f"most of it {most_words(*found, self.depth.unit)}")
        if np.isfinite(sigma).any():
            lines.append(f"σ {plain(float(np.nanmedian(sigma)), 2)} {symbol(self.depth.unit)}")
        return "\n".join(lines)


def depths_among(layers: Iterable[Layer]) -> list[Image]:
    """Layers of depth that this plugin made, then the user's own pictures of one float plane."""
    from napari.layers import Image

    images = [layer for layer in layers if isinstance(layer, Image) and not layer.rgb and not layer.multiscale]
    ours = [layer for layer in images if notes(layer).get("role") == "depth"]
    own = [
        layer
        for layer in images
        if "role" not in notes(layer) and layer.ndim == 2 and np.dtype(layer.data.dtype).kind == "f"
    ]
    return ours + own


def measured(layers: Sequence[Layer], layer: Image, step: Sequence[float]) -> Measured:
    """Plane of a depth layer at a point of the world.

    Parameters
    ----------
    layers : sequence of Layer
        Where its error is looked for.
    layer : Image
        One of `depths_among`.
    step : sequence of float
        The viewer's `dims.point`.
    """
    ours = notes(layer)
    position = np.asarray(plane_at(layer, step), np.float32)
    errors = of_role(layers, layer, "depth_sigma")
    if errors and errors[0].data.shape == layer.data.shape:
        sigma = np.asarray(plane_at(errors[0], step), np.float32)
    else:
        sigma = np.full(position.shape, np.nan, np.float32)
    length, other = (_length(unit) for unit in layer.units[-2:])
    length = length if length == other else None
    unit = str(ours.get("depth_unit") or length or "frame")
    size = None
    if length is not None and unit != "frame":
        into = factor(length, unit)
        size = (abs(float(layer.scale[-2])) * into, abs(float(layer.scale[-1])) * into)
    positions = np.asarray(ours.get("positions", ()), np.float64)
    confidence = (_measured(layer, step) & np.isfinite(position)).astype(np.float32)
    depth = Depth(position, sigma, position, confidence, positions, unit)
    return Measured(layer, depth, size, length)


def of_role(layers: Iterable[Layer], layer: Layer, role: str) -> list[Any]:
    """Layers of this role of the same source, those of the same variant first; of joined channels, that of each."""
    ident = str(notes(layer).get("source_id", ""))
    parts = {ident, *ident.split("+")} - {""}
    found = [other for other in layers if notes(other).get("role") == role and notes(other).get("source_id") in parts]
    return sorted(found, key=lambda other: variant_of(other) != variant_of(layer))


def with_error(value: float, sigma: float) -> str:
    """Write a value with as many digits as its error has meaning, two of it: "12.34 ± 0.21"."""
    if not (np.isfinite(sigma) and sigma > 0):
        return f"{value:.4g}"
    digits = int(np.clip(1 - np.floor(np.log10(sigma)), 0, MICRO_DIGITS))
    return f"{value:.{digits}f} ± {sigma:.{digits}f}"


def plane_at(layer: Image, step: Sequence[float]) -> Any:
    """(Y, X) or (Y, X, 3 or 4) plane of a layer where the viewer is along its other axes, lazy if the layer is."""
    data = layer.data[0] if layer.multiscale else layer.data
    return data[_lead_at(layer, data.shape, step)]


def _lead_at(layer: Image, shape: tuple[int, ...], step: Sequence[float]) -> tuple[int, ...]:
    """Numbers along a layer's axes before the last two where the viewer is."""
    lead = layer.ndim - 2
    if not lead:
        return ()
    here = np.zeros(layer.ndim)
    known = np.asarray(step, float)[-layer.ndim :]
    here[layer.ndim - len(known) :] = known
    at = np.round(np.asarray(layer.world_to_data(here))[:lead]).astype(int)
    return tuple(int(n) for n in np.clip(at, 0, np.array(shape[:lead]) - 1))


def _measured(layer: Image, step: Sequence[float]) -> Any:
    """Which pixels of the plane count as measured: not those in gaps that were filled."""
    mask, shape = notes(layer).get("measured"), layer.data.shape
    return True if mask is None or mask.size != layer.data.size else mask.reshape(shape)[_lead_at(layer, shape, step)]


def _thinned(plane: Any) -> Any:
    """A plane's pixels in so coarse a grid that facts about them are quick."""
    every = max(1, int((plane.size / FACTS) ** 0.5))
    return plane[::every, ::every]


def _length(unit: Any) -> str | None:
    """Name of a unit of length, None for others, "pixel" among them."""
    try:
        return check_unit(str(unit))
    except ValueError:
        return None
