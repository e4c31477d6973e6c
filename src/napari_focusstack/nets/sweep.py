"""Parts of the small `AiFDepthNet`: each frame's features in fine detail, all frames' along the sweep in coarse.

What tells depth is how a frame compares with all others, in the fine, and with the next ones, over larger areas. So the
fine scales know the others by the mean and the maximum of their features alone, which can be had frame by frame, and
only the coarsest, a sixteenth of a value for each pixel and channel, is held of all frames and mixed along the sweep.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pixel_shuffle, pixel_unshuffle, relu, softsign

from .blocks import doubled
from .merging import SITES, Stats
from .pyramids import Join, Residual

__all__ = ["SweepAttention"]

FINE, MIDDLE, COARSE = 32, 48, 80  # features at 1/2, 1/4 and 1/8 of the size
DETAIL = (0.01, 0.06)  # contrasts that count as little: without noise, and with much
AROUND = 5  # planes' px whose mean is not detail
WINDOWS, FAINT = (3, 11), 0.004  # planes' px over which the detail's power is averaged; contrast that counts as none
USUAL, SPREAD = 7.0, 2.0  # what its logarithm mostly is below zero, and how far from there
MIXINGS = 4  # of the coarsest features along the sweep
STEEPNESS, LIFT = 2.0, 0.3  # of the scores that training begins with: how fast they fall, and the best one's
SHARPNESS = 4.0  # what scores are multiplied by


class SweepAttention(nn.Module):
    """Logits (B, N, H, W) of the frames (B, N, 3, H, W) in [0, 1], in the order of the sweep; H, W multiples of 8.

    Attributes
    ----------
    reach : int
        How far, in px, a logit depends on others.

    Notes
    -----
    Frames become planes of 2 × 2 px blocks, beside their detail d on two scales of contrast, d / (|d| + c), and the
    logarithm of its mean square over two windows. By how much this is below its largest value over the sweep is what
    scores begin with, so that before training the network is a shape from focus, which it learns to correct. A residual
    encoder finds features at three scales. The coarsest ones are mixed by residual blocks that look at the frames
    before and behind, and at the mean and the maximum over all; the decoder joins what comes of it with the finer
    features of each frame, which know the others by mean and maximum, too. No layer normalises: nothing depends on what
    else is in a batch, and a tile is as the whole.
    """

    reach = 144

    def __init__(self) -> None:
        super().__init__()
        inputs = 3 * SITES * (1 + len(DETAIL)) + len(WINDOWS)
        self.stem = nn.Sequential(nn.Conv2d(inputs, FINE, 3, padding=1), nn.ReLU(), Residual(FINE))
        self.to_half = nn.Sequential(nn.Conv2d(FINE, MIDDLE, 3, 2, 1), nn.ReLU(), Residual(MIDDLE))
        self.to_quarter = nn.Sequential(nn.Conv2d(MIDDLE, COARSE, 3, 2, 1), nn.ReLU(), Residual(COARSE))
        self.mixings = nn.ModuleList(Mixing(COARSE) for _ in range(MIXINGS))
        self.joins = nn.ModuleList([Join(FINE), Join(MIDDLE)])
        self.up = nn.ModuleList(
            [nn.Conv2d(COARSE + MIDDLE, MIDDLE, 3, padding=1), nn.Conv2d(MIDDLE + FINE, FINE, 3, padding=1)]
        )
        self.last = Residual(FINE)
        self.scores = nn.Conv2d(FINE, SITES, 3, padding=1)
        self.sharpest = nn.Conv2d(len(WINDOWS), SITES, 1)
        nn.init.constant_(self.sharpest.weight, STEEPNESS / len(WINDOWS))
        nn.init.constant_(self.sharpest.bias, LIFT)  # type: ignore[arg-type] # it has one
        nn.init.zeros_(self.scores.weight)
        nn.init.zeros_(self.scores.bias)  # type: ignore[arg-type] # it has one
        for layer in (self.stem[0], self.to_half[0], self.to_quarter[0], *self.up):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def forward(self, frames: Tensor) -> Tensor:
        """Logits of all frames together."""
        count = frames.shape[1]
        own = self.fine(frames)
        coarse = self.mixed(self.coarse(own[1]), count)
        return self.logits(own, coarse, stats_of(own, count))

    def fine(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features (B·N, F, h, w) of frames, each by itself, at 1/2 and 1/4 of the size, and the detail's power."""
        planes = pixel_unshuffle(frames.flatten(0, 1), 2)
        detail = planes - _mean(planes, AROUND)
        power = detail.square().mean(1, keepdim=True)
        powers = torch.cat([_mean(power, window).add(FAINT**2).log().add(USUAL).div(SPREAD) for window in WINDOWS], 1)
        contrasts = [softsign(detail / contrast) for contrast in DETAIL]
        fine = self.stem(torch.cat([planes - 0.5, *contrasts, powers], 1))
        return fine, self.to_half(fine), powers

    def coarse(self, middle: Tensor) -> Tensor:
        """Features (B·N, F, h, w) of frames, each by itself, at 1/8 of the size."""
        return self.to_quarter(middle)  # type: ignore[no-any-return]

    def mixed(self, coarse: Tensor, count: int) -> Tensor:
        """Coarsest features (B·N, F, h, w) of all the `count` frames of each burst, mixed along the sweep."""
        for mixing in self.mixings:
            frames = coarse.unflatten(0, (-1, count))
            nothing = torch.zeros_like(frames[:, :1])
            before, behind = torch.cat([nothing, frames[:, :-1]], 1), torch.cat([frames[:, 1:], nothing], 1)
            common = torch.cat([frames.mean(1), frames.amax(1)], 1)
            coarse = mixing(before.flatten(0, 1), coarse, behind.flatten(0, 1), common)
        return coarse

    def mixed_one_by_one(self, coarse: Sequence[Tensor]) -> list[Tensor]:
        """Coarsest features (B, F, h, w) of each frame, as of `mixed`: nothing but these is held of all frames."""
        frames = list(coarse)
        for mixing in self.mixings:
            mean, most = frames[0] / len(frames), frames[0]
            for frame in frames[1:]:
                mean, most = mean + frame / len(frames), torch.maximum(most, frame)
            common, nothing = torch.cat([mean, most], 1), torch.zeros_like(mean)
            before = nothing
            for number, own in enumerate(frames):
                behind = frames[number + 1] if number + 1 < len(frames) else nothing
                frames[number] = mixing(before, own, behind, common)
                before = own
        return frames

    def logits(self, own: Sequence[Tensor], coarse: Tensor, stats: Stats) -> Tensor:
        """Logits (B, n, H, W) of some frames of each burst: their fine and coarse features beside those of all."""
        found = coarse
        fine, middle = (
            join(mine, join.shared(mean, most))  # type: ignore[operator] # a Join
            for join, mine, mean, most in zip(self.joins, own[:2], stats.mean[:2], stats.most[:2], strict=True)
        )
        for up, finer in zip(self.up, (middle, fine), strict=True):
            found = relu(up(torch.cat([doubled(found), finer], 1)))
        below = (own[2].unflatten(0, (len(stats.most[2]), -1)) - stats.most[2][:, None]).flatten(0, 1)
        scores = self.scores(self.last(found)).float() + self.sharpest(below).float()
        logits: Tensor = SHARPNESS * pixel_shuffle(scores, 2)[:, 0].unflatten(0, (len(stats.most[0]), -1))
        return logits


class Mixing(nn.Module):
    """Features (B·n, F, h, w) of the same shape: each frame's beside those of its neighbours, and of all."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.near = nn.Conv2d(3 * channels, channels, 1)
        self.common = nn.Conv2d(2 * channels, channels, 1, bias=False)
        self.out = nn.Conv2d(channels, channels, 1)
        self.block = Residual(channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type] # it has one

    def forward(self, before: Tensor, own: Tensor, behind: Tensor, common: Tensor) -> Tensor:
        """Features of frames, of those before and behind (zeros beyond the ends), and what all have (B, 2·F, h, w)."""
        near = self.near(torch.cat([before, own, behind], 1)).unflatten(0, (len(common), -1))
        joined = relu(near + self.common(common)[:, None]).flatten(0, 1)
        return self.block(own + self.out(joined))  # type: ignore[no-any-return]


def _mean(planes: Tensor, window: int) -> Tensor:
    """Mean over windows of so many px to a side."""
    return avg_pool2d(planes, window, 1, window // 2, count_include_pad=False)


def stats_of(features: Sequence[Tensor], count: int) -> Stats:
    """What the features (B·count, F, h, w) of each burst's frames have in common."""
    split = [scale.unflatten(0, (-1, count)) for scale in features]
    return Stats([scale.sum(1) for scale in split], [scale.amax(1) for scale in split], count)
