"""Procedural textures with detail at every scale: a canvas in, linear light (C, H, W) out."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .canvas import Canvas
from .strokes import curves, draw_strokes

__all__ = ["TEXTURES", "cell_pattern", "colour", "coverage", "fractal", "soften", "surface"]

LENS_PX = 0.5  # σ of what lens and pixel blur in focus: without it, detail would alias as no camera's does


# fields


def fractal(canvas: Canvas, *, slope: float = 1.0, planes: int = 1, coarsest: float = 256.0) -> Tensor:
    """(planes, H, W) noise of zero mean and unit variance whose amplitude falls as frequency ** −slope.

    Parameters
    ----------
    canvas : Canvas
        Size and randomness.
    slope : float
        1.0 looks natural, 2.0 is smooth, 0.0 is white.
    planes : int
        Number of independent fields.
    coarsest : float
        Wavelength, in px, above which the amplitude rises no more.
    """
    height, width = canvas.shape
    spectrum = torch.fft.rfft2(canvas.normal(planes, height, width))
    noise: Tensor = torch.fft.irfft2(spectrum * _frequency(canvas).clamp_min(1 / coarsest) ** -slope, s=(height, width))
    noise -= noise.mean((-2, -1), keepdim=True)
    return noise / noise.std((-2, -1), keepdim=True)


def soften(canvas: Canvas, picture: Tensor, sigma: float = LENS_PX) -> Tensor:
    """Picture (..., H, W) blurred by a Gaussian."""
    gain = torch.exp(-2 * (math.pi * sigma * _frequency(canvas)) ** 2)
    softened: Tensor = torch.fft.irfft2(torch.fft.rfft2(picture) * gain, s=canvas.shape)
    return softened


def coverage(field: Tensor) -> Tensor:
    """Anti-aliased coverage, in [0, 1], of where a smooth field (H, W) is positive."""
    dy, dx = torch.gradient(field)
    return (field / (dx**2 + dy**2).sqrt().clamp_min(1e-6) + 0.5).clamp(0, 1)


def cell_pattern(canvas: Canvas, size: float) -> tuple[Tensor, Tensor, Tensor]:
    """Voronoi cells (Worley 1996): distances to the nearest and second-nearest centre in px, and the cell's number.

    Parameters
    ----------
    canvas : Canvas
        Size and randomness.
    size : float
        Mean distance of the centres, in px.
    """
    y, x = canvas.pixels()
    y, x = (y + canvas.top) / size, (x + canvas.left) / size
    rows, columns = int(y.max()) + 3, int(x.max()) + 3
    jitter = 0.5 + 0.8 * (canvas.random(2, rows, columns) - 0.5)
    row, column = y.floor().long(), x.floor().long()
    nearest = torch.full(canvas.shape, math.inf, device=y.device)
    second, number = nearest.clone(), torch.zeros(canvas.shape, dtype=torch.long, device=y.device)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            r, c = row + 1 + down, column + 1 + right
            apart = ((y - row - down - jitter[0, r, c]) ** 2 + (x - column - right - jitter[1, r, c]) ** 2).sqrt()
            closer = apart < nearest
            second = torch.where(closer, nearest, torch.minimum(second, apart))
            nearest, number = torch.where(closer, apart, nearest), torch.where(closer, r * columns + c, number)
    return nearest * size, second * size, number


def colour(canvas: Canvas, low: float = 0.06, high: float = 0.6, tint: float = 0.35) -> Tensor:
    """(C, 1, 1) random colour of a brightness between `low` and `high` (log-uniform)."""
    hue = canvas.normal(canvas.channels, 1, 1)
    hue = (hue - hue.mean()) if canvas.channels > 1 else hue * 0
    return (math.exp(canvas.uniform(math.log(low), math.log(high))) * torch.exp(tint * hue)).clamp(0.01, 0.9)


def _frequency(canvas: Canvas) -> Tensor:
    """(H, W // 2 + 1) spatial frequency in cycles per px."""
    height, width = canvas.shape
    y = torch.fft.fftfreq(height, device=canvas.device)[:, None]
    frequency: Tensor = (y**2 + torch.fft.rfftfreq(width, device=canvas.device) ** 2).sqrt()
    return frequency


# textures


def surface(canvas: Canvas, kind: str | None = None) -> Tensor:
    """(C, H, W) linear light of a surface: the next given texture, one of `TEXTURES` by name, or patches of two."""
    given = canvas.next_given()
    if given is not None:
        return given
    if kind:
        light = TEXTURES[kind](canvas)
    else:
        light, other = (TEXTURES[_by_chance(canvas)](canvas) for _ in range(2))
        patches = coverage(fractal(canvas, slope=2.0, coarsest=min(canvas.shape) / 3)[0] - 0.35)
        light = light * (1 - patches) + other * patches  # neither repeats all over: a motion can always be found
    shade = torch.exp(0.25 * fractal(canvas, slope=1.6) + 0.12 * fractal(canvas, slope=0.7))
    light = soften(canvas, light * shade)
    bright = float(torch.quantile(light[:, ::4, ::4], 0.98))  # only highlights may be brighter than white
    return (light * min(1.0, 0.85 / bright)).clamp(0.004, 6.0)


def _by_chance(canvas: Canvas) -> str:
    return list(TEXTURES)[int(canvas.uniform(0, len(TEXTURES)))]


def stone(canvas: Canvas) -> Tensor:
    """Veined and speckled stone."""
    vein = fractal(canvas, slope=1.5).abs()
    blend = torch.sigmoid(2 * fractal(canvas, slope=1.2, coarsest=96.0))
    light = colour(canvas) * blend + colour(canvas) * (1 - blend)
    speckle = torch.exp(0.4 * fractal(canvas, slope=0.8) + 0.08 * fractal(canvas, planes=canvas.channels))
    return light * speckle * (0.45 + 0.55 * (vein / 0.12).clamp(0, 1))


def cells(canvas: Canvas) -> Tensor:
    """Cells of various colours between dark walls, each with a small highlight."""
    size = math.exp(canvas.uniform(math.log(7), math.log(26)))
    nearest, second, number = cell_pattern(canvas, size)
    spread = torch.exp(0.35 * canvas.normal(canvas.channels, int(number.max()) + 1))[:, number]
    wall = ((second - nearest) / (0.12 * size + 1.0)).clamp(0.12, 1)
    bulge = 1.15 - 0.5 * nearest / size
    return colour(canvas) * spread * wall * bulge + 0.35 * torch.exp(-((nearest / (0.06 * size + 0.7)) ** 2))


def grid(canvas: Canvas) -> Tensor:
    """Rotated tracks and pads, as on a circuit board or in a weave."""
    angle, period = canvas.uniform(0, math.pi), math.exp(canvas.uniform(math.log(6), math.log(20)))
    y, x = canvas.pixels()
    along, across = math.cos(angle) * x + math.sin(angle) * y, math.cos(angle) * y - math.sin(angle) * x
    warp = 1.5 * fractal(canvas, slope=2.0, planes=2)
    lines = [((place + shift) / period) for place, shift in zip((along, across), warp, strict=True)]
    from_line = [(line - line.round()).abs() * period for line in lines]
    kept = [canvas.random(4096)[line.round().long() % 4096] < 0.75 for line in lines]
    tracks = [
        torch.where(keep, (0.14 * period + 0.5 - gap).clamp(0, 1), 0.0)
        for keep, gap in zip(kept, from_line, strict=True)
    ]
    pads = torch.where(
        kept[0] & kept[1], (0.3 * period - (from_line[0] ** 2 + from_line[1] ** 2).sqrt()).clamp(0, 1), 0.0
    )
    light = colour(canvas, high=0.25) * torch.exp(0.2 * fractal(canvas, slope=0.6))
    for cover in (tracks[0], tracks[1] * 0.9, pads):
        light = light * (1 - cover) + colour(canvas, low=0.2) * cover
    return light


def fibres(canvas: Canvas) -> Tensor:
    """Felt: many thin fibres over one another."""
    light = colour(canvas, high=0.2) * torch.exp(0.3 * fractal(canvas, slope=0.9))
    main = canvas.uniform(0, math.pi)
    height, width = canvas.shape
    for _ in range(3):
        count = max(8, height * width // 500)
        corner = torch.tensor([-canvas.left, -canvas.top], device=canvas.device)
        starts = canvas.random(count, 2) * torch.tensor([width, height], device=canvas.device) + corner
        paths = curves(canvas, starts, main + 0.8 * canvas.normal(count), 20 + 50 * canvas.random(count), bend=0.8)
        drawn = draw_strokes(canvas, paths, (0.4 + 0.7 * canvas.random(count, 1)).expand(paths.shape[:2]))
        shade = torch.exp(0.4 * canvas.normal(count))[drawn.which] * (1 - 0.6 * drawn.across**2)
        light = light * (1 - drawn.coverage) + colour(canvas, low=0.15) * shade * drawn.coverage
    return light


def glyphs(canvas: Canvas) -> Tensor:
    """Lines of signs that look like print: random strokes of a sixteen-segment letter."""
    height, width = canvas.shape
    size = canvas.uniform(1.0, 2.2)  # px per dot of a 5 × 7 letter
    rows, columns = math.ceil(height / size / 10) + 1, math.ceil(width / size / 7) + 1
    strokes = torch.zeros(11, 10, 7, device=canvas.device)
    for i, row in enumerate((0, 3, 6)):  # halves of the bars
        strokes[2 * i, row, 0:3], strokes[2 * i + 1, row, 2:5] = 1, 1
    for i, column in enumerate((0, 4)):  # halves of the stems
        strokes[6 + 2 * i, 0:4, column], strokes[7 + 2 * i, 3:7, column] = 1, 1
    strokes[10, 0:7, 2] = 1
    chosen = (canvas.random(rows, columns, 11) < 0.5).float() * (canvas.random(rows, columns, 1) < 0.85)
    dots = torch.einsum("rcs,shw->rhcw", chosen, strokes).clamp_max(1).reshape(rows * 10, columns * 7)
    ink = torch.nn.functional.interpolate(
        dots[None, None], scale_factor=size, mode="bilinear", recompute_scale_factor=False
    )
    ink = ((ink[0, 0, :height, :width] - 0.5) * 1.5 * size + 0.5).clamp(0, 1)
    paper = colour(canvas, low=0.35, high=0.8, tint=0.1) * torch.exp(0.06 * fractal(canvas, slope=0.5))
    return paper * (1 - ink) + colour(canvas, high=0.12) * ink


def sparkle(canvas: Canvas) -> Tensor:
    """Dark, rough ground with specular points brighter than white."""
    count = max(4, canvas.shape[0] * canvas.shape[1] // 400)
    where = (canvas.random(count) * (canvas.shape[0] * canvas.shape[1])).long()
    points = torch.zeros(canvas.shape[0] * canvas.shape[1], device=canvas.device)
    points.index_put_((where,), torch.exp(0.9 + 0.8 * canvas.normal(count)), accumulate=True)
    ground = colour(canvas, high=0.2) * torch.exp(
        0.5 * fractal(canvas) + 0.12 * fractal(canvas, planes=canvas.channels)
    )
    return ground + soften(canvas, points.reshape(canvas.shape), 0.6)


TEXTURES: dict[str, Callable[[Canvas], Tensor]] = {
    "stone": stone,
    "cells": cells,
    "grid": grid,
    "fibres": fibres,
    "glyphs": glyphs,
    "sparkle": sparkle,
}
