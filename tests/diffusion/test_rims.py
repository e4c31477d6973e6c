"""Whether nearer surfaces reach as far as an index says: their rims are sharp in their own frames, or drawn back."""

import cv2
import numpy as np
import pytest

from napari_focusstack.diffusion.evidence import gathered, rims, trimmed

SIZE, RADIUS, BLUR = 128, 30, 9.0  # px


def burst(noise=0.0, contrast=1.0):
    """A textured disc before a textured background, (2, Y, X, 1), each sharp in one frame."""
    rng = np.random.default_rng(0)
    near, far = (cv2.GaussianBlur(rng.random((SIZE, SIZE), np.float32), (0, 0), 1) for _ in range(2))
    near = 0.5 + contrast * (near - 0.5)
    inside = disc(RADIUS)
    soft = [cv2.GaussianBlur(plane, (0, 0), 4) for plane in (near * inside, far, inside.astype(np.float32))]
    frames = np.stack([np.where(inside, near, soft[1]), soft[0] + (1 - soft[2]) * far])
    frames = np.clip(frames + rng.normal(0, noise, frames.shape), 0, 1)
    return np.round(frames[..., None] * 255).astype(np.uint8)


def disc(radius):
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE // 2
    return np.hypot(y, x) < radius


def seen(frames, index):
    return gathered(
        frames,
        frames[0] / np.float32(255),
        index,
        np.full(index.shape, 8, np.uint8),
        "linear",
        np.arange(float(len(frames))),
        BLUR,
    )


def drawn(frames, radius, nearest="first"):
    """Index of a disc, drawn back where it should be."""
    index = 1 - disc(radius).astype(np.float32)
    index = 1 - index if nearest == "last" else index
    return trimmed(seen(frames, index), index, nearest, 0.5, 65, 1.3)


def ratio(frames, index, nearest="first"):
    evidence = seen(frames, index)
    own, behind = rims(evidence, index, nearest, 0.5, 65)
    beside = (np.abs(np.hypot(*(evidence.points.T - SIZE // 2)) - RADIUS) < 3).nonzero()[0]
    return np.median(own[beside]) / max(np.median(behind[beside]), 1e-12)


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_rim_is_sharper_in_its_own_frame_unless_it_is_drawn_too_wide(noise):
    frames = burst(noise)
    assert ratio(frames, 1 - disc(RADIUS).astype(np.float32)) > 2
    assert ratio(frames, 1 - disc(RADIUS + 4).astype(np.float32)) < 0.5


def test_the_end_of_the_burst_does_not_matter():
    frames, index = burst(), 1 - disc(RADIUS).astype(np.float32)
    assert ratio(frames[::-1], 1 - index, "last") == pytest.approx(ratio(frames, index))


def test_noise_is_no_detail():
    rng = np.random.default_rng(1)
    frames = np.clip(rng.normal(128, 10, (2, SIZE, SIZE, 1)), 0, 255).astype(np.uint8)
    index = 1 - disc(RADIUS).astype(np.float32)
    evidence = seen(frames, index)
    noise = 20 * (10 / 255) ** 2 * np.mean(cv2.blur(cv2.dilate(index, np.ones((3, 3))) - index, (65, 65)))
    for found in rims(evidence, index, "first", 0.5, 65):
        assert found.mean() < 0.2 * noise


@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("wide", [2, 3])
def test_what_is_drawn_too_wide_is_drawn_back_towards_its_rim(noise, wide):
    found = drawn(burst(noise), RADIUS + wide)
    assert not found[disc(RADIUS)].any()  # nothing of the disc itself is given away
    assert (found == 0)[~disc(RADIUS)].sum() < 0.6 * (disc(RADIUS + wide) & ~disc(RADIUS)).sum()


def test_it_is_drawn_back_by_3_px_at_most():
    assert not drawn(burst(), RADIUS + 9)[disc(RADIUS + 5)].any()


@pytest.mark.parametrize(("contrast", "most"), [(0.0, 0.0), (0.05, 0.0), (0.2, 0.7), (0.5, 0.0), (1.0, 0.0)])
def test_what_ends_where_it_should_stays_however_plain_it_is(contrast, most):
    frames, right = burst(contrast=contrast), disc(RADIUS)
    lost = drawn(frames, RADIUS)[right].sum()  # where the texture behind is five times that of the disc: not so sure
    assert lost <= most * 2 * np.pi * RADIUS
    assert drawn(frames, RADIUS)[~right].all()
    assert (drawn(frames[::-1], RADIUS, "last")[right] == 0).sum() == lost


def test_what_is_drawn_too_small_stays():
    assert (drawn(burst(), RADIUS - 2) == 1 - disc(RADIUS - 2)).all()
