"""A depth network adapted to one stack: no truth is needed but the stack's own fused picture.

Wang et al., "Bridging Unsupervised and Supervised Depth from Focus via All-in-Focus Supervision", ICCV 2021: test-time
optimisation.
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.optim import Adam

from .. import __version__
from ..arrays import Frames, Selection, as_frames, visit
from ..depth import LEAST
from ..depth.aifdepth import ARCHITECTURES, depth_by, scale_of
from ..depth.positions import focus_positions
from ..focus import image_noise
from ..nets.checkpoint import (
    Checkpoint,
    check_architecture,
    check_frames,
    load_network,
    read_checkpoint,
    save_checkpoint,
)
from ..progress import apart, track
from .losses import focus_error
from .patches import Patches, patches_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..depth.result import Depth
    from ..nets.aifdepthnet import AiFDepthNet, Seen

__all__ = ["Tuned", "tune"]

RATES = {"small": 1e-4, "paper": 2e-5}  # of learning, by the network's size
LOOK = 10  # steps after which the loss on what is held out is looked at
KEEP = 0.1  # weight of changes of depth where the network had not decided: there the picture teaches nothing
NOISES = 5.0  # standard deviations of the noise that the picture may be off: the target has the frames' own
WORTH = 1e-3  # share of that loss by which it must have fallen


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """A network that was adapted to a stack, or, where that did not help, as it was.

    Attributes
    ----------
    network : AiFDepthNet
        With the weights of the smallest loss.
    improved : bool
        Whether these are others than before.
    before, after : float
        Loss on patches that were not learned from, `training.losses.focus_error`.
    steps : int
        Updates after which the loss was smallest; 0 if nothing improved.
    depth_before, depth_after : Depth
        By both weights.
    origin : Checkpoint
        What it began with.
    """

    network: AiFDepthNet
    improved: bool
    before: float
    after: float
    steps: int
    depth_before: Depth
    depth_after: Depth
    origin: Checkpoint

    def describe(self) -> str:
        """What came of it, in words."""
        if not self.improved:
            return f"adapting {self.origin.name} to this stack did not help: it stays as it was"
        fell = 1 - self.after / self.before
        shares = (f"{depth.measured.mean():.0%}" for depth in (self.depth_before, self.depth_after))
        return (
            f"adapted {self.origin.name} in {self.steps} steps: what it misses of the picture fell by {fell:.0%}; "
            f"measured {' → '.join(shares)} of the pixels"
        )

    def save(self, folder: str | os.PathLike[str]) -> Checkpoint:
        """Checkpoint of the network, written to a folder.

        Raises
        ------
        CheckpointError, OSError
            If it cannot be written; what was there before is untouched.
        """
        of = self.origin.training
        training = replace(
            of, data=f"{of.data}; then one stack", steps=of.steps + self.steps, loss="focus", code=__version__
        )
        return save_checkpoint(
            folder,
            self.network,
            task="depth",
            input=self.origin.input,
            training=training,
            metrics={"focus_before": self.before, "focus_after": self.after},
            licence=self.origin.licence,
            tile=self.origin.tile,
        )


def tune(
    checkpoint: str,
    frames: Frames,
    target: NDArray[np.float32],
    *,
    positions: ArrayLike | None = None,
    step: float | None = None,
    unit: str | None = None,
    minutes: float = 1.0,
    steps: int = 300,
    rate: float | None = None,
    weight: float = 0.04,
    edge: float = 20.0,
    seed: int = 0,
    tile: int = 1280,
    smoothing: float = 1.0,
    noise_floor: float = 1.7,
    device: str = "auto",
) -> Tuned:
    """Depth network adapted to a stack, with the depths before and after; never worse by its own loss.

    Parameters
    ----------
    checkpoint : str
        Name of one that came with the program, or path of its folder.
    frames : Frames
        (N, Y, X, C) or (N, Y, X), aligned, in the order of the sweep.
    target : (Y, X, C) float32
        The same all in focus, as any fusion gives it, in the scale of `to_float`.
    positions, step, unit
        Of the focus, as of `estimate_depth`; positions must ascend or descend.
    minutes, steps : float, int
        Whichever is over first.
    rate : float, optional
        Of learning; by default what suits the network's size.
    weight, edge : float
        Of the smoothness of depth, and the contrast that ends it: see `training.losses.focus_error`.
    seed : int
        Which patches are looked at when.
    tile, smoothing, noise_floor : int, float, float
        Of the depths, as of the method "aif".
    device : str
        "auto", "cpu", "cuda", "mps".

    Raises
    ------
    CheckpointError
        If there is no such checkpoint, or it is damaged.
    ValueError
        If it is no depth network, or the picture or the positions do not fit the frames.

    Notes
    -----
    Adam lowers the difference between the attention's picture and the target, and the roughness of depth where the
    target is plain, on random crops of patches spread over the stack. A quarter of the patches is held out: the weights
    of the smallest loss there are kept. Batch normalisation keeps its statistics.
    """
    described = read_checkpoint(checkpoint)
    check_architecture(described, ARCHITECTURES, "aif")
    frames = as_frames(frames)
    places, unit = focus_positions(len(frames), positions, step=step, unit=unit)
    _check(frames, target, places, minutes, steps)
    check_frames(described, np.broadcast_to(np.float32(0), (*frames.shape[:3], 3)))
    network = cast("AiFDepthNet", apart(load_network, described, device))
    scale = scale_of(frames)
    patches = patches_of(frames, target, scale, (places - places.min()) / np.ptp(places), seed)
    if places[-1] < places[0]:
        patches = patches.backwards()
    noise = NOISES * _noise(frames) / scale.white
    before = copy.deepcopy(network)
    error = partial(focus_error, step=1 / (len(frames) - 1), noise=noise, weight=weight, edge=edge)
    found = _adapted(network, before, patches, error, rate, minutes, steps, seed)
    ways = (frames, places, unit)
    how: dict[str, Any] = {"tile": tile, "smoothing": smoothing, "noise_floor": noise_floor, "device": device}
    first = _depth(before, *ways, **how)
    if not found.steps:
        return Tuned(before, False, found.before, found.before, 0, first, first, described)
    return Tuned(network, True, found.before, found.after, found.steps, first, _depth(network, *ways, **how), described)


@dataclass(frozen=True, slots=True)
class _Found:
    """Losses on what is held out before and at its smallest, and after how many steps that was: 0 if it never fell."""

    before: float
    after: float
    steps: int


def _adapted(
    network: AiFDepthNet,
    origin: AiFDepthNet,
    patches: Patches,
    error: Callable[[Seen, Tensor], Tensor],
    rate: float | None,
    minutes: float,
    steps: int,
    seed: int,
) -> _Found:
    """Adapt the network, which is as its origin, in place, to the weights of the smallest loss."""
    device = next(network.parameters()).device
    optimiser = Adam(network.parameters(), lr=rate or RATES[str(network.arguments["size"])])
    end = time.monotonic() + 60 * minutes

    def learn(step: int) -> None:
        frames, pictures, places = (each.to(device) for each in patches.crops(step, seed))
        optimiser.zero_grad(set_to_none=True)
        with torch.no_grad():
            known = origin(frames, places)
        seen = network(frames, places)
        kept = ((1 - known.decided) * (seen.depth - known.depth).abs()).mean()
        (error(seen, pictures) + KEEP * kept).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()

    before = least = _missed(network, patches, error)
    best, taken = copy.deepcopy(network.state_dict()), 0
    for step in _paced(steps, minutes):
        apart(learn, step)
        over = time.monotonic() > end
        if step % LOOK == 0 or step == steps or over:
            missed = _missed(network, patches, error)
            if missed < min(least, (1 - WORTH) * before):
                least, best, taken = missed, copy.deepcopy(network.state_dict()), step
            if over or not math.isfinite(missed):
                break
    network.load_state_dict(best)
    return _Found(before, least, taken)


def _paced(steps: int, minutes: float) -> Iterator[int]:
    """Numbers of the steps from 1; progress is told in percent of steps or of time, whichever is nearer to its end."""
    begun, percents, told = time.monotonic(), track(range(100), "Adapting"), -1
    for step in range(1, steps + 1):
        share = max((step - 1) / steps, (time.monotonic() - begun) / (60 * minutes))
        while told < min(99, int(100 * share)):
            told = next(percents)
        yield step
    for _ in percents:  # so that the last one is told, too
        pass


def _missed(network: AiFDepthNet, patches: Patches, error: Callable[[Seen, Tensor], Tensor]) -> float:
    """Mean loss on the patches that are held out."""
    device = next(network.parameters()).device

    @torch.no_grad()
    def of(burst: Tensor, picture: Tensor) -> float:
        seen = network(burst[None].to(device), patches.positions[None].to(device))
        return float(error(seen, picture[None].to(device)))

    return sum(apart(of, *pair) for pair in track(patches.held_out)) / len(patches.held_out)


def _noise(frames: Frames) -> float:
    """Standard deviation of the noise of a frame: the least of a few, as what is sharp looks like noise, too."""
    last = len(frames) - 1
    return min(image_noise(image) for _, image in visit(frames, "", sorted({0, last // 2, last})))


def _depth(network: AiFDepthNet, frames: Frames, positions: NDArray[np.float64], unit: str, **how: Any) -> Depth:
    """Depth of frames whose positions ascend or descend."""
    if positions[-1] > positions[0]:
        return replace(depth_by(network, frames, positions, **how), unit=unit)
    last = len(frames) - 1
    found = depth_by(network, Selection(frames, range(last, -1, -1)), positions[::-1].copy(), **how)
    return replace(found, index=np.float32(last) - found.index, positions=positions, unit=unit)


def _check(
    frames: Frames, target: NDArray[np.float32], positions: NDArray[np.float64], minutes: float, steps: int
) -> None:
    """Raise if these cannot be learned from."""
    if len(frames) < LEAST:
        raise ValueError(f"{len(frames)} frames are too few for a depth; at least {LEAST} are needed")
    if target.ndim != 3 or target.shape != tuple(frames.shape[1:]):
        raise ValueError(
            f"the picture has the shape {target.shape}, but the frames have {tuple(frames.shape[1:])}: fuse them"
        )
    moves = np.sign(np.diff(positions))
    if (moves != moves[0]).any():
        raise ValueError("the positions go up and down; give the frames in the order of their positions")
    if not minutes > 0 or steps < 1:
        raise ValueError(f"minutes={minutes}, steps={steps}: nothing can be learned; give numbers above 0")
