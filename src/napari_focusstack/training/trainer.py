"""The training loop: a recipe and a folder in; reports, step by step, and a checkpoint out.

Lightning Fabric brings devices, mixed precision and processes: started by torchrun or SLURM, all of them share the draws
of each step and take the same one together.
"""

from __future__ import annotations

import copy
import logging
import math
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim import Adam, AdamW, Optimizer

from .. import __version__
from ..devices import pick_device
from ..nets import build
from ..nets.checkpoint import Checkpoint, Input, Training, load_network, read_checkpoint, save_checkpoint
from ..nets.tiles import infer
from ..progress import track
from .data import held_out_of, source_of
from .logbook import Logbook
from .losses import LOSSES, psnr_of
from .prefetch import prefetched
from .recipe import TrainingRecipe
from .resuming import RESUME, restore, store
from .schedules import rate_at
from .sources import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..arrays import Frames
    from ..nets.network import Network
    from .examples import Examples

__all__ = ["Report", "Trainer", "train"]

log = logging.getLogger(__name__)

RECIPE = "training.json"
TILE = 512  # px: of the tiles that a trained network is run on


@dataclass(frozen=True, slots=True)
class Report:
    """Where a run stands after a step.

    Attributes
    ----------
    step, steps : int
        Steps done and to do in all.
    loss : float
        Of this step.
    rate : float
        Learning rate.
    psnr, psnr_mean, psnr_single : float or None
        Of held-out pictures, in dB, where they were looked at after this step: the network's, that of the mean of the
        frames, and that of each burst's best frame.
    seconds : float
        That the run has taken, also before it was resumed.
    seconds_left : float
        At the pace of the latest steps.
    saved : bool
        Whether the checkpoint is of this step.
    """

    step: int
    steps: int
    loss: float
    rate: float
    psnr: float | None
    psnr_mean: float | None
    psnr_single: float | None
    seconds: float
    seconds_left: float
    saved: bool


class Trainer:
    """A run of a recipe in a folder: iterate it to train.

    After each step comes a `Report`. Whoever leaves the loop, by `close`, an exception or at the end, leaves a
    checkpoint behind, and the same recipe in the same folder goes on from there to the same numbers.

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

    Raises
    ------
    ValueError
        If the folder holds a run of another recipe, or something that is not allowed is asked for.
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
        self.fabric = _fabric(recipe, device)
        if recipe.draws % self.fabric.world_size:
            raise ValueError(
                f"draws={recipe.draws} cannot be shared equally among {self.fabric.world_size} processes; make it a "
                "multiple of their number"
            )
        self.checkpoint: Checkpoint | None = None
        resumed = self._check_folder()
        self._source = source_of(recipe, stacks or {}, self.fabric.device)
        self._held_out = held_out_of(recipe, stacks or {}, self.fabric.device)
        network = _network(recipe)
        self.averaged: Network = copy.deepcopy(network).to(self.fabric.device).eval().requires_grad_(False)
        self._raw = network
        self._network, optimiser = self.fabric.setup(network, _optimiser(recipe, network))
        self._optimiser: Optimizer = optimiser
        self.step = self._resume() if resumed else 0
        self._metrics: dict[str, float] = {}
        self._book: Logbook | None = None

    # ------------------------------------------------------------------
    # the loop

    def __iter__(self) -> Iterator[Report]:
        """Train on, from where the run stands, to the recipe's last step."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.fabric.is_global_zero and self._book is None:
            self._book = Logbook(self.folder, self.step)
        before = self._book.seconds if self._book else 0.0
        started, first = time.perf_counter(), self.step
        mine = range(self.fabric.global_rank, self.recipe.draws, self.fabric.world_size)
        keys = ((step, draw) for step in range(self.step, self.recipe.steps) for draw in mine)
        saved = self.step
        try:
            with prefetched(self._draw, keys) as examples:
                for step in track(range(self.step, self.recipe.steps), "Training"):
                    loss, rate = self._learn(step, [next(examples) for _ in mine])
                    self.step = step + 1
                    validated = self._validate() if self._due(self.recipe.validate_every) else {}
                    seconds = before + time.perf_counter() - started
                    self._note(step=self.step, loss=loss, rate=rate, **validated, seconds=seconds)
                    if self._due(self.recipe.save_every):
                        self._save()
                        saved = self.step
                    left = (seconds - before) / (self.step - first) * (self.recipe.steps - self.step)
                    yield Report(
                        self.step, self.recipe.steps, loss, rate,
                        validated.get("psnr"), validated.get("psnr_mean"), validated.get("psnr_single"),
                        seconds, left, saved == self.step,
                    )  # fmt: skip
        except _Diverged:
            raise RuntimeError(self._diverged(saved)) from None
        finally:
            if saved < self.step and self._finite():
                self._save()
            if self._book:
                self._book.close()
                self._book = None

    def _draw(self, key: tuple[int, int]) -> Examples:
        recipe = self.recipe
        return self._source.draw((recipe.seed, *key), bursts=recipe.batch, size=recipe.size)

    def _learn(self, step: int, draws: list[Examples]) -> tuple[float, float]:
        """One update of the weights; returns the loss, over all processes, and the learning rate."""
        recipe, fabric = self.recipe, self.fabric
        rate = rate_at(step, recipe)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        total = torch.zeros((), device=fabric.device)
        for number, draw in enumerate(draws):
            with fabric.no_backward_sync(self._network, enabled=number < len(draws) - 1):
                found = self._network(draw.frames.to(fabric.device))
                loss = LOSSES[recipe.loss](found, draw.truth.to(fabric.device)) / len(draws)
                fabric.backward(loss)
            total += loss.detach()
        mean = float(fabric.all_reduce(total, reduce_op="mean")) if fabric.world_size > 1 else float(total)
        if not math.isfinite(mean):
            raise _Diverged
        fabric.clip_gradients(self._network, self._optimiser, max_norm=recipe.clip, error_if_nonfinite=False)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        decay = min(recipe.average, (step + 1) / (step + 10))
        with torch.no_grad():
            for mean_weight, weight in zip(self.averaged.parameters(), self._raw.parameters(), strict=True):
                mean_weight.lerp_(weight, 1 - decay)
        return mean, rate

    def _due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.recipe.steps

    @torch.no_grad()
    def _validate(self) -> dict[str, float]:
        """PSNR on held-out pictures: of the averaged weights, the mean of the frames, and the best frame."""
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        for draw in track(self._held_out):
            frames, truth = draw.frames, draw.truth
            with self.fabric.autocast():
                picture = self.averaged(frames)
            single = torch.stack([psnr_of(frames[:, i], truth) for i in range(frames.shape[1])]).amax(0)
            found.append((psnr_of(picture, truth), psnr_of(frames.mean(1), truth), single))
        names = ("psnr", "psnr_mean", "psnr_single")
        self._metrics = {
            name: round(float(torch.cat(values).mean()), 4) for name, values in zip(names, zip(*found, strict=True), strict=True)
        }
        return self._metrics

    def preview(self, frames: Frames) -> NDArray[np.float32]:
        """Picture (Y, X, C) of aligned frames (N, Y, X, C) by the averaged weights, as they stand."""
        return infer(copy.deepcopy(self.averaged), frames, tile=TILE, device=self.fabric.device.type, stage="Preview")

    # ------------------------------------------------------------------
    # the folder

    def _check_folder(self) -> bool:
        """Whether the folder holds a run of this recipe, to be resumed."""
        path = self.folder / RECIPE
        if not path.is_file() or not (self.folder / RESUME).is_file():
            return False
        there = TrainingRecipe.load(path)
        if there != self.recipe:
            differ = [name for name in vars(there) if getattr(there, name) != getattr(self.recipe, name)]
            raise ValueError(
                f"{self.folder} holds a run of another recipe ({', '.join(differ)} differ); choose another folder, or go "
                "on with its own recipe"
            )
        return True

    def _resume(self) -> int:
        words = restore(self.folder / RESUME, self._raw, self._optimiser)
        self.checkpoint = read_checkpoint(self.folder)
        self.averaged.load_state_dict(load_network(self.checkpoint, "cpu").state_dict())
        self.fabric.strategy.precision.load_state_dict(words["scaler"])
        self._metrics = dict(self.checkpoint.metrics)
        return int(words["step"])

    def _save(self) -> None:
        if not self.fabric.is_global_zero:
            return
        recipe = self.recipe
        words = {"step": self.step, "scaler": self.fabric.strategy.precision.state_dict()}

        def also(folder: Path) -> None:
            store(folder / RESUME, self._raw, self._optimiser, words)
            recipe.save(folder / RECIPE)

        if self._book:
            self._book.write()
        self.checkpoint = save_checkpoint(
            self.folder,
            self.averaged,
            task="fusion",
            input=Input(self._raw.channels, (0.0, 1.0), "stored", (2, 300)),
            training=Training(_in_words(recipe), self.step, recipe.seed, recipe.loss, __version__),
            metrics=self._metrics,
            licence=recipe.licence,
            tile=TILE,
            also=also,
        )

    def _note(self, **values: float) -> None:
        if self._book:
            self._book.add(**values)

    def _finite(self) -> bool:
        return all(bool(weight.isfinite().all()) for weight in self._raw.parameters())

    def _diverged(self, saved: int) -> str:
        kept = f"the checkpoint of step {saved} in {self.folder} is intact" if self.checkpoint else "nothing was saved"
        return (
            f"the loss of step {self.step + 1} is not finite: training diverged; {kept}. Lower the learning rate "
            f"({self.recipe.learning_rate:g}), or use precision '32-true', and start anew in another folder"
        )


def train(
    recipe: TrainingRecipe,
    folder: str | os.PathLike[str],
    *,
    stacks: Mapping[str, Source] | None = None,
    device: str = "auto",
) -> Checkpoint:
    """Train to the recipe's last step and return the checkpoint; parameters and errors as of `Trainer`."""
    trainer = Trainer(recipe, folder, stacks=stacks, device=device)
    for report in trainer:
        log.info("step %d of %d: loss %.5f", report.step, report.steps, report.loss)
    assert trainer.checkpoint is not None or not trainer.fabric.is_global_zero
    return trainer.checkpoint or read_checkpoint(folder)


class _Diverged(Exception):  # noqa: N818 - never leaves this module
    """The loss is not finite."""


def _fabric(recipe: TrainingRecipe, device: str) -> Fabric:
    """Devices and processes: those that torchrun or SLURM started, else this one."""
    local = int(os.environ.get("LOCAL_WORLD_SIZE", os.environ.get("SLURM_NTASKS_PER_NODE", "1")))
    world = int(os.environ.get("WORLD_SIZE", os.environ.get("SLURM_NTASKS", "1")))
    fabric = Fabric(
        accelerator=pick_device(device),
        devices=local,
        num_nodes=max(1, world // local),
        strategy="ddp" if world > 1 else "auto",
        precision=recipe.precision,
    )
    fabric.launch()
    return fabric


def _network(recipe: TrainingRecipe) -> Network:
    """Network with the weights that training begins with."""
    if recipe.start is not None:
        checkpoint = read_checkpoint(recipe.start)
        if (checkpoint.architecture, dict(checkpoint.arguments)) != (recipe.architecture, dict(recipe.arguments)):
            raise ValueError(
                f"{checkpoint.name} is a {checkpoint.architecture} with {dict(checkpoint.arguments)}, not a "
                f"{recipe.architecture} with {dict(recipe.arguments)}; start from another, or train that one"
            )
        network = load_network(checkpoint, "cpu").train()
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            network = build(recipe.architecture, recipe.arguments)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _optimiser(recipe: TrainingRecipe, network: Network) -> Optimizer:
    kind = {"adam": Adam, "adamw": AdamW}[recipe.optimiser]
    return kind(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)




def _in_words(recipe: TrainingRecipe) -> str:
    names = {"simulation": "simulated bursts", "dataset": "a dataset", "stack": "a stack"}
    return ", ".join(f"{names[part.kind]} ({part.share:g})" + (f" with {Path(part.folder).name}" if part.folder else "") for part in recipe.data)
