"""Bursts against what they say is true of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from napari_focusstack.color import to_linear
from napari_focusstack.metrics import psnr
from napari_focusstack.progress import Cancelled, listening
from napari_focusstack.simulation import SCENES, Simulated, bursts, simulate

INSIDE = (slice(12, -12), slice(12, -12))


def sharpest(burst: Simulated) -> np.ndarray:
    """Frame of the largest local Laplacian energy."""
    energy = []
    for frame in burst.frames:
        laplacian = cv2.Laplacian(frame.mean(-1, dtype=np.float32), cv2.CV_32F)
        energy.append(cv2.GaussianBlur(laplacian**2, (0, 0), 4))
    return np.argmax(energy, 0)


# frames and truth


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(
    ("channels", "dtype", "transfer"), [(1, "uint16", "linear"), (3, "uint8", "srgb"), (4, "float32", "linear")]
)
def test_every_scene_in_every_kind(scene, channels, dtype, transfer):
    burst = simulate(scene, frames=3, height=40, width=52, channels=channels, dtype=dtype, transfer=transfer)
    layers = len(burst.masks)
    assert burst.frames.shape == (3, 40, 52, channels) and burst.frames.dtype == dtype
    assert burst.truth.shape == (40, 52, channels) and burst.truth.dtype == np.float32
    assert burst.depth.shape == (40, 52) and burst.depth.dtype == np.float32
    assert burst.masks.shape == burst.depths.shape == (layers, 40, 52)
    assert burst.radii.shape == (layers, 3)
    assert burst.transforms.shape == (3, 3, 3) and burst.gains.shape == burst.focus.shape == (3,)
    assert burst.reference == 1 and burst.transfer == transfer
    assert burst.frames.std() > 0 and np.isfinite(burst.frames).all()
    assert burst.truth.min() >= 0 and burst.truth.max() <= 1
    assert burst.masks.min() >= 0 and burst.masks.max() <= 1
    seen = burst.depth[~np.isnan(burst.depth)]
    assert seen.min() >= 0 and seen.max() <= 2
    assert np.isnan(burst.depth).any() == (scene == "fluorescence")


def test_flat_scene_is_true_where_it_is_in_focus():
    burst = simulate("flat", dtype="float32", frames=5)
    assert np.abs(burst.frames[2] - burst.truth).max() < 1e-4
    assert psnr(burst.frames[0], burst.truth) < psnr(burst.frames[1], burst.truth) < 50
    assert (burst.depth == 2).all()
    assert np.allclose(burst.radii, [[1.6, 0.8, 0, 0.8, 1.6]])


def test_flat_scene_has_plain_areas():
    truth = simulate("flat").truth.mean(-1)
    plain = cv2.blur(truth**2, (9, 9)) - cv2.blur(truth, (9, 9)) ** 2 < 1e-6
    assert 0.1 < plain.mean() < 0.6


@pytest.mark.parametrize("psf", ["disc", "gaussian"])
@pytest.mark.parametrize("order", ["near-to-far", "far-to-near"])
def test_the_sharpest_frame_is_the_depth(psf, order):
    burst = simulate("slanted", frames=8, height=160, width=160, psf=psf, order=order, seed=1)
    error = np.abs(sharpest(burst) - burst.depth)
    assert (error <= 0.5).mean() > 0.95  # argmax rounds: 0.25 is the mean error of a perfect measure
    assert error.mean() < 0.26
    assert error.max() < 1.5


def test_steps_are_sharpest_at_their_depths():
    burst = simulate("steps", frames=7, height=128, width=256, blur=1.6, seed=1)
    assert sorted(set(burst.depth.ravel())) == [0, 2, 4, 6]
    for mask, depth, radii in zip(burst.masks, burst.depths, burst.radii, strict=True):
        assert np.allclose(radii, 1.6 * np.abs(depth[0, 0] - np.arange(7)))
        alone = cv2.erode(((burst.depth == depth) & (mask > 0.99)).astype(np.uint8), np.ones((25, 25))) > 0
        assert alone.any() and np.median(sharpest(burst)[alone]) == depth[0, 0]


def test_ledges_are_sharp_between_the_frames():
    burst = simulate("ledges", frames=9, height=64, width=96)
    assert sorted(set(burst.depth.ravel())) == [1, 3, 5, 7]
    assert sorted(set(simulate("ledges", frames=10, height=64, width=96).depth.ravel())) == [1.125, 3.375, 5.625, 7.875]


def test_the_frame_at_the_depth_is_close_to_the_truth():
    burst = simulate("slanted", dtype="float32")
    nearest = np.rint(burst.depth).astype(int)
    picked = np.take_along_axis(burst.frames, nearest[None, ..., None], 0)[0]
    assert psnr(picked, burst.truth) > 40 > psnr(burst.frames[5], burst.truth) + 5


def test_near_layers_hide_far_ones():
    burst = simulate("steps", frames=4, dtype="float32", transfer="linear")
    near = burst.masks[0] > 0.99
    assert np.allclose(burst.depth[near], 0)
    inside = cv2.erode(near.astype(np.uint8), np.ones((15, 15))) > 0
    assert np.allclose(burst.frames[0][inside], burst.truth[inside], atol=1e-4)


def test_out_of_focus_light_is_added_in_fluorescence():
    options = {"frames": 6, "channels": 1, "dtype": "float32", "transfer": "linear", "psf": "gaussian"}
    burst = simulate("fluorescence", **options)
    totals = burst.frames.sum((1, 2, 3))
    assert np.ptp(totals) < 0.05 * totals.mean()  # light is spread, not lost
    assert (burst.frames.min(0) < 0.02).mean() > 0.1  # on a dark ground


# order, seed, device


@pytest.mark.parametrize("scene", ["slanted", "occluders"])
def test_the_other_order_is_the_same_sweep_backwards(scene):
    one, other = (simulate(scene, frames=4, height=48, width=48, order=o) for o in ("near-to-far", "far-to-near"))
    assert np.array_equal(one.frames, other.frames[::-1])
    assert np.array_equal(one.truth, other.truth)
    assert np.allclose(one.depth, 3 - other.depth)
    assert np.allclose(one.depths, 3 - other.depths)
    assert np.allclose(one.radii, other.radii[:, ::-1])
    assert np.array_equal(one.focus, other.focus[::-1])


def test_breathing_follows_the_focus_in_both_orders():
    scales = [
        simulate("flat", frames=5, height=16, width=16, breathing=0.1, order=order).transforms[:, 0, 0]
        for order in ("near-to-far", "far-to-near")
    ]
    assert np.allclose(scales[0], 1 + 0.1 * (np.arange(5) - 2) / 4)
    assert np.allclose(scales[1], scales[0][::-1])


def test_a_seed_decides_everything():
    options = {"frames": 3, "height": 40, "width": 40, "jitter": 1.0, "exposure": 0.1, "noise": 1e-3}
    one, same, other = (simulate("hair", seed=seed, **options) for seed in (5, 5, 6))
    assert np.array_equal(one.frames, same.frames) and np.array_equal(one.transforms, same.transforms)
    assert not np.array_equal(one.truth, other.truth)
    assert not np.allclose(one.transforms, other.transforms) and not np.allclose(one.gains, other.gains)


def test_noise_and_exposure_leave_the_scene_as_it_is():
    plain = simulate("occluders", frames=3, height=40, width=40)
    other = simulate("occluders", frames=3, height=40, width=40, exposure=0.2, noise=1e-3)
    assert np.array_equal(plain.truth, other.truth) and np.array_equal(plain.masks, other.masks)


def test_tiles_fit_together(monkeypatch):
    options = {"frames": 4, "height": 96, "width": 150, "breathing": 0.04, "jitter": 1.0, "dtype": "float32"}
    whole = simulate("occluders", **options)
    monkeypatch.setattr(bursts, "TILE", 40)
    tiled = simulate("occluders", **options)
    assert np.abs(whole.frames - tiled.frames).max() < 2e-3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_gpu_renders_the_same():
    one, other = (simulate("occluders", frames=3, noise=1e-3, dtype="float32", device=d) for d in ("cpu", "cuda"))
    assert np.abs(one.frames - other.frames).max() < 1e-3


# motion, exposure, noise


def test_transforms_bring_the_frames_back_to_the_reference():
    burst = simulate("flat", blur=0.0, breathing=0.1, jitter=3.0, rotation=0.3, height=200, width=300, dtype="float32")
    reference = burst.frames[burst.reference]
    assert np.array_equal(burst.transforms[burst.reference], np.eye(3))
    assert np.abs(reference - burst.truth).max() < 1e-6
    for frame, transform in zip(burst.frames, burst.transforms, strict=True):
        flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
        back = cv2.warpAffine(frame, transform[:2], (300, 200), flags=flags)
        inside = (slice(25, -25), slice(25, -25))
        assert np.sqrt(((back - reference)[inside] ** 2).mean()) < 0.005
        if not np.array_equal(transform, np.eye(3)):
            assert np.sqrt(((frame - reference)[inside] ** 2).mean()) > 0.03


def test_no_border_is_empty():
    burst = simulate("flat", breathing=-0.2, jitter=5.0, rotation=1.0, height=80, width=100, dtype="float32", seed=2)
    for frame in burst.frames:
        assert frame.min() > 0
        for edge in (frame[0], frame[-1], frame[:, 0], frame[:, -1]):
            assert np.abs(np.diff(edge.mean(-1))).mean() > 1e-4  # still textured, not smeared


def test_gains_multiply_linear_light():
    plain, bright = (simulate("flat", frames=4, exposure=e, dtype="float32", transfer="linear") for e in (0.0, 0.2))
    assert bright.gains[2] == 1 and np.std(np.log(bright.gains)) > 0.02
    for i, gain in enumerate(bright.gains):
        expected = plain.frames[i] * gain
        dark = (expected < 0.99) & (plain.frames[i] < 0.99)
        assert np.allclose(bright.frames[i][dark], expected[dark], atol=1e-5)


def test_noise_has_the_variance_of_brooks_law():
    plain, noisy = (simulate("flat", frames=2, noise=n, dtype="float32", transfer="linear") for n in (0.0, 2e-3))
    light = plain.frames[0]
    mid = (light > 0.2) & (light < 0.3)
    read = np.exp(2.18 * np.log(2e-3) + 1.2)
    assert np.var((noisy.frames[0] - light)[mid]) == pytest.approx(2e-3 * light[mid].mean() + read, rel=0.05)


def test_srgb_and_linear_store_the_same_light():
    stored, linear = (
        simulate("steps", frames=2, height=32, width=32, dtype="float32", transfer=t) for t in ("srgb", "linear")
    )
    assert np.allclose(to_linear(stored.frames), linear.frames, atol=1e-5)
    assert np.allclose(to_linear(stored.truth), linear.truth, atol=1e-5)


# given textures


def test_given_textures_are_shown_in_turn():
    red, green = np.zeros((20, 30, 3), np.uint8), np.zeros((60, 50, 3), np.uint8)
    red[..., 0], green[..., 1] = 200, 100
    burst = simulate("steps", frames=4, height=64, width=64, textures=[red, green])
    assert np.allclose(burst.truth[burst.depth == 0].max(0) * 255, (200, 0, 0), atol=0.01)
    assert np.allclose(burst.truth[32, 26] * 255, (0, 100, 0), atol=0.01)
    assert burst.depth[32, 26] == 1


def test_a_grey_texture_serves_colour():
    grey = np.random.default_rng(0).random((300, 300)).astype(np.float32)
    truth = simulate("slanted", frames=2, height=32, width=32, blur=0.0, textures=[grey]).truth
    assert np.allclose(truth[..., 0], truth[..., 2], atol=1e-6) and truth.std() > 0.2


# progress and errors


def test_progress_is_told_and_cancelling_is_heard():
    steps = []

    def stop(step):
        if step is not None:
            steps.append(str(step))
        if len(steps) == 3:
            raise Cancelled

    with pytest.raises(Cancelled), listening(stop):
        simulate("flat", frames=4, height=16, width=16)
    assert steps == ["Simulating 0/4", "Simulating 1/4", "Simulating 2/4"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"scene": "moon"},
            "unknown scene 'moon'; choices: flat, slanted, steps, ledges, occluders, hair, fluorescence, insect",
        ),
        ({"psf": "square"}, "unknown psf 'square'; choices: disc, gaussian"),
        ({"order": "up"}, "unknown order 'up'; choices: near-to-far, far-to-near"),
        ({"transfer": "log"}, "unknown transfer 'log'; choices: linear, srgb"),
        ({"frames": 0}, "frames=0 is too small; at least 1 is needed"),
        ({"channels": 0}, "channels=0 is too small"),
        ({"blur": -1.0}, "blur=-1.0 is out of range; give a number ≥ 0"),
        ({"noise": float("nan")}, "noise=nan is out of range"),
        ({"breathing": 0.7}, "breathing=0.7 is out of range; −0.5 to 0.5 is allowed"),
        ({"dtype": "int16"}, "frames of dtype int16 cannot be made; use uint8, uint16 or float32"),
        ({"textures": [np.zeros(5)]}, r"a texture of shape \(5,\) is not a picture; \(Y, X\) or \(Y, X, C\) is needed"),
    ],
)
def test_errors_say_what_is_allowed(options, message):
    with pytest.raises(ValueError, match=message):
        simulate(**{"frames": 2, "height": 8, "width": 8, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 2.5}, "frames=2.5 is no whole number; give one from 1"),
        ({"height": "8"}, "height='8' is no whole number"),
        ({"blur": "wide"}, "blur='wide' is no number"),
        ({"breathing": None}, "breathing=None is no number"),
    ],
)
def test_what_is_no_number_is_refused(options, message):
    with pytest.raises(TypeError, match=message):
        simulate(**{"frames": 2, "height": 8, "width": 8, **options})
