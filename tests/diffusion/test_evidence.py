"""What frames show beside depth edges, and again after some pixels were given to another surface."""

import numpy as np

from checkpointed import Counted
from napari_focusstack.diffusion.evidence import gathered, gathered_again

SIZE, COUNT = 32, 7


def test_after_pixels_moved_only_their_frames_are_read_and_all_light_is_right():
    rng = np.random.default_rng(2)
    frames = Counted(rng.integers(0, 256, (COUNT, SIZE, SIZE, 3)).astype(np.uint8))
    picture, reach = frames[0] / np.float32(255), np.zeros((SIZE, SIZE), np.uint8)
    reach[4:20] = 8
    index = rng.integers(0, COUNT, (SIZE, SIZE)).astype(np.float32)
    moved = rng.random((SIZE, SIZE)) < 0.3
    after = np.where(moved, rng.choice([1.0, 4.2], (SIZE, SIZE)), index).astype(np.float32)
    even = np.arange(COUNT, dtype=float)
    before = gathered(frames, picture, index, reach, "srgb", even)
    kept = before.light.copy()
    frames.read.clear()
    found = gathered_again(before, frames, after, moved, "srgb")
    assert set(frames.read) == {1, 4}
    assert (found.light == gathered(frames, picture, after, reach, "srgb", even).light).all()
    assert (before.light == kept).all()
    assert found.seen is before.seen


def test_light_is_of_the_frame_that_is_focused_next():
    frames = np.arange(4, dtype=np.float32)[:, None, None, None] * np.ones((1, 8, 8, 1), np.float32) / 4
    focus = np.array([0.0, 0.5, 2.5, 3.0])
    depth = np.full((8, 8), 1.4, np.float32)
    depth[:, 4:] = 1.6
    found = gathered(frames, frames[0], depth, np.ones((8, 8), np.uint8), "linear", focus)
    assert (found.light[:, :4] == 0.25).all()
    assert (found.light[:, 4:] == 0.5).all()
    np.testing.assert_array_equal(found.frames, [0.5, 2.5])
