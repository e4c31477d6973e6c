"""The second network of `AnyLength`: what is wrong with a merged picture, in units of what may be wrong."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from .pyramids import Residual, begin, doubled

__all__ = ["Trunk"]


class Trunk(nn.Module):
    """Encoder and decoder of residual blocks at three scales; before training, it answers zero.

    Attributes
    ----------
    reach : int
        How far, in its px, an answer depends on others.
    """

    reach = 62

    def __init__(self, inputs: int, outputs: int, widths: tuple[int, int, int]) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.enter = nn.Conv2d(inputs, fine, 3, padding=1)
        self.down = nn.ModuleList([nn.Conv2d(fine, middle, 3, 2, 1), nn.Conv2d(middle, coarse, 3, 2, 1)])
        self.up = nn.ModuleList(
            [nn.Conv2d(coarse + middle, middle, 3, padding=1), nn.Conv2d(middle + fine, fine, 3, padding=1)]
        )
        self.before = nn.ModuleList([_blocks(fine, 2), _blocks(middle, 2), _blocks(coarse, 3)])
        self.after = nn.ModuleList([_blocks(middle, 2), _blocks(fine, 2)])
        self.head = nn.Conv2d(fine, outputs, 3, padding=1)
        begin(self.enter, self.down, self.up)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type] # it has one

    def forward(self, planes: Tensor) -> Tensor:
        """Answer (B, outputs, H, W) to planes (B, inputs, H, W), whose height and width are multiples of 4."""
        features = [self.before[0](relu(self.enter(planes)))]
        for down, block in zip(self.down, self.before[1:], strict=True):
            features.append(block(relu(down(features[-1]))))
        found = features.pop()
        for up, block in zip(self.up, self.after, strict=True):
            found = block(relu(up(torch.cat([doubled(found), features.pop()], 1))))
        return self.head(found)  # type: ignore[no-any-return]


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*[Residual(channels) for _ in range(count)])
