"""Fits of peaks: known answers, over frames however spaced."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from napari_focusstack.kernels.sff_cpu import ABSENT, WINDOW, Curves
from napari_focusstack.kernels.sff_fit import GAUSSIAN, GUO, LORENTZIAN, PARABOLA, TAIL, fitted

BROAD = st.floats(0.8, 6.0)
PLACES = st.lists(st.floats(0.5, 2.0), min_size=6, max_size=14).map(np.cumsum)


def curves_of(values):
    """Curves (1, X) of one pixel each, from (N, X) measures."""
    values = np.asarray(values, np.float32)[:, None]
    index = values.argmax(axis=0)
    absent = np.full((WINDOW, *values.shape[1:]), ABSENT, np.float32)
    padded = np.concatenate([absent, values, absent])
    around = [np.take_along_axis(padded, index[None] + WINDOW + shift, 0)[0] for shift in range(-WINDOW, WINDOW + 1)]
    before, after = np.stack(around[:WINDOW][::-1]), np.stack(around[WINDOW + 1 :])
    picture = np.zeros((2, 2 * values.shape[2]), np.float32)
    total = values.sum(axis=0)
    return Curves(values.max(axis=0), total, total, index.astype(np.uint16), before, after, absent, picture)


def fit(values, places, peak, *, floor=0.0, noisiness=0.15, power=2.0):
    curves = curves_of(values)
    floors = np.full(curves.best.shape, floor, np.float32)
    return fitted(curves, np.asarray(places, float), floors, peak=peak, power=power, noisiness=noisiness)


def at(places, index):
    return float(np.interp(index[0, 0], np.arange(len(places)), places))


def test_guos_golden_value():
    x = np.arange(15.0)
    found = fit(50 * np.exp(-((x - 7.3) ** 2) / (2 * 2.1**2))[:, None], x, GUO)
    assert found.index[0, 0] == pytest.approx(7.3, abs=1e-3)
    assert 1 / np.sqrt(-found.bend[0, 0]) == pytest.approx(2.1, abs=1e-3)
    assert found.sigma[0, 0] == 0  # without noise
    assert found.excess[0, 0] == pytest.approx(0, abs=1e-9)


def test_three_hundred_frames_lose_no_precision():
    x = np.arange(300.0)
    found = fit(1e-5 * np.exp(-((x - 271.37) ** 2) / (2 * 4.0**2))[:, None], x, GUO)
    assert found.index[0, 0] == pytest.approx(271.37, abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(places=PLACES, share=st.floats(0.25, 0.75), broad=BROAD, peak=st.sampled_from([GAUSSIAN, GUO]))
def test_gaussians_are_found_exactly_over_uneven_frames(places, share, broad, peak):
    assume(broad >= np.diff(places).max() / 2)  # else no three frames see the peak
    true = places[0] + share * (places[-1] - places[0])
    found = fit(np.exp(-((places - true) ** 2) / (2 * broad**2))[:, None], places, peak)
    assert at(places, found.index) == pytest.approx(true, abs=5e-3)
    assert found.bend[0, 0] == pytest.approx(-(broad**-2), rel=0.02)


@settings(max_examples=60, deadline=None)
@given(places=PLACES, share=st.floats(0.25, 0.75), broad=BROAD)
def test_powers_of_lorentzians_are_found_exactly_over_uneven_frames(places, share, broad):
    assume(broad >= np.diff(places).max() / 2)
    true = places[0] + share * (places[-1] - places[0])
    values = (1 + (places - true) ** 2 / broad**2) ** (-1 / TAIL)
    found = fit(values[:, None], places, LORENTZIAN)
    assert at(places, found.index) == pytest.approx(true, abs=5e-3)
    assert found.excess[0, 0] == pytest.approx(0, abs=1e-6)


def test_a_peak_of_few_frames_draws_a_gaussian_that_is_fitted_to_a_lorentzian():
    x = np.arange(9.0)
    values = (1 + (x - 4.25) ** 2 / 1.2**2) ** (-1 / TAIL)
    off = {peak: abs(fit(values[:, None], x, peak).index[0, 0] - 4.25) for peak in (GUO, LORENTZIAN)}
    assert off[LORENTZIAN] < 1e-3 < 0.02 < off[GUO]


def test_a_tail_makes_no_peak():
    """What gets sharper up to the last frame, ever less bent, is sharp beyond it."""
    x = np.arange(8.0)
    values = (1 + (x - 10) ** 2) ** (-1 / (TAIL + 0.4))  # straightened, it is bent like a peak in the last frame
    assert fit(values[:, None], x, LORENTZIAN).sigma[0, 0] >= 100


@settings(max_examples=60, deadline=None)
@given(places=PLACES, share=st.floats(0.25, 0.75))
def test_parabolas_are_found_exactly_over_uneven_frames(places, share):
    true = places[0] + share * (places[-1] - places[0])
    span = places[-1] - places[0]
    found = fit((2 - ((places - true) / span) ** 2)[:, None], places, PARABOLA)
    assert at(places, found.index) == pytest.approx(true, abs=5e-3)


@pytest.mark.parametrize("peak", [GAUSSIAN, PARABOLA, GUO, LORENTZIAN])
def test_a_plateau_has_no_peak(peak):
    found = fit(np.ones((7, 3)), np.arange(7), peak)
    assert (found.sigma >= 100).all()
    assert np.isfinite(found.index).all()


def test_nothing_has_no_peak():
    found = fit(np.zeros((5, 2)), np.arange(5), GUO)
    assert (found.sigma >= 100).all()
    assert (found.bend == 0).all()


@pytest.mark.parametrize("peak", [GAUSSIAN, PARABOLA, GUO, LORENTZIAN])
@pytest.mark.parametrize("broad", [0.8, 1.5, 3.0])
def test_the_predicted_scatter_is_that_of_noise(peak, broad):
    """Of 20000 noisy copies of one curve."""
    x, rng = np.arange(21.0), np.random.default_rng(0)
    floor, noisiness, top = 1.0, 0.1, 8.0
    curve = np.sqrt((top * np.exp(-((x - 10.2) ** 2) / (2 * broad**2))) ** 2 + floor**2)
    noisy = curve[:, None] + noisiness * floor * rng.standard_normal((21, 20000))
    found = fit(noisy, x, peak, floor=floor, noisiness=noisiness)
    off = found.index[0] - np.median(found.index)
    scatter = np.quantile(np.abs(off), 0.683)
    assert np.median(found.sigma) == pytest.approx(scatter, rel=0.15)


def test_peaks_at_the_ends_take_their_width_from_the_others():
    x = np.arange(9.0)
    true = np.array([2.3, 3.8, 5.1, 6.6, 0.2, -0.3, -3.0, 8.1, 11.0])
    found = fit(np.exp(-((x[:, None] - true) ** 2) / (2 * 0.9**2)), x, GUO)
    assert found.index[0, :6] == pytest.approx(true[:6], abs=0.02)
    assert found.index[0, 6] <= -1  # at least a frame outside, and so no measurement
    assert found.index[0, 7] == pytest.approx(8.1, abs=0.02)
    assert found.index[0, 8] >= 9
