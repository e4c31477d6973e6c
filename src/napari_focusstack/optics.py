"""Optics of defocus: point spread functions and the layered forward model; layers in, defocused pictures out.

Everything here is torch, in linear light, with (..., H, W) as the last dimensions, so that it runs batched and on a GPU.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["Layer", "Psf", "all_in_focus", "defocused", "over", "point_spread", "tents", "transfer_function"]

Psf = Literal["disc", "gaussian"]

SLICE_PX = 1.0  # a slanted surface is cut into slices whose blur radii differ by no more than this
MIN_DISC = 1.0  # px: below this a disc on the pixel grid is mixed with the unblurred picture


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
    def empty(self) -> bool:
        """Whether the layer neither shines nor hides anything."""
        hides = self.alpha.any() if isinstance(self.alpha, Tensor) else self.alpha
        return not (self.light.any() or hides)

    def cut(self, rows: slice, columns: slice) -> Layer:
        """Part of the layer in these rows and columns."""
        parts = (self.light, self.alpha, self.depth)
        return Layer(*(p[..., rows, columns] if isinstance(p, Tensor) else p for p in parts))  # type: ignore[arg-type]


# point spread functions


def point_spread(radius: float, psf: Psf = "disc", *, device: torch.device | str = "cpu") -> Tensor:
    """(K, K) point spread function, K odd, that sums to one.

    Parameters
    ----------
    radius : float
        Radius of the disc, or standard deviation of the Gaussian, in px; any value ≥ 0, also below a pixel.
    psf : "disc" or "gaussian"
        The disc is what geometrical optics gives (Liu et al., AAAI 2024, eq. 1), the Gaussian its usual stand-in (eq. 2).
    device : torch.device or str
        Where the result lies.

    Raises
    ------
    ValueError
        If the radius is negative or not finite, or the kind unknown.

    Notes
    -----
    Both have exactly the second moment of the continuous function, r²/4 and σ² along each axis, also for sub-pixel radii:
    the blur grows smoothly from none. The Gaussian is the discrete one (Lindeberg 1990), exp(−σ²) Iₙ(σ²).
    """
    _check(radius, psf)
    kernel = _disc(radius) if psf == "disc" else _gaussian(radius)
    return kernel.to(device=device, dtype=torch.float32)


def transfer_function(
    radius: float, shape: tuple[int, int], psf: Psf = "disc", *, device: torch.device | str = "cpu"
) -> Tensor:
    """(H, W // 2 + 1) real optical transfer function, to multiply with the `rfft2` of an (H, W) picture.

    Parameters as in `point_spread`.
    """
    _check(radius, psf)
    height, width = shape
    if psf == "gaussian":
        y = torch.cos(2 * math.pi * torch.fft.fftfreq(height, device=device))
        x = torch.cos(2 * math.pi * torch.fft.rfftfreq(width, device=device))
        return torch.exp(radius**2 * (y[:, None] + x - 2))
    kernel = point_spread(radius, psf, device=device)
    size = kernel.shape[-1]
    if size > min(shape):
        raise ValueError(
            f"a blur of {radius:g} px does not fit into {height} × {width} px; use a larger picture or less blur"
        )
    kernel = pad(kernel, (0, width - size, 0, height - size)).roll((-(size // 2), -(size // 2)), (0, 1))
    return torch.fft.rfft2(kernel).real.contiguous()


def _check(radius: float, psf: str) -> None:
    if psf not in get_args(Psf):
        raise ValueError(f"unknown psf {psf!r}; choices: {', '.join(get_args(Psf))}")
    if not 0 <= radius < math.inf:
        raise ValueError(f"a blur radius of {radius!r} px is not possible; give a number ≥ 0")


def _disc(radius: float) -> Tensor:
    """Mix the disc's coverage of the pixels with the unblurred picture so that the variance is radius² / 4."""
    covered = max(radius**2 - 1 / 3, MIN_DISC**2) ** 0.5  # a pixel's own width adds 1/12 to a disc's variance
    reach = math.ceil(covered + 0.5)
    centres = torch.arange(-reach, reach + 1, dtype=torch.float64)
    across = (torch.arange(16, dtype=torch.float64) + 0.5) / 16 - 0.5
    half_chord = (covered**2 - (centres[:, None] + across) ** 2).clamp_min(0).sqrt()[..., None]
    low, high = torch.maximum(-half_chord, centres - 0.5), torch.minimum(half_chord, centres + 0.5)
    disc = (high - low).clamp_min(0).mean(1)  # exact along the chord, 16 chords a pixel
    disc = (disc + disc.T) / (2 * disc.sum())
    share = min(1.0, radius**2 / 4 / float((disc.sum(1) * centres**2).sum()))
    disc *= share
    disc[reach, reach] += 1 - share
    return disc


def _gaussian(sigma: float) -> Tensor:
    reach = math.ceil(5 * sigma) + 1 if sigma else 0
    angle = 2 * math.pi * torch.arange(4 * reach + 4, dtype=torch.float64) / (4 * reach + 4)
    order = torch.arange(-reach, reach + 1, dtype=torch.float64)
    line = (torch.exp(sigma**2 * (angle.cos() - 1)) * torch.cos(order[:, None] * angle)).mean(1).clamp_min(0)
    line /= line.sum()
    return line[:, None] * line


# the forward model


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
        Depths of the slices, ascending.
    """
    centres = centres.to(depth)
    if len(centres) == 1:
        return torch.ones_like(depth)[None]
    right = torch.searchsorted(centres, depth.contiguous()).clamp(1, len(centres) - 1)
    share = ((depth - centres[right - 1]) / (centres[right] - centres[right - 1])).clamp(0, 1)
    weights = depth.new_zeros((len(centres), *depth.shape))
    weights.scatter_(0, (right - 1)[None], 1 - share[None])
    return weights.scatter_(0, right[None], share[None])


def defocused(
    layers: Sequence[Layer], positions: Sequence[float], *, blur: float = 1.0, psf: Psf = "disc"
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

    Raises
    ------
    ValueError
        If there is no layer or no position, or the point spread function is unknown.

    Notes
    -----
    Generalises eqs. 3 and 4 of Liu et al. (AAAI 2024) to any number of layers: the premultiplied light and the coverage of
    a layer are blurred alike, A_l = α_l ∗ K_l and C_l = (α_l f_l) ∗ K_l, and composed near over far,
    I = Σ_l C_l Π_{j<l} (1 − A_j).

    A layer of varying depth is cut into overlapping slices. Their weights are tents that sum to one, and the sum of the
    blurred slices is divided by the sum of the blurred weights: without that, hairline seams appear between the slices.
    Light that is only added (`alpha` 0.0) spreads without the division, so that its energy is kept.

    The picture is continued beyond its border by its outermost pixels.
    """
    if not layers or not len(positions):
        raise ValueError(
            f"{len(layers)} layers at {len(positions)} focus positions make no picture; give at least one of each"
        )
    _check(abs(blur), psf)
    low, high = min(positions), max(positions)
    ends = [_ends(layer.depth) for layer in layers]
    reach = blur * max(max(high - near, far - low) for near, far in ends)
    canvas = _Canvas(layers[0].light, reach if psf == "disc" else 4 * reach, psf)
    slices = [_Slices(layer, _centres(positions, *end, blur), canvas) for layer, end in zip(layers, ends, strict=True)]
    for position in positions:
        blurred = [part.blurred(position, blur) for part in slices]
        yield canvas.cut(over([light for light, _ in blurred], [alpha for _, alpha in blurred]))


def _ends(depth: Tensor | float) -> tuple[float, float]:
    return (float(depth.min()), float(depth.max())) if isinstance(depth, Tensor) else (depth, depth)


def _centres(positions: Sequence[float], near: float, far: float, blur: float) -> Tensor:
    """Depths of the slices that a surface between `near` and `far` is cut into.

    Each focus position is the centre of a slice, so that what is in focus there is not blurred at all.
    """
    if near == far:
        return torch.tensor([near])
    knots = sorted({*positions, min(near, *positions), max(far, *positions)})
    centres = [knots[0]]
    for left, right in zip(knots, knots[1:], strict=False):
        parts = max(1, math.ceil((right - left) * blur / SLICE_PX - 1e-6))
        centres += [left + (right - left) * part / parts for part in range(1, parts + 1)]
    first = max(i for i, centre in enumerate(centres) if centre <= near)
    last = min(i for i, centre in enumerate(centres) if centre >= far)
    return torch.tensor(centres[first : last + 1])


class _Canvas:
    """The padded size at which layers are blurred by Fourier transform, and its transfer functions."""

    def __init__(self, like: Tensor, reach: float, psf: Psf) -> None:
        self.size, self.psf, self.device = (like.shape[-2], like.shape[-1]), psf, like.device
        self.border = math.ceil(reach) + 2
        self.padded = tuple(_fast_length(length + 2 * self.border) for length in self.size)
        self._known: dict[float, Tensor] = {}

    def spectrum(self, picture: Tensor) -> Tensor:
        height, width = self.size
        rows, columns = (full - length - self.border for full, length in zip(self.padded, self.size, strict=True))
        flat = picture.reshape(1, -1, height, width)
        flat = pad(flat, (self.border, columns, self.border, rows), mode="replicate")
        return torch.fft.rfft2(flat.reshape(*picture.shape[:-2], *self.padded))

    def picture(self, spectrum: Tensor) -> Tensor:
        return torch.fft.irfft2(spectrum, s=self.padded)

    def cut(self, picture: Tensor) -> Tensor:
        height, width = self.size
        return picture[..., self.border : self.border + height, self.border : self.border + width]

    def transfer(self, radius: float) -> Tensor:
        radius = round(radius, 4)
        if radius not in self._known:
            self._known[radius] = transfer_function(radius, self.padded, self.psf, device=self.device)  # type: ignore[arg-type]
        return self._known[radius]


class _Slices:
    """Spectra of a layer's slices: light, coverage where it varies, and the slices' weights where they are divided by."""

    def __init__(self, layer: Layer, centres: Tensor, canvas: _Canvas) -> None:
        self.centres, self.canvas = centres.tolist(), canvas
        self.alpha = layer.alpha
        planes = [layer.light]
        if isinstance(layer.alpha, Tensor):
            planes.append(layer.alpha.unsqueeze(-3))
        self.divided = len(centres) > 1 and not (isinstance(layer.alpha, float) and layer.alpha == 0.0)
        if self.divided:
            planes.append(torch.ones_like(layer.light[..., :1, :, :]))
        stack = torch.cat(planes, -3)
        if isinstance(layer.depth, Tensor) and len(centres) > 1:
            weights = tents(layer.depth, centres).unsqueeze(-3)
            self.spectra = [canvas.spectrum(stack * weight) if weight.any() else None for weight in weights]
        else:
            self.spectra = [canvas.spectrum(stack)]

    def blurred(self, position: float, blur: float) -> tuple[Tensor, Tensor | float]:
        """Premultiplied light (..., C, H, W) and coverage (..., H, W) as seen at a focus position."""
        total: Tensor | None = None
        for centre, spectrum in zip(self.centres, self.spectra, strict=True):
            if spectrum is None:
                continue
            transfer = self.canvas.transfer(abs(centre - position) * blur)[..., None]
            part = torch.view_as_real(spectrum)
            total = part * transfer if total is None else total.addcmul_(part, transfer)
        assert total is not None
        picture = self.canvas.picture(torch.view_as_complex(total))
        if self.divided:
            picture = picture[..., :-1, :, :] / picture[..., -1:, :, :].clamp_min(1e-6)
        if isinstance(self.alpha, Tensor):
            return picture[..., :-1, :, :], picture[..., -1, :, :].clamp(0, 1)
        return picture, self.alpha


def _fast_length(length: int) -> int:
    """Smallest length ≥ `length` that has no prime factor above 5."""
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1
