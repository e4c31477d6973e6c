"""A macro scene: a fly's head with faceted eyes, fur, bristles and legs that reach towards the lens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ..optics import Layer
from .canvas import Canvas
from .strokes import curves, draw_strokes, roundness
from .textures import cell_pattern, coverage, fractal, soften

__all__ = ["insect"]

Painted = tuple[Tensor, Tensor]  # premultiplied light (C, H, W) and coverage (H, W)

LAMP = (-0.42, -0.62, 0.66)  # unit vector towards the light: from the upper left, in front
DARK, AMBER, STRAW = (0.018, 0.014, 0.012), (0.30, 0.105, 0.025), (0.62, 0.46, 0.24)
COPPER, TEAL, VIOLET = (0.62, 0.16, 0.06), (0.04, 0.42, 0.30), (0.20, 0.07, 0.36)
LEAF, SHADE = (0.12, 0.25, 0.05), (0.012, 0.045, 0.022)


def insect(canvas: Canvas) -> list[Layer]:
    """Legs, antennae, bristles, eyes, face and thorax of a fly in front of a leaf, from near to far."""
    grain = torch.exp(0.28 * fractal(canvas, slope=0.9, coarsest=60.0)[0])
    return [
        _leg(canvas, grain, [(-0.60, 0.62), (-0.50, 0.25), (-0.19, 0.35), (-0.10, 0.58)], 0.027, (0.0, 0.22)),
        _leg(canvas, grain, [(0.68, 0.44), (0.41, 0.19), (0.18, 0.40), (0.21, 0.62)], 0.023, (0.06, 0.30)),
        _antennae(canvas, grain, (0.12, 0.42)),
        _bristles(canvas, (0.30, 0.42)),
        _eyes(canvas, (0.34, 0.72)),
        _face(canvas, (0.46, 0.60)),
        _fringe(canvas, (0.66, 0.78)),
        _thorax(canvas, (0.78, 0.94)),
        _leaf(canvas, (0.90, 1.0)),
    ]


# shapes, in shares of the picture's smaller side from its middle


def _place(canvas: Canvas) -> tuple[Tensor, Tensor]:
    y, x = canvas.pixels()
    size = _size(canvas)
    return (y - canvas.height / 2) / size, (x - canvas.width / 2) / size


def _size(canvas: Canvas) -> int:
    return min(canvas.height, canvas.width)


def _to_px(canvas: Canvas, points: Tensor) -> Tensor:
    return points * _size(canvas) + torch.tensor([canvas.width / 2, canvas.height / 2], device=points.device)


def _paint(canvas: Canvas, rgb: Sequence[float]) -> Tensor:
    """(C, 1, 1) of a colour; what is not RGB sees its mean."""
    values = torch.tensor(rgb, device=canvas.device)
    return (values if canvas.channels == 3 else values.mean().expand(canvas.channels))[:, None, None]


def _between(ends: tuple[float, float], share: Tensor, canvas: Canvas) -> Tensor:
    """Depth at a share of the way between two shares of the sweep."""
    share = share.clamp(0, 1).expand(canvas.shape)
    return (ends[0] + (ends[1] - ends[0]) * share) * (canvas.frames - 1)


def _on(top: Painted, below: Painted) -> Painted:
    return top[0] + below[0] * (1 - top[1]), top[1] + below[1] * (1 - top[1])


def _dome(canvas: Canvas, centre: tuple[float, float], radii: tuple[float, float], turn: float = 0.0) -> Tensor:
    """(3, H, W) unit-disc coordinates u, v of an ellipse and the height z of the dome over it."""
    y, x = _place(canvas)
    y, x = y - centre[1], x - centre[0]
    u = (math.cos(turn) * x + math.sin(turn) * y) / radii[0]
    v = (math.cos(turn) * y - math.sin(turn) * x) / radii[1]
    return torch.stack([u, v, (1 - u**2 - v**2).clamp_min(0).sqrt()])


def _lit(normal: Tensor) -> tuple[Tensor, Tensor]:
    """Diffuse light on (3, H, W) normals, from 0 to 1, and how well they mirror the lamp to the camera."""
    x, y, z = normal
    scale = (x * x + y * y + z * z).clamp_min(1e-6).rsqrt()
    diffuse = (LAMP[0] * x + LAMP[1] * y + LAMP[2] * z).clamp_min(0) * scale
    mirror = (LAMP[0] * x + LAMP[1] * y + (LAMP[2] + 1) * z).clamp_min(0) * scale
    return diffuse, mirror / math.sqrt(2 + 2 * LAMP[2])


# strokes


def _hairs(
    canvas: Canvas, starts: Tensor, angles: Tensor, length: float, half: float, rgb: Sequence[float], bend: float = 0.4
) -> Painted:
    """Tapered, glossy hairs from (S, 2) starts; lengths and half widths in shares of the picture's size."""
    count, size = len(starts), _size(canvas)
    lengths = length * size * (0.55 + 0.9 * canvas.random(count))
    paths = curves(canvas, _to_px(canvas, starts), angles, lengths, bend=bend)
    taper = 1 - 0.8 * torch.linspace(0, 1, paths.shape[1], device=canvas.device) ** 1.5
    drawn = draw_strokes(canvas, paths, half * size * (0.7 + 0.6 * canvas.random(count, 1)) * taper)
    tone = torch.exp(0.35 * canvas.normal(count))[drawn.which] * (0.7 + 0.5 * drawn.along)
    shade = tone * roundness(drawn.across) + 0.05
    return _paint(canvas, rgb) * shade * drawn.coverage, drawn.coverage


def _tube(canvas: Canvas, grain: Tensor, path: Tensor, half: Tensor, rings: float) -> Painted:
    """One thick, shiny limb along a path (P, 2), with dark rings."""
    size = _size(canvas)
    drawn = draw_strokes(canvas, _to_px(canvas, path)[None], (half * size)[None])
    band = 1 - 0.8 * torch.exp(-((((drawn.along * rings + 0.5) % 1 - 0.5) / 0.16) ** 2))
    gloss = 0.16 * torch.exp(-(((drawn.across + 0.38) / 0.1) ** 2)) * grain**2
    light = _paint(canvas, AMBER) * roundness(drawn.across, gloss=0.2) * grain * band + gloss
    return light * drawn.coverage, drawn.coverage


def _polyline(points: Sequence[tuple[float, float]], device: torch.device | str, each: int = 160) -> Tensor:
    """(P, 2) points along straight pieces."""
    corners = torch.tensor(points, device=device)
    share = torch.linspace(0, 1, each + 1, device=device)[:-1, None]
    pieces = [a + (b - a) * share for a, b in pairwise(corners)]
    return torch.cat([*pieces, corners[-1:]])


# parts


def _leg(
    canvas: Canvas, grain: Tensor, joints: Sequence[tuple[float, float]], half: float, depth: tuple[float, float]
) -> Layer:
    """A leg with bristles; its last joint is the nearest."""
    path = _polyline(joints, canvas.device)
    along = torch.linspace(0, 1, len(path), device=canvas.device)
    joint = (along * (len(joints) - 1)) % 1
    swell = (1 - 0.62 * along) * (0.78 + 0.3 * torch.sin(math.pi * joint) ** 0.6)
    limb = _tube(canvas, grain, path, half * swell, rings=2.0 * (len(joints) - 1))
    count = 190
    pick = (canvas.random(count) * (len(path) - 2)).long()
    step = path[pick + 1] - path[pick]
    side = torch.where(canvas.random(count) < 0.5, -1.0, 1.0)
    angles = torch.atan2(step[:, 1], step[:, 0]) + side * (0.6 + 0.25 * canvas.normal(count))
    hairs = _hairs(canvas, path[pick], angles, 0.055, 0.0016, DARK)
    light, alpha = _on(hairs, limb)
    y, x = _place(canvas)
    (x0, y0), (x1, y1) = joints[0], joints[-1]
    share = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2)
    return Layer(light, alpha, _between(depth, 1 - share, canvas))


def _antennae(canvas: Canvas, grain: Tensor, depth: tuple[float, float]) -> Layer:
    """Two ringed antennae between the eyes, each with a long bristle."""
    painted: Painted | None = None
    for side in (-1.0, 1.0):
        path = _polyline([(side * 0.025, 0.03), (side * 0.055, 0.11), (side * 0.11, 0.25)], canvas.device)
        along = torch.linspace(0, 1, len(path), device=canvas.device)
        half = 0.014 + 0.012 * torch.sin(math.pi * along) - 0.012 * along
        start = torch.tensor([[side * 0.06, 0.12]], device=canvas.device)
        angle = torch.tensor([math.pi / 2 - side * 0.95], device=canvas.device)
        bristle = _hairs(canvas, start, angle, 0.2, 0.0022, DARK, bend=0.2)
        both = _on(bristle, _tube(canvas, grain, path, half, rings=9.0))
        painted = both if painted is None else _on(both, painted)
    assert painted is not None
    y, _ = _place(canvas)
    return Layer(*painted, _between(depth, 1 - (y - 0.03) / 0.22, canvas))


def _bristles(canvas: Canvas, depth: tuple[float, float]) -> Layer:
    """Long, dark bristles that stand out from the face."""
    count = 46
    starts = torch.stack([0.12 * canvas.normal(count), 0.02 + 0.2 * canvas.random(count)], -1)
    angles = torch.atan2(starts[:, 1] - 0.02, 2.0 * starts[:, 0]) + 0.35 * canvas.normal(count)
    painted = _hairs(canvas, starts, angles, 0.13, 0.0019, DARK)
    y, _ = _place(canvas)
    return Layer(*painted, _between(depth, 0.5 + y, canvas))


def _eyes(canvas: Canvas, depth: tuple[float, float]) -> Layer:
    """Two faceted eyes with bands of structural colour and a highlight in every facet."""
    domes = [_dome(canvas, (side * 0.31, -0.05), (0.235, 0.315), side * 0.22) for side in (-1, 1)]
    _, x = _place(canvas)
    left = (x < 0).expand(canvas.shape)
    dome = torch.where(left, domes[0], domes[1])
    from_middle = dome[0].square() + dome[1].square()
    alpha = torch.maximum(*(coverage(1 - d[0] ** 2 - d[1] ** 2) for d in domes))
    along, around = torch.asin(dome[0].clamp(-1, 1)), torch.asin(dome[1].clamp(-1, 1))
    facet, centre = _hexagons(along / 0.046, around / 0.046 * 0.235 / 0.315 * 1.7)
    wobble = 0.10 * fractal(canvas, slope=2.0)[0]
    phase = 2.6 * around + 0.5 * along * torch.where(left, -1.0, 1.0) + wobble
    band = 0.5 + 0.5 * torch.sin(2.4 * phase)
    rim = (1 - dome[2]) ** 1.5
    paint = _paint(canvas, COPPER) * band + _paint(canvas, TEAL) * (1 - band)
    paint = paint * (1 - rim) + _paint(canvas, VIOLET) * rim
    bump = torch.stack([*(0.55 * centre), torch.zeros_like(facet)])
    diffuse, mirror = _lit(dome + bump)
    wall = ((0.5 - facet) / 0.13).clamp(0.12, 1)
    speck = torch.exp(0.18 * fractal(canvas, slope=0.6, coarsest=30.0)[0])
    glint = 2.0 * mirror**90 + 0.10 * _lit(dome)[1] ** 10 * (facet < 0.3)
    light = paint * wall * speck * (0.12 + 0.95 * diffuse) + glint * wall
    return Layer(soften(canvas, light).clamp_min(0) * alpha, alpha, _between(depth, from_middle, canvas))


def _hexagons(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Distance, 0 to about 0.6, to the middle of the facet of a hexagonal lattice, and the way from it, (2, H, W)."""
    row = math.sqrt(3)
    first = torch.stack([x - x.round(), y - row * (y / row).round()])
    second = torch.stack([x - 0.5 - (x - 0.5).round(), y - row / 2 - row * ((y - row / 2) / row).round()])
    nearer = first.square().sum(0) < second.square().sum(0)
    way = torch.where(nearer, first, second)
    return way.norm(dim=0), way


def _face(canvas: Canvas, depth: tuple[float, float]) -> Layer:
    """Furry face between and below the eyes."""
    middle, radii = (0.0, 0.08), (0.26, 0.40)
    dome = _dome(canvas, middle, radii)
    alpha = coverage(1 - dome[0] ** 2 - dome[1] ** 2)
    base = _paint(canvas, (0.13, 0.08, 0.04)) * torch.exp(0.4 * fractal(canvas, slope=0.9)) * (0.15 + _lit(dome)[0])
    painted: Painted = (base * alpha, alpha)
    for rgb in ((0.20, 0.12, 0.05), STRAW, (0.75, 0.66, 0.48)):
        starts = _scattered(canvas, 1100, middle, radii)
        angles = torch.atan2(starts[:, 1] + 0.3, 1.6 * starts[:, 0]) + 0.35 * canvas.normal(len(starts))
        painted = _on(_hairs(canvas, starts, angles, 0.055, 0.0013, rgb), painted)
    return Layer(*painted, _between(depth, dome[0] ** 2 + dome[1] ** 2, canvas))


def _scattered(canvas: Canvas, count: int, middle: tuple[float, float], radii: tuple[float, float]) -> Tensor:
    """(count, 2) points scattered evenly over an ellipse."""
    turn, away = 2 * math.pi * canvas.random(count), canvas.random(count).sqrt()
    x, y = middle[0] + radii[0] * away * turn.cos(), middle[1] + radii[1] * away * turn.sin()
    return torch.stack([x, y], -1)


def _fringe(canvas: Canvas, depth: tuple[float, float]) -> Layer:
    """Fine hairs that stand out all around the head."""
    count = 420
    turn = 2 * math.pi * canvas.random(count)
    starts = torch.stack([0.5 * turn.cos(), 0.34 * turn.sin()], -1) * (0.86 + 0.1 * canvas.random(count, 1))
    angles = torch.atan2(starts[:, 1], starts[:, 0]) + 0.3 * canvas.normal(count)
    painted = _hairs(canvas, starts, angles, 0.12, 0.0013, STRAW)
    y, _ = _place(canvas)
    return Layer(*painted, _between(depth, 0.5 - y, canvas))


def _thorax(canvas: Canvas, depth: tuple[float, float]) -> Layer:
    """Pitted cuticle behind the head, with a metallic sheen and stubble."""
    middle, radii = (0.02, -0.2), (0.5, 0.42)
    dome = _dome(canvas, middle, radii)
    alpha = coverage(1 - dome[0] ** 2 - dome[1] ** 2)
    nearest, second, _ = cell_pattern(canvas, 0.012 * _size(canvas))
    bump = 0.22 * fractal(canvas, slope=1.0, planes=2, coarsest=50.0)
    diffuse, mirror = _lit(dome + torch.cat([bump, torch.zeros_like(bump[:1])]))
    pit = 0.45 + 0.55 * ((second - nearest) / 3.0).clamp(0, 1)
    light = (_paint(canvas, (0.02, 0.06, 0.065)) * (0.15 + 2.0 * diffuse * dome[2]) + 0.3 * mirror**24) * pit
    painted: Painted = (soften(canvas, light).clamp_min(0) * alpha, alpha)
    starts = _scattered(canvas, 1000, middle, (0.92 * radii[0], 0.92 * radii[1]))
    angles = -math.pi / 2 + 1.2 * starts[:, 0] + 0.4 * canvas.normal(len(starts))
    painted = _on(_hairs(canvas, starts, angles, 0.05, 0.0012, STRAW), painted)
    return Layer(*painted, _between(depth, dome[0] ** 2 + dome[1] ** 2, canvas))


def _leaf(canvas: Canvas, depth: tuple[float, float]) -> Layer:
    """A leaf: cells, veins and patches of light."""
    y, x = _place(canvas)
    nearest, second, _ = cell_pattern(canvas, max(5.0, 0.02 * _size(canvas)))
    across = 0.8 * x + 0.6 * y + 0.02 * fractal(canvas, slope=2.0)[0]
    vein = torch.exp(-((((across * 5 + 0.5) % 1 - 0.5) / 0.03) ** 2))
    patch = torch.sigmoid(1.6 * fractal(canvas, slope=2.0)[0] + 2.0 * (x - y))
    light = _paint(canvas, LEAF) * patch + _paint(canvas, SHADE) * (1 - patch)
    light = light * (0.7 + 0.3 * ((second - nearest) / 3).clamp(0, 1)) * (1 + 0.35 * vein)
    light = light * torch.exp(0.12 * fractal(canvas, slope=0.8))
    return Layer(soften(canvas, light).clamp_min(0), depth=_between(depth, 0.5 - y, canvas))
