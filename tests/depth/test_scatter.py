"""The modelled error of depths, held against how they scatter."""

import cv2
import numpy as np
import pytest

from napari_focusstack.depth.scatter import LEAST, MOST, calibrated


def noisy_plane(error, slope=0.02, shape=(160, 200), seed=0):
    """Depths on a tilted plane with errors that neighbours share, as a pooled measure makes them."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=shape).astype(np.float32), (0, 0), 1.0)
    return slope * x + slope / 2 * y + noise / noise.std() * error


INNER = (slice(20, -20), slice(20, -20))


@pytest.mark.parametrize("modelled", [0.05, 0.1, 0.15])
def test_errors_that_are_modelled_too_large_are_found(modelled):
    index = noisy_plane(0.05)
    found = calibrated(index, np.full_like(index, modelled), np.ones_like(index))
    assert np.median(found[INNER]) == pytest.approx(0.05, rel=0.15)


def test_no_error_is_taken_for_far_smaller_than_modelled():
    """Errors that neighbours share do not show as scatter."""
    index = noisy_plane(0.001)
    found = calibrated(index, np.full_like(index, 0.1), np.ones_like(index))
    np.testing.assert_allclose(found[INNER], 0.1 * LEAST, rtol=1e-3)


def test_a_few_that_are_far_off_hardly_count():
    index = noisy_plane(0.05)
    rare = np.random.default_rng(2).random(index.shape) < 0.03
    index[rare] += 0.5
    found = calibrated(index, np.full_like(index, 0.1), np.ones_like(index))
    assert np.median(found[INNER]) == pytest.approx(0.05, rel=0.2)  # their root mean square is 0.1


def test_errors_that_are_modelled_too_small_are_enlarged_a_little():
    index = noisy_plane(0.2)
    found = calibrated(index, np.full_like(index, 0.1), np.ones_like(index))
    assert found.max() == pytest.approx(0.1 * MOST)
    assert np.median(found[INNER]) == pytest.approx(0.1 * MOST)


def test_tilt_is_not_error():
    flat, steep = (
        calibrated(noisy_plane(0.05, slope), np.full((160, 200), 0.1, np.float32), np.ones((160, 200)))
        for slope in (0, 0.5)
    )
    np.testing.assert_allclose(steep[INNER], flat[INNER], rtol=0.02)


def test_a_depth_edge_is_not_error():
    index = noisy_plane(0.05)
    index[:, 100:] += 20
    found = calibrated(index, np.full_like(index, 0.1), np.ones_like(index))
    assert np.median(found[20:-20, 50:70]) == pytest.approx(0.05, rel=0.2)


def test_relief_is_not_all_error():
    y, x = np.mgrid[:160, :200].astype(np.float32)
    index = noisy_plane(0.02) + 0.6 * np.sin(x / 6) * np.sin(y / 6)
    found = calibrated(index, np.full_like(index, 0.2), np.ones_like(index))
    assert np.median(found[INNER]) < 0.15  # the relief's own scatter is 0.3


def test_what_was_not_measured_says_nothing():
    index = noisy_plane(0.05)
    index[:, :100] = np.random.default_rng(1).uniform(0, 9, (160, 100))
    confidence = np.ones_like(index)
    confidence[:, :100] = 0
    modelled = np.full_like(index, 0.1)
    found = calibrated(index, modelled, confidence)
    np.testing.assert_array_equal(found[:, :70], modelled[:, :70])
    assert np.median(found[20:-20, 130:180]) == pytest.approx(0.05, rel=0.2)
    np.testing.assert_array_equal(calibrated(index, modelled, np.zeros_like(index)), modelled)
