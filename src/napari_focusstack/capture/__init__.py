"""Capture quality: a burst in, what is wrong with how it was taken out, as maps and in words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..arrays import Frames, as_frames, visit
from ..focus import grey, image_noise
from .light import dusty, piled, white_level
from .order import COARSE_NOISE, DENSE, TEXTURED, WANTED, distances, focus_order, gaps, repeated
from .report import Capture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..kernels.capture_cpu import Traces

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["Capture", "check_capture"]

FINE_NOISE = 0.0731  # energy that white noise of variance 1 has in the fine band

BLACK = 0.02  # of the brightest light: darker frames' ratios of brightness are not told
SHARP = 0.5  # of the usual share of fine detail: what has less is blurred by more than a pixel


def check_capture(frames: Frames, *, positions: Sequence[float] | None = None, channel: int = -1) -> Capture:
    """What can be told of how a burst was taken, in one pass over its frames.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C) or (N, Y, X), as they were taken: aligned frames have moved the dust.
    positions : sequence of float, optional
        Focus position of each frame: then they say where frames are missing.
    channel : int
        Channel that decides; -1: all jointly.

    Returns
    -------
    Capture
        Maps of the frames' size, and what was found.

    Raises
    ------
    ValueError
        If there are fewer than 3 frames, or not as many positions as frames.

    Notes
    -----
    A pixel's sharpness is the energy of its coarse band, a difference of Gaussians of 1.4 and 2.8 px. Where that peaks
    in the first or last frame, or beside a gap, the share of the fine band (0.7 and 1.4 px) says whether it is sharp
    there: coverage is that share relative to its median where the focus passes through. The distance of two frames is
    the root mean square difference of the logarithms of their energies in coarse cells; it grows with the distance of
    their focus, whatever the scene. Memory: about 30 bytes a pixel, whatever the number of frames.
    """
    from ..kernels import capture_cpu as kernels

    frames = as_frames(frames)
    count = len(frames)
    if count < 3:
        raise ValueError(f"{count} frames are too few to judge how they were taken; at least 3 are needed")
    if positions is not None and len(positions) != count:
        raise ValueError(f"{len(positions)} positions were given for {count} frames: give one for each")
    state = kernels.traces(*frames.shape[1:3])
    noise, means, tops = np.empty((3, count))
    piles = np.zeros(2)
    for k, image in visit(frames, "Checking the frames"):
        kernels.observe(state, image, k, channel)
        noise[k], means[k], tops[k] = (
            image_noise(image, channel),
            float(grey(image[::8, ::8], channel).mean()),
            image.max(),
        )
        piles = piled(piles, image, max(tops[: k + 1]))
    apart = distances(state, noise, np.maximum(means, BLACK * means.max() + 1e-9))
    order = focus_order(apart)
    path = order or tuple(range(count))
    missing = gaps(apart, path, positions)
    steps = np.array([apart[a, b] for a, b in pairwise(path)])
    textured, coverage = _coverage(state, noise, missing, count)
    uncovered = coverage < SHARP
    outside = uncovered & ((state.index == path[0]) | (state.index == path[-1]))
    many = max(1, int(textured.sum()))
    white = white_level(frames.dtype, float(tops.max()), piles, state.light.size)
    clipped = state.light >= white if white is not None else np.zeros(state.light.shape, bool)
    mean = float(steps.mean())
    return Capture(
        coverage=coverage,
        clipped=clipped,
        dust=dusty(state, noise, means, count),
        missing=missing,
        redundant=repeated(steps, path),
        order=order,
        outside=float(outside.sum()) / many,
        uncovered=float(uncovered.sum()) / many,
        denser=round(WANTED / max(mean, 0.01)) if mean < DENSE else 1,
        count=count,
    )


def _coverage(
    state: Traces, noise: NDArray[np.float64], missing: Sequence[tuple[int, int]], count: int
) -> tuple[NDArray[np.bool_], Plane]:
    """Where there is texture, and how sharp it is at its best."""
    power = float(np.median(noise)) ** 2 + 1e-12
    textured = state.coarse > TEXTURED * COARSE_NOISE * power
    share = np.maximum(state.fine - FINE_NOISE * power, 0) / np.maximum(state.coarse, 1e-12)
    doubted = {0, count - 1, *(k for pair in missing for k in pair)}
    certain = ~np.isin(state.index, list(doubted)) & textured
    reference = share[certain] if certain.sum() >= 0.02 * textured.sum() + 1 else share[textured]
    usual = float(np.median(reference)) if reference.size else 1.0
    coverage = np.where(certain, 1, np.clip(share / max(usual, 1e-9), 0, 1)).astype(np.float32)
    coverage[~textured] = np.nan
    return textured, coverage
