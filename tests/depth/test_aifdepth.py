"""Learned depth: planes and steps of known depth, tiles, spacing, noise, what is not measured, cancelling, errors."""

import numpy as np
import pytest
import torch

from napari_focusstack import estimate_depth, simulate
from napari_focusstack.depth.aifdepth import LEAST, MEMORY, STREAMED, _error, _join_rows, scale_of, tile_of
from napari_focusstack.methods import options_of
from napari_focusstack.nets import build
from napari_focusstack.nets.checkpoint import CheckpointError, Input, Training, save_checkpoint
from napari_focusstack.progress import Cancelled, listening


@pytest.fixture(scope="module")
def steps():
    return simulate("steps", frames=5, height=96, width=128, blur=2.0, seed=2)


def learned(frames, untrained, **options):
    return estimate_depth(frames, "aif", checkpoint=str(untrained), **options)


def saved(folder, network, task="depth", frames=(2, 300)):
    description = {
        "input": Input(network.channels, (0.0, 1.0), "stored", frames),
        "training": Training("nothing", 0, 0, "depth", "0.2.0"),
        "metrics": {},
        "licence": "BSD-3-Clause",
    }
    save_checkpoint(folder, network, task=task, **description)
    return folder


@pytest.mark.parametrize("sharp", [0, 2, 4])
def test_a_plane_is_found_where_it_is(untrained, sharp):
    random = np.random.default_rng(0)
    frames = np.stack([random.integers(100, 104, (64, 64, 3)) for _ in range(5)]).astype(np.uint8)
    frames[sharp] = random.integers(20, 200, (64, 64, 3))
    depth = learned(frames, untrained)
    assert depth.measured.mean() > 0.9
    np.testing.assert_allclose(depth.index[depth.measured], sharp, atol=0.35)


def test_depth_and_its_error_fit_the_truth(untrained, steps):
    depth = learned(steps.frames, untrained)
    error = np.abs(depth.index - steps.depth)[depth.measured]
    assert depth.measured.mean() > 0.6
    assert np.median(error) < 0.5
    assert np.quantile(error, 0.1) < np.median(depth.sigma[depth.measured]) < np.quantile(error, 0.95)


def test_tiles_change_nothing(untrained):
    frames = simulate("slanted", frames=3, height=40, width=720, blur=2.0, seed=4).frames
    whole = learned(frames, untrained, fill=True)
    tiled = learned(frames, untrained, fill=True, tile=64)
    np.testing.assert_allclose(tiled.position, whole.position, atol=1e-4)
    np.testing.assert_allclose(tiled.sigma, whole.sigma, atol=1e-2)


def test_tiles_of_long_sweeps_are_small():
    network = build("aifdepthnet", {})
    sides = [tile_of(network, count, 4096) for count in (3, 30, 300)]
    assert sides == sorted(sides, reverse=True)
    for side, count in zip(sides, (3, 30, 300), strict=True):
        assert (side + 2 * network.halo) ** 2 * (STREAMED[0] + STREAMED[1] * count) <= MEMORY
    assert tile_of(network, 3, 128) == 128
    assert tile_of(network, 100_000, 4096) == 2 * network.multiple


def test_positions_count_as_they_are_spaced(untrained, steps):
    even = learned(steps.frames, untrained, fill=True)
    uneven = learned(steps.frames, untrained, fill=True, positions=[0, 1, 2, 3, 14], unit="um")
    assert even.position.max() <= 4 < uneven.position.max() <= 14
    clear = (even.position < 1.2) & (even.sigma < 0.2)
    np.testing.assert_allclose(uneven.position[clear], even.position[clear], atol=1.0)
    np.testing.assert_allclose(uneven.index, np.interp(uneven.position, uneven.positions, np.arange(5)), atol=1e-5)


def test_dark_frames_and_floats_are_as_bright_ones(untrained, steps):
    deep = learned(steps.frames.astype(np.uint16) * 16, untrained, fill=True)
    bright = learned(steps.frames.astype(np.uint16) * 256, untrained, fill=True)
    counts = learned(steps.frames * np.float32(40), untrained, fill=True)
    np.testing.assert_allclose(deep.position, bright.position, atol=0.02)
    np.testing.assert_allclose(counts.position, bright.position, atol=0.02)
    assert scale_of(np.zeros((3, 8, 8, 3), np.uint8)).white == 1.0


def test_one_channel_may_decide(untrained, steps):
    frames = steps.frames.copy()
    frames[..., 0] = 80
    frames[..., 2] = np.random.default_rng(1).integers(0, 255, frames[..., 2].shape)
    one = learned(frames, untrained, channel=1, fill=True)
    np.testing.assert_allclose(one.position, learned(frames[..., 1], untrained, fill=True).position, atol=1e-4)


def test_noise_alone_has_no_depth(untrained):
    frames = np.random.default_rng(3).normal(120, 12, (6, 96, 96, 3)).clip(0, 255).astype(np.uint8)
    assert learned(frames, untrained).measured.mean() < 0.1


def test_a_peak_that_agrees_makes_depth_exact():
    """Variances of 9 to 1: nine tenths of the way; one that is far off, or not trusted, changes nothing."""
    index, sigma = np.full((1, 4), 2, np.float32), np.full((1, 4), 0.75, np.float32)
    peak = np.array([[2.4, 4.2, 4.3, 2.4]], np.float32)  # of which 2.2 frames are less than 3 σ, 2.3 are more
    error, trusted = np.full((1, 4), 0.25, np.float32), np.array([[1, 1, 1, 0.4]], np.float32)
    _join_rows(index, sigma, peak, error, trusted, 0, 1)
    np.testing.assert_allclose(index, [[2.36, 2 + 0.9 * 2.2, 2, 2]], rtol=1e-6)
    spread = [np.sqrt(0.1 * 0.75**2 + 0.09 * off**2) for off in (0.4, 2.2)]
    np.testing.assert_allclose(sigma, [[*spread, 0.75, 0.75]], rtol=1e-6)


def test_smoothing_calms_noise_within_the_error(untrained):
    frames = simulate("flat", frames=5, height=96, width=96, blur=2.0, noise=2e-3, seed=3).frames
    rough, calm = (learned(frames, untrained, fill=True, smoothing=s) for s in (0, 4))
    assert (np.abs(calm.index - rough.index) <= 1.2 * np.maximum(rough.sigma, calm.sigma) + 0.01).all()
    left, was = (np.abs(np.diff(depth.index, axis=1)).mean() for depth in (calm, rough))
    assert left < 0.6 * was


def test_attention_between_two_frames_is_no_doubt():
    positions = np.array([0.0, 1.0, 2.0, 4.0])
    share, variance, entropy = 0.375, 0.015625, 0.69  # half at 1, half at 2 of 4
    index, sigma, sure = (float(plane[0]) for plane in _error(np.array([[share, variance, entropy]]), positions))
    assert index == 1.5
    assert sigma == pytest.approx(LEAST, abs=1e-3)
    assert sure > 0.9
    spread = _error(np.array([[share, 5 * variance, entropy]]), positions)
    assert float(spread[1][0]) > 0.4
    *_, undecided = _error(np.array([[share, variance, np.log(4)]]), positions)
    assert float(undecided[0]) == pytest.approx(0, abs=1e-6)


def test_the_published_size_measures_too(tmp_path, steps):
    torch.manual_seed(0)
    folder = saved(tmp_path / "paper", build("aifdepthnet", {"size": "paper"}))
    depth = learned(steps.frames[:3, :32, :32], folder, fill=True)
    assert depth.position.shape == (32, 32)
    assert np.isfinite(depth.position).all()


def test_cancelling_is_felt(untrained, steps):
    seen = []

    def listener(step):
        seen.append(step)
        if step is not None and step.stage == "Measuring depth" and step.done == 3:
            raise Cancelled

    with pytest.raises(Cancelled), listening(listener):
        learned(steps.frames, untrained)
    assert len(seen) > 3


def test_what_does_not_fit_is_refused(tmp_path, steps, untrained):
    unet = saved(tmp_path / "unet", build("unet", {}), task="fusion")
    with pytest.raises(ValueError, match="checkpoint 'unet' is a unet; method aif takes aifdepthnet"):
        learned(steps.frames, unet)
    few = saved(tmp_path / "few", build("aifdepthnet", {}), frames=(10, 12))
    with pytest.raises(CheckpointError, match="few was trained for bursts of 10 to 12 frames, not 5"):
        learned(steps.frames, few)
    with pytest.raises(CheckpointError, match="nowhere"):
        learned(steps.frames, tmp_path / "nowhere")
    with pytest.raises(ValueError, match="channel"):
        learned(steps.frames, untrained, channel=3)


def test_forms_offer_networks_for_depth_alone():
    from napari_focusstack import DEPTH_ESTIMATORS

    assert next(iter(DEPTH_ESTIMATORS)) == "sff"
    assert options_of(DEPTH_ESTIMATORS["aif"])["checkpoint"].architectures == ("aifdepthnet",)
