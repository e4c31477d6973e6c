"""Motions: groups, halves, and the same matrix at every resolution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_focusstack.alignment.motion import PARAMETERS, exponential, grid, half, on_pixels

steps = st.lists(st.floats(-0.2, 0.2), min_size=8, max_size=8).map(np.array)


def belongs(matrix, kind):
    """Whether a matrix is what its group says."""
    linear, scale = matrix[:2, :2], np.sqrt(np.linalg.det(matrix[:2, :2]))
    if kind == "homography":
        return True
    affine = np.allclose(matrix[2], [0, 0, 1])
    conformal = np.allclose(linear @ linear.T, scale**2 * np.eye(2))
    return (
        affine
        and {
            "affine": True,
            "similarity": conformal,
            "euclidean": conformal and np.isclose(scale, 1),
            "translation": np.allclose(linear, np.eye(2)),
        }[kind]
    )


@pytest.mark.parametrize("kind", PARAMETERS)
@given(steps=steps)
def test_steps_stay_in_their_group(kind, steps):
    motion = exponential(steps[: PARAMETERS[kind]])
    assert belongs(motion, kind)
    np.testing.assert_allclose(motion @ exponential(-steps[: PARAMETERS[kind]]), np.eye(3), atol=1e-9)
    np.testing.assert_allclose(half(motion) @ half(motion), motion, atol=1e-9)
    np.testing.assert_allclose(half(motion), exponential(steps[: PARAMETERS[kind]] / 2), atol=1e-9)


@pytest.mark.parametrize(
    ("step", "point", "goes_to"),
    [
        (0, (0, 0), (0.1, 0)),
        (1, (0, 0), (0, 0.1)),
        (2, (1, 0), (np.cos(0.1), np.sin(0.1))),
        (3, (1, 1), (np.exp(0.1),) * 2),
    ],
)
def test_what_the_first_steps_are(step, point, goes_to):
    np.testing.assert_allclose(exponential(0.1 * np.eye(4)[step]) @ [*point, 1], [*goes_to, 1], atol=1e-12)


@given(st.integers(1, 8), st.integers(8, 300), st.integers(8, 300))
def test_a_reduced_pixel_lies_in_the_middle_of_its_block(factor, height, width):
    full, reduced = grid((height, width), 1), grid((height, width), factor)
    blocks_pixels = np.arange(factor) + 3 * factor
    in_full = full @ [blocks_pixels.mean(), blocks_pixels.mean(), 1]
    np.testing.assert_allclose(reduced @ [3, 3, 1], in_full, atol=1e-12)
    np.testing.assert_allclose(full @ [(width - 1) / 2, (height - 1) / 2, 1], [0, 0, 1], atol=1e-12)


def test_shifts_between_resolutions_have_the_half_pixel_term():
    size, factor = (480, 640), 4
    linear = np.array([[1.02, -0.01], [0.01, 1.02]])
    low = np.array([[*linear[0], 0.3], [*linear[1], -0.2], [0, 0, 1]])
    to_middle = grid(size, factor)
    motion = to_middle @ low @ np.linalg.inv(to_middle)
    full = on_pixels(motion, grid(size, 1))
    r = 1 / factor
    expected = low[:2, 2] / r + (linear - np.eye(2)) @ [1, 1] * 0.5 * (r - 1) / r
    np.testing.assert_allclose(full[:2, :2], linear, atol=1e-12)
    np.testing.assert_allclose(full[:2, 2], expected, atol=1e-9)
