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
    before = gathered(frames, picture, index, reach, "srgb")
    kept = before.light.copy()
    frames.read.clear()
    found = gathered_again(before, frames, after, moved, "srgb")
    assert set(frames.read) == {1, 4}
    assert (found.light == gathered(frames, picture, after, reach, "srgb").light).all()
    assert (before.light == kept).all()
    assert found.seen is before.seen
