"""FocusDeep for bursts of any length: frames are weighed one by one against all, merged, and what is left is corrected.

Araujo, Ponce, Mairal, "Towards Real-World Focus Stacking with Deep Learning", arXiv 2311.17846, joins a fixed number of
frames by a convolution and begins from the first, which is out of focus. Here the frames of a burst know each other by
the mean and the maximum of their features, which neither their number nor their order changes, and the picture begins
from what each pixel's best frames show.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, pad, pixel_shuffle, pixel_unshuffle, relu, softsign

from .mosaic import demosaiced
from .network import Network
from .noise import deviation_at
from .pyramids import Join, Residual, begin, doubled
from .trunk import Trunk

__all__ = ["SIZES", "AnyLength", "Stats", "Sums"]

SITES = 4  # pixels of a block of 2 × 2, which are planes to the network
FAINT = 0.01  # detail that counts as little, beside the noise
SHARPNESS = 4.0  # of the choice between frames: what scores are multiplied by
LOUD = 10.0  # what deviations are multiplied by, so that they vary by about one
LEAST = 0.002  # deviation, of the range of values, below which nothing is corrected in finer steps
APART = 0.1  # share of the frames' disagreement that a correction is measured by
WINDOW = 3  # planes' px that disagreement is averaged over


@dataclass(frozen=True, slots=True)
class Size:
    """Features at each scale of a frame's pyramid, of what is merged, and at each scale of the correction."""

    widths: tuple[int, int, int]
    values: int
    trunk: tuple[int, int, int]


SIZES = {
    "small": Size((32, 48, 64), 32, (64, 80, 96)),
    "paper": Size((64, 96, 128), 64, (96, 128, 192)),
}


@dataclass(slots=True)
class Stats:
    """What all frames' features have in common, at each scale: their sum (B, F, h, w), maximum, and number."""

    total: list[Tensor]
    most: list[Tensor]
    count: int

    def __add__(self, other: Stats) -> Stats:
        total = [a + b for a, b in zip(self.total, other.total, strict=True)]
        most = [torch.maximum(a, b) for a, b in zip(self.most, other.most, strict=True)]
        return Stats(total, most, self.count + other.count)


@dataclass(slots=True)
class Sums:
    """Sums over frames, relative to the best score so far, from which the merged picture follows.

    Attributes
    ----------
    best : (B, 5, h, w)
        Largest score of each site of a block, and of the block.
    weight, square : (B, 5, h, w)
        Σ e^(score - best) and Σ e^(2 (score - best)).
    light : (B, P, h, w)
        The planes' weighted sum.
    power : (B, 4, h, w)
        Weighted sum of the planes' squares, meaned over channels.
    plain, plain_power : (B, P, h, w), (B, 4, h, w)
        The same without weights.
    values, plain_values : (B, V, h, w)
        Features' sums, with the block's weight and without.
    evidence : (B, F, h, w)
        Their maximum.
    count : int
        Number of frames.
    """

    best: Tensor
    weight: Tensor
    square: Tensor
    light: Tensor
    power: Tensor
    plain: Tensor
    plain_power: Tensor
    values: Tensor
    plain_values: Tensor
    evidence: Tensor
    count: int

    def __add__(self, other: Sums) -> Sums:
        best = torch.maximum(self.best, other.best)
        mine, theirs = (self.best - best).exp(), (other.best - best).exp()
        repeats = self.light.shape[1] // SITES

        def added(name: str, factors: tuple[Tensor, Tensor] | None) -> Tensor:
            a, b = getattr(self, name), getattr(other, name)
            return a + b if factors is None else a * factors[0] + b * factors[1]  # type: ignore[no-any-return]

        sites = mine[:, :SITES], theirs[:, :SITES]
        return Sums(
            best,
            added("weight", (mine, theirs)),
            added("square", (mine.square(), theirs.square())),
            added("light", (sites[0].repeat(1, repeats, 1, 1), sites[1].repeat(1, repeats, 1, 1))),
            added("power", sites),
            added("plain", None),
            added("plain_power", None),
            added("values", (mine[:, SITES:], theirs[:, SITES:])),
            added("plain_values", None),
            torch.maximum(self.evidence, other.evidence),
            self.count + other.count,
        )


class AnyLength(Network):
    """All-in-focus picture from a burst of any length, in any order, free of noise.

    Parameters
    ----------
    size : {"small", "paper"}
        "small" runs on laptops; "paper" has the published features' widths.
    raw : bool
        Whether frames are the planes of a red, green, green, blue mosaic, white-balanced; else RGB.

    Notes
    -----
    Frames become planes of 2 × 2 px blocks. Every frame's features, at three scales, are joined with their mean and
    maximum over all frames; from this comes a score s for each frame and site. The merged picture is

        P = Σ_i w_i I_i,  w = softmax over i of s,

    in units of the light, so that its brightness is that of the frames. What is left in it is known: noise of deviation
    σ √(Σ w²), and veils where frames disagree by D = √(mean_i (I_i - P)²). A second network corrects P in units of
    both, R = P + (σ √(Σ w²) + D / 10 + 0.002) · f, so that where nothing can be wrong, nothing is changed. It looks
    at the merged features, too, and its error does not reach the weights: each part learns from a loss of its own.
    """

    takes_noise = True

    def __init__(self, *, size: Literal["small", "paper"] = "small", raw: bool = False) -> None:
        super().__init__()
        self.arguments = {"size": size, "raw": raw}
        shape = SIZES[size]
        first, second, third = shape.widths
        self.raw, self.channels = raw, 4 if raw else 3
        self.planes = 4 if raw else 12
        self.stem = nn.Sequential(nn.Conv2d(2 * self.planes + 1, first, 3, padding=1), nn.ReLU(), Residual(first))
        self.down = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(first, second, 3, 2, 1), nn.ReLU(), Residual(second)),
                nn.Sequential(nn.Conv2d(second, third, 3, 2, 1), nn.ReLU(), Residual(third), Residual(third)),
            ]
        )
        self.joins = nn.ModuleList(Join(width) for width in shape.widths)
        self.up = nn.ModuleList(
            [nn.Conv2d(third + second, second, 3, padding=1), nn.Conv2d(second + first, first, 3, padding=1)]
        )
        self.last = Residual(first)
        self.scores = nn.Conv2d(first, SITES + 1, 3, padding=1)
        self.values = nn.Conv2d(first, shape.values, 3, padding=1)
        self.trunk = Trunk(45 + 2 * shape.values + first, 12, shape.trunk)
        begin(self.stem, self.down, self.up)
        nn.init.zeros_(self.scores.weight)
        nn.init.zeros_(self.scores.bias)  # type: ignore[arg-type] # it has one
        self.multiple = 8  # px: the coarsest features' grid
        self.halo = 2 * (MERGE_REACH + self.trunk.reach)

    def forward(self, burst: Tensor, noise: Tensor) -> Tensor:
        """Picture (B, 3, H, W) of bursts; while training, (B, 2, 3, H, W): the merged one, and the corrected.

        Parameters
        ----------
        burst : (B, N, 3, H, W) or, if raw, (B, N, 4, H/2, W/2)
            Stored values from 0 to 1.
        noise : (B, C, K)
            Standard deviation of the noise of each channel at K levels of brightness, evenly spread from 0 to 1.
        """
        features = self.features(burst, noise)
        merged = self.merged(burst, features, self.stats(features, burst.shape[1]))
        height, width = burst.shape[-2:]
        scale = 2 if self.raw else 1
        pictures = self.finished(merged, noise)
        cut = [picture[..., : scale * height, : scale * width] for picture in pictures]
        return torch.stack(cut, 1) if self.training else cut[1]

    def streamed(self, burst: Iterable[Tensor], noise: Tensor) -> Tensor:
        """Picture (B, 3, H, W) of a burst whose frames (B, C, H, W) come one by one, twice; noise as in `forward`.

        Memory does not grow with the number of frames.
        """
        stats: Stats | None = None
        for frame in burst:
            found = self.stats(self.features(frame[:, None], noise), 1)
            stats = found if stats is None else stats + found
        sums: Sums | None = None
        for frame in burst:
            part = self.merged(frame[:, None], self.features(frame[:, None], noise), stats)
            sums = part if sums is None else sums + part
        if stats is None or sums is None:
            raise ValueError("a burst without frames cannot be fused")
        height, width = (2 * side if self.raw else side for side in frame.shape[-2:])
        return self.finished(sums, noise)[1][..., :height, :width]

    def features(self, burst: Tensor, noise: Tensor) -> list[Tensor]:
        """Features (B·N, F, h, w) of frames (B, N, C, H, W), at three scales."""
        planes = self._planes(burst)
        grey = noise[:, :, noise.shape[2] // 4].mean(1).repeat_interleave(burst.shape[1])[:, None, None, None]
        detail = softsign((planes - _smooth(planes)) / (grey + FAINT))
        level = (LOUD * grey).expand(-1, 1, *planes.shape[-2:])
        found = [self.stem(torch.cat([planes - 0.5, detail, level], 1))]
        for step in self.down:
            found.append(step(found[-1]))
        return found

    def stats(self, features: list[Tensor], count: int) -> Stats:
        """What the features of each burst's `count` frames have in common."""
        split = [f.unflatten(0, (-1, count)) for f in features]
        return Stats([f.sum(1) for f in split], [f.amax(1) for f in split], count)

    def merged(self, burst: Tensor, features: list[Tensor], stats: Stats | None) -> Sums:
        """Sums over the frames (B, N, C, H, W) of a burst, or of a part of it."""
        assert stats is not None
        count = burst.shape[1]
        joined = [
            join(own, total / stats.count, most)
            for join, own, total, most in zip(self.joins, features, stats.total, stats.most, strict=True)
        ]
        coarse = joined[2]
        for convolution, fine in zip(self.up, (joined[1], joined[0]), strict=True):
            coarse = relu(convolution(torch.cat([doubled(coarse), fine], 1)))
        last = self.last(coarse)
        scores = SHARPNESS * self.scores(last).float().unflatten(0, (-1, count))
        values = self.values(last.detach()).float().unflatten(0, (-1, count))
        planes = self._planes(burst).unflatten(0, (-1, count))
        best = scores.detach().amax(1)
        weight = (scores - best[:, None]).exp()
        power = planes.unflatten(2, (-1, SITES)).square().mean(2)
        sites = weight[:, :, :SITES]
        return Sums(
            best,
            weight.sum(1),
            weight.square().sum(1),
            (sites.repeat(1, 1, self.planes // SITES, 1, 1) * planes).sum(1),
            (sites * power).sum(1),
            planes.sum(1),
            power.sum(1),
            (weight[:, :, SITES:].detach() * values).sum(1),
            values.sum(1),
            joined[0].detach().float().unflatten(0, (-1, count)).amax(1),
            count,
        )

    def finished(self, sums: Sums, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Merged and corrected picture, (B, 3, H, W) each, of the sums over all frames."""
        light = sums.light / sums.weight[:, :SITES].repeat(1, self.planes // SITES, 1, 1)
        with torch.autocast(light.device.type, enabled=False):
            picture = demosaiced(light) if self.raw else pixel_shuffle(light, 2)
        known = picture.detach()
        with torch.no_grad(), torch.autocast(known.device.type, enabled=False):
            weight = sums.weight[:, :SITES]
            share = (sums.square[:, :SITES].sqrt() / weight).detach()
            squared = light.unflatten(1, (-1, SITES)).square().mean(1)
            crossed = (light * sums.plain / sums.count).unflatten(1, (-1, SITES)).mean(1)
            near = (sums.power / weight - squared).mean(1, keepdim=True)
            apart = (sums.plain_power / sums.count - 2 * crossed + squared).mean(1, keepdim=True)
            near, apart = (
                avg_pool2d(t.clamp_min(0), WINDOW, 1, WINDOW // 2, count_include_pad=False).sqrt()
                for t in (near, apart)
            )
            planes = pixel_unshuffle(known, 2)
            smooth = _smooth(planes)
            levels = noise[:, [0, 1, 3]] if self.raw else noise
            deviation = deviation_at(levels.repeat_interleave(SITES, 1), smooth) * share.repeat(1, 3, 1, 1)
            scale = deviation + APART * apart + LEAST
            seen = torch.cat(
                [planes - 0.5, (planes - smooth) / scale, LOUD * deviation, scale[:, ::SITES].log() / 2 + 2], 1
            )
            seen = torch.cat([seen, LOUD * near, LOUD * apart, share], 1)
        values = sums.values / sums.weight[:, SITES:].detach(), sums.plain_values / sums.count
        correction = self.trunk(torch.cat([seen, *values, sums.evidence], 1)).float()
        return picture, known + pixel_shuffle(scale * correction, 2)

    def _planes(self, burst: Tensor) -> Tensor:
        """Planes (B·N, P, h, w) of frames, their end repeated until they fit the coarsest grid."""
        flat = burst.flatten(0, 1).float()
        grid = self.multiple // 2 if self.raw else self.multiple
        height, width = flat.shape[-2:]
        if height % grid or width % grid:
            flat = pad(flat, (0, -width % grid, 0, -height % grid), mode="replicate")
        return flat if self.raw else pixel_unshuffle(flat, 2)


MERGE_REACH = 53  # planes' px that a frame's score depends on


def _smooth(planes: Tensor) -> Tensor:
    """Planes averaged over blocks of 2 × 2 and interpolated."""
    return interpolate(avg_pool2d(planes, 2), scale_factor=2, mode="bilinear", align_corners=False)
