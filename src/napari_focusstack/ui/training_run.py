"""A training run in a thread: reports and previews come back as Qt signals; Pause and Stop go in."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from ..devices import pick_device
from ..nets import sees_mosaics
from ..progress import track
from .worker import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..alignment import Area
    from ..training.recipe import TrainingRecipe
    from .training_stack import StackWish

__all__ = ["Preview", "TrainingRun", "Work"]

TELL_S = 0.2  # between two batches of reports
PREVIEW_S = 10.0  # between two previews
SPARSE = 10  # ... or so many times as long as one takes: on a CPU, networks as published need a minute
PREVIEW_PX = 256  # side of what is shown
POLL_S = 0.05  # a pause asks this often whether it goes on
SHOWN = (2**41, 0)  # seed of the simulated burst of the preview, which no step draws


@dataclass(frozen=True)
class Preview:
    """What the network makes of a small burst, at a step.

    Attributes
    ----------
    picture : (Y, X, C) float32
        Stored values from 0 to 1.
    area : Area or None
        Where it lies in the frames of the stack; None: simulated.
    step : int
        Of the weights.
    """

    picture: NDArray[np.float32]
    area: Area | None
    step: int


@dataclass
class Work:
    """What a run is to do.

    Attributes
    ----------
    recipe : TrainingRecipe
        The run's; bursts of a fresh one's steps are drawn one by one, but together on a graphics card.
    fresh : bool
        Whether it begins; else it goes on with the very recipe.
    folder : Path
        Of the checkpoint.
    stack : StackWish or None
        The user's own, where the recipe asks for one.
    device : str
        Where to compute.
    """

    recipe: TrainingRecipe
    folder: Path
    stack: StackWish | None
    fresh: bool = True
    device: str = "auto"
    going: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raise a ValueError if the chosen stack is not the recipe's."""
        for part in self.recipe.data:
            if part.kind == "stack" and self.stack and part.name != self.stack.source.name:
                raise ValueError(
                    f"this run learned from “{part.name}”, but “{self.stack.source.name}” is chosen: open and choose "
                    "that stack, or another checkpoint folder"
                )


class TrainingRun(QObject):
    """One run of a recipe.

    Signals
    -------
    reported : list of Report
        Those of the latest steps.
    previewed : Preview
        What the network does by now.
    rested
        It paused: its checkpoint is saved.
    finished : Checkpoint
        It reached the last step.
    """

    reported = Signal(object)
    previewed = Signal(object)
    rested = Signal()
    finished = Signal(object)

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work
        work.going.set()
        self.run = Run(self._train, self.finished.emit, f"training “{work.folder.name}”")
        self.setParent(self.run)  # lives as long

    def pause(self) -> None:
        """Stop after this step, keeping all that is needed to go on at once."""
        self.work.going.clear()

    def go_on(self) -> None:
        """Go on after a pause."""
        self.work.going.set()

    @property
    def paused(self) -> bool:
        """Whether it rests, or is about to."""
        return not self.work.going.is_set()

    # ------------------------------------------------------------------
    # in the worker's thread

    def _train(self) -> Any:
        work = self.work
        work.check()
        own, area = work.stack.fulfil() if work.stack else (None, None)
        recipe = work.recipe
        if work.fresh and pick_device(work.device) != "cpu":
            recipe = replace(recipe, batch=recipe.draws, draws=1)
        for _ in track(range(1), "Loading the network"):
            from ..training.trainer import Trainer
        names = {part.name: own for part in recipe.data if part.kind == "stack" and part.name}
        for _ in track(range(1), "Preparing held-out data"):
            try:
                trainer = Trainer(recipe, work.folder, stacks=names, device=work.device)  # type: ignore[arg-type]
            except OSError as error:
                raise _unwritten(work.folder, error) from error
        burst, where = _shown(own, area, recipe)
        try:
            try:
                self._loop(trainer, burst, where)
            finally:
                trainer.close()  # saves, whatever it was that led here
        except OSError as error:
            raise _unwritten(work.folder, error) from error
        except RuntimeError as error:
            if "diverged" in str(error):
                raise ValueError(str(error)) from error
            raise
        return trainer.checkpoint

    def _loop(self, trainer: Any, burst: NDArray[Any], where: Area | None) -> None:
        def show() -> tuple[float, float]:
            """Show a preview; return when the next one is due, and from when on a look at examples may bring it."""
            began = time.monotonic()
            picture = trainer.preview(burst)
            if picture is not None:
                self.previewed.emit(Preview(picture, where, trainer.step))
            now = time.monotonic()
            return now + max(PREVIEW_S, SPARSE * (now - began)), now + SPARSE * (now - began)

        due, bearable = show()
        told, news = 0.0, []
        while trainer.step < trainer.recipe.steps:
            for report in trainer:
                news.append(report)
                now = time.monotonic()
                last = report.step == report.steps
                if now - told > TELL_S or last or self.paused:
                    self.reported.emit(news)
                    told, news = now, []
                if last or now > due or (report.psnr is not None and now > bearable):
                    due, bearable = show()
                if self.paused:
                    break
            trainer.close()
            self._rest()

    def _rest(self) -> None:
        """Wait while the run is paused; Stop ends that, too."""
        if self.paused:
            self.rested.emit()
        for _ in track(_while(lambda: self.paused)):
            time.sleep(POLL_S)


def _while(condition: Any) -> Iterator[None]:
    return (None for _ in itertools.takewhile(lambda _: condition(), itertools.count()))


def _shown(own: Any, area: Area | None, recipe: TrainingRecipe) -> tuple[NDArray[Any], Area | None]:
    """Burst (N, Y, X, C) of the preview: the part of the stack with most detail, or a simulated one as it is taken."""
    from ..alignment import Area

    if own is not None and area is not None:
        height, width = (min(PREVIEW_PX, side) for side in own.target.shape[:2])
        top, left = _most_detail(np.asarray(own.target), height, width)
        frames = np.stack([frame[top : top + height, left : left + width] for frame in own.frames])
        return frames, Area(area.top + top, area.left + left, height, width)
    from ..simulation.library import drawn_library
    from ..training.sources import Simulated

    source = Simulated(drawn_library(12, 12, seed=999), mosaic=sees_mosaics(recipe.architecture, recipe.arguments))
    drawn = source.draw(SHOWN, bursts=1, size=PREVIEW_PX, frames=recipe.frames[1])
    return drawn.frames[0].movedim(1, -1).contiguous().numpy(), None


def _most_detail(picture: NDArray[Any], height: int, width: int) -> tuple[int, int]:
    """Corner of the part of that size with the steepest edges, on a grid of half its size."""
    grey = picture.astype(np.float32).mean(-1)
    steep = np.abs(np.diff(grey, axis=0)[:, :-1]) + np.abs(np.diff(grey, axis=1)[:-1])

    def corners(length: int, side: int) -> list[int]:
        return [*range(0, length - side, max(1, side // 2)), length - side]

    places = itertools.product(corners(grey.shape[0], height), corners(grey.shape[1], width))
    return max(places, key=lambda at: float(steep[at[0] : at[0] + height, at[1] : at[1] + width].sum()))


def _unwritten(folder: Path, error: OSError) -> OSError:
    reason = error.strerror or str(error)
    return OSError(
        f"The checkpoint could not be written to {folder}: {reason}. Make room there or choose another folder; what "
        "was saved before is intact."
    )
