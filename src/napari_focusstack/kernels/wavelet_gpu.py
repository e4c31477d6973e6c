"""Fusion of complex wavelet coefficients on the GPU (torch): the same answers as `wavelet_cpu`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from ..progress import track
from . import wavelet_cpu
from .daubechies import low_pass
from .daubechies_gpu import analyse, synthesise
from .focus_gpu import grey, smoothed, uploaded
from .wavelet_cpu import FINEST, NEIGHBOURHOOD, SAMPLED, TINY, Coefficients, Level

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    Array = NDArray[np.float32]

__all__ = ["Kernels"]


class Kernels:
    """The functions of `wavelet_cpu` on a torch device."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)

    def coefficients(
        self, height: int, width: int, planes: int, levels: int, taps: int, *, together: bool, smooth: bool
    ) -> Coefficients:
        """As `wavelet_cpu.coefficients`."""
        shapes = wavelet_cpu.shapes_of(height, width, levels)
        low = [self._zeros(2, *shapes[-1]) for _ in range(planes)]
        parts = [self._level(shape, planes, 1 if together else 3) for shape in shapes[1:]]
        return Coefficients(low_pass(taps), smooth, shapes, parts, low, self._zeros(*shapes[-1]))

    def take(self, state: Coefficients, image: NDArray[Any], k: int, channel: int) -> None:
        """As `wavelet_cpu.take`."""
        values = uploaded(image, self.device)
        alone = len(state.low) == 1
        low = self._split(state, grey(values, channel), k, 0 if alone else None)
        wavelet_cpu.note_noise(
            [level.newest[:, ::SAMPLED, ::SAMPLED].cpu().numpy() for level in state.levels[:FINEST]], state.levels
        )
        weight = state.levels[-1].newest.mean(dim=0).clamp(min=TINY)
        state.low_weight += weight
        if alone:
            state.low[0] += weight * low
        else:
            for plane in range(len(state.low)):
                state.low[plane] += weight * self._split(state, values[..., plane], None, plane)

    def combined(self, state: Coefficients, count: int, noise_floor: float) -> list[Array]:
        """As `wavelet_cpu.combined`."""
        planes = []
        for plane, total_low in enumerate(state.low):
            low = total_low / state.low_weight
            for at in track(reversed(range(len(state.levels)))):
                level, floor = state.levels[at], noise_floor * wavelet_cpu.noise_of(state.levels, at)
                share = (level.energy.sqrt() / floor - 1).clamp(0, 1)[:, None] if floor > 0 else 1.0
                mean = level.total_detail[plane] / count
                detail = mean + share * (level.best[plane] - mean)
                low = synthesise(low, detail, state.filters, *state.shapes[at])
            planes.append(low[0].cpu().numpy())
        return planes

    def judged(self, state: Coefficients, count: int, noise_floor: float) -> tuple[Array, Array]:
        """As `wavelet_cpu.judged`, which does it: it comes once."""
        levels = [
            replace(
                level,
                energy=level.energy.cpu().numpy(),
                total=level.total.cpu().numpy(),
                index=level.index.cpu().numpy(),
            )
            for level in state.levels[:FINEST]
        ]
        return wavelet_cpu.judged(replace(state, levels=levels), count, noise_floor)

    def _zeros(self, *shape: int) -> Tensor:
        return torch.zeros(shape, device=self.device)

    def _level(self, shape: tuple[int, int], planes: int, bands: int) -> Level:
        total, newest = self._zeros(2, bands, *shape)
        index = torch.zeros(total.shape, dtype=torch.int32, device=self.device)
        detail, *fused = self._zeros(1 + 2 * planes, 3, 2, *shape)
        wins = index.to(torch.bool)
        return Level(total - 1, total, newest, index, wins, detail, fused[:planes], fused[planes:])

    def _split(self, state: Coefficients, values: Tensor, decides: int | None, plane: int | None) -> Tensor:
        low = values[None]
        for level in track(state.levels):
            low, level.detail = analyse(low, state.filters)
            if decides is not None:
                _decide(level, state.smooth, decides)
            if plane is not None:
                level.total_detail[plane] += level.detail
                wins = level.wins[:, None].expand_as(level.detail)
                level.best[plane] = torch.where(wins, level.detail, level.best[plane])
        return low


def _decide(level: Level, smooth: bool, k: int) -> None:
    energy = (level.detail**2).sum(dim=1)
    if len(level.energy) == 1:
        energy = energy.mean(dim=0, keepdim=True)
    if smooth:
        energy = smoothed(energy, NEIGHBOURHOOD)
    level.wins = energy > level.energy
    level.energy = torch.maximum(energy, level.energy)
    level.index.masked_fill_(level.wins, k)
    level.total += energy
    level.newest = energy
