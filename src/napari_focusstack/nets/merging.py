"""What `AnyLength` keeps of the frames it has seen: sums and maxima, which grow with the picture alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["SITES", "Stats", "Sums"]

SITES = 4  # pixels of a block of 2 × 2, which are planes to the network


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
        Largest features of a frame.
    index, second : (B, 4, h, w)
        Number of the frame with the largest score, and the next largest score.
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
    index: Tensor
    second: Tensor
    count: int

    def __add__(self, other: Sums) -> Sums:
        """Sums of the frames of both; the other's come after these."""
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
            torch.where((self.best >= other.best)[:, :SITES], self.index, self.count + other.index),
            torch.stack([torch.minimum(self.best, other.best)[:, :SITES], self.second, other.second]).amax(0),
            self.count + other.count,
        )
