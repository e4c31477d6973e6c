"""Depths that were picked from a few: means of what is near them in depth."""

import numpy as np
import pytest

from napari_focusstack.kernels.calm import calmed

SHAPE = (24, 30)


def plane(value):
    return np.full(SHAPE, value, np.float32)


def test_only_depths_that_are_near_count():
    depth, moved = plane(2.4), np.zeros(SHAPE, bool)
    depth[:, 15:] = 9
    depth[12, 10], moved[12, 10] = 3, True
    out = calmed(depth, moved, depth, 3, 1.0)
    assert out[12, 10] == pytest.approx((48 * 2.4 + 0.1 * 3) / 48.1, abs=1e-5)
    np.testing.assert_array_equal(out[~moved], depth[~moved])
    depth[12, 10] = 5  # far from both
    assert calmed(depth, moved, depth, 3, 1.0)[12, 10] == 5


def test_those_that_were_moved_count_a_tenth():
    depth, moved = plane(2), np.zeros(SHAPE, bool)
    depth[:, :10], moved[:, :10] = 2.9, True
    out = calmed(depth, moved, depth, 3, 1.0)
    assert out[12, 9] == pytest.approx((0.1 * 28 * 2.9 + 21 * 2) / (2.8 + 21), abs=1e-5)
    np.testing.assert_allclose(out[:, :7], 2.9, rtol=1e-6)


@pytest.mark.parametrize("corner", [(0, 0), (0, -1), (-1, 0), (-1, -1)])
def test_corners_have_fewer_neighbours(corner):
    depth, moved = plane(4), np.zeros(SHAPE, bool)
    depth[corner], moved[corner] = 4.5, True
    assert calmed(depth, moved, depth, 3, 1.0)[corner] == pytest.approx((15 * 4 + 0.1 * 4.5) / 15.1, abs=1e-5)


@pytest.mark.parametrize(("long", "kept"), [(3, False), (4, True)])
def test_a_speck_is_what_it_was(long, kept):
    before, moved = plane(4), np.zeros(SHAPE, bool)
    depth = before.copy()
    depth[12, 8 : 8 + long], moved[12, 8 : 8 + long] = 9, True
    out = calmed(depth, moved, before, 3, 1.0)
    np.testing.assert_allclose(out, depth if kept else before, rtol=1e-6)
