"""The depth map on a tilted plane of known depth, with and without noise, and where nothing is in focus."""

import numpy as np
import pytest
from tilted import nearest, psnr, tilted

from napari_focusstack.fusion import fuse
from napari_focusstack.fusion.depthmap import fuse_depthmap


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_comes_within_one_db_of_the_pick_by_true_depth(noise):
    stack, truth, depth = tilted(noise=noise)
    reached = psnr(fuse(stack, "depthmap", device="cpu").image, truth)
    assert reached > psnr(nearest(stack, depth), truth) - 1
    assert reached > psnr(stack.mean(axis=0), truth) + 5


def test_depth_is_found_between_the_frames():
    stack, _, depth = tilted(width=768)
    index = fuse_depthmap(stack, device="cpu").index
    inside = (depth > 0.5) & (depth < 8.5)  # before the first and after the last frame there is nothing to compare
    assert np.abs(index - depth)[inside].mean() < 0.03


def test_the_sweep_may_run_either_way():
    stack, _, _ = tilted(width=192)
    there, back = fuse_depthmap(stack, device="cpu"), fuse_depthmap(stack[::-1], device="cpu")
    assert back.index == pytest.approx(9 - there.index, abs=1e-3)
    assert back.image == pytest.approx(there.image, abs=1e-4)


def test_values_stay_inside_the_range_of_the_stack():
    stack, _, _ = tilted(width=96, noise=0.02)
    image = fuse_depthmap(stack, device="cpu", softness=1.0).image
    assert (image >= stack.min(axis=0) - 1e-6).all()
    assert (image <= stack.max(axis=0) + 1e-6).all()


def test_plain_areas_are_averaged_and_have_no_index():
    stack, _, _ = tilted(height=96, width=256)
    stack[:, :, 128:] = 0.5
    stack += np.random.default_rng(0).normal(0, 0.01, stack.shape).astype(np.float32)
    fusion = fuse_depthmap(stack, device="cpu")
    plain = np.s_[8:-8, 160:-8]
    assert np.isnan(fusion.index[plain]).mean() > 0.95
    assert not np.isnan(fusion.index[:, :112]).any()
    assert fusion.image[plain].std() < 0.6 * 0.01
    assert fusion.confidence[plain].max() < 0.2 < np.median(fusion.confidence[:, :112])


def test_without_a_noise_floor_every_pixel_has_a_frame():
    stack = np.random.default_rng(0).random((4, 32, 32, 1)).astype(np.float32)
    assert not np.isnan(fuse_depthmap(stack, noise_floor=0.0, device="cpu").index).any()


def test_nothing_in_focus_is_the_mean():
    stack = np.repeat(np.linspace(0.2, 0.4, 3, dtype=np.float32), 20 * 30).reshape(3, 20, 30, 1)
    fusion = fuse_depthmap(stack, device="cpu")
    assert np.isnan(fusion.index).all()
    assert (fusion.confidence == 0).all()
    assert fusion.image == pytest.approx(0.3, abs=1e-6)


def test_softness_trades_sharpness_for_noise():
    stack, truth, _ = tilted()
    soft, sharp = (psnr(fuse_depthmap(stack, softness=s, device="cpu").image, truth) for s in (1.0, 0.0))
    assert soft < sharp
    stack, truth, _ = tilted(noise=0.02)
    options = {"noise_floor": 1.0, "device": "cpu"}  # above it everywhere: noise is seen, nothing is averaged for it
    soft, sharp = (psnr(fuse_depthmap(stack, softness=s, **options).image, truth) for s in (1.0, 0.0))
    assert soft > sharp


def test_a_gap_is_filled_from_its_own_side_of_an_edge():
    """Left half at depth 1, right half at depth 4, and a plain gap in the middle, split by a step in brightness."""
    rng = np.random.default_rng(0)
    texture = rng.normal(0, 0.1, (64, 128)).astype(np.float32)
    texture[:, 48:80] = 0
    step = np.where(np.arange(128) < 64, 0.3, 0.7).astype(np.float32)
    stack = np.stack([texture * np.where(np.arange(128) < 64, k == 1, k == 4) + step + 0.01 * k for k in range(6)])
    image = fuse_depthmap(stack[..., None].astype(np.float32), device="cpu").image[..., 0]
    assert image[:, 56] == pytest.approx(0.31, abs=5e-3)  # 0.3, and 0.01 for each frame
    assert image[:, 72] == pytest.approx(0.74, abs=5e-3)


@pytest.mark.parametrize("measure", ["laplacian", "sml", "tenengrad", "variance"])
def test_every_measure_finds_the_plane(measure):
    stack, truth, depth = tilted()
    fusion = fuse_depthmap(stack, measure=measure, device="cpu")
    assert np.nanmean(np.abs(fusion.index - depth)) < 0.15
    assert psnr(fusion.image, truth) > 45


def test_one_channel_may_decide_for_all():
    stack, _, depth = tilted(width=192)
    distractor = stack[::-1]
    both = np.concatenate([stack, distractor], axis=3)
    assert np.nanmean(np.abs(fuse_depthmap(both, channel=0, device="cpu").index - depth)) < 0.2
    assert np.nanmean(np.abs(fuse_depthmap(both, channel=1, device="cpu").index - (9 - depth))) < 0.2
