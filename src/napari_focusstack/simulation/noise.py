"""Camera noise: shot and read noise after Brooks et al. (CVPR 2019); linear light in, noisy linear light out."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["SHOT_RANGE", "add_noise", "draw_shot_noise", "read_noise"]

SHOT_RANGE = (1e-4, 1.2e-2)  # variance factors of real cameras, from low to high sensitivity
READ_SLOPE, READ_OFFSET, READ_SPREAD = 2.18, 1.20, 0.26


def draw_shot_noise(generator: torch.Generator) -> float:
    """Shot-noise variance factor of a camera at a random sensitivity, log-uniform over `SHOT_RANGE`."""
    low, high = (math.log(end) for end in SHOT_RANGE)
    return math.exp(low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64)))


def read_noise(shot: float, generator: torch.Generator | None = None) -> float:
    """Read-noise variance that goes with a shot-noise factor: log σ_r² = 2.18 log λ_s + 1.20 (+ N(0, 0.26²)).

    Parameters
    ----------
    shot : float
        Shot-noise variance factor, above 0.
    generator : torch.Generator, optional
        Draws the scatter between cameras; without it, the value on the line.
    """
    scatter = float(torch.randn((), generator=generator)) * READ_SPREAD if generator else 0.0
    return math.exp(READ_SLOPE * math.log(shot) + READ_OFFSET + scatter)


def add_noise(light: Tensor, shot: float, read: float, generator: torch.Generator) -> Tensor:
    """Light with noise of variance shot · light + read, not clipped.

    Parameters
    ----------
    light : Tensor
        Linear light in [0, 1], any shape.
    shot, read : float
        Variance factor of the shot noise, variance of the read noise.
    generator : torch.Generator
        On the CPU: the noise is the same on every device.

    Raises
    ------
    ValueError
        If a variance is negative.
    """
    if shot < 0 or read < 0:
        raise ValueError(f"noise variances shot={shot!r}, read={read!r} are not possible; give numbers ≥ 0")
    noise = torch.randn(light.shape, generator=generator).to(light.device)
    return light + noise * (light.clamp_min(0) * shot + read).sqrt()
