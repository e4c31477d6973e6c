"""Examples ahead of time: drawn on a thread while the network learns from the ones before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from ..progress import wait

__all__ = ["prefetched"]

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
