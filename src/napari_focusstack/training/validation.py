"""How good a network is on what it never learned from, while it learns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from ..nets.network import Network
from ..progress import track
from .examples import Examples
from .losses import psnr_of

__all__ = ["measured"]

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
