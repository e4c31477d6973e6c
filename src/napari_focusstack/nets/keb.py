"""Kernel estimation branch (KEB): how much the foreground of a pair of frames is blurred in the one focused behind it.

As in Liu et al., "Focus Stacking with High Fidelity and Superior Visual Effects", AAAI 2024. The paper leaves channels,
scales and activations open; those of the size "paper" are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import Task
from .multiscale import MultiScaleBlock
from .network import Network
from .unet import FILTERS, Stem, padded

__all__ = ["KEB"]

COLORS = 3
LEAST = 0.1  # px
BEGIN = 2.0  # px: what an untrained network says, the middle of 0.5 to 8 px on a logarithmic scale
WINDOW = 7  # px of the attention
EMPTY = 1e-3  # attention that counts as none
AROUND = 8  # pixels of the features, around the mask, to which the foreground's blur reaches


@dataclass(frozen=True, slots=True)
class Size:
    """Features; px of the picture to a pixel of theirs, to either side; scales of the blocks; whether it compares."""

    width: int
    grid: int
    scales: tuple[int, ...]
    compares: bool  # the two frames, instead of looking at the far one alone


SIZES = {"paper": Size(64, 1, (2, 4), compares=False), "small": Size(32, 2, (2, 4, 8), compares=True)}


class KEB(Network):
    """Standard deviation of the Gaussian that blurs the foreground in the far frame of a pair, in px.

    Parameters
    ----------
    size : {"paper", "small"}
        "paper": looks at the far frame and the mask; 64 features at full resolution, 380,132 parameters. "small": looks
        at the near frame, too, and is told how much detail each has beside the other, so that it sees how sharp the
        foreground can be; 32 features for every 2×2 px, and a mean of what lies on the mask or around it, in which
        every pixel counts as much as the attention it gets.

    Attributes
    ----------
    halo : int
        0: it says nothing of single pixels, and is to be given the whole foreground at once.

    Notes
    -----
    A convolution; two blocks of scales 2 and 4 (small: three, 2, 4, 8); features times the attention they get, a 7×7
    convolution of their mean and maximum over the channels, and a logistic function; the mean over all pixels; three
    fully-connected layers with ReLU between; softplus + 0.1.
    """

    task: ClassVar[Task] = "kernel"
    channels = COLORS
    halo = 0

    def __init__(self, *, size: Literal["paper", "small"] = "small") -> None:
        super().__init__()
        shape = SIZES[size]
        self.arguments = {"size": size}
        self.grid, width = shape.grid, shape.width
        self.multiple = self.grid * max(shape.scales)
        self.detail = Stem() if shape.compares else None
        planes = 2 * (COLORS + len(FILTERS)) if shape.compares else COLORS
        inputs = (planes + 1) * self.grid**2
        self.stem = nn.Conv2d(inputs, width, 3, padding=1)
        self.blocks = nn.Sequential(*(MultiScaleBlock(width, scale) for scale in shape.scales))
        self.attention = nn.Conv2d(2, 1, WINDOW, padding=WINDOW // 2)
        self.head = nn.Sequential(
            nn.Linear(width, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, 1),
        )
        nn.init.constant_(self.head[-1].bias, math.log(math.expm1(BEGIN - LEAST)))  # type: ignore[arg-type] # it is there

    def forward(self, pair: Tensor, mask: Tensor) -> Tensor:
        """σ (B,) in px, float32, of pairs (B, 2, 3, H, W) in [0, 1] and the masks (B, 1, H, W) of their foregrounds.

        The pair is focused on the foreground and behind it; H and W are of any size.

        Raises
        ------
        ValueError
            If it is no pair, has no three channels, or the mask does not cover it.
        """
        if tuple(pair.shape[1:3]) != (2, COLORS) or mask.shape != (len(pair), 1, *pair.shape[-2:]):
            raise ValueError(
                f"frames of shape {tuple(pair.shape)} and a mask of shape {tuple(mask.shape)} do not fit: (B, 2, 3, H, "
                "W) and (B, 1, H, W) are needed; repeat a single channel three times"
            )
        seen = pair[:, 1] if self.detail is None else torch.cat([pair, self.detail(pair)], 2).flatten(1, 2)
        planes = functional.pixel_unshuffle(padded(torch.cat([seen, mask], 1), self.multiple), self.grid)
        features = self.blocks(self.stem(planes))
        with torch.autocast(pair.device.type, enabled=False):  # means over many pixels, and what follows, in float32
            return self._regressed(features.float(), planes[:, -(self.grid**2) :].amax(1, keepdim=True).float())

    def _regressed(self, features: Tensor, mask: Tensor) -> Tensor:
        summary = torch.cat([features.mean(1, keepdim=True), features.amax(1, keepdim=True)], 1)
        attention = torch.sigmoid(self.attention(summary))
        if self.detail is None:
            mean = (features * attention).mean((2, 3))
        else:
            attention = attention * functional.max_pool2d(mask, 2 * AROUND + 1, 1, AROUND)
            mean = (features * attention).mean((2, 3)) / (attention.mean((2, 3)) + EMPTY)
        return functional.softplus(self.head(mean)[:, 0]) + LEAST
