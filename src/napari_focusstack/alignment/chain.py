"""From the links between neighbouring frames to one motion per frame: proof, focus breathing and composition.

What the links say is believed as far as it is proven. A motion counts where it predicts pixels that it was not measured
on; where it does not, the frames are taken to stand still, or, in a burst that does move, to follow its focus breathing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from .motion import exponential
from .pair import Fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .motion import Matrix

__all__ = ["Link", "chained", "composed", "proven", "smooth_scale"]

T = TypeVar("T")

PATIENCE = 2  # frames in a row that may fit nowhere; if more do, the scene has changed
ALIKE = 0.8  # correlation above which a frame always fits
DECISIVE = 5.0  # standard deviations of the votes that prove a motion
HALF = 0.5  # or the part of the difference between the frames that it explains,
CONSISTENT = 2.0  # with votes that agree so far
ENOUGH = 5  # links that a smooth scale is fitted to
GROW = 3  # number of the generator that changes the scale


@dataclass(frozen=True, slots=True)
class Link:
    """Motion measured from frame `first` to a later frame `second`."""

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
        Frames that no link touches fit nowhere.
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
        direct = onward
        if waiting:
            direct = Link(
                end[0], here[0], measure(end[1], here[1], [*guesses, onward.fit.motion @ waiting[-1].fit.motion])
            )
        if not links or not _breaks(direct, links[-1]):
            links, waiting, end = [*links, direct], [], here
        elif len(waiting) == PATIENCE:
            links, waiting, end = [*links, *waiting, onward], [], here
        else:
            waiting = [*waiting, onward]
        last = here
    while len(links) > 1 and _breaks(links[0], links[1]):
        links = links[1:]
    return links


def _breaks(link: Link, other: Link) -> bool:
    """Whether a link is so much weaker than another one that a frame does not belong (Fisher's scale of correlations)."""
    here, there = (np.arctanh(np.clip(one.fit.correlation, 0, 1 - 1e-9)) for one in (link, other))
    return bool(link.fit.correlation < ALIKE and here < there / 2)


def proven(links: Sequence[Link]) -> NDArray[np.bool_]:
    """Which links' motions are accepted.

    A motion is proven where the votes for it (`Fit.votes`) differ from 0 by `DECISIVE` standard deviations, or where it
    explains half of what differs. In a burst in which most motions are proven, the others count as soon as they explain
    anything at all.
    """
    votes, squares, differences = np.array([link.fit.votes for link in links]).reshape(-1, 3).T
    deviations = votes / np.sqrt(np.maximum(squares, np.finfo(float).tiny))
    decided = (deviations >= DECISIVE) | ((votes >= HALF * differences) & (deviations >= CONSISTENT))
    moves = 2 * np.count_nonzero(decided) > len(links)
    return np.asarray(votes > 0 if moves else decided)


def smooth_scale(links: Sequence[Link], known: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """Focus breathing: the logarithm of the scale as a quadratic of the frame number, from the links that are known.

    For equal steps of the focus the scale of the frames changes smoothly. The fit is robust (Huber's weights).

    Returns
    -------
    coefficients, deviation : (2,) float64, float
        Of frame number and frame number squared; and the robust standard deviation of the links from the fit.
    """
    number = np.array([(link.first, link.second) for link in links], float).T
    rows = np.stack([number[1] - number[0], number[1] ** 2 - number[0] ** 2], axis=1)[known]
    measured = np.array([log_scale(link.fit.motion) for link in links])[known]
    weights = np.ones(len(measured))
    coefficients, deviation = np.zeros(2), 0.0
    for _ in range(20):
        root = np.sqrt(weights)
        coefficients = np.linalg.lstsq(rows * root[:, None], measured * root, rcond=None)[0]
        rest = np.abs(measured - rows @ coefficients)
        deviation = max(1.4826 * float(np.median(rest)), np.finfo(float).tiny)
        weights = 1 / np.maximum(1, rest / (1.345 * deviation))
    return coefficients, deviation


def log_scale(motion: Matrix) -> float:
    """Logarithm of the scale at the middle."""
    return float(np.log(np.abs(np.linalg.det(motion[:2, :2] / motion[2, 2]))) / 2)


def believed(links: Sequence[Link]) -> tuple[list[Link], NDArray[np.float64]]:
    """Links with the motions that are believed, and the coefficients of the focus breathing.

    A scale is drawn towards the smooth one as far as its own doubt explains that it is not there (empirical Bayes): where
    the breathing is regular its noise is averaged away, where the focus steps are irregular the measured scale stays.
    Beyond the links that are known the frames are taken to stand still: a quadratic says nothing there.
    """
    known = proven(links)
    scaled = bool(links) and links[0].fit.response.size > 0
    coefficients, deviation = np.zeros(2), np.inf
    if scaled and np.count_nonzero(known) >= ENOUGH:
        coefficients, deviation = smooth_scale(links, known)
    doubt = float(np.sqrt(np.mean([link.fit.doubt**2 for link in links]))) if links else 0.0
    proof = [
        number for link, is_known in zip(links, known, strict=True) if is_known for number in (link.first, link.second)
    ]
    span = (min(proof), max(proof)) if proof else (0, 0)
    result = []
    for link, is_known in zip(links, known, strict=True):
        first, second = np.clip([link.first, link.second], *span)
        smooth = float(coefficients @ [second - first, second**2 - first**2])
        motion = exponential(np.array([0, 0, 0, smooth])) if smooth else np.eye(3)
        if is_known:
            rest = log_scale(link.fit.motion) - smooth
            own = max(deviation**2, rest**2) - doubt**2
            motion = link.fit.motion
            if scaled and np.isfinite(deviation):
                share = doubt**2 / (max(own, 0) + doubt**2) if doubt else 0.0
                motion = motion @ exponential(-share * rest * link.fit.response)
        result.append(replace(link, fit=replace(link.fit, motion=motion)))
    return result, coefficients


def composed(links: Sequence[Link], count: int, reference: int) -> dict[int, Matrix]:
    """Motion from the reference to each frame that the chain reaches.

    Motions map coordinates of the first frame to the second one's, so that going on from a frame multiplies on the left:
    ``M[second] = motion @ M[first]``; in the other sense, frame to reference, the neighbour's matrix is on the left.
    """
    motions = {reference: np.eye(3)}
    after = [link for link in links if link.first >= reference]
    before = [link for link in links if link.second <= reference]
    for link in after:
        motions[link.second] = link.fit.motion @ motions[link.first]
    for link in reversed(before):
        motions[link.first] = np.linalg.solve(link.fit.motion, motions[link.second])
    return motions
