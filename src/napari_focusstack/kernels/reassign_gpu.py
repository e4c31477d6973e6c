"""Values of the frames that are nearest to a given grey, on the GPU (torch): the same answers as `reassign_cpu`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from .focus_gpu import grey, smoothed, uploaded
from .reassign_cpu import LEAST_SQUARE, NEIGHBOURHOOD, Nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Kernels"]


class Kernels:
    """The functions of `reassign_cpu` on a torch device."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)

    def nearest(self, channels: int, wanted: NDArray[np.float32], tolerance: float) -> Nearest:
        """As `reassign_cpu.nearest`."""
        greys = torch.from_numpy(wanted).to(self.device)
        total, weight = torch.zeros((*wanted.shape, channels), device=self.device), torch.zeros_like(greys)
        return Nearest(greys, tolerance, total, weight, torch.full_like(weight, torch.inf))

    def compare(self, state: Nearest, image: NDArray[Any], channel: int) -> None:
        """As `reassign_cpu.compare`."""
        values = uploaded(image, self.device)
        gap = grey(values, channel) - state.wanted
        square = smoothed(gap * gap, NEIGHBOURHOOD) + (state.tolerance**2 + LEAST_SQUARE)
        nearer = torch.minimum(square, state.smallest)
        fade, share = (nearer / state.smallest) ** 4, (nearer / square) ** 4
        state.smallest = nearer
        state.weight = state.weight * fade + share
        state.total = state.total * fade[..., None] + share[..., None] * values

    def assigned(self, state: Nearest) -> NDArray[np.float32]:
        """As `reassign_cpu.assigned`."""
        return (state.total / state.weight[..., None]).cpu().numpy()  # type: ignore[no-any-return]
