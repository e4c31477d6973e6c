"""Passes over frames that are being aligned: means over blocks of pixels, and the sums a step of a motion follows from.

They run on reduced frames of at most about a megapixel, where a GPU would gain nothing: there is no twin in torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from ..arrays import unit
from .strips import over_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BAND", "gram", "reduced"]

BAND = 16  # rows: bands of so many belong to the one and the other half of the pixels in turn
FIELDS = 8  # one for each generator of the motions

f4 = np.float32


def reduced(image: NDArray[Any], factor: int) -> NDArray[np.float32]:
    """Means over blocks of factor × factor pixels.

    Parameters
    ----------
    image : (Y, X, C)
        As stored.
    factor : int
        Side of the blocks in px; rows and columns beyond the last whole block are left out.

    Returns
    -------
    (Y // factor, X // factor, C) float32, in the scale of `to_float`
    """
    rows, columns, channels = image.shape
    out = np.empty((rows // factor, columns // factor, channels), f4)
    compiled = np.dtype(np.float32) if image.dtype.char in "eg" else image.dtype.newbyteorder("=")  # not half, not long
    flat = np.ascontiguousarray(image, compiled).reshape(rows, columns * channels)
    over_rows(_reduced, len(out), out, flat, factor, f4(1 / (factor * factor * unit(image.dtype))))
    return out


@njit(cache=True, nogil=True)
def _reduced(out, image, factor, scale, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    width, channels = out.shape[1:]
    total = np.empty(width * factor * channels, f4)
    for y in range(start, stop):
        total[:] = 0
        for j in range(factor):
            row = image[y * factor + j]
            for i in range(total.size):
                total[i] += row[i]
        for x in range(width):
            for c in range(channels):
                value = f4(0)
                for i in range(factor):
                    value += total[(x * factor + i) * channels + c]
                out[y, x, c] = value * scale


def gram(
    template: NDArray[np.float32],
    moved: NDArray[np.float32],
    matrix: NDArray[np.float64],
    to_middle: NDArray[np.float64],
    parameters: int,
    tolerance: float,
) -> NDArray[np.float64]:
    """Inner products of all that a step of the motion is computed from, over each half of the pixels.

    Parameters
    ----------
    template, moved : (Y, X) float32
        The image to align to, and the image to align as the motion found so far brings it there.
    matrix : (3, 3) float64
        That motion in px; only pixels that it takes from inside the image count.
    to_middle : (3, 3) float64
        From px to the coordinates in which the motion's steps are counted.
    parameters : int
        Number of the motion's generators.
    tolerance : float
        Difference between the two at which a pixel counts half (Cauchy's weights).

    Returns
    -------
    (2, P + 3, P + 3) float64
        Products of the P images of steepest descent (the change of `moved` with a step along each generator, with the
        mean of both images' gradients: Malis, ICRA 2004), of `moved`, of ones and of `template`, in this order.
    """
    scale, origin = f4(to_middle[0, 0]), to_middle[:2, 2].astype(f4)
    sharpness = f4(tolerance**-2)
    strips = over_rows(
        _gram, len(template), template, moved, matrix.astype(f4), scale, origin, parameters, sharpness, align=BAND
    )
    return np.asarray(np.sum(strips, axis=0))


@njit(cache=True, nogil=True)
def _gram(template, moved, matrix, scale, origin, parameters, sharpness, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    rows, columns = template.shape
    out = np.zeros((2, parameters + 3, parameters + 3))
    fields = np.empty((FIELDS + 3, columns - 2), f4)
    used = np.append(np.arange(parameters), np.arange(FIELDS, FIELDS + 3))
    for y in range(max(start, 1), min(stop, rows - 1)):
        _fields(fields, template[y - 1 : y + 2], moved[y - 1 : y + 2], y, rows, matrix, scale, origin, sharpness)
        products = out[y // BAND % 2]
        for i in range(used.size):
            for j in range(i, used.size):
                products[i, j] += _dot(fields[used[i]], fields[used[j]])
    for i in range(used.size):
        for j in range(i):
            out[:, i, j] = out[:, j, i]
    return out


@njit(cache=True, nogil=True, fastmath=True)
def _fields(fields, template, moved, row, rows, matrix, scale, origin, sharpness):  # type: ignore[no-untyped-def]  # pragma: no cover
    above, here, below = template
    moved_above, moved_here, moved_below = moved
    j, last, bottom = f4(row), f4(here.size - 2), f4(rows - 2)
    y, half = j * scale + origin[1], f4(0.25) / scale
    for k in range(here.size - 2):
        i = f4(k + 1)
        u = matrix[0, 0] * i + matrix[0, 1] * j + matrix[0, 2]
        v = matrix[1, 0] * i + matrix[1, 1] * j + matrix[1, 2]
        depth = matrix[2, 0] * i + matrix[2, 1] * j + matrix[2, 2]
        inside = (u >= depth) & (u <= last * depth) & (v >= depth) & (v <= bottom * depth)
        difference = here[k + 1] - moved_here[k + 1]
        weight = f4(1) / (f4(1) + difference * difference * sharpness) if inside else f4(0)
        x = i * scale + origin[0]
        weight = np.sqrt(weight)
        gx = weight * half * (here[k + 2] - here[k] + moved_here[k + 2] - moved_here[k])
        gy = weight * half * (below[k + 1] - above[k + 1] + moved_below[k + 1] - moved_above[k + 1])
        outward = x * gx + y * gy
        fields[0, k] = gx
        fields[1, k] = gy
        fields[2, k] = x * gy - y * gx
        fields[3, k] = outward
        fields[4, k] = x * gx - y * gy
        fields[5, k] = y * gx + x * gy
        fields[6, k] = -x * outward
        fields[7, k] = -y * outward
        fields[8, k] = weight * moved_here[k + 1]
        fields[9, k] = weight
        fields[10, k] = weight * here[k + 1]


@njit(cache=True, nogil=True, fastmath=True)
def _dot(a, b):  # type: ignore[no-untyped-def]  # pragma: no cover
    total = f4(0)
    for i in range(a.size):
        total += a[i] * b[i]
    return total
