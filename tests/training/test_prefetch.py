"""Examples ahead of time: in order, not too many, and no thread left."""

import threading
import time

import pytest

from napari_focusstack.progress import Cancelled, listening
from napari_focusstack.training.prefetch import AHEAD, prefetched


def test_values_come_in_order_and_the_thread_ends():
    before = threading.active_count()
    with prefetched(lambda key: key * key, range(20)) as values:
        assert list(values) == [key * key for key in range(20)]
    assert threading.active_count() == before


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

    before = threading.active_count()
    with prefetched(draw, range(5)) as values:
        assert [next(values), next(values)] == [0, 1]
        with pytest.raises(OSError, match="the disk is gone"):
            next(values)
    assert threading.active_count() == before


def test_cancel_is_felt_while_it_waits():
    held = threading.Event()

    def stop(step):
        held.set()
        raise Cancelled

    with listening(stop), pytest.raises(Cancelled), prefetched(lambda key: held.wait(30), range(2)) as values:
        next(values)
