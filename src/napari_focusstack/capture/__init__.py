"""Capture quality: a burst in, what is wrong with how it was taken out, as maps and in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Frames, as_frames, visit
from ..focus import grey, image_noise
from .focus import FAINTEST, SHARP, sharpness
from .light import Brightest, dusty
from .order import NO_GAP, distances, focus_order, gaps, repeated, steps_along
from .report import Capture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..kernels.capture_cpu import Traces

__all__ = ["Capture", "check_capture"]

SAMPLED = 8  # px between those whose brightness stands for all
BLACK = 0.02  # of the brightest frame: ratios to what is darker are not told
DENSE, WANTED = 0.09, 0.25  # mean change of sharpness from frame to frame, as a logarithm: far closer than the depth
# of field, and as close as need be
CHANGING = 1.0  # change of sharpness over the sweep, as a logarithm, without which all things stay in place, not dust


def check_capture(frames: Frames, *, positions: Sequence[float] | None = None, channel: int = -1) -> Capture:
    """What can be told of how a burst was taken, in one pass over its frames.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C) or (N, Y, X), as they were taken: aligned frames have moved the dust.
    positions : sequence of float, optional
        Focus position of each frame: then they say in which order the frames are, and where some are missing.
    channel : int
        Channel that decides; -1: all jointly.

    Returns
    -------
    Capture
        Maps of the frames' size, and what was found.

    Raises
    ------
    ValueError
        If there are fewer than 3 frames, not as many positions as frames, or a position is not finite.

    Notes
    -----
    A point's sharpness is the energy of its coarse band of detail, about 1.2 to 2.3 px in size. Where that peaks in
    the first or last frame, or beside a gap, the share of the fine band (0.7 to 1.2 px) says whether it is sharp there:
    coverage is that share relative to its median where the focus passes through. The distance of two frames is the
    root mean square difference of the logarithms of their energies in coarse cells; it grows with the distance of
    their focus, whatever the scene. Memory: about 14 bytes a pixel, whatever the number of frames.
    """
    from ..kernels import capture_cpu as kernels

    frames = as_frames(frames)
    count = len(frames)
    if count < 3:
        raise ValueError(f"{count} frames are too few to judge how they were taken; at least 3 are needed")
    places = None if positions is None else _checked(positions, count)
    state = kernels.traces(*frames.shape[1:3])
    noise, means = np.empty((2, count))
    brightest, faintest = Brightest(), math.inf
    for k, image in visit(frames, "Checking the frames"):
        kernels.observe(state, image, k, channel)
        noise[k], means[k] = image_noise(image, channel), grey(image[::SAMPLED, ::SAMPLED], channel).mean()
        faintest = min(faintest, float(np.quantile(state.last[::2, ::2], FAINTEST)))
        brightest.see(image)
    apart = distances(state, noise, np.maximum(means, BLACK * means.max() + 1e-9))
    path = focus_order(apart) if places is None else np.argsort(places, kind="stable").tolist()
    again = repeated(steps_along(apart, path), path)
    kept = [k for k in path if k not in again]
    steps = steps_along(apart, kept)
    if places is not None and len(np.unique(places)) == count:
        missing = gaps(np.abs(np.diff(places[kept])), kept)
    else:
        missing = gaps(steps, kept, NO_GAP)
    doubted = {path[0], path[-1], *(k for pair in missing for k in pair)}
    as_they_come = path in (list(range(count)), list(range(count))[::-1])
    sharp = sharpness(state, float(np.median(noise)) ** 2 + 1e-12, faintest, doubted, in_order=as_they_come)
    uncovered = sharp.coverage < SHARP
    many = max(1, int(np.isfinite(sharp.coverage).sum()))
    ends = sorted((0, count - 1) if as_they_come else (path[0], path[-1]))
    mean = float(steps.mean())
    return Capture(
        coverage=_enlarged(sharp.coverage, state),
        clipped=_clipped(state, brightest.white(np.dtype(frames.dtype))),
        dust=dusty(state, count if steps.sum() > CHANGING else 0),
        missing=missing,
        redundant=again,
        order=() if as_they_come else tuple(path),
        outside=tuple((k, float((uncovered & (state.index == k)).sum()) / many) for k in ends),
        uncovered=float(uncovered.sum()) / many,
        step=WANTED / max(mean, 0.01) if mean < DENSE else sharp.step,
        count=count,
        numbers=tuple(getattr(frames, "numbers", ())),
    )


def _checked(positions: Sequence[float], count: int) -> NDArray[np.float64]:
    places = np.asarray(positions, np.float64)
    if places.shape != (count,):
        raise ValueError(f"{len(positions)} positions were given for {count} frames: give one for each")
    if not np.isfinite(places).all():
        bad = int(np.flatnonzero(~np.isfinite(places))[0])
        raise ValueError(f"the position of frame {bad} is {places[bad]}; positions must be finite numbers")
    return places


def _enlarged(plane: NDArray[Any], state: Traces) -> NDArray[Any]:
    """Plane of the grid in the frames' size."""
    height, width = state.light.shape
    return plane.repeat(state.grid, 0)[:height].repeat(state.grid, 1)[:, :width]


def _clipped(state: Traces, white: float | None) -> NDArray[np.bool_]:
    return np.zeros(state.light.shape, np.bool_) if white is None else np.asarray(state.light >= white)
