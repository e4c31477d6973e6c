"""Examples ahead of time: drawn on a thread while the network learns from the ones before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from ..progress import wait

if TYPE_CHECKING:
    from .examples import Examples

__all__ = ["looked_at", "prefetched"]

T = TypeVar("T")
K = TypeVar("K")

AHEAD = 2  # examples that wait


@contextmanager
def prefetched(draw: Callable[[K], T], keys: Iterable[K]) -> Iterator[Iterator[T]]:
    """Iterator over `draw(key)` of all keys, in order, computed ahead on one thread, which ends with the context.

    An error of `draw` is raised where its value would have come.
    """
    pool = ThreadPoolExecutor(1, "examples")
    remaining = iter(keys)
    waiting = [pool.submit(draw, key) for key in islice(remaining, AHEAD)]

    def values() -> Iterator[T]:
        while waiting:
            value = wait(waiting.pop(0))
            waiting.extend(pool.submit(draw, key) for key in islice(remaining, 1))
            yield value

    try:
        yield values()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def looked_at(drawn: Iterator[Examples], *, draws: int, looks: int, first: int = 0) -> Iterator[Examples]:
    """Yield the draws of each step; those of `looks` steps in a row are the same, each time turned in another way.

    Parameters
    ----------
    drawn : iterator of Examples
        New draws.
    draws : int
        In a step.
    looks : int
        Steps in a row; from 1 to 8.
    first : int
        Looks that were had before, in a run that goes on.
    """
    while True:
        kept = []
        for _ in range(draws):
            draw = next(drawn, None)
            if draw is None:
                return
            if first + 1 < looks:
                kept.append(draw)
            yield draw.turned(first)
        for look in range(first + 1, looks):
            yield from (draw.turned(look) for draw in kept)
        first = 0
