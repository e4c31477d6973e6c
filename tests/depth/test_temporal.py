"""Depth of time series: noise is averaged, motion is not."""

import numpy as np
import pytest

from napari_focusstack import Cancelled, Depth, listening
from napari_focusstack.depth.temporal import steadied


def series(position, sigma=0.1, confidence=1.0):
    position = np.asarray(position, np.float32)
    planes = [position, np.full_like(position, sigma), position / 2, np.full_like(position, confidence)]
    return Depth(*planes, np.arange(9.0), "um")


def test_noise_is_averaged_over_five_times():
    noise = np.random.default_rng(0).normal(7, 0.1, (9, 60, 60))
    steady = steadied(series(noise), 0)
    assert np.std(steady.position[4]) == pytest.approx(0.1 / np.sqrt(5), rel=0.15)
    assert np.std(steady.position[0]) == pytest.approx(0.1 / np.sqrt(3), rel=0.15)  # there is no time before
    np.testing.assert_allclose(steady.index, steady.position / 2, rtol=1e-5)
    np.testing.assert_allclose(steady.sigma, 0.1, rtol=1e-5)


def test_what_moves_is_left_where_it_is():
    moving = np.arange(5, dtype=np.float32)[:, None, None] * np.ones((5, 3, 4), np.float32)
    np.testing.assert_array_equal(steadied(series(moving), 0).position, moving)


def test_sure_times_count_more():
    depth = series([[[1.0]], [[1.1]]])
    depth.sigma[:] = [[[0.1]], [[0.2]]]
    steady = steadied(depth, 0)
    assert steady.position[0, 0, 0] == pytest.approx((100 * 1.0 + 25 * 1.1) / 125)
    assert steady.sigma[0, 0, 0] == pytest.approx(np.sqrt((100 * 0.01 + 25 * 0.04) / 125))


def test_what_was_not_measured_takes_no_part():
    depth = series(np.ones((3, 2, 2)))
    depth.confidence[1] = 0
    depth.position[1] = np.nan
    steady = steadied(depth, 0)
    assert np.isnan(steady.position[1]).all()
    np.testing.assert_array_equal(steady.position[[0, 2]], 1)


def test_time_may_be_any_axis():
    noise = np.random.default_rng(0).normal(7, 0.1, (3, 4, 8, 9))
    first = steadied(series(noise), 0)
    np.testing.assert_allclose(
        steadied(series(np.moveaxis(noise, 0, 1)), 1).position, np.moveaxis(first.position, 0, 1)
    )


def test_it_can_be_cancelled():
    def stop(_):
        raise Cancelled

    with listening(stop), pytest.raises(Cancelled):
        steadied(series(np.ones((3, 2, 2))), 0)
