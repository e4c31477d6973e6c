"""Optics of defocus: point spread functions, and the layered forward model.

Everything here is torch, in linear light, with (..., H, W) as the last dimensions: it runs batched and on a GPU.
"""

from __future__ import annotations

from .fourier import Fourier
from .layers import Layer, all_in_focus, defocused, over, tents
from .psf import Aberration, Psf, point_spread, transfer_function

__all__ = [
    "Aberration",
    "Fourier",
    "Layer",
    "Psf",
    "all_in_focus",
    "defocused",
    "over",
    "point_spread",
    "tents",
    "transfer_function",
]
