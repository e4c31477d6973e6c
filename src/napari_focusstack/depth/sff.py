"""Shape from focus: depth where a focus measure peaks along the sweep, with its uncertainty."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from ..arrays import Frames
from ..sharpest import find_sharpest
from .result import Depth

__all__ = ["estimate_sff"]


def estimate_sff(
    frames: Frames,
    positions: NDArray[np.float64],
    guide: NDArray[np.float32] | None = None,  # noqa: ARG001
    *,
    measure: Literal["sml", "laplacian", "tenengrad", "variance"] = "sml",
    radius: Annotated[float, {"min": 1.0, "max": 30.0}] = 2.0,
    noise_floor: Annotated[float, {"min": 0.0, "max": 10.0}] = 2.0,
    channel: Annotated[int, {"min": -1, "max": 63}] = -1,
    device: str = "auto",
) -> Depth:
    """Shape from focus."""
    found = find_sharpest(
        frames, measure=measure, radius=radius, noise_floor=noise_floor, channel=channel, device=device
    )
    index = np.clip(found.index + found.offset, 0, len(frames) - 1).astype(np.float32)
    position = np.interp(index, np.arange(len(frames)), positions).astype(np.float32)
    step = np.float32(np.abs(np.diff(positions)).mean() if len(positions) > 1 else 1)
    return Depth(position, (0.1 + found.doubt) * step, index, found.trust, positions)
