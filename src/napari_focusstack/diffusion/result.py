"""What the elimination of diffusion returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .law import Law

__all__ = ["SURE", "Elimination", "joined", "unchanged"]

SURE = 0.05  # share of the light that a veil takes where correcting is whole


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
        How wide what is out of focus is blurred; None where it was not measured, as nothing could be done.
    obstacle : str
        Why nothing was done, in words; empty where something was.
    """

    image: NDArray[np.float32]
    component: NDArray[np.float32]
    acted: NDArray[np.float32]
    veil: NDArray[np.float32]
    blur: NDArray[np.float32]
    law: Law | None
    obstacle: str = ""

    def describe(self) -> str:
        """What was done, in words."""
        if self.law is None or self.obstacle:
            return f"nothing eliminated: {self.obstacle}"
        taken = self.acted > 0
        refused = float(((self.veil > SURE) & ~taken).mean())
        kind = "disc, radius" if self.law.psf == "disc" else "Gaussian, σ"
        return (
            f"light of nearer surfaces taken from {taken.mean():.1%} of the picture, and left on {refused:.1%} where "
            f"the frames speak against it; blur {self.law.near:.2f} px per frame ({kind}), {self.law.nearest} frame "
            "nearest"
        )


def joined(told: Sequence[tuple[Law | None, str]]) -> tuple[Law | None, str]:
    """First law of several bursts, and their obstacles if all of them have one, from those of each."""
    obstacles = dict.fromkeys(obstacle for _, obstacle in told)
    return next((law for law, _ in told if law), None), "" if "" in obstacles else "; ".join(obstacles)


def unchanged(stored: NDArray[np.float32], obstacle: str) -> Elimination:
    """Of a picture (Y, X, C) from which nothing is taken, and why."""
    acted, veil, blur = (np.zeros(stored.shape[:2], np.float32) for _ in range(3))
    return Elimination(stored, np.zeros_like(stored), acted, veil, blur, None, obstacle)
