"""Frames blended by a map of depth, on the GPU (torch): the same answers as `depthmap_cpu`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from .depthmap_cpu import LEAST_REACH, Blend
from .focus_gpu import uploaded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["Kernels"]


class Kernels:
    """The functions of `depthmap_cpu` on a torch device."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)

    def blend(self, channels: int, depth: Plane, reach: Plane) -> Blend:
        """As `depthmap_cpu.blend`."""
        total = torch.zeros((*depth.shape, channels), device=self.device)
        depths, reaches = (torch.from_numpy(plane).to(self.device) for plane in (depth, reach))
        return Blend(total, torch.zeros_like(depths), depths, reaches.clamp(min=LEAST_REACH))

    def blended(self, state: Blend, image: NDArray[Any], k: int) -> None:
        """As `depthmap_cpu.blended`."""
        weight = (1 + (0.5 - (state.depth - k).abs()) / state.reach).clamp(0, 1)
        state.total += weight[..., None] * uploaded(image, self.device)
        state.weight += weight

    def mean(self, state: Blend) -> NDArray[np.float32]:
        """As `depthmap_cpu.mean`."""
        return (state.total / state.weight[..., None]).cpu().numpy()  # type: ignore[no-any-return]
