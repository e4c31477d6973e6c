"""Depth without gaps and with less noise, up to the edges of the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..kernels.strips import over_rows
from .result import RELIABLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["regularised", "smooth", "supported"]

LEAST = 1e-3  # σ that a measured pixel has at least, in units of index
LAGS = (4, 8, 16, 32, 64, 128)  # px at which measured depths are compared with one another
ALONE, BACKED = 0.1, 0.4  # of a depth's surroundings agree with it, where that is none, and where it is plenty
DOUBT = 0.35  # of the confidence that a depth alone loses
SURROUNDINGS = 3.0  # in units of the radius of the focus measure
SAMPLED = 4  # px between pixels that stand for all of them


def supported(index: Plane, sigma: Plane, confidence: Plane, *, radius: float) -> Plane:
    """Confidence, less 0.35 where hardly any of the surroundings agrees with the depth.

    Noise that stands out by chance, just so, shows as specks of a depth of their own, no larger than the focus
    measure's neighbourhood. Hairs, too, fill little of a window three times as large, but stand out by far.

    Parameters
    ----------
    index, sigma, confidence : ndarray
        (Y, X) float32, see `Depth`.
    radius : float
        Neighbourhood of the focus measure, in px.

    Returns
    -------
    ndarray
        (Y, X) float32, a new array.
    """
    from ..kernels.backing import backing

    share = backing(index, sigma, confidence >= RELIABLE, round(SURROUNDINGS * radius))
    over_rows(_trust_rows, len(share), confidence, share)
    return share


def _trust_rows(confidence: Plane, share: Plane, start: int, stop: int) -> None:
    rows = slice(start, stop)
    alone = 1 - np.clip((share[rows] - ALONE) / np.float32(BACKED - ALONE), 0, 1)
    share[rows] = np.maximum(confidence[rows] - np.float32(DOUBT) * alone, 0)


def regularised(
    index: Plane,
    sigma: Plane,
    confidence: Plane,
    picture: Plane,
    *,
    contrast: float,
    reach: float = 30.0,
    smoothing: float = 2.0,
) -> tuple[Plane, Plane]:
    """Depth filled where it was not measured and smoothed where it was, and its standard deviation.

    Parameters
    ----------
    index, sigma : ndarray
        (Y, X) float32: depth, as a number of a frame with fractions, and its standard deviation; finite.
    confidence : ndarray
        (Y, X) float32, 0 to 1; from `RELIABLE` on, a depth counts as measured.
    picture : ndarray
        (Y, X) float32: grey of the all-in-focus picture.
    contrast : float
        Step of the picture at which the coupling of two pixels falls to 1/e.
    reach : float
        Distance, in px, over which a measured depth loses its say in what is filled.
    smoothing : float
        Distance, in px, over which measured depths are smoothed; 0: not at all.

    Returns
    -------
    index, sigma : ndarray
        (Y, X) float32, new arrays.
    """
    from ..kernels.fill import filled

    height = len(index)
    weight, depth, error = (np.empty_like(index) for _ in range(3))
    over_rows(_weigh_rows, height, sigma, confidence, weight)
    around = filled(index, weight, picture, reach=reach, contrast=contrast)
    if np.isnan(around[0, 0]):
        return index.copy(), sigma.copy()
    middle = float(around[::SAMPLED, ::SAMPLED].mean())
    over_rows(_square_rows, height, index, middle, error)
    spread = filled(error, weight, picture, reach=reach, contrast=contrast)
    gaps = cv2.distanceTransform((confidence < RELIABLE).astype(np.uint8), cv2.DIST_L2, 5)
    lags = _wandering(index, confidence)
    over_rows(_mix_rows, height, index, sigma, confidence, around, middle, spread, gaps, lags, depth, error)
    smooth(depth, error, picture, contrast=contrast, smoothing=smoothing)
    return depth, error


def smooth(index: Plane, sigma: Plane, picture: Plane, *, contrast: float, smoothing: float) -> None:
    """Smooth depth (Y, X) in place, over `smoothing` px, by no more than σ, and not across the picture's edges."""
    from ..kernels.fill import filled

    if smoothing > 0:
        weight = np.empty_like(index)
        over_rows(_weigh_rows, len(index), sigma, np.ones_like(sigma), weight)
        calm = filled(index, weight, picture, reach=smoothing, contrast=contrast)
        over_rows(_bound_rows, len(index), calm, sigma, index)


def _weigh_rows(sigma: Plane, confidence: Plane, weight: Plane, start: int, stop: int) -> None:
    rows = slice(start, stop)
    sure = confidence[rows] >= RELIABLE
    weight[rows] = sure * confidence[rows] / np.square(np.maximum(sigma[rows], np.float32(LEAST)))


def _square_rows(index: Plane, middle: float, out: Plane, start: int, stop: int) -> None:
    rows = slice(start, stop)
    out[rows] = np.square(index[rows] - np.float32(middle))


def _wandering(index: Plane, confidence: Plane) -> NDArray[np.float32]:
    """By how much, typically, depths differ that were measured so many px apart: one value for each of `LAGS`."""
    found = [0.0]
    for lag in LAGS:
        parts = []
        for one, other in (
            ((slice(None, -lag), slice(None)), (slice(lag, None), slice(None))),
            ((slice(None), slice(None, -lag)), (slice(None), slice(lag, None))),
        ):
            some = (slice(None, None, SAMPLED), slice(None, None, SAMPLED))
            both = np.minimum(confidence[one][some], confidence[other][some]) >= RELIABLE
            parts.append(np.abs(index[one][some] - index[other][some])[both])
        apart = np.concatenate(parts)
        found.append(max(found[-1], float(np.sqrt(np.mean(np.square(apart)))) if apart.size else found[-1]))
    return np.array(found, np.float32)


def _mix_rows(
    index: Plane,
    sigma: Plane,
    confidence: Plane,
    around: Plane,
    middle: float,
    spread: Plane,
    gaps: Plane,
    lags: NDArray[np.float32],
    depth: Plane,
    error: Plane,
    start: int,
    stop: int,
) -> None:
    rows = slice(start, stop)
    share = np.clip(confidence[rows] / np.float32(RELIABLE) * 2 - 1, 0, 1)
    depth[rows] = around[rows] + share * (index[rows] - around[rows])
    wander = np.interp(gaps[rows], (0, *LAGS), lags).astype(np.float32)
    variance = np.maximum(spread[rows] - np.square(around[rows] - np.float32(middle)), 0)
    guess = np.sqrt(variance + np.square(wander))
    error[rows] = np.sqrt(share * np.square(sigma[rows]) + (1 - share) * np.square(guess))


def _bound_rows(smooth: Plane, error: Plane, depth: Plane, start: int, stop: int) -> None:
    rows = slice(start, stop)
    depth[rows] += np.clip(smooth[rows] - depth[rows], -error[rows], error[rows])
