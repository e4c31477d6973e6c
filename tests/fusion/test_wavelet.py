"""Complex wavelets: selection, noise, true colours and the order of the frames."""

import numpy as np
import pytest
from tilted import psnr, tilted

from napari_focusstack.fusion import fuse
from napari_focusstack.fusion.wavelet import fuse_wavelet


def coloured(stack):
    """Colours that tell the frames apart: the same grey, another red and blue."""
    tint = np.linspace(-0.1, 0.1, len(stack), dtype=np.float32)[:, None, None]
    return np.stack([stack[..., 0] + tint, stack[..., 0], stack[..., 0] - tint], axis=-1)


@pytest.mark.parametrize("taps", [6, 14])
@pytest.mark.parametrize("consistency", ["both", "bands", "none"])
@pytest.mark.parametrize("reassign", [True, False])
def test_beats_the_mean_and_every_frame(taps, consistency, reassign):
    stack, truth, _ = tilted()
    image = fuse_wavelet(stack, taps=taps, consistency=consistency, reassign=reassign, device="cpu").image
    assert psnr(image, truth) > psnr(stack.mean(axis=0), truth) + 15
    assert psnr(image, truth) > max(psnr(frame, truth) for frame in stack) + 15


def test_agreement_of_bands_and_neighbours_helps_against_noise():
    stack, truth, _ = tilted(noise=0.02)
    reached = [
        psnr(fuse_wavelet(stack, consistency=c, reassign=False, noise_floor=0.0, device="cpu").image, truth)
        for c in ("none", "bands", "both")
    ]
    assert reached[0] + 1 < reached[1]
    assert reached[1] + 1 < reached[2]


def test_noise_does_not_win():
    sigma = 0.01
    stack, _, _ = tilted(frames=20, height=128, width=256)
    stack[:, :, 128:] = 0.5
    stack += np.random.default_rng(0).normal(0, sigma, stack.shape).astype(np.float32)
    plain = np.s_[16:-16, 176:-16]
    for reassign in (True, False):
        fusion = fuse_wavelet(stack, reassign=reassign, device="cpu")
        assert fusion.image[plain].std() < sigma / 3
        assert np.isnan(fusion.index[plain]).mean() > 0.9
        picked = fuse_wavelet(stack, reassign=reassign, noise_floor=0.0, device="cpu").image
        assert picked[plain].std() > 0.4 * sigma


def test_the_picture_is_not_brightened():
    """As it is where the low band, too, is taken from the frame with the largest modulus."""
    stack, truth, _ = tilted()
    stack = stack + np.linspace(0, 0.1, 10, dtype=np.float32)[:, None, None, None]
    for reassign in (True, False):
        assert fuse_wavelet(stack, reassign=reassign, device="cpu").image.mean() == pytest.approx(
            truth.mean() + 0.05, abs=0.005
        )


def test_reassigned_colours_are_those_of_the_sharpest_frame():
    stack, _, depth = tilted(width=192)
    image = fuse_wavelet(coloured(stack), device="cpu").image
    tint = (image[..., 0] - image[..., 2]) / 2
    expected = np.interp(depth, np.arange(10), np.linspace(-0.1, 0.1, 10))
    assert np.abs(tint - expected).mean() < 0.01  # half a frame's step is 0.011


def test_reassigned_values_stay_inside_the_range_of_the_stack():
    stack, _, _ = tilted(width=96, noise=0.02)
    stack = coloured(stack)
    image = fuse_wavelet(stack, device="cpu").image
    assert (image >= stack.min(axis=0) - 1e-6).all()
    assert (image <= stack.max(axis=0) + 1e-6).all()


def test_all_channels_share_one_choice():
    stack, _, _ = tilted(width=96)
    doubled = np.concatenate([stack, 0.5 * stack], axis=3)
    image = fuse_wavelet(doubled, reassign=False, device="cpu").image
    assert image[..., 1] == pytest.approx(0.5 * image[..., 0], abs=1e-5)


@pytest.mark.parametrize("reassign", [True, False])
def test_the_order_of_the_frames_does_not_matter(reassign):
    stack, _, _ = tilted(frames=6, width=96, noise=0.01)
    order = [3, 0, 5, 1, 4, 2]
    plain, mixed = (fuse_wavelet(s, reassign=reassign, device="cpu") for s in (stack, stack[order]))
    assert mixed.image == pytest.approx(plain.image, abs=1e-5)
    back = np.where(np.isnan(mixed.index), np.nan, np.array(order)[np.nan_to_num(mixed.index).astype(int)])
    assert np.array_equal(back, plain.index, equal_nan=True)


def test_index_is_the_depth_in_whole_frames():
    stack, _, depth = tilted()
    fusion = fuse(stack, "wavelet", device="cpu")
    assert np.nanmean(np.abs(fusion.index - depth)) < 0.4  # 0.25 for a perfect pick
    assert set(np.unique(fusion.index)) <= set(range(10))


def test_one_channel_may_decide_for_all():
    stack, _, depth = tilted(width=192)
    both = np.concatenate([stack, stack[::-1]], axis=3)
    assert np.nanmean(np.abs(fuse_wavelet(both, channel=0, device="cpu").index - depth)) < 0.5
    assert np.nanmean(np.abs(fuse_wavelet(both, channel=1, device="cpu").index - (9 - depth))) < 0.5
