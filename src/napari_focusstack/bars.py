"""Progress bars of the command line, and a word on what takes long the first time."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .progress import Step, listening

__all__ = ["bars"]

PATIENCE_S = 2.0  # of compiling, before it is told


@contextmanager
def bars(quiet: bool, unit: str = "frame") -> Iterator[None]:
    """Progress bars on standard error, one a stage, and a word on long compiling; if it is no terminal, that alone."""
    if quiet:
        yield
        return
    with _compiling():
        if not sys.stderr.isatty():
            yield
            return
        with _shown(unit):
            yield


@contextmanager
def _shown(unit: str) -> Iterator[None]:
    from tqdm import tqdm

    shown: dict[str, Any] = {}

    def show(step: Step | None) -> None:
        if step is None:
            return
        if step.stage not in shown:
            for bar in shown.values():
                bar.close()
            shown.clear()
            shown[step.stage] = tqdm(total=step.total, desc=step.stage, unit=unit, leave=True)
        shown[step.stage].update(step.done - shown[step.stage].n)

    try:
        with listening(show):
            yield
    finally:
        for bar in shown.values():
            bar.close()


@contextmanager
def _compiling() -> Iterator[None]:
    """Say once that loops are compiled, if that takes long; the next run finds them on the disk."""
    from numba.core import event
    from tqdm import tqdm

    class Patience(event.Listener):
        begun, said = math.inf, False

        def on_start(self, _: Any) -> None:
            self.begun = min(self.begun, time.monotonic())
            self.speak()

        def on_end(self, _: Any) -> None:
            self.speak()

        def speak(self) -> None:
            if not self.said and time.monotonic() > self.begun + PATIENCE_S:
                self.said = True
                tqdm.write(
                    "focusstack: compiling loops, once; the next run with the same methods begins at once",
                    file=sys.stderr,
                )

    with event.install_listener("numba:compile", Patience()):
        yield
