"""Network that chooses, for every pixel, among the depths at which the frames show it sharp; it is ours."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from ..arrays import Box
from .config import Task
from .twoscales import TwoScales

__all__ = ["Choice", "EdgeNet"]

CANDIDATES, PLANES = 5, 19  # as `depth.candidates` has them
DILATIONS = (1, 2, 4, 1, 2, 1)
WIDTH = 32
GRID, DEEP = 4, 64  # px to a coarse one, to either side; its features
COARSE, ASKED = (1, 2, 1, 2, 1), 3  # dilations of the coarse convolutions; after how many of the fine ones they come
BEGIN = 1.0  # logit of the depth as it is, of an untrained network


class Choice(NamedTuple):
    """Choice between depths; B bursts.

    Attributes
    ----------
    logits, depths : (B, 5, H, W) float32
        Of each candidate, and where it lies, as a number of a frame.
    """

    logits: Tensor
    depths: Tensor

    @property
    def depth(self) -> Tensor:
        """(B, H, W) float32: of the most probable candidate."""
        return self.depths.gather(1, self.logits.argmax(1, keepdim=True))[:, 0]


class EdgeNet(TwoScales):
    """Which of five depths a pixel has, from what the frames show of it and of its neighbours at each of them.

    Notes
    -----
    A 3×3 convolution of 19 planes, see `depth.candidates`, to 32 features; six residual 3×3 convolutions, dilated by 1,
    2, 4, 1, 2 and 1 px, each of the features after a ReLU; and a 1×1 convolution to five logits. After three of the
    six, the same on a grid of 4 px, so that contours and hairs are followed where they hardly show: a convolution of
    every 4×4 px to 64 features, five residual ones dilated by 1, 2, 1, 2 and 1, and a 1×1 convolution back to 32, which
    are interpolated and added. 280,709 parameters.
    """

    task: ClassVar[Task] = "edges"

    def __init__(self) -> None:
        super().__init__(
            PLANES, CANDIDATES, width=WIDTH, deep=DEEP, dilations=DILATIONS, coarse=COARSE, asked=ASKED, grid=GRID
        )
        with torch.no_grad():
            self.head.bias[0] = BEGIN  # type: ignore[index] # it has one

    def forward(self, planes: Tensor, depths: Tensor, inner: Box | None = None) -> Choice:
        """Choice between `depths` (B, 5, H, W) by `planes` (B, 19, H, W); with `inner`, of these rows and columns."""
        return Choice(self.logits(planes, inner), depths if inner is None else depths[..., *inner])
