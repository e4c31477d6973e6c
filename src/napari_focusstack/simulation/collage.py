"""Random scenes for many bursts at once: surfaces cut from a library, one behind the other."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample

from ..optics import Layer
from .library import Library
from .variety import Chance, Variety

__all__ = ["random_layers", "random_shade", "random_surfaces"]

ZOOM = (0.35, 1.6)  # px of a burst per px of a picture
SHRUNK = 0.7  # zoom below which pictures are averaged first, or fine detail would alias
PRESENT = 0.85  # share of bursts that a foreground is in
FLAT = 0.3  # share of surfaces that lie at one depth
POINTS = 8  # specular points of a surface, at most
FAINT = 0.1  # contrast of plain surfaces
BRIGHTEST = 0.6  # mean light of a surface at most: a camera's exposure leaves most of a picture below white
BRIGHTNESS = torch.tensor([0.2126, 0.7152, 0.0722])  # of linear sRGB


def random_layers(
    library: Library, variety: Variety, chance: Chance, *, bursts: int, size: int, last: float
) -> list[Layer]:
    """Foregrounds, near to far, and a background that covers everything; each (B, 3, H, W).

    Parameters
    ----------
    library : Library
        Where surfaces come from.
    variety : Variety
        What scenes are like.
    chance : Chance
        Random numbers.
    bursts, size : int
        Number of scenes, and their height and width in px.
    last : float
        Depths run from 0 to this.
    """
    count = chance.whole(*variety.layers) if len(library.cutouts) else 0
    ends = sorted(chance.between(0, last) for _ in range(2 * count + 1))
    shade = random_shade(variety, chance, bursts, size)
    layers = []
    for i in range(count):
        light, alpha = random_surfaces(library.cutouts, variety, chance, bursts, size)
        veil = chance.there(variety.translucent, bursts)
        seen = chance.there(PRESENT, bursts) * (1 - veil * (0.2 + 0.7 * chance.uniform(bursts, 1, 1, 1)))
        depth = _relief(chance, bursts, size, ends[2 * i], ends[2 * i + 1])
        layers.append(Layer(light * seen * shade, (alpha * seen)[:, 0], depth))
    light, _ = random_surfaces(library.textures, variety, chance, bursts, size)
    return [*layers, Layer(light * shade, 1.0, _relief(chance, bursts, size, ends[-1], last))]


def random_surfaces(
    pictures: Tensor, variety: Variety, chance: Chance, bursts: int, size: int
) -> tuple[Tensor, Tensor]:
    """Premultiplied light (B, 3, size, size) and coverage (B, 1, ...) of parts of a library's pictures, recoloured."""
    light, alpha = _crops(pictures, chance, bursts, size)
    return _finished(light, alpha, variety, chance), alpha


def random_shade(variety: Variety, chance: Chance, bursts: int, size: int) -> Tensor:
    """(B, 1, size, size) factors: how much more light there is on one side of each scene."""
    return torch.exp(variety.shade * chance.normal(bursts, 1, 1, 1) * _waves(chance, bursts, size)[:, None])


def _crops(pictures: Tensor, chance: Chance, bursts: int, size: int) -> tuple[Tensor, Tensor]:
    """Premultiplied light (B, 3, size, size) and coverage (B, 1, ...) of parts of pictures, turned and mirrored."""
    chosen = chance.numbers(len(pictures), bursts)
    zoom = torch.exp(torch.empty(bursts).uniform_(*map(math.log, ZOOM), generator=chance.generator))
    grid = _views(chance, zoom.to(chance.device) * pictures.shape[-1] / size, size)
    crops = torch.empty(bursts, 4, size, size, device=chance.device)
    for shrunk in (False, True):
        those = ((zoom < SHRUNK) == shrunk).nonzero()[:, 0]
        if not len(those):
            continue
        planes = _linear(pictures[chosen[those].to(chance.device)])
        planes = avg_pool2d(planes, 2) if shrunk else planes
        there = those.to(chance.device)
        crops[there] = grid_sample(planes, grid[there], mode="bilinear", padding_mode="reflection", align_corners=False)
    return crops[:, :3], crops[:, 3:]


def _views(chance: Chance, zoom: Tensor, size: int) -> Tensor:
    """(B, size, size, 2) where in a picture to look, from −1 to 1: so much enlarged, at any angle, mirrored or not."""
    bursts = len(zoom)
    share = (1 / zoom).clamp_max(1 / math.sqrt(2))  # of the picture that is seen, however it is turned
    turn = 2 * math.pi * chance.uniform(bursts)
    mirror = torch.where(chance.uniform(bursts) < 0.5, -1.0, 1.0)
    free = 1 - share * (turn.cos().abs() + turn.sin().abs())
    middle = (2 * chance.uniform(2, bursts) - 1) * free.clamp_min(0)
    cos, sin = share * turn.cos(), share * turn.sin()
    rows = [torch.stack([cos * mirror, -sin, middle[0]], -1), torch.stack([sin * mirror, cos, middle[1]], -1)]
    return affine_grid(torch.stack(rows, 1), [bursts, 1, size, size], align_corners=False)


def _linear(pictures: Tensor) -> Tensor:
    """(B, 4, S, S) premultiplied light and coverage of stored pictures: so that edges can be interpolated."""
    planes = pictures.float().mul_(1 / 255)
    planes[:, :3].square_()
    if planes.shape[1] == 4:
        planes[:, :3].mul_(planes[:, 3:])
        return planes
    return torch.cat([planes, torch.ones_like(planes[:, :1])], 1)


def _finished(light: Tensor, alpha: Tensor, variety: Variety, chance: Chance) -> Tensor:
    """Premultiplied light of other colours, brightness and contrast, with specular points."""
    bursts, _, size, _ = light.shape
    light = light[:, torch.randperm(3, generator=chance.generator).to(chance.device)]
    grey = torch.einsum("bchw,c->bhw", light, BRIGHTNESS.to(light.device))[:, None]
    low, high = variety.saturation
    light = grey + (light - grey) * (low + (high - low) * chance.uniform(bursts, 1, 1, 1) ** 1.5)
    mean = light.mean((-2, -1), keepdim=True) / alpha.mean((-2, -1), keepdim=True).clamp_min(1e-3) * alpha
    contrast = 1 - (1 - FAINT) * chance.there(variety.plain, bursts)
    gain = torch.exp(0.5 * chance.normal(bursts, 1, 1, 1) + 0.08 * chance.normal(bursts, 3, 1, 1))
    level = (light * gain).mean((1, 2, 3), keepdim=True) / alpha.mean((1, 2, 3), keepdim=True).clamp_min(1e-3)
    gain = gain * (BRIGHTEST / level.clamp_min(1e-3)).clamp_max(1)
    light = ((mean + (light - mean) * contrast) * gain).clamp(0, 3.0)
    return light + alpha * _points(chance, bursts, size) * chance.there(variety.glints, bursts)


def _points(chance: Chance, bursts: int, size: int) -> Tensor:
    """(B, 1, H, W) light of a few small points, each far brighter than white."""
    axis = torch.arange(size, device=chance.device)
    width = 0.5 + 0.5 * chance.uniform(bursts, POINTS, 1)
    peak = torch.exp(2.0 + 1.0 * chance.normal(bursts, POINTS, 1)).clamp_max(60.0)
    peak = peak * (chance.uniform(bursts, POINTS, 1) < 0.6)
    y, x = (torch.exp(-((axis - size * chance.uniform(bursts, POINTS, 1)) ** 2) / (2 * width**2)) for _ in range(2))
    return torch.einsum("bph,bpw->bhw", peak * y, x)[:, None]


def _relief(chance: Chance, bursts: int, size: int, near: float, far: float) -> Tensor:
    """(B, H, W) depth between two ends: planes that lean, bent by a few waves, or flat."""
    field = torch.where(
        chance.there(FLAT, bursts)[:, 0] > 0, chance.uniform(bursts, 1, 1), _waves(chance, bursts, size)
    )
    return near + (far - near) * field


def _waves(chance: Chance, bursts: int, size: int) -> Tensor:
    """(B, H, W) smooth fields from 0 to 1."""
    axis = torch.linspace(-1, 1, size, device=chance.device)
    y, x = axis[:, None], axis[None, :]
    turn = 2 * math.pi * chance.uniform(bursts, 1, 1)
    field = y * turn.sin() + x * turn.cos()
    for waves in (1.0, 2.0):
        k = math.pi * waves * chance.normal(2, bursts, 1, 1)
        field = field + 0.4 / waves * torch.sin(k[0] * y + k[1] * x + 2 * math.pi * chance.uniform(bursts, 1, 1))
    field = field - field.amin((-2, -1), keepdim=True)
    return field / field.amax((-2, -1), keepdim=True).clamp_min(1e-6)
