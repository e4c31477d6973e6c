"""Frames along their focus: how far apart they are, in which order, and where some are missing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..kernels.capture_cpu import Traces

__all__ = ["COARSE_NOISE", "DENSE", "TEXTURED", "WANTED", "distances", "focus_order", "gaps", "repeated"]

COARSE_NOISE = 0.0183  # energy that white noise of variance 1 has in the coarse band
TEXTURED = 9.0  # times the energy of the noise from which there is texture
FEWEST = 8  # cells that are looked at, however little texture there is
GAP = 1.5  # times the four steps beside it that a step is suspected to be several
GAP_AT_END = 2.5  # the same where there are steps on one side only
SAME, NOTHING = 0.15, 0.05  # of the steps beside it, and altogether: less is no step at all
DENSE = 0.07  # mean change of sharpness, as a logarithm, below which frames are much closer than the depth of field
WANTED = 0.25  # change that is dense enough
FEW = 0.3  # of the frames
SHORTER, MUCH_SHORTER = 0.95, 0.6  # of the path through the frames that another order must take to be believed: where
# it moves few frames, and where it moves many (a flat scene looks alike on both sides of its focus)


def distances(state: Traces, noise: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, N) root mean square difference of the logarithms of the frames' energies, where there is texture."""
    light = means[:, None] ** 2
    energies = np.stack([cell.ravel() for cell in state.signatures]) / light
    floor = COARSE_NOISE * float((noise[:, None] ** 2 / light).max()) + 1e-9
    most = energies.max(0)
    kept = most > min(TEXTURED * floor, np.sort(most)[-min(len(most), FEWEST)] * 0.999)
    logs = np.log(energies[:, kept] + 3 * floor)
    squares = np.square(logs).sum(1)
    apart: NDArray[np.float64] = np.maximum(squares[:, None] + squares - 2 * logs @ logs.T, 0) / logs.shape[1]
    return np.sqrt(apart)


def focus_order(apart: NDArray[np.float64]) -> tuple[int, ...]:
    """Frames along their focus, by the second eigenvector of the graph of their likeness; empty where they are so."""
    count = len(apart)
    nearest = np.sort(apart + np.diag(np.full(count, np.inf)), axis=1)[:, :2]
    scale = max(2 * float(np.median(nearest)), 1e-6)
    likeness = np.exp(-((apart / scale) ** 2)) + 1e-6
    laplacian = np.diag(likeness.sum(1)) - likeness
    found = np.argsort(np.linalg.eigh(laplacian)[1][:, 1], kind="stable")
    if np.corrcoef(found, np.arange(count))[0, 1] < 0:
        found = found[::-1]
    straight, other = (sum(apart[a, b] for a, b in pairwise(path)) for path in (range(count), found.tolist()))
    moved = float((found != np.arange(count)).mean())
    believed = other < (SHORTER if moved <= FEW else MUCH_SHORTER) * straight
    return tuple(int(k) for k in found) if believed else ()


def gaps(
    apart: NDArray[np.float64], path: Sequence[int], positions: Sequence[float] | None
) -> tuple[tuple[int, int], ...]:
    """Neighbours in focus whose step stands out from those beside it; by their positions, where these are known."""
    pairs = list(pairwise(path))
    if positions is not None:
        lengths = np.abs([positions[b] - positions[a] for a, b in pairs])
        return tuple(pair for pair, far in zip(pairs, lengths > GAP * np.median(lengths), strict=True) if far)
    steps = [apart[a, b] for a, b in pairs]
    found = []
    for i, pair in enumerate(pairs):
        before, after = steps[max(0, i - 2) : i], steps[i + 1 : i + 3]
        most = (GAP if before and after else GAP_AT_END) * max(before + after, default=np.inf)
        if steps[i] > max(most, DENSE):
            found.append(pair)
    return tuple(found)


def repeated(steps: NDArray[np.float64], path: Sequence[int]) -> tuple[int, ...]:
    """Frames whose step from the one before is none, compared with the steps beside it."""
    found = []
    for i, step in enumerate(steps):
        beside = np.concatenate([steps[max(0, i - 2) : i], steps[i + 1 : i + 3]])
        if step < min(NOTHING, SAME * float(np.median(beside))):
            found.append(path[i + 1])
    return tuple(found)
