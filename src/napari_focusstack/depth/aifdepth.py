"""Learned depth: where a trained network's attention to the frames lies along the sweep, with its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ..arrays import Frames, unit, visit
from ..focus import check_channel
from ..kernels.strips import over_rows
from ..progress import apart
from .grain import POWERS
from .regularise import smooth, supported
from .result import RELIABLE, Depth
from .sff import PEAKS, contrast_of, full_size, observed, positioned
from .trust import judged, standing_out, sureness

if TYPE_CHECKING:
    from torch import Tensor

    from ..nets.aifdepthnet import AiFDepthNet

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["ARCHITECTURES", "Scale", "depth_by", "estimate_aif", "scale_of"]

ARCHITECTURES = ("aifdepthnet",)
CHECKPOINT = "aifdepthnet-small"
BRIGHT, SAMPLED = 0.999, 8  # quantile that is taken for white, of pixels so far apart
MEASURE, RADIUS, PEAK = "sml", 2.0, "lorentzian"  # of the sharpness that is looked at beside; px
SPREAD, LEAST = 0.5, 0.25  # frames of error for each of the attention's needless spread, and without any
AGREEING = 1.0, 3.0  # frames, and standard deviations of the attention, that the peak of sharpness may be off
EXACT = 0.05  # frames: least error that the peak is taken to have
DECIDED = 2.0  # confidence for each share of the attention's entropy that is missing
MEMORY = 1.5e9  # bytes that a tile may take, of a network that is run in float32
STREAMED = 700, 15  # bytes for each pixel of a tile and its halo; and for each pixel and frame
WHOLE = 0, 500  # the same of the published network


class Scale(NamedTuple):
    """How stored values become what the network knows: white is 1, and there are three channels.

    Attributes
    ----------
    white : float
        What is taken for white, in the scale of `to_float`.
    channel : int
        Which one is looked at; -1: red, green and blue, or the mean of as many as there are.
    """

    white: float
    channel: int = -1

    def known(self, frames: Tensor) -> Tensor:
        """Frames (B, 3, H, W) of frames (B, C, H, W) in the scale of `to_float`."""
        light = frames.nan_to_num(nan=0.0, posinf=self.white, neginf=0.0) / self.white
        if self.channel >= 0:
            light = light[:, self.channel : self.channel + 1]
        return light if light.shape[1] == 3 else light.mean(1, keepdim=True).expand(-1, 3, -1, -1)


def estimate_aif(
    frames: Frames,
    positions: NDArray[np.float64],
    guide: NDArray[np.float32] | None = None,  # noqa: ARG001 - as every method of the table has it
    *,
    checkpoint: Annotated[str, {"architectures": ARCHITECTURES}] = CHECKPOINT,
    tile: Annotated[int, {"min": 32, "max": 8192}] = 1280,
    smoothing: Annotated[float, {"min": 0.0, "max": 20.0}] = 1.0,
    noise_floor: Annotated[float, {"min": 0.0, "max": 10.0}] = 1.7,
    channel: Annotated[int, {"min": -1, "max": 63}] = -1,
    device: str = "auto",
) -> Depth:
    """Depth by a trained network, which knows more of blur and noise than one pixel shows; for few and noisy frames.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C), aligned, in the order of `positions`. Of other than three channels, the mean is looked at.
    positions : ndarray
        (N,) float64, ascending, however spaced.
    guide : ndarray, optional
        Not looked at: the network finds edges in the frames.
    checkpoint : str
        Name of a checkpoint that came with the program, or path of its folder.
    tile : int
        Largest side of the squares that are computed at once, in px; the longer the sweep, the smaller they are made,
        so that memory does not grow with it. The result is the same.
    smoothing : float
        Distance, in px, over which depth is smoothed, by no more than its standard deviation, and not across edges of
        what each pixel shows in its sharpest frame; 0: not at all.
    noise_floor : float
        How many times above the noise the sharpness of a pixel's surroundings must be for its depth to count as
        measured.
    channel : int
        Channel whose sharpness decides; -1: all jointly.
    device : str
        "auto", "cpu", "cuda", "mps".

    Returns
    -------
    Depth
        Finite everywhere; `confidence` from 0.5 on where there was something to focus on, and the network decided.

    Raises
    ------
    CheckpointError
        If there is no such checkpoint, it is damaged, or not for so many frames.
    ValueError
        If the checkpoint's network is another one, or there is no such channel.

    Notes
    -----
    Wang et al., "Bridging Unsupervised and Supervised Depth from Focus via All-in-Focus Supervision", ICCV 2021: see
    `nets.aifdepthnet`. Positions go from 0 to 1, with their true spacing.

    Attention that lies between two frames is spread over both, and need not be uncertain: two weights of that mean have
    at least the variance (z - z_k) (z_{k+1} - z). What exceeds it is taken for doubt; in frames, σ² is 0.25² plus
    0.5² times that. The network knows which peak of sharpness is the surface's, the peak knows better where between the
    frames it is: so, where the peak that shape from focus finds is less than a frame or 3 σ away, depth is the mean of
    both, weighted by their variances, and its variance that of such a mean, with what they differ by. The confidence is
    that of the weakest of these: the sharpness around stands out from the noise, as shape from focus has it; σ is below
    a frame; the attention's entropy is well below that of no choice at all. Specks that nothing around agrees with lose
    some of it, as in shape from focus.
    """
    from ..nets.checkpoint import check_architecture, check_frames, load_network, read_checkpoint

    described = read_checkpoint(checkpoint)
    check_architecture(described, ARCHITECTURES, "aif")
    check_frames(described, np.broadcast_to(np.float32(0), (*frames.shape[:3], 3)))  # as the network gets them
    check_channel(channel, frames.shape[3])
    network = cast("AiFDepthNet", apart(load_network, described, device))  # torch, too, the first time
    how: dict[str, Any] = {"tile": tile, "smoothing": smoothing, "noise_floor": noise_floor}
    return depth_by(network, frames, positions, **how, channel=channel, device=device)


def depth_by(
    network: AiFDepthNet,
    frames: Frames,
    positions: NDArray[np.float64],
    *,
    tile: int = 1280,
    smoothing: float = 1.0,
    noise_floor: float = 1.7,
    channel: int = -1,
    device: str = "auto",
) -> Depth:
    """Depth by a network that is at hand, as `estimate_aif` has it by one in a file; the arguments are the same."""
    from ..kernels.grids import shrunk
    from ..kernels.sff_cpu import GRID

    side = tile_of(network, len(frames), tile)
    found = _attended(network, frames, positions, scale_of(frames, channel), side, device)
    index, sigma, confidence = _told(found, positions)  # the last of how decided it is, at first
    curves, grain = observed(frames, MEASURE, RADIUS, channel, device)
    floor = grain.at(shrunk(curves.picture, GRID)) * np.float32(noise_floor)
    out = apart(standing_out, curves, floor, shrunk(index, GRID), len(frames) - 1, POWERS[MEASURE])
    np.minimum(confidence, np.clip(full_size(out, index.shape), 0, 1), out=confidence)
    how: dict[str, Any] = {"measure": MEASURE, "radius": RADIUS, "peak": PEAKS.index(PEAK), "smoothing": smoothing}
    peak, own, common, trusted = apart(judged, curves, grain, positions, noise_floor=noise_floor, **how)
    peaks = (full_size(plane, index.shape) for plane in (peak, np.hypot(own, common), trusted))
    over_rows(_join_rows, len(index), index, sigma, *peaks)
    confidence = supported(index, sigma, np.minimum(confidence, sureness(sigma)), radius=RADIUS)
    smooth(index, sigma, curves.picture, contrast=contrast_of(curves.picture), smoothing=smoothing)
    return positioned(index, sigma, confidence, positions)


def tile_of(network: AiFDepthNet, count: int, most: int) -> int:
    """Side in px of the tiles of `count` frames, at most `most`: with its halo, each takes about as much memory."""
    once, each = STREAMED if network.streams else WHOLE
    side = int(math.sqrt(MEMORY / (once + each * count))) - 2 * network.halo
    return max(min(side, most), 2 * network.multiple)


class _Known:
    """Frames as the network knows them, of frames (1, C, H, W) that come one by one, each time they are asked for."""

    def __init__(self, frames: Iterable[Tensor], scale: Scale) -> None:
        self._frames, self._scale = frames, scale

    def __iter__(self) -> Iterator[Tensor]:
        return map(self._scale.known, self._frames)


def _attended(
    network: AiFDepthNet, frames: Frames, positions: NDArray[np.float64], scale: Scale, tile: int, device: str
) -> Plane:
    """Depth from 0 to 1, its variance, entropy and weight, (Y, X, 4), of what the network attends to."""
    import torch

    from ..nets.aifdepthnet import attended
    from ..nets.tiles import infer

    places = torch.tensor((positions - positions[0]) / np.ptp(positions), dtype=torch.float32)[None]

    def streamed(burst: Iterable[Tensor]) -> Tensor:
        return network.streamed(_Known(burst, scale), places)

    def whole(burst: Tensor) -> Tensor:
        known = scale.known(burst.flatten(0, 1)).unflatten(0, burst.shape[:2])
        return attended(network.logits(known), places.to(known.device)).found()

    ways = {"streamed": streamed} if network.streams else {"function": whole}
    return infer(network, frames, tile=tile, device=device, stage="Measuring depth", **ways)


def _join_rows(index: Plane, sigma: Plane, peak: Plane, error: Plane, trusted: Plane, start: int, stop: int) -> None:
    """In place: where sharpness peaks near what the network attends to, the mean of both, each as far as it is sure."""
    rows = slice(start, stop)
    off = peak[rows] - index[rows]
    frames, deviations = AGREEING
    agrees = (np.abs(off) < np.maximum(frames, deviations * sigma[rows])) & (trusted[rows] >= RELIABLE)
    squares = np.square(sigma[rows]), np.square(np.maximum(error[rows], np.float32(EXACT)))
    share = np.where(agrees, squares[0] / (squares[0] + squares[1]), np.float32(0))
    index[rows] += share * off
    sigma[rows] = np.sqrt((1 - share) * squares[0] + share * (1 - share) * np.square(off))


def _told(found: Plane, positions: NDArray[np.float64]) -> tuple[Plane, Plane, Plane]:
    """Frame with fractions, its standard deviation in frames, and how decided it is, (Y, X), of what was found."""
    told: tuple[Plane, Plane, Plane] = tuple(np.empty(found.shape[:2], np.float32) for _ in range(3))  # type: ignore[assignment]

    def rows(start: int, stop: int) -> None:
        for plane, part in zip(told, _error(found[start:stop], positions), strict=True):
            plane[start:stop] = part

    over_rows(rows, len(found))
    return told


def _error(found: Plane, positions: NDArray[np.float64]) -> tuple[Plane, Plane, Plane]:
    """Index, its standard deviation, and how decided it is, of rows of what the network found."""
    last, reach = len(positions) - 1, float(np.ptp(positions))
    share, variance, entropy = (found[..., k].astype(np.float64) for k in range(3))
    places = positions[0] + reach * np.clip(share, 0, 1)
    index = np.interp(places, positions, np.arange(last + 1))
    below = np.minimum(index.astype(np.intp), last - 1)
    step = positions[below + 1] - positions[below]
    needed = (places - positions[below]) * (positions[below + 1] - places)
    needless = np.maximum(variance * reach**2 - needed, 0) / step**2
    sigma = np.minimum(np.sqrt(LEAST**2 + SPREAD**2 * needless), last)
    decided = np.clip(DECIDED * (1 - entropy / math.log(last + 1)), 0, 1)
    planes = (index, sigma, decided)
    return tuple(plane.astype(np.float32) for plane in planes)  # type: ignore[return-value]


def scale_of(frames: Frames, channel: int = -1) -> Scale:
    """Scale of a burst (N, Y, X, C): white is nearly the largest value of the first, the middle and the last frame."""
    found = []
    for _, image in visit(frames, "", sorted({0, len(frames) // 2, len(frames) - 1})):
        seen = image[::SAMPLED, ::SAMPLED] if channel < 0 else image[::SAMPLED, ::SAMPLED, channel]
        values = np.asarray(seen, np.float32) / np.float32(unit(image.dtype))
        values = values[np.isfinite(values)]
        found.append(float(np.quantile(values, BRIGHT)) if values.size else 0.0)
    return Scale(max(found) if max(found) > 0 else 1.0, channel)
