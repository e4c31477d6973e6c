"""Planes on a coarser grid and back, strip by strip."""

from __future__ import annotations

from typing import Any

import cv2

__all__ = ["enlarged", "shrunk"]


def shrunk(part: Any, step: int) -> Any:
    """Means of squares of `step` pixels; the last row and column are repeated to a whole number of squares."""
    below, beside = -part.shape[0] % step, -part.shape[1] % step
    if below or beside:
        part = cv2.copyMakeBorder(part, 0, below, 0, beside, cv2.BORDER_REPLICATE)
    size = part.shape[1] // step, part.shape[0] // step
    return cv2.resize(part, size, interpolation=cv2.INTER_AREA)


def enlarged(plane: Any, step: int, start: int, stop: int, width: int) -> Any:
    """Rows `start` (a multiple of `step`) to `stop` of a plane of the coarse grid on the fine one, bilinear."""
    first = max(0, start // step - 1)
    part = plane[first : -(-stop // step) + 1]
    size = part.shape[1] * step, part.shape[0] * step
    fine = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR).reshape(size[1], size[0], *plane.shape[2:])
    return fine[start - first * step : stop - first * step, :width]
