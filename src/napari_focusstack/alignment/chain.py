"""From frame to frame: the links of a burst, which of them are believed, and one motion per frame.

A motion is believed where it predicts pixels that it was not measured on. Where it does not, the frames are taken to
stand still or, in a burst that does move, to follow its focus breathing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from .motion import exponential
from .pair import Fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .motion import Matrix

__all__ = ["Breathing", "Link", "believed", "chained", "composed", "log_scale", "proven", "smooth_scale"]

T = TypeVar("T")

PATIENCE = 2  # frames in a row that may fit nowhere; if more do, the scene has changed
ALIKE = 0.8  # correlation above which a frame always fits
TELLING = 0.5  # correlation below which frames are too noisy to tell whether another one fits
DECISIVE = 5.0  # standard deviations of the votes that prove a motion
HALF = 0.5  # or the part of the difference between the frames that it explains,
CONSISTENT = 2.0  # with votes that agree so far
ENOUGH = 5  # links that a smooth scale is fitted to
HUBER = 1.345  # standard deviations up to which a link counts fully
MAD_TO_SIGMA = 1.4826  # of a normal distribution


@dataclass(frozen=True, slots=True)
class Link:
    """Fit of a frame, `first`, to a later one, `second`."""

    first: int
    second: int
    fit: Fit


def chained(views: Iterable[tuple[int, T]], measure: Callable[[T, T, Sequence[Matrix]], Fit]) -> list[Link]:
    """Links of each frame to the next one that it fits, in one pass that holds two frames.

    A frame that suddenly resembles its neighbour much less than the frames before it did (a flash that failed, another
    scene) is passed over: the chain goes on from the frame before it.

    Parameters
    ----------
    views : iterable of (int, T)
        Number and view of each frame, in order.
    measure : callable
        Gives the fit of two views, with guesses of the motion.

    Returns
    -------
    list of Link
        Each begins where the one before it ends. Frames that no link touches fit nowhere.
    """
    links: list[Link] = []
    waiting: list[Link] = []  # from frame to frame, since the chain's end fits no more
    end: tuple[int, T] | None = None
    last: tuple[int, T] | None = None
    for here in views:
        if end is None or last is None:
            end = last = here
            continue
        guesses = [links[-1].fit.motion] if links else []
        onward = Link(last[0], here[0], measure(last[1], here[1], guesses))
        direct = Link(end[0], here[0], measure(end[1], here[1], guesses)) if waiting else onward
        if not links or not _breaks(direct, links[-1]):
            links, waiting, end = [*links, direct], [], here
        elif len(waiting) == PATIENCE:
            links, waiting, end = [*links, *waiting, onward], [], here
        else:
            waiting = [*waiting, onward]
        last = here
    for k in reversed(range(min(PATIENCE, len(links) - 1))):  # the first frames had none to be compared with
        if _breaks(links[k], links[k + 1]):
            return links[k + 1 :]
    return links


def _breaks(link: Link, other: Link) -> bool:
    """Whether a link is much weaker than another one, by Fisher's transform of their correlations."""
    if link.fit.correlation >= ALIKE or other.fit.correlation < TELLING:
        return False
    here, there = (np.arctanh(np.clip(one.fit.correlation, 0, 1 - 1e-9)) for one in (link, other))
    return bool(here < there / 2)


def proven(links: Sequence[Link]) -> NDArray[np.bool_]:
    """Which links' motions are accepted.

    A motion is proven where the votes for it (`Fit.votes`) differ from 0 by `DECISIVE` standard deviations, or where it
    explains half of what differs. In a burst in which most motions are proven, the others count as soon as they explain
    anything at all. None counts between frames that resemble each other much less than most do.
    """
    if not links:
        return np.zeros(0, bool)
    votes, squares, differences = np.array([link.fit.votes for link in links]).reshape(-1, 3).T
    deviations = votes / np.sqrt(np.maximum(squares, np.finfo(float).tiny))
    decided = (deviations >= DECISIVE) | ((votes >= HALF * differences) & (deviations >= CONSISTENT))
    moves = 2 * np.count_nonzero(decided) > len(links)
    usual = sorted(links, key=lambda link: link.fit.correlation)[len(links) // 2]
    alike = np.array([not _breaks(link, usual) for link in links])
    return np.asarray((votes > 0 if moves else decided) & alike)


@dataclass(frozen=True, slots=True)
class Breathing:
    """Logarithm of the scale as a quadratic of the frame number, which holds from frame `start` to frame `stop`."""

    slope: float = 0.0
    bend: float = 0.0
    start: int = 0
    stop: int = 0

    def motion(self, first: int, second: int) -> Matrix:
        """Motion from one frame to another; none beyond the frames that are known, where a quadratic says nothing."""
        a, b = np.clip([first, second], self.start, self.stop)
        growth = self.slope * (b - a) + self.bend * (b * b - a * a)
        return exponential(np.array([0, 0, 0, growth])) if growth else np.eye(3)


def smooth_scale(numbers: NDArray[np.int_], scales: NDArray[np.float64]) -> tuple[Breathing, float]:
    """Focus breathing, from the scales of links, and their robust standard deviation from it.

    For equal steps of the focus the scale changes smoothly over the sweep. The fit is robust (Huber's weights).

    Parameters
    ----------
    numbers : (L, 2) int
        First and second frame of each link.
    scales : (L,) float64
        Logarithm of the scale from the one to the other.
    """
    first, second = numbers.T
    rows = np.stack([second - first, second**2 - first**2], axis=1).astype(float)
    slope, bend, deviation = float(np.median(scales / rows[:, 0])), 0.0, 0.0  # a start that no bad link bends
    for _ in range(20):
        away = np.abs(scales - rows @ [slope, bend])
        deviation = max(MAD_TO_SIGMA * float(np.median(away)), np.finfo(float).tiny)
        root = np.sqrt(1 / np.maximum(1, away / (HUBER * deviation)))
        slope, bend = np.linalg.lstsq(rows * root[:, None], scales * root, rcond=None)[0]
    return Breathing(float(slope), float(bend), int(first.min()), int(second.max())), deviation


def believed(links: Sequence[Link]) -> tuple[list[Link], Breathing]:
    """Links with the motions that are believed, and the focus breathing.

    A measured scale is drawn towards the smooth one as far as its own doubt explains that it is not there already
    (empirical Bayes). Where the breathing is regular, the noise of the scales is averaged away; where the focus steps
    are irregular, the scales stay as they were measured.
    """
    known = proven(links)
    if np.count_nonzero(known) < ENOUGH or not links[0].fit.response.size:
        return [link if k else _with(link, np.eye(3)) for link, k in zip(links, known, strict=True)], Breathing()
    numbers = np.array([(link.first, link.second) for link in links])
    scales = np.array([log_scale(link.fit.motion) for link in links])
    breathing, deviation = smooth_scale(numbers[known], scales[known])
    doubt = np.mean([link.fit.doubt**2 for link, k in zip(links, known, strict=True) if k])
    result = []
    for link, scale, is_known in zip(links, scales, known, strict=True):
        smooth = breathing.motion(link.first, link.second)
        away = scale - log_scale(smooth)
        real = max(deviation**2, away**2) - doubt  # variance of what is not noise
        share = doubt / (doubt + max(real, 0.0)) if doubt > 0 else 0.0
        corrected = link.fit.motion @ exponential(-share * away * link.fit.response)
        result.append(_with(link, corrected if is_known else smooth))
    return result, breathing


def _with(link: Link, motion: Matrix) -> Link:
    return replace(link, fit=replace(link.fit, motion=motion))


def log_scale(motion: Matrix) -> float:
    """Logarithm of the scale at the middle."""
    return float(np.log(abs(np.linalg.det(motion[:2, :2] / motion[2, 2])))) / 2


def composed(links: Sequence[Link], reference: int) -> dict[int, Matrix]:
    """Motion from the reference to each frame that the links reach.

    Motions map coordinates of the first frame to the second one's, so that to go on from a frame is to multiply on the
    left, ``M[second] = motion @ M[first]``. (In the other sense, frame to reference, the neighbour's is on the left.)
    """
    motions: dict[int, Matrix] = {reference: np.eye(3)}
    for link in links:
        if link.first >= reference:
            motions[link.second] = link.fit.motion @ motions[link.first]
    for link in reversed(links):
        if link.second <= reference:
            motions[link.first] = np.asarray(np.linalg.solve(link.fit.motion, motions[link.second]), np.float64)
    return motions
