"""Frames along their focus: how far apart they are, in which order, and where some are missing or too many."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..kernels.capture_cpu import Traces

    Table = NDArray[np.float64]  # (N, N) distances of frames

__all__ = ["COARSE_NOISE", "TEXTURED", "distances", "focus_order", "gaps", "repeated", "steps_along"]

COARSE_NOISE = 0.0239  # energy that white noise of variance 1 has in the coarse band
TEXTURED = 9.0  # times the energy of the noise from which there is texture
FEWEST = 8  # cells that are looked at, however little texture there is
GAP = 1.5  # times the four steps beside it that a step is suspected to be several: by hand they vary by less than that
GAP_AT_END = 2.5  # the same where there are steps on one side only
NO_GAP = 0.07  # change of the logarithm of the energy: what moves by less leaves nothing out
SAME, NOTHING = 0.15, 0.05  # of the steps beside it, and altogether: less is no step at all
CROOKED = 0.25  # detours among the steps of a path: a line has none, frames in random order half of all
MUCH_SHORTER = 0.6  # a new order's path, of the old one's, to be believed where all frames move
DETOUR = 0.4  # of a frame's own two steps that it must save to change places with its neighbours
FAR = 2.5  # times the steps beside it that a frame, or a part of the burst, must save to go farther than that: a flat
# scene looks alike on both sides of its focus, so its last frame might as well come first


def distances(state: Traces, noise: NDArray[np.float64], means: NDArray[np.float64]) -> Table:
    """(N, N) root mean square difference of the logarithms of the frames' energies, where there is texture."""
    light = means[:, None] ** 2
    energies = np.stack([cell.ravel() for cell in state.signatures]) / light
    floor = COARSE_NOISE * float((noise[:, None] ** 2 / light).max()) + 1e-9
    most = energies.max(0)
    kept = most > min(TEXTURED * floor, np.sort(most)[-min(len(most), FEWEST)] * 0.999)
    logs = np.log(energies[:, kept] + 3 * floor)
    squares = np.square(logs).sum(1)
    apart: Table = np.maximum(squares[:, None] + squares - 2 * logs @ logs.T, 0) / logs.shape[1]
    return np.sqrt(apart)


def steps_along(apart: Table, path: Sequence[int]) -> NDArray[np.float64]:
    """(N - 1,) distance of each frame of a path from the next."""
    return apart[path[:-1], path[1:]]


def focus_order(apart: Table) -> list[int]:
    """All frames in the order of their focus: as they come, but for what must be elsewhere.

    Focus is a line, so frames in order make a path without detours. One that is all detours is put in order by the
    second eigenvector of the graph of the frames' likeness (Fiedler, Czechoslovak Math. J. 1975); single frames that
    make a detour go where they make none; and a burst that begins in its middle is turned.
    """
    count = len(apart)
    path = list(range(count))
    straight = steps_along(apart, path)
    skipping = apart[path[:-2], path[2:]]
    if (straight[:-1] + straight[1:] - skipping).sum() > CROOKED * (straight[:-1] + straight[1:]).sum():
        other = _spectral(apart)
        if steps_along(apart, other).sum() < MUCH_SHORTER * straight.sum():
            path = other
    path = _turned(apart, path)
    for _ in range(count):
        moved = _mended(apart, path)
        if moved is None:
            break
        path = moved
    return path


def _spectral(apart: Table) -> list[int]:
    """Frames along the second eigenvector of their graph, in the direction in which they come."""
    nearest = np.sort(apart + np.diag(np.full(len(apart), np.inf)), axis=1)[:, :2]
    scale = max(2 * float(np.median(nearest)), 1e-6)
    likeness = np.exp(-((apart / scale) ** 2)) + 1e-6
    laplacian = np.diag(likeness.sum(1)) - likeness
    found = np.argsort(np.linalg.eigh(laplacian)[1][:, 1], kind="stable")
    backwards = np.corrcoef(found, np.arange(len(apart)))[0, 1] < 0
    return [int(k) for k in (found[::-1] if backwards else found)]


def _turned(apart: Table, path: list[int]) -> list[int]:
    """Path cut at its longest step and joined at its ends, where that saves much: file numbers began anew."""
    steps = steps_along(apart, path)
    cut = int(steps.argmax())
    beside = np.concatenate([steps[max(0, cut - 2) : cut], steps[cut + 1 : cut + 3]])
    saved = steps[cut] - apart[path[-1], path[0]]
    return path[cut + 1 :] + path[: cut + 1] if saved > FAR * max(beside, default=np.inf) else path


def _mended(apart: Table, path: list[int]) -> list[int] | None:
    """Path with the one frame moved that saves most, None where nothing is to be saved."""
    best, found = 0.0, None
    for i, frame in enumerate(path):
        rest = path[:i] + path[i + 1 :]
        own = steps_along(apart, path)[max(0, i - 1) : i + 1]
        removed = own.sum() - (apart[path[i - 1], path[i + 1]] if len(own) == 2 else 0)
        to = apart[frame, rest]
        added = np.concatenate([to[:1], to[:-1] + to[1:] - steps_along(apart, rest), to[-1:]])
        around = steps_along(apart, rest)[max(0, i - 3) : i + 2]
        far = np.abs(np.arange(len(path)) - i) > 2
        least = np.where(far, FAR * max(around, default=np.inf), DETOUR * own.sum())
        gain = np.where(removed - added > np.maximum(least, NOTHING), removed - added, 0)
        place = int(gain.argmax())
        if gain[place] > best:
            best, found = float(gain[place]), [*rest[:place], frame, *rest[place:]]
    return found


def gaps(steps: NDArray[np.float64], path: Sequence[int], least: float = 0.0) -> tuple[tuple[int, int], ...]:
    """Neighbours in focus whose step stands out from those beside it, and is larger than the `least` that matters."""
    found = []
    for i, pair in enumerate(pairwise(path)):
        before, after = steps[max(0, i - 2) : i], steps[i + 1 : i + 3]
        times = GAP if len(before) and len(after) else GAP_AT_END
        if steps[i] > max(least, times * max([*before, *after], default=np.inf)):
            found.append(pair)
    return tuple(found)


def repeated(steps: NDArray[np.float64], path: Sequence[int]) -> tuple[int, ...]:
    """Frames whose step from the one before is none, compared with the steps beside it."""
    found = []
    for i, step in enumerate(steps):
        beside = np.concatenate([steps[max(0, i - 2) : i], steps[i + 1 : i + 3]])
        taken_next = abs(path[i + 1] - path[i]) == 1
        if taken_next and step < min(NOTHING, SAME * float(np.median(beside))):
            found.append(path[i + 1])
    return tuple(found)
