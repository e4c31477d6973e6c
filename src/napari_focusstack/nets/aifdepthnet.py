"""AiFDepthNet: attention over the frames of a sweep, whose weighted position is depth and whose picture is in focus.

Wang, Wang, Chang, Ko, Chang, "Bridging Unsupervised and Supervised Depth from Focus via All-in-Focus Supervision", ICCV
2021: as published, and in a size that two cores can train and run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from .inception import InceptionAttention
from .merging import Stats, added
from .network import Network
from .sweep import SweepAttention, stats_of
from .unet import padded

__all__ = ["AiFDepthNet", "Attended", "Seen", "attended"]

CHANNELS = 3
KEPT = 2**29  # bytes of fine features of the first frames of a tile, which need not be found again
LEAST = 1e-6  # added to the sum of weights: softplus may vanish in all frames


class Seen(NamedTuple):
    """What an `AiFDepthNet` sees in bursts of N frames.

    Attributes
    ----------
    depth : (B, H, W) float32
        D, in the unit of the positions.
    picture : (B, 3, H, W) float32
        P, all in focus.
    source : (B, H, W) float32
        Σ v_k z_k: where in the sweep the picture's light is from, in the unit of the positions.
    decided : (B, H, W) float32
        1 where the picture is from one frame, 0 where it is from all alike: 1 - entropy of v / ln N.
    """

    depth: Tensor
    picture: Tensor
    source: Tensor
    decided: Tensor


class AiFDepthNet(Network):
    """Depth and all-in-focus picture from a focal stack of any length, in the order of the sweep, either way round.

    Parameters
    ----------
    size : {"small", "paper"}
        "small" runs on laptops: a network over each frame at fine scales and along the sweep at coarse ones, see
        `nets.sweep`. "paper" is the published one, over all frames at once, of 16,533,873 weights: see
        `nets.inception`.

    Notes
    -----
    With logits A_k of frame k, which the network finds for each pixel, frames I_k and positions z_k::

        depth   D = Σ w_k z_k,   w_k = softplus(A_k) / (Σ softplus(A) + 10⁻⁶)
        picture P = Σ v_k I_k,   v_k = softmax over k of A

    Between frames that are far apart, depth needs weights that are shared, a picture needs the one frame: so they are
    normalised apart. Frames are padded to multiples of 32 px, or 8 px of the small size: the published one's with
    zeros, the others by mirroring. Batch normalisation, which only the published one has, must be evaluated with the
    statistics it was trained with.
    """

    task = "depth"

    def __init__(self, *, size: Literal["small", "paper"] = "small") -> None:
        super().__init__()
        self.arguments = {"size": size}
        self.channels = CHANNELS
        self.attention: SweepAttention | InceptionAttention
        self.attention = SweepAttention() if size == "small" else InceptionAttention()
        self.multiple = 8 if size == "small" else 32
        self.halo = self.attention.reach

    @property
    def streams(self) -> bool:
        """Whether frames can be looked at one by one, so that memory hardly grows with their number."""
        return isinstance(self.attention, SweepAttention)

    def forward(self, frames: Tensor, positions: Tensor) -> Seen:
        """Depth, picture, and what they are from.

        Parameters
        ----------
        frames : (B, N, 3, H, W)
            Stored values from 0 to 1.
        positions : (B, N)
            Of the focus, ascending, usually from 0 to 1.
        """
        logits = self.logits(frames)
        places = positions.float()[:, :, None, None]
        depth = (depth_weights(logits) * places).sum(1)
        shares = logits.softmax(1)
        picture = torch.einsum("bnhw,bnchw->bchw", shares, frames.float())
        surprise = torch.special.entr(shares).sum(1)
        return Seen(depth, picture, (shares * places).sum(1), 1 - surprise / math.log(max(logits.shape[1], 2)))

    def logits(self, frames: Tensor) -> Tensor:
        """Attention (B, N, H, W) float32 of frames (B, N, 3, H, W), before it is normalised.

        Raises
        ------
        ValueError
            If frames have other channels than red, green and blue.
        """
        if frames.shape[2] != CHANNELS:
            raise ValueError(f"frames of {frames.shape[2]} channels do not fit an AiFDepthNet; repeat grey ones thrice")
        height, width = frames.shape[-2:]
        return self.attention(self._padded(frames)).float()[..., :height, :width]  # type: ignore[no-any-return]

    def streamed(self, frames: Iterable[Tensor], positions: Tensor) -> Tensor:
        """What `attended` finds, (B, 4, H, W), in frames (B, 3, H, W) that come one by one, and are asked for twice.

        Of all frames, only the coarsest features are held; of the first ones, the fine ones too, to save time.

        Raises
        ------
        ValueError
            If there is no frame, or the network is the published one, which needs all frames at once.
        """
        network = self.attention
        if not isinstance(network, SweepAttention):
            raise ValueError("the published network looks at all frames at once; use `logits`, or the small size")
        stats: Stats | None = None
        held, kept, room = [], [], KEPT
        for frame in frames:
            own = network.fine(self._padded(frame[:, None]))
            room -= sum(scale.nbytes for scale in own)
            if room >= 0:
                kept.append(own)
            held.append(network.coarse(own[1]))
            seen = stats_of(own, 1)
            stats = added(stats, seen)
        if stats is None:
            raise ValueError("a burst without frames has no depth; give at least one")
        held = network.mixed_one_by_one(held)
        sums: Attended | None = None
        for number, frame in enumerate(frames):
            own = kept[number] if number < len(kept) else network.fine(self._padded(frame[:, None]))
            logits = network.logits(own, held[number], stats)
            part = attended(logits, positions[:, number : number + 1])
            sums = part if sums is None else sums + part
        assert sums is not None
        return sums.found()[..., : frame.shape[-2], : frame.shape[-1]]

    def _padded(self, frames: Tensor) -> Tensor:
        """Frames (B, N, C, H, W) whose height and width are multiples of the grid."""
        if self.streams:
            return padded(frames, self.multiple)
        height, width = frames.shape[-2:]
        return functional.pad(frames, (0, -width % self.multiple, 0, -height % self.multiple))


@dataclass(slots=True)
class Attended:
    """Sums over frames of what attention says of depth; each (B, H, W).

    Attributes
    ----------
    weight, first, second : Tensor
        Σ softplus(A), and the same with positions and their squares, about `origin`.
    best, total, surprise : Tensor
        Largest logit so far; Σ e^(A - best), Σ e^(A - best) (A - best).
    """

    weight: Tensor
    first: Tensor
    second: Tensor
    best: Tensor
    total: Tensor
    surprise: Tensor

    def __add__(self, other: Attended) -> Attended:
        best = torch.maximum(self.best, other.best)
        mine, theirs = self.best - best, other.best - best
        return Attended(
            self.weight + other.weight,
            self.first + other.first,
            self.second + other.second,
            best,
            mine.exp() * self.total + theirs.exp() * other.total,
            mine.exp() * (self.surprise + mine * self.total) + theirs.exp() * (other.surprise + theirs * other.total),
        )

    def found(self) -> Tensor:
        """Depth, variance Σ w (z - D)², entropy of the softmax, and the sum of softplus weights: (B, 4, H, W)."""
        weight = self.weight + LEAST
        depth = self.first / weight
        variance = (self.second / weight - depth.square()).clamp_min(0)
        entropy = self.total.log() - self.surprise / self.total
        return torch.stack([depth, variance, entropy, self.weight], 1)


def attended(logits: Tensor, positions: Tensor) -> Attended:
    """Sums over the frames of logits (B, N, H, W) at positions (B, N)."""
    places = positions.float()[:, :, None, None]
    weights = functional.softplus(logits)
    best = logits.amax(1)
    beside = logits - best[:, None]
    return Attended(
        weights.sum(1),
        (weights * places).sum(1),
        (weights * places.square()).sum(1),
        best,
        beside.exp().sum(1),
        (beside.exp() * beside).sum(1),
    )


def depth_weights(logits: Tensor) -> Tensor:
    """Weights (B, N, H, W) that sum up to 1 over the frames: softplus(A) / (Σ softplus(A) + 10⁻⁶)."""
    weights = functional.softplus(logits)
    return weights / (weights.sum(1, keepdim=True) + LEAST)
