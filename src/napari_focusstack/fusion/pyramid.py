"""Fusion by a Laplacian pyramid: from every level, and at every place, the details of the sharpest frames."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import cv2
import numpy as np

from ..arrays import Frames, unit, visit
from ..focus import check_channel
from ..kernels import load
from ..progress import track
from .noise import Noise, noise_of, silent
from .result import Fusion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..kernels.pyramid_cpu import Rule

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["fuse_pyramid"]

MOST_LEVELS = 8
COARSEST = 8  # px, at least, that the coarsest level has
SOFTNESS = 2.6  # difference of sharpness that makes a weight e times as large, in deviations of the noise's own
SURELY = 2.0  # times the noise's sharpness: details, not noise, for the decisions of coarser levels
IN_FOCUS = 3.0  # the same for the index, which shows every doubtful place
HARD = 1e30  # steepness with which only the greatest sharpness counts, and equal ones alike
HANDED_ON = 2.0  # weight of the finer level's sharpness in the next one's decision
TELLING = 0.02  # share of a level's blocks that must surely show details before the level tells the index


def fuse_pyramid(
    frames: Frames,
    *,
    noise_floor: Annotated[float, {"min": 0.0, "max": 10.0}] = 1.0,
    smoothing: Annotated[float, {"min": 0.0, "max": 20.0}] = 1.5,
    levels: Annotated[int, {"min": 0, "max": 16}] = 0,
    keep_range: bool = False,
    channel: Annotated[int, {"min": -1, "max": 63}] = -1,
    device: str = "auto",
) -> Fusion:
    """All-in-focus image by a Laplacian pyramid: best for crossing structures, hair and legs; in any order of frames.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C), aligned.
    noise_floor : float
        How far a frame must stand out from the noise, in multiples of the noise that is measured in the first frame,
        to be taken alone. Below, frames are averaged. 0 always takes the sharpest one, noise or not.
    smoothing : float
        Weight of a place's surroundings in its decision, relative to the place itself. Smooth surfaces with sparse
        texture want more, fine hair at different depths wants less.
    levels : int
        Number of levels of the pyramid; 0 chooses by the size of the picture.
    keep_range : bool
        Keep every value between the smallest and the greatest of all frames at that pixel: no overshoot beside edges,
        intensities stay true.
    channel : int
        Channel whose sharpness decides for all; -1: all jointly.
    device : str
        "auto", "cpu", "cuda", "mps".

    Returns
    -------
    Fusion
        `index` in steps of 2 × 2 px.

    Raises
    ------
    ValueError
        If the channel is not there.

    Notes
    -----
    Every frame k is split into details L_i and a base (Burt and Adelson 1983, with w = [1, 4, 6, 4, 1] / 16). Per
    level, on blocks of 2 × 2 px, its sharpness S_k is the amplitude sqrt(Σ_c L²) in units of the noise at that
    brightness, joined with the mean of the 5 × 5 blocks around, and with what the finer level surely saw: fine details
    tell focus best, and coarse ones follow them. The result is the mean of the frames' details with weights
    exp(S_k / T), T = `noise_floor` · 2.6 standard deviations of S in noise: the sharpest frame alone where it stands
    out, an average where only noise differs. The base is averaged with the weights of the coarsest level.

    Maximum and weights are running ones, so that each frame is seen once, whatever their number. Memory:
    6.7 C + 5 bytes a pixel beside the frames at hand, and 2 C times the stored size with `keep_range`.
    """
    _, height, width, channels = frames.shape
    check_channel(channel, channels)
    count = levels or max(1, min(MOST_LEVELS, int(math.log2(max(1, min(height, width) / COARSEST)))))
    kernels = load("pyramid", device)
    state = kernels.pyramid(height, width, channels, count, frames.dtype if keep_range else None)
    for k, image in visit(frames, "Fusing"):
        if k == 0:
            noise = noise_of(image, kernels, count, smoothing, channel) if noise_floor else silent(count)
            rules = _rules(noise, smoothing, noise_floor)
        kernels.merge(state, image, k, (noise.offset, noise.slope), rules, channel)
    decisions = kernels.decisions(state)
    fused = kernels.collapse(state, 1 / unit(frames.dtype))
    del state, image
    floors = [IN_FOCUS * noise_floor * mean for mean in noise.mean]
    return Fusion(fused, *_maps(decisions, floors, len(frames), (height, width)))


def _rules(noise: Noise, smoothing: float, floor: float) -> list[Rule]:
    """How each level decides, as the kernels take it."""
    rules = []
    for at, (mean, deviation) in enumerate(zip(noise.mean, noise.deviation, strict=True)):
        softness = SOFTNESS * floor * deviation
        steepness = 1 / softness if softness else HARD
        around = smoothing * 0.5 ** max(0, at - 1)  # a coarse level's 5 × 5 blocks reach far as they are
        rules.append((around, steepness, SURELY * floor * mean, HANDED_ON))
    return rules


def _maps(
    decisions: list[tuple[Plane, NDArray[np.uint16], Plane]], floors: list[float], count: int, shape: tuple[int, int]
) -> tuple[Plane, Plane]:
    """Index and confidence, (Y, X): at each place from the finest level that surely shows details there.

    Two levels are asked, the finest that has such places at all and the next; coarser ones reach too far into plain
    areas to say what is in focus there.
    """
    sure = [best > floor for (best, _, _), floor in zip(decisions, floors, strict=True)]
    first = next((at for at, places in enumerate(sure) if places.mean() >= TELLING), len(sure) - 1)
    index = confidence = np.empty((0, 0), np.float32)
    for at in track(range(min(first + 1, len(sure) - 1), -1, -1)):
        (best, frame, weight), floor = decisions[at], np.float32(floors[at])
        alone = 1 - (weight - 1) / max(1, count - 1)
        clear = np.where(sure[at], (1 - floor / np.maximum(best, floor + np.float32(1e-30))) * alone, 0)
        found = np.where(sure[at], frame, np.float32(np.nan))
        if index.size:
            index = np.where(sure[at], found, _widened(index, best.shape))
            confidence = np.where(sure[at], clear, _widened(confidence, best.shape))
        else:
            index, confidence = found, clear
    return _widened(index, shape), _widened(confidence, shape)


def _widened(blocks: Plane, shape: tuple[int, ...]) -> Plane:
    """Values of blocks of 2 × 2 px for each pixel, float32."""
    size = 2 * blocks.shape[1], 2 * blocks.shape[0]
    wide = cv2.resize(blocks.astype(np.float32, copy=False), size, interpolation=cv2.INTER_NEAREST)
    return np.ascontiguousarray(wide[: shape[0], : shape[1]], np.float32)
