"""Examples to learn from: bursts as a network gets them, in stored values, and what is true of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from ..simulation.batches import Batch

__all__ = ["Examples", "as_stored"]

LINEAR = 0.3  # share of batches in linear light, as microscopes store it; the others as photographs, in sRGB
LEVELS = (255, 4095, 65535)  # of a file of 8, 12 or 16 bit


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """B bursts of N frames and their truth, in stored values from 0 to 1.

    Attributes
    ----------
    frames : (B, N, C, H, W) float32
        What a network gets.
    truth : (B, C', H', W') float32
        All in focus, free of noise; larger than the frames where these are planes of a mosaic.
    depth : (B, H, W) float32, optional
        Number of the frame, with fractions, in which the front-most surface is sharpest.
    alphas, depths : (B, L, H, W) float32, optional
        Coverage and depth of each layer, near to far.
    noise : (B, 2) float32, optional
        Variance factors of shot and read noise in linear light.
    blur : float, optional
        Blur radius, in px, of what is one frame out of focus.
    """

    frames: Tensor
    truth: Tensor
    depth: Tensor | None = None
    alphas: Tensor | None = None
    depths: Tensor | None = None
    noise: Tensor | None = None
    blur: float | None = None

    def to(self, device: torch.device | str) -> Examples:
        """Return the same on a device."""
        values: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            values[field.name] = value.to(device) if isinstance(value, Tensor) else value
        return Examples(**values)


def as_stored(batch: Batch, generator: torch.Generator) -> Examples:
    """Simulated light as a camera or a microscope would store it: clipped, sRGB or linear, of 8, 12 or 16 bit."""
    chance = torch.rand(2, generator=generator, device=generator.device).tolist()
    levels = LEVELS[int(chance[0] * len(LEVELS))]
    frames, truth = batch.frames.clamp(0, 1), batch.truth.clamp(0, 1)
    if chance[1] >= LINEAR:
        frames, truth = _srgb(frames), _srgb(truth)
    return Examples(
        (frames * levels).round() / levels, truth, batch.depth, batch.alphas, batch.depths, batch.noise, batch.blur
    )


def _srgb(light: Tensor) -> Tensor:
    return torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light.clamp_min(1e-4) ** (1 / 2.4) - 0.055)
