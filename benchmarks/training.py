"""How fast bursts are simulated and networks trained: what a run waits for, and how long it will take."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from napari_focusstack.devices import pick_device
from napari_focusstack.simulation.batches import Variety
from napari_focusstack.simulation.library import drawn_library
from napari_focusstack.training import Trainer, TrainingRecipe, read_recipe
from napari_focusstack.training.heldout import write_held_out
from napari_focusstack.training.prefetch import prefetched
from napari_focusstack.training.sources import Simulated
from napari_focusstack.training.stored import Stored

from .tables import markdown

__all__ = ["report"]

SIZES = (64, 96, 128, 256)  # px
BURSTS, FRAMES = 8, 10  # of a draw that is measured
LIBRARY = (24, 24)  # textures and cut-outs: speed does not depend on their number
TILES = 16  # bursts of a dataset that is read from
ENDLESS = 10**6  # steps


def report(*, seconds: float, device: str, recipe: str, json_file: Path | None) -> None:
    """Measure for some seconds each, and print the tables.

    Parameters
    ----------
    seconds : float
        For each row, after a warm-up.
    device : str
        "auto", "cpu", "cuda" or "mps".
    recipe : str
        What is trained: a name or a file.
    json_file : Path, optional
        Where all figures are written.
    """
    device = pick_device(device)
    simulated = {size: _simulator(size, device, seconds) for size in SIZES}
    loaded = _loader(device, seconds)
    trained = {
        precision: _trainer(replace(read_recipe(recipe), precision=precision), device, seconds)
        for precision in ("32-true", "bf16-mixed")
    }
    rows = [[f"{size} px", f"{rate:.0f}", f"{1e3 * cpu:.2f}"] for size, (rate, cpu) in simulated.items()]
    print(markdown(["simulated on " + device, "frames/s", "CPU ms/frame"], rows), end="\n\n")
    rows = [[f"{size} px", f"{rate:.0f}", f"{1e3 * cpu:.2f}"] for size, (rate, cpu) in loaded.items()]
    print(markdown(["read ahead from a dataset", "frames/s", "CPU ms/frame"], rows), end="\n\n")
    rows = [[precision, f"{rate:.2f}", f"{cpu:.2f}"] for precision, (rate, cpu) in trained.items()]
    print(markdown([f"{recipe} on {device}", "steps/s", "CPU s/step"], rows))
    threads = torch.get_num_threads()
    print(f"\n{threads} threads; draws of {BURSTS} bursts of {FRAMES} frames; a step has its draws simulated, too.")
    if json_file:
        figures = {"device": device, "threads": threads, "simulated": simulated, "loaded": loaded, "trained": trained}
        json_file.write_text(json.dumps(figures, indent=2))


def _simulator(size: int, device: str, seconds: float) -> tuple[float, float]:
    """Frames per second, and CPU seconds a frame."""
    source = Simulated(drawn_library(*LIBRARY, seed=1).to(torch.device(device)), Variety())
    number = iter(range(ENDLESS))

    def draw() -> None:
        source.draw((1, next(number)), bursts=BURSTS, size=size, frames=FRAMES)
        if device == "cuda":
            torch.cuda.synchronize()

    rate, cpu = _paced(draw, seconds)
    return rate * BURSTS * FRAMES, cpu / (BURSTS * FRAMES)


def _loader(device: str, seconds: float) -> dict[int, tuple[float, float]]:
    """Frames per second, and CPU seconds a frame, of crops of each size read ahead from tiles on disk."""
    library = drawn_library(*LIBRARY, seed=1)
    variety = Variety(frames=(FRAMES, FRAMES))
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        tiles = write_held_out(Path(folder) / "tiles", library, variety, seed=1, count=TILES, size=max(SIZES))
        source = Stored(tiles, torch.device(device))
        for size in SIZES:
            draw = partial(source.draw, bursts=BURSTS, size=size)
            with prefetched(draw, ((1, number) for number in range(ENDLESS))) as examples:
                rate, cpu = _paced(partial(next, examples), seconds)
            figures[size] = rate * BURSTS * FRAMES, cpu / (BURSTS * FRAMES)
    return figures


def _trainer(recipe: TrainingRecipe, device: str, seconds: float) -> tuple[float, float]:
    """Steps per second, and CPU seconds a step."""
    endless = replace(recipe, steps=ENDLESS, validate_every=ENDLESS, save_every=ENDLESS, held_out=1)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(endless, Path(folder) / "run", device=device)
        steps: Iterator[object] = iter(trainer)
        try:
            return _paced(lambda: next(steps), seconds)
        finally:
            trainer.close()


def _paced(work: Callable[[], object], seconds: float) -> tuple[float, float]:
    """How often a second it is done, and its CPU seconds."""
    for _ in range(3):
        work()
    done, begun, cpu = 0, time.perf_counter(), time.process_time()
    while done < 3 or time.perf_counter() < begun + seconds:
        work()
        done += 1
    return done / (time.perf_counter() - begun), (time.process_time() - cpu) / done
