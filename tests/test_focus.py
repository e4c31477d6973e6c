"""Focus measures against functions whose derivatives are known, noise against noise that was put in."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focusstack.arrays import Selection, to_float, visit
from napari_focusstack.focus import (
    FOCUS_MEASURES,
    Greys,
    grey,
    image_noise,
    laplacian,
    modified_laplacian,
    noise_sigma,
    refine_peak,
    smoothed,
    tenengrad,
    variance,
)

INNER = slice(3, -3)
DEGREE = {"laplacian": 1, "sml": 1, "tenengrad": 1, "variance": 2}  # of homogeneity


def pictures(shape, dtype=np.float32, seed=0):
    values = np.random.default_rng(seed).random(shape)
    return (values * (np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1)).astype(dtype)


def parabola(a, b):
    y, x = np.mgrid[-10:11, -12:13].astype(np.float32)
    return (a * x * x + b * y * y).astype(np.float32)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 3, 4, 7])
def test_grey_is_the_mean_of_the_channels_or_one_of_them(dtype, channels):
    image = pictures((130, 9, channels), dtype)  # more rows than are converted at a time
    assert grey(image).dtype == np.float32
    assert grey(image) == pytest.approx(to_float(image).mean(axis=2), abs=1e-6)
    for channel in range(channels):
        assert grey(image, channel) == pytest.approx(to_float(image)[..., channel], abs=1e-6)


@pytest.mark.parametrize("channel", [-1, 0, 2])
def test_greys_are_those_of_the_frames(channel):
    frames = np.random.default_rng(0).integers(0, 255, (4, 9, 7, 3)).astype(np.uint8)
    greys = Greys(Selection(frames, [3, 1]), channel)
    assert (len(greys), greys.shape, greys.dtype) == (2, (2, 9, 7, 1), np.float32)
    np.testing.assert_array_equal(greys[0][..., 0], grey(frames[3], channel))
    np.testing.assert_array_equal(grey(greys[1]), grey(frames[1], channel))
    with pytest.raises(ValueError, match="channel=3 is not there; allowed are 0 to 2, or -1 for all"):
        Greys(frames, 3)


def test_greys_know_the_files_of_their_frames():
    class Read(np.ndarray):
        sources = ("a.tif", "b.tif")

    frames = np.stack([np.zeros((5, 6, 1)), np.full((5, 6, 1), np.nan)]).astype(np.float32).view(Read)
    with pytest.raises(ValueError, match=r"b\.tif has values that are no numbers"):
        list(visit(Greys(frames), ""))


def test_grey_of_a_view_that_is_not_contiguous():
    image = pictures((20, 30, 3))
    assert grey(image[::2, ::-3]) == pytest.approx(image[::2, ::-3].mean(axis=2), abs=1e-6)


@pytest.mark.parametrize("channel", [3, -2])
def test_grey_names_the_channels_that_are_there(channel):
    with pytest.raises(ValueError, match=rf"channel={channel} is not there; allowed are 0 to 2, or -1 for all"):
        grey(pictures((4, 4, 3)), channel)


def test_noise_is_found_on_any_slope():
    noise = np.random.default_rng(1).normal(0, 0.02, (300, 301))
    slope = np.linspace(0, 1, 301) * np.linspace(0.3, 1, 300)[:, None]
    assert noise_sigma((0.5 + noise).astype(np.float32)) == pytest.approx(0.02, rel=0.03)
    assert noise_sigma((slope + noise).astype(np.float32)) == pytest.approx(0.02, rel=0.03)


def test_noise_is_hardly_changed_by_a_picture():
    picture = smoothed(pictures((300, 300), seed=2), 3)
    picture /= picture.std()
    noise = np.random.default_rng(1).normal(0, 0.1, picture.shape)
    assert noise_sigma((picture + noise).astype(np.float32)) == pytest.approx(0.1, rel=0.2)


def test_clipped_pixels_say_nothing_about_the_noise():
    signal = np.full((200, 400), 0.5)
    signal[:, :300] = -1.0
    values = (signal + np.random.default_rng(0).normal(0, 0.03, signal.shape)).clip(0, 1)
    assert noise_sigma(values.astype(np.float32)) == pytest.approx(0.03, rel=0.05)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1)])
def test_no_block_no_noise(shape):
    assert noise_sigma(pictures(shape)) == 0.0
    assert image_noise(pictures((*shape, 3))) == 0.0


def test_a_constant_image_has_no_noise():
    assert noise_sigma(np.full((8, 8), 0.3, np.float32)) == 0.0


def test_noise_of_an_image_looks_at_some_rows_only():
    image = (0.5 + np.random.default_rng(0).normal(0, 0.02, (1201, 1000, 3))).astype(np.float32)
    assert image_noise(image, 1) == pytest.approx(0.02, rel=0.03)
    assert image_noise(image) == pytest.approx(0.02 / np.sqrt(3), rel=0.03)
    assert image_noise(image) == noise_sigma(grey(image))


def test_laplacian_of_parabolas():
    assert laplacian(parabola(1, 2))[INNER, INNER] == pytest.approx(6)
    assert laplacian(parabola(1, -1))[INNER, INNER] == pytest.approx(0)


def test_modified_laplacian_does_not_cancel():
    assert modified_laplacian(parabola(1, 2))[INNER, INNER] == pytest.approx(9 * 6)
    assert modified_laplacian(parabola(1, -1))[INNER, INNER] == pytest.approx(9 * 4)


def test_tenengrad_is_the_slope():
    y, x = np.mgrid[:20, :20].astype(np.float32)
    assert tenengrad(3 * x + 4 * y)[INNER, INNER] == pytest.approx(5)


def test_variance_of_known_windows():
    checks = (np.indices((20, 20)).sum(0) % 2).astype(np.float32)
    assert variance(checks)[INNER, INNER] == pytest.approx(12 / 25 * 13 / 25, rel=1e-5)
    bright = variance(checks * 1e-3 + 1000)[INNER, INNER]
    assert bright == pytest.approx(12 / 25 * 13 / 25 * 1e-6, rel=0.15)  # of float32's own steps at 1000


@pytest.mark.parametrize("name", FOCUS_MEASURES)
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 99), factor=st.floats(0.1, 10), height=st.integers(1, 12), width=st.integers(1, 12))
def test_measures_do_not_see_brightness_and_grow_with_contrast(name, seed, factor, height, width):
    measure, picture = FOCUS_MEASURES[name], pictures((height, width), seed=seed)
    plain = measure(picture)
    assert plain.shape == picture.shape
    assert plain.dtype == np.float32
    assert (plain >= 0).all()
    assert measure(np.full_like(picture, 0.7)) == pytest.approx(0, abs=1e-5)
    scaled = measure((np.float32(factor) * picture + np.float32(0.5)).astype(np.float32))
    assert scaled == pytest.approx(plain * factor ** DEGREE[name], rel=1e-3, abs=1e-4 * max(1, factor**2))


@pytest.mark.parametrize("name", FOCUS_MEASURES)
def test_blur_lowers_every_measure(name):
    picture = pictures((64, 64))
    answers = [FOCUS_MEASURES[name](cv2.GaussianBlur(picture, (0, 0), s)).mean() for s in (0.5, 1, 2, 4)]
    assert answers == sorted(answers, reverse=True)


def test_smoothed_keeps_the_mean_and_zero_radius_the_picture():
    picture = pictures((40, 50))
    assert smoothed(picture, 0) is picture
    assert smoothed(np.full_like(picture, 0.4), 3) == pytest.approx(0.4)
    spike = np.zeros((41, 41), np.float32)
    spike[20, 20] = 1
    y = np.mgrid[-20:21, -20:21][0]
    assert smoothed(spike, 2).sum() == pytest.approx(1)
    assert (smoothed(spike, 2) * y * y).sum() == pytest.approx(4, rel=0.02)


@settings(deadline=None)
@given(peak=st.floats(-0.5, 0.5), width=st.floats(0.5, 4), height=st.floats(1e-3, 1e3))
def test_peak_of_a_gaussian_is_exact(peak, width, height):
    samples = [np.full((1, 1), height * np.exp(-((k - peak) ** 2) / (2 * width**2)), np.float32) for k in (-1, 0, 1)]
    assert refine_peak(*samples)[0, 0] == pytest.approx(peak, abs=1e-3 * width**2)


@pytest.mark.parametrize("samples", [(1, 1, 1), (0, 2, 1), (1, 2, 0), (3, 2, 3), (0, 0, 0)])
def test_no_peak_no_offset(samples):
    offset = refine_peak(*(np.full((2, 2), value, np.float32) for value in samples))
    assert (offset == 0).all()


def test_offset_stays_within_half_a_frame():
    assert refine_peak(*(np.full((1, 1), v, np.float32) for v in (2, 3, 2.9)))[0, 0] <= 0.5
    assert refine_peak(*(np.full((1, 1), v, np.float32) for v in (4, 3, 1)))[0, 0] == -0.5
