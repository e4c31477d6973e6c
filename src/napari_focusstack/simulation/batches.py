"""Random bursts by the batch, to train on: a library of pictures in, frames and everything that is true of them out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from ..optics import Layer, all_in_focus, defocused
from .library import Library

__all__ = ["Batch", "Variety", "draw_batch"]


@dataclass(frozen=True, slots=True)
class Variety:
    """What random bursts are like; each pair is a range.

    Attributes
    ----------
    frames : (int, int)
        Number of frames.
    sweep : (float, float)
        Blur, in px, of what is nearest when the focus is farthest; drawn log-uniformly.
    layers : (int, int)
        Foregrounds in front of the background.
    noisy : float
        Share of bursts with noise.
    shot : (float, float)
        Shot-noise variance factor (Brooks et al. 2019), log-uniform.
    jitter : float
        Residual misalignment, in px: standard deviation of each frame's shift.
    breathing : float
        Residual change of scale over the sweep: standard deviation.
    exposure : float
        Relative standard deviation of each frame's light.
    """

    frames: tuple[int, int] = (2, 30)
    sweep: tuple[float, float] = (1.5, 20.0)
    layers: tuple[int, int] = (0, 3)
    noisy: float = 0.7
    shot: tuple[float, float] = (1e-4, 1.2e-2)
    jitter: float = 0.15
    breathing: float = 0.0005
    exposure: float = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Bursts and their truth; B bursts of N frames, L layers.

    Attributes
    ----------
    frames : (B, N, C, H, W) float32
        Linear light with noise, not clipped.
    truth : (B, C, H, W) float32
        All in focus, linear light, free of noise.
    depth : (B, H, W) float32
        Number of the frame, with fractions, in which the front-most surface is sharpest.
    alphas : (B, L, H, W) float32
        Coverage of each layer, near to far.
    depths : (B, L, H, W) float32
        Depth of each layer in numbers of frames.
    blur : float
        Blur radius, in px, of what is one frame out of focus.
    noise : (B, 2) float32
        Variance factors of shot and read noise; 0 where there is none.
    """

    frames: Tensor
    truth: Tensor
    depth: Tensor
    alphas: Tensor
    depths: Tensor
    blur: float
    noise: Tensor


def draw_batch(
    library: Library, variety: Variety, generator: torch.Generator, *, bursts: int, size: int, frames: int | None = None
) -> Batch:
    """Random bursts of one length, sweep and point spread function, each of another scene.

    Parameters
    ----------
    library : Library
        Where surfaces and foregrounds come from; on the device where bursts are to be drawn.
    variety : Variety
        What they are like.
    generator : torch.Generator
        On the library's device.
    bursts, size : int
        How many, and their height and width in px.
    frames : int, optional
        Number of frames, instead of a random one.
    """
    chance = _Chance(generator)
    count = frames or int(chance.between(variety.frames[0], variety.frames[1] + 1 - 1e-6))
    sweep = min(chance.log_between(*variety.sweep), size / 4)
    kind = "disc" if chance.one() < 0.65 else "gaussian"
    blur = sweep / max(count - 1, 1) * (1.0 if kind == "disc" else 0.5)
    layers = _layers(library, variety, chance, bursts, size, count)
    positions = list(range(count))
    pictures = torch.stack(list(defocused(layers, positions, blur=blur, psf=kind)), 1)
    truth = all_in_focus(layers)
    depth = _front(layers, bursts, size, pictures.device)
    pictures = _moved(pictures, variety, chance)
    backwards = chance.uniform(bursts) < 0.5
    pictures = torch.where(backwards[:, None, None, None, None], pictures.flip(1), pictures)
    turned = (count - 1) - depth
    depth = torch.where(backwards[:, None, None], turned, depth)
    depths = torch.stack([_plane(layer.depth, bursts, size, pictures.device) for layer in layers], 1)
    depths = torch.where(backwards[:, None, None, None], (count - 1) - depths, depths)
    alphas = torch.stack([_plane(layer.alpha, bursts, size, pictures.device) for layer in layers], 1)
    noisy, noise = _noisy(pictures, variety, chance)
    return Batch(noisy, truth, depth, alphas, depths, blur, noise)


class _Chance:
    """Random numbers on the generator's device."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator, self.device = generator, generator.device

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self.generator, device=self.device)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, device=self.device)

    def one(self) -> float:
        return float(self.uniform())

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.one()

    def log_between(self, low: float, high: float) -> float:
        return math.exp(self.between(math.log(low), math.log(high)))


def _layers(library: Library, variety: Variety, chance: _Chance, bursts: int, size: int, frames: int) -> list[Layer]:
    """Foregrounds, near to far, and a background that covers everything."""
    count = int(chance.between(variety.layers[0], variety.layers[1] + 1 - 1e-6)) if len(library.cutouts) else 0
    ends = sorted(chance.between(0, 1) for _ in range(2 * count + 1))
    last = frames - 1
    layers = []
    for i in range(count):
        cut = _crops(library.cutouts, chance, bursts, size, (0.35, 1.6))
        alpha = cut[:, 3] * (chance.uniform(bursts)[:, None, None] < 0.85)  # not in all bursts
        light = _painted(cut[:, :3], chance) * alpha[:, None]
        depth = _relief(chance, bursts, size, ends[2 * i] * last, ends[2 * i + 1] * last)
        layers.append(Layer(light, alpha, depth))
    ground = _painted(_crops(library.textures, chance, bursts, size, (0.35, 1.6)), chance)
    return [*layers, Layer(ground, 1.0, _relief(chance, bursts, size, ends[-1] * last, float(last)))]


def _crops(pictures: Tensor, chance: _Chance, bursts: int, size: int, zoom: tuple[float, float]) -> Tensor:
    """(B, planes, size, size) float32 parts of random pictures, turned, mirrored and scaled; linear light."""
    chosen = (chance.uniform(bursts) * len(pictures)).long()
    side = pictures.shape[-1]
    turn = 2 * math.pi * chance.uniform(bursts)
    scale = torch.exp(math.log(zoom[0]) + (math.log(zoom[1]) - math.log(zoom[0])) * chance.uniform(bursts))
    share = (size / side / scale).clamp_max(1 / math.sqrt(2))  # of the picture that is seen, however it is turned
    mirror = torch.where(chance.uniform(bursts) < 0.5, -1.0, 1.0)
    free = (1 - share * (turn.cos().abs() + turn.sin().abs())).clamp_min(0)
    middle = (2 * chance.uniform(2, bursts) - 1) * free
    cos, sin = share * turn.cos(), share * turn.sin()
    matrix = torch.stack([torch.stack([cos * mirror, -sin, middle[0]], -1), torch.stack([sin * mirror, cos, middle[1]], -1)], 1)
    grid = affine_grid(matrix, [bursts, 1, size, size], align_corners=False)
    parts = [
        grid_sample(pictures[c : c + 1].float(), grid[i : i + 1], mode="bilinear", padding_mode="reflection", align_corners=False)
        for i, c in enumerate(chosen.tolist())
    ]
    crops = torch.cat(parts) / 255
    return torch.cat([crops[:, :3] ** 2, crops[:, 3:]], 1)


def _painted(light: Tensor, chance: _Chance) -> Tensor:
    """Light of other colours, brightness and contrast: down to hardly any."""
    bursts = len(light)
    gain = torch.exp(chance.between(-0.5, 0.5) + 0.4 * chance.normal(bursts, 1, 1, 1) + 0.15 * chance.normal(bursts, 3, 1, 1))
    swapped = light[:, torch.randperm(3, generator=chance.generator, device=light.device)]
    contrast = torch.where(chance.uniform(bursts, 1, 1, 1) < 0.12, 0.1, 1.0)
    mean = swapped.mean((-2, -1), keepdim=True)
    return ((mean + (swapped - mean) * contrast) * gain).clamp(0.001, 3.0)


def _relief(chance: _Chance, bursts: int, size: int, near: float, far: float) -> Tensor:
    """(B, H, W) depth between two ends: planes that lean, bent by a few waves, or flat."""
    axis = torch.linspace(-1, 1, size, device=chance.device)
    y, x = axis[:, None], axis[None, :]
    turn = 2 * math.pi * chance.uniform(bursts, 1, 1)
    field = y * turn.sin() + x * turn.cos()
    for waves in (1.0, 2.0):
        k = math.pi * waves * chance.normal(2, bursts, 1, 1)
        field = field + 0.4 / waves * torch.sin(k[0] * y + k[1] * x + 2 * math.pi * chance.uniform(bursts, 1, 1))
    field = field - field.amin((-2, -1), keepdim=True)
    field = field / field.amax((-2, -1), keepdim=True).clamp_min(1e-6)
    flat = chance.uniform(bursts, 1, 1) < 0.3
    field = torch.where(flat, chance.uniform(bursts, 1, 1), field)
    return near + (far - near) * field


def _front(layers: list[Layer], bursts: int, size: int, device: torch.device) -> Tensor:
    """Depth of the nearest layer that covers at least half a pixel."""
    depth = _plane(layers[-1].depth, bursts, size, device)
    for layer in reversed(layers[:-1]):
        here = _plane(layer.alpha, bursts, size, device) >= 0.5
        depth = torch.where(here, _plane(layer.depth, bursts, size, device), depth)
    return depth


def _plane(value: Tensor | float, bursts: int, size: int, device: torch.device) -> Tensor:
    return value if isinstance(value, Tensor) else torch.full((bursts, size, size), value, device=device)


def _moved(pictures: Tensor, variety: Variety, chance: _Chance) -> Tensor:
    """Frames a little shifted, scaled and of other exposure."""
    bursts, count, channels, height, width = pictures.shape
    sweep = torch.linspace(-0.5, 0.5, count, device=pictures.device)
    scale = 1 + variety.breathing * chance.normal(bursts, 1) * sweep
    shift = variety.jitter * chance.uniform(bursts, 1, 1) * chance.normal(bursts, count, 2) * (2 / size_of(height, width, pictures))
    zero = torch.zeros_like(scale)
    rows = [torch.stack([scale, zero, shift[..., 0]], -1), torch.stack([zero, scale, shift[..., 1]], -1)]
    grid = affine_grid(torch.stack(rows, -2).flatten(0, 1), [bursts * count, 1, height, width], align_corners=False)
    moved = grid_sample(pictures.flatten(0, 1), grid, mode="bicubic", padding_mode="reflection", align_corners=False)
    gain = 1 + variety.exposure * chance.uniform(bursts, 1) * chance.normal(bursts, count)
    return moved.reshape(pictures.shape).clamp_min(0) * gain[..., None, None, None]


def size_of(height: int, width: int, like: Tensor) -> Tensor:
    return torch.tensor([width, height], device=like.device, dtype=like.dtype)


def _noisy(pictures: Tensor, variety: Variety, chance: _Chance) -> tuple[Tensor, Tensor]:
    """Frames with noise of variance λ_s x + λ_r, and (B, 2) these factors."""
    bursts = len(pictures)
    low, high = (math.log(end) for end in variety.shot)
    log_shot = low + (high - low) * chance.uniform(bursts)
    log_read = 2.18 * log_shot + 1.20 + 0.26 * chance.normal(bursts)
    there = (chance.uniform(bursts) < variety.noisy).float()
    noise = torch.stack([log_shot.exp(), log_read.exp()], -1) * there[:, None]
    shot, read = (part[:, None, None, None, None] for part in noise.unbind(-1))
    sigma = (pictures.clamp_min(0) * shot + read).sqrt()
    return pictures + sigma * torch.randn(pictures.shape, generator=chance.generator, device=pictures.device), noise
