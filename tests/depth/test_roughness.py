"""Height parameters of surfaces whose roughness is known."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from napari_focusstack import Depth
from napari_focusstack.depth.roughness import roughness


def depth_of(position, sigma=0.01):
    position = np.asarray(position, np.float32)
    planes = (position, np.full_like(position, sigma), position, np.isfinite(position).astype(np.float32))
    return Depth(*planes, np.arange(5.0), "um")


Y, X = np.mgrid[:100, :120].astype(np.float64)
SINE = 2.0 * np.sin(2 * np.pi * X / 20)


def test_a_sine():
    found = roughness(depth_of(SINE), form="none")
    assert found.sa == pytest.approx(2 * 2 / np.pi, rel=0.02)  # 20 samples a period
    assert found.sq == pytest.approx(2 / np.sqrt(2), rel=1e-4)
    assert found.sz == pytest.approx(4.0, rel=1e-3)
    assert found.sp == pytest.approx(2.0, rel=1e-3)
    assert found.ssk == pytest.approx(0.0, abs=1e-4)
    assert found.sku == pytest.approx(1.5, rel=1e-3)
    assert (found.pixels, found.unit, found.form) == (12000, "um", "none")
    assert found.noise == pytest.approx(0.01)


def test_normal_noise():
    found = roughness(depth_of(np.random.default_rng(0).normal(40, 0.3, (300, 300))))
    assert found.sq == pytest.approx(0.3, rel=0.01)
    assert found.sa == pytest.approx(0.3 * np.sqrt(2 / np.pi), rel=0.01)
    assert found.sku == pytest.approx(3, abs=0.1)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-100, 100))
@example(0.0, 3e-46, 0.0)  # less than float32 holds in full
def test_a_tilt_is_not_rough(a, b, c):
    found = roughness(depth_of(a * X + b * Y + c))
    assert found.sz < 2e-4
    assert np.isnan((found.ssk, found.sku)).all()  # nothing is told of rounding errors


def test_a_dome_is_not_rough_when_a_second_order_form_is_taken_off():
    dome = depth_of(50 - 0.01 * (X - 60) ** 2 - 0.02 * (Y - 50) ** 2 + 0.005 * X * Y)
    assert roughness(dome, form="quadric").sz < 1e-3
    assert roughness(dome, form="plane").sz > 10


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_form_does_not_touch_roughness(a, b):
    tilted = roughness(depth_of(SINE + a * X + b * Y))
    assert tilted.sq == pytest.approx(2 / np.sqrt(2), rel=0.01)


def test_regions_and_gaps():
    position = SINE.copy()
    position[:, :40] = 100.0
    position[20:30] = np.nan
    region = X >= 40
    found = roughness(depth_of(position), region, form="none")
    assert found.pixels == 90 * 80
    assert found.sq == pytest.approx(2 / np.sqrt(2), rel=1e-3)


def test_a_small_region_of_a_large_map_keeps_its_digits():
    y, x = np.mgrid[:400, :500].astype(np.float64)
    region = (abs(y - 350) < 8) & (abs(x - 450) < 8)
    dome = 3000 + 0.05 * (x - 450) ** 2 - 0.02 * (y - 350) ** 2 + 0.01 * (x - 450) * (y - 350)
    assert roughness(depth_of(dome), region, form="quadric").sz < 1e-3  # 4 digits of float32
    found = roughness(depth_of(dome - 3000 + np.where((y + x) % 2, 0.1, -0.1)), region, form="quadric")
    assert found.sq == pytest.approx(0.1, rel=1e-3)
    assert found.pixels == 15 * 15


def test_skewness_has_the_sign_of_the_rarer_heights():
    pits = np.where((X % 10 == 0) & (Y % 10 == 0), -1.0, 0.0)
    assert roughness(depth_of(pits), form="none").ssk < -5
    assert roughness(depth_of(-pits), form="none").ssk > 5


def test_the_error_may_be_unknown():
    depth = depth_of(SINE, sigma=0.3)
    depth.sigma[:50] = np.nan
    assert roughness(depth).noise == pytest.approx(0.3)
    depth.sigma[:] = np.nan
    assert np.isnan(roughness(depth).noise)
    assert "Error of single depths: not known." in roughness(depth).report()


def test_it_is_told_in_words():
    text = roughness(depth_of(SINE)).report()
    for word in (
        "Sa   1.25",
        "Sq   1.40",
        "Sz   ",
        "µm",
        "From 12000 pixels; a plane was taken off.",
        "depths: 0.01 µm",
    ):
        assert word in text
    assert "upper limit" not in text
    assert "take this as an upper limit" in roughness(depth_of(SINE, sigma=2.0)).report()
    assert "only the mean was taken off" in roughness(depth_of(SINE), form="none").report()


@pytest.mark.parametrize(
    ("position", "region", "form", "words"),
    [
        (SINE, None, "cubic", "form='cubic' is not one of 'plane', 'quadric', 'none'"),
        (np.zeros((2, 3, 4)), None, "plane", r"one map \(Y, X\), not of \(2, 3, 4\)"),
        (SINE, np.ones((3, 3), bool), "plane", r"the region is \(3, 3\) px, but the depth is \(100, 120\)"),
        (SINE, np.zeros(SINE.shape, bool), "plane", "holds 0 pixels with a depth, too few for a roughness"),
    ],
)
def test_what_has_no_roughness_is_refused(position, region, form, words):
    with pytest.raises(ValueError, match=words):
        roughness(depth_of(position), region, form=form)
