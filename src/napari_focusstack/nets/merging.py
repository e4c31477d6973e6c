"""What `AnyLength` keeps of the frames it has seen: sums and maxima, which grow with the picture alone.

They are added in place, as all of them together are most of the memory that is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

__all__ = ["SITES", "Stats", "Sums", "added"]

SITES = 4  # pixels of a block of 2 × 2, which are planes to the network


@dataclass(slots=True)
class Stats:
    """What all frames' features have in common, at each scale: their sum (B, F, h, w), maximum, and number."""

    total: list[Tensor]
    most: list[Tensor]
    count: int

    def __iadd__(self, other: Stats) -> Stats:
        """Add those of other frames in place."""
        for mine, theirs in zip(self.total, other.total, strict=True):
            mine.add_(theirs)
        for mine, theirs in zip(self.most, other.most, strict=True):
            torch.maximum(mine, theirs, out=mine)
        self.count += other.count
        return self

    @property
    def mean(self) -> list[Tensor]:
        """Mean of the features at each scale."""
        return [total / self.count for total in self.total]


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

    def __iadd__(self, other: Sums) -> Sums:
        """Add those of other frames, which come after these, in place; the other's are used up."""
        earlier = (self.best >= other.best)[:, :SITES]
        torch.where(earlier, self.index, other.index.add_(self.count), out=self.index)
        torch.maximum(self.second, other.second, out=self.second)
        torch.maximum(self.second, torch.minimum(self.best, other.best)[:, :SITES], out=self.second)
        best = torch.maximum(self.best, other.best)
        for sums, factors in ((self, (self.best - best).exp_()), (other, (other.best - best).exp_())):
            sites, block = factors[:, :SITES], factors[:, SITES:]
            sums.weight.mul_(factors)
            sums.square.mul_(factors).mul_(factors)
            sums.light.unflatten(1, (-1, SITES)).mul_(sites[:, None])
            sums.power.mul_(sites)
            sums.values.mul_(block)
        for name in ("weight", "square", "light", "power", "plain", "plain_power", "values", "plain_values"):
            getattr(self, name).add_(getattr(other, name))
        torch.maximum(self.evidence, other.evidence, out=self.evidence)
        self.best = best
        self.count += other.count
        return self


Parts = TypeVar("Parts", Stats, Sums)


def added(total: Parts | None, part: Parts) -> Parts:
    """Total with a part added in place; the part itself where there is no total yet."""
    if total is None:
        return part
    total += part
    return total
