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


def test_frames_beside_count_by_the_inverse_of_their_variance():
    """Of noise n and what a blur of r px loses, 0.014 r²; a mean of weights w leaves Σw² / (Σw)² of the noise's."""
    index = np.full((SIZE, SIZE), 3, np.float32)
    for blur in (0.3, 0.8):
        for level in (0.002, 0.02):
            found = gathered_from(noisy(level), blur, index)
            weights = [level**2 / (level**2 + (0.014 * (away * blur) ** 2) ** 2) for away in (1, 2)]
            assert found.beside == pytest.approx([weight for weight in weights if weight > 0.02], rel=0.15)
            one, two = np.bincount(np.arange(len(found.beside)), found.beside, minlength=2)
            expected = (1 + 2 * one**2 + 2 * two**2) / (1 + 2 * one + 2 * two) ** 2
            assert found.light.var() / level**2 == pytest.approx(expected, rel=0.15)
    assert gathered_from(noisy(0.02), 9.0, index).beside == ()
    assert gathered_from(noisy(0.0), 0.3, index).beside == ()


def test_at_the_ends_there_are_fewer_beside():
    frames = noisy(0.02)
    for own, one, two in ((0, 1, 2), (COUNT - 1, COUNT - 2, COUNT - 3)):
        found = gathered_from(frames, 0.3, np.full((SIZE, SIZE), own, np.float32))
        first, second = found.beside
        expected = (frames[own] + first * frames[one] + second * frames[two]) / (1 + first + second)
        np.testing.assert_allclose(found.light, expected, rtol=1e-5)


def test_frames_that_are_focused_far_away_do_not_count():
    frames = noisy(0.02)
    focus = np.array([0.0, 0.2, 0.4, 3.0, 4.0, 5.0, 6.0])
    index, reach = np.full((SIZE, SIZE), 0.4, np.float32), np.full((SIZE, SIZE), 8, np.uint8)
    found = gathered(frames, frames[0], index, reach, "linear", focus, 0.3)
    near = found.beside[0]
    np.testing.assert_allclose(found.light, (frames[2] + near * (frames[0] + frames[1])) / (1 + 2 * near), rtol=1e-5)


def test_where_frames_beside_count_they_are_read_again_too():
    index, moved = np.full((SIZE, SIZE), 3, np.float32), np.zeros((SIZE, SIZE), bool)
    moved[5:9] = True
    after = np.where(moved, np.float32(6), index)
    frames = Counted(noisy(0.02))
    before = gathered_from(frames, 0.3, index)
    frames.read.clear()
    found = gathered_again(before, frames, after, moved, "linear")
    assert frames.read == [4, 5, 6]
    (one, two), images = before.beside, frames.data
    expected = (images[6] + one * images[5] + two * images[4]) / (1 + one + two)
    np.testing.assert_allclose(found.light, np.where(moved[..., None], expected, before.light), rtol=1e-5)
