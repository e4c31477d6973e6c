"""Procedural textures with detail at every scale: a canvas in, linear light out."""

from __future__ import annotations

import torch
from torch import Tensor

from .canvas import Canvas

__all__ = ["fractal", "surface"]


def fractal(canvas: Canvas, *, slope: float = 1.0, planes: int = 1) -> Tensor:
    """(planes, H, W) noise of zero mean and unit variance whose amplitude falls as frequency ** −slope."""
    height, width = canvas.shape
    spectrum = torch.fft.rfft2(canvas.normal(planes, height, width))
    y = torch.fft.fftfreq(height, device=canvas.device)[:, None]
    frequency = (y**2 + torch.fft.rfftfreq(width, device=canvas.device) ** 2).sqrt()
    gain = frequency.clamp_min(1 / 512) ** -slope
    noise = torch.fft.irfft2(spectrum * gain, s=(height, width))
    noise -= noise.mean((-2, -1), keepdim=True)
    return noise / noise.std((-2, -1), keepdim=True)


def surface(canvas: Canvas) -> Tensor:
    """(C, H, W) linear light of the next surface: a given texture, or fractal noise in a random colour."""
    given = canvas.next_given()
    if given is not None:
        return given
    shade = fractal(canvas)
    tint = fractal(canvas, slope=1.5, planes=canvas.channels)
    base = 0.15 + 0.35 * canvas.random(canvas.channels, 1, 1)
    return (base * torch.exp(0.45 * shade + 0.15 * tint)).clamp(0.01, 0.95)
