"""Resampling on the GPU (torch): the same answers as `warp_cpu`, interpolated in two dimensions for every motion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..progress import track

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["Kernels"]

STRIP_PIXELS = 1 << 21  # resampled at a time: about 40 bytes each are held
BEFORE = 2  # samples before the one at or left of the position


class Kernels:
    """The functions of `warp_cpu` on a torch device."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)

    def warp(
        self,
        image: NDArray[Any],
        matrix: NDArray[np.float64],
        height: int,
        width: int,
        table: NDArray[np.float32] | None = None,
    ) -> NDArray[Any]:
        """Image on another grid: as `warp_cpu.warp`."""
        stored = torch.from_numpy(np.ascontiguousarray(image)).to(self.device)
        source = stored.to(torch.float32)
        if table is not None:
            values = torch.from_numpy(table).to(self.device)
            channel = torch.arange(image.shape[2], device=self.device)
            source = values[channel, stored.to(torch.int32)]
        result = np.empty((height, width, image.shape[2]), image.dtype)
        rows = max(1, STRIP_PIXELS // width)
        for top in track(range(0, height, rows)):
            strip = _strip(source, matrix / matrix[2, 2], top, min(top + rows, height), width)
            if image.dtype.kind == "u":
                strip = (strip.clamp(0, float(np.iinfo(image.dtype).max)) + 0.5).to(torch.int32)
            result[top : top + rows] = strip.cpu().numpy()
        return result


def _strip(source: Tensor, matrix: NDArray[np.float64], start: int, stop: int, width: int) -> Tensor:
    """Rows `start` to `stop` of the result, (rows, width, C) float32."""
    rows, columns, channels = source.shape
    (a, b, t), (d, e, s), (g, h, _) = matrix.tolist()
    x = torch.arange(width, device=source.device)[None, :]
    y = torch.arange(start, stop, device=source.device)[:, None]
    far = g * x + h * y
    # Displacements, not positions: they are small, and float32 (all that Apple's GPUs have) is as much finer there.
    left, across = _taps(x, ((a - 1) * x + b * y + t - far * x) / (1 + far), columns)
    top, down = _taps(y, (d * x + (e - 1) * y + s - far * y) / (1 + far), rows)
    flat = source.reshape(-1, channels)
    total = torch.zeros((stop - start, width, channels), device=source.device)
    for row, weight in zip(top, down, strict=True):
        part = sum(w[..., None] * flat[row * columns + at] for at, w in zip(left, across, strict=True))
        total += weight[..., None] * part
    return total


def _taps(place: Tensor, displacement: Tensor, size: int) -> tuple[list[Tensor], list[Tensor]]:
    """Places of the six samples along one axis, and their weights."""
    whole = torch.floor(displacement)
    t = displacement - whole - 0.5
    q = 1 - 4 * t * t
    evens = (q / 32, -5 * q / 32, 0.5 + 4 * q / 32)
    odds = (t * q / 96, -9 * t * q / 96, t * (1 + 22 * q / 96))
    before = [even - odd for even, odd in zip(evens, odds, strict=True)]
    after = [even + odd for even, odd in zip(evens, odds, strict=True)]
    first = place + whole.to(torch.int64) - BEFORE
    return [(first + i).clamp(0, size - 1) for i in range(6)], before + after[::-1]
