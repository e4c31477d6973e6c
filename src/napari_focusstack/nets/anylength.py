"""FocusDeep for bursts of any length: frames are weighed one by one against all, merged, and what is left is corrected.

Araujo, Ponce, Mairal, "Towards Real-World Focus Stacking with Deep Learning", arXiv 2311.17846, joins a fixed number of
frames by a convolution and begins from the first, which is out of focus. Here the frames of a burst know each other by
the mean and the maximum of their features, which neither their number nor their order changes, and the picture begins
from what each pixel's best frames show.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad, pixel_shuffle, pixel_unshuffle, softsign

from .blocks import WIDTH, doubled
from .merging import SITES, Stats, Sums, added
from .mosaic import demosaiced
from .network import Network
from .noise import deviation_at
from .published import AlignedFrames, WideCorrection
from .pyramids import Correction, PlainFrames

__all__ = ["AnyLength"]

FAINT = 0.01  # detail that counts as little, beside the noise
SHARPNESS = 4.0  # of the choice between frames: what scores are multiplied by
LOUD = 10.0  # what deviations are multiplied by, so that they vary by about one
LEAST = 0.002  # deviation, of the range of values, below which nothing is corrected in finer steps
APART = 0.1  # share of the frames' disagreement that a correction is measured by
SPREAD = 0.9  # share of the other frames over which weights spread where no frame stands out
AROUND = 4  # planes' px by which local means, the demosaicing and the scores see farther
WINDOW = 3  # planes' px that disagreement is averaged over


WIDTHS, CORRECTING, VALUES = (32, 48, 64), (64, 80, 96), 32  # features of the small size: of frames, of the correction


class AnyLength(Network):
    """All-in-focus picture from a burst of any length, in any order, free of noise.

    Parameters
    ----------
    size : {"small", "paper"}
        "small" runs on laptops: residual blocks at three scales. "paper" has the published network's features, pyramid,
        alignment (to the mean of all frames) and trunk.
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
        self.raw, self.channels = raw, 4 if raw else None
        self.planes, self.scale = (4, 2) if raw else (12, 1)
        small, inputs = size == "small", 2 * self.planes + 1
        self.frames = PlainFrames(inputs, WIDTHS) if small else AlignedFrames(inputs)
        fine = WIDTHS[0] if small else WIDTH
        self.scores = nn.Conv2d(fine, SITES + 1, 3, padding=1)
        self.values = nn.Conv2d(fine, VALUES, 3, padding=1)
        seen = 3 * 12 + 3 + 2 + SITES + 2 * VALUES + fine
        self.correction = Correction(seen, 12, CORRECTING) if small else WideCorrection(seen, 12)
        nn.init.zeros_(self.scores.weight)
        nn.init.zeros_(self.scores.bias)  # type: ignore[arg-type] # it has one
        self.multiple = 4 if raw else 8  # px: the coarsest features' grid
        self.halo = (self.frames.reach + self.correction.reach + AROUND) * (1 if raw else 2)

    def forward(self, burst: Tensor, noise: Tensor) -> Tensor:
        """Picture (B, C, H, W) of bursts; while training, (B, 2, C, H, W): the merged one, and the corrected.

        Parameters
        ----------
        burst : (B, N, C, H, W) or, if raw, (B, N, 4, H/2, W/2)
            Stored values from 0 to 1. Other than RGB, each channel is fused by itself, as a grey picture.
        noise : (B, C, K)
            Standard deviation of the noise of each channel at K levels of brightness, evenly spread from 0 to 1.
        """
        channels, (height, width) = burst.shape[2], self._size(burst)
        burst, noise = self._as_trained(burst), self._as_trained(noise)
        features = self.features(burst, noise)
        merged = self.merged(burst, features, self.shared(self.stats(features, burst.shape[1])))
        picture, scale, entered = self.entered(merged, noise)
        pictures = [
            self._as_given(found, channels)[..., :height, :width]
            for found in (picture, self.corrected(picture, scale, entered))
        ]
        return torch.stack(pictures, 1) if self.training else pictures[1]

    @torch.no_grad()
    def streamed(self, burst: Iterable[Tensor], noise: Tensor) -> Tensor:
        """Picture, index and confidence (B, C + 2, H, W) of a burst whose frames (B, C, H, W) come one by one, twice.

        Memory does not grow with the number of frames: what is no longer needed is let go at once, and sums are added
        in place, so there are no gradients. The index is the number of the frame with the largest weight,
        the confidence by how much that exceeds the next; of several channels that are fused by themselves, the surest
        tells.

        Raises
        ------
        ValueError
            If there is no frame.
        """
        levels = self._as_trained(noise).to(self.scores.weight.device)
        stats: Stats | None = None
        for frame in burst:
            stats = added(stats, self.stats(self.features(self._as_trained(frame[:, None]), levels), 1))
        if stats is None:
            raise ValueError("a burst without frames cannot be fused; give at least one")
        shared, sums = self.shared(stats), None
        del stats
        for frame in burst:
            one = self._as_trained(frame[:, None])
            sums = added(sums, self.merged(one, self.features(one, levels), shared))
        assert sums is not None
        del shared, one
        told = self._told(sums, len(frame))
        picture, scale, entered = self.entered(sums, levels)
        del sums
        picture = self._as_given(self.corrected(picture, scale, entered), frame.shape[1])
        height, width = self._size(frame)
        return torch.cat([picture, *told], 1)[..., :height, :width]

    def features(self, burst: Tensor, noise: Tensor) -> list[Tensor]:
        """Features (B·N, F, h, w) of frames (B, N, C, H, W), at three scales."""
        planes = self._planes(burst)
        grey = noise[:, :, noise.shape[2] // 4].mean(1).repeat_interleave(burst.shape[1])[:, None, None, None]
        detail = softsign((planes - _smooth(planes)) / (grey + FAINT))
        level = (LOUD * grey).expand(-1, 1, *planes.shape[-2:])
        return self.frames(torch.cat([planes - 0.5, detail, level], 1))  # type: ignore[no-any-return]

    def stats(self, features: list[Tensor], count: int) -> Stats:
        """What the features of each burst's `count` frames have in common."""
        split = [f.unflatten(0, (-1, count)) for f in features]
        return Stats([f.sum(1) for f in split], [f.amax(1) for f in split], count)

    def shared(self, stats: Stats) -> list[Tensor]:
        """What each frame's features are joined with."""
        return self.frames.shared(stats.mean, stats.most)

    def merged(self, burst: Tensor, features: list[Tensor], shared: list[Tensor]) -> Sums:
        """Sums over the frames (B, N, C, H, W) of a burst, or of a part of it."""
        count = burst.shape[1]
        near, last = self.frames.joined(features, shared)
        evidence = near.detach().float().unflatten(0, (-1, count)).amax(1)
        del features, near
        scores = SHARPNESS * self.scores(last).float().unflatten(0, (-1, count))
        values = self.values(last.detach()).float().unflatten(0, (-1, count))
        del last
        planes = self._planes(burst).unflatten(0, (-1, count))
        ranked = scores.detach()[:, :, :SITES].topk(min(2, count), 1)
        best = torch.cat([ranked.values[:, 0], scores.detach()[:, :, SITES:].amax(1)], 1)
        second = ranked.values[:, 1] if count > 1 else torch.full_like(best[:, :SITES], -torch.inf)
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
            evidence,
            ranked.indices[:, 0].int(),
            second,
            count,
        )

    def entered(self, sums: Sums, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Merged picture (B, 3, H, W) of the sums over all frames; scale and first features of its correction."""
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
            detail, brightness = (planes - smooth) / scale, scale[:, ::SITES].log() / 2 + 2
            seen = [planes - 0.5, detail, LOUD * deviation, brightness, LOUD * near, LOUD * apart, share]
            seen = [torch.cat(seen, 1)]
        del squared, crossed, near, apart, planes, smooth, deviation, share, detail, light
        values = sums.values / sums.weight[:, SITES:].detach(), sums.plain_values / sums.count
        return picture, scale, self.correction.entered([*seen, *values, sums.evidence])

    def corrected(self, picture: Tensor, scale: Tensor, entered: Tensor) -> Tensor:
        """Corrected picture (B, 3, H, W) of the merged one; what `entered` gives."""
        return picture.detach() + pixel_shuffle(scale * self.correction(entered).float(), 2)

    def _told(self, sums: Sums, count: int) -> tuple[Tensor, Tensor]:
        """Index and confidence (B, 1, H, W) of a burst; of `count` channels fused by themselves, the surest's.

        Weights w are those of 1 / Σ w² frames; where these are nearly all, the index is NaN.
        """
        weight = sums.weight[:, :SITES]
        margin = (1 - (sums.second - sums.best[:, :SITES]).exp()) / weight
        spread = (weight.square() / sums.square[:, :SITES] - 1) > SPREAD * (sums.count - 1)
        index = sums.index.float().masked_fill(spread & (sums.count > 1), torch.nan)
        index, sure = (pixel_shuffle(t.float(), 2).unflatten(0, (count, -1)) for t in (index, margin))
        surest = sure.argmax(1, keepdim=True)
        return index.gather(1, surest)[:, 0], sure.gather(1, surest)[:, 0]

    def _as_trained(self, given: Tensor) -> Tensor:
        """Frames (B, N, C, H, W) or levels of noise (B, C, K) with the channels that the network was trained on."""
        axis = 2 if given.ndim == 5 else 1
        if given.shape[axis] == self.planes // (1 if self.raw else SITES):
            return given
        if self.raw:
            raise ValueError(f"frames of {given.shape[axis]} channels are no mosaic's; four planes are needed")
        return given.movedim(axis, 1).flatten(0, 1).unsqueeze(axis).repeat_interleave(3, axis)

    def _as_given(self, picture: Tensor, channels: int) -> Tensor:
        """Picture (B, C, H, W) with the channels that were given, of what was found for those of the training."""
        if self.raw or channels == 3:
            return picture
        return picture.mean(1).view(-1, channels, *picture.shape[2:])

    def _size(self, frames: Tensor) -> tuple[int, int]:
        """Height and width of the picture of frames."""
        height, width = frames.shape[-2:]
        return self.scale * height, self.scale * width

    def _planes(self, burst: Tensor) -> Tensor:
        """Planes (B·N, P, h, w) of frames, their end repeated until they fit the coarsest grid."""
        flat = burst.flatten(0, 1).float()
        height, width = flat.shape[-2:]
        if height % self.multiple or width % self.multiple:
            flat = pad(flat, (0, -width % self.multiple, 0, -height % self.multiple), mode="replicate")
        return flat if self.raw else pixel_unshuffle(flat, 2)


def _smooth(planes: Tensor) -> Tensor:
    """Planes averaged over blocks of 2 × 2 and interpolated."""
    return doubled(avg_pool2d(planes, 2))
