"""The command line of training: `focusstack dataset`, `train`, `evaluate`, `checkpoint`."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .bars import bars

if TYPE_CHECKING:
    from .nets.checkpoint import Checkpoint
    from .training import Report
    from .training.store import Dataset

__all__ = ["TRAINING_COMMANDS"]

EVERY_S = 10.0  # a line of how training goes is printed this often, and at each validation


def _build(chosen: argparse.Namespace) -> None:
    from .training.build import build_dataset

    _check_out(chosen)
    with bars(chosen.quiet):
        dataset = build_dataset(
            chosen.folders,
            chosen.out,
            kind=chosen.kind,
            fuser=chosen.fuser,
            targets=chosen.targets,
            tile=chosen.tile,
            held_out=chosen.held_out,
            seed=chosen.seed,
            skip_bad=chosen.skip_bad,
            device=chosen.device,
        )
    for line in dataset.manifest["made"]["left out"]:
        print(f"focusstack: left out {line}", file=sys.stderr)
    _report(dataset, chosen)


def _simulate(chosen: argparse.Namespace) -> None:
    from .training.heldout import simulate_dataset

    _check_out(chosen)
    with bars(chosen.quiet, "burst"):
        dataset = simulate_dataset(
            chosen.out,
            library=chosen.library,
            split=chosen.split,
            bursts=chosen.bursts,
            frames=tuple(chosen.frames),
            size=chosen.size,
            seed=chosen.seed,
        )
    _report(dataset, chosen)


def _dataset_info(chosen: argparse.Namespace) -> None:
    from .training.store import read_dataset

    dataset = read_dataset(chosen.folder)
    if chosen.check:
        with bars(chosen.quiet, "burst"):
            dataset.check()
    print(dataset.describe())
    if chosen.check:
        print("all values are those that were written")


def _train(chosen: argparse.Namespace) -> None:
    from .training import Trainer, read_recipe

    if chosen.minutes is not None and not chosen.minutes > 0:
        raise ValueError(f"--minutes {chosen.minutes:g} leaves no time to train; give a number above 0")
    recipe = read_recipe(chosen.recipe)
    out = chosen.out or Path(Path(chosen.recipe).stem)
    again = shlex.join(["focusstack", "train", chosen.recipe, "--out", str(out)])
    trainer = Trainer(recipe, out, device=chosen.device)
    speaks = trainer.fabric.is_global_zero and not chosen.quiet
    end = None if chosen.minutes is None else time.monotonic() + 60 * chosen.minutes
    said = float("-inf")
    try:
        for report in trainer:
            now = time.monotonic()
            if speaks and (now > said + EVERY_S or report.psnr is not None):
                print(_line(report), file=sys.stderr, flush=True)
                said = now
            if end is not None and trainer.fabric.broadcast(now > end):  # all processes at the same step
                break
    except KeyboardInterrupt:
        kept = "nothing was saved"
        if trainer.checkpoint is not None:
            step = trainer.checkpoint.training.steps
            kept = f"{out} holds step {step} of {recipe.steps}; to go on: {again}"
        raise KeyboardInterrupt(kept) from None
    finally:
        trainer.close()
    trainer.fabric.barrier()  # one process writes for all
    if speaks:
        if trainer.step < recipe.steps:
            print(f"{out}: step {trainer.step} of {recipe.steps}; to go on: {again}")
        elif trainer.checkpoint is not None:
            print(_described(trainer.checkpoint))


def _line(report: Report) -> str:
    """Where a run stands, in a line."""
    words = [f"step {report.step} of {report.steps}: loss {report.loss:.5f}"]
    if report.psnr is not None:
        references = ""
        if report.psnr_mean is not None and report.psnr_single is not None:  # of mosaics, they are not known
            references = f" (mean of the frames {report.psnr_mean:.2f}, best frame {report.psnr_single:.2f})"
        words.append(f"PSNR {report.psnr:.2f} dB{references}")
    left = report.seconds_left
    unit, seconds = ("h", 3600) if left > 5400 else ("min", 60) if left > 90 else ("s", 1)
    return ", ".join([*words, f"{left / seconds:.{unit == 'h':d}f} {unit} left"])


def _evaluate(chosen: argparse.Namespace) -> None:
    from .nets.checkpoint import read_checkpoint
    from .training.evaluate import METHODS, evaluate
    from .training.store import DatasetError, read_dataset

    checkpoint = read_checkpoint(chosen.checkpoint)
    dataset = read_dataset(chosen.dataset).split(chosen.split)
    if dataset.kind == "raw":
        raise DatasetError(f"{chosen.dataset}: planes of raw files cannot be fused as they are; name one of kind 'rgb'")
    methods = METHODS if chosen.methods is None else chosen.methods
    with bars(chosen.quiet, "burst"):
        found = evaluate(checkpoint, dataset.samples(), methods=methods, device=chosen.device)
    print(found.markdown())


def _checkpoint_info(chosen: argparse.Namespace) -> None:
    from .nets import parameters_of
    from .nets.checkpoint import load_network, read_checkpoint

    checkpoint = read_checkpoint(chosen.checkpoint)
    count = parameters_of(load_network(checkpoint, "cpu"))
    print(_described(checkpoint))
    print(f"weights: {count:,} parameters, whole (SHA-256 {checkpoint.sha256})")


def _checkpoint_list(chosen: argparse.Namespace) -> None:
    from .nets.checkpoint import list_checkpoints

    listed = list_checkpoints(chosen.folders)
    rows = [[one.name, *_facts(one.checkpoint)] for one in listed]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for one, cells in zip(listed, rows, strict=True):
        first, *others = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        place = "shipped" if one.shipped else str(one.folder)
        print("  ".join([first, f"broken: {one.error}"] if one.checkpoint is None else [first, *others, place]))


def _facts(known: Checkpoint | None) -> list[str]:
    """Task, network, length of training and rating of a checkpoint; nothing of a broken one."""
    if known is None:
        return [""] * 4
    return [known.task, known.architecture, f"{known.training.steps} steps", known.rating]


def _described(checkpoint: Checkpoint) -> str:
    """What a checkpoint is, a line a fact."""
    arguments = ", ".join(f"{name} {value}" for name, value in checkpoint.arguments.items())
    arguments = f" ({arguments})" if arguments else ""
    least, most = checkpoint.input.frames
    channels = "any number of" if checkpoint.input.channels is None else checkpoint.input.channels
    trained = checkpoint.training
    return "\n".join(
        [
            f"{checkpoint.name}: {checkpoint.architecture} for {checkpoint.task}{arguments}, in {checkpoint.folder}",
            f"takes: {least} to {most} frames, {channels} channels, {checkpoint.input.light} light",
            f"trained: {trained.steps} steps on {trained.data}, loss {trained.loss}, seed {trained.seed}, by version "
            f"{trained.code}",
            *(f"{name}: {value:.4f}" for name, value in checkpoint.metrics.items()),
            f"licence: {checkpoint.licence}",
        ]
    )


def _report(dataset: Dataset, chosen: argparse.Namespace) -> None:
    if not chosen.quiet:
        print(dataset.describe())


def _check_out(chosen: argparse.Namespace) -> None:
    """Refuse, before anything is computed, a folder that may not be replaced."""
    out: Path = chosen.out
    if out.is_dir() and any(out.iterdir()) and not chosen.overwrite:
        raise FileExistsError(f"{out} is there already; give another name, or --overwrite")


TRAINING_COMMANDS = {
    "dataset build": _build,
    "dataset simulate": _simulate,
    "dataset info": _dataset_info,
    "train": _train,
    "evaluate": _evaluate,
    "checkpoint info": _checkpoint_info,
    "checkpoint list": _checkpoint_list,
}
