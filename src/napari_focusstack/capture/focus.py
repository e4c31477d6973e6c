"""Where in a burst there is texture, and how sharp it is at its best."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ..focus import refine_peak
from .order import COARSE_NOISE, TEXTURED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..kernels.capture_cpu import Traces

    Plane = NDArray[Any]  # (Y, X) float32, on the grid
    Mask = NDArray[np.bool_]

__all__ = ["FAINTEST", "SHARP", "Sharpness", "sharpness"]

FAINTEST = 0.1  # of the points of a frame: how strong they are is little but noise, whatever JPEG has made of it
ABOVE = 7.0  # times as strong is texture: the strongest noise of many frames is not
SPECK = 5  # of the grid: what is textured in less than half of such a square is a speck of noise
FINE_NOISE = 0.0681  # energy that white noise of variance 1 has in the fine band
SHARP = 0.5  # of the usual share of fine detail: what has less is blurred by a pixel or more
SMOOTHEST = 0.05  # of what is in focus may have less than that: textures differ
SMOOTH = 0.7  # of the same, half a step away from the best frame: steps that nobody will see
REACHES = (8, 16, 32, 64)  # px: width of the surroundings whose blur may be taken for texture
SPILL = 2.0  # px: so far from an edge its blur is as strong as itself, twice as far half as strong
NEAR, HALFWAY = 0.15, 0.35  # frames from the best frame to the peak: in the frame, and between two
ENOUGH = 100  # points of the grid that a median is taken of


@dataclass(frozen=True, slots=True)
class Sharpness:
    """How sharp a burst is, on the grid.

    `coverage` (Y, X) is 0 to 1, NaN without texture; `step` is how far apart frames may be so that what lies halfway
    is still sharp, relative to how far they are, 1 at most.
    """

    coverage: Plane
    step: float


def sharpness(state: Traces, power: float, faintest: float, doubted: Collection[int], *, in_order: bool) -> Sharpness:
    """How sharp each point is in its best frame.

    Where the focus passes through a point, it is sharp; so it is compared with the others only where its best frame is
    `doubted`: at the ends of the burst and beside gaps. Everywhere, if what lies halfway between two frames has far
    less fine detail than what lies in one: then, steps are too large. `power` is the variance of the noise, `faintest`
    the energy that shows little but noise.
    """
    plain = max(TEXTURED * COARSE_NOISE * power, ABOVE * faintest)
    textured = (state.coarse > plain) & _own(state.coarse)
    textured &= cv2.medianBlur(textured.astype(np.uint8), SPECK) > 0
    share = np.maximum(state.fine - np.float32(FINE_NOISE * power), 0) / np.maximum(state.coarse, np.float32(1e-12))
    certain = textured & ~np.isin(state.index, list(doubted))
    off = np.abs(refine_peak(state.before, state.coarse, state.after))
    near, halfway = (share[certain & there] for there in (off < NEAR, off > HALFWAY))
    sag = 1.0
    if in_order and min(near.size, halfway.size) >= ENOUGH:
        sag = float(np.median(halfway) / max(np.median(near), 1e-9))
    if sag < SHARP:
        certain &= off < NEAR
    known = share[certain] if certain.sum() >= ENOUGH else share[textured]
    usual = max(min(float(np.median(known)), float(np.quantile(known, SMOOTHEST)) / SHARP), 1e-9) if known.size else 1.0
    coverage = np.where(certain, 1, np.clip(share / usual, 0, 1)).astype(np.float32)
    coverage[~textured] = np.nan
    # blur takes a share exp(-blur²): it halves the step where the logarithm is a quarter
    step = math.sqrt(math.log(SMOOTH) / math.log(max(sag, 1e-3))) if sag < SHARP else 1.0
    return Sharpness(coverage, step)


def _own(coarse: Plane) -> Mask:
    """Where the texture is stronger than the blur of sharper surroundings would be.

    Out of focus, an edge reaches far into the plain area beside it, which then has a peak of sharpness, too: the
    weaker, the farther away.
    """
    from ..kernels.capture_cpu import GRID

    contrast = np.sqrt(np.maximum(coarse, 0))
    own = np.ones(coarse.shape, np.bool_)
    for reach in REACHES:
        window = np.ones((reach // GRID + 1, reach // GRID + 1), np.uint8)
        own &= contrast * np.float32(reach / SPILL) >= cv2.dilate(contrast, window)
    return own
