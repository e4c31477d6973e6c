"""Random bursts by the batch, to train on: a library of pictures in, frames and everything that is true of them out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..optics import Aberration, Layer, Psf, all_in_focus, defocused
from .bursts import simulate
from .cameras import PLANES, random_cameras
from .collage import random_layers
from .imperfections import displaced, noisy, random_motion, relit
from .library import Library
from .variety import Chance, Variety

__all__ = ["Batch", "Variety", "draw_batch", "draw_scene"]

FIRST_SEED = 2**20  # of random bursts of a scene: those below are for tests and figures
AT_ONCE = {"cpu": 2**15, "cuda": 2**18}  # px of the bursts that are blurred together; each takes up to 10 kB


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Bursts and their truth; B bursts of N frames, L layers.

    Attributes
    ----------
    frames : (B, N, C, H, W) float32
        Linear light with noise, not clipped. Of a mosaic (B, N, 4, H/2, W/2): planes red, green beside red, green
        beside blue, blue, of 12 or 14 bit, clipped and white-balanced.
    truth : (B, C, H, W) float32
        All in focus, linear light, free of noise; of a mosaic in white-balanced colours of the camera.
    depth : (B, H, W) float32
        Number of the frame, with fractions, in which the front-most surface that covers half a pixel is sharpest.
    alphas : (B, L, H, W) float32
        Coverage of each layer, near to far; the last covers everything.
    depths : (B, L, H, W) float32
        Depth of each layer in numbers of frames.
    blur : float
        Blur radius, in px, of what is one frame out of focus.
    noise : (B, 2) float32
        Variance factors of shot and read noise; 0 where there is none. Of a mosaic: before white balance.
    gains : (B, 4) float32, or None
        White balance of a mosaic's planes.
    """

    frames: Tensor
    truth: Tensor
    depth: Tensor
    alphas: Tensor
    depths: Tensor
    blur: float
    noise: Tensor
    gains: Tensor | None = None


def draw_batch(
    library: Library,
    variety: Variety,
    generator: torch.Generator,
    *,
    bursts: int,
    size: int,
    frames: int | None = None,
    mosaic: bool = False,
) -> Batch:
    """Random bursts of one length, sweep and point spread function, each of another scene.

    Parameters
    ----------
    library : Library
        Where surfaces and foregrounds come from; bursts are drawn on its device.
    variety : Variety
        What they are like.
    generator : torch.Generator
        On the CPU. The same one draws the same scenes on each device, and the same noise on each kind of device.
    bursts, size : int
        How many, and their height and width in px.
    frames : int, optional
        Number of frames, instead of a random one.
    mosaic : bool
        Whether frames are seen through a mosaic of colours, each burst by another camera; `size` must be even.

    Raises
    ------
    ValueError
        If the library has no textures, or a number is not above 0.
    """
    if not len(library.textures):
        raise ValueError("a library without textures has no backgrounds; add drawn_library(textures, cutouts) to it")
    if bursts < 1 or size < 8 or (frames is not None and frames < 1):
        raise ValueError(f"bursts={bursts}, size={size}, frames={frames}: one burst or more of 8 px or more is needed")
    chance = Chance(generator, library.textures.device)
    count = frames or chance.whole(*variety.frames)
    layers = random_layers(library, variety, chance, bursts=bursts, size=size, last=count - 1.0)
    blur, pictures = _focused(layers, count, variety, chance, size)
    pictures = displaced(pictures, *random_motion(variety, chance, bursts, count)).clamp_min_(0)
    backwards = (torch.rand(bursts, generator=generator) < 0.5).nonzero()[:, 0].to(pictures.device)
    pictures[backwards] = pictures[backwards].flip(1)
    depths = torch.stack([_spread(layer.depth, layers) for layer in layers], 1)
    depths[backwards] = count - 1 - depths[backwards]
    alphas = torch.stack([_spread(layer.alpha, layers) for layer in layers], 1)
    light, truth, gains = relit(pictures, variety, chance), all_in_focus(layers), None
    if mosaic:
        cameras = random_cameras(chance, bursts)
        truth, gains = cameras.balanced(truth[:, None])[:, 0], cameras.gains[:, PLANES]
        light = cameras.planes(light)
    seen, noise = noisy(light, variety, chance)
    seen = seen if gains is None else cameras.read(seen)
    return Batch(seen, truth, _front(alphas, depths), alphas, depths, blur, noise, gains)


def draw_scene(
    name: str,
    variety: Variety,
    generator: torch.Generator,
    *,
    bursts: int,
    size: int,
    frames: int | None = None,
    device: torch.device | str = "cpu",
) -> Batch:
    """Random bursts of a scene of `scenes.SCENES`, each of another seed, all of one length, sweep and spot.

    Parameters
    ----------
    name : str
        The scene's.
    variety : Variety
        What frames, sweeps and noise are like; surfaces and foregrounds are the scene's own.
    generator, bursts, size, frames
        As of `draw_batch`.
    device : str
        Where bursts are rendered.

    Raises
    ------
    ValueError
        If the name is unknown, or a number is not above 0.
    """
    chance = Chance(generator, torch.device(device))
    count = frames or chance.whole(*variety.frames)
    sweep = min(chance.log_between(*variety.sweep), size / 4)
    psf: Psf = "disc" if chance.between(0, 1) < variety.disc else "gaussian"
    blur = sweep / max(count - 1, 1) * (1.0 if psf == "disc" else 0.5)
    seeds = torch.randint(FIRST_SEED, 2**60, (bursts,), generator=generator).tolist()
    backwards = (torch.rand(bursts, generator=generator) < 0.5).tolist()
    made = [
        simulate(
            name,
            frames=count,
            height=size,
            width=size,
            blur=blur,
            psf=psf,
            order="far-to-near" if turned else "near-to-far",
            dtype="float32",
            transfer="linear",
            seed=seed,
            device=str(device),
        )
        for seed, turned in zip(seeds, backwards, strict=True)
    ]
    facts = [np.stack([getattr(one, fact) for one in made]) for fact in ("frames", "truth", "depth", "masks", "depths")]
    pictures, truth, depth, alphas, depths = (torch.from_numpy(fact).to(device) for fact in facts)
    pictures = displaced(pictures.movedim(-1, -3), *random_motion(variety, chance, bursts, count)).clamp_min_(0)
    seen, noise = noisy(relit(pictures, variety, chance), variety, chance)
    return Batch(seen, truth.movedim(-1, -3).contiguous(), depth, alphas, depths, blur, noise)


def _focused(layers: Sequence[Layer], count: int, variety: Variety, chance: Chance, size: int) -> tuple[float, Tensor]:
    """Blur of one frame of defocus, and (B, N, C, H, W) pictures focused from near to far."""
    sweep = min(chance.log_between(*variety.sweep), size / 4)
    psf: Psf = "disc" if chance.between(0, 1) < variety.disc else "gaussian"
    aberration = Aberration(
        stretch=chance.between(*variety.stretch),
        angle=chance.between(0, math.pi),
        skew=max(-0.5, min(0.5, variety.skew * float(torch.randn((), generator=chance.generator)))),
    )
    blur = sweep / max(count - 1, 1) * (1.0 if psf == "disc" else 0.5)  # of equal variance
    light = layers[-1].light
    pictures = light.new_empty(len(light), count, *light.shape[1:])
    step = max(1, AT_ONCE.get(light.device.type, AT_ONCE["cuda"]) // size**2)
    for first in range(0, len(light), step):
        some = slice(first, first + step)
        part = [Layer(x.light[some], _of(x.alpha, some), _of(x.depth, some)) for x in layers]
        for number, picture in enumerate(defocused(part, range(count), blur=blur, psf=psf, aberration=aberration)):
            pictures[some, number] = picture
    return blur, pictures


def _of(value: Tensor | float, some: slice) -> Tensor | float:
    return value[some] if isinstance(value, Tensor) else value


def _spread(value: Tensor | float, layers: Sequence[Layer]) -> Tensor:
    """(B, H, W) of one value per pixel."""
    like = layers[-1].light[:, 0]
    return value if isinstance(value, Tensor) else torch.full_like(like, value)


def _front(alphas: Tensor, depths: Tensor) -> Tensor:
    """Depth (B, H, W) of the nearest layer that covers at least half a pixel, of layers (B, L, H, W)."""
    nearest = (alphas >= 0.5).float().argmax(1, keepdim=True)
    return depths.gather(1, nearest)[:, 0]
