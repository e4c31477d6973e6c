"""Parts of FocusDeep: features of a frame, their pyramid, its alignment to another's, and the trunk behind the fusion.

As in Araujo, Ponce, Mairal, "Towards Real-World Focus Stacking with Deep Learning", arXiv 2311.17846, which took them
from Luo et al., "EBSR: Feature Enhanced Burst Super-Resolution with Deformable Alignment", CVPRW 2021. None of them
knows how many frames there are, so that networks for bursts of any length can be built of them too.

All convolutions but the deformable ones are weight-normalised (Salimans and Kingma, NeurIPS 2016): w = g · v / ‖v‖ for
each output channel. Scales (B, ·, H, W), (B, ·, H/2, W/2), (B, ·, H/4, W/4) are told from fine to coarse; H and W are
multiples of 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from .deformable import DeformableConv

__all__ = ["Alignment", "Features", "Pyramid", "Trunk", "WideBlock", "aligned_reach", "convolution", "doubled"]

WIDTH = 64  # channels of most features
EXPANSION, BOTTLENECK = 6, 0.8  # channels inside a wide block, in widths
BLOCKS = 5  # wide blocks of the features
GROUPS = 8  # of channels that are moved together
LEAK = 0.1  # slope of rectifiers on negative values, in the alignment
LEVELS = 3

Scales = tuple[Tensor, Tensor, Tensor]


def convolution(inputs: int, outputs: int, size: int = 3, *, stride: int = 1) -> nn.Conv2d:
    """Convolution with bias and weight normalisation, padded so that it keeps the size but for the stride."""
    layer = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2)
    return weight_norm(layer)  # type: ignore[no-any-return]


class WideBlock(nn.Module):
    """Features (B, width, H, W) of such: a convolution 3×3 of few features, chosen among many rectified ones.

    Parameters
    ----------
    width : int
        Channels that go in and come out.
    residual : bool
        Whether what goes in is added to what comes out.

    Notes
    -----
    With 1×1 convolutions w₁ to 6 and w₂ to 0.8 times the width, and w₃ of 3×3::

        y = w₃ * (w₂ ReLU(w₁ x)) + x
    """

    def __init__(self, width: int = WIDTH, *, residual: bool = True) -> None:
        super().__init__()
        self.residual = residual
        wide, narrow = EXPANSION * width, int(BOTTLENECK * width)
        self.body = nn.Sequential(
            convolution(width, wide, 1), nn.ReLU(inplace=True), convolution(wide, narrow, 1), convolution(narrow, width)
        )

    def forward(self, features: Tensor) -> Tensor:
        """What the block makes of the features."""
        found: Tensor = self.body(features)
        return found + features if self.residual else found


class Features(nn.Module):
    """Features of a frame (B, channels, H, W) at three scales, of width, 2·width and 4·width channels.

    A convolution, ReLU and five wide blocks; then, twice, a convolution of stride 2 and ReLU.
    """

    def __init__(self, channels: int, width: int = WIDTH) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            convolution(channels, width), nn.ReLU(inplace=True), *(WideBlock(width) for _ in range(BLOCKS))
        )
        self.to_half = convolution(width, 2 * width, stride=2)
        self.to_quarter = convolution(2 * width, 4 * width, stride=2)

    def forward(self, frame: Tensor) -> Scales:
        """Features, from fine to coarse."""
        fine = self.stem(frame)
        half = torch.relu(self.to_half(fine))
        return fine, half, torch.relu(self.to_quarter(half))


class Pyramid(nn.Module):
    """Pyramid of what `Features` gives: width channels at each scale, what coarse scales show added to fine ones.

    Notes
    -----
    Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017. With 1×1 convolutions u, 3×3 ones w, and ↑
    for bilinear interpolation to twice the size::

        P₃ = ReLU(u₃ F₃),  P₂ = w₂ * (↑P₃ + u₂ F₂),  P₁ = w₁ * (↑P₂ + u₁ F₁)
    """

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(convolution(2**level * width, width, 1) for level in range(LEVELS))
        self.smooth = nn.ModuleList(convolution(width, width) for _ in range(LEVELS - 1))

    def forward(self, features: Scales) -> Scales:
        """Pyramid, from fine to coarse."""
        fine, half, quarter = (lateral(scale) for lateral, scale in zip(self.lateral, features, strict=True))
        quarter = torch.relu(quarter)
        half = self.smooth[1](doubled(quarter) + half)
        return self.smooth[0](doubled(half) + fine), half, quarter


class Alignment(nn.Module):
    """Features (B, width, H, W) of a frame as they lie in another one, from the pyramids of both.

    Parameters
    ----------
    width : int
        Channels of the pyramids.
    groups : int
        Of channels that are moved together.
    linear : bool
        Whether offsets are what the last convolution before them says, begun at zero; False: as in the published code,
        which takes LeakyReLU of them, so that moves up or left are made ten times smaller, and begins at random.

    Notes
    -----
    Pyramid, cascading and deformable alignment (Wang et al., EDVR, CVPRW 2019), on an enhanced pyramid. With the
    frame's pyramid P, the reference's R, deformable convolutions D and others w, from coarse to fine::

        o₃ = offsets(P₃, R₃),             a₃ = LeakyReLU(D₃(P₃, o₃))
        o₂ = offsets(P₂, R₂, 2 · ↑o₃),    a₂ = LeakyReLU(w₂ * (D₂(P₂, o₂), ↑a₃))
        o₁ = offsets(P₁, R₁, 2 · ↑o₂),    a₁ = w₁ * (D₁(P₁, o₁), ↑a₂)
        o₀ = offsets(a₁, R₁),             a  = LeakyReLU(D₀(a₁, o₀))
    """

    def __init__(self, width: int = WIDTH, groups: int = GROUPS, *, linear: bool = True) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            _Level(width, groups, linear=linear, coarsest=level == LEVELS - 1) for level in range(LEVELS)
        )
        self.cascade = _Level(width, groups, linear=linear, coarsest=True)

    def forward(self, frame: Scales, reference: Scales) -> Tensor:
        """Finest features of the frame, moved to where they lie in the reference."""
        offsets, moved = self.levels[2](frame[2], reference[2])
        offsets, moved = self.levels[1](frame[1], reference[1], offsets, _leaky(moved))
        _, moved = self.levels[0](frame[0], reference[0], offsets, _leaky(moved))
        return _leaky(self.cascade(moved, reference[0])[1])


class _Level(nn.Module):
    """Offsets between two planes of features at one scale, and the first moved by them; with the help of a coarser."""

    def __init__(self, width: int, groups: int, *, linear: bool, coarsest: bool) -> None:
        super().__init__()
        self.linear, self.coarsest = linear, coarsest
        self.deform = DeformableConv(width, width, groups=groups)
        self.compare = convolution(2 * width, width)
        self.move = convolution(width, self.deform.offsets)
        if not coarsest:
            self.refine = convolution(width + self.deform.offsets, width)
            self.merge = convolution(2 * width, width)
        if linear:
            nn.init.zeros_(self.move.get_parameter("parametrizations.weight.original0"))  # the gain g
            nn.init.zeros_(self.move.get_parameter("bias"))

    def forward(
        self, frame: Tensor, reference: Tensor, coarser: Tensor | None = None, below: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Offsets and moved features; but at the coarsest scale, the next coarser one's are needed."""
        hidden = _leaky(self.compare(torch.cat([frame, reference], 1)))
        if coarser is not None:
            hidden = _leaky(self.refine(torch.cat([hidden, 2 * doubled(coarser)], 1)))
        offsets = self.move(hidden)
        if not self.linear:
            offsets = _leaky(offsets)
        moved = self.deform(frame, offsets)
        if below is not None:
            moved = self.merge(torch.cat([moved, doubled(below)], 1))
        return offsets, moved


class Trunk(nn.Module):
    """Features (B, width, H, W) of such: wide blocks, each of which sees what all before it found.

    Parameters
    ----------
    width : int
        Channels that go in and come out.
    groups, blocks : int
        Groups of blocks, which see each other's results as the blocks in them do.

    Attributes
    ----------
    halo : int
        How far it sees, px.

    Notes
    -----
    Long-range concatenation (EBSR). Blocks b and, with blocks in their place, groups of them are chained alike; 1×1
    convolutions u, none for i = 0, reduce what is joined to the width::

        x_{i+1} = (b_i(u_i x_i), x_i),   y = u x_n
    """

    def __init__(self, width: int = WIDTH, groups: int = 5, blocks: int = 4) -> None:
        super().__init__()
        self.halo = groups * blocks
        self.body = _chain(
            [_chain([WideBlock(width, residual=False) for _ in range(blocks)], width) for _ in range(groups)], width
        )

    def forward(self, features: Tensor) -> Tensor:
        """What the blocks make of the features."""
        return self.body(features)  # type: ignore[no-any-return]


class _Joined(nn.Module):
    """What a body makes of features that are reduced to its width, joined with the features."""

    def __init__(self, inputs: int, width: int, body: nn.Module) -> None:
        super().__init__()
        self.reduce = convolution(inputs, width, 1) if inputs > width else nn.Identity()
        self.body = body

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([self.body(self.reduce(features)), features], 1)


def _chain(bodies: Sequence[nn.Module], width: int) -> nn.Sequential:
    joined = [_Joined(i * width, width, body) for i, body in enumerate(bodies, 1)]
    return nn.Sequential(*joined, convolution((len(bodies) + 1) * width, width, 1))


class _Span(NamedTuple):
    """Pixels that are needed, along one axis."""

    first: int
    last: int

    def wider(self, by: int) -> _Span:
        return _Span(self.first - by, self.last + by)

    def joined(self, other: _Span) -> _Span:
        return _Span(min(self.first, other.first), max(self.last, other.last))

    def coarser(self) -> _Span:
        """What they are interpolated from, at half the size."""
        return _Span((self.first - 1) // 2, (self.last + 1) // 2)

    def finer(self) -> _Span:
        """What a 3×3 convolution of stride 2 makes them of."""
        return _Span(2 * self.first - 1, 2 * self.last + 1)


def aligned_reach(after: int, shift: int) -> int:
    """Farthest pixel of a frame, in px to either side, that a network of `Features`, `Pyramid`, `Alignment` depends on.

    Follows the pixels that one needs, from the network's end backwards, from each place on the coarsest grid.

    Parameters
    ----------
    after : int
        How far what follows the alignment sees, px.
    shift : int
        Longest offset, in px of the frame, that is reckoned with: nothing bounds them, and what is moved farther is not
        exact in tiles.
    """
    reach = 0
    for place in range(2 ** (LEVELS - 1)):
        end = _Span(place - after, place + after)
        wanted = offsets = end.wider(1 + max(shift, 1))  # the cascade moves them, by offsets that it sees 2 px around
        seen: list[_Span] = []
        for level in range(LEVELS):
            more = int(level < LEVELS - 1)  # a coarser level, which one merges with and refines the offsets of
            wanted = wanted.wider(more)
            offsets = offsets.joined(wanted).wider(1 + more)
            seen.append(wanted.wider(1 + -(-shift // 2**level)).joined(offsets.wider(1)))
            wanted, offsets = wanted.coarser(), offsets.coarser()
        seen = [span.wider(1) for span in seen[:-1]] + seen[-1:]  # the pyramid's smoothing
        seen[1] = seen[1].joined(seen[0].coarser().wider(1))
        features = seen[2].joined(seen[1].coarser())
        for span in seen[1::-1]:
            features = span.joined(features.finer())
        begin = features.wider(1 + BLOCKS)
        reach = max(reach, place - begin.first, begin.last - place)
    return reach


def _leaky(features: Tensor) -> Tensor:
    return functional.leaky_relu(features, LEAK)


def doubled(planes: Tensor) -> Tensor:
    """Planes (B, C, H, W) at twice the size, interpolated."""
    return functional.interpolate(planes, scale_factor=2, mode="bilinear", align_corners=False)
