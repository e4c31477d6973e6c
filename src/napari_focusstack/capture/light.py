"""What is wrong with the light of a burst: clipped highlights, dust and dead pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ..arrays import unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..kernels.capture_cpu import Traces

__all__ = ["dusty", "piled", "white_level"]

WHITE_SHARE = 1e-5  # of the pixels that a white level is met by, at least
PILE = 3.0  # times as many pixels as just below it
SPOT = 0.03  # difference of a dust spot from its surroundings
STEADY = 0.1  # scatter of that difference over the frames, relative
ENOUGH = 6  # frames to judge by what does not change
ISOLATED = 6.0  # times the usual difference around it
SURROUNDING, MARGIN = 41, 16  # px: what "around" means, and what has too little around it
LARGEST_SPOT, LARGEST_HOT = 30, 5  # px across, with a rim of one: of a shadow, and of a pixel that is too bright


def piled(piles: NDArray[np.float64], image: NDArray[Any], top: float) -> NDArray[np.float64]:
    """Pixels at the largest value, and just below it, over the frames so far."""
    at, below = float((image >= top).sum()), 0.0
    if at:
        below = float((image >= 0.99 * top).sum()) - at
    more: NDArray[np.float64] = piles + np.array([at, below])
    return more


def white_level(dtype: np.dtype[Any], top: float, piles: NDArray[np.float64], pixels: int) -> float | None:
    """Stored value that stands for a full pixel, None where no value is one."""
    full = unit(dtype) if np.dtype(dtype).kind == "u" else None
    if full is not None and top == full:
        return full
    at, below = piles
    return top if at > max(WHITE_SHARE * pixels, 20) and at > PILE * below else None


def dusty(state: Traces, noise: NDArray[np.float64], means: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
    """Isolated spots whose difference from their surroundings is the same in all frames."""
    if count < ENOUGH:
        return np.zeros(state.spots.shape, bool)
    mean = state.spots / count
    scatter = np.sqrt(np.maximum(state.squares / count - np.square(mean), 0))
    size = np.abs(mean)
    shaken = float(np.median(noise) / max(np.median(means), 1e-6))
    around = cv2.blur(size, (SURROUNDING, SURROUNDING))
    least = np.maximum(np.maximum(SPOT, 4 * shaken / np.sqrt(count)), ISOLATED * around)
    spots = (size > least) & (scatter < STEADY * size + 2 * shaken)
    inner = np.zeros_like(spots)
    inner[MARGIN:-MARGIN, MARGIN:-MARGIN] = True  # what lies beyond the border is not known
    whole = cv2.dilate((spots & inner).astype(np.uint8), np.ones((3, 3), np.uint8))  # of several parts, perhaps
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(whole)
    wide = boxes[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(1)
    bright = np.bincount(labels[whole > 0], mean[whole > 0] > 0, len(boxes)) > 0
    small = wide <= np.where(bright, LARGEST_HOT, LARGEST_SPOT)
    small[0] = False
    found: NDArray[np.bool_] = small[labels]
    return found
