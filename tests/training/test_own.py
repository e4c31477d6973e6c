"""The user's own stack as a source of examples."""

import numpy as np
import pytest
import torch

from napari_focusstack.training.own import Own


@pytest.fixture
def own():
    """Eight frames; frame k holds the picture plus k, so that each value tells where it came from."""
    y, x = np.mgrid[:40, :70]
    picture = (1000 + 100 * y + x).astype(np.uint16)[..., None].repeat(3, -1)
    return Own(np.stack([picture + 10000 * k for k in range(5)]), picture)


def test_crops_lie_where_their_truth_lies(own):
    drawn = own.draw((1, 2, 3), bursts=6, size=32)
    assert drawn.frames.shape[0] == 6 and drawn.frames.shape[2:] == (3, 32, 32)
    off = (drawn.frames - drawn.truth[:, None]) * 65535 / 10000
    numbers = off.round()
    torch.testing.assert_close(off, numbers, atol=1e-3, rtol=0)
    assert (numbers == numbers[..., :1, :1, :1]).all()


def test_the_order_of_the_sweep_stays_or_is_reversed(own):
    directions = set()
    for seed in range(20):
        drawn = own.draw((seed,), bursts=1, size=32)
        steps = drawn.frames.mean((0, 2, 3, 4)).diff()
        assert (steps > 0).all() or (steps < 0).all()
        directions.add(bool(steps[0] > 0))
    assert directions == {True, False}


def test_crops_are_flipped_and_transposed_in_all_eight_ways(own):
    crops = own.draw((0,), bursts=60, size=32).truth[:, 0]
    steps = [(float(t[0, 1] - t[0, 0]), float(t[1, 0] - t[0, 0])) for t in crops]
    ways = {(across > 0, down > 0, abs(across) > 0.001) for across, down in steps}
    assert len(ways) == 8


def test_the_same_seed_draws_the_same(own):
    first, again, other = (own.draw(seed, bursts=2, size=32, frames=4) for seed in ((1, 2), (1, 2), (1, 3)))
    assert torch.equal(first.frames, again.frames) and torch.equal(first.truth, again.truth)
    assert not torch.equal(first.truth, other.truth)


@pytest.mark.parametrize(("asked", "given"), [(4, 4), (5, 5), (30, 5), (2, 2)])
def test_no_more_frames_than_there_are(own, asked, given):
    assert own.draw((0,), bursts=1, size=32, frames=asked).frames.shape[1] == given


def test_only_crops_are_read():
    class Watched:
        shape, dtype = (4, 400, 400, 1), np.dtype(np.uint8)

        def __getitem__(self, i):
            class Frame:
                def __getitem__(self, place):
                    rows, columns = place
                    return np.zeros((rows.stop - rows.start, columns.stop - columns.start, 1), np.uint8)

            return Frame()

    Own(Watched(), np.zeros((400, 400, 1), np.uint8)).draw((0,), bursts=1, size=32)


def test_what_does_not_fit_is_told():
    frames = np.zeros((3, 40, 70, 1))
    with pytest.raises(ValueError, match="two frames"):
        Own(frames[:1], frames[0])
    with pytest.raises(ValueError, match="fuse this very stack"):
        Own(frames, np.zeros((41, 70, 1)))
    with pytest.raises(ValueError, match="40 × 70 px, too small for crops of 64 px"):
        Own(frames, frames[0]).draw((0,), bursts=1, size=64)


@pytest.mark.parametrize("shape", [(60, 100), (100, 60)])
def test_a_strip_at_the_end_of_the_longer_side_is_never_trained_on(shape):
    y, x = np.mgrid[: shape[0], : shape[1]]
    place = np.maximum(x, y) if shape[1] == shape[0] else (x if shape[1] > shape[0] else y)
    target = np.repeat((place / 100).astype(np.float32)[..., None], 1, axis=2)
    frames = np.stack([target, target])
    for split, seen in (("train", lambda v: v.max() < 0.8), ("test", lambda v: v.min() >= 0.8 - 1e-6)):
        own = Own(frames, target, split)
        for seed in range(20):
            assert seen(own.draw((seed,), bursts=2, size=20).truth)
