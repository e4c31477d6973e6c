"""Guided-filter fusion on the GPU (torch): the same answers as `guided_cpu`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, interpolate

from .focus_gpu import grey, mean, uploaded
from .guided_cpu import BASE_MEAN, BASE_RADIUS, COARSE, DETAIL_RADIUS, FINE, LEAST, Layers

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["Kernels"]


class Kernels:
    """The functions of `guided_cpu` on a torch device."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)

    def layers(
        self,
        channels: int,
        index: NDArray[np.uint16],
        trust: NDArray[np.float32],
        *,
        keep_range: bool,
        eps: tuple[float, float],
        middle: float,
    ) -> Layers:
        """As `guided_cpu.layers`."""
        height, width = index.shape
        small = -(-height // COARSE), -(-width // COARSE)
        base, base_weight = self._zeros(*small, channels), self._zeros(*small)
        detail, weight = self._zeros(height, width, channels), self._zeros(height, width)
        extent = [torch.full_like(detail, end) if keep_range else None for end in (torch.inf, -torch.inf)]
        source = torch.zeros((height, width), dtype=torch.int32, device=self.device)
        chosen = torch.from_numpy(index.astype(np.int32)).to(self.device)
        trusted = torch.from_numpy(trust).to(self.device)
        strongest = torch.zeros_like(weight)
        return Layers(eps, middle, chosen, trusted, base, base_weight, detail, weight, strongest, source, *extent)

    def add(self, state: Layers, image: NDArray[Any], k: int, count: int, channel: int) -> None:
        """As `guided_cpu.add`."""
        values = uploaded(image, self.device)
        shares = state.trust * (state.index == k) + (1 - state.trust) / count
        small, size = _shrunk(values, COARSE), values.shape[:2]
        base = torch.stack([mean(plane, BASE_MEAN) for plane in small.unbind(2)], dim=2)
        light = grey(small, channel) - state.middle
        slope, level = _guided(light, _shrunk(shares, COARSE), BASE_RADIUS, state.eps[0])
        weight = (slope * light + level).clamp(LEAST, 1)
        state.base += weight[..., None] * base
        state.base_weight += weight
        light = grey(values, channel) - state.middle
        slope, level = _guided(_shrunk(light, FINE), _shrunk(shares, FINE), DETAIL_RADIUS, state.eps[1])
        weight = (_enlarged(slope, FINE, size) * light + _enlarged(level, FINE, size)).clamp(LEAST, 1)
        state.detail += weight[..., None] * (values - _enlarged(base, COARSE, size))
        state.detail_weight += weight
        state.source.masked_fill_(weight > state.strongest, k)
        state.strongest = torch.maximum(state.strongest, weight)
        if state.low is not None:
            state.low, state.high = torch.minimum(state.low, values), torch.maximum(state.high, values)

    def merged(self, state: Layers) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
        """As `guided_cpu.merged`."""
        base = state.base / state.base_weight[..., None]
        image = state.detail / state.detail_weight[..., None] + _enlarged(base, COARSE, state.detail.shape[:2])
        if state.low is not None:
            image = torch.minimum(torch.maximum(image, state.low), state.high)
        return image.cpu().numpy(), state.source.cpu().numpy().astype(np.uint16)

    def _zeros(self, *shape: int) -> Tensor:
        return torch.zeros(shape, device=self.device)


def _planes(image: Tensor) -> Tensor:
    """(Y, X) or (Y, X, C) as (1, C, Y, X)."""
    return (image[..., None] if image.dim() == 2 else image).movedim(2, 0)[None]


def _shrunk(image: Tensor, step: int) -> Tensor:
    rows, columns = (
        torch.arange(-(-size // step) * step, device=image.device).clamp(max=size - 1) for size in image.shape[:2]
    )
    small = avg_pool2d(_planes(image.index_select(0, rows).index_select(1, columns)), step)[0].movedim(0, 2)
    return small.reshape(*small.shape[:2], *image.shape[2:])


def _enlarged(image: Tensor, step: int, size: torch.Size) -> Tensor:
    large = interpolate(_planes(image), scale_factor=step, mode="bilinear", align_corners=False)[0].movedim(0, 2)
    return large[: size[0], : size[1]].reshape(*size, *image.shape[2:])


def _guided(guide: Tensor, values: Tensor, radius: int, eps: float) -> tuple[Tensor, Tensor]:
    mean_guide, mean_values = mean(guide, radius), mean(values, radius)
    spread = (mean(guide * guide, radius) - mean_guide * mean_guide).clamp(min=0) + eps
    slope = (mean(guide * values, radius) - mean_guide * mean_values) / spread
    return mean(slope, radius), mean(mean_values - slope * mean_guide, radius)
