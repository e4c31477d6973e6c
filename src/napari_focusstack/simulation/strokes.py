"""Strokes: hair, legs, fibres and points drawn with sub-pixel widths; paths in, coverage and stroke coordinates out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .canvas import Canvas

__all__ = ["Strokes", "curves", "draw_strokes", "roundness"]

CHUNK = 1 << 20  # pixel visits at a time
SCALE = 1 << 20  # steps of a squared distance
NOBODY = 1 << 62


@dataclass(frozen=True, slots=True, eq=False)
class Strokes:
    """Drawn strokes, (H, W) each.

    Attributes
    ----------
    coverage : Tensor
        From 0 to 1, anti-aliased; a stroke thinner than a pixel covers its share of it.
    across : Tensor
        Position across the nearest stroke, from −1 (left edge, seen along it) to 1; 0 where there is none.
    along : Tensor
        Position along the nearest stroke, from 0 to 1.
    which : Tensor
        Number of that stroke; 0 where there is none.
    """

    coverage: Tensor
    across: Tensor
    along: Tensor
    which: Tensor


def curves(
    canvas: Canvas, starts: Tensor, angles: Tensor, lengths: Tensor, *, bend: float = 0.5, curl: float = 0.0
) -> Tensor:
    """(S, P, 2) paths (x, y) in px that leave their starts at an angle and bend as they go.

    Parameters
    ----------
    canvas : Canvas
        Draws how much each path bends.
    starts : (S, 2) Tensor
        x, y in px of the visible picture.
    angles, lengths : (S,) Tensor
        In radians, clockwise from the x axis; in px.
    bend, curl : float
        Standard deviations of the turn over the whole length, in radians, and of its waviness.
    """
    points = max(2, math.ceil(float(lengths.max()) / 0.8))
    t = torch.linspace(0, 1, points, device=starts.device)
    count = len(starts)
    turn = bend * canvas.normal(count, 1) * t
    wave = (
        curl
        * canvas.normal(count, 1)
        * torch.sin(2 * math.pi * (t * (1 + 2 * canvas.random(count, 1)) + canvas.random(count, 1)))
    )
    heading = angles[:, None] + turn + wave
    step = lengths[:, None] / (points - 1)
    x, y = ((step * way(heading)).cumsum(1) for way in (torch.cos, torch.sin))
    return starts[:, None] + torch.stack([x - x[:, :1], y - y[:, :1]], -1)


def draw_strokes(canvas: Canvas, paths: Tensor, half_widths: Tensor) -> Strokes:
    """Strokes along the paths.

    Parameters
    ----------
    canvas : Canvas
        Gives the size.
    paths : (S, P, 2) Tensor
        Points x, y in px of the visible picture, no farther apart than half a width or a pixel. P = 1 draws discs.
    half_widths : (S, P) Tensor
        Half the width at each point, in px.
    """
    height, width = canvas.shape
    points = paths.reshape(-1, 2) + torch.tensor([canvas.left, canvas.top], device=paths.device)
    half = half_widths.reshape(-1).clamp_min(0.5)  # what is thinner than a pixel is drawn as wide as one, and fainter
    strength = half_widths.reshape(-1) / half
    at, owner, near = _nearest(points, half, height, width)
    dx, dy = (at % width) - points[owner, 0], (at // width) - points[owner, 1]
    reach, length = half[owner], paths.shape[1]
    if length == 1:
        offset, within = (dx**2 + dy**2).sqrt(), torch.ones_like(at, dtype=torch.bool)
    else:
        tangent = _tangents(paths).reshape(-1, 2)[owner]
        offset = tangent[:, 0] * dy - tangent[:, 1] * dx
        within = near.sqrt() * (reach + 0.5) - offset.abs() < 1.0  # beyond its ends a stroke covers nothing
    covered = torch.minimum(offset + 0.5, reach) - torch.maximum(offset - 0.5, -reach)
    values = {
        "coverage": covered.clamp(0, 1) * within * strength[owner],
        "across": (offset / reach).clamp(-1, 1),
        "along": (owner % length) / max(length - 1, 1),
        "which": owner // length,
    }
    planes = {name: value.new_zeros(height * width).index_copy_(0, at, value) for name, value in values.items()}
    return Strokes(**{name: plane.reshape(height, width) for name, plane in planes.items()})


def roundness(across: Tensor, *, gloss: float = 0.5) -> Tensor:
    """Brightness across a round, shiny stroke lit from its left: up to 1, and the gloss."""
    body = 0.25 + 0.75 * (1 - ((across + 0.25) / 1.25) ** 2).clamp_min(0).sqrt()
    return body + gloss * torch.exp(-(((across + 0.35) / 0.18) ** 2))


def _nearest(points: Tensor, half: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels (flat indices) near a point, the number of the nearest, and the squared distance to it in half widths."""
    reach = math.ceil(float(half.max()) + 0.5)
    side = torch.arange(-reach, reach + 1, device=points.device)
    window = torch.stack(torch.meshgrid(side, side, indexing="xy"), -1).reshape(-1, 2)
    nearest = torch.full((height * width,), NOBODY, dtype=torch.long, device=points.device)
    count = max(1, CHUNK // len(window))
    for first in range(0, len(points), count):
        part = slice(first, first + count)
        pixels = points[part].round().long()[:, None] + window
        apart = pixels - points[part, None]
        score = (apart[..., 0] ** 2 + apart[..., 1] ** 2) / (half[part, None] + 0.5) ** 2
        x, y = pixels[..., 0], pixels[..., 1]
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (score <= 1.0)
        number = torch.arange(first, first + len(pixels), device=points.device)[:, None].expand_as(score)
        key = (score[inside] * SCALE).long() << 32 | number[inside]  # the smallest distance wins, with its number
        nearest.scatter_reduce_(0, (y * width + x)[inside], key, "amin")
    at = (nearest != NOBODY).nonzero()[:, 0]
    key = nearest[at]
    return at, key & 0xFFFFFFFF, (key >> 32) / SCALE


def _tangents(paths: Tensor) -> Tensor:
    """(S, P, 2) unit directions."""
    steps = torch.empty_like(paths)
    steps[:, 1:-1] = paths[:, 2:] - paths[:, :-2]
    steps[:, 0], steps[:, -1] = paths[:, 1] - paths[:, 0], paths[:, -1] - paths[:, -2]
    direction: Tensor = steps / steps.norm(dim=-1, keepdim=True).clamp_min(1e-9)
    return direction
