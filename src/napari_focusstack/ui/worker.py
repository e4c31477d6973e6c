"""Computations in a thread: progress and results come back to the main thread as Qt signals, Cancel goes in."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from napari.qt.threading import create_worker
from napari.utils.notifications import notification_manager, show_error
from qtpy.QtCore import QCoreApplication, QObject, Signal

from ..progress import Cancelled, Step, listening
from .wording import error_words

__all__ = ["Run"]

logger = logging.getLogger(__name__)

EXPECTED = (ValueError, TypeError, OSError, MemoryError)  # say in plain words what is wrong; others need a traceback
INTERVAL_S = 0.04  # between two steps that are posted: as often as a screen is worth drawing


@dataclass(frozen=True)
class _Failure:
    """What a function raised."""

    error: Exception


class Run(QObject):
    """One computation in a thread.

    The function must not touch layers, widgets or the viewer. It is stopped, at the next tracked step, by `cancel` and
    by napari when its window closes. The object lives until the function has returned, so that whoever started it may
    vanish meanwhile.

    Parameters
    ----------
    function : callable
        What to compute, without arguments.
    deliver : callable
        Called in the main thread with what the function returned.
    title : str
        What it is, for napari's question whether to close a busy window.

    Signals
    -------
    stepped : Step
        A named loop went on; at most one each 40 ms.
    succeeded : object
        What the function returned, after its delivery.
    failed : Exception
        What it raised, after napari's notification of it.
    cancelled
        It was stopped.
    ended
        Last of all, after each of the three.
    """

    stepped = Signal(object)
    succeeded = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    ended = Signal()

    def __init__(self, function: Callable[[], Any], deliver: Callable[[Any], Any], title: str) -> None:
        super().__init__(QCoreApplication.instance())
        self._function: Callable[[], Any] | None = function
        self._deliver: Callable[[Any], Any] | None = deliver
        self._title, self._told = title, False
        self._shown, self._stage = 0.0, ""
        self._worker = create_worker(self, _ignore_errors=True)  # it meets none: they come back as a _Failure
        self._worker.returned.connect(self._on_returned)
        self._worker.finished.connect(self._on_finished)

    def __str__(self) -> str:
        return self._title

    def start(self) -> None:
        """Begin."""
        self._worker.start()

    def cancel(self) -> None:
        """Ask the computation to stop at its next step."""
        self._worker.quit()

    def __call__(self) -> Any:
        """Compute; called by napari in the worker's thread.

        Errors are returned, because whether and how often napari tells of those that are raised depends on its version
        and on the Qt binding.
        """
        assert self._function is not None
        with listening(self._listen), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries: nothing a user could act on
            try:
                return self._function()
            except Cancelled:
                return None
            except Exception as error:  # noqa: BLE001 - every one is told in the main thread
                return _Failure(error)

    def _listen(self, step: Step | None) -> None:
        if self._worker.abort_requested:
            raise Cancelled
        if step is None:
            return
        now = time.monotonic()
        if step.stage != self._stage or step.done == step.total or now - self._shown > INTERVAL_S:
            self._shown, self._stage = now, step.stage
            self.stepped.emit(step)

    def _on_returned(self, result: Any) -> None:
        self._told = True
        if isinstance(result, _Failure):
            self._tell(result.error)
            return
        assert self._deliver is not None
        self._deliver(result)
        self.succeeded.emit(result)

    def _tell(self, error: Exception) -> None:
        if isinstance(error, MemoryError) or "out of memory" in str(error):
            error = MemoryError(OUT_OF_MEMORY).with_traceback(error.__traceback__)
        if isinstance(error, EXPECTED):
            logger.error("%s failed: %s", self, error_words(error))
            logger.debug("%s failed here", self, exc_info=error)
            show_error(error_words(error))
        else:
            notification_manager.receive_error(type(error), error, error.__traceback__)
        self.failed.emit(error)

    def _on_finished(self) -> None:
        self._function = self._deliver = None  # napari remembers its workers; let the pictures go
        if not self._told:
            self.cancelled.emit()
        self.ended.emit()
        self.deleteLater()


OUT_OF_MEMORY = (
    "There is not enough memory for this. Close other programs and layers, stack a smaller part, "
    "or compute on the CPU if it was the graphics card's."
)
