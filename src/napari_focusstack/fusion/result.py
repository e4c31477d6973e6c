"""What every fusion method returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Fusion"]


@dataclass(frozen=True, slots=True)
class Fusion:
    """An all-in-focus image and where it came from.

    Attributes
    ----------
    image : (Y, X, C) float32
        The fused picture, in the scale of `to_float` (integers: [0, 1]).
    index : (Y, X) float32
        Source frame of each pixel, with fractions where a method interpolates; NaN where no frame was in focus.
    confidence : (Y, X) float32
        From 0 (no frame stands out) to 1 (one frame is clearly the sharpest).
    """

    image: NDArray[np.float32]
    index: NDArray[np.float32]
    confidence: NDArray[np.float32]
