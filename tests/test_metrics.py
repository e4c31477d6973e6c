"""Metrics against golden values, closed forms and direct evaluations of their definitions."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_focusstack import metrics
from napari_focusstack.metrics import pictures


def texture(seed: int = 0, shape: tuple[int, ...] = (64, 48)) -> np.ndarray:
    """Smooth structure plus fine texture, in [0, 1]."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = 0.5 + 0.3 * np.sin(x / 5.0) * np.cos(y / 7.0)
    grain = np.random.default_rng(seed).uniform(-0.2, 0.2, shape)
    return (waves.reshape(waves.shape + (1,) * (len(shape) - 2)) + grain).astype(np.float32)


# --- pictures ---------------------------------------------------------------------------------------------


def test_psnr_of_one_step_of_8_bit():
    truth = np.full((8, 8, 3), 100, np.uint8)
    assert metrics.psnr(truth + 1, truth) == pytest.approx(48.1308, abs=1e-3)


@given(st.floats(0.001, 0.5))
def test_psnr_of_an_offset_is_its_logarithm(offset: float):
    truth = np.zeros((4, 4), np.float32)
    assert metrics.psnr(truth + np.float32(offset), truth) == pytest.approx(-20 * np.log10(offset), abs=1e-4)


def test_psnr_of_equal_pictures_is_infinite():
    assert metrics.psnr(texture(), texture()) == float("inf")


def test_psnr_inside_a_mask_sees_nothing_else():
    truth = np.zeros((6, 6, 3), np.float32)
    image = truth.copy()
    image[:3] = 0.1
    image[3:] = 0.9
    mask = np.zeros((6, 6), bool)
    mask[:3] = True
    assert metrics.psnr(image, truth, mask=mask) == pytest.approx(20.0, abs=1e-4)


def test_psnr_mixes_dtypes_on_one_scale():
    assert metrics.psnr(np.full((4, 4), 65535, np.uint16), np.ones((4, 4), np.float32)) == float("inf")


def test_psnr_names_what_does_not_fit():
    image = np.zeros((4, 5))
    with pytest.raises(ValueError, match=r"shape \(4, 5\) cannot be compared with a truth of shape \(5, 4\)"):
        metrics.psnr(image, image.T)
    with pytest.raises(ValueError, match="mask is empty"):
        metrics.psnr(image, image, mask=np.zeros((4, 5), bool))
    with pytest.raises(ValueError, match=r"mask of shape \(2, 2\) does not fit"):
        metrics.psnr(image, image, mask=np.ones((2, 2), bool))


def test_ssim_of_equal_pictures_is_one():
    assert metrics.ssim(texture(shape=(20, 20, 3)), texture(shape=(20, 20, 3))) == pytest.approx(1)


def test_ssim_of_plain_pictures_is_the_luminance_term():
    a, b = np.full((16, 16), 0.2, np.float32), np.full((16, 16), 0.6, np.float32)
    expected = (2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4)
    assert metrics.ssim(a, b) == pytest.approx(expected, rel=1e-5)


def test_ssim_of_one_window_follows_the_definition():
    a, b = texture(1, (11, 11)).astype(float), texture(2, (11, 11)).astype(float)
    g = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    w = np.outer(g, g) / g.sum() ** 2
    ma, mb = (w * a).sum(), (w * b).sum()
    va, vb, cov = (w * (a - ma) ** 2).sum(), (w * (b - mb) ** 2).sum(), (w * (a - ma) * (b - mb)).sum()
    c1, c2 = 0.01**2, 0.03**2
    expected = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    assert metrics.ssim(a, b) == pytest.approx(expected, rel=1e-6)


def test_ssim_needs_a_window():
    with pytest.raises(ValueError, match="9 x 12 px are too small for SSIM"):
        metrics.ssim(np.zeros((12, 9)), np.zeros((12, 9)))


def test_inside_range_counts_the_values_between_the_frames():
    frames = np.stack([np.full((2, 5, 1), 0.2), np.full((2, 5, 1), 0.4)])
    image = np.full((2, 5, 1), 0.3)
    image[0, 0], image[1, 1] = 0.1, 0.5
    assert metrics.inside_range(image, frames) == pytest.approx(0.8)
    assert metrics.inside_range(image, frames, tolerance=0.11) == 1


def test_spatial_frequency_of_a_ramp_is_its_slope():
    y, x = np.mgrid[:9, :12] / 100
    assert metrics.spatial_frequency(3 * x + 4 * y) == pytest.approx(0.05, rel=1e-5)


# --- the band beside depth edges --------------------------------------------------------------------------


def test_band_is_a_ring_of_background_around_a_near_disc():
    y, x = np.mgrid[-40:41, -40:41]
    distance = np.hypot(x, y)
    depth = np.where(distance <= 20, 2.0, 9.0)
    band = metrics.band_beside_depth_edges(depth, width=6)
    assert not band[distance <= 20].any()
    assert band[(distance > 20.8) & (distance < 25)].all()
    assert not band[distance > 26.8].any()


def test_band_turns_round_with_the_order():
    depth = np.zeros((10, 30))
    depth[:, 15:] = 5
    near_first = metrics.band_beside_depth_edges(depth, width=3)
    far_first = metrics.band_beside_depth_edges(depth, width=3, order="far-to-near")
    assert np.flatnonzero(near_first[5]).tolist() == [15, 16, 17]
    assert np.flatnonzero(far_first[5]).tolist() == [12, 13, 14]


def test_band_ignores_slopes_and_small_steps():
    depth = np.tile(np.linspace(0, 20, 60), (10, 1))
    depth[5:] += 0.5
    assert not metrics.band_beside_depth_edges(depth, width=8).any()


def test_band_example():
    example = doctest.DocTestFinder().find(pictures.band_beside_depth_edges, globs=vars(pictures))[0]
    results = doctest.DocTestRunner().run(example)
    assert results.attempted > 0
    assert results.failed == 0


# --- fusion quality without truth ---------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 5])
def test_golden_values_of_self_fusion(count: int):
    image = texture()
    sources = [image] * count
    assert metrics.q_mi(image, sources) == pytest.approx(2)
    assert metrics.q_y(image, sources) == pytest.approx(1)
    assert metrics.qcv_chen_varshney(image, sources) == 0
    assert metrics.q_abf(image, sources) == pytest.approx(0.9748, abs=1e-4)
    assert metrics.q_abf(image, sources, variant="toolbox") == pytest.approx(0.98666, abs=1e-5)


def test_every_measure_prefers_the_better_picture():
    truth, other = texture(0), texture(5)
    half = (truth + other) / 2
    assert metrics.q_mi(truth, [truth, truth]) > metrics.q_mi(half, [truth, truth])
    assert metrics.q_abf(truth, [truth, truth]) > metrics.q_abf(half, [truth, truth])
    assert metrics.q_y(truth, [truth, truth]) > metrics.q_y(half, [truth, truth])
    assert metrics.qcv_chen_varshney(truth, [truth, truth]) < metrics.qcv_chen_varshney(half, [truth, truth])


def test_q_mi_of_independent_pictures_and_of_a_relabelled_one():
    left_right = np.tile(np.repeat([0.0, 1.0], 8), (16, 1))
    assert metrics.q_mi(left_right, [left_right.T, left_right.T]) == pytest.approx(0, abs=1e-12)
    assert metrics.q_mi(1 - left_right, [left_right, left_right]) == pytest.approx(2)


def test_q_mi_of_plain_pictures_is_defined():
    assert metrics.q_mi(np.zeros((8, 8)), [np.ones((8, 8))] * 2) == 2


def test_q_abf_weighs_edges_by_strength():
    strong = np.zeros((20, 20))
    strong[:, 10:] = 1
    assert metrics.q_abf(strong, [strong, np.zeros((20, 20))]) == pytest.approx(0.9748, abs=1e-4)
    assert metrics.q_abf(np.zeros((20, 20)), [strong, strong]) < 1e-3
    assert metrics.q_abf(strong.T, [strong, strong]) < 0.05


def test_q_abf_variants_differ_where_faint_edges_are_lost():
    source = np.full((40, 40), 0.5)
    source[5:15, 5:15] = texture(3, (10, 10))
    image = source.copy()
    source[25:] += 0.001 * np.random.default_rng(0).normal(size=(15, 40))
    assert metrics.q_abf(image, [source, source]) > 0.9
    assert metrics.q_abf(image, [source, source], variant="toolbox") < 0.5


def test_q_y_takes_the_better_source_where_they_disagree():
    a, b = texture(1), texture(2)
    assert metrics.q_y(a, [a, b]) == pytest.approx(1, abs=1e-6)


def test_q_y_survives_flat_windows():
    flat = np.full((20, 20), 0.5)
    assert metrics.q_y(flat, [flat, flat]) == pytest.approx(1)


def test_qcv_of_a_grating_follows_the_sensitivity_of_the_eye():
    source = np.random.default_rng(0).integers(50, 200, (128, 128)).astype(np.uint8)
    source[0, 1], source[0, 3] = 0, 255  # the full range, where the grating is 0
    grating = np.array([20, 0, -20, 0] * 32)
    image = (source + grating).astype(np.uint8)
    r = 0.144 * 128 / 8 * 0.5  # four px a period are half of the highest frequency
    sensitivity = 2.6 * (0.0192 + r) * np.exp(-(r**1.1))
    assert metrics.qcv_chen_varshney(image, [source, source]) == pytest.approx((20 * sensitivity) ** 2 / 2)


def test_colour_counts_by_luma():
    image = texture(shape=(32, 32, 3))
    grey = image @ np.float32([0.299, 0.587, 0.114])
    assert metrics.q_abf(image, [grey, grey]) == pytest.approx(0.9748, abs=1e-4)


def test_fusion_quality_names_what_does_not_fit():
    image = texture()
    with pytest.raises(ValueError, match=r"source 1 has \(48, 64\) px"):
        metrics.q_mi(image, [image, image.T])
    with pytest.raises(ValueError, match="no sources given"):
        metrics.q_abf(image, [])
    with pytest.raises(ValueError, match="unknown variant 'matlab'.*original, toolbox"):
        metrics.q_abf(image, [image], variant="matlab")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no edges at all"):
        metrics.q_abf(np.zeros((8, 8)), [np.zeros((8, 8))])
    with pytest.raises(ValueError, match="1 given, at least 2"):
        metrics.q_y(image, [image])
    with pytest.raises(ValueError, match="12 x 20 px are too small for Q_CV"):
        metrics.qcv_chen_varshney(np.zeros((20, 12)), [np.zeros((20, 12))])


# --- depth and masks ------------------------------------------------------------------------------------------


def test_depth_errors_of_known_answers():
    truth = np.array([[1.0, 2.0], [4.0, np.nan]])
    depth = np.array([[1.0, 3.0], [2.0, 7.0]])
    assert metrics.mae(depth, truth) == pytest.approx(1)
    assert metrics.rmse(depth, truth) == pytest.approx(np.sqrt(5 / 3))
    assert metrics.abs_rel(depth, truth) == pytest.approx((0 + 0.5 + 0.5) / 3)
    assert metrics.sqr_rel(depth, truth) == pytest.approx((0 + 0.5 + 1) / 3)
    assert metrics.log_rmse(depth, truth) == pytest.approx(np.sqrt((np.log(1.5) ** 2 + np.log(2) ** 2) / 3))
    assert metrics.delta(depth, truth) == pytest.approx(1 / 3)
    assert metrics.delta(depth, truth, power=2) == pytest.approx(2 / 3)
    assert metrics.bad_pixels(depth, truth, threshold=1.5) == pytest.approx(1 / 3)
    assert metrics.mae(depth, truth, mask=truth == 4) == 2


def test_a_missing_estimate_is_not_a_good_one():
    truth = np.ones((2, 2))
    depth = np.array([[1.0, np.nan], [1.0, 1.0]])
    assert np.isnan(metrics.mae(depth, truth))
    assert metrics.bad_pixels(depth, truth) == 0.25
    assert metrics.delta(depth, truth) == 0.75


def test_depth_errors_name_what_does_not_fit():
    with pytest.raises(ValueError, match=r"shape \(2, 3\) cannot be compared with a truth of shape \(3, 2\)"):
        metrics.mae(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="no pixel to compare"):
        metrics.rmse(np.zeros((2, 2)), np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match=r"mask of shape \(3,\) does not fit"):
        metrics.rmse(np.zeros((2, 2)), np.zeros((2, 2)), mask=np.ones(3))
    with pytest.raises(ValueError, match="need positive depths"):
        metrics.delta(np.zeros((2, 2)), np.ones((2, 2)))


def test_bumpiness_of_offset_plane_and_rough_error():
    y, x = np.mgrid[:20, :30].astype(float)
    truth = np.sin(x) + y
    inner = np.zeros((20, 30), bool)
    inner[2:-2, 2:-2] = True
    assert metrics.bumpiness(truth + 3, truth) == pytest.approx(0, abs=1e-9)
    assert metrics.bumpiness(truth + 0.4 * x - 0.2 * y, truth, mask=inner) == pytest.approx(0, abs=1e-9)
    rough = truth + np.random.default_rng(0).normal(0, 10, truth.shape)
    assert metrics.bumpiness(rough, truth) == pytest.approx(5, abs=0.05)


def test_bumpiness_of_a_parabola_is_its_curvature():
    x = np.tile(np.arange(30.0), (20, 1))
    inner = np.zeros((20, 30), bool)
    inner[2:-2, 2:-2] = True
    # the second derivative 2a, times the gain of 2 of each of the two derivatives
    assert metrics.bumpiness(0.002 * x**2, np.zeros((20, 30)), mask=inner) == pytest.approx(100 * 0.004 * 4)


def test_miou_of_equal_opposite_and_half():
    mask = np.zeros((4, 4))
    mask[:2] = 1
    assert metrics.miou(mask, mask) == 1
    assert metrics.miou(mask, 1 - mask) == 0
    assert metrics.miou(np.zeros((4, 4)), np.zeros((4, 4))) == 1
    left = np.zeros((4, 4))
    left[:, :2] = 1
    assert metrics.miou(mask, left) == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="cannot be compared"):
        metrics.miou(mask, mask[:2])
