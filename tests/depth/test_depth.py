"""Depth of the table's methods: units, order of the frames, NaN and filling, what is refused."""

import numpy as np
import pytest

from napari_focusstack import DEPTH_ESTIMATORS, Depth, estimate_depth, simulate


@pytest.fixture(scope="module")
def tilted():
    return simulate("slanted", frames=7, height=72, width=96, seed=3)


@pytest.mark.parametrize("method", DEPTH_ESTIMATORS)
def test_a_step_scales_depth_and_its_error(tilted, method, chosen):
    how = chosen(method)
    frames = estimate_depth(tilted.frames, method, **how)
    lengths = estimate_depth(tilted.frames, method, step=2.5, unit="um", **how)
    assert (frames.unit, lengths.unit) == ("frame", "um")
    np.testing.assert_allclose(lengths.position, 2.5 * frames.position, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(lengths.sigma, 2.5 * frames.sigma, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(lengths.index, frames.index, atol=1e-3)
    assert lengths.positions.tolist() == [0, 2.5, 5, 7.5, 10, 12.5, 15]


@pytest.mark.parametrize("method", DEPTH_ESTIMATORS)
def test_the_order_of_the_frames_does_not_matter_where_positions_are_known(tilted, method, chosen):
    order = np.array([3, 0, 6, 1, 5, 2, 4])
    straight = estimate_depth(tilted.frames, method, positions=np.arange(7) * 0.5, unit="mm", **chosen(method))
    mixed = estimate_depth(tilted.frames[order], method, positions=order * 0.5, unit="mm", **chosen(method))
    np.testing.assert_array_equal(mixed.position, straight.position)
    known = mixed.measured
    assert known.any()
    nearest = np.rint(straight.index[known]).astype(int)
    np.testing.assert_array_equal(order[mixed.index[known].astype(int)], nearest)


@pytest.mark.parametrize("method", DEPTH_ESTIMATORS)
def test_a_sweep_down_gives_the_same_heights(tilted, method, chosen):
    how = chosen(method)
    up = estimate_depth(tilted.frames, method, step=2.0, unit="um", **how)
    down = estimate_depth(tilted.frames[::-1], method, positions=np.arange(7)[::-1] * 2.0, unit="um", **how)
    np.testing.assert_allclose(down.position, up.position, atol=1e-4)
    np.testing.assert_allclose(down.index, 6 - up.index, atol=1e-4)


@pytest.mark.parametrize("method", DEPTH_ESTIMATORS)
def test_what_was_not_measured_is_nan_unless_it_is_filled(method, chosen):
    how = chosen(method)
    burst = simulate("slanted", frames=7, height=72, width=96, seed=3).frames.copy()
    burst[:, :, :40] = 90  # nothing to focus on
    gaps, filled = estimate_depth(burst, method, **how), estimate_depth(burst, method, fill=True, **how)
    assert gaps.measured[:, 56:].mean() > 0.5
    assert not gaps.measured[:, :24].any()
    assert np.isnan(gaps.position[~gaps.measured]).all()
    assert np.isnan(gaps.sigma[~gaps.measured]).all()
    assert np.isfinite(filled.position).all()
    assert np.isfinite(filled.sigma).all()
    np.testing.assert_array_equal(gaps.position[gaps.measured], filled.position[gaps.measured])


@pytest.mark.parametrize("method", DEPTH_ESTIMATORS)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_one_map_for_all_channels(method, channels, chosen):
    burst = simulate("slanted", frames=5, height=64, width=64, channels=channels, seed=1).frames
    depth = estimate_depth(burst, method, **chosen(method))
    for plane in (depth.position, depth.sigma, depth.index, depth.confidence):
        assert plane.shape == (64, 64)
        assert plane.dtype == np.float32


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"method": "stereo"}, "unknown depth method 'stereo'"),
        ({"strength": 3}, "unknown option of 'sff' 'strength'"),
        ({"guide": np.zeros((4, 4, 3), np.float32)}, r"the guide is \(4, 4\) px, but the frames are \(72, 96\)"),
        ({"positions": [1, 2], "unit": "um"}, "give one for each"),
    ],
)
def test_what_does_not_fit_is_refused(tilted, keywords, words):
    with pytest.raises(ValueError, match=words):
        estimate_depth(tilted.frames, **keywords)


def test_two_frames_are_too_few(tilted):
    with pytest.raises(
        ValueError, match="2 frames are too few for a depth; a peak of sharpness needs at least 3: give more of"
    ):
        estimate_depth(tilted.frames[:2])
    with pytest.raises(ValueError, match="frames of 40 × 2 px are too small for a depth; at least 3 × 3 px are needed"):
        estimate_depth(tilted.frames[:, :2, :40])
    with pytest.raises(ValueError, match="both positions and a step were given; give the positions, or the step of"):
        estimate_depth(tilted.frames, positions=range(len(tilted.frames)), step=1.0, unit="um")
    with pytest.raises(TypeError, match="step='2' is no number; give the distance from frame to frame, as 2.5"):
        estimate_depth(tilted.frames, step="2", unit="um")
    with pytest.raises(TypeError, match=r"positions=\['a', 'b'\] are no numbers; give one for each frame, as"):
        estimate_depth(tilted.frames, positions=["a", "b"], unit="um")


def flat(value=2.0, sigma=0.5, confidence=1.0, shape=(4, 6), unit="um"):
    planes = (np.full(shape, number, np.float32) for number in (value, sigma, value, confidence))
    return Depth(*planes, np.arange(5.0), unit)


def test_depths_change_their_unit():
    depth = flat().to("mm")
    assert depth.unit == "mm"
    assert depth.position[0, 0] == pytest.approx(2e-3)
    assert depth.sigma[0, 0] == pytest.approx(5e-4)
    assert depth.positions[-1] == pytest.approx(4e-3)
    assert depth.index[0, 0] == 2
    assert flat().to("µm").unit == "um"
    with pytest.raises(ValueError, match="the distance between the frames is not known"):
        flat(unit="frame").to("um")


def test_depths_tell_what_was_measured():
    assert flat().describe() == "depth mostly at 2 µm, measured at 100% of the pixels, σ 0.5 µm"
    assert flat(confidence=0.0).describe() == "no depth: no pixel shows a peak of sharpness"
