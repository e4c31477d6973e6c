"""What a camera and its rail do to frames: residual motion, breathing, changing light, and noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from .noise import READ_OFFSET, READ_SLOPE, READ_SPREAD
from .variety import Chance, Variety

__all__ = ["displaced", "noisy", "random_motion", "relit"]


def displaced(frames: Tensor, shifts: Tensor, scales: Tensor) -> Tensor:
    """Frames (..., C, H, W) as they would be if each were taken a little aside: out(p) = in(scale · p + shift).

    Parameters
    ----------
    frames : (..., C, H, W) Tensor
        Pictures; continued beyond their border by reflection.
    shifts : (..., 2) Tensor
        x and y, in px.
    scales : (...) Tensor
        About the middle.
    """
    height, width = frames.shape[-2:]
    lines = [
        scales.reshape(-1, 1) * ((2 * torch.arange(length, device=frames.device) + 1) / length - 1)
        + 2 / length * shifts[..., axis].reshape(-1, 1)
        for axis, length in ((0, width), (1, height))
    ]
    grid = torch.stack([lines[0][:, None, :].expand(-1, height, -1), lines[1][:, :, None].expand(-1, -1, width)], -1)
    flat = frames.reshape(-1, *frames.shape[-3:])
    moved = grid_sample(flat, grid, mode="bicubic", padding_mode="reflection", align_corners=False)
    return moved.reshape(frames.shape)


def random_motion(variety: Variety, chance: Chance, bursts: int, count: int) -> tuple[Tensor, Tensor]:
    """Shifts (B, N, 2) in px and scales (B, N): each frame strays, and all drift; some bursts more than others."""
    sweep = torch.linspace(-0.5, 0.5, count, device=chance.device)
    strays = chance.normal(bursts, count, 2) + chance.normal(bursts, 1, 2) * sweep[:, None]
    shifts = variety.jitter * chance.uniform(bursts, 1, 1) * strays
    return shifts, 1 + variety.breathing * chance.normal(bursts, 1) * sweep


def relit(frames: Tensor, variety: Variety, chance: Chance) -> Tensor:
    """Frames (B, N, C, H, W), each a little lighter or darker, and the light drifting over the sweep."""
    bursts, count = frames.shape[:2]
    sweep = torch.linspace(-0.5, 0.5, count, device=frames.device)
    flicker = variety.exposure * chance.uniform(bursts, 1) * chance.normal(bursts, count)
    gain = 1 + flicker + variety.drift * chance.normal(bursts, 1) * sweep
    return frames * gain.clamp_min(0.1)[..., None, None, None]


def noisy(frames: Tensor, variety: Variety, chance: Chance) -> tuple[Tensor, Tensor]:
    """Frames (B, N, C, H, W) with noise of variance λ_s x + λ_r, and these two factors, (B, 2); 0 where there is none.

    Notes
    -----
    Brooks et al. (CVPR 2019): log λ_s is uniform, and log λ_r = 2.18 log λ_s + 1.20 + N(0, 0.26²), one draw a burst.
    """
    bursts = len(frames)
    low, high = (math.log(end) for end in variety.shot)
    log_shot = low + (high - low) * chance.uniform(bursts)
    log_read = READ_SLOPE * log_shot + READ_OFFSET + READ_SPREAD * chance.normal(bursts)
    factors = torch.stack([log_shot, log_read], -1).exp() * chance.there(variety.noisy, bursts)[:, :, 0, 0]
    shot, read = (part[:, None, None, None, None] for part in factors.unbind(-1))
    sigma = frames.clamp_min(0).mul_(shot).add_(read).sqrt_()
    return chance.noise(*frames.shape).mul_(sigma).add_(frames), factors
