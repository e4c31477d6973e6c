"""Progress bars of the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .progress import Step, listening

__all__ = ["bars"]


@contextmanager
def bars(quiet: bool, unit: str = "frame") -> Iterator[None]:
    """Progress bars on standard error, one a stage; none if it is no terminal."""
    if quiet or not sys.stderr.isatty():
        yield
        return
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
