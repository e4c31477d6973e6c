"""Transforms and resampling against known answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_focusstack.simulation.geometry import REACH_PX, draw_transforms, resample, seen_box


def transforms(count=9, size=(40, 60), seed=0, **motion):
    return draw_transforms(list(range(count)), size, torch.Generator().manual_seed(seed), **motion)


def shifted(dx: float, dy: float) -> np.ndarray:
    return np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1.0]])


def test_breathing_scales_about_the_centre():
    moves = transforms(breathing=0.2)
    centre = np.array([29.5, 19.5, 1])
    assert np.allclose(moves @ centre, centre)
    assert np.allclose(moves[:, 0, 0], 1 + 0.2 * (np.arange(9) - 4) / 8)
    assert np.allclose(moves[:, 0, 1], 0)


def test_jitter_and_rotation_have_their_spread_and_the_reference_none():
    moves = transforms(2001, jitter=1.5, rotation=0.4)
    assert np.array_equal(moves[1000], np.eye(3))
    centre = np.array([29.5, 19.5, 1])
    assert np.allclose((moves @ centre - centre)[:, :2].std(0), 1.5, rtol=0.05)
    assert np.degrees(np.arctan2(moves[:, 1, 0], moves[:, 0, 0])).std() == pytest.approx(0.4, rel=0.05)


def test_one_frame_does_not_move():
    assert np.array_equal(transforms(1, breathing=0.1, jitter=2.0), np.eye(3)[None])


def test_seen_box_holds_what_the_frames_show():
    moves = np.stack([np.eye(3), shifted(-3, 2)])  # the second frame shows what lies 3 px right and 2 px up
    assert seen_box(moves, 0, 0, 10, 20) == (-2, 0, 10, 23)


@given(dx=st.floats(-3, 3), dy=st.floats(-3, 3), scale=st.floats(0.9, 1.1))
def test_smooth_pictures_are_resampled_exactly(dx, dy, scale):
    y, x = np.mgrid[0:64, 0:64].astype(np.float64)

    def picture(x, y):
        return np.sin(0.5 * x + 0.2 * y) + np.cos(0.3 * x - 0.6 * y)

    matrix = np.array([[scale, 0, dx + 16], [0, scale, dy + 16], [0, 0, 1]])
    out = resample(torch.from_numpy(picture(x, y)).float(), matrix, 24, 28).numpy()
    v, u = np.mgrid[0:24, 0:28]
    assert np.abs(out - picture(scale * u + dx + 16, scale * v + dy + 16)).max() < 5e-3


def test_whole_pixels_are_kept():
    picture = torch.rand(2, 3, 40, 44, generator=torch.Generator().manual_seed(0))
    out = resample(picture, shifted(REACH_PX + 2, REACH_PX + 1), 12, 13)
    assert torch.allclose(out, picture[..., REACH_PX + 1 : REACH_PX + 13, REACH_PX + 2 : REACH_PX + 15], atol=1e-4)


def test_there_and_back_keeps_fine_detail_better_than_cubic_convolution():
    generator = torch.Generator().manual_seed(1)
    noise = torch.nn.functional.avg_pool2d(torch.rand(1, 1, 120, 120, generator=generator), 2, 1)[0]
    half = resample(noise, shifted(10.5, 10.5), 99, 99)
    back = resample(half, shifted(9.5, 9.5), 80, 80)
    expected = noise[:, 20:100, 20:100]
    assert float((back - expected).std() / expected.std()) < 0.2
