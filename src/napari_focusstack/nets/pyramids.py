"""Parts of the small `AnyLength`: residual blocks at three scales, for frames and for the picture merged of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from .blocks import doubled

__all__ = ["Correction", "Join", "PlainFrames", "Residual"]


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


class PlainFrames(nn.Module):
    """Features of frames at three scales, and the same beside those of all other frames.

    Attributes
    ----------
    reach : int
        How far, in px of the planes, what `joined` says depends on others.
    """

    reach = 49

    def __init__(self, inputs: int, widths: tuple[int, int, int]) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.stem = nn.Sequential(nn.Conv2d(inputs, fine, 3, padding=1), nn.ReLU(), Residual(fine))
        self.down = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(fine, middle, 3, 2, 1), nn.ReLU(), Residual(middle)),
                nn.Sequential(nn.Conv2d(middle, coarse, 3, 2, 1), nn.ReLU(), Residual(coarse), Residual(coarse)),
            ]
        )
        self.joins = nn.ModuleList(Join(width) for width in widths)
        self.up = nn.ModuleList(
            [nn.Conv2d(coarse + middle, middle, 3, padding=1), nn.Conv2d(middle + fine, fine, 3, padding=1)]
        )
        self.last = Residual(fine)
        _begin(self.stem, self.down, self.up)

    def forward(self, planes: Tensor) -> list[Tensor]:
        """Features (B, F, H, W) of planes, from fine to coarse; height and width are multiples of 4."""
        found = [self.stem(planes)]
        for step in self.down:
            found.append(step(found[-1]))
        return found

    def joined(self, own: list[Tensor], mean: list[Tensor], most: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Finest features (B·N, F, H, W) of frames beside what all have in common, (B, F, H, W): seen near and far."""
        near, middle, coarse = (join(*scale) for join, *scale in zip(self.joins, own, mean, most, strict=True))
        for up, finer in zip(self.up, (middle, near), strict=True):
            coarse = relu(up(torch.cat([doubled(coarse), finer], 1)))
        return near, self.last(coarse)


class Correction(nn.Module):
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
        _begin(self.enter, self.down, self.up)
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


def _begin(*modules: nn.Module) -> None:
    """Draw the weights of convolutions that a ReLU follows as He et al. 2015; residual blocks stay as they are."""
    for module in modules:
        for part in module.children() if not isinstance(module, nn.Conv2d) else [module]:
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
                nn.init.zeros_(part.bias)  # type: ignore[arg-type] # it has one
            elif not isinstance(part, Residual):
                _begin(part)


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*[Residual(channels) for _ in range(count)])
