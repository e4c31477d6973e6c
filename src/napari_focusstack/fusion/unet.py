"""Fusion by a trained network: which frame each pixel takes is learned, not measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from ..arrays import Frames, Selection
from ..focus import check_channel
from ..progress import apart
from .result import Fusion

if TYPE_CHECKING:
    from torch import Tensor

    from ..nets.unet import UNet

__all__ = ["fuse_unet"]

ARCHITECTURES = ("unet",)


def fuse_unet(
    frames: Frames,
    *,
    checkpoint: Annotated[str, {"architectures": ARCHITECTURES}] = "unet-small",
    tile: Annotated[int, {"min": 64, "max": 4096}] = 512,
    channel: Annotated[int, {"min": -1, "max": 63}] = -1,
    device: str = "auto",
) -> Fusion:
    """All-in-focus image by a trained UNet, the baseline of learned fusion; frames in the order of the sweep.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C), aligned.
    checkpoint : str
        Name of a checkpoint that came with the program, or path of its folder.
    tile : int
        Side of the squares that are computed at once, in px: less needs less memory. The result is the same.
    channel : int
        Channel whose sharpness decides for all; -1: all jointly.
    device : str
        "auto", "cpu", "cuda", "mps".

    Returns
    -------
    Fusion
        `index` is the frame of the largest weight, `confidence` by how much that exceeds the next: NaN and 0 for
        networks of the published size, which draw the picture themselves.

    Raises
    ------
    CheckpointError
        If there is no such checkpoint, it is damaged, no UNet, or not for such frames.
    ValueError
        If the network draws the picture itself and a `channel` is to decide.

    Notes
    -----
    Araujo, Ponce, Mairal, Towards Real-World Focus Stacking with Deep Learning (arXiv 2311.17846), whose baseline joins
    30 frames as channels. The small size chooses: R = Σ w_k I_k, w = softmax over k of the network's scores. Bursts of
    other lengths are repeated or thinned out to 30 frames.
    """
    from ..nets.checkpoint import check_architecture, check_frames, load_network, read_checkpoint

    described = read_checkpoint(checkpoint)
    check_architecture(described, ARCHITECTURES, "unet")
    check_frames(described, frames)
    check_channel(channel, frames.shape[3])
    network: UNet = apart(load_network, described, device)  # type: ignore[assignment] # torch, too, the first time
    from ..nets.tiles import infer
    from ..nets.unet import fit_frames

    used = sorted(set(fit_frames(len(frames), network.frames)))  # others are never read
    frames = frames if len(used) == len(frames) else Selection(frames, used)
    if not network.chooses:
        if channel >= 0:
            raise ValueError(f"channel={channel}: {described.name!r} draws the picture from all channels; leave it out")
        image = infer(network, frames, tile=tile, device=device)
        return Fusion(image, np.full(image.shape[:2], np.nan, np.float32), np.zeros(image.shape[:2], np.float32))

    white = _white(frames)

    def chosen(burst: Tensor) -> Tensor:
        """Picture, index and confidence (1, C + 2, H, W) of a burst (1, N, C, H, W)."""
        import torch

        shares = network.weights((burst if channel < 0 else burst[:, :, channel : channel + 1]) / white)
        picture = torch.einsum("bnhw,bnchw->bchw", shares, burst.float())
        best = shares.topk(min(2, shares.shape[1]), 1)
        margin = best.values[:, 0] - best.values[:, 1:].sum(1)
        return torch.cat([picture, best.indices[:, :1].float(), margin[:, None]], 1)

    found = infer(network, frames, tile=tile, device=device, function=chosen)
    index = np.array(used, np.float32)[found[..., -2].astype(np.intp)]
    return Fusion(np.ascontiguousarray(found[..., :-2]), index, found[..., -1].copy())


def _white(frames: Frames) -> float:
    """Value that stands for white: 1 for integers, which are scaled so; of floats, the largest in the middle frame."""
    if np.dtype(frames.dtype).kind != "f":
        return 1.0
    return float(np.max(np.abs(frames[len(frames) // 2]))) or 1.0
