"""What the elimination of diffusion returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .law import Law

__all__ = ["Elimination"]


@dataclass(frozen=True, slots=True)
class Elimination:
    """A picture without the light that nearer surfaces, out of focus, spread over what is behind them.

    Attributes
    ----------
    image : (Y, X, C) float32
        The picture, in stored values, as it was given.
    component : (Y, X, C) float32
        What was taken away, in linear light: the paper's S. 0 where nothing was done.
    acted : (Y, X) float32
        Where, and how much of it, from 0 to 1.
    veil : (Y, X) float32
        Share of the light of each pixel that nearer surfaces kept away in its frame, from 0 to 1, also where the check
        refused to do anything.
    blur : (Y, X) float32
        Blur radius, in px, of what veils the pixel; 0 where nothing does.
    law : Law or None
        How wide what is out of focus is blurred; None where it could not be measured, and nothing was done.
    """

    image: NDArray[np.float32]
    component: NDArray[np.float32]
    acted: NDArray[np.float32]
    veil: NDArray[np.float32]
    blur: NDArray[np.float32]
    law: Law | None

    def describe(self) -> str:
        """What was done, in words."""
        if self.law is None:
            return "nothing to eliminate: no depth edges, or no texture to measure the blur by"
        share, veiled = float((self.acted > 0.5).mean()), float((self.veil > 0.05).mean())
        kind = "disc, radius" if self.law.psf == "disc" else "Gaussian, σ"
        return (
            f"light of nearer surfaces taken from {share:.1%} of the picture ({veiled:.1%} are veiled); blur "
            f"{self.law.near:.2f} px per frame ({kind}), {self.law.nearest} frame nearest"
        )
