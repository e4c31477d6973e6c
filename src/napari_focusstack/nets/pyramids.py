"""Parts of the small `AnyLength`: residual blocks at three scales, for frames and for the picture merged of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, relu

from .blocks import doubled

__all__ = ["Correction", "Join", "PlainFrames", "Residual", "beside"]

STRIP = 64  # rows, of which features that lie between others are there at once


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
        return _in_strips(self._strip, [features], reach=2)

    def _strip(self, features: Tensor) -> Tensor:
        return self.second(relu(self.first(features), inplace=True)).add_(features)  # type: ignore[no-any-return]


class Join(nn.Module):
    """A frame's features beside what all frames have in common, which is looked at once for all of them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.own = nn.Conv2d(channels, channels, 1)
        self.common = nn.Conv2d(2 * channels, channels, 1, bias=False)
        self.block = Residual(channels)

    def shared(self, mean: Tensor, most: Tensor) -> Tensor:
        """What is common, (B, F, H, W), of the mean and the maximum of all frames' features."""
        return beside(self.common, (mean, most))

    def forward(self, own: Tensor, shared: Tensor) -> Tensor:
        """Features (B·N, F, H, W) of frames joined with what is `shared` by all, (B, F, H, W)."""
        count = len(own) // len(shared)
        mixed = self.own(own).unflatten(0, (-1, count)).add_(shared[:, None])
        return self.block(relu(mixed.flatten(0, 1), inplace=True))  # type: ignore[no-any-return]


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
        self.stem = nn.Sequential(nn.Conv2d(inputs, fine, 3, padding=1), nn.ReLU(inplace=True), Residual(fine))
        self.down = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(fine, middle, 3, 2, 1), nn.ReLU(inplace=True), Residual(middle)),
                nn.Sequential(
                    nn.Conv2d(middle, coarse, 3, 2, 1), nn.ReLU(inplace=True), Residual(coarse), Residual(coarse)
                ),
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

    def shared(self, mean: list[Tensor], most: list[Tensor]) -> list[Tensor]:
        """What all frames have in common, (B, F, H, W) at each scale, of the mean and the maximum of their features."""
        return [join.shared(*scale) for join, *scale in zip(self.joins, mean, most, strict=True)]  # type: ignore[operator] # Joins

    def joined(self, own: list[Tensor], shared: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Finest features (B·N, F, H, W) of frames beside what is `shared` by all: seen near and far."""
        near, middle, coarse = (join(*scale) for join, *scale in zip(self.joins, own, shared, strict=True))
        for up, finer in zip(self.up, (middle, near), strict=True):
            coarse = relu(beside(up, (doubled(coarse), finer)), inplace=True)
        return near, self.last(coarse)


class Correction(nn.Module):
    """Encoder and decoder of residual blocks at three scales; before training, it answers zero.

    In two steps, so that whoever calls may let go of what the first has seen.

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

    def entered(self, planes: Sequence[Tensor]) -> Tensor:
        """First features (B, F, H, W) of planes (B, ·, H, W), whose height and width are multiples of 4."""
        return relu(beside(self.enter, planes), inplace=True)

    def forward(self, entered: Tensor) -> Tensor:
        """Answer (B, outputs, H, W) to what was `entered`."""
        features = [self.before[0](entered)]
        for down, block in zip(self.down, self.before[1:], strict=True):
            features.append(block(relu(down(features[-1]), inplace=True)))
        found = features.pop()
        for up, block in zip(self.up, self.after, strict=True):
            found = block(relu(beside(up, (doubled(found), features.pop())), inplace=True))
        return self.head(found)  # type: ignore[no-any-return]


def beside(layer: nn.Module, parts: Sequence[Tensor]) -> Tensor:
    """What a convolution says of features (B, ·, H, W) side by side, which are not copied for it."""
    assert isinstance(layer, nn.Conv2d)
    pieces = layer.weight.split([part.shape[1] for part in parts], 1)

    def strip(*parts: Tensor) -> Tensor:
        found = conv2d(parts[0], pieces[0], layer.bias, padding=layer.padding)
        for part, piece in zip(parts[1:], pieces[1:], strict=True):
            found.add_(conv2d(part, piece, padding=layer.padding))
        return found

    return _in_strips(strip, parts, reach=layer.kernel_size[0] // 2)


def _in_strips(function: Callable[..., Tensor], parts: Sequence[Tensor], *, reach: int) -> Tensor:
    """What a function that reaches so many rows far says of features (B, ·, H, W).

    Without gradients it is asked strip by strip, so that what it needs on its way is never there whole. The strips
    overlap by its reach: nothing else changes.
    """
    height = parts[0].shape[2]
    if torch.is_grad_enabled() or height <= STRIP:
        return function(*parts)
    found: Tensor | None = None
    for top in range(0, height, STRIP):
        first = max(0, top - reach)
        strip = function(*(part[:, :, first : top + STRIP + reach] for part in parts))[:, :, top - first :]
        if found is None:
            found = strip.new_empty((*strip.shape[:2], height, strip.shape[3]))
        found[:, :, top : top + STRIP] = strip[:, :, :STRIP]
    assert found is not None
    return found


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
