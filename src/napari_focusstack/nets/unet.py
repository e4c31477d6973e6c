"""UNet over the frames of a burst, joined as channels: the baseline that every other network has to beat.

The published size is the baseline of Araujo, Ponce, Mairal, "Towards Real-World Focus Stacking with Deep Learning",
arXiv 2311.17846. It draws the picture itself, so it is only as good as its memory for detail. The small size chooses
instead: it says how much of each frame every pixel takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .network import Network

__all__ = ["SIZES", "Trunk", "UNet", "fit_frames", "padded", "receptive_field"]

COLORS = 3  # that the published size draws, whatever it is given
MIDDLE = 0.5  # taken from what goes in, added to what comes out
FILTERS = (  # what the small size first looks at in each frame
    ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0)),
    ((0.0, 0.0, 0.0), (1.0, -2.0, 1.0), (0.0, 0.0, 0.0)),
    ((0.0, 1.0, 0.0), (0.0, -2.0, 0.0), (0.0, 1.0, 0.0)),
    ((1.0, 0.0, -1.0), (0.0, 0.0, 0.0), (-1.0, 0.0, 1.0)),
)
WINDOW = 5  # px that detail is averaged over
FAINT = 1e-4  # detail that counts as none, of the range of values
SPREAD = 4.0  # what detail is multiplied by, so that it varies by about one
TRUST = 2.0  # in each filter, before training
SHARPNESS = 4.0  # of the choice between frames: what the small size's scores are multiplied by


@dataclass(frozen=True, slots=True)
class Size:
    """Features at each scale, from full resolution down to the bottleneck; convolutions at each; what comes out."""

    widths: tuple[int, ...]
    convolutions: int
    chooses: bool  # between the frames, instead of drawing the picture


SIZES = {
    "paper": Size((64, 128, 256, 512, 1024), convolutions=3, chooses=False),
    "small": Size((24, 32, 64, 96, 128), convolutions=2, chooses=True),
}


class UNet(Network):
    """Picture from a burst: an encoder and a decoder with skips over all frames, joined as channels.

    Parameters
    ----------
    size : {"paper", "small"}
        "paper": as published; 46,780,163 parameters for 30 RGB frames. "small": 1 million; two cores train it within
        an hour. It looks at how much detail each frame has, beside the others, and gives each a score; the picture is
        the sum of the frames, weighted by the softmax of the scores. Untrained, it takes what has most detail.
    frames : int
        How many frames are joined. Bursts of other lengths are repeated or thinned out to it: see `fit_frames`.
    channels : int, optional
        Channels of each frame, for the size "paper" alone. The small one takes any number, and looks at the mean of
        what it sees in each, so that one network serves all kinds of microscopes and cameras.

    Raises
    ------
    ValueError
        If `channels` is missing, or given where it does not matter.

    Notes
    -----
    Each scale has 2 or 3 times (3×3 convolution without bias, ReLU); max-pooling leads down, transposed 2×2
    convolutions up; no normalisation. Weights begin as He et al. 2015 have it, as the usual ones would let the signal
    die out over so many layers.
    """

    def __init__(
        self,
        *,
        size: Literal["paper", "small"] = "small",
        frames: Annotated[int, {"min": 1, "max": 256}] = 30,
        channels: Annotated[int | None, {"min": 1, "max": 64}] = None,
    ) -> None:
        super().__init__()
        shape = SIZES[size]
        if shape.chooses and channels is not None:
            raise ValueError(f"channels={channels}: a UNet of size {size!r} takes any number; leave it out")
        if not shape.chooses and channels is None:
            raise ValueError(f"channels=None: a UNet of size {size!r} needs their number, such as 3 for RGB")
        self.arguments = {"size": size, "frames": frames, "channels": channels}
        self.channels, self.frames, self.chooses = channels, frames, shape.chooses
        self.trunk = Trunk(frames * (channels or len(FILTERS)), frames if shape.chooses else COLORS, shape)
        self.multiple, self.halo = self.trunk.multiple, self.trunk.halo
        if shape.chooses:
            self.stem = Stem()
            self.halo += self.stem.halo
            self.direct = nn.Conv2d(len(FILTERS), 1, 1, bias=False)
            nn.init.zeros_(self.trunk.head.weight)
            nn.init.zeros_(self.trunk.head.bias)  # type: ignore[arg-type] # it has one
            nn.init.constant_(self.direct.weight, TRUST)

    def forward(self, burst: Tensor) -> Tensor:
        """Picture (B, C, H, W) of bursts (B, N, C, H, W) in [0, 1]; C is 3 where the size draws the picture itself."""
        if self.chooses:
            shares = self.weights(burst)
            with torch.autocast(burst.device.type, enabled=False):  # the picture in float32, whatever the features
                return torch.einsum("bnhw,bnchw->bchw", shares, burst.float())
        if burst.shape[2] != self.channels:
            raise ValueError(f"frames of {burst.shape[2]} channels do not fit a UNet built for {self.channels}")
        joined = self._fitted(burst).flatten(1, 2)
        return self.trunk(joined - MIDDLE).float() + MIDDLE  # type: ignore[no-any-return]

    def weights(self, burst: Tensor) -> Tensor:
        """Share (B, N, H, W) of each frame in each pixel, float32, summing to one over the frames; small size only."""
        detail = self._fitted(self.stem(burst))
        direct = self.direct(detail.flatten(0, 1)).view(len(burst), self.frames, *burst.shape[-2:])
        scores = self.trunk((detail.flatten(1, 2) - MIDDLE) * SPREAD) + direct
        shares = torch.softmax(SHARPNESS * scores.float(), dim=1)
        chosen = torch.as_tensor(fit_frames(burst.shape[1], self.frames), device=burst.device)
        return torch.zeros_like(burst[:, :, 0], dtype=torch.float32).index_add(1, chosen, shares)

    def _fitted(self, planes: Tensor) -> Tensor:
        """As many frames as are joined, of (B, N, C, H, W)."""
        if planes.shape[1] == self.frames:
            return planes
        return planes[:, torch.as_tensor(fit_frames(planes.shape[1], self.frames), device=planes.device)]


class Stem(nn.Module):
    """How much detail each frame has, beside the others: the same few filters for all, in any light.

    Filters that are blind to plain light, their answers' moduli averaged over a small window and divided by themselves
    plus the mean over the frames: so neither exposure nor a camera that uses 12 of 16 bits changes anything. They begin
    as second derivatives and a diagonal difference.
    """

    halo = 1 + WINDOW // 2  # px

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Parameter(torch.tensor(FILTERS)[:, None])

    def forward(self, burst: Tensor) -> Tensor:
        """Detail (B, N, F, H, W) in [0, 1), ½ for the mean of the frames, of frames (B, N, C, H, W)."""
        batch, count, channels, height, width = burst.shape
        filters = self.filters - self.filters.mean((2, 3), keepdim=True)
        edges = torch.zeros((), device=burst.device)
        for channel in range(channels):  # one by one, as the memory of all is not needed
            around = functional.pad(burst[:, :, channel].flatten(0, 1)[:, None], (1, 1, 1, 1), mode="replicate")
            edges = edges + functional.conv2d(around, filters).abs() / channels
        local = functional.avg_pool2d(edges, WINDOW, 1, WINDOW // 2, count_include_pad=False)
        detail = local.view(batch, count, -1, height, width)
        return detail / (detail + detail.mean(1, keepdim=True) + FAINT)


class Trunk(nn.Module):
    """Encoder and decoder: planes (B, inputs, H, W) in, (B, outputs, H, W) out; H and W of any size."""

    def __init__(self, inputs: int, outputs: int, size: Size) -> None:
        super().__init__()
        widths, count = size.widths, size.convolutions
        self.multiple = 2 ** (len(widths) - 1)
        self.halo = receptive_field(len(widths) - 1, count)
        self.down = nn.ModuleList(_block(a, b, count) for a, b in pairwise((inputs, *widths)))
        upwards = list(pairwise(reversed(widths)))
        self.widen = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in upwards)
        self.up = nn.ModuleList(_block(2 * b, b, count) for _, b in upwards)
        self.head = nn.Conv2d(widths[0], outputs, 1)

    def forward(self, planes: Tensor) -> Tensor:
        """What the head says of every pixel."""
        height, width = planes.shape[-2:]
        features = padded(planes, self.multiple)
        skips = []
        for level, block in enumerate(self.down):
            features = block(features if level == 0 else functional.max_pool2d(features, 2))
            skips.append(features)
        skips.pop()  # the bottleneck's own
        for widen, block in zip(self.widen, self.up, strict=True):
            features = block(torch.cat([widen(features), skips.pop()], 1))
        return self.head(features)[..., :height, :width]  # type: ignore[no-any-return]


def fit_frames(count: int, wanted: int) -> list[int]:
    """Return the numbers of the frames that stand for `wanted` of a burst of `count`, in order, evenly spread.

    Where one number divides the other, this is what the paper's code does: each frame repeated, or every k-th taken.
    Elsewhere that rule comes short (7 frames make 28 of 30) or drops the end of the burst (15 of 45 frames).

    Raises
    ------
    ValueError
        If there is no frame, or none is wanted.
    """
    if count < 1 or wanted < 1:
        raise ValueError(f"{count} frames cannot stand for {wanted}; at least one of each is needed")
    return [i * count // wanted for i in range(wanted)]


def receptive_field(levels: int, convolutions: int) -> int:
    """Farthest pixel, in px to either side, that the output of a UNet depends on.

    Follows the interval of pixels that one needs, from the output backwards, from each place on the coarsest grid.

    Parameters
    ----------
    levels : int
        How often the resolution is halved.
    convolutions : int
        Of 3×3 px, at each scale, on the way down and on the way up.
    """
    reach = 0
    for place in range(2**levels):
        first = last = place
        skipped = []
        for _ in range(levels):  # up the decoder's blocks, and what they take over the skips
            first, last = first - convolutions, last + convolutions
            skipped.append((first, last))
            first, last = first // 2, last // 2
        first, last = first - convolutions, last + convolutions
        for begin, end in reversed(skipped):
            first, last = min(begin, 2 * first) - convolutions, max(end, 2 * last + 1) + convolutions
        reach = max(reach, place - first, last - place)
    return reach


def _block(inputs: int, outputs: int, convolutions: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before in (inputs, *[outputs] * (convolutions - 1)):
        convolution = nn.Conv2d(before, outputs, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        layers += [convolution, nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def padded(planes: Tensor, multiple: int) -> Tensor:
    """Planes with their end mirrored, until height and width are multiples; small ones are mirrored repeatedly."""
    for axis in (-2, -1):
        size = planes.shape[axis]
        if more := -size % multiple:
            places = np.pad(np.arange(size), (0, more), mode="reflect")
            planes = planes.index_select(axis, torch.as_tensor(places, device=planes.device))
    return planes
