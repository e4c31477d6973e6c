"""Blurring in Fourier space: pictures and their spectra."""

from __future__ import annotations

import math

import cv2
import torch
from torch import Tensor
from torch.nn.functional import pad

from .psf import Aberration, Psf, transfer_function

__all__ = ["STIGMATIC", "Fourier"]

STIGMATIC = Aberration()


class Fourier:
    """Pictures of one size, continued beyond their border, and their spectra as pairs of real numbers.

    Parameters
    ----------
    like : (..., H, W) Tensor
        A picture of that size, on the device.
    radius : float
        Widest blur that is asked for, in px: radius of a disc, σ of a Gaussian.
    psf : "disc" or "gaussian"
        The point spread function.
    aberration : Aberration
        How it differs from a round spot.
    """

    def __init__(self, like: Tensor, radius: float, psf: Psf, aberration: Aberration = STIGMATIC) -> None:
        self.size, self.device = (like.shape[-2], like.shape[-1]), like.device
        self.psf, self.aberration = psf, aberration
        self.border = math.ceil(aberration.reach(radius, psf)) + 2
        height, width = (cv2.getOptimalDFTSize(length + 2 * self.border) for length in self.size)
        self.padded = height, width
        self._transfers: dict[float, Tensor] = {}

    def spectrum(self, picture: Tensor) -> Tensor:
        """(..., H', W' + 2) interleaved real and imaginary parts."""
        height, width = self.size
        below, right = self.padded[0] - height - self.border, self.padded[1] - width - self.border
        flat = pad(picture.reshape(1, -1, height, width), (self.border, right, self.border, below), mode="replicate")
        return torch.view_as_real(torch.fft.rfft2(flat.reshape(*picture.shape[:-2], *self.padded))).flatten(-2)

    def picture(self, spectrum: Tensor) -> Tensor:
        """Inverse of `spectrum`."""
        height, width = self.size
        pairs = torch.view_as_complex(spectrum.reshape(*spectrum.shape[:-1], -1, 2))
        padded: Tensor = torch.fft.irfft2(pairs, s=self.padded)
        return padded[..., self.border : self.border + height, self.border : self.border + width]

    def transfer(self, defocus: float) -> Tensor:
        """(H', W' + 2) factors for a spectrum; each stands twice, so that the product runs through memory evenly."""
        radius = round(self.aberration.radius(defocus), 4)
        if radius not in self._transfers:
            transfer = transfer_function(radius, self.padded, self.psf, device=self.device)
            if self.aberration.stretch:
                transfer = transfer * self.aberration.transfer(radius, self.padded, self.device)
            self._transfers[radius] = transfer.repeat_interleave(2, -1)
        return self._transfers[radius]
