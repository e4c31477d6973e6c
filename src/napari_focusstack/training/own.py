"""The user's own stack as a source of examples: crops of its frames, with its fused picture as the truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch

from ..arrays import unit
from .examples import Examples, noise_levels, turned
from .sources import Seed, generator_of

__all__ = ["Own"]

MOST = 30  # frames of an example
HELD_OUT = 0.2  # of the longer side: the strip at its end that is never trained on
LOOKED_AT = 512  # px, side of the middle of the first frame in which the noise is measured
LEAST = 0.5  # share of the sweep's frames that a thinned-out example keeps at least


@dataclass(frozen=True, slots=True, eq=False)
class Own:
    """Crops of an aligned stack, flipped, transposed, swept backwards and thinned out at random.

    Only the crops are read, so that the stack may lie on disk.

    Attributes
    ----------
    frames : (N, Y, X, C) array or memmap
        Aligned frames in their stored dtype.
    target : (Y, X, C) array
        Their fused picture, of any dtype.
    split : {"train", "test"}
        Whether crops come from what is trained on, or from a strip at the end of the longer side, which is not.

    Raises
    ------
    ValueError
        If the two do not fit each other, or there are fewer than two frames.
    """

    frames: Any
    target: Any
    split: Literal["train", "test"] = "train"
    _noise: torch.Tensor = field(init=False, repr=False)  # (1, C, K)

    def __post_init__(self) -> None:
        if len(self.frames.shape) != 4 or self.frames.shape[0] < 2:
            raise ValueError(
                f"a stack of shape {tuple(self.frames.shape)} cannot be trained on; two frames (N, Y, X, C) are needed"
            )
        if tuple(self.target.shape) != tuple(self.frames.shape[1:]):
            raise ValueError(
                f"the fused picture {tuple(self.target.shape)} does not cover the aligned frames "
                f"{tuple(self.frames.shape[1:])}; fuse this very stack"
            )
        top, left = (max(0, (length - LOOKED_AT) // 2) for length in self.frames.shape[1:3])
        middle = np.asarray(self.frames[0][top : top + LOOKED_AT, left : left + LOOKED_AT])
        object.__setattr__(self, "_noise", noise_levels(middle))

    def draw(self, seed: Seed, *, bursts: int, size: int, frames: int | None = None) -> Examples:
        """Examples that follow from the seed: bursts of `size` px, of `frames` frames or of a random number of them.

        Raises
        ------
        ValueError
            If the stack is too small for the crops.
        """
        _, height, width, _ = self.frames.shape
        if min(height, width) < size or max(height, width) < 2 * size:
            raise ValueError(
                f"the stack is {height} × {width} px, too small for crops of {size} px beside a strip of as much that "
                "is held out; choose smaller ones"
            )
        generator = generator_of(seed)
        chosen = self._thinned(frames, generator)
        pairs = [self._crop(chosen, size, generator) for _ in range(bursts)]
        seen, truth = (torch.stack(planes) for planes in zip(*pairs, strict=True))
        return Examples(seen, truth, noise=self._noise.expand(bursts, -1, -1))

    def _thinned(self, frames: int | None, generator: torch.Generator) -> list[int]:
        """Numbers of the frames of an example: one at random out of each of as many equal parts of the sweep."""
        count = int(self.frames.shape[0])
        most = min(count, MOST)
        least = min(most, max(2, round(LEAST * count)))
        if frames is None:
            frames = int(torch.randint(least, most + 1, (), generator=generator))
        frames = max(least, min(frames, most))  # with fewer, the truth would be in none of them
        bounds = np.linspace(0, count, frames + 1).round().astype(int)
        chance = torch.rand(frames, generator=generator).tolist()
        chosen = [int(low + (high - low) * c) for low, high, c in zip(bounds, bounds[1:], chance, strict=False)]
        return chosen[::-1] if torch.rand((), generator=generator) < 0.5 else chosen

    def _area(self, size: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """First and last row and column of what belongs to the split."""
        _, height, width, _ = self.frames.shape
        longer = max(height, width)
        edge = longer - max(size, round(HELD_OUT * longer))
        part = (0, edge) if self.split == "train" else (edge, longer)
        return ((0, height), part) if width >= height else (part, (0, width))

    def _crop(self, chosen: list[int], size: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """One crop (N, C, H, W) of the frames and (C, H, W) of the picture, turned alike."""
        (above, below), (before, behind) = self._area(size)
        top = int(torch.randint(above, below - size + 1, (), generator=generator))
        left = int(torch.randint(before, behind - size + 1, (), generator=generator))
        way = int(torch.randint(8, (), generator=generator))
        place = np.s_[top : top + size, left : left + size]
        frames = np.stack([np.asarray(self.frames[i][place]) for i in chosen])
        return turned(_values(frames), way), turned(_values(np.asarray(self.target[place])), way)


def _values(stored: np.ndarray[Any, Any]) -> torch.Tensor:
    """Stored values (..., Y, X, C) as (..., C, Y, X) in [0, 1]."""
    values = np.moveaxis(stored, -1, -3).astype(np.float32) / unit(stored.dtype)
    return torch.from_numpy(np.ascontiguousarray(values)).clamp_(0, 1)
