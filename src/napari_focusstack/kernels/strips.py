"""Compiled loops over rows of an image: strips of it, on all cores, with Cancel let through."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from ..devices import threads
from ..progress import track, wait

__all__ = ["over_rows"]

R = TypeVar("R")

STRIPS_PER_THREAD = 4  # threads that were late to start, or share their core, get fewer
MIN_ROWS = 16  # in a strip: smaller ones cost more in calls and in rows at their borders than they gain


def over_rows(function: Callable[..., R], height: int, *args: object, align: int = 1) -> list[R]:
    """Results of `function(*args, start, stop)` for strips of rows that together cover `height` rows once.

    The strips run in a pool of `threads()` threads, at the same time where the function lets go of the interpreter
    (numba with ``nogil=True``). While the calling thread waits, also for numba's compiler at the first call, the
    listener can cancel; strips that have begun then come to their end unseen.

    Parameters
    ----------
    function : callable
        Reads and writes the arrays among `args`; writes only what belongs to rows `start` to `stop`.
    height : int
        Number of rows.
    *args
        Passed on to the function, before `start` and `stop`.
    align : int
        Every strip starts at a multiple of this; 2 where rows belong together in pairs.

    Returns
    -------
    list
        One result a strip, from top to bottom.

    Examples
    --------
    >>> over_rows(lambda start, stop: stop - start, 40, align=2)  # doctest: +SKIP
    [16, 16, 8]
    """
    pool = _pool(threads(), os.getpid())
    rows = max(MIN_ROWS, -(-height // (STRIPS_PER_THREAD * threads())))
    rows = -(-rows // align) * align
    strips: list[Future[R]] = [
        pool.submit(function, *args, start, min(start + rows, height)) for start in range(0, height, rows)
    ]
    try:
        return [wait(strip) for strip in track(strips)]
    finally:
        for strip in strips:
            strip.cancel()


@cache
def _pool(count: int, process: int) -> ThreadPoolExecutor:  # noqa: ARG001 - a forked process has no threads of its parent
    return ThreadPoolExecutor(count, "strips")
