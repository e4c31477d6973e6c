"""The Laplacian pyramid on scenes of known truth: quality, noise, index, range; and the noise that it measures."""

import tracemalloc
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focusstack.arrays import to_float
from napari_focusstack.fusion.noise import noise_of
from napari_focusstack.fusion.pyramid import fuse_pyramid
from napari_focusstack.kernels import pyramid_cpu
from napari_focusstack.metrics import psnr
from napari_focusstack.simulation import simulate

SIZE = {"height": 192, "width": 256}


@pytest.fixture(autouse=True, scope="module")
def one_thread_for_torch():
    """Its threads wait for each other at full speed, which takes seconds on a machine that has other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def burst_of(scene, **options):
    return simulate(scene, **SIZE, **options)


def nearest(burst):
    """The hard pick by true depth."""
    picks = np.rint(np.nan_to_num(burst.depth)).astype(int).clip(0, len(burst.frames) - 1)
    return to_float(np.take_along_axis(burst.frames, picks[None, ..., None], 0)[0])


def fused(frames, **options):
    return fuse_pyramid(frames, device="cpu", **options)


def noisy_plain(frames=60, channels=3, sigma=2.0, light=120.0, seed=0):
    noise = np.random.default_rng(seed).normal(light, sigma, (frames, 96, 96, channels))
    return noise.round().clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("scene", ["flat", "slanted", "steps"])
def test_comes_within_half_a_db_of_the_pick_by_true_depth(scene, dtype):
    burst = burst_of(scene, frames=12, dtype=dtype, seed=2)
    seen = min(psnr(nearest(burst), burst.truth), 57.0)  # errors beyond are smaller than rounding to 8 bit
    assert psnr(fused(burst.frames).image, burst.truth) > seen - 0.5


@pytest.mark.parametrize("scene", ["slanted", "steps"])
def test_is_better_than_the_pick_by_true_depth_where_there_is_noise(scene):
    burst = burst_of(scene, frames=16, noise=3e-3, seed=2)
    reached = psnr(fused(burst.frames).image, burst.truth)
    assert reached > psnr(nearest(burst), burst.truth) + 0.5
    assert reached > psnr(fused(burst.frames, noise_floor=0.0).image, burst.truth) + 1


@pytest.mark.parametrize("channels", [1, 3])
def test_noise_of_a_plain_area_is_averaged(channels):
    stack = noisy_plain(channels=channels)
    image = 255 * fused(stack).image
    assert image.std() < 0.35 * stack[0].std()
    assert image.mean() == pytest.approx(120, abs=0.1)
    assert (255 * fused(stack, noise_floor=0.0).image).std() > stack[0].std()


def test_shot_noise_is_averaged_in_the_lights_too():
    light = np.linspace(200, 60000, 128)[None, None, :, None]
    noise = np.random.default_rng(0).normal(size=(40, 128, 128, 1)) * np.sqrt(400 + 20 * light)
    stack = (light + noise).clip(0, 65535).astype(np.uint16)
    left = 65535 * fused(stack).image - light[0]
    assert left[:, 100:120].std() < 0.4 * noise[:, :, 100:120].std()
    assert left[:, 5:20].std() < 0.4 * noise[:, :, 5:20].std()


@pytest.mark.parametrize("channels", [1, 3])
def test_noise_is_measured(channels):
    light = np.random.default_rng(1).integers(20, 60, (16, 16)).repeat(32, 0).repeat(32, 1)[..., None] * 1000.0
    noise = np.random.default_rng(0).normal(size=(512, 512, channels)) * np.sqrt(1e4 + 2 * light)
    noise_model = noise_of((light + noise).astype(np.uint16), pyramid_cpu, 5, 1.5, -1)
    for brightness in (25000, 55000):
        variance = noise_model.offset + noise_model.slope * brightness
        assert np.sqrt(variance) == pytest.approx(np.sqrt(1e4 + 2 * brightness), rel=0.2)
    assert len(noise_model.mean) == len(noise_model.deviation) == 5
    assert noise_model.mean[4] == pytest.approx(noise_model.mean[3] / 2)


def test_texture_is_not_taken_for_noise():
    burst = burst_of("slanted", frames=6)
    noise = noise_of(burst.frames[0], pyramid_cpu, 5, 1.5, -1)
    assert np.sqrt(noise.offset + noise.slope * 128) < 0.5


def test_a_float_scene_without_noise_has_hardly_any():
    burst = burst_of("slanted", frames=6, dtype="float32")
    noise = noise_of(burst.frames[0], pyramid_cpu, 5, 1.5, -1)
    assert noise.offset + noise.slope < 1e-3**2


def test_index_is_the_depth():
    burst = burst_of("slanted", frames=10)
    fusion = fused(burst.frames)
    assert np.abs(fusion.index - burst.depth).mean() < 0.3  # 0.25 is rounding to whole frames
    assert np.median(fusion.confidence) > 0.5


def test_where_nothing_is_in_focus_there_is_no_index():
    burst = simulate("flat", frames=7, noise=5e-4, height=256, width=384)
    fusion = fused(burst.frames)
    y, x = np.mgrid[:256, :384]
    inside = np.hypot(x / 384 - 0.68, y / 256 - 0.6) < 0.15  # the plain disc of the scene, without its surroundings
    textured = fusion.index[:40, :40]
    assert np.isnan(fusion.index[inside]).mean() > 0.98
    assert fusion.confidence[inside].max() < 0.1
    assert np.isnan(textured).mean() < 0.02
    assert (textured[~np.isnan(textured)] == 3).mean() > 0.95


def test_plain_black_is_black_without_index():
    fusion = fused(np.zeros((3, 40, 50, 3), np.uint8))
    assert not fusion.image.any()
    assert np.isnan(fusion.index).all()
    assert not fusion.confidence.any()


@settings(deadline=None, max_examples=10)
@given(st.permutations(range(5)))
def test_the_order_of_the_frames_does_not_matter(order):
    frames = np.random.default_rng(0).integers(0, 255, (5, 60, 75, 3), np.uint8)
    plain, mixed = fused(frames, noise_floor=0.0), fused(frames[order], noise_floor=0.0)
    assert mixed.image == pytest.approx(plain.image, abs=1e-5)
    assert np.array_equal(np.asarray(order, np.float32)[mixed.index.astype(int)], plain.index)


def test_noise_is_told_from_any_frame_alike():
    """The first frame tells the noise: another one first changes little."""
    burst = burst_of("steps", frames=8, noise=2e-3)
    assert psnr(fused(burst.frames[::-1]).image, fused(burst.frames).image) > 50


def test_the_range_of_the_stack_is_kept_if_asked_for():
    burst = burst_of("occluders", frames=8)
    low, high = to_float(burst.frames.min(axis=0)), to_float(burst.frames.max(axis=0))
    free, kept = fused(burst.frames).image, fused(burst.frames, keep_range=True).image
    assert ((free < low) | (free > high)).any()
    assert ((kept >= low) & (kept <= high)).all()
    assert psnr(kept, burst.truth) > psnr(free, burst.truth) - 0.1


def test_a_chosen_channel_decides_for_all():
    burst = burst_of("slanted", frames=8, channels=1).frames
    stack = np.concatenate([burst, burst[::-1]], axis=3)  # the second channel is sharp where the first is not
    first, second = fused(stack, channel=0), fused(stack, channel=1)
    assert first.image[..., 0] == pytest.approx(fused(burst).image[..., 0], abs=2e-3)
    assert np.nanmean(np.abs(first.index - fused(burst).index)) < 0.05
    assert np.nanmean(np.abs(second.index - (7 - first.index))) < 0.1


def test_smoothing_serves_smooth_surfaces():
    burst = burst_of("slanted", frames=12, seed=4)
    rough, smooth = (psnr(fused(burst.frames, smoothing=s).image, burst.truth) for s in (0.0, 2.0))
    assert smooth > rough + 2


def test_levels_can_be_chosen():
    burst = burst_of("steps", frames=8)
    one, many = (psnr(fused(burst.frames, levels=levels).image, burst.truth) for levels in (1, 5))
    assert many > one


def test_memory_does_not_grow_with_the_number_of_frames():
    class Repeated:
        def __init__(self, count):
            self.frame = np.random.default_rng(0).integers(0, 255, (800, 1000, 3), np.uint8)
            self.shape, self.dtype = (count, *self.frame.shape), self.frame.dtype

        def __len__(self):
            return self.shape[0]

        def __getitem__(self, k):
            return np.roll(self.frame, k, axis=0)

    peaks = []
    fused(Repeated(2))  # compiled and loaded
    for count in (3, 12):
        frames = Repeated(count)
        tracemalloc.start()
        fused(frames)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] == pytest.approx(peaks[0], rel=0.05)
    assert peaks[0] < 45 * 800 * 1000  # bytes a pixel: the running pyramid, a frame or two, one strip's loops
