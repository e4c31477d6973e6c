"""Motions between two frames: the groups they form, their small steps, and grids of different resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]  # (3, 3)

__all__ = ["PARAMETERS", "Motion", "exponential", "grid", "half", "on_pixels"]

Motion = Literal["translation", "euclidean", "similarity", "affine", "homography"]

PARAMETERS: dict[Motion, int] = {"translation": 2, "euclidean": 3, "similarity": 4, "affine": 6, "homography": 8}
"""How many of the `GENERATORS`, from the first on, make each group of motions."""

GENERATORS = np.array(
    [
        [[0, 0, 1], [0, 0, 0], [0, 0, 0]],  # shift right
        [[0, 0, 0], [0, 0, 1], [0, 0, 0]],  # shift down
        [[0, -1, 0], [1, 0, 0], [0, 0, 0]],  # turn
        [[1, 0, 0], [0, 1, 0], [0, 0, 0]],  # grow
        [[1, 0, 0], [0, -1, 0], [0, 0, 0]],  # stretch
        [[0, 1, 0], [1, 0, 0], [0, 0, 0]],  # shear
        [[0, 0, 0], [0, 0, 0], [1, 0, 0]],  # tilt about y
        [[0, 0, 0], [0, 0, 0], [0, 1, 0]],  # tilt about x
    ],
    np.float64,
)


def exponential(steps: NDArray[np.float64]) -> Matrix:
    """Motion of small steps along the first generators: the exponential of their sum, which stays in the group."""
    generator = np.tensordot(steps, GENERATORS[: len(steps)], 1)
    total = term = np.eye(3)
    for order in range(1, 12):  # steps are below 1, so that the rest is below 1e-9
        term = term @ generator / order
        total = total + term
    return total


def half(motion: Matrix) -> Matrix:
    """Motion that makes `motion` when done twice (Newton's iteration for the square root of a matrix)."""
    root = np.eye(3)
    for _ in range(12):
        root = (root + np.linalg.solve(root, motion)) / 2
    return root


def grid(size: tuple[int, int], factor: int) -> Matrix:
    """From the pixels of an image reduced by `factor` to coordinates around the middle, ±1 at the longer side's ends.

    A pixel of the reduced image is the mean of factor × factor pixels, so that its centre x lies at
    ``factor (x + 1/2) - 1/2`` of the full image: the same motion has the same matrix at every resolution.

    Parameters
    ----------
    size : int, int
        Height and width of the full image in px.
    factor : int
        How many times smaller the reduced image is.
    """
    height, width = size
    radius = max(height, width) / 2
    offset = (factor - 1) / 2
    return np.array(
        [
            [factor / radius, 0, (offset - (width - 1) / 2) / radius],
            [0, factor / radius, (offset - (height - 1) / 2) / radius],
            [0, 0, 1],
        ]
    )


def on_pixels(motion: Matrix, to_middle: Matrix) -> Matrix:
    """Matrix in pixels of a motion around the middle; `to_middle` as from `grid`."""
    matrix = np.linalg.solve(to_middle, motion @ to_middle)
    return np.asarray(matrix / matrix[2, 2])
