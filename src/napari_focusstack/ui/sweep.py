"""What is known of the focus positions of a source: from its files, or from its layer's scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..units import check_unit, factor, symbol
from .source import notes

if TYPE_CHECKING:
    from .source import Source

__all__ = ["Known", "known_positions", "numbers_of"]

EVEN = 0.05  # positions count as evenly spaced if no step differs from their middle by more than this part of it
LENGTH = {"[length]": 1}  # as pint writes a dimension


@dataclass(frozen=True)
class Known:
    """Focus positions of a source's frames.

    Attributes
    ----------
    positions : tuple of float, or None
        One for each frame, in `unit`; None if nothing is known.
    unit : str
        "um", "mm", …; "frame" if nothing is known.
    origin : str
        Who says so, in words; why nothing can be used, if there are no positions.
    """

    positions: tuple[float, ...] | None = None
    unit: str = "frame"
    origin: str = ""

    @property
    def from_files(self) -> bool:
        """Whether the files said so."""
        return self.positions is not None and self.origin.startswith("from the file")

    @property
    def step(self) -> float | None:
        """Distance between neighbouring frames, None if it differs or is not known."""
        low, high = self._gaps()
        mean = (low + high) / 2
        return mean if mean and high - mean <= EVEN * mean else None

    def __str__(self) -> str:
        """Return the distances in words."""
        if self.positions is None:
            return (
                self.origin or "Not known: depth is in frames. Type the distance from frame to frame to have it in µm."
            )
        low, high = self._gaps()
        gaps = _digits(self.step) if self.step else f"{_digits(low)} to {_digits(high)}"
        return f"{gaps} {symbol(self.unit)}{'' if self.step else ', uneven'} · {self.origin}"

    def _gaps(self) -> tuple[float, float]:
        """Smallest and largest distance of frames that are neighbours along the focus axis."""
        gaps = np.diff(np.sort(self.positions)) if self.positions else np.zeros(1)
        return float(gaps.min()), float(gaps.max())


def _digits(length: float) -> str:
    """Number with four digits at least, and all of those before the point."""
    decimals = max(0, 3 - int(np.floor(np.log10(length)))) if length > 0 else 0
    return f"{length:.{decimals}f}".rstrip("0").rstrip(".") if decimals else f"{length:.0f}"


def known_positions(source: Source) -> Known:
    """Focus positions as the files tell them, unless the layer's scale was changed since; else by that scale."""
    layer, axis = source.layers[0], source.focus_axis
    by_scale, by_file = _of_scale(layer, axis, numbers_of(source)), _of_files(layer, axis, source.frames)
    if by_scale.positions is None or by_file.positions is None:
        return by_scale if by_file.positions is None and by_scale.positions is not None else by_file
    told = notes(layer).get("step")
    kept = told and np.isclose(by_scale.step or 0, told * factor(by_file.unit, by_scale.unit), rtol=1e-4)
    return by_file if kept else by_scale


def numbers_of(source: Source) -> tuple[int, ...]:
    """Place of each frame in the sweep, in which frames that could not be read count, too."""
    numbers = tuple(notes(source.layers[0]).get("numbers", ()))
    return numbers if len(numbers) == source.frames else tuple(range(source.frames))


def _of_files(layer: Any, axis: int, frames: int) -> Known:
    said = notes(layer)
    places, unit = said.get("positions"), said.get("position_unit")
    if not places or not unit or len(places) != frames or layer.axis_labels[axis].lower() != "z":
        return Known()
    if len(set(places)) < frames or not np.isfinite(places).all():
        return Known(origin="The files' focus distances repeat: depth is in frames, unless you type a distance.")
    if unit == "m":  # a lens's distances: metres are too coarse to be read
        return Known(tuple(1e3 * place for place in places), "mm", "from the files")
    return Known(tuple(map(float, places)), check_unit(unit), "from the file")


def _of_scale(layer: Any, axis: int, numbers: tuple[int, ...]) -> Known:
    unit, scale, start = layer.units[axis], float(layer.scale[axis]), float(layer.translate[axis])
    if dict(unit.dimensionality) != LENGTH or not scale:
        return Known()
    try:
        name, size = check_unit(str(unit)), 1.0
    except ValueError:  # ångström, inch, …
        name, size = "um", float((1 * unit).to("um").magnitude)
    return Known(tuple(size * (start + scale * k) for k in numbers), name, "from the layer's scale")
