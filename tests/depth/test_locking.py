"""Peaks that are drawn to the frames: learnt from slopes, taken back, and nothing else touched."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focusstack import estimate_depth
from napari_focusstack.depth.locking import EVEN, MOST, unevenness, unlocked
from napari_focusstack.simulation import simulate

SHAPE = (128, 160)
EVENLY = np.zeros(SHAPE, np.float32)
INNER = (slice(12, -12), slice(12, -12))


def slope(steep=0.08):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    return (steep * x + steep / 3 * y).astype(np.float32)


def errors(size, seed=0):
    """Errors that neighbours share."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32), (0, 0), 1.0)
    return noise / noise.std() * size


def drawn(depth, pull):
    return (depth + pull * np.sin(2 * np.pi * depth)).astype(np.float32)


def root_mean_square(plane):
    return float(np.sqrt(np.mean(np.square(plane[INNER]))))


@settings(max_examples=20, deadline=None)
@given(st.floats(-0.08, 0.08), st.floats(0.03, 0.3), st.floats(0, 0.05))
def test_the_pull_of_a_slope_is_taken_back(pull, steep, noise):
    depth = slope(steep)
    error = errors(noise)
    sigma = np.full(SHAPE, 0.05, np.float32)
    found = unlocked(drawn(depth, pull) + error, sigma, EVENLY) - depth
    assert root_mean_square(found) < root_mean_square(error) * 1.3 + 0.012
    wave = np.sin(2 * np.pi * depth)[INNER]
    assert abs(np.mean(wave * found[INNER])) < 0.2 * abs(pull) / 2 + 0.002


@pytest.mark.parametrize("depth", [4.0, 4.2, 4.5])
def test_noise_on_a_plane_without_a_slope_is_left(depth):
    """Else each depth would be drawn to the frame that it is near by chance."""
    index = np.float32(depth) + errors(0.05)
    assert unlocked(index, np.full(SHAPE, 0.05, np.float32), EVENLY) is index


def test_steps_are_left():
    index = np.repeat(np.arange(4, dtype=np.float32) * 3.3, 40)[None].repeat(SHAPE[0], axis=0) + errors(0.03)
    found = unlocked(index, np.full(SHAPE, 0.03, np.float32), EVENLY)
    assert np.abs(found - index).max() < 0.01


def test_the_pull_is_bounded():
    depth = slope()
    found = unlocked(drawn(depth, 0.15), np.full(SHAPE, 0.05, np.float32), EVENLY)
    assert np.abs(found - drawn(depth, 0.15)).max() == pytest.approx(MOST, rel=0.1)


def test_what_is_unsure_teaches_nothing():
    index, sigma = drawn(slope(), 0.05), np.full(SHAPE, 0.05, np.float32)
    index[:, :80] = np.random.default_rng(0).uniform(0, 9, (SHAPE[0], 80))
    sigma[:, :80] = 1.0
    right = (INNER[0], slice(100, -12))
    assert np.sqrt(np.mean(np.square((unlocked(index, sigma, EVENLY) - slope())[right]))) < 0.01
    nowhere = np.full(SHAPE, 1.0, np.float32)
    assert unlocked(index, nowhere, EVENLY) is index


def test_unevenness_is_that_of_the_nearest_frames_neighbours():
    found = unevenness(np.float32([[0, 1, 2, 2.5, 3, 4]]), np.array([0.0, 1, 2, 5, 6]))
    np.testing.assert_allclose(found, [[0, 0, 0.5, 0.5, 0.5, 0]])


def test_between_uneven_frames_nothing_is_learnt_and_nothing_changed():
    index, sigma = drawn(slope(), 0.05), np.full(SHAPE, 0.05, np.float32)
    uneven = EVENLY.copy()
    uneven[:, :80] = EVEN
    index[:, :80] = drawn(slope(), -0.08)[:, :80]
    found = unlocked(index, sigma, uneven)
    np.testing.assert_array_equal(found[:, :80], index[:, :80])
    assert root_mean_square((found - slope())[:, 80:]) < 0.01
    assert unlocked(index, sigma, np.full(SHAPE, EVEN, np.float32)) is index


def test_gaussian_spots_do_not_draw_a_plane_to_the_frames():
    """Their curves are no Gaussians: peaks of the fit are up to 0.05 frame off."""
    burst = simulate("slanted", frames=10, psf="gaussian")
    error = (estimate_depth(burst.frames, fill=True).index - burst.depth)[8:-8, 8:-8]
    phase = np.sin(2 * np.pi * burst.depth)[8:-8, 8:-8]
    assert abs(2 * np.mean(error * phase)) < 0.005
    assert np.sqrt(np.mean(error**2)) < 0.02
