"""Point spread functions of a defocused lens: a blur radius in, the kernel or its transfer function out (torch)."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["Psf", "check_blur", "point_spread", "transfer_function"]

Psf = Literal["disc", "gaussian"]

MIN_DISC = 1.0  # px: below this a disc on the pixel grid is mixed with the unblurred picture


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
    check_blur(radius, psf)
    kernel = _disc(radius) if psf == "disc" else _gaussian(radius)
    return kernel.to(device=device, dtype=torch.float32)


def transfer_function(
    radius: float, shape: tuple[int, int], psf: Psf = "disc", *, device: torch.device | str = "cpu"
) -> Tensor:
    """(H, W // 2 + 1) real optical transfer function, to multiply with the `rfft2` of an (H, W) picture.

    Parameters as in `point_spread`.
    """
    check_blur(radius, psf)
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
    transfer: Tensor = torch.fft.rfft2(kernel).real
    return transfer.contiguous()


def check_blur(radius: float, psf: str) -> None:
    """Raise a ValueError if the radius is negative or not finite, or the kind of point spread function unknown."""
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
