"""Examples ahead of time: in order, not too many, and no thread left."""

import threading
import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_focusstack.progress import Cancelled, listening
from napari_focusstack.training.examples import Examples, turned
from napari_focusstack.training.prefetch import AHEAD, looked_at, prefetched


def drawing():
    """Threads that draw examples; others may end meanwhile."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("examples")]


def test_values_come_in_order_and_the_thread_ends():
    with prefetched(lambda key: key * key, range(20)) as values:
        assert list(values) == [key * key for key in range(20)]
        assert drawing()
    assert not drawing()


def test_it_draws_ahead_but_not_far():
    drawn = []
    with prefetched(drawn.append, range(100)) as values:
        for taken in range(1, 4):
            next(values)
            deadline = time.monotonic() + 10
            while len(drawn) < taken + AHEAD and time.monotonic() < deadline:
                time.sleep(0.005)
            assert drawn == list(range(taken + AHEAD))
    assert len(drawn) <= 3 + AHEAD


def test_an_error_comes_where_its_value_would_have():
    def draw(key):
        if key == 2:
            raise OSError("the disk is gone")
        return key

    with prefetched(draw, range(5)) as values:
        assert [next(values), next(values)] == [0, 1]
        with pytest.raises(OSError, match="the disk is gone"):
            next(values)
    assert not drawing()


def test_cancel_is_felt_while_it_waits():
    held = threading.Event()

    def stop(step):
        held.set()
        raise Cancelled

    with listening(stop), pytest.raises(Cancelled), prefetched(lambda key: held.wait(30), range(2)) as values:
        next(values)


def numbered(count):
    """Examples of one pixel that is unlike the others, in a corner; each with its number."""
    for number in range(count):
        picture = torch.full((1, 1, 1, 2, 3), float(number))
        picture[..., 0, 0] = -1
        yield Examples(picture, picture[:, 0])


def identity(example):
    """Number of an example, where its corner is, and its shape: which of the eight ways it was turned."""
    plane = example.frames[0, 0, 0]
    corner = tuple((plane == -1).nonzero()[0].tolist())
    return int(plane.max()), (corner, tuple(plane.shape))


@given(st.integers(1, 4), st.integers(1, 8), st.integers(0, 5))
def test_draws_are_looked_at_in_steps_in_a_row_each_time_turned_otherwise(draws, looks, rounds):
    seen = [identity(one) for one in looked_at(numbered(draws * rounds), draws=draws, looks=looks)]
    assert len(seen) == draws * looks * rounds and len(set(seen)) == len(seen)
    numbers = [number for number, _ in seen]
    steps = [numbers[i : i + draws] for i in range(0, len(numbers), draws)]
    for number, step in enumerate(steps):
        first = number // looks * draws
        assert step == list(range(first, first + draws))


@given(st.integers(1, 3), st.integers(1, 8), st.integers(0, 7))
def test_a_run_that_goes_on_looks_as_it_would_have(draws, looks, done):
    whole = [identity(one) for one in looked_at(numbered(4 * draws), draws=draws, looks=looks)]
    again = [identity(one) for one in looked_at(numbered(4 * draws), draws=draws, looks=looks, first=done % looks)]
    assert again == whole[done % looks * draws :]


def test_the_eight_ways_are_those_of_a_square():
    plane = torch.arange(9.0).view(3, 3)
    ways = {tuple(turned(plane, way).flatten().tolist()) for way in range(8)}
    assert len(ways) == 8 and torch.equal(turned(plane, 0), plane)
    assert torch.equal(turned(plane, 1), plane.flip(1)) and torch.equal(turned(plane, 2), plane.flip(0))
    assert torch.equal(turned(plane, 4), plane.T)


def test_what_is_known_of_whole_bursts_is_not_turned():
    frames = torch.arange(12.0).view(1, 1, 1, 3, 4)
    example = Examples(frames, frames[:, 0], noise=torch.rand(1, 2, 9), sigma=torch.rand(1), depth=frames[:, 0, 0])
    found = example.turned(5)
    assert torch.equal(found.noise, example.noise) and torch.equal(found.sigma, example.sigma)
    assert torch.equal(found.depth, turned(example.depth, 5)) and found.mask is None
