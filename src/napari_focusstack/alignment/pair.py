"""Motion between two frames, by the enhanced correlation coefficient: two reduced greys in, a motion and its proof out.

The coefficient (Evangelidis and Psarakis, PAMI 2008) is the correlation of one image with the other one moved: gain
and offset of the light do not change it. Its linearised maximum is an ordinary regression. With the moved image w, its
change J with a step of the motion, and the template t::

    t ~ J q + a w + b,    step = q / a

so that one pass over the pixels, which sums all inner products, gives a step, its correlation, and the same for each
half of the pixels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..focus import grey
from ..kernels import load
from .motion import PARAMETERS, Motion, exponential, grid, half, on_pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .motion import Matrix

    Grey = NDArray[np.float32]  # (Y, X)

__all__ = ["FINEST", "Fit", "View", "fit", "view"]

FINEST = 1024  # px: longest side at which a motion is measured
COARSEST = 128  # px: below this longest side no coarser level is made
FEWEST = 16  # px: nor below this shorter side
GAUSS = 3  # px: size of the Gaussian filter; OpenCV, which samples linearly, needs 5
MOST_STEPS = 15
STILL = 1e-3  # px of a level: a smaller step ends the search there
STEPS = 16  # bits of a float32 that make no difference
SAMPLES = 20000  # pixels that the size of usual differences is learnt from
TRUST = 3.0  # of that size: larger differences (dust on the sensor, reflexes that stay) count less and less
RIDGE = 1e-6  # keeps a step finite along which nothing changes
BLOCK = 16  # px: side of the blocks that vote on a motion, as high as the kernel's bands


@dataclass(frozen=True, slots=True)
class View:
    """A frame as it is compared: smoothed greys of mean 0 and standard deviation 1, from fine to coarse.

    `factors` tells how many times smaller than the frame each is, `size` height and width of the frame in px.
    """

    levels: tuple[Grey, ...]
    factors: tuple[int, ...]
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Fit:
    """A motion from a template frame to another frame, and how far it can be trusted.

    Attributes
    ----------
    motion : (3, 3) float64
        From the template to the other frame, around the middle (`motion.grid`).
    correlation : float
        Of the two after alignment, -1 to 1.
    votes : (2,) float64
        Sum, and sum of squares, of what the motion explains better than no motion, over blocks of pixels that it was
        not measured on.
    doubt : float
        Standard error of the logarithm of the scale, from the difference of the two halves of the pixels.
    response : (P,) float64
        Steps that keep the fit best when the logarithm of the scale is changed by 1; empty where the scale is fixed.
    """

    motion: Matrix
    correlation: float
    votes: NDArray[np.float64]
    doubt: float
    response: NDArray[np.float64]


def view(reduced: NDArray[np.float32], factor: int, size: tuple[int, int]) -> View:
    """View of a frame of `size` px from its (Y, X, C) means over `factor` × `factor` px."""
    mean = np.nan_to_num(grey(reduced), posinf=0.0, neginf=0.0)
    levels, factors = [], []
    while True:
        smooth = cv2.GaussianBlur(mean, (GAUSS, GAUSS), 0, borderType=cv2.BORDER_REFLECT_101)
        middle, deviation = (np.float32(value.item()) for value in cv2.meanStdDev(smooth))
        levels.append((smooth - middle) / max(deviation, np.finfo(np.float32).tiny))
        factors.append(factor)
        height, width = mean.shape[0] // 2, mean.shape[1] // 2
        if max(mean.shape) <= COARSEST or min(height, width) < FEWEST:
            return View(tuple(levels), tuple(factors), size)
        mean = cv2.resize(mean[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
        factor *= 2


def fit(template: View, image: View, kind: Motion, guesses: Iterable[Matrix] = ()) -> Fit:
    """Motion from `template` to `image`, found from coarse to fine from the best of no motion and the guesses."""
    parameters = PARAMETERS[kind]
    if min(template.levels[0].shape) < FEWEST:  # too little to measure by
        return Fit(np.eye(3), 0.0, np.zeros(3), 0.0, np.empty(0))
    coarsest = len(template.levels) - 1
    starts = [np.eye(3), _shift(template, image), *guesses]
    found = [_climb(template, image, coarsest, parameters, start, robust=False) for start in starts]
    motion, products = max(found, key=lambda pair: _correlation(pair[1].sum(0)))
    for level in reversed(range(coarsest + 1)):
        motion, products = _climb(template, image, level, parameters, motion)
    steps = [_step(products[i]) for i in range(2)]
    counts = [_votes(template, image, motion @ exponential(steps[i]), 1 - i) for i in range(2)]
    votes, squares, without, with_motion, whole = np.sum(counts, axis=0)
    correlation = float(np.sqrt(max(0.0, 1 - with_motion / whole))) if whole > 0 else 0.0
    doubt, response = 0.0, np.empty(0)
    if parameters > 3:
        doubt = abs(steps[0][3] - steps[1][3]) / 2
        inverse = np.linalg.pinv(products.sum(0)[:parameters, :parameters], hermitian=True)[3]
        response = inverse / max(inverse[3], np.finfo(float).tiny)
    return Fit(motion, correlation, np.array([votes, squares, without]), doubt, response)


def _shift(template: View, image: View) -> Matrix:
    """Whole-image shift by phase correlation, at the coarsest level."""
    window = cv2.createHanningWindow(template.levels[-1].shape[::-1], cv2.CV_32F)
    windowed = [one.levels[-1] * window for one in (template, image)]  # with a window, OpenCV overwrites its input
    (x, y), _ = cv2.phaseCorrelate(*windowed)
    shift = np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])
    to_middle = grid(template.size, template.factors[-1])
    return np.asarray(to_middle @ shift @ np.linalg.inv(to_middle))


def _climb(
    template: View, image: View, level: int, parameters: int, motion: Matrix, *, robust: bool = True
) -> tuple[Matrix, NDArray[np.float64]]:
    """Climb to the highest correlation near `motion`, at one level; the motion and the products there."""
    warp, gram = load("warp", "cpu").warp, load("ecc", "cpu").gram
    target, source = template.levels[level], image.levels[level]
    to_middle = grid(template.size, template.factors[level])
    best, best_products, highest = motion, np.zeros((2, parameters + 3, parameters + 3)), -np.inf
    tolerance = np.inf
    for number in range(MOST_STEPS):
        matrix = on_pixels(motion, to_middle)
        moved = warp(source[..., None], matrix, *target.shape)[..., 0]
        if robust and number < 2:  # after that the weights stay, so that correlations can be compared
            tolerance, highest = _tolerance(target, moved), -np.inf
        products = gram(target, moved, matrix, to_middle, parameters, tolerance)
        correlation = _correlation(products.sum(0))
        if correlation <= highest:
            break
        best, best_products, highest = motion, products, correlation
        step = _step(products.sum(0))
        if number and np.abs(step).max() < STILL * to_middle[0, 0]:
            break
        motion = motion @ exponential(step)
    return best, best_products


def _tolerance(target: Grey, moved: Grey) -> float:
    """Difference up to which pixels are trusted: twice the usual one where there are edges, by which motion is seen."""
    q = max(1, int(np.sqrt(target.size / SAMPLES)))
    inner = target[1:-1:q, 1:-1:q]
    across, down = target[1:-1:q, 2::q], target[2::q, 1:-1:q]
    edges = ((across - inner) ** 2 + (down - inner) ** 2).ravel()
    differences = np.abs(inner - moved[1:-1:q, 1:-1:q]).ravel()
    total = np.cumsum(np.bincount(differences.view(np.uint32) >> STEPS, weights=edges))  # a median, to 0.4 %
    middle = np.searchsorted(total, total[-1] / 2) << STEPS | 1 << STEPS - 1
    return float(max(TRUST * np.uint32(middle).view(np.float32), np.finfo(np.float32).eps))


def _step(products: NDArray[np.float64]) -> NDArray[np.float64]:
    """Step to the linearised maximum of the correlation; none where the images do not resemble each other."""
    normal = products[:-1, :-1] + np.diag(RIDGE * products.diagonal()[:-1])
    solution = np.linalg.lstsq(normal, products[:-1, -1], rcond=None)[0]
    steps, gain = solution[:-2], solution[-2]
    if not gain > 0 or not np.abs(steps).max() < gain:
        return np.zeros_like(steps)
    return np.asarray(steps / gain)


def _correlation(products: NDArray[np.float64]) -> float:
    """Correlation of the moved image with the template."""
    (ww, w, wt), (_, n, t), (_, _, tt) = products[-3:, -3:]
    if not n > 0:
        return -1.0
    spread = (ww - w * w / n) * (tt - t * t / n)
    return float((wt - w * t / n) / np.sqrt(spread)) if spread > 0 else 0.0


def _votes(template: View, image: View, motion: Matrix, parity: int) -> NDArray[np.float64]:
    """Votes for `motion`, and their squares, of the blocks in every other band of rows.

    Interpolation smooths noise away, and a motion must not win by that. So the two frames meet half-way: with the
    motion, frame and template are each moved by half of it; without, both are moved by half of it to the same side.
    Both times the same interpolation has smoothed both.

    Returns
    -------
    (5,) float64
        Sum of the votes, of their squares, of the squared errors without and with the motion, and of the squares.
    """
    warp = load("warp", "cpu").warp
    there = half(motion)
    back = np.asarray(np.linalg.inv(there), np.float64)
    to_middle = grid(template.size, template.factors[0])
    target, source = template.levels[0], image.levels[0]
    moved, target_back, target_there = (
        warp(picture[..., None], on_pixels(m, to_middle), *target.shape)[..., 0]
        for picture, m in ((source, there), (target, back), (target, there))
    )
    corners = np.array([[-1, -1, 1], [-1, 1, 1], [1, -1, 1], [1, 1, 1.0]]).T
    reach = np.abs((there @ corners)[:2] - corners[:2]).max() / to_middle[0, 0]
    margin = int(np.ceil(min(reach, min(target.shape) / 4)))
    without, _ = _block_errors(target_there, moved, parity, margin)
    errors, squares = _block_errors(target_back, moved, parity, margin)
    gain = without - errors
    return np.array([gain.sum(), (gain * gain).sum(), without.sum(), errors.sum(), squares])


def _block_errors(target: Grey, moved: Grey, parity: int, margin: int) -> tuple[NDArray[np.float64], float]:
    """Squared error of the best linear prediction of `target` from `moved`, in each block of every other band.

    Also the sum of squares of `target` around its mean, there.
    """
    height, width = target.shape
    rows, columns = height // BLOCK * BLOCK, (width - 2 * margin) // BLOCK * BLOCK
    first = -(-margin // BLOCK)
    bands = slice(first + (first + parity) % 2, (height - margin) // BLOCK, 2)
    inner = (picture[:rows, margin : margin + columns] for picture in (target, moved))
    t, m = (picture.reshape(rows // BLOCK, BLOCK, columns)[bands] for picture in inner)
    if not t.size:
        return np.zeros(1), 0.0
    t, m = t - t.mean(), m - m.mean()
    error = t - m * max(np.vdot(t, m) / max(np.vdot(m, m), np.finfo(np.float32).tiny), 0)
    error *= error
    return error.reshape(len(t), BLOCK, -1, BLOCK).sum(axis=(1, 3), dtype=np.float64), float(np.vdot(t, t))
