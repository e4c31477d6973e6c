"""What frames show beside depth edges, and again after some pixels were given to another surface."""

import numpy as np
import pytest

from checkpointed import Counted
from napari_focusstack.diffusion.evidence import gathered, gathered_again

SIZE, COUNT = 32, 7
BLUR = 9.0  # px a frame: those beside do not count


def test_after_pixels_moved_only_their_frames_are_read_and_all_light_is_right():
    rng = np.random.default_rng(2)
    frames = Counted(rng.integers(0, 256, (COUNT, SIZE, SIZE, 3)).astype(np.uint8))
    picture, reach = frames[0] / np.float32(255), np.zeros((SIZE, SIZE), np.uint8)
    reach[4:20] = 8
    index = rng.integers(0, COUNT, (SIZE, SIZE)).astype(np.float32)
    moved = rng.random((SIZE, SIZE)) < 0.3
    after = np.where(moved, rng.choice([1.0, 4.2], (SIZE, SIZE)), index).astype(np.float32)
    even = np.arange(COUNT, dtype=float)
    before = gathered(frames, picture, index, reach, "srgb", even, BLUR)
    kept = before.light.copy()
    frames.read.clear()
    found = gathered_again(before, frames, after, moved, "srgb")
    assert set(frames.read) == {1, 4}
    assert (found.light == gathered(frames, picture, after, reach, "srgb", even, BLUR).light).all()
    assert (before.light == kept).all()
    assert found.seen is before.seen


def test_light_is_of_the_frame_that_is_focused_next():
    frames = np.arange(4, dtype=np.float32)[:, None, None, None] * np.ones((1, 8, 8, 1), np.float32) / 4
    focus = np.array([0.0, 0.5, 2.5, 3.0])
    depth = np.full((8, 8), 1.4, np.float32)
    depth[:, 4:] = 1.6
    found = gathered(frames, frames[0], depth, np.ones((8, 8), np.uint8), "linear", focus, BLUR)
    assert (found.light[:, :4] == 0.25).all()
    assert (found.light[:, 4:] == 0.5).all()
    np.testing.assert_array_equal(found.frames, [0.5, 2.5])


def noisy(level, count=COUNT):
    rng = np.random.default_rng(4)
    return (0.5 + rng.normal(0, level, (count, SIZE, SIZE, 1))).astype(np.float32)


def gathered_from(frames, blur, index):
    reach = np.full((SIZE, SIZE), 8, np.uint8)
    return gathered(frames, frames[0], index, reach, "linear", np.arange(float(len(frames))), blur)


def test_frames_beside_count_as_far_as_they_are_sharp_and_noisy():
    """Two of weight w beside one leave (1 + 2 w²) / (1 + 2 w)² of the variance."""
    index = np.full((SIZE, SIZE), 3, np.float32)
    found = {(blur, level): gathered_from(noisy(level), blur, index) for blur in (0.3, 0.8) for level in (0.002, 0.02)}
    for (_, level), one in found.items():
        expected = (1 + 2 * one.beside**2) / (1 + 2 * one.beside) ** 2
        assert one.light.var() / level**2 == pytest.approx(expected, rel=0.1)
    weights = [one.beside for one in found.values()]
    assert weights == [pytest.approx(w, abs=0.03) for w in (0.13, 0.86, 0.07, 0.5)]
    assert gathered_from(noisy(0.02), 3.0, index).beside == 0
    assert gathered_from(noisy(0.0), 0.3, index).beside == 0


def test_the_first_and_the_last_frame_have_one_beside_them():
    frames = noisy(0.02)
    for own, beside in ((0, 1), (COUNT - 1, COUNT - 2)):
        found = gathered_from(frames, 0.3, np.full((SIZE, SIZE), own, np.float32))
        expected = (frames[own] + found.beside * frames[beside]) / (1 + found.beside)
        np.testing.assert_allclose(found.light, expected, rtol=1e-5)


def test_where_frames_beside_count_they_are_read_again_too():
    index, moved = np.full((SIZE, SIZE), 3, np.float32), np.zeros((SIZE, SIZE), bool)
    moved[5:9] = True
    after = np.where(moved, np.float32(6), index)
    frames = Counted(noisy(0.02))
    before = gathered_from(frames, 0.3, index)
    frames.read.clear()
    found = gathered_again(before, frames, after, moved, "linear")
    assert frames.read == [5, 6]
    weight, images = before.beside, frames.data
    expected = np.where(moved[..., None], (images[6] + weight * images[5]) / (1 + weight), before.light)
    np.testing.assert_allclose(found.light, expected, rtol=1e-5)
