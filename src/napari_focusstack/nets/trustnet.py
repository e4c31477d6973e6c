"""Network that says how much of a correction to keep, pixel by pixel, from what the frames show of it; it is ours."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ..arrays import Box
from .config import Task
from .twoscales import TwoScales

__all__ = ["TrustNet"]

PLANES, RULES = 17, 12  # as `diffusion.judging` has them; which of them is the share by rules
WIDTH, DEEP = 32, 64  # features of a pixel, and of a cell
DILATIONS, ASKED = (1, 2, 1), 2  # of the convolutions; after how many of them those of the cells come
GRID, COARSE = 4, (1, 2, 1, 2, 1)  # px to a cell, to either side; dilations of its convolutions
NEVER = 0.02  # what a share by rules of 0 leaves to win, and one of 1 to lose


class TrustNet(TwoScales):
    """Share of a correction that is to be kept, from 0 to 1, of every pixel.

    Notes
    -----
    A 3×3 convolution of 17 planes, see `diffusion.judging`, to 32 features; three residual 3×3 convolutions, dilated by
    1, 2 and 1 px, each of the features after a ReLU; and a 1×1 convolution to a logit, which is added to that of the
    share by the rules: untrained, it says what these say. After two of the three, the same on a grid of 4 px, so that
    surfaces are seen, and what they veil: a convolution of every 4×4 px to 64 features, five residual ones dilated by
    1, 2, 1, 2 and 1, and a 1×1 convolution back to 32, which are interpolated and added. 252,257 parameters.
    """

    task: ClassVar[Task] = "trust"

    def __init__(self) -> None:
        super().__init__(PLANES, 1, width=WIDTH, deep=DEEP, dilations=DILATIONS, coarse=COARSE, asked=ASKED, grid=GRID)

    def forward(self, planes: Tensor, inner: Box | None = None) -> Tensor:
        """Shares (B, 1, H, W) of `planes` (B, 17, H, W); with `inner`, only of these rows and columns."""
        rules = planes[:, RULES, None] if inner is None else planes[:, RULES, None, *inner]
        return torch.sigmoid(self.logits(planes, inner) + rules.float().logit(NEVER))
