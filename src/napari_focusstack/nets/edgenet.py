"""Network that chooses, for every pixel, among the depths at which the frames show it sharp; it is ours."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import Task
from .network import Network

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


class EdgeNet(Network):
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
    channels = None
    multiple = 1

    def __init__(self) -> None:
        super().__init__()
        self.arguments, self.grid = {}, GRID
        self.stem = nn.Conv2d(PLANES, WIDTH, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.ReLU(), nn.Conv2d(WIDTH, WIDTH, 3, padding=wide, dilation=wide)) for wide in DILATIONS
        )
        self.down = nn.Conv2d(WIDTH, DEEP, GRID, stride=GRID)
        self.coarse = nn.ModuleList(
            nn.Sequential(nn.ReLU(), nn.Conv2d(DEEP, DEEP, 3, padding=wide, dilation=wide)) for wide in COARSE
        )
        self.up = nn.Conv2d(DEEP, WIDTH, 1)
        self.head = nn.Conv2d(WIDTH, CANDIDATES, 1)
        for start in (*self.up.parameters(), *self.head.parameters()):
            nn.init.zeros_(start)
        with torch.no_grad():
            self.head.bias[0] = BEGIN  # type: ignore[index] # it has one
        interpolated = GRID + GRID // 2 - 1  # farthest px of the cells that a pixel is interpolated from
        self.halo = 1 + sum(DILATIONS) + GRID * sum(COARSE) + interpolated

    def forward(self, planes: Tensor, depths: Tensor) -> Choice:
        """Choice between `depths` (B, 5, H, W) by `planes` (B, 19, H, W).

        Coarse cells begin at the first row and column.
        """
        features = self.stem(planes)
        for block in self.blocks[:ASKED]:
            features = features + block(features)
        features = features + self._context(features)
        for block in self.blocks[ASKED:]:
            features = features + block(features)
        return Choice(self.head(features.relu()).float(), depths)

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
