"""What every method of depth estimation returns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..units import check_unit, factor, plain, symbol

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RELIABLE", "Depth", "most_between", "most_words"]

RELIABLE = 0.5  # confidence from which a depth counts as measured
TAILS = (0.5, 99.5)  # percentiles between which are most of the depths
LOOKED_AT = 1_000_000  # pixels, for them
DIGITS = 3  # that tell the two apart


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
        """What was measured, in words: where most of it is, share of the pixels, median σ."""
        found = most_between(self.position, self.measured)
        if found is None:
            return "no depth: no pixel shows a peak of sharpness"
        most, share = most_words(*found, self.unit), float(self.measured.mean())
        sigma = f"{plain(float(np.nanmedian(self.sigma[self.measured])), 2)} {symbol(self.unit)}"
        return f"depth mostly {most}, measured at {share:.0%} of the pixels, σ {sigma}"

    def unfilled(self) -> Depth:
        """Return the same depth with NaN where the pixel itself showed no peak of sharpness."""
        measured, gap = self.measured, np.float32(np.nan)
        position, sigma, index = (np.where(measured, p, gap) for p in (self.position, self.sigma, self.index))
        return replace(self, position=position, sigma=sigma, index=index)

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


def most_between(position: NDArray[np.float32], measured: NDArray[np.bool_]) -> tuple[float, float] | None:
    """Return the depths between which 99 % of the measured ones lie, in their unit; None if there are none.

    Parameters
    ----------
    position : (…, Y, X) float32
        Depths; NaN where none is known.
    measured : (…, Y, X) bool
        Which of them count.
    """
    every = max(1, position.size // LOOKED_AT)
    values, counts = (plane.reshape(-1)[::every] for plane in (position, measured))
    values = values[counts & np.isfinite(values)]
    if not values.size:
        return None
    low, high = np.percentile(values, TAILS)
    return float(low), float(high)


def most_words(low: float, high: float, unit: str) -> str:
    """Return what `most_between` found as it is read: "between 18.4 and 84.1 µm", "between frame 0.50 and 9.25"."""
    if not low < high:
        return f"at frame {plain(low)}" if unit == "frame" else f"at {plain(low)} {symbol(unit)}"
    digits = int(np.clip(DIGITS - 1 - np.floor(np.log10(high - low)), 0, 9))  # a stage's positions may be large
    words = f"{low:.{digits}f} and {high:.{digits}f}"
    return f"between frame {words}" if unit == "frame" else f"between {words} {symbol(unit)}"
