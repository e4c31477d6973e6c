"""Transfer curves: stored values to linear light and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Transfer", "to_linear", "to_stored"]

Transfer = Literal["linear", "srgb"]


def to_linear(stored: NDArray[np.floating], transfer: Transfer = "srgb") -> NDArray[Any]:
    """Linear light of stored values in [0, 1] (IEC 61966-2-1); the sign of negative values is kept."""
    if transfer == "linear":
        return stored
    size = np.abs(stored)
    light: NDArray[Any] = np.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)
    np.copysign(light, stored, out=light)
    return light


def to_stored(linear: NDArray[np.floating], transfer: Transfer = "srgb") -> NDArray[Any]:
    """Stored values of linear light (inverse of `to_linear`)."""
    if transfer == "linear":
        return linear
    size = np.abs(linear)
    stored: NDArray[Any] = np.where(size <= 0.0031308, size * 12.92, 1.055 * size ** (1 / 2.4) - 0.055)
    np.copysign(stored, linear, out=stored)
    return stored
