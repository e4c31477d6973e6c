"""What is wrong with the light of a burst: clipped pixels, dust, dead and hot pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ..arrays import unit
from ..kernels.strips import over_rows
from ..progress import track

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..kernels.capture_cpu import Traces

    Plane = NDArray[Any]  # (Y, X) float32, or on the grid
    Mask = NDArray[np.bool_]

__all__ = ["Brightest", "dusty"]

SAMPLED = 4  # rows between those that are counted
WHITE_SHARE = 1e-5  # of the pixels that a white level is met by, at least: the top of noise is met by a few
PILE = 3.0  # times as many pixels as lie up to 1 % below it
SPOT = 0.03  # least difference of a spot from its surroundings, as a share of their light: dust that can be seen
STEADY = 0.1  # scatter of that difference over the frames, as a share of it: defocus changes it by far more
NOISY = 1.5  # times the scatter of plain surroundings that is taken for noise
CERTAIN = 8.0  # standard errors: in 20 million pixels, noise comes to 6
ENOUGH = 6  # frames to judge by what does not change
ISOLATED = 6.0  # times the usual difference around it
BESIDE, ALONE = 6, 0.5  # px around a spot where nothing may be half as strong as itself: it would be texture
SURROUNDING = 21  # of the grid, 84 px: what "around" means
MARGIN = 16  # px: what is nearer to the border has too little around it
LARGEST_SPOT, LARGEST_HOT = 32, 7  # px across, with a rim of one: of a shadow, and of a pixel that is too bright


class Brightest:
    """The largest value of the frames so far, and how many pixels lie at it and just below."""

    def __init__(self) -> None:
        self.top = -math.inf
        self.at, self.below, self.seen = 0, 0, 0

    def see(self, image: NDArray[Any]) -> None:
        """Take a frame, (Y, X, C) as stored, into account."""
        sample = image[::SAMPLED]
        top = float(image.max())
        if top > self.top:
            self.top, self.at, self.below, self.seen = top, 0, 0, 0
        at = int(np.count_nonzero(sample >= self.top))
        self.at += at
        self.below += int(np.count_nonzero(sample >= 0.99 * self.top)) - at
        self.seen = max(self.seen, sample.size)

    def white(self, dtype: np.dtype[Any]) -> float | None:
        """Stored value that stands for a full pixel, None where no value is one.

        That is the maximum of the type; or, for 12 bit in a file of 16 and for floats, the largest value where pixels
        pile up at it, as they do where light is cut off.
        """
        if dtype.kind == "u" and self.top == unit(dtype):
            return self.top
        piles_up = self.at > max(WHITE_SHARE * self.seen, 20 / SAMPLED) and self.at > PILE * self.below
        return self.top if self.top > 0 and piles_up else None


def dusty(state: Traces, count: int) -> Mask:
    """Isolated spots whose difference from their surroundings is the same in all `count` frames, (Y, X)."""
    height, width = state.spots.shape
    found = np.zeros((height, width), np.uint8)
    if count < ENOUGH or min(height, width) <= 2 * MARGIN:
        return found.astype(np.bool_)
    usual, quiet = (np.empty(state.coarse.shape, np.float32) for _ in range(2))
    over_rows(_survey, height, state, count, usual, quiet, align=state.grid)
    usual = cv2.blur(usual, (SURROUNDING, SURROUNDING))
    quiet = cv2.erode(cv2.blur(quiet, (3, 3)), np.ones((SURROUNDING, SURROUNDING), np.uint8))
    over_rows(_mark, height, state, count, usual, quiet, found, align=state.grid)
    return _compact(found, state.spots) if found.any() else found.astype(np.bool_)


def _survey(state: Traces, count: int, usual: Plane, quiet: Plane, start: int, stop: int) -> None:
    """Mean size of the differences, and their mean scatter over the frames, at the points of the grid."""
    mean, scatter = _differences(state, count, start, stop)
    rows = slice(start // state.grid, -(-stop // state.grid))
    for plane, values in ((usual, np.abs(mean)), (quiet, scatter)):
        plane[rows] = cv2.resize(values, plane[rows].shape[::-1], interpolation=cv2.INTER_AREA)


def _mark(state: Traces, count: int, usual: Plane, quiet: Plane, found: Plane, start: int, stop: int) -> None:
    """Mark what stands out of its surroundings, and does so alike in all frames."""
    mean, scatter = _differences(state, count, start, stop)
    size = np.abs(mean)
    rows = slice(start // state.grid, -(-stop // state.grid))
    around, noise = (
        plane[rows].repeat(state.grid, 0)[: len(size)].repeat(state.grid, 1)[:, : size.shape[1]]
        for plane in (usual, quiet)
    )
    least = np.maximum(np.maximum(SPOT, CERTAIN / math.sqrt(count) * noise), ISOLATED * around)
    marked = (size > least) & (np.square(scatter) < np.square(STEADY * size) + np.square(NOISY * noise))
    marked[: max(MARGIN - start, 0)] = False
    marked[max(len(found) - MARGIN - start, 0) :] = False
    found[start:stop, MARGIN:-MARGIN] = marked[:, MARGIN:-MARGIN]


def _differences(state: Traces, count: int, start: int, stop: int) -> tuple[Plane, Plane]:
    """Mean over the frames of how much pixels differ from their surroundings, and its standard deviation."""
    mean = state.spots[start:stop] / np.float32(count)
    scatter = np.sqrt(np.maximum(state.squares[start:stop] / np.float32(count) - np.square(mean), 0))
    return mean, scatter


def _compact(marked: Plane, spots: Plane) -> Mask:
    """Marked spots, with a rim of a pixel, that are not larger than dust or a bad pixel can be, and stand alone."""
    whole = cv2.dilate(marked, np.ones((3, 3), np.uint8))  # of several parts, perhaps
    many, labels, boxes, _ = cv2.connectedComponentsWithStats(whole)
    kept = np.zeros(many, np.bool_)
    for spot in track(range(1, many)):
        left, top, width, height = (int(value) for value in boxes[spot, :4])
        rows, columns = (slice(max(0, a - BESIDE), a + b + BESIDE) for a, b in ((top, height), (left, width)))
        own, values = labels[rows, columns] == spot, spots[rows, columns]
        peak = values[own][np.abs(values[own]).argmax()]
        small = max(width, height) <= (LARGEST_HOT if peak > 0 else LARGEST_SPOT)
        kept[spot] = small and np.abs(values[~own]).max() < ALONE * abs(peak)
    return np.asarray(kept[labels])
