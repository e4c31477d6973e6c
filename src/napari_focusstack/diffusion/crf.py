"""Masks that follow the edges of a picture: a dense conditional random field, and a matting of what it finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ..arrays import check_dtype, to_float
from ..focus import image_noise
from ..progress import apart, track

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Plane = NDArray[np.float32]  # (Y, X)
    Part = tuple[slice, slice]  # of a plane

__all__ = ["check_shares", "refined", "tiles"]

ITERATIONS = 5
NEAR_PX, NEAR_WEIGHT = 3.0, 1.0  # standard deviation and weight of what only looks at the distance
FAR_PX, FAR_WEIGHT = 80.0, 8.0  # of what looks at distance and colour
FEWER = 6.4  # weight of all that is as far, of any colour: it is taken off
COARSE = 8  # px of the picture to one, where that is summed
LEAST_COLOR = 3.0
SUREST = 1e-5  # probability
MATTINGS, RADIUS = 2, 4  # times that the mask becomes a function of colour within so many px to either side
ENOUGH, LITTLE = 0.2, 1e-4  # share of the mask's variance that colour has to explain; what is no variance
FAINTEST = 1e-3  # of white: differences of colour that tell nothing, where there is no noise
BRIGHTEST = 16.0  # of white, in a picture of floats: more is another scale
TILE, HALO = 1024, 160  # px: what is worked on at once, and what the field sees around it


def refined(mask: ArrayLike, picture: ArrayLike, *, color: float = 5.0) -> Plane:
    """Mask (Y, X) float32 in [0, 1] whose edges lie where the picture's are, and without specks.

    Parameters
    ----------
    mask : (Y, X) array_like
        How probably each pixel belongs to the foreground, 0 to 1.
    picture : (Y, X, C) or (Y, X) array_like
        Stored values, floats from 0 to 1; with another number of channels than three, their mean counts.
    color : float
        Standard deviation of colours, of 255, that belong together; 13 is usual for segmenting photographs, and loses
        more of what is fine.

    Raises
    ------
    ValueError
        If the two differ in size, values are no numbers or out of range, or `color` is too small.
    TypeError
        If the picture is of 64-bit integers, or of no numbers.

    Notes
    -----
    Krähenbühl and Koltun, "Efficient inference in fully connected CRFs with Gaussian edge potentials" (NIPS 2011), for
    two labels: q ← σ(log(p / (1 - p)) + Σ_m w_m K_m (2 q - 1)), five times, where K_1 is a Gaussian of 3 px with a
    weight of 1, K_2 one of 80 px and of `color` with a weight of 8, and K_3 one of 80 px with a weight of -6.4, all
    normalised symmetrically. The usual field lacks K_3: all that is rarer than what is around it vanishes there, such
    as hairs and nets, however unlike its colour is. So colour only tells what it tells more than the place.

    Then, twice, q becomes the mean of the affine functions of colour that fit it best in all the squares of 9 × 9 px a
    pixel lies in: the guided filter of He, Sun and Tang (2013). It goes by the colours on either side of this edge, and
    so places it better than a field that goes by those that are alike everywhere. Differences of colour as small as the
    noise tell nothing, and where colour explains less than a fifth of the mask's variance, q changes by less. Large
    pictures are inferred in tiles that see 160 px around them.
    """
    shares, seen = np.asarray(mask, np.float32), np.asarray(picture)
    if shares.ndim != 2 or seen.shape[:2] != shares.shape:
        raise ValueError(f"a mask of shape {shares.shape} does not fit a picture of shape {seen.shape}; cut both alike")
    check_dtype(seen.dtype)
    if seen.dtype.kind == "f" and not (seen.min(initial=0) >= -BRIGHTEST and seen.max(initial=0) <= BRIGHTEST):
        raise ValueError(
            f"a picture with values from {seen.min():g} to {seen.max():g}; give it in the scale of the fused picture, "
            "from 0 to 1, without NaN"
        )
    p = np.clip(check_shares(shares), SUREST, 1 - SUREST)
    if not color >= LEAST_COLOR:
        raise ValueError(f"color={color} tells every two colours apart; give {LEAST_COLOR:g} or more, of 255")
    out = np.empty_like(p)
    noise = apart(lambda: image_noise(np.atleast_3d(to_float(seen))))
    for core, window, inside in track(list(tiles(*p.shape, halo=HALO)), "Refining the mask"):
        out[core] = apart(_found, p[window], _three(to_float(seen[window])), color, noise)[inside]
    return out


def check_shares(mask: Plane) -> Plane:
    """Return the mask, if it has shares from 0 to 1.

    Raises
    ------
    ValueError
        If it has not.
    """
    if np.isnan(mask).any():
        raise ValueError("a mask with values that are no numbers (NaN); give shares from 0 to 1")
    if mask.min(initial=0) < 0 or mask.max(initial=0) > 1:
        raise ValueError(f"a mask with values from {mask.min():g} to {mask.max():g}; give shares from 0 to 1")
    return mask


def _found(p: Plane, picture: NDArray[np.float32], color: float, noise: float) -> Plane:
    q = _inferred(p, picture, color)
    for _ in range(MATTINGS):
        q = np.clip(_matted(q, picture, noise), 0, 1)
    return q


def _matted(q: Plane, picture: NDArray[np.float32], noise: float) -> Plane:
    """The guided filter, in float64: its variances are small differences of large numbers."""

    def mean(planes: NDArray[Any]) -> NDArray[Any]:
        return np.atleast_3d(cv2.blur(planes, (2 * RADIUS + 1,) * 2, borderType=cv2.BORDER_REFLECT_101))

    seen, mask = picture.astype(np.float64), q[..., None].astype(np.float64)
    middle, share = mean(seen), mean(mask)
    products = [mean(seen * seen[..., i, None]) - middle * middle[..., i, None] for i in range(seen.shape[2])]
    spread = np.stack(products, -1) + max(FAINTEST, noise) ** 2 * np.eye(seen.shape[2])
    shared = mean(seen * mask) - middle * share
    slope = np.linalg.solve(spread, shared[..., None])[..., 0]
    level = share - (slope * middle).sum(-1, keepdims=True)
    explained = (slope * shared).sum(-1, keepdims=True) / (mean(mask * mask) - share * share + LITTLE)
    told = mean(np.clip(explained / ENOUGH, 0, 1))
    fitting = (mean(slope) * seen).sum(-1, keepdims=True) + mean(level)
    return np.asarray((mask + told * (fitting - mask))[..., 0], np.float32)


def _inferred(p: Plane, picture: NDArray[np.float32], color: float) -> Plane:
    from ..kernels.lattice_cpu import Lattice

    unary = np.log(p / (1 - p))
    similar = Lattice(picture * np.float32(255 / color), FAR_PX)
    near, far = (np.asarray(1 / np.sqrt(blur(np.ones_like(p))), np.float32) for blur in (_near, _far))
    q = p
    for _ in range(ITERATIONS):
        sides = 2 * q - 1
        message = NEAR_WEIGHT * near * _near(near * sides) + FAR_WEIGHT * similar(sides)
        q = 1 / (1 + np.exp(FEWER * far * _far(far * sides) - message - unary))
    return q


def _near(plane: Plane) -> Plane:
    return _blurred(plane, NEAR_PX)


def _far(plane: Plane) -> Plane:
    height, width = plane.shape
    coarse = -(-width // COARSE), -(-height // COARSE)
    small = _blurred(cv2.resize(plane, coarse, interpolation=cv2.INTER_AREA), FAR_PX / COARSE)  # type: ignore[arg-type] # float32
    return cv2.resize(small, (width, height))  # type: ignore[return-value] # float32


def _blurred(plane: Plane, width: float) -> Plane:
    return cv2.GaussianBlur(plane, (0, 0), width, borderType=cv2.BORDER_CONSTANT)  # type: ignore[return-value] # float32


def _three(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Picture of three channels, in [0, 1]."""
    seen = picture if picture.ndim == 3 else picture[..., None]
    if seen.shape[2] != 3:
        seen = np.repeat(seen.mean(axis=2, keepdims=True), 3, axis=2)
    return np.ascontiguousarray(np.clip(seen, 0, 1))


def tiles(height: int, width: int, *, halo: int) -> Iterator[tuple[Part, Part, Part]]:
    """Rectangles that cover the picture once; each with so many px around it; and where in that it lies."""
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            bottom, right = min(top + TILE, height), min(left + TILE, width)
            above, before = max(top - halo, 0), max(left - halo, 0)
            yield (
                (slice(top, bottom), slice(left, right)),
                (slice(above, min(bottom + halo, height)), slice(before, min(right + halo, width))),
                (slice(top - above, bottom - above), slice(left - before, right - before)),
            )
