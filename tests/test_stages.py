"""Depth in the pipeline: where positions come from, frames that are left out, series, what is not asked for."""

from dataclasses import replace

import numpy as np
import pytest

from napari_focusstack import Recipe, align, run, run_series, simulate
from napari_focusstack.io import read_burst
from napari_focusstack.sweep import Sweep, known_sweep

DEPTH_ONLY = Recipe(align="none", fuse="none", depth="sff")


@pytest.fixture(scope="module")
def frames():
    return simulate("slanted", frames=7, height=72, width=96, seed=3).frames


def test_only_what_is_asked_for_is_made(frames):
    depth = run(frames, DEPTH_ONLY)
    assert depth.image is depth.index is depth.confidence is None
    assert depth.depth.position.shape == (72, 96)
    picture = run(frames, Recipe(align="none"))
    assert picture.depth is None
    assert picture.image.shape == (72, 96, 3)
    both = run(frames, Recipe(align="none", depth="sff"))
    np.testing.assert_array_equal(both.image, picture.image)
    assert both.depth.unit == "frame"
    assert both.depth_axes == "YX"


def test_the_recipes_step_goes_before_positions(frames):
    known = {"positions": [0, 1, 2, 3, 4, 5, 6], "unit": "mm"}
    assert run(frames, DEPTH_ONLY, **known).depth.unit == "mm"
    stepped = run(frames, replace(DEPTH_ONLY, step=-2.0, unit="um"), **known).depth
    assert stepped.unit == "um"
    assert stepped.positions.tolist() == [0, -2, -4, -6, -8, -10, -12]
    converted = run(frames, replace(DEPTH_ONLY, unit="um"), **known).depth
    assert converted.positions.tolist() == pytest.approx([0, 1e3, 2e3, 3e3, 4e3, 5e3, 6e3])
    plain = run(frames, DEPTH_ONLY).depth
    np.testing.assert_allclose(converted.position, 1e3 * plain.position, rtol=1e-4, atol=1e-2)


def test_frames_that_are_left_out_leave_a_gap(frames):
    alignment = align(frames)
    kept = np.ones(7, bool)
    kept[3] = False
    result = run(frames, replace(DEPTH_ONLY, step=2.0, unit="um"), alignment=replace(alignment, kept=kept))
    assert result.depth.positions.tolist() == [0, 2, 4, 6, 8, 10, 12]
    measured = result.depth.measured
    np.testing.assert_allclose(result.depth.position[measured], 2 * result.depth.index[measured], atol=0.02)
    assert np.nanmax(result.depth.position) > 9


def test_series_have_one_map_for_all_channels(frames):
    data = np.stack([frames, frames[::-1]]).transpose(0, 4, 1, 2, 3)  # T, C, Z, Y, X
    result = run_series(data, "TCZYX", DEPTH_ONLY, positions=[0, 2, 4, 6, 8, 10, 12], unit="um")
    assert result.image is None
    assert result.depth_axes == "TYX"
    assert result.depth.position.shape == (2, 72, 96)
    one = run_series(data[:1], "TCZYX", replace(DEPTH_ONLY, step=2.0, unit="um")).depth
    known = one.measured[0]
    np.testing.assert_allclose(result.depth.position[0][known], one.position[0][known], atol=1e-4)
    np.testing.assert_allclose(result.depth.position[1][known], 12 - one.position[0][known], atol=1e-3)


def test_one_channel_may_decide():
    burst = simulate("slanted", frames=5, height=64, width=64, seed=3).frames.copy()
    burst[..., 2] = 90
    assert run(burst, replace(DEPTH_ONLY, channels=0)).depth.measured.mean() > 0.9
    assert run(burst, replace(DEPTH_ONLY, channels=2)).depth.measured.mean() < 0.1
    with pytest.raises(ValueError, match="channel 3 is not there; channels are numbered 0 to 2"):
        run(burst, replace(DEPTH_ONLY, channels=3))


class Told:
    positions = (0.11, 0.12, 0.14)
    position_unit = "m"


def test_lengths_of_lenses_are_told_in_millimetres():
    sweep = known_sweep(3, None, None, Told())
    assert sweep.unit == "mm"
    assert sweep.positions == pytest.approx([110, 120, 140])


def test_positions_that_repeat_are_not_used(caplog):
    told = Told()
    told.positions = (0.11, 0.11, 0.14)
    assert known_sweep(3, None, None, told) == Sweep()
    assert "the files' focus positions repeat; depth is in frames: give the step" in caplog.text


def test_plain_arrays_tell_nothing(frames):
    assert known_sweep(7, None, None, frames) == Sweep()


@pytest.mark.parametrize(
    ("positions", "unit", "words"),
    [
        ([1, 2, 3], None, "positions without a unit; give unit='um'"),
        ([1, 2], "um", "2 positions were given for 3 frames: give one for each"),
        ([1, 2, 3], "inch", "unit 'inch' is not known"),
    ],
)
def test_positions_that_do_not_fit_are_refused(positions, unit, words):
    with pytest.raises(ValueError, match=words):
        known_sweep(3, positions, unit)


def test_files_of_a_microscope_tell_their_positions(tmp_path, frames):
    import tifffile

    path = tmp_path / "z.ome.tif"
    grey = frames[..., 1]
    tifffile.imwrite(path, grey, metadata={"axes": "ZYX", "PhysicalSizeZ": 0.5, "PhysicalSizeZUnit": "µm"})
    depth = run(read_burst(path), DEPTH_ONLY).depth
    assert depth.unit == "um"
    assert depth.positions.tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3]


def test_a_picture_is_made_of_two_frames_without_a_depth(frames, caplog):
    result = run(frames[:2], Recipe(align="none", depth="sff"))
    assert result.depth is None
    assert result.image.shape == (72, 96, 3)
    assert "no depth: 2 frames are too few, a peak of sharpness needs at least 3" in caplog.text
    with pytest.raises(ValueError, match="2 frames are too few for a depth"):
        run(frames[:2], DEPTH_ONLY)


def test_a_unit_that_cannot_be_given_is_refused_before_anything_is_computed(frames, monkeypatch):
    def compute(*_, **__):
        raise AssertionError("computed")

    monkeypatch.setattr("napari_focusstack.stages.align", compute)
    with pytest.raises(ValueError, match="the distance between the frames is not known; give the frames' positions"):
        run(frames, Recipe(depth="sff", unit="um"))
    with pytest.raises(ValueError, match="the distance between the frames is not known"):
        run_series(frames, "ZYXS", Recipe(depth="sff", unit="um"))
