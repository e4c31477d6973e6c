"""Examples from the user's own stack: where they come from, how they are turned, and what is refused."""

import numpy as np
import pytest
import torch

from napari_focusstack.training.own import Own

N, Y, X, C, SIZE = 7, 20, 26, 3, 8


def numbered(count=N, dtype=np.float32):
    """Stack whose every value tells its place, and the fused picture that tells it, too."""
    places = np.arange(Y * X * C, dtype=np.float64).reshape(Y, X, C) / (Y * X * C * 2)
    return np.stack([places + i / (2 * count) for i in range(count)]).astype(dtype), places.astype(np.float32)


def turns(crop):
    """All eight orientations of (Y, X, C) values as (C, H, W)."""
    planes = np.moveaxis(crop, -1, -3)
    return [np.rot90(side, k, (-2, -1)) for side in (planes, np.swapaxes(planes, -2, -1)) for k in range(4)]


def found(truth, target):
    """Corner and number of the orientation of a truth (C, H, W) in the target."""
    lowest = truth[0].min()
    size = truth.shape[-1]
    top, left = np.argwhere(target[..., 0] == lowest)[0]
    matches = [k for k, t in enumerate(turns(target[top : top + size, left : left + size])) if np.array_equal(t, truth)]
    assert len(matches) == 1
    return top, left, matches[0]


def test_the_same_seed_draws_the_same():
    stack, target = numbered()
    own = Own(stack, target)
    first, again, other = (own.draw(seed, bursts=3, size=SIZE) for seed in ((0, 5), (0, 5), (0, 6)))
    assert torch.equal(first.frames, again.frames) and torch.equal(first.truth, again.truth)
    assert first.frames.shape != other.frames.shape or not torch.equal(first.frames, other.frames)


def test_bursts_and_truth_come_from_one_place_in_every_orientation_and_both_directions():
    stack, target = numbered()
    examples = Own(stack, target).draw((1,), bursts=120, size=SIZE, frames=N)
    assert examples.frames.shape == (120, N, C, SIZE, SIZE) and examples.frames.dtype == torch.float32
    assert examples.truth.shape == (120, C, SIZE, SIZE) and examples.depth is None
    orientations, forward, corners = set(), set(), set()
    for burst, truth in zip(examples.frames.numpy(), examples.truth.numpy(), strict=True):
        top, left, orientation = found(truth, target)
        crop = [turns(image[top : top + SIZE, left : left + SIZE])[orientation] for image in stack]
        forward.add(bool(burst[0].mean() < burst[-1].mean()))
        np.testing.assert_array_equal(burst, crop if burst[0].mean() < burst[-1].mean() else crop[::-1])
        orientations.add(orientation)
        corners.add((top, left))
    assert orientations == set(range(8)) and forward == {True, False}
    tops, lefts = ({corner[axis] for corner in corners} for axis in (0, 1))
    assert tops == set(range(Y - SIZE + 1)) and lefts == set(range(X - SIZE + 1))  # borders, too


@pytest.mark.parametrize(("asked", "numbers"), [(2, [0, 6]), (3, [0, 3, 6]), (4, [0, 2, 4, 6]), (1, [0, 6])])
def test_fewer_frames_lie_evenly_between_both_ends(asked, numbers):
    stack = np.broadcast_to((np.arange(N, dtype=np.uint8) * 51 // 2)[:, None, None, None], (N, Y, X, 1))
    examples = Own(stack, np.zeros((Y, X))).draw((3,), bursts=8, size=SIZE, frames=asked)
    levels = (examples.frames[:, :, 0, 0, 0] * 255).round().int().tolist()
    expected = [int(stack[i, 0, 0, 0]) for i in numbers]
    assert all(burst in (expected, expected[::-1]) for burst in levels)


def test_more_frames_than_there_are_means_all_and_none_means_half_of_them_at_least():
    own = Own(*numbered())
    assert own.draw((0,), bursts=1, size=SIZE, frames=40).frames.shape[1] == N
    assert {own.draw((k,), bursts=1, size=SIZE).frames.shape[1] for k in range(60)} == set(range(4, N + 1))


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535), (">u2", 65535), (np.float64, 1.0)])
def test_integers_are_scaled_by_their_type(dtype, white):
    stack = np.full((2, Y, X), white, dtype)
    examples = Own(stack, np.full((Y, X), white, dtype)).draw((0,), bursts=1, size=SIZE)
    assert examples.frames.shape == (1, 2, 1, SIZE, SIZE)  # one channel stays one
    torch.testing.assert_close(examples.frames, torch.ones(1, 2, 1, SIZE, SIZE))
    torch.testing.assert_close(examples.truth, torch.ones(1, 1, SIZE, SIZE))


def test_overshoot_of_the_target_is_clipped():
    truth = Own(np.zeros((2, 8, 8)), np.linspace(-0.2, 1.2, 64).reshape(8, 8)).draw((0,), bursts=1, size=8).truth
    assert (truth.min(), truth.max()) == (0, 1)


class Lazy:
    """Frames that are read one at a time; counts how often."""

    def __init__(self, data):
        self.data, self.shape, self.dtype, self.read = data, data.shape, data.dtype, 0

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        self.read += 1
        return self.data[i]


def test_lazy_frames_are_read_once_and_memory_maps_stay_maps(tmp_path):
    stack, target = numbered()
    expected = Own(stack, target).draw((4,), bursts=3, size=SIZE)
    lazy = Lazy(stack)
    own = Own(lazy, target)
    mapped = np.memmap(tmp_path / "stack", stack.dtype, "w+", shape=stack.shape)
    mapped[:] = stack
    for source in (own, Own(mapped, target)):
        assert torch.equal(source.draw((4,), bursts=3, size=SIZE).frames, expected.frames)
    assert lazy.read == N


@pytest.mark.parametrize(
    ("frames", "target", "words"),
    [
        (np.zeros((1, 8, 8, 1)), np.zeros((8, 8)), "1 frame teaches nothing"),
        (np.zeros((3, 8, 8, 3)), np.zeros((8, 8)), r"shape \(8, 8, 1\) does not belong to frames of shape \(8, 8, 3\)"),
        (np.zeros((3, 8, 8)), np.full((8, 8), 4095.0), "values up to 4095"),
        (np.zeros((3, 8, 8)), np.full((8, 8), np.nan), "values up to nan"),
    ],
)
def test_what_nothing_can_be_learned_from_is_refused(frames, target, words):
    with pytest.raises(ValueError, match=words):
        Own(frames, target)


def test_stacks_smaller_than_the_examples_are_refused():
    with pytest.raises(ValueError, match="24 px cannot be cut out of a stack of 26 × 20 px.* at most 20 px"):
        Own(*numbered()).draw((0,), bursts=1, size=24)
