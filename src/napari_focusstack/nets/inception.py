"""Parts of the published `AiFDepthNet`: an inception encoder over frames and space, and the decoder that undoes it.

Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, inflated to three axes as in Carreira and Zisserman, "Quo
Vadis, Action Recognition?", CVPR 2017. Features are (B, F, N, H, W); the frames' axis N is never thinned out.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["InceptionAttention"]

Widths = tuple[int, int, int, int, int, int]

THIRD: tuple[Widths, ...] = ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64))
FOURTH: tuple[Widths, ...] = (
    (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128),
)
FIFTH: tuple[Widths, ...] = ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128))
UPWARDS = ((1024, 64, 64), (128, 64, 64), (128, 32, 32), (64, 32, 16))  # channels in, between and out of each step
JOINED = ((832, 64), (480, 64), (192, 32), (64, 16))  # channels of the encoder's features, and of what joins the step


class InceptionAttention(nn.Module):
    """Logits (B, N, H, W) of the frames (B, N, 3, H, W) in [0, 1], as published; H and W multiples of 32.

    Attributes
    ----------
    reach : int
        How far, in px, a logit depends on others.
    """

    reach = 274

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, frames: Tensor) -> Tensor:
        """Logits of all frames together."""
        return self.decoder(self.encoder(frames.transpose(1, 2)))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """Features of 64, 192, 480, 832 and 1024 channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size; 12,294,544 weights.

    Batch normalisation follows every convolution, so that it is to be run with `eval()`.
    """

    def __init__(self) -> None:
        super().__init__()
        halved = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
        self.scales = nn.ModuleList(
            [
                rectified(3, 64, 7, stride=2),
                nn.Sequential(halved, rectified(64, 64, 1), rectified(64, 192, 3)),
                nn.Sequential(halved, *_mixed(192, THIRD)),
                nn.Sequential(halved, *_mixed(480, FOURTH)),
                nn.Sequential(nn.MaxPool3d((1, 2, 2)), *_mixed(832, FIFTH)),
            ]
        )

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Features, from fine to coarse, of frames (B, 3, N, H, W)."""
        found = [frames]
        for scale in self.scales:
            found.append(scale(found[-1]))
        return found[1:]


class Decoder(nn.Module):
    """Logits (B, N, H, W) of what `Encoder` gives; 4,239,329 weights."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ModuleList(_Up(*widths) for widths in UPWARDS)
        self.join = nn.ModuleList(rectified(*widths, 1) for widths in JOINED)
        self.last = nn.ConvTranspose3d(32, 32, (3, 4, 4), (1, 2, 2), 1)
        self.head = nn.Conv3d(32, 1, 3, padding=1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Logits of features that are told from fine to coarse."""
        *finer, found = features
        for up, join, skipped in zip(self.up, self.join, reversed(finer), strict=True):
            found = torch.cat([up(found), join(skipped)], 1)
        return self.head(self.last(found))[:, 0]  # type: ignore[no-any-return]


class Mixed(nn.Module):
    """Features of four branches side by side: 1³, 3³ twice, and the largest of each neighbourhood.

    Parameters
    ----------
    inputs : int
        Channels that go in.
    widths : (int, int, int, int, int, int)
        Channels of the first branch; before and after the 3³ convolution of the second and the third; of the fourth.
    """

    def __init__(self, inputs: int, widths: Widths) -> None:
        super().__init__()
        one, two, two_out, three, three_out, four = widths
        self.branches = nn.ModuleList(
            [
                rectified(inputs, one, 1),
                nn.Sequential(rectified(inputs, two, 1), rectified(two, two_out, 3)),
                nn.Sequential(rectified(inputs, three, 1), rectified(three, three_out, 3)),
                nn.Sequential(nn.MaxPool3d(3, 1, 1), rectified(inputs, four, 1)),
            ]
        )

    def forward(self, features: Tensor) -> Tensor:
        """Features of all branches."""
        return torch.cat([branch(features) for branch in self.branches], 1)


class _Up(nn.Module):
    """Features at twice the size."""

    def __init__(self, inputs: int, between: int, outputs: int) -> None:
        super().__init__()
        self.grow = nn.Sequential(
            nn.ConvTranspose3d(inputs, between, (3, 4, 4), (1, 2, 2), 1),
            nn.BatchNorm3d(between),
            nn.ReLU(inplace=True),
            rectified(between, outputs, 3),
        )

    def forward(self, features: Tensor) -> Tensor:
        return self.grow(features)  # type: ignore[no-any-return]


def rectified(inputs: int, outputs: int, size: int, *, stride: int = 1) -> nn.Sequential:
    """Convolution of size³, thinned out in space by the stride, batch normalisation and ReLU."""
    convolution = nn.Conv3d(inputs, outputs, size, (1, stride, stride), size // 2)
    return nn.Sequential(convolution, nn.BatchNorm3d(outputs), nn.ReLU(inplace=True))


def _mixed(inputs: int, blocks: Sequence[Widths]) -> list[Mixed]:
    """Blocks one after the other."""
    found = []
    for widths in blocks:
        found.append(Mixed(inputs, widths))
        inputs = widths[0] + widths[2] + widths[4] + widths[5]
    return found
