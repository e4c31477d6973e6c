"""Where the frames of a burst are focused, as the widths of the blur tell: bursts focused by hand are not even."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Places = NDArray[np.float64]  # (N,)

__all__ = ["Seen", "evenly", "spaced"]

ERROR = 0.1, 0.2  # of a width, relative and in px: its standard deviation
UNEVEN = 0.5  # standard deviation of the steps, of their mean, where nothing tells
LEAST = 0.1  # of their mean: the smallest step
ROUNDS = 6  # of the fit: widths that do not fit lose their weight
OUTLIER = 2.0  # standard deviations at which a width has lost half of it
PARTS = 4  # of the patches: each is foretold by the others
BETTER = 0.75  # of the error of even steps: with more in foretelling, uneven ones are not believed


class Seen(NamedTuple):
    """Blur of a patch in a frame.

    Attributes
    ----------
    patch : int
        Its number.
    depth : float
        Where it is, in frames.
    sharp, frame : int
        The frame that was blurred, next to it, until it looked like the other frame.
    width : float
        Radius or standard deviation of that blur, in px.
    """

    patch: int
    depth: float
    sharp: int
    frame: int
    width: float


def evenly(count: int) -> Places:
    """Places of frames with even steps, in frames."""
    return np.arange(count, dtype=np.float64)


def spaced(seen: Sequence[Seen], count: int) -> Places:
    """Where each of `count` frames is focused, ascending, in mean steps from the first.

    Notes
    -----
    Blur is in proportion to the distance from the focus: w² = b² ((c_k - c)² - (c_j - c)²) for a patch at c, sharp in
    frame j, in frame k. The steps b (c_{i+1} - c_i) are found by least squares, with widths that do not fit left out
    by and by, and with even steps where nothing tells. Uneven steps are believed if those that some patches tell
    foretell the widths of the others, by the median of the ratio, a quarter better than even ones do.
    """
    if count < 3 or len(seen) < count:
        return evenly(count)
    patch, depth, sharp, frame, width = (np.array(values) for values in zip(*seen, strict=True))
    crossed, left = _crossed(depth, frame, count), _crossed(depth, sharp, count)
    ratios = np.zeros((2, len(seen)))
    for part in set(patch % PARTS):
        others = patch % PARTS != part
        if not others.any():
            return evenly(count)
        seen_by = crossed[others], width[others]
        both = np.full(count - 1, _mean(*seen_by)), _steps(*seen_by, left[others])
        for ratio, tried in zip(ratios, both, strict=True):
            told = np.square(crossed @ tried) - np.square(left @ tried)
            ratio[~others] = (np.log(np.maximum(told, ERROR[1] ** 2)) / 2 - np.log(width))[~others]
    even, uneven = np.median(np.abs(ratios), axis=1)
    if not uneven < BETTER * even:
        return evenly(count)
    steps = _steps(crossed, width, left)
    return np.asarray(np.concatenate([[0], np.cumsum(steps)]) * ((count - 1) / steps.sum()))


def _mean(crossed: NDArray[np.float64], width: NDArray[np.float64]) -> float:
    """Blur of a step, in px, if all are alike."""
    return float(np.median(width / crossed.sum(axis=1)))


def _steps(crossed: NDArray[np.float64], width: NDArray[np.float64], left: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N - 1,) blur of each step, in px, by steps that lie between patches and frames, and their sharp frames."""
    count, mean = crossed.shape[1], _mean(crossed, width)
    steps, weight = np.full(count, mean), np.ones(len(width))
    for _ in range(ROUNDS):
        whole = np.hypot(width, left @ steps)
        error = ERROR[0] * whole + ERROR[1]
        lines = np.concatenate([crossed * (weight / error)[:, None], np.eye(count) / (UNEVEN * mean)])
        aims = np.concatenate([whole * weight / error, np.full(count, 1 / UNEVEN)])
        steps = np.maximum(np.linalg.lstsq(lines, aims)[0], LEAST * mean)
        weight = 1 / np.sqrt(1 + np.square((crossed @ steps - whole) / (OUTLIER * error)))
    return np.asarray(steps)


def _crossed(depth: NDArray[np.float64], frame: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    """(M, N - 1) share of each step that lies between depths and frames."""
    low, high = np.minimum(depth, frame)[:, None], np.maximum(depth, frame)[:, None]
    first = np.arange(count - 1)
    return np.asarray(np.clip(np.minimum(high, first + 1) - np.maximum(low, first), 0, 1))
