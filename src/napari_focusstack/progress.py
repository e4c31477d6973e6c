"""Progress and cancelling: tracked loops report steps to a listener, and the listener may stop them.

No numeric signature carries a callback. Whoever wants to watch installs a listener::

    with listening(print):
        fuse(frames)

A listener that raises `Cancelled` stops the computation at that step. Where stages repeat, `part` says for what::

    with part("burst 2 of 5"):
        fuse(frames)  # its steps: "Fusing (burst 2 of 5)"
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

__all__ = ["Cancelled", "Listener", "Step", "apart", "listening", "part", "track", "wait"]

T = TypeVar("T")
P = ParamSpec("P")

POLL_S = 0.05  # a wait asks the listener this often, so that Cancel is felt at once


class Cancelled(Exception):  # noqa: N818 - the field's term, not an error of the computation
    """Raised by a listener to stop the computation."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a named loop: `done` of `total` are finished."""

    stage: str
    done: int
    total: int

    def __str__(self) -> str:
        return f"{self.stage} {self.done}/{self.total}"


Listener = Callable[[Step | None], None]
"""Called with a `Step` at each step of a named loop, with None where it is only asked whether to go on."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)
_part: ContextVar[str] = ContextVar("part", default="")


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Report the steps of all tracked loops in this context to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def part(text: str) -> Iterator[None]:
    """Name the stages of all loops that are tracked in this context after this part of the work, too.

    Parameters
    ----------
    text : str
        Which part, as a user should read it: "burst 2 of 5". Nothing is added if it is empty.
    """
    token = _part.set(text)
    try:
        yield
    finally:
        _part.reset(token)


def track(items: Iterable[T], stage: str = "", total: int | None = None) -> Iterator[T]:
    """Yield the items and tell the listener about each.

    Parameters
    ----------
    items : iterable
        What to loop over.
    stage : str
        The stage's name as a user should read it ("Fusing"). Without a name, the loop is an inner one (levels,
        tiles, strips): the listener is only asked whether to go on.
    total : int, optional
        Number of items; needed for a named stage when `items` has no length.
    """
    if not stage:
        for item in items:
            _tell(None)
            yield item
        return
    if _part.get():
        stage = f"{stage} ({_part.get()})"
    count = total if total is not None else len(items) if isinstance(items, Sized) else 0
    done = 0
    for item in items:
        _tell(Step(stage, done, count))
        yield item
        done += 1
    _tell(Step(stage, done, count))


def wait(future: Future[T]) -> T:
    """Return the future's result, asking the listener meanwhile whether to go on."""
    while True:
        try:
            return future.result(timeout=POLL_S)
        except TimeoutError:
            if future.done():  # the computation itself raised a TimeoutError
                return future.result()
            _tell(None)


def apart(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a long call without steps of its own returns, asking the listener meanwhile whether to go on.

    It runs in a thread; one that is cancelled comes to its end there, unheard.
    """
    pool = ThreadPoolExecutor(1, "apart")
    try:
        return wait(pool.submit(function, *args, **kwargs))
    finally:
        pool.shutdown(wait=False)


def _tell(step: Step | None) -> None:
    listener = _listener.get()
    if listener is not None:
        listener(step)
