"""What every method of depth estimation returns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .positions import check_unit, factor, symbol

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RELIABLE", "Depth"]

RELIABLE = 0.5  # confidence from which a depth counts as measured


@dataclass(frozen=True, slots=True)
class Depth:
    """Where each pixel is in focus, and how well that is known.

    Attributes
    ----------
    position : (Y, X) float32
        Focus position, in `unit`, at which the pixel is sharpest; NaN where none is known. A series has the axes of its
        loops in front.
    sigma : (Y, X) float32
        Standard deviation of `position`, in `unit`; NaN where `position` is.
    index : (Y, X) float32
        The same as a number of a frame, with fractions where neighbouring frames are neighbours in focus; NaN where
        `position` is.
    confidence : (Y, X) float32
        From 0 (nothing but noise) to 1 (a clear peak of sharpness).
    positions : (N,) float64
        Focus position of each frame, in `unit`.
    unit : str
        "nm", "um", "mm", "m", or "frame" where the distance of the frames is not known.
    """

    position: NDArray[np.float32]
    sigma: NDArray[np.float32]
    index: NDArray[np.float32]
    confidence: NDArray[np.float32]
    positions: NDArray[np.float64]
    unit: str = "frame"

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Where the pixel itself showed a peak of sharpness; elsewhere the depth is NaN, or was filled."""
        return self.confidence >= RELIABLE

    def describe(self) -> str:
        """What was measured, in words: range, share of the pixels, median σ."""
        share, name = float(self.measured.mean()), symbol(self.unit)
        if not share:
            return "no depth: no pixel shows a peak of sharpness"
        low, high = np.nanquantile(self.position[self.measured], (0.01, 0.99))
        sigma = np.nanmedian(self.sigma[self.measured])
        return f"depth {low:.4g} to {high:.4g} {name}, measured at {share:.0%} of the pixels, σ {sigma:.2g} {name}"

    def to(self, unit: str) -> Depth:
        """Return the same depth in another unit of length.

        Raises
        ------
        ValueError
            If one of the two units is no length.
        """
        unit = check_unit(unit)
        if unit == self.unit:
            return self
        scale = factor(self.unit, unit)
        position, sigma = self.position * np.float32(scale), self.sigma * np.float32(scale)
        return replace(self, position=position, sigma=sigma, positions=self.positions * scale, unit=unit)
