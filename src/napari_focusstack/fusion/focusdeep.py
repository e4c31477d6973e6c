"""Fusion by FocusDeep: a network that weighs the frames, merges them, and takes noise and veils from what is left."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, cast

import numpy as np

from ..arrays import Frames, to_float, unit, visit
from ..color import to_linear, to_stored
from ..focus import check_channel
from ..nets import sees_mosaics
from ..progress import apart
from .noise import variances_of
from .result import Fusion

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from ..nets.anylength import AnyLength

__all__ = ["fuse_focusdeep", "takes_mosaics"]

ARCHITECTURES = ("focusdeep-any", "focusdeep")
PICTURES = "focusdeep-small"
ALIKE = 2.5  # times more variance, at most, has the noise of one channel than that of others, after white balance


def fuse_focusdeep(
    frames: Frames,
    *,
    checkpoint: Annotated[str, {"architectures": ARCHITECTURES}] = PICTURES,
    strength: Annotated[float, {"min": 0.0, "max": 1.0}] = 1.0,
    tile: Annotated[int, {"min": 64, "max": 8192}] = 1280,
    channel: Annotated[int, {"min": -1, "max": 63}] = -1,
    device: str = "auto",
) -> Fusion:
    """All-in-focus image by a trained network, free of noise; in any number and order of frames.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C), aligned; what is not a number counts as black, infinity as white. For a checkpoint that was
        trained on mosaics: `alignment.BalancedPlanes` (N, Y/2, X/2, 4), or what has a `white_balance` as they do.
    checkpoint : str
        Name of a checkpoint that came with the program, or path of its folder.
    strength : float
        Of the denoising: how much of the noise that is measured the network is told of.
    tile : int
        Side of the squares of the picture that are computed at once, in px: less needs less memory. The result is the
        same.
    channel : int
        Only -1: each channel's own noise and all channels' sharpness are looked at, and none decides alone.
    device : str
        "auto", "cpu", "cuda", "mps".

    Returns
    -------
    Fusion
        `index` is the frame of the largest weight, NaN where nearly all frames have a share; `confidence` by how much
        that weight exceeds the next. Of mosaics, the image (Y, X, 3) is linear light in the camera's own colours,
        white-balanced. Networks as published draw the picture themselves: index and confidence are NaN and 0.

    Raises
    ------
    CheckpointError
        If there is no such checkpoint, it is damaged, of another network, or not for such frames.
    ValueError
        If frames are no mosaics for a checkpoint that takes them, or one channel is to decide.

    Notes
    -----
    Araujo, Ponce, Mairal, Towards Real-World Focus Stacking with Deep Learning (arXiv 2311.17846), freed of its limits:
    see `nets.anylength`. Frames are looked at twice, one by one, so that memory does not grow with their number. The
    noise is measured in the first, the middle and the last frame before.
    """
    from ..nets.checkpoint import check_architecture, check_frames, load_network, read_checkpoint

    described = read_checkpoint(checkpoint)
    check_architecture(described, ARCHITECTURES, "focusdeep")
    mosaics = sees_mosaics(described.architecture, described.arguments)
    if described.architecture == "focusdeep" and mosaics:
        raise ValueError(
            f"checkpoint {described.name!r} is a published network for mosaics, which can be trained and evaluated, "
            "but not fused with; choose one of any length for raw files"
        )
    check_frames(described, frames)
    if mosaics and not hasattr(frames, "white_balance"):
        raise ValueError(
            f"checkpoint {described.name!r} takes the mosaics of camera raw files, and frames of {frames.shape[3]} "
            f"channels are none; choose {PICTURES!r}, or give the raw files to `run`, or BalancedPlanes of them"
        )
    check_channel(channel, frames.shape[3])
    if channel >= 0:
        raise ValueError(f"channel={channel}: {described.name!r} draws the picture from all channels; leave it out")
    network = apart(load_network, described, device)  # torch, too, the first time, which takes seconds
    from ..nets.tiles import infer

    if described.architecture == "focusdeep":
        image = infer(network, frames, tile=tile, device=device)
        return Fusion(image, np.full(image.shape[:2], np.nan, np.float32), np.zeros(image.shape[:2], np.float32))
    any_length = cast("AnyLength", network)
    known, noise = apart(_known, frames, strength, mosaics=any_length.raw)
    together = 1 if mosaics or frames.shape[3] == 3 else frames.shape[3]  # pictures
    tile = max(1, round(tile / network.scale / math.sqrt(together)))
    found = infer(network, known, tile=tile, device=device, streamed=lambda burst: any_length.streamed(burst, noise))
    image = to_linear(found[..., :-2]) if any_length.raw else found[..., :-2] * np.float32(known.white)
    return Fusion(np.asarray(image, np.float32), found[..., -2].copy(), found[..., -1].copy())


def takes_mosaics(checkpoint: str) -> bool:
    """Whether the network of a checkpoint takes planes of a camera's mosaic, instead of pictures.

    Raises
    ------
    CheckpointError
        If there is no such checkpoint, or it is damaged.
    """
    from ..nets.checkpoint import read_checkpoint

    described = read_checkpoint(checkpoint)
    return sees_mosaics(described.architecture, described.arguments)


def _known(frames: Frames, strength: float, *, mosaics: bool) -> tuple[_AsTrained, Tensor]:
    """Frames as the network knows them, and the levels (1, C, K) of noise that it is told of."""
    import torch

    from ..nets.noise import deviations

    white, factors = _measured(frames)
    known = _AsTrained(frames, 1.0 if mosaics else white, curved=mosaics)
    told = strength**2 * factors / np.array([known.white, known.white**2])
    return known, deviations(torch.tensor(told, dtype=torch.float32), "srgb" if mosaics else "linear")[None, :, 0]


class _AsTrained:
    """Frames (N, Y, X, C) float32 as the network knows them: white is 1, and a mosaic's light has the sRGB curve."""

    def __init__(self, frames: Frames, white: float, *, curved: bool) -> None:
        self.frames, self.white, self.curved = frames, white, curved
        self.shape, self.dtype = tuple(frames.shape), np.dtype(np.float32)

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, i: int) -> NDArray[np.float32]:
        values = to_float(self.frames[i]) / np.float32(self.white)
        return np.asarray(to_stored(values), np.float32) if self.curved else values


def _measured(frames: Frames) -> tuple[float, NDArray[np.float64]]:
    """Largest value; slope and offset (C, 2) of the noise: of first, middle and last frame, as `to_float` scales."""
    largest, found = 0.0, []
    for _, image in visit(frames, "", sorted({0, len(frames) // 2, len(frames) - 1})):
        largest = max(largest, float(np.max(image, initial=0)) / unit(image.dtype))
        found.append(variances_of(image))
    return largest or 1.0, _typical(np.array(found), largest / 2)


def _typical(factors: NDArray[np.float64], brightness: float) -> NDArray[np.float64]:
    """Slope and offset (C, 2) of the noise of each channel, of those that were measured in some frames, (F, C, 2).

    Each measurement may be far off: a frame that is sharp everywhere has no quiet place, so that texture is taken for
    noise; a small one may show nothing. So each channel has the median of its frames, and where that is beyond a
    factor of `ALIKE` from the median of all, as much as this allows.
    """
    loudness = factors[..., 0] * brightness + factors[..., 1]
    middle = np.argsort(loudness, axis=0, kind="stable")[(len(factors) - 1) // 2]
    channels = np.arange(factors.shape[1])
    own, own_loudness = factors[middle, channels], loudness[middle, channels]
    order = np.argsort(loudness, axis=None, kind="stable")
    usual = order[(order.size - 1) // 2]
    allowed = np.clip(own_loudness, loudness.flat[usual] / ALIKE, loudness.flat[usual] * ALIKE)
    scale = np.divide(allowed, loudness.flat[usual], out=np.zeros_like(allowed), where=loudness.flat[usual] > 0)
    replaced = scale[:, None] * factors.reshape(-1, 2)[usual]
    return np.asarray(np.where((allowed == own_loudness)[:, None], own, replaced))
