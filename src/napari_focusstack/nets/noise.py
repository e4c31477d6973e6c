"""How loud noise is, as networks are told: its deviation in stored values at a few levels of brightness."""

from __future__ import annotations

import torch
from torch import Tensor

from ..color import Transfer

__all__ = ["LEVELS", "deviation_at", "deviations"]

LEVELS = 9  # of brightness, evenly spread from black to white
LOUDEST = 0.3  # what a deviation is taken for at most: beyond that, values are clipped to black or white


def deviations(factors: Tensor, transfer: Transfer, gains: Tensor | None = None) -> Tensor:
    """Deviation (B, C, K) of the noise in stored values, at K levels of brightness.

    Parameters
    ----------
    factors : (B, 2)
        Variance factors of shot and read noise: light x has the variance λ_s x + λ_r.
    transfer : {"linear", "srgb"}
        How light is stored: the slope of this curve, s'(x), goes into √(λ_s x + λ_r) s'(x).
    gains : (B, C), optional
        What the light of each channel was multiplied by after it was measured, as for white balance. 1 by default.
    """
    stored = torch.linspace(0, 1, LEVELS, device=factors.device)
    light, slope = stored, torch.ones_like(stored)
    if transfer == "srgb":
        light = torch.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
        slope = torch.where(stored <= 0.04045, 12.92, 1.055 / 2.4 * light.clamp_min(1e-6) ** (1 / 2.4 - 1))
    gain = torch.ones_like(factors[:, :1, None]) if gains is None else gains[:, :, None]
    shot, read = (part[:, None, None] for part in factors.unbind(1))
    return (gain * (shot * light / gain + read).sqrt() * slope).clamp_max(LOUDEST)


def deviation_at(levels: Tensor, picture: Tensor) -> Tensor:
    """Deviation (B, C, H, W) at each brightness (B, C, H, W) from that at its levels (B, C, K), interpolated."""
    steps = levels.shape[-1] - 1
    place = picture.clamp(0, 1) * steps
    below = place.floor().clamp_max(steps - 1)
    at = below.long().flatten(2)
    low, high = (levels.gather(2, at + more).view_as(picture) for more in (0, 1))
    return low + (place - below) * (high - low)
