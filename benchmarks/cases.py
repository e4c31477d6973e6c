"""The simulated suite: what each burst is, and where its picture is judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focusstack.metrics import band_beside_depth_edges
from napari_focusstack.simulation import Simulated, simulate

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CASES", "Case"]

VEIL = 2.0  # px of blur: a depth edge that spreads less light is none


@dataclass(frozen=True)
class Case:
    """A burst to fuse, or, where it moves, to align and fuse.

    Attributes
    ----------
    text : str
        What it shows, in a few words.
    scene, frames, blur : str, int, float
        As `simulate` takes them.
    more : dict
        Its other arguments.
    """

    text: str
    scene: str
    frames: int
    blur: float = 0.8
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def moves(self) -> bool:
        """Whether the frames have to be aligned first."""
        return any(self.more.get(name) for name in ("breathing", "jitter", "rotation"))

    def make(self, size: int) -> Simulated:
        """Simulate the burst, `size` px high and wide."""
        return simulate(self.scene, frames=self.frames, blur=self.blur, height=size, width=size, **self.more)

    def band(self, burst: Simulated) -> NDArray[np.bool_]:
        """Background beside depth edges that nearer surfaces veil, as wide as half the largest blur."""
        if self.scene == "fluorescence":  # nothing hides anything
            return np.zeros(burst.depth.shape, bool)
        depth = np.nan_to_num(burst.depth, nan=float(self.frames))
        return band_beside_depth_edges(depth, width=max(3.0, self.blur * self.frames / 2), step=VEIL / self.blur)

    def plain(self, burst: Simulated) -> NDArray[np.bool_]:
        """Where the truth is the same over 15 x 15 px: what differs there is noise."""
        window = np.ones((15, 15), np.uint8)
        spread = cv2.dilate(burst.truth, window) - cv2.erode(burst.truth, window)
        return np.asarray(spread.reshape(burst.truth.shape).max(axis=2) < 0.5 / 255)


CASES = {
    "occluders": Case("blobs, hair and shards before a background", "occluders", 12, 1.2),
    "hair": Case("three layers of hair", "hair", 30),
    "noisy": Case("occluders, much noise", "occluders", 16, 1.0, {"noise": 4e-3, "seed": 1}),
    "slanted": Case("one slanted surface", "slanted", 20),
    "steps": Case("flat steps", "steps", 12),
    "flat": Case("a plane with plain areas", "flat", 10),
    "pair": Case("a near and a far frame", "occluders", 2, 5.0, {"seed": 2}),
    "16 bit": Case("slanted, 16 bit, linear", "slanted", 15, 0.8, {"dtype": "uint16", "transfer": "linear", "seed": 3}),
    "cells": Case(
        "fluorescence, 16 bit, shot noise",
        "fluorescence",
        16,
        1.0,
        {"dtype": "uint16", "transfer": "linear", "noise": 1e-3, "psf": "gaussian"},
    ),
    "plain": Case("60 noisy frames of a plane with plain areas", "flat", 60, 0.3, {"noise": 5e-4, "seed": 4}),
    "moving": Case(
        "steps, 6 % breathing, jitter: aligned first", "steps", 12, 0.8, {"breathing": 0.06, "jitter": 1.5, "seed": 5}
    ),
}
