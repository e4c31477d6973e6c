"""What networks have in common that look at planes of a picture twice: at every pixel, and on a coarse grid."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..arrays import Box
from .network import Network

__all__ = ["TwoScales"]


class TwoScales(Network):
    """Logits of every pixel, from planes of what is known of it and of those around.

    A 3×3 convolution to features; residual 3×3 convolutions, dilated, each of the features after a ReLU; and a 1×1
    convolution to logits. In between, the same on coarse cells, so that contours and hairs are followed where they
    hardly show: a convolution of every cell, residual ones, and a 1×1 convolution back, whose result is interpolated
    and added. Untrained, all logits are 0.

    Parameters
    ----------
    planes, outputs : int
        Of each pixel: what is known, and logits.
    width, deep : int
        Features of a pixel, and of a cell.
    dilations, coarse : sequence of int
        Of the residual convolutions: of pixels, in px, and of cells, in cells.
    asked : int
        After how many of the former the cells are asked.
    grid : int
        Side of a cell, px. Cells begin at the first row and column.
    """

    channels = None
    multiple = 1

    def __init__(
        self,
        planes: int,
        outputs: int,
        *,
        width: int,
        deep: int,
        dilations: Sequence[int],
        coarse: Sequence[int],
        asked: int,
        grid: int,
    ) -> None:
        super().__init__()
        self.arguments, self.grid, self._asked = {}, grid, asked
        self._left = sum(dilations[asked:])  # px that are looked at beyond a pixel, once the cells were asked
        self.stem = nn.Conv2d(planes, width, 3, padding=1)
        self.blocks = nn.ModuleList(_convolution(width, wide) for wide in dilations)
        self.down = nn.Conv2d(width, deep, grid, stride=grid)
        self.coarse = nn.ModuleList(_convolution(deep, wide) for wide in coarse)
        self.up = nn.Conv2d(deep, width, 1)
        self.head = nn.Conv2d(width, outputs, 1)
        for start in (*self.up.parameters(), *self.head.parameters()):
            nn.init.zeros_(start)
        interpolated = grid + grid // 2 - 1  # farthest px of the cells that a pixel is interpolated from
        self.halo = 1 + sum(dilations) + grid * sum(coarse) + interpolated

    def logits(self, planes: Tensor, inner: Box | None = None) -> Tensor:
        """(B, outputs, H, W) float32 of `planes` (B, planes, H, W); with `inner`, only of these rows and columns."""
        features = self.stem(planes)
        for block in self.blocks[: self._asked]:
            features = features + block(features)
        features = features + self._context(features)
        if inner is None:
            inner = slice(None), slice(None)
        else:
            rows, columns = (slice(max(0, part.start - self._left), part.stop + self._left) for part in inner)
            features = features[..., rows, columns].contiguous(memory_format=torch.channels_last)
            inner = _from(inner[0], rows.start), _from(inner[1], columns.start)
        for block in self.blocks[self._asked :]:
            features = features + block(features)
        return self.head(features.relu()[..., *inner]).float()  # type: ignore[no-any-return]

    def _context(self, features: Tensor) -> Tensor:
        height, width = features.shape[-2:]
        missing, seen = (0, -width % self.grid, 0, -height % self.grid), features.relu()
        cells = self.down(functional.pad(seen, missing, mode="replicate") if any(missing) else seen)
        for block in self.coarse:
            cells = cells + block(cells)
        context = functional.interpolate(
            self.up(cells.relu()), scale_factor=float(self.grid), mode="bilinear", align_corners=False
        )
        return context[..., :height, :width]


def _from(part: slice, first: int) -> slice:
    return slice(part.start - first, part.stop - first)


def _convolution(features: int, dilation: int) -> nn.Sequential:
    return nn.Sequential(nn.ReLU(), nn.Conv2d(features, features, 3, padding=dilation, dilation=dilation))
