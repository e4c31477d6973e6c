"""Running average of frames, weighted by their sharpness, on the GPU (torch): the same answers as `average_cpu`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..focus import PRE_BLUR
from .average_cpu import LEAST, SAMPLED, Average
from .focus_gpu import FOCUS_MEASURES, grey, smoothed, uploaded

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Kernels"]


class Kernels:
    """The functions of `average_cpu` on a torch device."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)

    def average(self, height: int, width: int, channels: int) -> Average:
        """As `average_cpu.average`."""
        best, weight, last = torch.zeros((3, height, width), device=self.device)
        index = torch.zeros((height, width), dtype=torch.int32, device=self.device)
        return Average(torch.zeros((height, width, channels), device=self.device), best - 1, weight, index, last)

    def add(
        self, state: Average, image: NDArray[Any], k: int, measure: str, radius: float, exponent: float, channel: int
    ) -> None:
        """As `average_cpu.add`."""
        picture = uploaded(image, self.device)
        light = smoothed(grey(picture, channel), PRE_BLUR)
        state.last = smoothed(FOCUS_MEASURES[measure](light), radius).clamp(min=LEAST)
        rises = state.last > state.best
        best = torch.where(rises, state.last, state.best)
        fading = torch.where(rises, state.best / best, state.last / best).clamp(min=0) ** exponent
        own = fading.masked_fill(rises, 1)
        state.weight = own + state.weight * torch.where(rises, fading, 1)
        state.mean += (own / state.weight)[..., None] * (picture - state.mean)
        state.index.masked_fill_(rises, k)
        state.best = best

    def sampled(self, state: Average) -> NDArray[np.float32]:
        """As `average_cpu.sampled`."""
        return state.last[::SAMPLED, ::SAMPLED].cpu().numpy()  # type: ignore[no-any-return]

    def found(self, state: Average) -> Average:
        """As `average_cpu.found`."""
        mean, best, weight, last = (plane.cpu().numpy() for plane in (state.mean, state.best, state.weight, state.last))
        return Average(mean, best, weight, state.index.cpu().numpy().astype(np.uint16), last)
