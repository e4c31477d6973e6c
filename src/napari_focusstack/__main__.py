"""The program: what ``focusstack`` and ``python -m napari_focusstack`` run."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

__all__ = ["run"]

INTERRUPTED = 130


def run() -> NoReturn:
    """Run the command line, and leave with its exit code; at once after Ctrl-C, whatever threads still compute."""
    try:
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


if __name__ == "__main__":
    run()
