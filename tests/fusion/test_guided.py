"""Guided-filter fusion: weights, noise, range and order of the frames."""

import numpy as np
import pytest
from tilted import psnr, tilted

from napari_focusstack.fusion import fuse
from napari_focusstack.fusion.guided import fuse_guided


def halves(noise=0.0):
    """Two frames, one sharp on the left, one on the right."""
    _, truth, _ = tilted(height=96, width=192)
    stack, _, _ = tilted(frames=4, height=96, width=192)
    blurred = stack[3] * (np.arange(192) < 96)[:, None] + stack[0] * (np.arange(192) >= 96)[:, None]
    left, right = truth.copy(), truth.copy()
    left[:, 96:], right[:, :96] = blurred[:, 96:], blurred[:, :96]
    frames = np.stack([left, right]).astype(np.float32)
    if noise:
        frames += np.random.default_rng(0).normal(0, noise, frames.shape).astype(np.float32)
    return frames, truth


def test_takes_each_half_from_its_frame():
    frames, truth = halves()
    fusion = fuse_guided(frames, device="cpu")
    assert np.nanmean(fusion.index[:, :80]) < 0.02
    assert np.nanmean(fusion.index[:, 112:]) > 0.98
    away = np.abs(np.arange(192) - 96) > 24
    assert psnr(fusion.image[:, away], truth[:, away]) > psnr(frames.mean(axis=0)[:, away], truth[:, away]) + 8


def test_beats_the_mean_and_the_single_frame_on_a_tilted_plane():
    for noise in (0.0, 0.02):
        stack, truth, _ = tilted(noise=noise)
        reached = psnr(fuse(stack, "guided", device="cpu").image, truth)
        assert reached > psnr(stack.mean(axis=0), truth) + 5
        assert reached > max(psnr(frame, truth) for frame in stack) + 5


def test_the_order_of_the_frames_does_not_matter():
    stack, _, _ = tilted(frames=6, width=96, noise=0.01)
    order = [3, 0, 5, 1, 4, 2]
    plain, mixed = fuse_guided(stack, device="cpu"), fuse_guided(stack[order], device="cpu")
    assert mixed.image == pytest.approx(plain.image, abs=1e-5)
    back = np.where(np.isnan(mixed.index), np.nan, np.array(order)[np.nan_to_num(mixed.index).astype(int)])
    assert np.array_equal(back, plain.index, equal_nan=True)


def test_noise_does_not_win_in_plain_areas():
    sigma = 0.01
    stack, _, _ = tilted(frames=20, height=96, width=256)
    stack[:, :, 128:] = 0.5
    stack += np.random.default_rng(0).normal(0, sigma, stack.shape).astype(np.float32)
    fusion = fuse_guided(stack, device="cpu")
    plain = np.s_[8:-8, 168:-8]
    assert fusion.image[plain].std() < sigma / 3  # of √20 ≈ 4.5 for a plain mean
    assert np.isnan(fusion.index[plain]).mean() > 0.95


def test_keep_range_holds_every_value_inside_the_stack():
    frames, _ = halves(noise=0.02)
    low, high = frames.min(axis=0), frames.max(axis=0)
    free, kept = (fuse_guided(frames, keep_range=keep, device="cpu").image for keep in (False, True))
    assert ((free < low - 1e-6) | (free > high + 1e-6)).any()
    assert (kept >= low).all()
    assert (kept <= high).all()
    assert kept == pytest.approx(np.clip(free, low, high), abs=1e-6)


def test_one_channel_may_decide_for_all():
    frames, _ = halves()
    both = np.concatenate([frames, frames[::-1]], axis=3)
    first, second = (fuse_guided(both, channel=c, device="cpu").index for c in (0, 1))
    away = np.abs(np.arange(192) - 96) > 24
    assert np.nanmean(np.abs(first - second)[:, away]) > 0.95
