"""Random cameras with a mosaic of colours: what their sensors see of linear light, and what truth is in their colours.

After Brooks et al., "Unprocessing images for learned raw denoising" (CVPR 2019), with matrices drawn by ourselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from .variety import Chance

__all__ = ["PLANES", "Cameras", "random_cameras"]

PLANES = [0, 1, 1, 2]  # colour of each plane of a mosaic: red, green beside red, green beside blue, blue
RED, BLUE = (1.2, 2.8), (1.1, 2.6)  # range of white-balance gains; green has 1
CROSSTALK = ((0.10, 0.30), (0.10, 0.25), (0.15, 0.35))  # of red, green, blue: share of light of the other colours
BITS = (4095.0, 16383.0)  # counts from black to white
LOWPASS = (0.0, 0.7)  # σ, in px, of the low-pass filter in front of the sensor, where there is one
BARE = 0.5  # share of cameras without


@dataclass(frozen=True, slots=True, eq=False)
class Cameras:
    """B cameras.

    Attributes
    ----------
    matrices : (B, 3, 3) float32
        From linear sRGB to the camera's colours, in which white is (1, 1, 1): rows sum to one.
    gains : (B, 3) float32
        White balance; the smallest is 1.
    levels : (B,) float32
        Counts from black to white.
    lowpass : (B,) float32
        σ in px of the filter in front of the sensor; 0: none.
    """

    matrices: Tensor
    gains: Tensor
    levels: Tensor
    lowpass: Tensor

    def balanced(self, light: Tensor) -> Tensor:
        """Light (B, N, 3, H, W), linear sRGB, in the cameras' white-balanced colours."""
        return torch.einsum("bdc,bnchw->bndhw", self.matrices, light)

    def planes(self, light: Tensor) -> Tensor:
        """Sensor values (B, N, 4, H/2, W/2), before noise, of light (B, N, 3, H, W): 1 fills a pixel."""
        seen = self.balanced(self._filtered(light)) / self.gains[:, None, :, None, None]
        sites = [seen[:, :, colour, place // 2 :: 2, place % 2 :: 2] for place, colour in enumerate(PLANES)]
        return torch.stack(sites, 2)

    def read(self, planes: Tensor) -> Tensor:
        """Sensor values with noise, (B, N, 4, h, w), as the file has them, white-balanced."""
        levels = self.levels[:, None, None, None, None]
        counted = (planes.clamp(0, 1) * levels).round_() / levels
        return counted * self.gains[:, None, PLANES, None, None]

    def _filtered(self, light: Tensor) -> Tensor:
        """Light (B, N, 3, H, W) behind the low-pass filter, of 3 × 3 px: σ² = 2 side."""
        side = self.lowpass.square().clamp_max(0.8) / 2
        line = torch.stack([side, 1 - 2 * side, side], -1)
        kernels = (line[:, :, None] * line[:, None, :])[:, None]  # (B, 1, 3, 3)
        bursts, frames, channels, height, width = light.shape
        around = pad(light.movedim(0, 2).reshape(frames * channels, bursts, height, width), (1, 1, 1, 1), "replicate")
        seen = conv2d(around, kernels, groups=bursts)
        return seen.reshape(frames, channels, bursts, height, width).movedim(2, 0)


def random_cameras(chance: Chance, count: int) -> Cameras:
    """Cameras, each with other colours, white balance and depth of counts."""
    matrices = torch.empty(count, 3, 3, device=chance.device)
    gains = torch.ones(count, 3, device=chance.device)
    for colour, (low, high) in enumerate(CROSSTALK):
        share = low + (high - low) * chance.uniform(count)  # that the others take
        split = chance.uniform(count)
        first, second = [other for other in range(3) if other != colour]
        matrices[:, colour, colour] = 1 - share
        matrices[:, colour, first], matrices[:, colour, second] = share * split, share * (1 - split)
    for colour, (low, high) in ((0, RED), (2, BLUE)):
        gains[:, colour] = low + (high - low) * chance.uniform(count)
    levels = torch.where(chance.uniform(count) < 0.5, *BITS)
    lowpass = LOWPASS[0] + (LOWPASS[1] - LOWPASS[0]) * chance.uniform(count)
    lowpass *= chance.uniform(count) >= BARE
    return Cameras(matrices, gains, levels, lowpass)
