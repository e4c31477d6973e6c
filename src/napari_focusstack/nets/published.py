"""Parts of the paper-size `AnyLength`: the published network's own, with all frames in place of the one before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from .blocks import WIDTH, Alignment, Features, Pyramid, Scales, Trunk, aligned_reach, convolution
from .focusdeep import SHIFT
from .pyramids import Join, beside

__all__ = ["AlignedFrames", "WideCorrection"]


class AlignedFrames(nn.Module):
    """Pyramids of frames, and their finest features aligned to the mean of all, beside those of all other frames.

    The published network aligns to the frame before: aligned frames then lie on different grids, and their order
    matters. The mean over the frames is the same for all and knows no order.

    Attributes
    ----------
    reach : int
        How far, in px of the planes, what `joined` says depends on others, for offsets of up to `SHIFT`.
    """

    reach = aligned_reach(2, SHIFT)

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.features, self.pyramid, self.alignment = Features(inputs), Pyramid(), Alignment()
        self.join = Join(WIDTH)

    def forward(self, planes: Tensor) -> list[Tensor]:
        """Pyramid (B, 64, H, W) of planes, from fine to coarse; height and width are multiples of 4."""
        return list(self.pyramid(self.features(planes)))

    def shared(self, mean: list[Tensor], most: list[Tensor]) -> list[Tensor]:
        """What all frames have in common, (B, 64, H, W), of the mean and maximum of their features; and the mean."""
        return [self.join.shared(mean[0], most[0]), *mean]

    def joined(self, own: list[Tensor], shared: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Finest features (B·N, 64, H, W) of frames beside what is `shared` by all; twice the same."""
        common, *mean = shared
        reference = tuple(scale.repeat_interleave(len(own[0]) // len(common), 0) for scale in mean)
        aligned = self.alignment(cast("Scales", tuple(own)), cast("Scales", reference))
        found = self.join(aligned, common)
        return found, found


class WideCorrection(nn.Module):
    """Trunk of the published network between two convolutions; before training, it answers zero.

    In two steps, so that whoever calls may let go of what the first has seen.

    Attributes
    ----------
    reach : int
        How far, in its px, an answer depends on others.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.enter, self.trunk = convolution(inputs, WIDTH), Trunk()
        self.head = nn.Conv2d(WIDTH, outputs, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type] # it has one
        self.reach = self.trunk.halo + 2

    def entered(self, planes: Sequence[Tensor]) -> Tensor:
        """First features (B, 64, H, W) of planes (B, ·, H, W)."""
        return torch.relu(beside(self.enter, planes))

    def forward(self, entered: Tensor) -> Tensor:
        """Answer (B, outputs, H, W) to what was `entered`."""
        return self.head(torch.relu(self.trunk(entered)))  # type: ignore[no-any-return]
