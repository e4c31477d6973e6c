"""Pairs whose foreground covers pixels in part: its share, its light and what is behind it are known."""

import numpy as np
import pytest

from napari_focusstack.color import to_linear, to_stored
from napari_focusstack.diffusion import eliminate_diffusion
from napari_focusstack.diffusion.law import Law
from napari_focusstack.diffusion.matting import errors, matted
from napari_focusstack.diffusion.pair import fuse_pair
from napari_focusstack.diffusion.reblurring import blurred
from napari_focusstack.metrics import psnr
from soft_pairs import BEHIND, FRONT, SIZE, soft_pair


@pytest.mark.parametrize("psf", ["gaussian", "disc"])
@pytest.mark.parametrize("shape", ["disc", "wires"])
def test_a_pair_is_taken_apart_as_it_was_put_together(shape, psf):
    near, far, truth, alpha = soft_pair(psf, shape=shape)
    mask = (alpha > 0.5).astype(np.float32)
    found = matted(near, far, mask, FRONT, BEHIND, psf=psf)
    partly = (alpha > 0.05) & (alpha < 0.95)
    assert np.abs(found.alpha - alpha)[partly].mean() < 0.4 * np.abs(mask - alpha)[partly].mean()
    assert np.abs(found.alpha - alpha)[~partly].mean() < 0.02
    np.testing.assert_allclose(found.veil, blurred(alpha, FRONT, psf), atol=0.05)
    hard = fuse_pair(near, far, mask)
    shown = found.veil < 0.7
    assert psnr(found.light, truth, mask=shown) > psnr(hard, truth, mask=shown) + 8


def test_tiles_do_not_show(monkeypatch):
    near, far, _, alpha = soft_pair()
    seen = near, far, (alpha > 0.5).astype(np.float32), 1.0, 1.0
    whole = matted(*seen)
    monkeypatch.setattr("napari_focusstack.diffusion.crf.TILE", 50)
    parts = matted(*seen)
    for name in ("light", "alpha", "veil", "again"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=2e-3)


def test_subtracting_instead_of_dividing_raises_less_noise():
    near, far, truth, alpha = soft_pair(noise=0.05)
    mask = (alpha > 0.5).astype(np.float32)
    veiled = (alpha == 0) & (blurred(alpha, FRONT) > 0.3)
    divided, subtracted = (matted(near, far, mask, FRONT, BEHIND, subtract=one).light for one in (False, True))
    noise = [np.std((one - truth)[veiled]) for one in (divided, subtracted)]
    assert noise[1] < 0.9 * noise[0]


def test_the_near_frame_tells_a_right_mask_from_a_wrong_one():
    near, far, _, alpha = soft_pair()
    mask, law = (alpha > 0.5).astype(np.float32), Law(BEHIND, FRONT, "gaussian", "first")
    right = matted(near, far, mask, FRONT, BEHIND)
    veiled = (right.veil > 0.05) & (right.alpha == 0)
    found, before = errors(near, far, right, law, "linear")[:, veiled].mean(axis=1)
    assert found < 0.3 * before
    np.testing.assert_allclose(right.again[~veiled & (right.alpha > 0)], near[~veiled & (right.alpha > 0)], atol=0.01)
    moved = matted(near, far, np.roll(mask, 45, axis=1), FRONT, BEHIND)
    veiled = (moved.veil > 0.05) & (moved.alpha == 0)
    found, before = errors(near, far, moved, law, "linear")[:, veiled].mean(axis=1)
    assert found > before


def test_what_was_sharp_in_both_frames_was_not_spread():
    _, far, _, alpha = soft_pair()
    same = matted(far, far, (alpha > 0.5).astype(np.float32), FRONT, BEHIND)
    found, before = errors(far, far, same, Law(BEHIND, FRONT, "gaussian", "first"), "linear")
    assert found.sum() > before.sum() == 0


@pytest.mark.parametrize("nearest", ["first", "last"])
def test_edges_and_wires_come_out_as_they_are(nearest):
    near, far, truth, alpha = soft_pair(shape="wires")
    near, far = (to_stored(one, "srgb").astype(np.float32) for one in (near, far))
    mask = (alpha > 0.5).astype(np.float32)
    picture = fuse_pair(near, far, mask)
    frames, index = (np.stack([near, far]), 1 - mask) if nearest == "first" else (np.stack([far, near]), mask)
    found = eliminate_diffusion(frames, picture, index, nearest=nearest, blur=FRONT, psf="gaussian", transfer="srgb")
    truth = to_stored(truth, "srgb")
    assert psnr(found.image, truth) > psnr(picture, truth) + 6
    untouched = found.acted == 0
    np.testing.assert_array_equal(found.image[untouched], picture[untouched])
    assert not found.component[untouched].any()
    taken = to_linear(picture, "srgb") - to_linear(found.image, "srgb")
    np.testing.assert_allclose(found.component, taken, atol=1e-4)


@pytest.mark.parametrize("light", [(0.08, 0.7), (0.3, 0.7), (0.2, 0.7)])
def test_a_true_mask_is_not_drawn_back_where_tones_are_alike(light):
    """Grey texture before grey texture: rims look as if they showed what is behind them."""
    chance = np.random.default_rng(1)
    y, x = np.mgrid[:SIZE, :SIZE]
    alpha = np.clip(36 - np.hypot(y - SIZE / 2, x - SIZE / 2), 0, 1).astype(np.float32)
    grain = blurred(chance.random((SIZE, SIZE)).astype(np.float32), 1.0)
    front = 0.15 + 0.45 * (grain - grain.min()) / np.ptp(grain)
    blocks = np.kron(chance.random((SIZE // 2, SIZE // 2)) > 0.5, np.ones((2, 2)))
    back = (light[0] + (light[1] - light[0]) * blocks).astype(np.float32)
    near = alpha * front + (1 - alpha) * blurred(back, BEHIND)
    far = blurred(alpha * front, FRONT) + (1 - blurred(alpha, FRONT)) * back
    near, far, truth = (
        to_stored(one, "srgb").astype(np.float32)[..., None] for one in (near, far, alpha * front + (1 - alpha) * back)
    )
    mask = (alpha > 0.5).astype(np.float32)
    picture, how = fuse_pair(near, far, mask), {"nearest": "first", "psf": "gaussian", "transfer": "srgb"}
    found = eliminate_diffusion(np.stack([near, far]), picture, 1 - mask, blur=FRONT, **how)
    assert psnr(found.image, truth) > psnr(picture, truth) - 0.1
    covered = alpha == 1
    assert psnr(found.image, truth, mask=covered) > 40
