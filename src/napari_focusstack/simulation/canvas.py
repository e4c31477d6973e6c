"""Where a scene is drawn: the visible picture with a margin around it, its random numbers and the given textures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

__all__ = ["Canvas"]


@dataclass(slots=True, eq=False)
class Canvas:
    """What a scene needs to know to be drawn.

    Attributes
    ----------
    height, width : int
        Size of the visible picture in px.
    top, left, bottom, right : int
        Margin around it: what breathing, jitter and blur bring into view.
    frames : int
        Depths run from 0 (near) to frames − 1 (far).
    channels : int
        Number of colour channels.
    generator : torch.Generator
        The only source of randomness; on the CPU.
    device : torch.device or str
        Where the tensors lie.
    given : sequence of (C, H, W) Tensor
        Textures in linear light to use, in turn, instead of procedural ones.
    """

    height: int
    width: int
    top: int
    left: int
    bottom: int
    right: int
    frames: int
    channels: int
    generator: torch.Generator
    device: torch.device | str = "cpu"
    given: Sequence[Tensor] = ()
    _used: int = field(default=0, init=False)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width with the margin."""
        return self.top + self.height + self.bottom, self.left + self.width + self.right

    @property
    def visible(self) -> tuple[slice, slice]:
        """Rows and columns of the visible picture."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    def random(self, *shape: int) -> Tensor:
        """Uniform random numbers in [0, 1)."""
        return torch.rand(shape, generator=self.generator).to(self.device)

    def normal(self, *shape: int) -> Tensor:
        """Normal random numbers."""
        return torch.randn(shape, generator=self.generator).to(self.device)

    def uniform(self, low: float, high: float) -> float:
        """One uniform random number."""
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def pixels(self) -> tuple[Tensor, Tensor]:
        """Rows y as (H, 1) and columns x as (1, W), in px; (0, 0) is the visible picture's first pixel."""
        height, width = self.shape
        y = torch.arange(height, dtype=torch.float32, device=self.device) - self.top
        x = torch.arange(width, dtype=torch.float32, device=self.device) - self.left
        return y[:, None], x[None, :]

    def unit(self) -> tuple[Tensor, Tensor]:
        """Rows y as (H, 1) and columns x as (1, W), from 0 to 1 over the visible picture and beyond in the margin."""
        y, x = self.pixels()
        return y / max(self.height - 1, 1), x / max(self.width - 1, 1)

    def next_given(self) -> Tensor | None:
        """Next given texture, (channels, H, W), mirrored as often as the canvas needs; None where none are given."""
        if not self.given:
            return None
        texture = self.given[self._used % len(self.given)]
        self._used += 1
        rows, columns = (_mirrored(size, length) for size, length in zip(self.shape, texture.shape[-2:], strict=True))
        texture = texture.to(self.device)[:, rows][:, :, columns]
        if len(texture) != self.channels:
            texture = texture.mean(0, keepdim=True).expand(self.channels, -1, -1)
        return texture.contiguous()


def _mirrored(size: int, length: int) -> Tensor:
    index = torch.arange(size) % (2 * length)
    return torch.where(index < length, index, 2 * length - 1 - index)
