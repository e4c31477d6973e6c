"""Depth of a time series, each time steadied by its neighbours."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..progress import track
from .result import Depth

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["steadied"]

REACH = 2  # times before and after that take part
TINY = 1e-12  # a σ that is nothing but rounding
ALIKE = 3.0  # standard deviations of their difference up to which two depths are of the same surface


def steadied(depth: Depth, axis: int) -> Depth:
    """Depth in which measured pixels take the mean over neighbouring times that agree with them.

    The depth z_t becomes Σ_s w_s z_s / Σ_s w_s over the two times before and after, w_s = 1 / σ_s², of all s with
    abs(z_s - z_t) ≤ 3 (σ_s² + σ_t²)^½: what moves farther than its error is left where it is. Its σ becomes the root of
    the mean variance with the same weights, as if all times erred alike: on a texture that stands still they do.

    Parameters
    ----------
    depth : Depth
        Planes (…, T, …, Y, X).
    axis : int
        Number of the axis of time.

    Returns
    -------
    Depth
        Pixels that were not measured stay as they are.
    """
    names = ("position", "sigma", "index")
    planes = [np.moveaxis(getattr(depth, name), axis, 0) for name in names]
    known = np.moveaxis(depth.measured, axis, 0)
    results = [np.empty_like(plane) for plane in planes]
    count = len(known)
    for t in track(range(count), "Steadying the depth"):
        others = range(max(0, t - REACH), min(count, t + REACH + 1))
        for result, steady in zip(results, _steady(planes, known, t, others), strict=True):
            result[t] = steady
    moved = {name: np.moveaxis(result, 0, axis) for name, result in zip(names, results, strict=True)}
    return replace(depth, **moved)


def _steady(planes: list[NDArray[Any]], known: NDArray[np.bool_], t: int, others: range) -> list[NDArray[Any]]:
    """Position, sigma and index of time `t`."""
    position, sigma, index = planes
    total = np.zeros(position.shape[1:], np.float32)
    sums = [np.zeros_like(total) for _ in planes]
    for s in others:
        apart = np.abs(position[s] - position[t])
        alike = known[s] & known[t] & (apart <= ALIKE * np.hypot(sigma[s], sigma[t]))
        weight = np.where(alike, 1 / np.maximum(sigma[s], TINY) ** 2, 0).astype(np.float32)
        total += weight
        for add, values in zip(sums, (position[s], np.square(sigma[s]), index[s]), strict=True):
            add += weight * np.where(alike, values, 0)
    took = total > 0
    means = [np.divide(part, total, out=part, where=took) for part in sums]
    means[1] = np.sqrt(means[1])
    return [np.where(took, mean, plane[t]) for mean, plane in zip(means, planes, strict=True)]
