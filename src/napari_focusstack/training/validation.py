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
from ..nets.trustnet import RULES
from ..optics import Layer, defocused
from ..progress import track
from .examples import Examples, noise_levels, positions_of
from .losses import psnr_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..arrays import Frames
    from ..nets.aifdepthnet import Seen
    from ..nets.config import Task
    from ..nets.edgenet import Choice

__all__ = ["SCORES", "measured", "pictured"]

Scores = dict[str, Tensor]  # (B,) each, by name; NaN where there is nothing to measure


@torch.no_grad()
def measured(
    network: Network, draws: Sequence[Examples], precision: Callable[[], AbstractContextManager[Any]]
) -> dict[str, float]:
    """Means over all bursts of the scores of the network's task, see `SCORES`, by name.

    Parameters
    ----------
    network : Network
        On the device of the draws.
    draws : sequence of Examples
        What is held out.
    precision : callable
        Gives the context that the network runs in.
    """
    found: list[Scores] = []
    for draw in track(draws):
        with precision():
            said = network(*draw.asked(network))
        found.append(SCORES[network.task](said, draw))
    columns = {name: torch.cat([scores[name] for scores in found]) for name in found[0]}
    means = {name: float(column[column.isfinite()].mean()) for name, column in columns.items()}
    return {name: round(mean, 4) for name, mean in means.items() if mean == mean}


def pictured(network: Network, frames: Frames, *, tile: int, device: str) -> NDArray[np.float32] | None:
    """What a network makes of aligned frames (N, Y, X, C), to be looked at: (Y, X, K) from 0 to 1, or None.

    Fusion: the picture. Depth: the share of the sweep, K = 1. Foreground: the mask of what is sharp in the first frame
    and not in the last, K = 1. None of a kernel, of a refinement, which needs a draft, and of edges and
    trust: what is said beside few edges is nothing to look at.
    """
    if network.task in ("refinement", "kernel", "edges", "trust"):
        return None
    ways: dict[str, Any] = {"tile": tile, "device": device, "stage": "Preview"}
    if network.task == "depth":
        return infer(network, frames, **ways, function=lambda burst: network(burst, positions_of(burst))[0][:, None])
    if network.task == "foreground":
        return infer(network, frames, **ways, function=lambda burst: network(burst[:, [0, -1]]))
    if not isinstance(network, AnyLength):
        return infer(network, frames, **ways)
    levels = noise_levels(frames[0])
    return infer(network, frames, **ways, streamed=lambda burst: network.streamed(burst, levels))[..., :-2]


def _of_picture(picture: Tensor, draw: Examples) -> Scores:
    """PSNR in dB: of the network, of the mean of the frames, and of each burst's best frame."""
    frames, truth = draw.frames, draw.truth
    mean, single = (torch.full((len(frames),), torch.nan) for _ in range(2))
    if truth.shape[1:] == frames.shape[2:]:  # not so of a mosaic's planes, which are smaller
        mean = psnr_of(frames.mean(1), truth)
        single = torch.stack([psnr_of(frame, truth) for frame in frames.unbind(1)]).amax(0)
    return {"psnr": psnr_of(picture, truth), "psnr_mean": mean, "psnr_single": single}


def _of_mask(mask: Tensor, draw: Examples) -> Scores:
    """PSNR of what is taken from the near frame under the mask and from the far one elsewhere; mean IoU of the mask."""
    near, far = draw.frames.unbind(1)
    sure, true = mask > 0.5, draw.known("mask") > 0.5
    sides = [_shared(sure, true), _shared(~sure, ~true)]
    return _of_picture(torch.where(sure, near, far), draw) | {"miou": torch.stack(sides).mean(0)}


def _shared(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of masks (B, 1, H, W); 1 where both are empty."""
    common, either = ((one & other).sum((1, 2, 3)), (one | other).sum((1, 2, 3)))
    return torch.where(either > 0, common / either.clamp_min(1), 1.0)


def _of_kernel(sigma: Tensor, draw: Examples) -> Scores:
    """Absolute error of σ in px, and PSNR of a picture blurred by it beside the same blurred by the true one."""
    true = draw.known("sigma")
    pairs = [
        [_blurred(picture, float(value)) for value in values]
        for picture, *values in zip(draw.truth, sigma, true, strict=True)
    ]
    found, expected = (torch.stack(pictures) for pictures in zip(*pairs, strict=True))
    return {"psnr": psnr_of(found, expected), "sigma_error": (sigma - true).abs()}


def _blurred(picture: Tensor, sigma: float) -> Tensor:
    return next(defocused([Layer(picture, 1.0, 1.0)], [0.0], blur=sigma, psf="gaussian"))


def _of_depth(found: Seen, draw: Examples) -> Scores:
    """PSNR of the picture as of fusion, and mean absolute error of depth, as a share of the sweep."""
    error = torch.full((len(found.depth),), torch.nan)
    if draw.depth is not None:
        error = (found.depth - draw.shares()).abs().flatten(1).nanmean(1)
    return _of_picture(found.picture, draw) | {"depth_error": error}


def _of_choice(found: Choice, draw: Examples) -> Scores:
    """Share of depths that are off by more than a frame: those chosen, and those that were given."""
    wrong, given = (
        ((depth - draw.known("depth")).abs() > 1).float().mean((1, 2)) for depth in (found.depth, found.depths[:, 0])
    )
    return {"wrong": wrong, "wrong_before": given}


def _of_correction(shares: Tensor, draw: Examples) -> Scores:
    """PSNR in dB that is won where something is veiled: by the network's shares, and by those of the rules."""
    fused, veiled = draw.known("fused"), draw.known("veiled")
    some = veiled > 0

    def error(kept: Tensor | float) -> Tensor:
        found = fused + kept * veiled * (draw.known("freed") - fused)
        return ((found - draw.truth).square() * some).sum((1, 2, 3))

    before, network, rules = (error(kept) for kept in (0.0, shares, draw.known("planes")[:, RULES, None]))
    return {"gain": 10 * torch.log10(before / network), "gain_rules": 10 * torch.log10(before / rules)}


SCORES: dict[Task, Callable[[Any, Examples], Scores]] = {  # what a network of a task said of examples, to its scores
    "fusion": _of_picture,
    "depth": _of_depth,
    "foreground": _of_mask,
    "refinement": _of_mask,
    "kernel": _of_kernel,
    "edges": _of_choice,
    "trust": _of_correction,
}
