"""The user's own aligned stack as something to learn from, with its fused picture as the truth."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..arrays import Frames, as_frames, to_float, visit
from .examples import Examples
from .sources import Seed, generator_of

__all__ = ["Own"]

ORIENTATIONS = 8  # two flips and a transposition
FEWEST = 2  # frames: both ends of the sweep
HIGHEST = 2.0  # of a fused picture whose white is 1: fusers overshoot a little, raw counts a lot


class Own:
    """Examples cut out of one stack and its fused picture, in random orientations and directions of the sweep.

    Only what is cut out is read. What is no numpy array or memory map gives whole frames only, so it is written to a
    temporary file first, which goes with this object.

    Parameters
    ----------
    frames : Frames or array_like
        (N, Y, X, C) or (N, Y, X), aligned; integers stand for values from 0 to 1.
    target : array_like
        (Y, X, C), or (Y, X) of a single channel: the fused picture, values from 0 to 1; it is clipped to them.

    Raises
    ------
    ValueError
        If the target is not as large as the frames, does not lie between 0 and 1 or has unknown values, or if there
        is only one frame.
    """

    def __init__(self, frames: Frames | ArrayLike, target: ArrayLike) -> None:
        stack = as_frames(frames)
        truth = to_float(target)
        truth = truth[..., None] if truth.ndim == 2 else truth
        if len(stack) < FEWEST:
            raise ValueError(f"a stack of {len(stack)} frame teaches nothing; at least {FEWEST} are needed")
        if truth.shape != tuple(stack.shape[1:]):
            raise ValueError(
                f"the target of shape {truth.shape} does not belong to frames of shape {tuple(stack.shape[1:])}; "
                "give the picture fused from the aligned stack itself, not cropped or resized"
            )
        if not np.isfinite(truth).all() or truth.max() > HIGHEST:
            raise ValueError(
                f"the target has values up to {truth.max():g}; 0 to 1 are needed: divide stack and target by white"
            )
        self._truth = truth
        self._stack = stack if isinstance(stack, np.ndarray) else _on_disk(stack)

    def draw(self, seed: Seed, *, bursts: int, size: int, frames: int | None = None) -> Examples:
        """Examples that follow from the seed: bursts of `size` px, of `frames` frames or of a random number of them.

        Fewer frames than there are lie evenly over the whole sweep, as the truth is that of the whole sweep; more than
        there are cannot be had, so that all are taken. A random number is at least half of them.

        Raises
        ------
        ValueError
            If the stack is smaller than `size`.
        """
        generator = generator_of(seed)
        count, height, width = self._stack.shape[:3]
        if size > min(height, width):
            raise ValueError(
                f"examples of {size} px cannot be cut out of a stack of {width} × {height} px; train with a size of at "
                f"most {min(height, width)} px"
            )
        if frames is None:
            frames = _random(-(-count // 2), count, generator)
        chosen = np.linspace(0, count - 1, min(max(frames, FEWEST), count)).round().astype(int)
        pairs = [self._example(chosen, size, generator) for _ in range(bursts)]
        return Examples(torch.stack([burst for burst, _ in pairs]), torch.stack([truth for _, truth in pairs]))

    def _example(self, chosen: NDArray[Any], size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Burst (N, C, H, W) and truth (C, H, W) from the same place, in the same orientation."""
        height, width = self._truth.shape[:2]
        top, left = _random(0, height - size, generator), _random(0, width - size, generator)
        place = np.s_[top : top + size, left : left + size]
        orientation = _random(0, ORIENTATIONS - 1, generator)
        if _random(0, 1, generator):
            chosen = chosen[::-1]
        burst = np.stack([to_float(self._stack[i][place]) for i in chosen])
        return _turned(burst, orientation), _turned(self._truth[place], orientation).clamp(0, 1)


def _turned(image: NDArray[np.float32], orientation: int) -> Tensor:
    """(..., Y, X, C) as (..., C, H, W), flipped and transposed by the three bits of the orientation."""
    values = torch.from_numpy(np.ascontiguousarray(image)).movedim(-1, -3)
    values = values.flip([axis for bit, axis in ((1, -2), (2, -1)) if orientation & bit])
    return (values.transpose(-2, -1) if orientation & 4 else values).contiguous()


def _random(low: int, high: int, generator: torch.Generator) -> int:
    """Random integer, both ends included."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def _on_disk(frames: Frames) -> NDArray[Any]:
    """Frames as a memory map of a temporary file, which is gone when nobody holds the map any more."""
    dtype = np.dtype(frames.dtype).newbyteorder("=")
    with tempfile.TemporaryFile(prefix="focusstack-") as file:
        for _, image in visit(frames, "Reading"):
            file.write(np.ascontiguousarray(image, dtype).data)
        file.flush()
        return np.memmap(file, dtype, "r", shape=tuple(frames.shape))
