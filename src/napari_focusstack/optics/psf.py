"""Point spread functions of defocus, and what they do to spectra."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["Aberration", "Psf", "check_psf", "point_spread", "transfer_function"]

Psf = Literal["disc", "gaussian"]


@dataclass(frozen=True, slots=True)
class Aberration:
    """How defocus of a real lens differs from a round spot that is alike on both sides of the focus.

    Attributes
    ----------
    stretch : float
        Astigmatism: standard deviation of a further blur along one direction, as a share of the blur radius.
    angle : float
        That direction, in radians, from the columns' axis x to the rows' axis y.
    skew : float
        Blur radii are 1 + skew times as large beyond the focus position, and 1 − skew times in front of it.

    Raises
    ------
    ValueError
        If `stretch` is negative, or `skew` not between −1 and 1.
    """

    stretch: float = 0.0
    angle: float = 0.0
    skew: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.stretch < math.inf and -1 < self.skew < 1):
            raise ValueError(f"{self} is not possible; stretch is ≥ 0, and skew between −1 and 1")

    def radius(self, defocus: float) -> float:
        """Blur radius, in px, of what lies so many px of blur beyond (> 0) or in front of (< 0) the focus position."""
        return abs(defocus) + self.skew * defocus

    def reach(self, radius: float) -> float:
        """How far, in px, a blur of that radius may extend."""
        return radius * (1 + abs(self.skew)) * (1 + 3 * self.stretch)

    def transfer(self, radius: float, shape: tuple[int, int], device: torch.device | str = "cpu") -> Tensor:
        """(H, W // 2 + 1) factors of the stretch, to multiply with a transfer function: exp(−2 π² s² f²) along it."""
        y = math.sin(self.angle) * torch.fft.fftfreq(shape[0], device=device)
        x = math.cos(self.angle) * torch.fft.rfftfreq(shape[1], device=device)
        return torch.exp(-2 * (math.pi * self.stretch * radius * (y[:, None] + x)) ** 2)


def point_spread(radius: float, psf: Psf = "disc", *, device: torch.device | str = "cpu") -> Tensor:
    """(K, K) point spread function, K odd, that sums to one.

    Parameters
    ----------
    radius : float
        Radius of the disc, or standard deviation of the Gaussian, in px; any value ≥ 0, also below a pixel.
    psf : "disc" or "gaussian"
        The disc is what geometrical optics gives (Liu et al., AAAI 2024, eq. 1), the Gaussian stands in for it (eq. 2).
    device : torch.device or str
        Where the result lies.

    Raises
    ------
    ValueError
        If the radius is negative or not finite, or the kind unknown.

    Notes
    -----
    Both have exactly the second moment of the continuous function along each axis, r²/4 and σ², also for sub-pixel
    radii: the blur grows smoothly from none. The Gaussian is the discrete one (Lindeberg 1990), exp(−σ²) Iₙ(σ²).
    """
    check_psf(radius, psf)
    kernel = _disc(radius) if psf == "disc" else _gaussian(radius)
    return kernel.float().to(device)


def transfer_function(
    radius: float, shape: tuple[int, int], psf: Psf = "disc", *, device: torch.device | str = "cpu"
) -> Tensor:
    """(H, W // 2 + 1) real optical transfer function, to multiply with the `rfft2` of an (H, W) picture.

    Parameters as in `point_spread`.
    """
    check_psf(radius, psf)
    height, width = shape
    if psf == "gaussian":
        y = torch.cos(2 * math.pi * torch.fft.fftfreq(height, device=device))
        x = torch.cos(2 * math.pi * torch.fft.rfftfreq(width, device=device))
        return torch.exp(radius**2 * (y[:, None] + x - 2))
    kernel = point_spread(radius, psf, device=device)
    size = kernel.shape[-1]
    if size > min(shape):
        raise ValueError(f"a blur of {radius:g} px does not fit into {height} × {width} px; use a larger picture")
    kernel = pad(kernel, (0, width - size, 0, height - size)).roll((-(size // 2), -(size // 2)), (0, 1))
    transfer: Tensor = torch.fft.rfft2(kernel).real
    return transfer.contiguous()


def check_psf(radius: float, psf: str) -> None:
    """Raise ValueError where a radius or kind is not possible."""
    if psf not in get_args(Psf):
        raise ValueError(f"unknown psf {psf!r}; choices: {', '.join(get_args(Psf))}")
    if not 0 <= radius < math.inf:
        raise ValueError(f"a blur radius of {radius!r} px is not possible; give a number ≥ 0")


def _disc(radius: float) -> Tensor:
    """Blend of two discs on the pixel grid, a little smaller and a little larger, of variance radius² / 4 together."""
    covered = max(radius**2 - 1 / 3, 0.0) ** 0.5  # a pixel's own width adds 1/12 to a disc's variance
    reach = math.ceil(covered + 2)
    small, large = _covered(max(covered - 0.3, 0.0), reach), _covered(max(covered, 1.0) + 0.3, reach)
    place = torch.arange(-reach, reach + 1) ** 2
    low, high = (float((disc.sum(1) * place).sum()) for disc in (small, large))
    share = (radius**2 / 4 - low) / (high - low)
    return small * (1 - share) + large * share


def _covered(radius: float, reach: int) -> Tensor:
    """Share of a disc that falls on each pixel: exact along the chord, 16 chords a pixel."""
    centres = torch.arange(-reach, reach + 1, dtype=torch.float64)
    across = (torch.arange(16, dtype=torch.float64) + 0.5) / 16 - 0.5
    half = (max(radius, 0.1) ** 2 - (centres[:, None] + across) ** 2).clamp_min(0).sqrt()[..., None]
    disc = (torch.minimum(half, centres + 0.5) - torch.maximum(-half, centres - 0.5)).clamp_min(0).mean(1)
    return (disc + disc.T) / (2 * disc.sum())


def _gaussian(sigma: float) -> Tensor:
    reach = math.ceil(5 * sigma) + 1 if sigma else 0
    angle = 2 * math.pi * torch.arange(4 * reach + 4, dtype=torch.float64) / (4 * reach + 4)
    order = torch.arange(-reach, reach + 1, dtype=torch.float64)
    line = (torch.exp(sigma**2 * (angle.cos() - 1)) * torch.cos(order[:, None] * angle)).mean(1).clamp_min(0)
    line /= line.sum()
    return line[:, None] * line
