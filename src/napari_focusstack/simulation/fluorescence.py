"""A fluorescence scene: nuclei, filaments and puncta that shine in the dark and hide nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..optics import Layer
from .canvas import Canvas
from .strokes import curves, draw_strokes
from .textures import coverage, fractal, soften

__all__ = ["fluorescence"]

DARK = 0.003  # autofluorescence and offset
OPTICS_PX = 0.9  # σ of the objective's resolution in focus


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Where the cells are: centres (K, 2) in px, radii (K,) in px, depths (K,) in shares of the sweep."""

    centres: Tensor
    radii: Tensor
    depths: Tensor


def fluorescence(canvas: Canvas) -> list[Layer]:
    """Cells in the dark, at various depths: filaments, nuclei and puncta; each in a channel of its own, in turn."""
    cells = _draw_cells(canvas)
    structures = (_nuclei(canvas, cells), *(_filaments(canvas, cells) for _ in range(2)), _puncta(canvas, cells))
    channels = (0, 1, 1, 2)
    last = canvas.frames - 1
    layers = []
    for (glow, depth), channel in zip(structures, channels, strict=True):
        light = torch.zeros((canvas.channels, *canvas.shape), device=canvas.device)
        light[channel % canvas.channels] = soften(canvas, glow, OPTICS_PX).clamp_min(0)
        layers.append(Layer(light, 0.0, depth.clamp(0, 1) * last))
    haze = torch.exp(0.3 * fractal(canvas, slope=2.0)) * DARK
    return [*layers, Layer(haze.expand(canvas.channels, -1, -1), 0.0, 0.5 * last)]


def _draw_cells(canvas: Canvas) -> _Cells:
    size = min(canvas.height, canvas.width)
    places = [
        (0.24, 0.27),
        (0.71, 0.2),
        (0.5, 0.55),
        (0.17, 0.77),
        (0.83, 0.72),
        (0.5, 0.98),
        (1.02, 0.42),
        (-0.05, 0.5),
    ]
    count = len(places)
    shares = torch.tensor(places, device=canvas.device) + 0.05 * canvas.normal(count, 2)
    centres = shares * torch.tensor([canvas.width, canvas.height], device=canvas.device)
    order = torch.argsort(canvas.random(count))
    return _Cells(centres, size * (0.19 + 0.05 * canvas.random(count)), 0.12 + 0.76 * order / (count - 1))


def _nuclei(canvas: Canvas, cells: _Cells) -> tuple[Tensor, Tensor]:
    """Brightness and depth (H, W) of the nuclei: chromatin that thins out towards the rim."""
    y, x = canvas.pixels()
    chromatin = torch.exp(0.45 * fractal(canvas, slope=1.3, coarsest=40.0)[0])
    glow, depth = torch.zeros(canvas.shape, device=canvas.device), torch.full(canvas.shape, 0.5, device=canvas.device)
    for (cx, cy), radius, level in zip(cells.centres, cells.radii, cells.depths, strict=True):
        turn, long = canvas.uniform(0, math.pi), canvas.uniform(1.1, 1.45)
        u = (math.cos(turn) * (x - cx) + math.sin(turn) * (y - cy)) / (0.36 * radius * long)
        v = (math.cos(turn) * (y - cy) - math.sin(turn) * (x - cx)) / (0.36 * radius / long)
        inside = 1 - u**2 - v**2
        body = coverage(inside) * (0.35 + 0.65 * inside.clamp_min(0).sqrt()) * canvas.uniform(0.18, 0.28)
        depth = torch.where(inside > -0.5, level - 0.06 * inside.clamp_min(0).sqrt(), depth)
        glow = torch.maximum(glow, body * chromatin)
    return glow, depth


def _filaments(canvas: Canvas, cells: _Cells) -> tuple[Tensor, Tensor]:
    """Brightness and depth (H, W) of filaments that run out from beside the nuclei, and down to the glass."""
    each = 26
    count = each * len(cells.radii)
    owner = torch.arange(len(cells.radii), device=canvas.device).repeat_interleave(each)
    angles = 2 * math.pi * canvas.random(count)
    radii = cells.radii[owner]
    out = radii[:, None] * torch.stack([angles.cos(), angles.sin()], -1) * (0.25 + 0.35 * canvas.random(count, 1))
    lengths = radii * (0.4 + 0.8 * canvas.random(count))
    paths = curves(
        canvas, cells.centres[owner] + out, angles + 0.5 * canvas.normal(count), lengths, bend=0.6, curl=0.25
    )
    drawn = draw_strokes(canvas, paths, torch.full(paths.shape[:2], 0.65, device=canvas.device))
    strength = (0.16 * torch.exp(0.5 * canvas.normal(count)))[drawn.which]
    beads = torch.exp(0.35 * fractal(canvas, slope=0.8, coarsest=24.0)[0])
    fade = 1 - 0.7 * drawn.along**2
    level = cells.depths[owner][drawn.which] + (0.12 * canvas.normal(count))[drawn.which] * drawn.along
    return drawn.coverage * strength * beads * fade, _continued(canvas, level + 0.1 * drawn.along, drawn.coverage)


def _puncta(canvas: Canvas, cells: _Cells) -> tuple[Tensor, Tensor]:
    """Brightness and depth (H, W) of bright points around the nuclei."""
    each = 60
    owner = torch.arange(len(cells.radii), device=canvas.device).repeat_interleave(each)
    count = len(owner)
    angles, away = 2 * math.pi * canvas.random(count), 0.3 + 0.7 * canvas.random(count).sqrt()
    places = cells.centres[owner] + (cells.radii[owner] * away)[:, None] * torch.stack([angles.cos(), angles.sin()], -1)
    drawn = draw_strokes(canvas, places[:, None], 0.8 + 0.7 * canvas.random(count, 1))
    strength = (0.4 * torch.exp(0.4 * canvas.normal(count)))[drawn.which]
    level = (cells.depths[owner] + 0.12 * canvas.normal(count))[drawn.which]
    return drawn.coverage * strength, _continued(canvas, level, drawn.coverage)


def _continued(canvas: Canvas, depth: Tensor, covered: Tensor) -> Tensor:
    """Depth continued to beside what is covered, where light of limited resolution still falls."""
    near = soften(canvas, torch.stack([depth * covered, covered]), 1.5 * OPTICS_PX).clamp_min(0)
    return torch.where(covered > 0.5, depth, near[0] / near[1].clamp_min(1e-6))
