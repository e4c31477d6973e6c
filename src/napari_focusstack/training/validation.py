"""How good a network is on what it never learned from, while it learns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..nets.anylength import AnyLength
from ..nets.network import Network
from ..nets.tiles import infer
from ..progress import track
from .examples import Examples, noise_levels
from .losses import psnr_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..arrays import Frames

__all__ = ["measured", "pictured"]

NAMES = ("psnr", "psnr_mean", "psnr_single")


@torch.no_grad()
def measured(
    network: Network, draws: Sequence[Examples], precision: Callable[[], AbstractContextManager[Any]]
) -> dict[str, float]:
    """Mean PSNR in dB over all bursts: of the network, of the mean of the frames, and of each burst's best frame.

    Parameters
    ----------
    network : Network
        On the device of the draws.
    draws : sequence of Examples
        What is held out.
    precision : callable
        Gives the context that the network runs in.
    """
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for draw in track(draws):
        frames, truth = draw.frames, draw.truth
        with precision():
            picture = network(*draw.asked(network))
        mean, single = (torch.full((len(frames),), torch.nan) for _ in range(2))
        if truth.shape[1:] == frames.shape[2:]:  # not so of a mosaic's planes, which are smaller
            mean = psnr_of(frames.mean(1), truth)
            single = torch.stack([psnr_of(frame, truth) for frame in frames.unbind(1)]).amax(0)
        found.append((psnr_of(picture, truth), mean, single))
    means = (float(torch.cat(values).mean()) for values in zip(*found, strict=True))
    return {name: round(mean, 4) for name, mean in zip(NAMES, means, strict=True) if mean == mean}


def pictured(network: Network, frames: Frames, *, tile: int, device: str) -> NDArray[np.float32]:
    """Picture (Y, X, C) by a network of aligned frames (N, Y, X, C), as it gets them in training."""
    if not isinstance(network, AnyLength):
        return infer(network, frames, tile=tile, device=device, stage="Preview")
    levels = noise_levels(frames[0])
    found = infer(
        network,
        frames,
        tile=tile,
        device=device,
        streamed=lambda burst: network.streamed(burst, levels),
        stage="Preview",
    )
    return found[..., :-2]
