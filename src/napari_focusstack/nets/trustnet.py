"""Network that says how much of a correction to keep, pixel by pixel, from what the frames show of it; it is ours."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import Task
from .network import Network

__all__ = ["TrustNet"]

PLANES, RULES = 17, 12  # as `diffusion.judging` has them; which of them is the share by rules
WIDTH, DEEP = 32, 64  # features of a pixel, and of a cell
DILATIONS, ASKED = (1, 2, 1), 2  # of the convolutions; after how many of them those of the cells come
GRID, COARSE = 4, (1, 2, 1, 2, 1)  # px to a cell, to either side; dilations of its convolutions
NEVER = 0.02  # what a share by rules of 0 leaves to win, and one of 1 to lose


class TrustNet(Network):
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
    channels = None
    multiple = 1

    def __init__(self) -> None:
        super().__init__()
        self.arguments, self.grid = {}, GRID
        self.stem = nn.Conv2d(PLANES, WIDTH, 3, padding=1)
        self.blocks = nn.ModuleList(_convolution(WIDTH, wide) for wide in DILATIONS)
        self.down = nn.Conv2d(WIDTH, DEEP, GRID, stride=GRID)
        self.coarse = nn.ModuleList(_convolution(DEEP, wide) for wide in COARSE)
        self.up = nn.Conv2d(DEEP, WIDTH, 1)
        self.head = nn.Conv2d(WIDTH, 1, 1)
        for start in (*self.up.parameters(), *self.head.parameters()):
            nn.init.zeros_(start)
        interpolated = GRID + GRID // 2 - 1  # farthest px of the cells that a pixel is interpolated from
        self.halo = 1 + sum(DILATIONS) + GRID * sum(COARSE) + interpolated

    def forward(self, planes: Tensor) -> Tensor:
        """Shares (B, 1, H, W) of `planes` (B, 17, H, W). Cells begin at the first row and column."""
        features = self.stem(planes)
        for block in self.blocks[:ASKED]:
            features = features + block(features)
        features = features + self._context(features)
        for block in self.blocks[ASKED:]:
            features = features + block(features)
        return torch.sigmoid(self.head(features.relu()).float() + planes[:, RULES, None].float().logit(NEVER))

    def _context(self, features: Tensor) -> Tensor:
        height, width = features.shape[-2:]
        missing, seen = (0, -width % GRID, 0, -height % GRID), features.relu()
        cells = self.down(functional.pad(seen, missing, mode="replicate") if any(missing) else seen)
        for block in self.coarse:
            cells = cells + block(cells)
        context = functional.interpolate(
            self.up(cells.relu()), scale_factor=float(GRID), mode="bilinear", align_corners=False
        )
        return context[..., :height, :width]


def _convolution(features: int, dilation: int) -> nn.Sequential:
    return nn.Sequential(nn.ReLU(), nn.Conv2d(features, features, 3, padding=dilation, dilation=dilation))
