"""Scenes: functions that draw layers, near to far, on a canvas."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..optics import Layer
from . import textures
from .canvas import Canvas

__all__ = ["SCENES", "Scene"]

Scene = Callable[[Canvas], list[Layer]]

STEPS = 4


def flat(canvas: Canvas) -> list[Layer]:
    """One plane in focus in the middle of the sweep; a stripe and a disc of it are plain, without any texture."""
    light = textures.surface(canvas)
    y, x = canvas.unit()
    stripe = _inside(0.12 - (x - 0.25 - 0.1 * y).abs(), canvas.width)
    disc = _inside(0.22 - ((x - 0.68) ** 2 + (y - 0.6) ** 2).sqrt(), canvas.width)
    plain = torch.maximum(stripe, disc)
    colour = light.mean((-2, -1), keepdim=True)
    return [Layer(light * (1 - plain) + colour * plain, depth=float(canvas.frames // 2))]


def slanted(canvas: Canvas) -> list[Layer]:
    """One plane that runs from near, at the bottom, to far, at the top."""
    y, x = canvas.unit()
    depth = (1 - y + 0.15 * (x - 0.5)).clamp(0, 1) * (canvas.frames - 1)
    return [Layer(textures.surface(canvas), depth=depth.expand(canvas.shape).contiguous())]


def steps(canvas: Canvas) -> list[Layer]:
    """Flat steps one behind the other, from near, at the left, to far, at the right."""
    y, x = canvas.unit()
    layers = []
    for i in range(STEPS):
        depth = float(round(i * (canvas.frames - 1) / (STEPS - 1)))
        light = textures.surface(canvas)
        if i == STEPS - 1:
            layers.append(Layer(light, depth=depth))
            break
        edge = (i + 1) / STEPS + canvas.uniform(-0.08, 0.08) * (y - 0.5)
        alpha = _inside(edge - x, canvas.width)
        layers.append(Layer(light * alpha, alpha, depth))
    return layers


def _inside(distance: Tensor, length: int) -> Tensor:
    """Coverage of pixels at a signed distance, in widths of the picture, inside an edge."""
    return (distance * length + 0.5).clamp(0, 1)


SCENES: dict[str, Scene] = {"flat": flat, "slanted": slanted, "steps": steps}
