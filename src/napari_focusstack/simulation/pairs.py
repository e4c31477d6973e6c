"""Random pairs of frames, one focused on a foreground and one behind it, and everything that is true of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..optics import Layer, Psf, all_in_focus, defocused
from .collage import random_shade, random_surfaces
from .imperfections import noisy
from .library import Library
from .variety import Chance, Variety

__all__ = ["Pairs", "draw_pairs", "focused"]

BLUR = (0.5, 8.0)  # σ in px of what is out of focus, log-uniform
DISC = 0.3  # share of pairs whose spots are discs of the same variance; those of the others are Gaussians
CANDIDATES = 2  # foregrounds that are drawn for each pair
COVERED = 0.4  # of a picture by its foreground: of the candidates that which comes closest is taken


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """B pairs of frames and their truth.

    Attributes
    ----------
    frames : (B, 2, 3, H, W) float32
        Linear light with noise, not clipped: focused on the foreground, and behind it.
    truth : (B, 3, H, W) float32
        Both in focus, free of noise.
    alpha : (B, 1, H, W) float32
        Coverage of the foreground.
    sigma, sigma_behind : (B,) float32
        Standard deviation, in px, of the foreground's blur in the second frame, and of the background's in the first.
    noise : (B, 2) float32
        Variance factors of shot and read noise; 0 where there is none.
    """

    frames: Tensor
    truth: Tensor
    alpha: Tensor
    sigma: Tensor
    sigma_behind: Tensor
    noise: Tensor

    @property
    def mask(self) -> Tensor:
        """(B, 1, H, W) float32: 1 where the foreground covers more than half a pixel."""
        return (self.alpha > 0.5).float()


def draw_pairs(library: Library, variety: Variety, generator: torch.Generator, *, bursts: int, size: int) -> Pairs:
    """Random pairs, each of another scene, with blurs of their own.

    Parameters
    ----------
    library : Library
        Where foregrounds and backgrounds come from; pairs are drawn on its device.
    variety : Variety
        What colours, light and noise are like.
    generator : torch.Generator
        On the CPU.
    bursts, size : int
        How many pairs, and their height and width in px.

    Raises
    ------
    ValueError
        If the library lacks textures or cut-outs, or a number is too small.
    """
    if not len(library.textures) or not len(library.cutouts):
        raise ValueError(
            "a library without textures or without cut-outs makes no pairs; add drawn_library(textures, cutouts) to it"
        )
    if bursts < 1 or size < 8:
        raise ValueError(f"bursts={bursts}, size={size}: one pair or more of 8 px or more is needed")
    chance = Chance(generator, library.textures.device)
    lights, alphas, behind = _scenes(library, variety, chance, bursts, size)
    frames, sigmas = [], []
    for scene in zip(lights, alphas, behind, strict=True):
        sigma, sigma_behind = (chance.log_between(*BLUR) for _ in range(2))
        psf: Psf = "disc" if chance.between(0, 1) < DISC else "gaussian"
        frames.append(torch.stack(focused(*scene, sigma, sigma_behind, psf)))
        sigmas.append((sigma, sigma_behind))
    seen, noise = noisy(torch.stack(frames).clamp_min_(0), variety, chance)
    truth = all_in_focus([Layer(lights, alphas), Layer(behind)])
    front, back = torch.tensor(sigmas, device=chance.device).T
    return Pairs(seen, truth, alphas[:, None], front, back, noise)


def focused(
    light: Tensor, alpha: Tensor, behind: Tensor, sigma: float, sigma_behind: float, psf: Psf = "gaussian"
) -> tuple[Tensor, Tensor]:
    """Pictures (..., C, H, W) of a foreground and what is behind it, focused on the one and on the other.

    Parameters
    ----------
    light, behind : (..., C, H, W) float32
        Linear light of the foreground, premultiplied with `alpha`, and of the background.
    alpha : (..., H, W) float32
        Coverage of the foreground.
    sigma, sigma_behind : float
        Standard deviation, in px, of the blur of each where the other is in focus.
    psf : "disc" or "gaussian"
        Of that standard deviation.

    Notes
    -----
    Liu et al., AAAI 2024, eq. 3 and 4, with a coverage α instead of a mask, premultiplied light αf and blurs K::

        N = αf + (1 - α) (b * K₂),    F = (αf) * K₃ + (1 - α * K₃) b
    """
    layers = [Layer(light, alpha, 0.0), Layer(behind, 1.0, 1.0)]
    per_sigma = 2.0 if psf == "disc" else 1.0  # radius of a disc of that variance
    near = next(defocused(layers, [0.0], blur=per_sigma * sigma_behind, psf=psf))
    far = next(defocused(layers, [1.0], blur=per_sigma * sigma, psf=psf))
    return near, far


def _scenes(
    library: Library, variety: Variety, chance: Chance, bursts: int, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Premultiplied light and coverage of foregrounds, and light of backgrounds."""
    lights, alphas = random_surfaces(library.cutouts, variety, chance, CANDIDATES * bursts, size)
    far_off = (alphas.mean((1, 2, 3)) - COVERED).abs().view(CANDIDATES, bursts)
    taken = far_off.argmin(0) * bursts + torch.arange(bursts, device=chance.device)
    behind, _ = random_surfaces(library.textures, variety, chance, bursts, size)
    shade = random_shade(variety, chance, bursts, size)
    return lights[taken] * shade, alphas[taken, 0], behind * shade
