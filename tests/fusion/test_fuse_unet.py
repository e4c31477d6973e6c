"""Fusion by a UNet: what it reads, what it refuses, and that tiles leave no seam."""

import numpy as np
import pytest
import torch

from checkpointed import Counted, saved
from napari_focusstack import fuse, simulate
from napari_focusstack.metrics import psnr
from napari_focusstack.nets import build
from napari_focusstack.nets.checkpoint import CheckpointError, Input, Training, save_checkpoint


@pytest.fixture(scope="module")
def burst():
    return simulate("slanted", frames=12, height=96, width=112, seed=4)


def test_the_shipped_network_beats_mean_and_best_frame_on_a_scene_it_never_saw(burst):
    found = psnr(fuse(burst.frames, "unet", device="cpu").image, burst.truth)
    frames = burst.frames / np.float32(255)
    assert found > psnr(frames.mean(0), burst.truth) + 3
    assert found > max(psnr(frame, burst.truth) for frame in frames) + 3


def test_its_index_follows_the_depth(burst):
    found = fuse(burst.frames, "unet", device="cpu")
    error = np.abs(found.index - burst.depth)[8:-8, 8:-8]
    assert np.median(error) < 0.75


def test_tiles_leave_no_seam():
    burst = simulate("slanted", frames=4, height=32, width=360, seed=4)
    small, whole = (fuse(burst.frames, "unet", tile=tile, device="cpu") for tile in (64, 512))
    np.testing.assert_allclose(small.image, whole.image, atol=1e-5)
    assert (small.index == whole.index).mean() > 0.999


def test_of_long_bursts_only_those_frames_are_read_that_it_uses(burst):
    long = Counted(np.repeat(burst.frames[:, :64, :64], 6, axis=0))
    found = fuse(long, "unet", device="cpu")
    assert len(long.read) == len(set(long.read)) == 30
    assert set(np.unique(found.index)) <= set(map(float, long.read))
    assert found.index.max() > 30


def test_one_channel_can_decide(burst):
    noise = np.random.default_rng(0).integers(0, 255, (*burst.frames.shape[:3], 1)).astype(np.uint8)
    frames = np.concatenate([burst.frames[..., :1], noise], axis=3)
    alone = fuse(burst.frames[..., :1], "unet", device="cpu")
    np.testing.assert_array_equal(fuse(frames, "unet", channel=0, device="cpu").index, alone.index)


def test_the_published_size_draws_the_picture_itself(tmp_path):
    paper = saved(tmp_path / "paper", "unet", size="paper", frames=2, channels=3)
    found = fuse(np.zeros((2, 32, 32, 3), np.uint8), "unet", checkpoint=paper, device="cpu")
    assert found.image.shape == (32, 32, 3)
    assert np.isnan(found.index).all() and not found.confidence.any()
    with pytest.raises(ValueError, match="channel=0: 'paper' draws the picture from all channels; leave it out"):
        fuse(np.zeros((2, 32, 32, 3), np.uint8), "unet", checkpoint=paper, channel=0, device="cpu")
    with pytest.raises(CheckpointError, match="was trained for frames of 3 channels, not 1"):
        fuse(np.zeros((2, 32, 32, 1), np.uint8), "unet", checkpoint=paper, device="cpu")


def test_what_is_no_checkpoint_is_refused(burst):
    with pytest.raises(CheckpointError, match="there is no checkpoint 'unet-smal'; did you mean 'unet-small'"):
        fuse(burst.frames, "unet", checkpoint="unet-smal")


def test_checkpoints_of_another_method_are_refused(burst, tmp_path):
    torch.manual_seed(0)
    given, training = Input(None, (0.0, 1.0), "stored", (1, 300)), Training("nothing", 0, 0, "none", "0")
    words = {"input": given, "training": training, "metrics": {}, "licence": "CC0", "tile": 64}
    save_checkpoint(tmp_path / "deep", build("focusdeep-any", {}), task="fusion", **words)
    with pytest.raises(ValueError, match="checkpoint 'deep' is a focusdeep-any; method unet takes unet"):
        fuse(burst.frames, "unet", checkpoint=str(tmp_path / "deep"), device="cpu")
    mosaics = build("focusdeep", {"channels": 4, "factor": 2, "frames": 2})
    words["input"] = Input(4, (0.0, 1.0), "stored", (1, 300))
    save_checkpoint(tmp_path / "planes", mosaics, task="fusion", **words)
    with pytest.raises(ValueError, match="'planes' is a published network for mosaics, which can be trained and evalu"):
        fuse(burst.frames, "focusdeep", checkpoint=str(tmp_path / "planes"), device="cpu")
    with pytest.raises(ValueError, match="'unet-small' is a unet; method focusdeep takes focusdeep-any or focusdeep"):
        fuse(burst.frames, "focusdeep", checkpoint="unet-small", device="cpu")
