"""What a pair would look like if a mask were true: of true masks it does, of wrong ones it does not, where they are."""

import numpy as np
import pytest

from napari_focusstack.color import to_linear, to_stored
from napari_focusstack.diffusion.reblurring import blurred
from napari_focusstack.diffusion.rehearsal import rehearsed

SIZE, FRONT, BEHIND = 120, 2.5, 1.5


def seen(transfer):
    """Pair (2, Y, X, 3) in stored values, its mask, and what is behind in linear light: two bars and a hair."""
    chance = np.random.default_rng(2)
    mask = np.tile(((np.arange(SIZE) // 20) % 3 == 1).astype(np.float32), (SIZE, 1))
    mask[60:62] = 1
    front, back = (
        np.clip(np.float32(color) + blurred(chance.normal(0, 0.3, (SIZE, SIZE, 1)).astype(np.float32), 1.0), 0, 1)
        for color in ([0.7, 0.4, 0.2], [0.3, 0.5, 0.6])
    )
    near = np.where(mask[..., None] > 0, front, blurred(back, BEHIND))
    far = blurred(front * mask[..., None], FRONT) + (1 - blurred(mask, FRONT))[..., None] * back
    return to_stored(np.stack([near, far]), transfer).astype(np.float32), mask, back


@pytest.mark.parametrize("transfer", ["linear", "srgb"])
def test_a_true_mask_shows_the_pair_as_it_is(transfer):
    pair, mask, back = seen(transfer)
    bare, alone, shares = rehearsed(pair, mask, FRONT, BEHIND, transfer)
    assert bare.dtype == np.float32
    np.testing.assert_array_equal(shares[..., 0], mask)
    np.testing.assert_allclose(shares[..., 1], blurred(mask, FRONT), atol=1e-6)
    told, outside = shares[..., 2] > 0.9, mask == 0
    assert (told & outside).mean() > 0.4
    assert np.abs(bare - pair[0])[told & outside].max() < 0.03
    assert np.abs(bare - pair[0])[mask > 0].mean() > 0.1
    np.testing.assert_allclose(to_linear(bare, transfer)[told], blurred(back, BEHIND)[told], atol=0.03)
    covered = shares[..., 1] > 0.99
    assert covered.any()
    assert np.abs(alone - pair[1])[covered].max() < 0.02


def test_the_near_frame_differs_on_a_foreground_that_the_mask_lacks():
    pair, mask, _ = seen("linear")
    draft = mask.copy()
    draft[60:62] = ((np.arange(SIZE) // 20) % 3 == 1).astype(np.float32)  # without the hair
    bare, _, shares = rehearsed(pair, draft, FRONT, BEHIND, "linear")
    told = shares[..., 2] > 0.9
    hair, others = told & (mask > draft), told & (mask == 0)
    size = np.abs(pair[0] - bare).mean(axis=2)
    assert np.median(size[hair]) > 5 * np.median(size[others])


def test_the_far_frame_differs_on_a_background_that_the_mask_has():
    pair, mask, _ = seen("linear")
    draft = mask.copy()
    draft[:40, :20] = 1
    _, alone, shares = rehearsed(pair, draft, FRONT, BEHIND, "linear")
    size, covered = np.abs(pair[1] - alone).mean(axis=2), shares[..., 1] > 0.99
    wrong, right = covered & (mask < draft), covered & (blurred(mask, FRONT) > 0.99)
    assert size[wrong].mean() > 5 * size[right].mean()


def test_without_a_foreground_the_near_frame_is_the_far_one_blurred():
    pair, *_ = seen("srgb")
    bare, alone, shares = rehearsed(pair, np.zeros((SIZE, SIZE), np.float32), FRONT, BEHIND, "srgb")
    np.testing.assert_allclose(to_linear(bare, "srgb"), blurred(to_linear(pair[1], "srgb"), BEHIND), atol=1e-4)
    assert not alone.any()
    assert not shares[..., :2].any()
    np.testing.assert_allclose(shares[..., 2], 1, atol=1e-6)


def test_behind_what_covers_all_nothing_shows():
    pair, *_ = seen("srgb")
    bare, _, shares = rehearsed(pair, np.ones((SIZE, SIZE), np.float32), FRONT, BEHIND, "srgb")
    assert not bare.any()
    assert not shares[..., 2].any()
