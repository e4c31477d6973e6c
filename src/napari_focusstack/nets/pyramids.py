"""Parts of networks that look at several scales: residual blocks, steps between scales, a frame beside the others."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

__all__ = ["Join", "Residual", "begin", "doubled"]


class Residual(nn.Module):
    """Two 3×3 convolutions whose answer is added to what goes in; before training, they add nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type] # it has one

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, F, H, W) of the same shape."""
        return features + self.second(relu(self.first(features)))  # type: ignore[no-any-return]


class Join(nn.Module):
    """A frame's features beside what all frames have in common."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.own = nn.Conv2d(channels, channels, 1)
        self.common = nn.Conv2d(2 * channels, channels, 1, bias=False)
        self.block = Residual(channels)

    def forward(self, own: Tensor, mean: Tensor, most: Tensor) -> Tensor:
        """Features (B·N, F, H, W) of frames joined with those of all, (B, F, H, W)."""
        common = self.common(torch.cat([mean, most], 1))
        count = len(own) // len(common)
        mixed = self.own(own).unflatten(0, (-1, count)) + common[:, None]
        return self.block(relu(mixed.flatten(0, 1)))  # type: ignore[no-any-return]


def doubled(features: Tensor) -> Tensor:
    """Features at twice the resolution, interpolated."""
    return interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)


def begin(*modules: nn.Module) -> None:
    """Draw the weights of convolutions that a ReLU follows as He et al. 2015; residual blocks stay as they are."""
    for module in modules:
        for part in module.children() if not isinstance(module, nn.Conv2d) else [module]:
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
                nn.init.zeros_(part.bias)  # type: ignore[arg-type] # it has one
            elif not isinstance(part, Residual):
                begin(part)
