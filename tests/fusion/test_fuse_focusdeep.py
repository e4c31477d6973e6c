"""Fusion by FocusDeep: what the shipped networks reach, what they leave as it is, and what is refused."""

import cv2
import numpy as np
import pytest
import torch

from checkpointed import Counted, saved
from napari_focusstack import fuse, simulate
from napari_focusstack.arrays import from_float
from napari_focusstack.color import to_linear
from napari_focusstack.fusion.focusdeep import ALIKE, _typical, takes_mosaics
from napari_focusstack.metrics import psnr
from napari_focusstack.nets.anylength import AnyLength
from napari_focusstack.nets.checkpoint import CheckpointError
from napari_focusstack.simulation.dng import RawCamera, mosaic

RAW = "focusdeep-small-raw"


@pytest.fixture(scope="module")
def clean():
    return simulate("slanted", frames=8, height=96, width=112, seed=4)


@pytest.fixture(scope="module")
def noisy():
    return simulate("slanted", frames=8, height=96, width=112, seed=4, noise=6e-3)


def test_it_takes_noise_away(noisy):
    found = psnr(fuse(noisy.frames, "focusdeep", device="cpu").image, noisy.truth)
    for method in ("pyramid", "average", "wavelet"):
        assert found > psnr(fuse(noisy.frames, method, device="cpu").image, noisy.truth) + 0.7


def test_without_noise_it_is_as_sharp_as_what_selects(clean):
    found = psnr(fuse(clean.frames, "focusdeep", device="cpu").image, clean.truth)
    assert found > psnr(fuse(clean.frames, "average", device="cpu").image, clean.truth)
    assert found > 40


def test_its_index_follows_the_depth(clean):
    found = fuse(clean.frames, "focusdeep", device="cpu")
    assert np.nanmedian(np.abs(found.index - clean.depth)[8:-8, 8:-8]) < 0.75
    assert np.isnan(found.index).mean() < 0.1
    assert found.confidence.min() >= 0 and found.confidence.max() <= 1


def test_where_no_frame_is_in_focus_the_index_is_nan(noisy):
    frames = noisy.frames.copy()
    frames[:, :, 56:] = np.random.default_rng(0).normal(90, 4, frames[:, :, 56:].shape).astype(np.uint8)
    found = fuse(frames, "focusdeep", device="cpu").index
    assert np.isnan(found[:, 68:]).mean() > 0.8
    assert np.isnan(found[:, :48]).mean() < 0.2
    assert not fuse(frames[:1], "focusdeep", device="cpu").index.any()  # of one frame, it is that frame


def test_the_way_of_the_sweep_does_not_matter(noisy):
    forth, back = (fuse(frames, "focusdeep", device="cpu") for frames in (noisy.frames, noisy.frames[::-1]))
    assert abs(psnr(forth.image, noisy.truth) - psnr(back.image, noisy.truth)) < 0.1


def test_measurements_that_are_far_off_do_not_count():
    quiet, usual, loud = (0.0, 0.0), (1e-3, 1e-5), (0.5, 0.1)
    found = _typical(np.array([[usual, quiet], [loud, quiet], [usual, usual]]), 0.5)
    np.testing.assert_allclose(found[0], usual)
    np.testing.assert_allclose(found[1], np.array(usual) / ALIKE)
    assert not _typical(np.zeros((3, 3, 2)), 0.5).any()
    twice = np.array([[(1e-3, 0.0), (2e-3, 0.0)]] * 3)
    np.testing.assert_allclose(_typical(twice, 0.5), twice[0])


def test_a_first_frame_that_is_sharp_everywhere_is_not_taken_for_noise():
    rng = np.random.default_rng(0)
    sharp = rng.random((96, 96, 3)).astype(np.float32)
    blurred = [cv2.GaussianBlur(sharp, (0, 0), sigma) for sigma in (2.0, 4.0)]
    frames = np.stack([sharp, *blurred])
    forth, back = (fuse(burst, "focusdeep", device="cpu").image for burst in (frames, frames[::-1]))
    np.testing.assert_allclose(forth, back, atol=1e-4)
    assert psnr(forth, sharp) > 30


@pytest.mark.parametrize("burst", ["clean", "noisy"])
def test_brightness_is_kept(burst, request):
    burst = request.getfixturevalue(burst)
    found = fuse(burst.frames, "focusdeep", device="cpu").image
    assert found.mean() == pytest.approx(burst.truth.mean(), rel=0.005)


@pytest.mark.parametrize("scale", [1 / 16, 1000.0])
def test_the_scale_of_values_is_kept(clean, scale):
    values = clean.frames.astype(np.float32) / 255
    plain = fuse(values, "focusdeep", device="cpu").image
    np.testing.assert_allclose(
        fuse(values * np.float32(scale), "focusdeep", device="cpu").image / scale, plain, atol=2e-3
    )


def test_twelve_bits_of_sixteen_are_fused_as_well(clean):
    frames = from_float(clean.frames.astype(np.float32) / 255 / 16, "uint16")
    found = fuse(frames, "focusdeep", device="cpu").image * 16
    assert psnr(found, clean.truth) > psnr(fuse(clean.frames, "focusdeep", device="cpu").image, clean.truth) - 0.3


def test_grey_frames_and_several_channels(clean):
    grey = clean.frames[..., 1:2]
    found = fuse(grey, "focusdeep", device="cpu").image
    assert found.shape == (96, 112, 1)
    assert (
        psnr(found, clean.truth[..., 1:2]) > psnr(fuse(grey, "average", device="cpu").image, clean.truth[..., 1:2]) - 1
    )
    both = np.concatenate([grey, clean.frames[..., :1]], 3)
    # both channels have a say in which frame is sharp
    apart = np.abs(fuse(both, "focusdeep", device="cpu").image[..., :1] - found)
    assert np.quantile(apart, 0.99) < 3e-3
    assert apart.max() < 2e-2


def test_strength_nothing_leaves_more_noise(noisy):
    plain = slice(8, -8)
    rough = [
        np.abs(
            np.diff(fuse(noisy.frames, "focusdeep", strength=strength, device="cpu").image[plain, plain], axis=0)
        ).mean()
        for strength in (0.0, 1.0)
    ]
    assert rough[0] > 1.1 * rough[1]


def test_tiles_leave_no_seam():
    burst = simulate("slanted", frames=2, height=600, width=64, seed=4, noise=1e-3)
    small, whole = (fuse(burst.frames, "focusdeep", tile=tile, device="cpu") for tile in (96, 640))
    np.testing.assert_allclose(small.image, whole.image, atol=1e-4)


def test_each_frame_is_read_twice_where_one_tile_is_enough_and_once_elsewhere():
    for tile, most in ((512, 2), (64, 1)):
        frames = Counted(np.full((8, 16, 560, 3), 99, np.uint8))
        fuse(frames, "focusdeep", tile=tile, device="cpu")
        counts = [frames.read.count(k) for k in range(8)]
        assert max(counts[1:4]) <= most  # the first, the middle and the last one tell the noise, too


@pytest.mark.parametrize("tile", [64, 1280])
def test_the_network_is_given_the_pixels_of_the_picture_and_no_others(clean, tile, monkeypatch):
    given, features = [], AnyLength.features

    def counted(network, burst, noise):
        given.append(burst.shape[-2] * burst.shape[-1])
        return features(network, burst, noise)

    monkeypatch.setattr(AnyLength, "features", counted)
    fuse(clean.frames, "focusdeep", tile=tile, device="cpu")
    assert sum(given) == 2 * clean.frames[..., 0].size  # each frame is looked at twice


class Planes:
    """Balanced planes as those of a raw burst."""

    def __init__(self, data, gains):
        self.data, self.shape, self.dtype, self.white_balance = data, data.shape, data.dtype, gains

    def __len__(self):
        return len(self.data)

    def __getitem__(self, k):
        return self.data[k]


def mosaics(noise, gains=(2.1, 1.0, 1.6)):
    """Balanced planes of a burst and its truth in camera colours, linear."""
    light = simulate("slanted", frames=6, height=96, width=96, seed=2, dtype="float32", transfer="linear")
    camera = RawCamera(white_balance=gains, lowpass_px=0.0, black=0)
    draw = torch.Generator().manual_seed(0)
    balance = np.array([gains[0], gains[1], gains[1], gains[2]], np.float32)
    frames = []
    for frame in light.frames:
        raw = mosaic(frame, camera, noise=noise, generator=draw).astype(np.float32) / camera.white
        planes = np.stack([raw[::2, ::2], raw[::2, 1::2], raw[1::2, ::2], raw[1::2, 1::2]], 2)
        frames.append(np.clip(planes * balance, 0, 1))
    truth = np.clip(light.truth @ camera.srgb_to_camera.T.astype(np.float32), 0, 1)
    return Planes(np.stack(frames), balance), truth


@pytest.mark.parametrize("gains", [(2.1, 1.0, 1.6), (1.3, 1.0, 2.4)])
def test_mosaics_are_developed_and_freed_of_noise(gains):
    from napari_focusstack.nets.mosaic import demosaiced

    planes, truth = mosaics(6e-3, gains)
    found = fuse(planes, "focusdeep", checkpoint=RAW, device="cpu")
    assert found.image.shape == truth.shape and found.index.shape == truth.shape[:2]
    assert found.image.mean() == pytest.approx(truth.mean(), rel=0.03)
    plain = np.stack(
        [demosaiced(torch.from_numpy(p).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy() for p in planes]
    )
    assert psnr(found.image, truth) > psnr(fuse(plain, "average", device="cpu").image, truth) + 1


def test_linear_light_comes_back_linear():
    planes, truth = mosaics(0)
    found = fuse(planes, "focusdeep", checkpoint=RAW, device="cpu").image
    assert abs(float(np.median(found - truth))) < 0.01 < abs(float(np.median(to_linear(truth) - truth)))


def test_which_checkpoints_take_mosaics():
    assert takes_mosaics(RAW) and not takes_mosaics("focusdeep-small")


def test_a_network_as_published_draws_the_picture_itself(tmp_path):
    name = saved(tmp_path / "published", "focusdeep", frames=2)
    found = fuse(np.zeros((3, 24, 32, 3), np.uint8), "focusdeep", checkpoint=name, device="cpu")
    assert found.image.shape == (24, 32, 3)
    assert np.isnan(found.index).all() and not found.confidence.any()


def test_refusals(clean):
    with pytest.raises(
        ValueError,
        match="'unet-small' is a unet; method focusdeep takes focusdeep-any or focusdeep. There are: focusdeep-small, ",
    ):
        fuse(clean.frames, "focusdeep", checkpoint="unet-small")
    with pytest.raises(CheckpointError, match="focusdeep-small-raw was trained for frames of 4 channels, not 3"):
        fuse(clean.frames, "focusdeep", checkpoint=RAW)
    message = (
        "'focusdeep-small-raw' takes the mosaics of camera raw files, and frames of 4 channels are none; choose 'focus"
    )
    with pytest.raises(ValueError, match=message):
        fuse(np.zeros((2, 16, 16, 4), np.uint16), "focusdeep", checkpoint=RAW)
    with pytest.raises(ValueError, match="channel=1: 'focusdeep-small' draws the picture from all channels"):
        fuse(clean.frames, "focusdeep", channel=1)
