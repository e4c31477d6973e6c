"""Curves of sharpness along a burst around their peaks, on the GPU (torch): the same answers as `sff_cpu`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, pad

from ..focus import PRE_BLUR
from .focus_gpu import FOCUS_MEASURES, grey, smoothed, uploaded
from .sff_cpu import ABSENT, GRID, WINDOW, Curves, spread_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["Kernels"]


class Kernels:
    """The functions of `sff_cpu` on a torch device."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)

    def curves(self, height: int, width: int) -> Curves:
        """As `sff_cpu.curves`."""
        small = -(-height // GRID), -(-width // GRID)
        before, after, recent = torch.full((3, WINDOW, *small), ABSENT, device=self.device)
        best, (total, light) = torch.full(small, ABSENT, device=self.device), torch.zeros(2, *small, device=self.device)
        index = torch.zeros(small, dtype=torch.int32, device=self.device)
        picture = torch.zeros((height, width), device=self.device)
        return Curves(best, total, light, index, before, after, recent, picture)

    def observe(self, state: Curves, image: NDArray[Any], k: int, measure: str, radius: float, channel: int) -> None:
        """As `sff_cpu.observe`."""
        light = grey(uploaded(image, self.device), channel)
        new = smoothed(_shrunk(FOCUS_MEASURES[measure](smoothed(light, PRE_BLUR))), spread_of(radius))
        wins, since = new > state.best, k - state.index
        for j in range(WINDOW):
            before = state.recent[(k - 1 - j) % WINDOW]
            state.before[j] = torch.where(wins, before, state.before[j])
            after = torch.where((since == j + 1) & ~wins, new, state.after[j])
            state.after[j] = after.masked_fill_(wins, ABSENT)
        state.best = torch.where(wins, new, state.best)
        state.index.masked_fill_(wins, k)
        fine = wins.repeat_interleave(GRID, 0).repeat_interleave(GRID, 1)[: light.shape[0], : light.shape[1]]
        state.picture = torch.where(fine, light, state.picture)
        state.recent[k % WINDOW] = new
        state.total += new
        state.light += light[::GRID, ::GRID]

    def found(self, state: Curves) -> Curves:
        """As `sff_cpu.found`."""
        index = state.index.cpu().numpy().astype(np.uint16)
        planes = (state.before, state.after, state.recent, state.picture)
        before, after, recent, picture = (plane.cpu().numpy() for plane in planes)
        best, total, light = (plane.cpu().numpy() for plane in (state.best, state.total, state.light))
        return Curves(best, total, light, index, before, after, recent, picture)


def _shrunk(plane: Tensor) -> Tensor:
    """Means of squares of the grid; the last row and column are repeated to a whole number of squares."""
    below, beside = -plane.shape[0] % GRID, -plane.shape[1] % GRID
    whole = pad(plane[None, None], (0, beside, 0, below), mode="replicate")
    return avg_pool2d(whole, GRID)[0, 0]
