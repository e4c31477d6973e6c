"""The command line: `focusstack stack`, `focusstack info`, `focusstack demo`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import parser_of
from .progress import Step, listening

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
    try:
        chosen = parser_of(words).parse_args(words)
        if getattr(chosen, "threads", 0):
            from .devices import set_threads

            set_threads(chosen.threads)
        COMMANDS[chosen.command](chosen)
    except KeyboardInterrupt:
        print("\nfocusstack: interrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (ValueError, TypeError, OSError, MemoryError, RuntimeError) as error:
        print(f"focusstack: {_in_words(error)}", file=sys.stderr)
        return FAILED
    return OK


def _in_words(error: Exception) -> str:
    """One line for an error; the file first, where the system names one."""
    text = str(error)
    if isinstance(error, OSError) and error.filename and error.strerror:
        text = f"{error.filename}: {error.strerror}"
    return " ".join(text.split()) or type(error).__name__


# --------------------------------------------------------------------
# commands


def _stack(chosen: argparse.Namespace) -> None:
    from .alignment import Alignment
    from .io import read_burst

    recipe = _recipe(chosen)
    _check_outputs(chosen)
    alignment = Alignment.load(chosen.alignment) if chosen.alignment else None
    started = time.perf_counter()
    with _progress(chosen.quiet):
        burst = read_burst(_source(chosen.input), **_reading(chosen))
        _check_burst(burst, chosen)
        result = _run(burst, recipe, alignment)
        _write(result, burst, chosen)
    if not chosen.quiet:
        for one in result.alignments:
            print(one.report())
        seconds = time.perf_counter() - started
        size = f"{result.image.shape[result.axes.index('X')]} × {result.image.shape[result.axes.index('Y')]}"
        print(f"{chosen.out}: {size} px, {result.image.dtype}, from {len(burst)} frames in {seconds:.1f} s")


def _info(chosen: argparse.Namespace) -> None:
    from .io import read_burst

    print(read_burst(_source(chosen.input), **_reading(chosen)).describe())


def _demo(chosen: argparse.Namespace) -> None:
    from .simulation.samples import sample_raw_burst

    folder: Path = chosen.out
    (folder / "burst").mkdir(parents=True, exist_ok=True)
    print(f"Making a raw burst in {folder / 'burst'} …")
    with _progress(quiet=False):
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


COMMANDS = {"stack": _stack, "info": _info, "demo": _demo}


def _recipe(chosen: argparse.Namespace) -> Recipe:
    """Recipe of the file, if any, with the flags over it."""
    from .recipe import Recipe

    recipe = Recipe.load(chosen.recipe) if chosen.recipe else Recipe()
    for stage in ("align", "fuse"):
        name = getattr(chosen, stage) or getattr(recipe, stage)
        options = dict(getattr(recipe, f"{stage}_options")) if name == getattr(recipe, stage) else {}
        flags = {key.partition(":")[2]: value for key, value in vars(chosen).items() if key.startswith(f"{stage}:")}
        options.update({key: value for key, value in flags.items() if value is not None})
        recipe = replace(recipe, **{stage: name, f"{stage}_options": options})
    rest = {name: getattr(chosen, name) for name in ("exposure", "channels", "device")}
    return replace(recipe, **{name: value for name, value in rest.items() if value is not None})


def _check_outputs(chosen: argparse.Namespace) -> None:
    """Refuse what could not be written, before anything is computed."""
    outputs = [chosen.out, chosen.index_out, chosen.confidence_out, chosen.alignment_out, chosen.recipe_out]
    for path in filter(None, outputs):
        if path.exists() and not chosen.overwrite:
            raise FileExistsError(f"{path} is there already; give another name, or --overwrite")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"{path.parent} is not a folder; make it first, or write elsewhere")
        if not os.access(path.parent, os.W_OK):
            raise PermissionError(f"{path.parent} cannot be written; write elsewhere")


def _check_burst(burst: Burst, chosen: argparse.Namespace) -> None:
    """Refuse what cannot be stacked or written as it is asked for, before anything is computed."""
    from .io import check_writable

    if not burst.is_series and len(burst) < 2:
        raise ValueError(
            f"{burst.name} holds 1 frame; a focus stack needs at least 2: name all its files, or their folder"
        )
    for source, problem in burst.skipped:
        print(f"focusstack: left out {source}: {problem}", file=sys.stderr)
    axes = burst.axes.replace("Z", "") if burst.is_series else "YXC"
    sizes = {**burst.sizes, "C": burst.sizes.get("C") or burst.sizes.get("S", 1)}
    check_writable(chosen.out, [sizes[a] for a in axes], burst.dtype, like=burst, axes=axes)
    if isinstance(chosen.channels, int) and chosen.channels >= sizes["C"]:
        raise ValueError(f"channel {chosen.channels} is not there; channels are numbered 0 to {sizes['C'] - 1}")
    maps = axes if chosen.channels == "separate" else axes.replace("C", "").replace("S", "")
    for path in filter(None, (chosen.index_out, chosen.confidence_out)):
        check_writable(path, [sizes[a] for a in maps], "float32", like=burst, axes=maps)


def _reading(chosen: argparse.Namespace) -> dict[str, bool]:
    return {"skip_bad": chosen.skip_bad, "half_size": chosen.half_size, "linear": chosen.linear}


def _source(inputs: Sequence[str]) -> Path | list[Path]:
    return Path(inputs[0]) if len(inputs) == 1 else [Path(name) for name in inputs]


def _run(burst: Burst, recipe: Recipe, alignment: Any) -> Result:
    from .pipeline import run, run_series

    if burst.is_series:
        return run_series(burst.data, burst.axes, recipe, alignment=alignment, transfer=burst.transfer)
    return run(burst, recipe, alignment=alignment)


def _write(result: Result, burst: Burst, chosen: argparse.Namespace) -> None:
    from .io import write_image

    write_image(chosen.out, result.image, axes=result.axes, like=burst)
    if chosen.index_out:
        write_image(chosen.index_out, result.index, axes=result.index_axes, like=burst)
    if chosen.confidence_out:
        write_image(chosen.confidence_out, result.confidence, axes=result.index_axes, like=burst)
    if chosen.alignment_out and result.alignments:
        result.alignments[0].save(chosen.alignment_out)
    if chosen.recipe_out:
        result.recipe.save(chosen.recipe_out)


def _can_show() -> bool:
    display = sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(display) and find_spec("napari") is not None


@contextmanager
def _progress(quiet: bool) -> Iterator[None]:
    """Progress bar on standard error, one a stage."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from tqdm import tqdm

    bars: dict[str, Any] = {}

    def show(step: Step | None) -> None:
        if step is None:
            return
        if step.stage not in bars:
            for bar in bars.values():
                bar.close()
            bars.clear()
            bars[step.stage] = tqdm(total=step.total, desc=step.stage, unit="frame", leave=True)
        bars[step.stage].update(step.done - bars[step.stage].n)

    try:
        with listening(show):
            yield
    finally:
        for bar in bars.values():
            bar.close()


if __name__ == "__main__":
    sys.exit(main())
