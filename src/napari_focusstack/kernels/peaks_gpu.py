"""Where the focus measure peaks along a burst, on the GPU (torch): the same answers as `peaks_cpu`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..focus import PRE_BLUR
from .focus_gpu import FOCUS_MEASURES, grey, smoothed, uploaded
from .peaks_cpu import Peaks

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Kernels"]


class Kernels:
    """The functions of `peaks_cpu` on a torch device."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)

    def peaks(self, height: int, width: int) -> Peaks:
        """As `peaks_cpu.peaks`."""
        best, before, after, last, total, picture = torch.zeros((6, height, width), device=self.device)
        index = torch.zeros((height, width), dtype=torch.int32, device=self.device)
        return Peaks(best - 1, before, after, last, total, picture, index)

    def observe(self, state: Peaks, image: NDArray[Any], k: int, measure: str, radius: float, channel: int) -> None:
        """As `peaks_cpu.observe`."""
        light = grey(uploaded(image, self.device), channel)
        new = smoothed(FOCUS_MEASURES[measure](smoothed(light, PRE_BLUR)), radius)
        wins = new > state.best
        follows = (state.index + 1 == k) & ~wins
        state.after = torch.where(follows, new, state.after.masked_fill(wins, 0))
        state.before = torch.where(wins, state.last, state.before)
        state.best = torch.where(wins, new, state.best)
        state.picture = torch.where(wins, light, state.picture)
        state.index.masked_fill_(wins, k)
        state.last = new
        state.total += new

    def sampled(self, state: Peaks, step: int) -> NDArray[np.float32]:
        """As `peaks_cpu.sampled`."""
        return state.last[::step, ::step].cpu().numpy()  # type: ignore[no-any-return]

    def found(self, state: Peaks) -> Peaks:
        """As `peaks_cpu.found`."""
        index = state.index.cpu().numpy().astype(np.uint16)
        planes = (state.best, state.before, state.after, state.last, state.total, state.picture)
        best, before, after, last, total, picture = (plane.cpu().numpy() for plane in planes)
        return Peaks(best, before, after, last, total, picture, index)
