"""The running result of a Laplacian pyramid's fusion, on the GPU (torch): the same answers as `pyramid_cpu`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import pad

from ..arrays import unit
from .focus_gpu import filtered, mean, uploaded
from .pyramid_cpu import NOTHING, Level, Pyramid, Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray
    from torch import Tensor

    Plane = NDArray[np.float32]

__all__ = ["Kernels"]

BINOMIAL = (1, 4, 6, 4, 1)
LEAST_POWER = 16  # weights below exp(-16) are none


class Kernels:
    """The functions of `pyramid_cpu` on a torch device; pictures are (C, Y, X) here."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)

    def pyramid(
        self, height: int, width: int, channels: int, levels: int, range_dtype: DTypeLike | None = None
    ) -> Pyramid:
        """As `pyramid_cpu.pyramid`; the range is kept in float32."""
        made = []
        low = high = None
        if range_dtype is not None:
            low = torch.full((channels, height, width), torch.inf, device=self.device)
            high = -low
        for _ in range(levels):
            blocks = -(-height // 2), -(-width // 2)
            zeros = torch.zeros(blocks, device=self.device)
            detail = torch.zeros((channels, height, width), device=self.device)
            index = torch.zeros(blocks, dtype=torch.int32, device=self.device)
            made.append(Level(detail, torch.full_like(zeros, float(NOTHING)), zeros.clone(), index, None, None))
            height, width = blocks
        return Pyramid(made, torch.zeros((channels, height, width), device=self.device), low, high)

    def merge(
        self,
        state: Pyramid,
        image: NDArray[Any],
        number: int,
        variance: tuple[float, float],
        rules: Sequence[Rule],
        channel: int,
    ) -> None:
        """As `pyramid_cpu.merge`."""
        source = (uploaded(image, self.device) * unit(image.dtype)).movedim(2, 0).contiguous()
        if state.low is not None:
            state.low = torch.minimum(state.low, source)
            state.high = torch.maximum(state.high, source)
        evidence: Tensor | None = None
        share = torch.zeros(())
        for level, (smoothing, steepness, floor, gain) in zip(state.levels, rules, strict=True):
            level.coarse = _reduced(source)
            detail = source - _expanded(level.coarse, source.shape)
            sharp = _smoothed(_amplitude(detail, level.coarse, variance, channel, evidence), smoothing)
            share = _share(level, sharp, steepness, number)
            level.detail += _widened(share, detail.shape) * (detail - level.detail)
            level.evidence = evidence = gain * (sharp - floor).clamp(min=0)
            source = level.coarse
        state.base += share * (source - state.base)

    def decisions(self, state: Pyramid) -> list[tuple[Plane, NDArray[np.uint16], Plane]]:
        """As `pyramid_cpu.decisions`."""
        return [
            (_numpy(level.best), _numpy(level.index).astype(np.uint16), _numpy(level.weight)) for level in state.levels
        ]

    def samples(self, state: Pyramid, channel: int) -> list[tuple[Plane, Plane]]:
        """As `pyramid_cpu.samples`."""
        return [(_numpy(level.best), _numpy(_light(level.coarse, channel))) for level in state.levels]

    def collapse(self, state: Pyramid, scale: float) -> Plane:
        """As `pyramid_cpu.collapse`."""
        image = state.base
        for level in reversed(state.levels):
            image = _expanded(image, level.detail.shape).add_(level.detail)
        if state.low is not None:
            image = torch.minimum(torch.maximum(image, state.low), state.high)
        return _numpy((image * scale).movedim(0, 2).contiguous())


def _numpy(tensor: Tensor) -> NDArray[Any]:
    return tensor.cpu().numpy()


def _light(coarse: Tensor, channel: int) -> Tensor:
    return coarse.mean(dim=0) if channel < 0 else coarse[channel]


def _reduced(image: Tensor) -> Tensor:
    weights = [weight / 16 for weight in BINOMIAL]
    across = filtered(image, weights, -1)[..., ::2]
    return filtered(across, weights, -2)[..., ::2, :].contiguous()


def _expanded(coarse: Tensor, shape: Sequence[int]) -> Tensor:
    return _expanded_along(_expanded_along(coarse, shape[-1], -1), shape[-2], -2)


def _expanded_along(coarse: Tensor, size: int, axis: int) -> Tensor:
    if size == 1:
        return coarse
    sizes = list(coarse.shape)
    sizes[axis] = size
    spread = coarse.new_zeros(sizes)
    spread.movedim(axis, 0)[::2] = coarse.movedim(axis, 0)
    return filtered(spread, [weight / 8 for weight in BINOMIAL], axis)


def _amplitude(
    detail: Tensor, coarse: Tensor, variance: tuple[float, float], channel: int, evidence: Tensor | None
) -> Tensor:
    """Mean amplitude of the details of each block, in units of the noise, plus the evidence of finer levels."""
    chosen = detail if channel < 0 else detail[channel : channel + 1]
    offset, slope = variance
    noise = (offset + slope * _light(coarse, channel).clamp(min=0)).sqrt()
    amplitude = _block_means(chosen.square().sum(dim=0).sqrt()) / noise
    return amplitude if evidence is None else amplitude + _block_means(evidence)


def _block_means(plane: Tensor) -> Tensor:
    height, width = plane.shape
    even = pad(plane[None], (0, width % 2, 0, height % 2), mode="replicate")[0]
    return even.reshape(-(-height // 2), 2, -(-width // 2), 2).mean(dim=(1, 3))


def _smoothed(blocks: Tensor, smoothing: float) -> Tensor:
    squares = blocks.square() + smoothing * mean(blocks, 2, mirror=True).square()
    return (squares / (1 + smoothing)).sqrt()


def _share(level: Level, sharp: Tensor, steepness: float, number: int) -> Tensor:
    """Share of the frame in the running weighted mean of each block; brings the running maximum up to date."""
    gain = sharp - level.best
    power = (gain.abs() * steepness).clamp(max=LEAST_POWER)
    factor = torch.where(power < LEAST_POWER, (-power).exp(), 0)
    rises = gain > 0
    own = factor.masked_fill(rises, 1)
    level.weight = level.weight * torch.where(rises, factor, 1) + own
    level.best = torch.maximum(level.best, sharp)
    level.index.masked_fill_(rises, number)
    share: Tensor = own / level.weight
    return share


def _widened(blocks: Tensor, shape: Sequence[int]) -> Tensor:
    wide = blocks.repeat_interleave(2, dim=0)[: shape[-2]]
    return wide.repeat_interleave(2, dim=1)[:, : shape[-1]]
