"""Procedural foregrounds with fine edges: a canvas in, premultiplied linear light (C, H, W) and coverage (H, W) out."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .canvas import Canvas
from .strokes import Strokes, curves, draw_strokes, roundness
from .textures import cell_pattern, colour, coverage, fractal, surface

__all__ = ["CUTOUTS"]

Painted = tuple[Tensor, Tensor]


def blobs(canvas: Canvas) -> Painted:
    """Ragged patches of a textured surface."""
    alpha = _patches(canvas, canvas.uniform(0.2, 1.0))
    return surface(canvas) * alpha, alpha


def plain(canvas: Canvas) -> Painted:
    """Patches of one colour, a little shaded: nothing to focus on but their edges."""
    alpha = _patches(canvas, canvas.uniform(0.2, 1.0))
    return colour(canvas) * torch.exp(0.25 * fractal(canvas, slope=2.0)) * alpha, alpha


def hair(canvas: Canvas) -> Painted:
    """Single hairs, waved and tapered."""
    drawn = _strokes(canvas, int(canvas.uniform(6, 40)), 0.5, 1.8, spread=0.5, bend=0.7)
    return _round(canvas, drawn, low=0.05, high=0.45)


def fur(canvas: Canvas) -> Painted:
    """A furry body: a patch whose rim and face are hairs."""
    body = _patches(canvas, canvas.uniform(0.3, 0.8), coarsest=2.0)
    drawn = _strokes(canvas, 900, 0.4, 1.1, spread=0.35, bend=0.5, within=body, reach=(0.03, 0.1))
    light, hairs = _round(canvas, drawn, low=0.05, high=0.5)
    ground = colour(canvas, high=0.2) * torch.exp(0.4 * fractal(canvas, slope=0.8)) * body
    return ground * (1 - hairs) + light, hairs + body * (1 - hairs)


def legs(canvas: Canvas) -> Painted:
    """Thick, shiny limbs with bristles."""
    limbs = _strokes(canvas, int(canvas.uniform(1, 5)), 6.0, 16.0, spread=1.5, bend=1.0)
    light, alpha = _round(canvas, limbs, low=0.01, high=0.25, gloss=1.5)
    bristles = _strokes(canvas, 160, 0.4, 0.9, spread=1.0, bend=0.3, within=alpha, reach=(0.02, 0.09))
    above, hairs = _round(canvas, bristles, low=0.01, high=0.2)
    return light * (1 - hairs) + above, hairs + alpha * (1 - hairs)


def wing(canvas: Canvas) -> Painted:
    """A translucent membrane between dark veins."""
    outline = _patches(canvas, canvas.uniform(0.0, 0.5), coarsest=1.6)
    size = canvas.uniform(18, 60)
    nearest, second, _ = cell_pattern(canvas, size)
    vein = coverage(canvas.uniform(1.0, 2.4) - (second - nearest)) * outline
    film = outline * canvas.uniform(0.08, 0.4) * torch.exp(0.2 * fractal(canvas, slope=1.4)[0]).clamp_max(2.0)
    alpha = (vein + film * (1 - vein)).clamp(0, 1)
    light = colour(canvas, high=0.1) * vein + colour(canvas, low=0.2) * film * (1 - vein)
    return light, alpha


def mesh(canvas: Canvas) -> Painted:
    """Wires of a sieve or conductors of a board, with holes between them."""
    angle, period = canvas.uniform(0, math.pi), canvas.uniform(14, 60)
    y, x = canvas.pixels()
    warp = 2.0 * fractal(canvas, slope=2.0, planes=2)
    wide = period * canvas.uniform(0.06, 0.2)
    alpha = torch.zeros(canvas.shape, device=canvas.device)
    light = torch.zeros(canvas.channels, *canvas.shape, device=canvas.device)
    tone = colour(canvas, low=0.05, high=0.6)
    for turn, shift in ((angle, warp[0]), (angle + math.pi / 2, warp[1])):
        place = (math.cos(turn) * x + math.sin(turn) * y + shift) / period
        apart = (place - place.round()) * period
        wire = (wide + 0.5 - apart.abs()).clamp(0, 1)
        light = light * (1 - wire) + tone * roundness((apart / wide).clamp(-1, 1)) * wire
        alpha = wire + alpha * (1 - wire)
    return light, alpha


def beads(canvas: Canvas) -> Painted:
    """Round bodies with a small highlight."""
    count = int(canvas.uniform(3, 60))
    height, width = canvas.shape
    size = canvas.uniform(2.0, 14.0)
    starts = canvas.random(count, 1, 2) * torch.tensor([width, height], device=canvas.device)
    drawn = draw_strokes(canvas, starts, size * (0.5 + canvas.random(count, 1)))
    inside = drawn.coverage
    shade = torch.exp(0.4 * canvas.normal(count))[drawn.which] * torch.exp(0.3 * fractal(canvas, slope=0.8)[0])
    light = colour(canvas) * shade * inside
    glints = draw_strokes(canvas, starts - 0.3 * size, size * 0.12 * torch.ones(count, 1, device=canvas.device))
    return light + 1.5 * glints.coverage * inside, inside


def shards(canvas: Canvas) -> Painted:
    """Straight-edged splinters of a textured surface."""
    y, x = canvas.unit()
    alpha = torch.zeros(canvas.shape, device=canvas.device)
    for _ in range(int(canvas.uniform(1, 7))):
        turn, middle, size = canvas.uniform(0, 2 * math.pi), canvas.random(2), canvas.uniform(0.04, 0.2)
        inside = torch.full(canvas.shape, math.inf, device=canvas.device)
        for side in range(3):
            angle = turn + 2 * math.pi * side / 3 + canvas.uniform(-0.5, 0.5)
            inside = torch.minimum(inside, size - math.cos(angle) * (x - middle[0]) - math.sin(angle) * (y - middle[1]))
        alpha = torch.maximum(alpha, coverage(inside))
    return surface(canvas) * alpha, alpha


CUTOUTS: dict[str, Callable[[Canvas], Painted]] = {
    "blobs": blobs,
    "plain": plain,
    "hair": hair,
    "fur": fur,
    "legs": legs,
    "wing": wing,
    "mesh": mesh,
    "beads": beads,
    "shards": shards,
}


def _patches(canvas: Canvas, level: float, *, coarsest: float = 3.0) -> Tensor:
    """Coverage of where a smooth random field is above a level."""
    field = fractal(canvas, slope=2.2, coarsest=min(canvas.shape) / coarsest)[0]
    return coverage(field - level)


def _strokes(
    canvas: Canvas,
    count: int,
    thin: float,
    thick: float,
    *,
    spread: float,
    bend: float,
    within: Tensor | None = None,
    reach: tuple[float, float] = (0.4, 1.2),
) -> Strokes:
    """Tapered strokes, half as wide as from `thin` to `thick` px; they start where `within` is covered, if given."""
    height, width = canvas.shape
    size = min(height, width)
    if within is None:
        starts = (canvas.random(count, 2) * 1.2 - 0.1) * torch.tensor([width, height], device=canvas.device)
    else:
        rows, columns = (within > 0.5).nonzero(as_tuple=True)
        if not len(rows):
            rows, columns = torch.zeros(2, 1, dtype=torch.long, device=canvas.device)
        chosen = (canvas.random(count) * len(rows)).long()
        starts = torch.stack([columns[chosen], rows[chosen]], -1).float()
    angles = canvas.uniform(0, 2 * math.pi) + spread * canvas.normal(count)
    lengths = size * (reach[0] + (reach[1] - reach[0]) * canvas.random(count))
    paths = curves(canvas, starts, angles, lengths, bend=bend, curl=0.3)
    taper = torch.linspace(1, 0.35, paths.shape[1], device=canvas.device)
    return draw_strokes(canvas, paths, (thin + (thick - thin) * canvas.random(count, 1)) * taper)


def _round(canvas: Canvas, drawn: Strokes, *, low: float, high: float, gloss: float = 0.5) -> Painted:
    """Strokes as round, shiny bodies, each a little lighter or darker."""
    shade = torch.exp(0.3 * canvas.normal(int(drawn.which.max()) + 1))[drawn.which]
    light = colour(canvas, low=low, high=high, tint=0.25) * shade * roundness(drawn.across, gloss=gloss)
    return light * drawn.coverage, drawn.coverage
