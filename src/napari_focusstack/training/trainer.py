"""The training loop: a recipe and a folder in; reports, step by step, and a checkpoint out.

Lightning Fabric brings devices, mixed precision and processes: started by torchrun or SLURM, all of them share the
draws of each step and take the same one together.
"""

from __future__ import annotations

import copy
import logging
import math
import os
import time
import weakref
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.optim import Optimizer

from .. import __version__
from ..files import standing
from ..nets.checkpoint import CONFIG, Checkpoint, Input, Training, load_network, read_checkpoint, save_checkpoint
from ..progress import track
from .beginning import fabric_of, network_of, optimiser_of
from .data import held_out_of, source_of
from .lessons import FRAMES, lesson_of
from .logbook import Logbook
from .prefetch import looked_at, prefetched
from .recipe import TrainingRecipe
from .report import Report
from .resuming import RESUME, restore, store
from .schedules import rate_at
from .sources import Source
from .validation import measured, pictured

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..arrays import Frames
    from ..nets.network import Network
    from .examples import Examples

__all__ = ["Report", "Trainer", "train"]

log = logging.getLogger(__name__)

RECIPE = "training.json"
TILE = 512  # px: of the tiles that a trained network is run on


class Trainer:
    """A run of a recipe in a folder: iterate it to train.

    After each step comes a `Report`. Whoever leaves the loop, by `close`, an exception or at the end, leaves a
    checkpoint behind, and the same recipe in the same folder goes on from there to the same numbers. A process that is
    killed goes on from the last one that was saved.

    Parameters
    ----------
    recipe : TrainingRecipe
        What to train, on what, and how.
    folder : path
        Of the checkpoint.
    stacks : mapping of str to Source
        What the recipe's data of kind "stack" are.
    device : str
        "auto" (CUDA, then MPS, then CPU), "cpu", "cuda" or "mps".

    Attributes
    ----------
    checkpoint : Checkpoint or None
        The newest one that was written.
    step : int
        Steps done.

    Raises
    ------
    ValueError
        If the folder holds a run of another recipe, or something that is not allowed is asked for, such as a loss that
        is not for the network's task.
    """

    def __init__(
        self,
        recipe: TrainingRecipe,
        folder: str | os.PathLike[str],
        *,
        stacks: Mapping[str, Source] | None = None,
        device: str = "auto",
    ) -> None:
        self.recipe, self.folder = recipe, Path(folder).expanduser().resolve()
        resumed = _holds_run(self.folder, recipe)
        self.fabric = fabric_of(recipe, device)
        self.checkpoint: Checkpoint | None = None
        self._raw = network_of(recipe)
        self._lesson = lesson_of(recipe.loss, self._raw)
        self.averaged: Network = copy.deepcopy(self._raw).to(self.fabric.device).eval().requires_grad_(False)
        self._source = source_of(recipe, stacks or {}, self.fabric.device)
        self._held_out = held_out_of(recipe, stacks or {}, self.fabric.device)
        self._network, optimiser = self.fabric.setup(self._raw, optimiser_of(recipe, self._raw))
        self._optimiser: Optimizer = optimiser
        self._metrics: dict[str, float] = {}
        self.step = self._resume() if resumed else 0
        self._saved = self.step  # step of the checkpoint
        self._sound = True  # whether the weights are those of a whole number of steps
        self._loop: weakref.ref[Generator[Report, None, None]] | None = None  # weak, so that `break` ends it at once

    # ------------------------------------------------------------------
    # the loop

    def __iter__(self) -> Iterator[Report]:
        """Train on, from where the run stands, to the recipe's last step.

        Raises
        ------
        RuntimeError
            If the loss or its gradient is not finite; the last checkpoint stays as it is.
        OSError
            If the checkpoint cannot be written; the one before stays as it is.
        """
        self.close()
        if not self._sound:
            raise RuntimeError(f"the run was stopped within a step; a new Trainer goes on from step {self._saved}")
        loop = self._train()
        self._loop = weakref.ref(loop)
        return loop

    def close(self) -> None:
        """Leave the loop, with a checkpoint of where it stands; iterating again goes on from there."""
        loop = self._loop and self._loop()
        if loop:
            loop.close()

    def _train(self) -> Generator[Report, None, None]:
        self._book = Logbook(self.folder, self.step)
        before, started, first = self._book.seconds, time.perf_counter(), self.step
        mine = range(self.fabric.global_rank, self.recipe.draws, self.fabric.world_size)
        looks = self.recipe.looks
        drawing = range(self.step - self.step % looks, self.recipe.steps, looks)  # steps for which there are new draws
        keys = ((step, draw) for step in drawing for draw in mine)
        try:
            with prefetched(self._draw, keys) as drawn:
                examples = looked_at(drawn, draws=len(mine), looks=looks, first=self.step % looks)
                for step in track(range(self.step, self.recipe.steps), "Training"):
                    loss, rate = self._learn(step, examples, len(mine))
                    self.step = step + 1
                    validated = self._validate() if self._due(self.recipe.validate_every) else {}
                    seconds = before + time.perf_counter() - started
                    self._book.add(step=self.step, loss=loss, rate=rate, **validated, seconds=seconds)
                    if self._due(self.recipe.save_every):
                        self._save()
                    left = (seconds - before) / (self.step - first) * (self.recipe.steps - self.step)
                    yield Report(
                        step=self.step,
                        steps=self.recipe.steps,
                        loss=loss,
                        rate=rate,
                        psnr=validated.get("psnr"),
                        psnr_mean=validated.get("psnr_mean"),
                        psnr_single=validated.get("psnr_single"),
                        seconds=seconds,
                        seconds_left=left,
                        saved=self._saved == self.step,
                    )
        finally:
            if self._saved < self.step and self._sound:
                self._save()

    def _draw(self, key: tuple[int, int]) -> Examples:
        recipe = self.recipe
        return self._source.draw((recipe.seed, *key), bursts=recipe.batch, size=recipe.size)

    def _learn(self, step: int, examples: Iterator[Examples], draws: int) -> tuple[float, float]:
        """One update of the weights; returns the loss, over all processes, and the learning rate."""
        recipe, fabric = self.recipe, self.fabric
        rate = rate_at(step, recipe)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad(set_to_none=True)  # also of a step that was left
        total = torch.zeros((), device=fabric.device)
        for left in track(range(draws - 1, -1, -1)):
            draw = next(examples).to(fabric.device)
            with fabric.no_backward_sync(self._network, enabled=left > 0):
                loss = self._lesson.error(self._network(*draw.asked(self._raw)), draw) / draws
                fabric.backward(loss)
            total += loss.detach()
        mean = fabric.all_reduce(total, reduce_op="mean").item()  # type: ignore[union-attr] # a tensor
        self._sound = False
        norm = fabric.clip_gradients(self._network, self._optimiser, max_norm=recipe.clip, error_if_nonfinite=False)
        halved = recipe.precision == "16-mixed" and fabric.device.type == "cuda"  # gradients too large are tried anew
        if not math.isfinite(mean) or not (halved or math.isfinite(float(norm))):  # type: ignore[arg-type] # a tensor
            raise RuntimeError(self._diverged())
        self._optimiser.step()
        self._average(min(recipe.average, (step + 1) / (step + 10)))
        self._sound = True
        return mean, rate

    @torch.no_grad()
    def _average(self, decay: float) -> None:
        for mean, weight in zip(self.averaged.parameters(), self._raw.parameters(), strict=True):
            mean.lerp_(weight, 1 - decay)
        for kept, newest in zip(self.averaged.buffers(), self._raw.buffers(), strict=True):
            kept.copy_(newest)

    def _due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.recipe.steps

    def _validate(self) -> dict[str, float]:
        self._metrics = measured(self.averaged, self._held_out, self.fabric.autocast)
        return self._metrics

    def _diverged(self) -> str:
        kept = (
            f"the checkpoint of step {self._saved} in {self.folder} is intact" if self._saved else "nothing was saved"
        )
        return (
            f"the loss of step {self.step + 1}, or its gradient, is not finite: training diverged; {kept}. Lower the "
            f"learning rate ({self.recipe.learning_rate:g}), or use precision '32-true', and begin in another folder"
        )

    def preview(self, frames: Frames) -> NDArray[np.float32] | None:
        """What the averaged weights, as they stand, make of aligned frames (N, Y, X, C): see `validation.pictured`."""
        return pictured(copy.deepcopy(self.averaged), frames, tile=TILE, device=self.fabric.device.type)

    # ------------------------------------------------------------------
    # the folder

    def _resume(self) -> int:
        words = restore(standing(self.folder) / RESUME, self._raw, self._optimiser)
        self.checkpoint = read_checkpoint(self.folder)
        self.averaged.load_state_dict(load_network(self.checkpoint, "cpu").state_dict())
        self.fabric.strategy.precision.load_state_dict(words["scaler"])
        self._metrics = dict(self.checkpoint.metrics)
        return int(words["step"])

    def _save(self) -> None:
        if self.fabric.is_global_zero:
            recipe = self.recipe
            words = {"step": self.step, "scaler": self.fabric.strategy.precision.state_dict()}

            def also(folder: Path) -> None:
                store(folder / RESUME, self._raw, self._optimiser, words)
                recipe.save(folder / RECIPE)
                self._book.write(folder)

            self.checkpoint = save_checkpoint(
                self.folder,
                self.averaged,
                task=self._raw.task,
                input=Input(self._raw.channels, (0.0, 1.0), "stored", FRAMES[self._raw.task]),
                training=Training(recipe.data_in_words(), self.step, recipe.seed, recipe.loss, __version__),
                metrics=self._metrics,
                licence=recipe.licence,
                tile=TILE,
                also=also,
            )
        self._saved = self.step
        if self.fabric.is_global_zero:
            self._book.show()


def train(
    recipe: TrainingRecipe,
    folder: str | os.PathLike[str],
    *,
    stacks: Mapping[str, Source] | None = None,
    device: str = "auto",
    minutes: float = math.inf,
) -> Checkpoint:
    """Train to the recipe's last step, or for some minutes, and return the checkpoint.

    Parameters
    ----------
    recipe, folder, stacks, device
        As of `Trainer`.
    minutes : float
        After which to stop. Called again, it goes on from there, to the same numbers as in one go.
    """
    end = time.monotonic() + 60 * minutes
    trainer = Trainer(recipe, folder, stacks=stacks, device=device)
    for report in trainer:
        log.info("step %d of %d: loss %.5f", report.step, report.steps, report.loss)
        if minutes < math.inf and trainer.fabric.broadcast(time.monotonic() > end):  # all processes at the same step
            break
    trainer.close()
    trainer.fabric.barrier()  # one process has written it for all
    return read_checkpoint(trainer.folder)


def _holds_run(folder: Path, recipe: TrainingRecipe) -> bool:
    """Whether the folder holds a run of this recipe, to be resumed."""
    there = standing(folder)
    if not (there / CONFIG).exists():
        return False
    if not (there / RECIPE).is_file() or not (there / RESUME).is_file():
        raise ValueError(
            f"{folder} holds a checkpoint without the state to go on from; choose another folder: the recipe may start "
            "from these weights"
        )
    found = TrainingRecipe.load(there / RECIPE)
    if found != recipe:
        differ = [name for name in vars(found) if getattr(found, name) != getattr(recipe, name)]
        raise ValueError(
            f"{folder} holds a run of another recipe ({', '.join(differ)} differ); choose another folder, or go on "
            "with its own recipe"
        )
    return True
