"""Network that chooses, for every pixel, among the depths at which the frames show it sharp; it is ours."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from .config import Task
from .network import Network

__all__ = ["Choice", "EdgeNet"]

CANDIDATES, PLANES = 5, 19  # as `depth.candidates` has them
DILATIONS = (1, 2, 4, 1, 2, 1)
WIDTH = 32
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
    2, 4, 1, 2 and 1 px, each of the features after a ReLU; and a 1×1 convolution to five logits. 61,157 parameters.
    """

    task: ClassVar[Task] = "edges"
    channels = None
    multiple = 1

    def __init__(self) -> None:
        super().__init__()
        self.arguments = {}
        self.stem = nn.Conv2d(PLANES, WIDTH, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.ReLU(), nn.Conv2d(WIDTH, WIDTH, 3, padding=wide, dilation=wide)) for wide in DILATIONS
        )
        self.head = nn.Conv2d(WIDTH, CANDIDATES, 1)
        nn.init.zeros_(self.head.weight)
        self.head.bias = nn.Parameter(BEGIN * (torch.arange(CANDIDATES) == 0))
        self.halo = 1 + sum(DILATIONS)

    def forward(self, planes: Tensor, depths: Tensor) -> Choice:
        """Choice between `depths` (B, 5, H, W) by `planes` (B, 19, H, W)."""
        features = self.stem(planes)
        for block in self.blocks:
            features = features + block(features)
        return Choice(self.head(features.relu()).float(), depths)
