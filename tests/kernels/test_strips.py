"""Row strips: every row once, on other threads, with errors and Cancel let through."""

from __future__ import annotations

import itertools
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_focusstack.devices import set_threads
from napari_focusstack.kernels.strips import over_rows
from napari_focusstack.progress import Cancelled, listening


@given(st.integers(1, 5000), st.integers(1, 64))
def test_strips_cover_every_row_once(height, align):
    strips = over_rows(lambda start, stop: (start, stop), height, align=align)
    assert strips[0][0] == 0
    assert strips[-1][1] == height
    assert all(before[1] == after[0] for before, after in itertools.pairwise(strips))
    assert all(start % align == 0 for start, _ in strips)


def test_strips_run_beside_each_other():
    set_threads(2)
    meeting = threading.Barrier(2, timeout=5)
    try:
        over_rows(lambda start, stop: meeting.wait() if start < 32 else None, 64, align=16)
    finally:
        set_threads(0)


def test_an_error_in_a_strip_is_raised():
    def fail(start: int, stop: int) -> None:
        raise ArithmeticError(f"row {start}")

    with pytest.raises(ArithmeticError, match="row 0"):
        over_rows(fail, 10)


def test_cancel_is_felt_while_a_strip_is_busy():
    go_on = threading.Event()

    def stop_it(step):
        raise Cancelled

    begun = time.monotonic()
    try:
        with listening(stop_it), pytest.raises(Cancelled):
            over_rows(lambda start, stop: go_on.wait(20), 10)
        assert time.monotonic() - begun < 10
    finally:
        go_on.set()
