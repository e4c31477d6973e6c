"""Computations in a thread."""

import errno
import logging
import threading
import time
import warnings

import pytest
from napari.utils.notifications import notification_manager

from napari_focusstack.progress import Step, track
from napari_focusstack.ui.wording import error_words
from napari_focusstack.ui.worker import Run


class Outcome:
    """Records the signals of a run, and delivers."""

    def __init__(self, run):
        self.steps, self.results, self.errors, self.cancelled = [], [], [], 0
        run.stepped.connect(self.steps.append)
        run.succeeded.connect(self.results.append)
        run.failed.connect(self.errors.append)
        run.cancelled.connect(self.count)

    def count(self):
        self.cancelled += 1


def start(qtbot, function, delivered=None, *, cancel_after=None):
    run = Run(function, (delivered if delivered is not None else []).append, "testing “x”")
    outcome = Outcome(run)
    with qtbot.waitSignal(run.ended, timeout=5000):
        run.start()
        if cancel_after is not None:
            qtbot.waitUntil(lambda: bool(outcome.steps), timeout=5000)
            time.sleep(cancel_after)
            run.cancel()
    return outcome


@pytest.fixture(autouse=True)
def notifications(monkeypatch):
    """Texts of what napari notifies of."""
    seen = []
    monkeypatch.setattr(notification_manager, "dispatch", lambda notification: seen.append(notification.message))
    return seen


def test_a_result_is_delivered_in_the_main_thread(qtbot):
    threads, delivered = [], []

    class Delivery(list):
        def append(self, value):
            threads.append(threading.current_thread())
            delivered.append(value)

    outcome = start(qtbot, lambda: threading.current_thread().name, Delivery())
    assert threads == [threading.main_thread()]
    assert delivered == outcome.results != [threading.main_thread().name]
    assert (outcome.errors, outcome.cancelled) == ([], 0)


def test_steps_are_throttled_but_stages_and_ends_are_not_lost(qtbot):
    def work():
        for stage in ("Aligning", "Fusing"):
            for _ in track(range(2000), stage):
                pass

    steps = start(qtbot, work).steps
    assert Step("Aligning", 0, 2000) in steps
    assert Step("Aligning", 2000, 2000) in steps
    assert Step("Fusing", 0, 2000) in steps
    assert len(steps) < 500


@pytest.mark.parametrize("stage", ["", "Inner"])
def test_cancel_stops_at_the_next_step(qtbot, stage):
    finished = []

    def work():
        for _ in track(range(1), "Outer"):
            for _ in track(range(1000), stage):
                time.sleep(0.01)
        finished.append(True)

    began = time.monotonic()
    outcome = start(qtbot, work, cancel_after=0.05)
    assert time.monotonic() - began < 5  # of ten seconds
    assert (outcome.results, outcome.errors, outcome.cancelled, finished) == ([], [], 1, [])


class OutOfMemoryError(RuntimeError):
    """Stands for torch.OutOfMemoryError, which is a RuntimeError too."""


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), MemoryError, "not enough memory"),
        (MemoryError(), MemoryError, "not enough memory"),
        (RuntimeError("something else"), RuntimeError, "something else"),
        (ValueError("sigma=-1 is out of range"), ValueError, "sigma=-1"),
        (OSError("frame 3 cannot be read"), OSError, "frame 3"),
        (OSError(errno.EIO, "Input/output error", "/b/3.tif"), OSError, "/b/3.tif: Input/output error"),
    ],
)
def test_errors_are_told_once_in_plain_words(qtbot, notifications, error, kind, words):
    def work():
        raise error

    outcome = start(qtbot, work)
    assert [type(e) for e in outcome.errors] == [kind]
    assert words in error_words(outcome.errors[0])
    assert notifications == [error_words(outcome.errors[0])]
    assert (outcome.results, outcome.cancelled) == ([], 0)


def test_what_a_user_can_mend_is_one_line_on_the_terminal(qtbot, notifications, caplog):
    def work():
        raise ValueError("sigma=-1 is out of range")

    with caplog.at_level(logging.DEBUG):
        start(qtbot, work)
    shown = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.getMessage().partition(": ")[2] for record in shown] == ["sigma=-1 is out of range"]
    assert [bool(record.exc_info) for record in caplog.records] == [False, True]


def test_warnings_of_libraries_do_not_reach_the_user(qtbot, notifications):
    def work():
        warnings.warn("nothing you could do", stacklevel=1)
        return 1

    assert start(qtbot, work).results == [1]
    assert notifications == []


def test_a_run_lets_its_function_go(qtbot):
    run = Run(lambda: None, lambda _: None, "testing “x”")
    assert str(run) == "testing “x”"
    with qtbot.waitSignal(run.ended, timeout=5000):
        run.start()
    assert run._function is None
    assert run._deliver is None
