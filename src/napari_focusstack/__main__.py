"""The program: what ``focusstack`` and ``python -m napari_focusstack`` run."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

__all__ = ["run"]

INTERRUPTED = 130
OBJECTS = 50_000  # made, until garbage is looked for
GLIBC = {"M_TRIM_THRESHOLD": (-1, -1), "M_MMAP_THRESHOLD": (-3, 1 << 30), "M_ARENA_MAX": (-8, 1)}  # names in malloc.h


def run() -> NoReturn:
    """Run the command line, and leave with its exit code; at once after Ctrl-C, whatever threads still compute."""
    try:
        _keep_memory()
        from .cli import main

        code = main()
        sys.stdout.flush()
    except KeyboardInterrupt:  # before anything was begun, or when all was done
        sys.stderr.write("\nfocusstack: interrupted\n")
        code = INTERRUPTED
    if code == INTERRUPTED:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stderr.flush()
        os._exit(code)  # sys.exit waits for threads
    sys.exit(code)


def _keep_memory() -> None:
    """Keep what is freed, for the next frame: giving it back and clearing it anew is a tenth of the time, or more.

    For the program only, whose memory ends with it; nothing where the C library is another one. Nor is garbage looked
    for as often among the many objects that imports make, and that stay.
    """
    gc.set_threshold(OBJECTS)
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in GLIBC.values():
            mallopt(parameter, value)


if __name__ == "__main__":
    run()
