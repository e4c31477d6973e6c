"""What is kept of an elimination: where the frames, rendered again, bear it out, and nothing new comes up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from ..color import Transfer, to_linear, to_stored
from ..progress import apart
from .evidence import rims
from .law import Law
from .veils import Solved, Veils

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["SEGMENT", "Borne", "borne_out", "in_segments", "trust", "understood", "without_specks"]

SEGMENT = 65  # px: of a boundary, in which the frames must be rendered better than without the correction
TOLERANCE = 0.07  # of the range of values: what a frame rendered again may differ by, and noise
DOUBT = 2.0, 4  # times what may be, from which on nothing is done; below, a share, by this power of how many times
NOISES = 3.0  # standard deviations of the noise that it may differ by, too
AROUND = 7  # px, in which detail is compared, and trust
AGREED = (AROUND, 0.25, 0.75), (41, 0.4, 0.65)  # px around; mean trust at which nothing is done, and from which on all
UNDERSTOOD = 129, 0.25  # px around; mean trust there below which a network counts less: it never saw such a picture
RIM = 0.4  # of the detail in the frame of what is behind it: what the rim of a nearer surface has in its own at least
RAGGED, SQUARE = 0.06, 31  # share of the pixels within so many px at small jumps of depth: surfaces have few of them
SMALL = 0.5  # frames: the least of those jumps; the largest are depth edges
ROUGHER = 1.5, 0.003, 0.5  # what detail may grow by: a factor, something beside, and the light that is left at least
SMOOTHER = 0.8  # of the detail must stay: hairs that the index does not know are sharp in other frames only
STRICTER = 1.2, 0.001, 0.75  # the same where depth is ragged, and veils are as ragged
SPECK = 0.08  # of white: what a freed pixel may stand out from those around it by, beyond what it did before
AMONG = 0.5  # share of the 3 × 3 px around a speck that were freed, too: others may have their halo still
TIMES = 3  # that detail, and specks, are looked at: what was refused leaves edges


class Borne(NamedTuple):
    """How far the frames, rendered again, bear some points out.

    Attributes
    ----------
    sound : (P,) bool
        Whether each looks as it did, or nearly, and light is left.
    worst, before : (P,) float32
        By how much they differ from what was seen, of what they may: corrected, and as it was.
    """

    sound: NDArray[np.bool_]
    worst: NDArray[np.float32]
    before: NDArray[np.float32]

    @property
    def gain(self) -> NDArray[np.float32]:
        """(P,) by how much less they differ when corrected."""
        return np.minimum(self.before, 1) - np.minimum(self.worst, 1)


def borne_out(work: Veils, solved: Solved, law: Law, which: NDArray[np.intp], given: Plane) -> Borne:
    """Hold some points against the frames, rendered again."""
    tolerance = TOLERANCE + NOISES * work.evidence.noise
    worst, before = work.worst(solved, law, which) / tolerance
    own, behind = apart(rims, work.evidence, given, law.nearest, work.gap - 0.5, SEGMENT)
    sound = (worst <= DOUBT[0]) & (own >= RIM * behind)[which] & apart(work.leaves, solved.light, which)
    borne = Borne(sound, worst, before)
    return borne._replace(sound=sound & (borne.gain.mean() > 0))


def in_segments(
    work: Veils, which: NDArray[np.intp], borne: Borne, kept: NDArray[np.float32] | float = 1.0
) -> NDArray[np.bool_]:
    """Whether the frames of a segment around each point differ less, if so much of the correction is kept there."""
    where = tuple(work.evidence.points[which].T)
    return apart(_mean_around, borne.gain * kept, where, work.depth.shape, SEGMENT) > 0


def understood(work: Veils, which: NDArray[np.intp], rules: NDArray[np.float32]) -> NDArray[np.float32]:
    """(P,) 0 to 1: whether the rules trust enough of what is veiled around each point to believe others."""
    where = tuple(work.evidence.points[which].T)
    side, enough = UNDERSTOOD
    trusted, asked = (apart(_mean_around, values, where, work.depth.shape, side) for values in (rules, 1.0))
    return np.minimum(trusted / (enough * asked), 1)


def trust(
    work: Veils,
    stored: NDArray[np.float32],
    solved: Solved,
    which: NDArray[np.intp],
    given: Plane,
    borne: Borne,
) -> NDArray[np.float32]:
    """Of some points, 0 to 1: how far the frames bear them out, and no detail is lost or comes up."""
    light, veil = solved.light, solved.veil
    sound = borne.sound & in_segments(work, which, borne)
    where = tuple(work.evidence.points[which].T)
    most, power = DOUBT
    ragged = apart(_ragged, given, work.gap)[where]
    rougher, fine, mostly = np.where(ragged, *np.array([STRICTER, ROUGHER], np.float32)[:, :, None])
    detail = apart(_detail, stored)[where]
    allowed = rougher * detail / np.maximum(1 - veil[where], mostly) + fine + work.evidence.noise
    freed = apart(to_stored, light[where], work.transfer)
    least = SMOOTHER * detail - fine - work.evidence.noise
    sound &= apart(_detail_with, stored, where, freed, np.ones_like(sound)) >= least
    for _ in range(TIMES):
        left = apart(_detail_with, stored, where, freed, sound)
        still = sound & (left <= most * allowed) & (left >= least)
        if (still == sound).all():
            break
        sound = still
    share = 1 / np.maximum(borne.worst, 1) * (allowed / np.maximum(left, allowed))
    return _agreed(np.where(sound, share**power, np.float32(0)), where, veil.shape)


def _agreed(shares: Plane, where: tuple[NDArray[np.int32], ...], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Trust (P,) in points, less where there is little in those around: what was seen there is not understood."""
    found = shares
    for side, least, enough in AGREED:
        trusted, asked = (_mean_around(values, where, shape, side) for values in (shares, 1))
        found = found * np.clip((trusted / asked - least) / (enough - least), 0, 1)
    return np.asarray(found, np.float32)


def _mean_around(
    values: NDArray[np.float32] | float, where: tuple[NDArray[np.int32], ...], shape: tuple[int, ...], side: int
) -> NDArray[np.float32]:
    """(P,) mean of the points' values over a square of `side` px around each, in which other pixels have 0."""
    plane = np.zeros(shape, np.float32)
    plane[where] = values
    return np.asarray(cv2.blur(plane, (side, side))[where])


def _detail_with(
    stored: NDArray[np.float32], where: tuple[NDArray[np.int32], ...], freed: NDArray[Any], sound: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Detail around points of a picture that has been freed where it is sound."""
    picture = stored.copy()
    picture[tuple(axis[sound] for axis in where)] = freed[sound]
    return _detail(picture)[where]


def without_specks(
    stored: NDArray[np.float32],
    seen: NDArray[np.float32],
    where: tuple[NDArray[np.int32], ...],
    light: NDArray[Any],
    veil: Plane,
    transfer: Transfer,
) -> NDArray[Any]:
    """Light (P, C) of freed points, in which those that stand out, and did not before, take the median of 3 × 3 px."""
    from ..kernels.veil_cpu import LEAST_LEFT

    picture, calm = stored.copy(), light.copy()
    picture[where] = to_stored(light, transfer)
    before = np.max([np.abs(one - _median(one))[where].max(axis=1) for one in (stored, seen)], axis=0)
    allowed = SPECK + before / np.maximum(1 - veil[where], LEAST_LEFT)
    allowed[_mean_around(1, where, veil.shape, 3) < AMONG] = np.inf
    for _ in range(TIMES):
        median = _median(picture)[where]
        specks = np.abs(picture[where] - median).max(axis=1) > allowed
        picture[tuple(axis[specks] for axis in where)] = median[specks]
        calm[specks] = to_linear(median[specks], transfer)
    return calm


def _median(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median of each channel over 3 × 3 px."""
    return np.dstack([cv2.medianBlur(np.ascontiguousarray(picture[..., c]), 3) for c in range(picture.shape[2])])


def _ragged(depth: Plane, gap: float) -> NDArray[np.bool_]:
    """(Y, X) where depth jumps by little all over the place, as it does where it was hardly measured."""
    window = np.ones((3, 3), np.uint8)
    jumps = cv2.dilate(depth, window) - cv2.erode(depth, window)
    small = ((jumps > SMALL) & (jumps < gap)).astype(np.float32)
    return cv2.blur(small, (SQUARE, SQUARE)) > RAGGED


def _detail(picture: NDArray[np.float32]) -> Plane:
    """Root mean square of the Laplacian of all channels (Y, X, C) around each pixel (Y, X)."""
    edges = cv2.Laplacian(picture, cv2.CV_32F).reshape(picture.shape)
    square = np.einsum("yxc,yxc->yx", edges, edges) / np.float32(picture.shape[2])
    mean = cv2.blur(square, (AROUND, AROUND))
    return np.sqrt(np.maximum(mean, 0))  # type: ignore[no-any-return] # running sums end a little below 0
