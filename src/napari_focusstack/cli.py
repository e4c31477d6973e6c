"""The command line: `focusstack stack`, `depth`, `check`, `info`, `demo`, and those of training."""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import DEFAULTS, DEMO, parsed
from .bars import bars
from .cli_training import TRAINING_COMMANDS

if TYPE_CHECKING:
    from .io import Burst
    from .pipeline import Result
    from .recipe import Recipe

__all__ = ["main"]

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after the program's name; those of the process by default.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what is wrong with a file, our errors say
    try:
        chosen = parsed(words)
        if getattr(chosen, "threads", 0):
            from .devices import set_threads

            set_threads(chosen.threads)
        COMMANDS[chosen.command](chosen)
    except KeyboardInterrupt as stop:
        print(f"\nfocusstack: interrupted; {stop.args[0] if stop.args else 'nothing was written'}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (ValueError, TypeError, OSError, MemoryError, RuntimeError) as error:
        print(f"focusstack: {_in_words(error, skip_bad='--skip-bad' in words)}", file=sys.stderr)
        return FAILED
    return OK


def _in_words(error: Exception, *, skip_bad: bool) -> str:
    """One line for an error; the file first, where the system names one, and no advice to do what was done."""
    text = str(error)
    if skip_bad:
        from .io.header import UnreadableFrame

        if isinstance(error, UnreadableFrame):
            text = str(error.unskippable())
    if isinstance(error, OSError) and error.filename and error.strerror:
        text = f"{error.filename}: {error.strerror}"
    return " ".join(text.split()) or type(error).__name__


# --------------------------------------------------------------------
# commands


def _stack(chosen: argparse.Namespace) -> None:
    from .alignment import Alignment
    from .io import read_burst
    from .outputs import check_burst, check_outputs, write_outputs
    from .tuned_run import check_tuning, tuned_run

    recipe = _recipe(chosen)
    check_tuning(recipe, chosen)
    check_outputs(chosen)
    if chosen.diffusion_out and recipe.diffusion == "off":
        raise ValueError(f"{chosen.diffusion_out} would hold what --diffusion takes away; leave --no-diffusion out")
    if chosen.diffusion is False and (flags := _flags("diffusion", chosen)):
        raise ValueError(f"{', '.join(flags)} would do nothing with --no-diffusion; leave one of the two out")
    of_depth = [
        f"--{name}" for name in ("depth", "step", "unit", "fill", "steady") if getattr(chosen, name) is not None
    ]
    of_depth += _flags("depth", chosen)
    if of_depth and not _asked_for("depth", chosen):
        raise ValueError(
            f"{', '.join(of_depth)}: for a depth that is written; give --depth-out, --sigma-out or --mesh-out, too, or "
            "leave it out"
        )
    if chosen.pixel_size and not chosen.mesh_out:
        raise ValueError("--pixel-size is of a mesh; give --mesh-out, too, or leave it out")
    alignment = Alignment.load(chosen.alignment) if chosen.alignment else None
    started = time.perf_counter()
    with bars(chosen.quiet):
        burst = read_burst(_source(chosen.input), **_reading(chosen))
        for source, problem in burst.skipped:
            print(f"focusstack: left out {source}: {problem}", file=sys.stderr)
        check_burst(burst, recipe, chosen)
        if chosen.tune:
            result, tuned = tuned_run(burst, recipe, alignment, chosen)
        else:
            result, tuned = _run(burst, recipe, alignment), ""
        write_outputs(result, burst, chosen)
    if not chosen.quiet:
        for one in result.alignments:
            print(one.report(burst.numbers))
        if tuned:
            print(tuned)
        seconds = time.perf_counter() - started
        size = f"{result.area.width} × {result.area.height} px"
        if result.image is not None and chosen.out:
            count = f"{len(burst)} frame{'s' * (len(burst) != 1)}"
            print(f"{chosen.out}: {size}, {result.image.dtype}, from {count} in {seconds:.1f} s")
        if result.diffusion is not None:
            print(f"{chosen.diffusion_out or chosen.out or chosen.mesh_out}: {result.diffusion.describe()}")
        if result.depth is not None:
            print(f"{f'{chosen.depth_out}: ' if chosen.depth_out else ''}{result.depth.describe()}")
        for path, what in ((chosen.sigma_out, "its standard deviation"), (chosen.mesh_out, "its surface")):
            if path:
                print(f"{path}: {what}")


def _check(chosen: argparse.Namespace) -> None:
    from .capture import check_capture
    from .io import check_writable, read_burst, write_image
    from .outputs import check_file

    if chosen.coverage_out:
        check_file(chosen.coverage_out, overwrite=chosen.overwrite)
    with bars(chosen.quiet):
        burst = read_burst(_source(chosen.input), **_reading(chosen))
        if chosen.coverage_out:
            check_writable(chosen.coverage_out, burst.shape[1:3], "float32", like=burst, axes="YX")
        capture = check_capture(burst, positions=burst.positions)
    print(capture.report())
    if chosen.coverage_out:
        write_image(chosen.coverage_out, capture.coverage, like=burst, axes="YX")


def _info(chosen: argparse.Namespace) -> None:
    from .io import read_burst

    print(read_burst(_source(chosen.input), **_reading(chosen)).describe())


def _demo(chosen: argparse.Namespace) -> None:
    from .simulation.samples import sample_raw_burst

    folder = _demo_folder(chosen)
    (folder / "burst").mkdir(parents=True, exist_ok=True)
    print(f"Making a raw burst in {folder / 'burst'} …")
    with bars(quiet=False):
        sample_raw_burst(folder / "burst")
    fused, index = folder / "fused.tif", folder / "index.tif"
    words = ["stack", str(folder / "burst"), "--out", str(fused), "--index-out", str(index), "--overwrite"]
    code = main(words)
    if code != OK:
        raise RuntimeError("the demo could not be stacked")
    print(f"{fused}: the all-in-focus picture\n{index}: the source frame of each pixel (depth index)")
    if chosen.no_show:
        return
    if _can_show():
        print("Showing both in napari; close its window to go on.")
        subprocess.run([sys.executable, "-m", "napari", "--plugin", "napari", str(index), str(fused)], check=False)
    else:
        print("There is no display, or no napari: open the pictures with any viewer.")


def _demo_folder(chosen: argparse.Namespace) -> Path:
    """Where the demo may write: the folder that was named, else a new one, so that the command can be given again."""
    if chosen.out is None:
        taken = (Path(f"{DEMO}-{k}" if k > 1 else DEMO) for k in count(1))
        return next(folder for folder in taken if not folder.exists())
    folder: Path = chosen.out
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; give another name")
    if folder.is_dir() and any(folder.iterdir()) and not chosen.overwrite:
        raise FileExistsError(f"{folder} is there already, and not empty; give another name, or --overwrite")
    return folder


COMMANDS = {"stack": _stack, "depth": _stack, "check": _check, "info": _info, "demo": _demo, **TRAINING_COMMANDS}


def _recipe(chosen: argparse.Namespace) -> Recipe:
    """Recipe of the file, if any, with the flags over it."""
    from .recipe import Recipe

    recipe = Recipe.load(chosen.recipe) if chosen.recipe else Recipe()
    values: dict[str, Any] = {}
    for stage in ("align", "fuse", "depth"):
        name = getattr(chosen, stage) or getattr(recipe, stage)
        if not _asked_for(stage, chosen):
            name = "none"
        elif stage != "align" and name == "none":
            name = DEFAULTS[stage]
        options = dict(getattr(recipe, f"{stage}_options")) if name == getattr(recipe, stage) else {}
        options.update(_options(stage, chosen))
        values |= {stage: name, f"{stage}_options": {} if name == "none" else options}
    options = _options("diffusion", chosen)
    if chosen.diffusion is not None or chosen.diffusion_out or options:
        values["diffusion"] = "off" if chosen.diffusion is False else "on"
    values["diffusion_options"] = {**recipe.diffusion_options, **options}
    for name in ("exposure", "channels", "device", "step", "unit", "fill", "steady"):
        if getattr(chosen, name) is not None:
            values[name] = getattr(chosen, name)
    return replace(recipe, **values)


def _options(stage: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """Options of a stage's method that are among the flags."""
    flags = {key.partition(":")[2]: value for key, value in vars(chosen).items() if key.startswith(f"{stage}:")}
    return {key: value for key, value in flags.items() if value is not None}


def _flags(stage: str, chosen: argparse.Namespace) -> list[str]:
    """Options of a stage's method as they were given."""
    return [f"--{stage}-{name.replace('_', '-')}" for name in _options(stage, chosen)]


def _asked_for(stage: str, chosen: argparse.Namespace) -> bool:
    """Whether the outputs need the stage."""
    if stage == "fuse":
        return bool(chosen.out or chosen.mesh_out)  # the picture, or what it covers
    if stage == "depth":
        return bool(chosen.depth_out or chosen.sigma_out or chosen.mesh_out)
    return True


def _reading(chosen: argparse.Namespace) -> dict[str, bool]:
    return {"skip_bad": chosen.skip_bad, "half_size": chosen.half_size, "linear": chosen.linear}


def _source(inputs: Sequence[str]) -> Path | list[Path]:
    return Path(inputs[0]) if len(inputs) == 1 else [Path(name) for name in inputs]


def _run(burst: Burst, recipe: Recipe, alignment: Any) -> Result:
    from .pipeline import run, run_series

    if burst.is_series:
        return run_series(
            burst.data,
            burst.axes,
            recipe,
            alignment=alignment,
            transfer=burst.transfer,
            positions=burst.positions,
            unit=burst.position_unit,
        )
    return run(burst, recipe, alignment=alignment)


def _can_show() -> bool:
    display = sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(display) and find_spec("napari") is not None
