"""Tracked loops, their listeners, and waiting."""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from napari_focusstack.progress import Cancelled, Step, apart, listening, part, track, wait


def test_without_a_listener_items_pass_through():
    assert list(track("abc", "Fusing")) == ["a", "b", "c"]


def test_a_named_loop_tells_every_step_and_the_end():
    steps = []
    with listening(steps.append):
        assert list(track(iter("ab"), "Fusing", total=2)) == ["a", "b"]
    assert steps == [Step("Fusing", 0, 2), Step("Fusing", 1, 2), Step("Fusing", 2, 2)]
    assert str(steps[1]) == "Fusing 1/2"


def test_an_inner_loop_only_asks():
    asked = []
    with listening(asked.append):
        list(track("ab"))
    assert asked == [None, None]


def test_a_part_is_named_beside_the_stage():
    stages = []
    with listening(lambda step: stages.append(step and step.stage)):
        with part("burst 2 of 5"):
            list(track("a", "Fusing"))
            list(track("a"))
            with part(""):
                list(track("", "Alone"))
            list(track("", "Again"))
        with pytest.raises(KeyError), part("burst 3 of 5"):
            raise KeyError
        list(track("", "After"))
    two = "(burst 2 of 5)"
    assert stages == [f"Fusing {two}", f"Fusing {two}", None, "Alone", f"Again {two}", "After"]


def test_the_listener_is_gone_afterwards_even_after_an_error():
    steps = []
    with pytest.raises(KeyError), listening(steps.append):
        raise KeyError
    list(track("ab", "Fusing"))
    assert steps == []


def test_cancelling_stops_before_the_next_item():
    def cancel(step):
        if step.done == 2:
            raise Cancelled

    seen = []
    with listening(cancel), pytest.raises(Cancelled):
        seen.extend(track(range(10), "Fusing"))
    seen = []
    with listening(cancel), pytest.raises(Cancelled):
        for item in track(range(10), "Fusing"):
            seen.append(item)
    assert seen == [0, 1]


def test_wait_returns_results_and_passes_errors_on():
    with ThreadPoolExecutor(1) as pool:
        assert wait(pool.submit(int, "7")) == 7
        with pytest.raises(ValueError, match="invalid literal"):
            wait(pool.submit(int, "x"))

        def late():
            raise TimeoutError("the camera did not answer")

        with pytest.raises(TimeoutError, match="did not answer"):
            wait(pool.submit(late))


def test_wait_asks_the_listener():
    def cancel(step):
        raise Cancelled

    with listening(cancel), pytest.raises(Cancelled):
        wait(Future())


def test_a_call_apart_returns_and_raises_as_it_does():
    assert apart(int, "12", base=8) == 10
    with pytest.raises(ValueError, match="invalid literal"):
        apart(int, "x")


def test_a_call_apart_can_be_left():
    goes_on, done = Event(), []

    def stop(_):
        raise Cancelled

    with listening(stop), pytest.raises(Cancelled):
        apart(lambda: done.append(goes_on.wait(10)))
    assert not done
    goes_on.set()
