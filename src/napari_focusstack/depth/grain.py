"""What the focus measure makes of the noise alone: learnt from what changes between frames that follow each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import unit
from ..focus import FOCUS_MEASURES, PRE_BLUR, smoothed
from ..sharpest import Floor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["POWERS", "Grain"]

POWERS = {"sml": 2.0, "laplacian": 2.0, "tenengrad": 2.0, "variance": 1.0}  # of a measure that make it a power
RESPONSES = {"sml": 7.46, "laplacian": 0.70, "tenengrad": 0.28, "variance": 0.138}  # to white noise of 1
ROUNDING = 12**-0.5  # standard deviation of what integers round off
BANDS, ROWS = 4, 32  # looked at in every frame, at most; rows of each
SAMPLED = 4  # px between pixels of them that stand for all


class Grain:
    """Measure of the noise, over the brightness.

    Texture that is out of focus hardly changes from one frame to the next, noise does: the difference of the two
    frames has the noise's own colour (of demosaicing, resampling, compression), with twice its power. As in `Floor`,
    the lowest quarter of the pixels of the frame that changed least is taken.
    """

    def __init__(self, measure: str, radius: float, dtype: np.dtype[Any]) -> None:
        self._measure, self._radius = measure, radius
        self._before: list[Plane] = []
        self._floor = Floor()
        rounding = 0.0 if dtype.kind == "f" else ROUNDING / unit(dtype)
        self._least = np.float32(RESPONSES[measure] * rounding ** (2 / POWERS[measure]))

    def see(self, light: Plane) -> None:
        """Learn from the grey of the next frame."""
        height = len(light)
        starts = range(0, max(1, height - ROWS + 1), max(ROWS, height // BANDS))
        bands = [light[start : start + ROWS] for start in starts]
        if self._before:
            changed = [self._sharpness(one - other) for one, other in zip(bands, self._before, strict=True)]
            half = np.float32(2 ** (-1 / POWERS[self._measure]))
            self._floor.see(np.concatenate(changed) * half, np.concatenate([_inner(band) for band in bands]))
        self._before = bands

    def _sharpness(self, change: Plane) -> Plane:
        return _inner(smoothed(FOCUS_MEASURES[self._measure](smoothed(change, PRE_BLUR)), self._radius))

    def at(self, light: Plane) -> Plane:
        """Measure of noise of that brightness; never less than that of the rounding of integers."""
        return np.maximum(self._floor.at(light), self._least)


def _inner(band: Plane) -> Plane:
    """Some pixels of a band, away from its cut edges where it has enough rows."""
    edge = ROWS // 4 if len(band) == ROWS else 0
    return band[edge : len(band) - edge : SAMPLED, ::SAMPLED]
