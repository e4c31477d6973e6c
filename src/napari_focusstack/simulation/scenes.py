"""Scenes: functions that draw layers, near to far, on a canvas."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..optics import Layer
from .canvas import Canvas
from .fluorescence import fluorescence
from .insect import insect
from .strokes import curves, draw_strokes, roundness
from .textures import colour, coverage, fractal, surface

__all__ = ["SCENES", "Scene"]

Scene = Callable[[Canvas], list[Layer]]

STEPS = 4


def flat(canvas: Canvas) -> list[Layer]:
    """One plane, in focus in the middle of the sweep; a stripe and a disc of it are plain, without any texture."""
    light = surface(canvas)
    y, x = canvas.unit()
    stripe = coverage(0.12 - (x - 0.25 - 0.1 * y).abs())
    disc = coverage(0.22 - ((x - 0.68) ** 2 + (y - 0.6) ** 2).sqrt())
    plain = torch.maximum(stripe, disc)
    mean = light.mean((-2, -1), keepdim=True)
    return [Layer(light * (1 - plain) + mean * plain, depth=float(canvas.frames // 2))]


def slanted(canvas: Canvas) -> list[Layer]:
    """One plane that runs from near, at the bottom, to far, at the top."""
    return [Layer(surface(canvas), depth=_sheet(canvas, 0.0, 1.0))]


def steps(canvas: Canvas) -> list[Layer]:
    """Flat steps one behind the other, from near, at the left, to far, at the right; each is sharp in a frame."""
    return _stairs(canvas, [float(round(i * (canvas.frames - 1) / (STEPS - 1))) for i in range(STEPS)])


def ledges(canvas: Canvas) -> list[Layer]:
    """Steps that are sharp between the frames, at 1/8, 3/8, 5/8 and 7/8 of the sweep."""
    return _stairs(canvas, [(i + 0.5) * (canvas.frames - 1) / STEPS for i in range(STEPS)])


def _stairs(canvas: Canvas, depths: list[float]) -> list[Layer]:
    y, x = canvas.unit()
    layers = []
    for i, depth in enumerate(depths):
        edge = (i + 1) / STEPS + canvas.uniform(-0.08, 0.08) * (y - 0.5)
        alpha = coverage(edge - x) if i < STEPS - 1 else 1.0
        layers.append(Layer(surface(canvas) * alpha, alpha, depth))
    return layers


def occluders(canvas: Canvas) -> list[Layer]:
    """Shards, hair and blobs in front of a slanted plane."""
    last = canvas.frames - 1
    shards = _shards(canvas)
    blobs = coverage(fractal(canvas, slope=2.2, coarsest=min(canvas.shape) / 2.5)[0] - 1.0)
    return [
        Layer(surface(canvas) * shards, shards, 0.0),
        _hair(canvas, 14, 0.12, 0.28),
        Layer(surface(canvas) * blobs, blobs, 0.42 * last),
        Layer(surface(canvas), depth=_sheet(canvas, 0.55, 1.0)),
    ]


def hair(canvas: Canvas) -> list[Layer]:
    """Three layers of hair in front of a plane."""
    layers = [_hair(canvas, 16 + 8 * i, 0.3 * i, 0.3 * i + 0.15) for i in range(3)]
    return [*layers, Layer(surface(canvas), depth=float(canvas.frames - 1))]


def _sheet(canvas: Canvas, near: float, far: float) -> Tensor:
    """Depth (H, W) of a plane, a little askew, between two shares of the sweep: near at the bottom, far at the top."""
    y, x = canvas.unit()
    share = (1 - y + 0.15 * (x - 0.5)).clamp(0, 1).expand(canvas.shape)
    return (near + (far - near) * share) * (canvas.frames - 1)


def _hair(canvas: Canvas, count: int, near: float, far: float) -> Layer:
    """Layer of hairs that fall across the picture, between two shares of the sweep."""
    height, width = canvas.shape
    size = min(canvas.height, canvas.width)
    starts = canvas.random(count, 2) * torch.tensor([1.2 * width, 1.2 * height], device=canvas.device)
    starts -= 0.1 * torch.tensor([width, height], device=canvas.device)
    main = canvas.uniform(0, 2 * math.pi)
    angles = main + 0.5 * canvas.normal(count)
    lengths = size * (0.5 + 0.7 * canvas.random(count))
    paths = curves(canvas, starts, angles, lengths, bend=0.7, curl=0.3)
    thickness = (0.5 + 1.1 * canvas.random(count, 1)) * max(1.0, size / 256) ** 0.6
    taper = torch.linspace(1, 0.35, paths.shape[1], device=canvas.device)
    drawn = draw_strokes(canvas, paths, thickness * taper)
    shade = torch.exp(0.3 * canvas.normal(count))[drawn.which] * roundness(drawn.across)
    light = colour(canvas, low=0.05, high=0.45, tint=0.2) * shade * drawn.coverage
    return Layer(light, drawn.coverage, _sheet(canvas, near, far))


def _shards(canvas: Canvas) -> Tensor:
    """Coverage (H, W) of a few triangles that lean in from the sides."""
    y, x = canvas.unit()
    covered = torch.zeros(canvas.shape, device=canvas.device)
    for _ in range(5):
        turn, middle = canvas.uniform(0, 2 * math.pi), canvas.random(2)
        size = canvas.uniform(0.05, 0.13)
        inside = torch.full(canvas.shape, math.inf, device=canvas.device)
        for side in range(3):
            angle = turn + 2 * math.pi * side / 3 + canvas.uniform(-0.5, 0.5)
            inside = torch.minimum(inside, size - math.cos(angle) * (x - middle[0]) - math.sin(angle) * (y - middle[1]))
        covered = torch.maximum(covered, coverage(inside))
    return covered


SCENES: dict[str, Scene] = {
    "flat": flat,
    "slanted": slanted,
    "steps": steps,
    "ledges": ledges,
    "occluders": occluders,
    "hair": hair,
    "fluorescence": fluorescence,
    "insect": insect,
}
