"""Halos in the pipeline: when they are taken away, by which depth, pairs, series, and what stops it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from napari_focusstack import Alignment, Cancelled, Recipe, listening, run, run_series, simulate, stages
from napari_focusstack.alignment import Area
from napari_focusstack.arrays import from_float
from napari_focusstack.color import to_stored
from napari_focusstack.fusion import Fusion
from napari_focusstack.metrics.pictures import band_beside_depth_edges, psnr
from napari_focusstack.stages import eliminate_burst
from napari_focusstack.sweep import Sweep
from soft_pairs import soft_pair

ON = Recipe(align="none", diffusion="on")
OFF = replace(ON, diffusion="off")


@pytest.fixture(scope="module")
def burst():
    return simulate("steps", frames=12, height=96, width=128, seed=3)


@pytest.fixture(scope="module")
def with_halos(burst):
    return run(burst.frames, OFF, transfer="srgb")


@pytest.fixture(scope="module")
def without(burst):
    return run(burst.frames, ON, transfer="srgb")


def in_the_band(burst, result):
    """PSNR, in dB, of the background beside depth edges."""
    band = band_beside_depth_edges(burst.depth, width=float(burst.radii.max()), step=2)
    return psnr(result.image, burst.truth, mask=band)


def test_the_band_beside_depth_edges_gains(burst, with_halos, without):
    assert in_the_band(burst, without) > in_the_band(burst, with_halos) + 2
    found = without.diffusion
    assert found.image is without.image
    assert found.component.shape == without.image.shape
    assert found.acted.shape == found.veil.shape == found.blur.shape == without.index.shape
    assert 0.01 < (found.acted > 0).mean() < 0.2
    changed = (without.image != with_halos.image).any(axis=2)
    assert changed.any()
    assert (found.acted[changed] > 0).all()
    np.testing.assert_array_equal(without.index, with_halos.index)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_taken_from_fluorescence(seed):
    """Also where the network of depth edges, which knows what hides what, sees hairs in it."""
    frames = simulate(
        "fluorescence", frames=12, height=192, width=192, blur=1.2, seed=seed, transfer="linear", dtype="uint16"
    ).frames
    found = run(frames, ON, transfer="linear")
    np.testing.assert_array_equal(found.image, run(frames, OFF, transfer="linear").image)
    assert "as if light added up" in found.diffusion.obstacle


def test_off_leaves_the_picture_as_it_was_fused(burst, with_halos):
    assert with_halos.diffusion is None
    assert Recipe().diffusion == "off"


def test_automatic_means_photographs(burst, without, with_halos):
    auto = Recipe(align="none", diffusion="auto")
    np.testing.assert_array_equal(run(burst.frames, auto, transfer="srgb").image, without.image)
    np.testing.assert_array_equal(run(burst.frames, auto, transfer="linear").image, with_halos.image)


def test_options_reach_it(burst, with_halos):
    none = run(burst.frames, replace(ON, diffusion_options={"strength": 0.0}), transfer="srgb")
    np.testing.assert_array_equal(none.image, with_halos.image)
    assert none.diffusion.describe() == "nothing eliminated: strength is 0"


def test_a_depth_that_is_asked_for_is_estimated_once_and_keeps_its_gaps(burst, without, monkeypatch):
    calls = []
    estimate = stages.estimate_depth

    def counted(*args, **keywords):
        calls.append(keywords["fill"])
        return estimate(*args, **keywords)

    monkeypatch.setattr(stages, "estimate_depth", counted)
    network = {"edges": "network"}
    both = run(burst.frames, replace(ON, depth="sff", depth_options=network), transfer="srgb")
    assert calls == [True]
    np.testing.assert_array_equal(both.image, without.image)
    gaps = ~both.depth.measured
    for plane in (both.depth.position, both.depth.sigma, both.depth.index):
        np.testing.assert_array_equal(np.isnan(plane), gaps)
    filled = run(burst.frames, replace(OFF, depth="sff", depth_options=network, fill=True), transfer="srgb").depth
    assert np.isfinite(filled.position).all()
    np.testing.assert_array_equal(filled.position[~gaps], both.depth.position[~gaps])


def test_another_depth_that_is_asked_for_does_not_change_the_picture(burst, without):
    both = run(burst.frames, replace(ON, depth="sff"), transfer="srgb")
    np.testing.assert_array_equal(both.image, without.image)
    plain = run(burst.frames, replace(OFF, depth="sff"), transfer="srgb")
    np.testing.assert_array_equal(both.depth.position, plain.depth.position)


def test_of_two_frames_networks_find_what_is_near():
    near, far, truth, _ = soft_pair()
    frames, truth = from_float(to_stored(np.stack([near, far]), "srgb"), np.uint8), to_stored(truth, "srgb")
    before, after = (run(frames, replace(recipe, depth="sff"), transfer="srgb") for recipe in (OFF, ON))
    assert after.depth is None
    assert after.diffusion.law.nearest == "first"
    assert psnr(after.image, truth) > psnr(before.image, truth) + 2
    none = run(frames, replace(ON, diffusion_options={"strength": 0.0}), transfer="srgb")
    np.testing.assert_array_equal(none.image, before.image)
    assert none.diffusion.obstacle == "strength is 0"


def test_where_no_depth_is_known_the_nearest_decides(monkeypatch):
    frames = np.zeros((3, 8, 10, 1), np.float32)
    index = np.full((8, 10), np.nan, np.float32)
    index[:, :3], index[:, 8:] = 0, 1
    seen = []
    monkeypatch.setattr(stages, "eliminate_diffusion", lambda frames, image, index, known, **_: seen.append(index))
    for found in (index, index * np.nan):
        depth = SimpleNamespace(index=found, measured=np.isfinite(found))
        recipe = replace(ON, depth="sff", depth_options={"edges": "network"})
        eliminate_burst(frames, None, recipe, "linear", Sweep(), Fusion(frames[0], index, index), depth)
    assert seen[0].tolist() == [[0] * 5 + [1] * 5] * 8 or seen[0].tolist() == [[0] * 6 + [1] * 4] * 8
    assert not seen[1].any()


def test_frames_that_are_left_out_are_not_looked_at(burst):
    """The alignment left one out: what it shows does not matter, and numbers go by those that are kept."""
    kept, (count, height, width, _) = np.arange(12) != 5, burst.frames.shape
    still, ones = np.tile(np.eye(3), (count, 1, 1)), np.ones(count)
    area = Area(0, 0, height, width)
    alignment = Alignment(still, area, 6, kept, ones, np.ones((count, 3)), "srgb")
    frames = burst.frames.copy()
    frames[5] = 0
    with_halos, plain, deep = (
        run(frames, recipe, transfer="srgb", alignment=alignment) for recipe in (OFF, ON, replace(ON, depth="sff"))
    )
    np.testing.assert_array_equal(plain.image, run(frames[kept], ON, transfer="srgb").image)
    assert np.nanmax(deep.depth.index) > 10.9
    assert min(in_the_band(burst, one) for one in (plain, deep)) > in_the_band(burst, with_halos) + 1


def test_a_series_is_done_burst_by_burst(burst, without):
    data = np.stack([burst.frames, burst.frames[:, ::-1, ::-1]]).transpose(0, 4, 1, 2, 3)  # T, C, Z, Y, X
    result = run_series(data, "TCZYX", ON, transfer="srgb")
    np.testing.assert_array_equal(result.image[0].transpose(1, 2, 0), without.image)
    found = result.diffusion
    assert found.image is result.image
    assert found.component.shape == result.image.shape == (2, 3, 96, 128)
    assert found.acted.shape == found.veil.shape == found.blur.shape == (2, 96, 128)
    np.testing.assert_array_equal(found.acted[0], without.diffusion.acted)
    assert found.acted[1].any()
    assert found.law == without.diffusion.law
    assert found.describe().startswith("light of nearer surfaces taken from ")
    assert run_series(data[:, 0], "TZYX", OFF, transfer="srgb").diffusion is None


def test_a_series_of_which_nothing_was_taken_says_why_once(burst):
    data = np.stack([burst.frames[:3]] * 2 + [np.full_like(burst.frames[:3], 99)]).transpose(0, 4, 1, 2, 3)
    none = replace(ON, diffusion_options={"strength": 0.0})
    assert run_series(data, "TCZYX", none, transfer="srgb").diffusion.obstacle == "strength is 0"


@pytest.mark.parametrize(
    ("choices", "frames", "sweep", "words"),
    [
        ({"channels": "separate"}, 5, Sweep(), "channels on their own have no depth in common"),
        ({}, 1, Sweep(), "there is one frame only"),
        ({}, 3, Sweep([0, 2, 1], "um"), "the frames are not in the order of the sweep"),
        (
            {"fuse": "focusdeep", "fuse_options": {"checkpoint": "focusdeep-small-raw"}},
            5,
            Sweep(),
            "the picture was fused from mosaics",
        ),
    ],
)
def test_what_cannot_be_is_left_and_said_if_it_was_asked_for(choices, frames, sweep, words, caplog):
    noise = np.random.default_rng(0).random((frames, 16, 16, 3), np.float32)
    fusion = Fusion(noise[0], np.zeros((16, 16), np.float32), np.ones((16, 16), np.float32))
    assert eliminate_burst(noise, None, replace(ON, **choices), "srgb", sweep, fusion) is None
    assert f"no diffusion eliminated: {words}" in caplog.text
    caplog.clear()
    auto = replace(ON, diffusion="auto", **choices)
    assert eliminate_burst(noise, None, auto, "srgb", sweep, fusion) is None
    assert not caplog.text


def test_it_can_be_stopped(burst):
    def stop(step):
        if step is not None and step.stage == "Eliminating diffusion":
            raise Cancelled

    with listening(stop), pytest.raises(Cancelled):
        run(burst.frames, ON, transfer="srgb")
