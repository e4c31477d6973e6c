"""The layered forward model: layers in, defocused pictures out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from .fourier import STIGMATIC, Fourier
from .psf import Aberration, Psf, check_psf

__all__ = ["Layer", "all_in_focus", "defocused", "over", "tents"]

SLICE_PX = 1.25  # a slanted surface is cut into slices whose blur radii differ by no more than this


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer of a scene.

    Attributes
    ----------
    light : (..., C, H, W) Tensor
        Linear light, premultiplied with `alpha`.
    alpha : (..., H, W) Tensor or float
        Coverage in [0, 1]. 1.0: covers everything. 0.0: hides nothing and only adds its light (fluorescence).
    depth : (..., H, W) Tensor or float
        Where the surface lies, in the unit of the focus positions; defined (and smooth) beyond the layer's edges too.
    """

    light: Tensor
    alpha: Tensor | float = 1.0
    depth: Tensor | float = 0.0

    @property
    def hides(self) -> bool:
        """Whether the layer hides anything, rather than only adding light."""
        return bool(self.alpha.any()) if isinstance(self.alpha, Tensor) else self.alpha > 0

    @property
    def covers(self) -> bool:
        """Whether the layer hides everything behind it."""
        return bool((self.alpha == 1).all()) if isinstance(self.alpha, Tensor) else self.alpha == 1

    @property
    def empty(self) -> bool:
        """Whether the layer neither shines nor hides anything."""
        return not (self.light.any() or self.hides)

    def cut(self, rows: slice, columns: slice) -> Layer:
        """Part of the layer in these rows and columns."""
        parts = (self.light, self.alpha, self.depth)
        return Layer(*(p[..., rows, columns] if isinstance(p, Tensor) else p for p in parts))  # type: ignore[arg-type]


def over(lights: Sequence[Tensor], alphas: Sequence[Tensor | float]) -> Tensor:
    """Picture of premultiplied layers, near over far: Σ_l C_l Π_{j<l} (1 − A_j).

    Parameters
    ----------
    lights : sequence of (..., C, H, W) Tensor
        Near to far, premultiplied.
    alphas : sequence of (..., H, W) Tensor or float
        Their coverages.
    """
    picture = torch.zeros_like(lights[0])
    through: Tensor | float = 1.0
    for light, alpha in zip(lights, alphas, strict=True):
        picture = picture + light * through
        if isinstance(alpha, Tensor):
            through = through * (1 - alpha.unsqueeze(-3))
        elif alpha == 1.0:
            break
    return picture


def all_in_focus(layers: Sequence[Layer]) -> Tensor:
    """(..., C, H, W) picture of the layers, near to far, without any blur."""
    return over([layer.light for layer in layers], [layer.alpha for layer in layers])


def tents(depth: Tensor, centres: Tensor) -> Tensor:
    """(S, ..., H, W) weights of S depth slices: tents over the centres that sum to one everywhere.

    Parameters
    ----------
    depth : (..., H, W) Tensor
        Depth of a surface. Beyond the outermost centres it counts as lying there.
    centres : (S,) Tensor
        Depths of two or more slices, ascending.
    """
    centres = centres.to(depth)
    right = torch.searchsorted(centres, depth.contiguous()).clamp(1, len(centres) - 1)
    share = ((depth - centres[right - 1]) / (centres[right] - centres[right - 1])).clamp(0, 1)
    weights = depth.new_zeros((len(centres), *depth.shape))
    weights.scatter_(0, (right - 1)[None], 1 - share[None])
    return weights.scatter_(0, right[None], share[None])


def defocused(
    layers: Sequence[Layer],
    positions: Sequence[float],
    *,
    blur: float = 1.0,
    psf: Psf = "disc",
    aberration: Aberration = STIGMATIC,
) -> Iterator[Tensor]:
    """Yield the picture of the layers, (..., C, H, W), for one focus position after the other.

    Parameters
    ----------
    layers : sequence of Layer
        Near to far.
    positions : sequence of float
        Focus positions, in the unit of the layers' depth.
    blur : float
        Radius (disc) or σ (Gaussian) of the blur, in px, of a surface that lies one unit of depth out of focus.
    psf : "disc" or "gaussian"
        The point spread function.
    aberration : Aberration
        How it differs from a round spot.

    Raises
    ------
    ValueError
        If there is no layer or no position, or the point spread function is unknown.

    Notes
    -----
    Generalises eqs. 3 and 4 of Liu et al. (AAAI 2024) to any number of layers: the premultiplied light and the coverage
    of a layer are blurred alike, A_l = α_l ∗ K_l and C_l = (α_l f_l) ∗ K_l, and composed near over far,
    I = Σ_l C_l Π_{j<l} (1 − A_j).

    A layer of varying depth is cut into overlapping slices. Their weights are tents that sum to one, and the sum of the
    blurred slices is divided by the sum of the blurred weights: without that, hairline seams appear between the slices.
    Light that is only added (`alpha` 0.0) spreads without the division, so that its energy is kept.
    Beyond its border a picture is continued by its outermost pixels.
    """
    if not layers or not len(positions):
        raise ValueError(f"no picture of {len(layers)} layers at {len(positions)} positions; give at least one of each")
    check_psf(blur, psf)
    low, high = min(positions), max(positions)
    ends = [_ends(layer.depth) for layer in layers]
    widest = blur * max(max(high - near, far - low) for near, far in ends)
    fourier = Fourier(layers[0].light, widest, psf, aberration)
    slices = [_Slices(layer, _centres(positions, *end, blur), fourier) for layer, end in zip(layers, ends, strict=True)]
    for position in positions:
        blurred = [part.blurred(position, blur) for part in slices]
        yield over([light for light, _ in blurred], [alpha for _, alpha in blurred])


def _ends(depth: Tensor | float) -> tuple[float, float]:
    return (float(depth.min()), float(depth.max())) if isinstance(depth, Tensor) else (depth, depth)


def _centres(positions: Sequence[float], near: float, far: float, blur: float) -> Tensor:
    """Depths of the slices of a surface: each focus position is one, so that what is in focus is not blurred at all."""
    if near == far:
        return torch.tensor([near])
    knots = sorted({*positions, min(near, *positions), max(far, *positions)})
    centres = [knots[0]]
    for left, right in pairwise(knots):
        parts = max(1, math.ceil((right - left) * blur / SLICE_PX - 1e-6))
        centres += [left + (right - left) * part / parts for part in range(1, parts + 1)]
    first = max(i for i, centre in enumerate(centres) if centre <= near)
    last = min(i for i, centre in enumerate(centres) if centre >= far)
    return torch.tensor(centres[first : last + 1])


class _Slices:
    """Spectra of a layer's slices: light, coverage where it varies, and weights where they are divided by."""

    def __init__(self, layer: Layer, centres: Tensor, fourier: Fourier) -> None:
        self.fourier, self.alpha = fourier, layer.alpha
        self.divided = len(centres) > 1 and layer.hides
        planes = [layer.light]
        if isinstance(layer.alpha, Tensor):
            planes.append(layer.alpha.unsqueeze(-3))
        if self.divided:
            planes.append(torch.ones_like(layer.light[..., :1, :, :]))
        stack = torch.cat(planes, -3)
        if len(centres) == 1:
            self.slices = [(float(centres), fourier.spectrum(stack))]
            return
        assert isinstance(layer.depth, Tensor)
        weights = tents(layer.depth, centres).unsqueeze(-3)
        used = weights.flatten(1).any(1).tolist()  # asked once: each question to a GPU waits for all its work
        self.slices = [
            (centre, fourier.spectrum(stack * weight))
            for centre, weight, there in zip(centres.tolist(), weights, used, strict=True)
            if there
        ]

    def blurred(self, position: float, blur: float) -> tuple[Tensor, Tensor | float]:
        """Premultiplied light (..., C, H, W) and coverage (..., H, W) as seen at a focus position."""
        total = torch.zeros_like(self.slices[0][1])
        for centre, spectrum in self.slices:
            total.addcmul_(spectrum, self.fourier.transfer((centre - position) * blur))
        picture = self.fourier.picture(total)
        if self.divided:
            picture = picture[..., :-1, :, :] / picture[..., -1:, :, :].clamp_min(1e-6)
        if isinstance(self.alpha, Tensor):
            return picture[..., :-1, :, :], picture[..., -1, :, :].clamp(0, 1)
        return picture, self.alpha
