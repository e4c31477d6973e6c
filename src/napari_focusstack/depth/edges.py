"""Depth edges put where they belong, by a second look at the frames on both sides of every jump."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Frames, visit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["Contours", "placed"]

JUMP = 1.0  # frames between two surfaces, from which on a depth edge is looked for
REACH = 4, 12  # px around a jump that are decided anew, at least and at most
ROUNDS = 20  # of the mean field: more change little
LEAST = 0.5  # of the contrast: a difference of two pixels that is mostly noise
CUT = 1.6  # of the contrast: a difference of two pixels that is a contour


def placed(
    frames: Frames,
    index: Plane,
    sigma: Plane,
    known: NDArray[np.bool_],
    *,
    contrast: float,
    radius: float,
    channel: int = -1,
) -> tuple[Plane, Plane]:
    """Depth whose jumps lie on the contours of the nearer surfaces, and its standard deviation.

    A focus measure decides by neighbourhoods: the contour of the nearer surface, sharp in its own frame, wins the
    background's pixels beside it. Here every pixel within reach of a jump is given to one of the two surfaces, the
    least and the largest depth around it, by what the frames of these two depths show between it and its eight
    neighbours; see `kernels.contours.shares`.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C), aligned; read once more, unless there are no jumps.
    index, sigma : ndarray
        (Y, X) float32: depth, as a number of a frame with fractions, finite; and its standard deviation.
    known : ndarray
        (Y, X) bool: where the depth was measured. Only between such pixels there are jumps.
    contrast : float
        Step of the picture that is an edge, in the scale of `to_float`.
    radius : float
        Neighbourhood of the focus measure, in px: jumps lie up to twice as far from where they belong.
    channel : int
        Channel that is looked at; -1: all.

    Returns
    -------
    index, sigma : ndarray
        (Y, X) float32, unchanged farther from jumps.

    Notes
    -----
    Memory: 28 bytes a pixel, whatever the number of frames.
    """
    contours = Contours(index, known, contrast=contrast, radius=radius, channel=channel)
    if not contours.any:
        return index, sigma
    for k, image in visit(frames, "Placing the depth edges"):
        contours.see(image, k)
    return contours.settled(index, sigma)


class Contours:
    """What frames that come one by one show between neighbours beside jumps of a depth; arguments as of `placed`."""

    def __init__(
        self, index: Plane, known: NDArray[np.bool_], *, contrast: float, radius: float, channel: int = -1
    ) -> None:
        from ..kernels import contours

        self._reach = min(max(math.ceil(2 * radius) + 1, REACH[0]), REACH[1])
        self._low, self._high = contours.beside_jumps(index, known, JUMP, self._reach)
        self._index, self._contrast, self._channel = index, contrast, channel
        self._codes = np.zeros((*index.shape, contours.PAIRS, 2), np.uint8)

    @property
    def any(self) -> bool:
        """Whether there are jumps."""
        return not np.array_equal(self._low, self._high)

    def see(self, image: NDArray[Any], k: int) -> None:
        """Look at frame `k`, (Y, X, C) as stored."""
        from ..kernels import contours

        contours.compare(image, k, self._low, self._high, self._channel, LEAST * self._contrast, self._codes)

    def first_is_nearest(self) -> bool:
        """Whether the contours are sharper in the frames of lower numbers, as those of what is nearer are."""
        return self._shares()[1]

    def settled(self, index: Plane, sigma: Plane) -> tuple[Plane, Plane]:
        """Depth, and its standard deviation, of the surface that each pixel beside a jump belongs to."""
        from ..kernels import contours

        return contours.settle(index, sigma, self._low, self._high, self._shares()[0], self._reach)

    def _shares(self) -> tuple[Plane, bool]:
        from ..kernels import contours

        least, cut = LEAST * self._contrast, CUT * self._contrast
        return contours.shares(self._index, self._low, self._high, self._codes, least, cut, ROUNDS)
