"""Foreground segmentation branch (FSB): which pixels of a pair of frames belong to what the nearer one is focused on.

As in Liu et al., "Focus Stacking with High Fidelity and Superior Visual Effects", AAAI 2024. The paper leaves channels,
scales and activations open; those of the size "paper" are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import Task
from .multiscale import MultiScaleBlock, reach_of
from .network import Network
from .unet import FILTERS, Stem, padded

__all__ = ["FSB"]

COLORS = 3
TRUST = 2.0  # in each filter, before training
SCALES = (2, 4, 8, 2, 4, 8, 2, 4)  # of the blocks, even in number


@dataclass(frozen=True, slots=True)
class Size:
    """Features; px of the picture to a pixel of theirs, to either side; whether they are told of detail."""

    width: int
    grid: int
    told: bool


SIZES = {"paper": Size(64, 1, told=False), "small": Size(32, 2, told=True)}


class FSB(Network):
    """Mask of the foreground from a pair of frames: eight multi-scale residual blocks with skips over every two.

    Parameters
    ----------
    size : {"paper", "small"}
        "paper": 64 features at full resolution, 1,536,321 parameters. "small": 32 features for every 2×2 px, so that it
        is 16 times as fast, and one core trains it within an hour; it is told how much detail each frame has beside
        the other, as the small UNet is. Untrained, it takes for foreground what has more detail in the near frame: at
        random, it would soon find no foreground anywhere, where a logistic function has no gradient to leave by.

    Notes
    -----
    A convolution; blocks of scales 2, 4, 8, 2, 4, 8, 2, 4, to every two of which what goes in is added; the first
    convolution's features added again; three convolutions with ReLU between, and a logistic function. All are 3×3.
    """

    task: ClassVar[Task] = "foreground"
    channels = COLORS

    def __init__(self, *, size: Literal["paper", "small"] = "small") -> None:
        super().__init__()
        shape = SIZES[size]
        self.arguments = {"size": size}
        self.grid, width = shape.grid, shape.width
        self.detail = Stem() if shape.told else None
        inputs = 2 * (COLORS + len(FILTERS) * shape.told) * self.grid**2
        self.stem = nn.Conv2d(inputs, width, 3, padding=1)
        self.pairs = nn.ModuleList(
            nn.Sequential(MultiScaleBlock(width, one), MultiScaleBlock(width, two))
            for one, two in zip(SCALES[::2], SCALES[1::2], strict=True)
        )
        self.tail = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width // 2, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width // 2, self.grid**2, 3, padding=1),
        )
        if shape.told:
            self.direct = nn.Conv2d(len(FILTERS), 1, 1, bias=False)
            nn.init.constant_(self.direct.weight, TRUST)
            for start in self.tail[-1].parameters():
                nn.init.zeros_(start)
        self.multiple = self.grid * max(SCALES)
        self.halo = self.grid * (reach_of(SCALES, before=1, after=3) + 1) - 1 + (self.detail.halo if self.detail else 0)

    def forward(self, pair: Tensor) -> Tensor:
        """Mask (B, 1, H, W) from 0 to 1 of pairs (B, 2, 3, H, W), focused on the foreground and behind it, in [0, 1].

        Float32, whatever the features are; H and W of any size.

        Raises
        ------
        ValueError
            If it is no pair, or has no three channels.
        """
        if tuple(pair.shape[1:3]) != (2, COLORS):
            raise ValueError(
                f"frames of shape {tuple(pair.shape)} do not fit: (B, 2, 3, H, W) is needed, two frames of RGB each; "
                "repeat a single channel three times"
            )
        height, width = pair.shape[-2:]
        detail = pair[:, :, :0] if self.detail is None else self.detail(pair)
        seen = torch.cat([pair, detail], 2).flatten(1, 2)
        planes = functional.pixel_unshuffle(padded(seen, self.multiple), self.grid)
        features = first = self.stem(planes)
        for blocks in self.pairs:
            features = features + blocks(features)
        logits = functional.pixel_shuffle(self.tail(features + first), self.grid)[..., :height, :width].float()
        if self.detail is not None:
            logits = logits + self.direct(detail[:, 0] - detail[:, 1]).float()
        return torch.sigmoid(logits)
