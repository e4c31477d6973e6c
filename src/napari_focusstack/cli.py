"""The command line: `focusstack stack`, `focusstack info`, `focusstack demo`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__
from .devices import DEVICES
from .methods import Method, options_of, summary_of
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
        chosen = _parser(words).parse_args(words)
        if getattr(chosen, "threads", 0):
            from .devices import set_threads

            set_threads(chosen.threads)
        chosen.command(chosen)
    except KeyboardInterrupt:
        print("\nfocusstack: interrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (ValueError, TypeError, OSError, MemoryError, RuntimeError) as error:
        print(f"focusstack: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
        return FAILED
    return OK


# --------------------------------------------------------------------
# what the words mean


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("focusstack", description="One all-in-focus image from a focus-bracketed burst.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_stack(commands.add_parser("stack", help="align and fuse a burst", allow_abbrev=False), words)
    _add_info(commands.add_parser("info", help="say what a burst holds", allow_abbrev=False))
    _add_demo(commands.add_parser("demo", help="make a raw burst and stack it", allow_abbrev=False))
    return parser


def _add_stack(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    from .alignment import ALIGNERS
    from .fusion import FUSERS

    _add_input(parser)
    parser.description = "Align and fuse a burst. Options of a method: focusstack stack --fuse METHOD --help"
    files = parser.add_argument_group("files")
    files.add_argument("--out", type=Path, required=True, help="fused picture: .tif, .ome.tif, .png or .jpg")
    files.add_argument("--index-out", type=Path, metavar="INDEX.tif", help="source frame of each pixel, float32")
    files.add_argument("--confidence-out", type=Path, metavar="CONF.tif", help="confidence of each pixel, float32")
    files.add_argument("--alignment", type=Path, metavar="A.json", help="apply a saved alignment instead of aligning")
    files.add_argument("--alignment-out", type=Path, metavar="A.json", help="save the alignment")
    files.add_argument("--recipe", type=Path, metavar="R.json", help="start from a recipe; flags overrule it")
    files.add_argument("--recipe-out", type=Path, metavar="R.json", help="save the recipe")
    files.add_argument("--overwrite", action="store_true", help="replace files that are there already")
    choices = parser.add_argument_group("methods")
    choices.add_argument("--align", choices=[*ALIGNERS, "none"], help="alignment method (ecc)")
    choices.add_argument("--fuse", choices=list(FUSERS), help="fusion method (pyramid)")
    choices.add_argument("--exposure", choices=["auto", "on", "off"], help="even out exposure (auto: photographs only)")
    choices.add_argument("--channels", type=_channels, metavar="joint|separate|NUMBER", help="what decides (joint)")
    choices.add_argument("--device", choices=DEVICES, help="where to compute (auto)")
    choices.add_argument("--threads", type=int, default=0, help="threads of compiled loops (0: all cores)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no report")
    align, fuse = _methods_named_in(words)
    for stage, table, name in (("align", ALIGNERS, align), ("fuse", FUSERS, fuse)):
        if name in table:
            _add_options(parser, stage, name, table[name])
    parser.set_defaults(command=_stack)


def _add_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input", nargs="+", metavar="INPUT", help="the frames' files, their folder, or a multi-page TIFF"
    )
    parser.add_argument("--skip-bad", action="store_true", help="go on without frames that cannot be read")
    parser.add_argument("--half-size", action="store_true", help="raw: quick half-size development")
    parser.add_argument("--linear", action="store_true", help="raw: keep linear light")


def _add_info(parser: argparse.ArgumentParser) -> None:
    _add_input(parser)
    parser.set_defaults(command=_info)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.description = "Make a raw burst with the simulator, stack it, write the results and show them."
    parser.add_argument("--out", type=Path, default=Path("focusstack-demo"), metavar="FOLDER", help="where to write")
    parser.add_argument("--no-show", action="store_true", help="do not open napari")
    parser.set_defaults(command=_demo)


def _methods_named_in(words: Sequence[str]) -> tuple[str, str]:
    """Which methods' options the parser needs: those of the flags, else of the recipe, else the defaults."""
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flag in ("--align", "--fuse", "--recipe"):
        early.add_argument(flag, nargs="?")
    known, _ = early.parse_known_args(list(words))
    recipe: Mapping[str, Any] = {}
    if known.recipe and Path(known.recipe).is_file():
        try:
            found = json.loads(Path(known.recipe).read_text())
            recipe = found if isinstance(found, dict) else {}
        except ValueError:
            recipe = {}  # reading the recipe itself says what is wrong with it
    return known.align or recipe.get("align", "ecc"), known.fuse or recipe.get("fuse", "pyramid")


def _add_options(parser: argparse.ArgumentParser, stage: str, name: str, method: Method) -> None:
    """One flag for each option of a method's signature."""
    group = parser.add_argument_group(f"--{stage} {name}", summary_of(method))
    for option in options_of(method).values():
        if stage == "fuse" and option.name == "channel":
            continue  # --channels sets it
        kind: dict[str, Any] = (
            {"action": argparse.BooleanOptionalAction} if option.type is bool else {"type": option.type}
        )
        if option.choices:
            kind["choices"] = option.choices
        text = f"{option.text} ({option.default})".replace("%", "%%")
        flag = f"--{stage}-{option.name.replace('_', '-')}"
        group.add_argument(flag, dest=f"{stage}:{option.name}", default=None, help=text, **kind)


def _channels(text: str) -> str | int:
    if text in ("joint", "separate"):
        return text
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not 'joint', 'separate' or a channel's number from 0")


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
        _check_formats(burst, chosen)
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
    if not chosen.no_show and _can_show():
        print("Showing both in napari; close its window to go on.")
        subprocess.run([sys.executable, "-m", "napari", str(fused), str(index)], check=False)


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


def _check_formats(burst: Burst, chosen: argparse.Namespace) -> None:
    """Refuse formats that do not take the results, before anything is computed."""
    from .io import check_writable

    axes = burst.axes.replace("Z", "") if burst.is_series else "YXC"
    sizes = {**burst.sizes, "C": burst.sizes.get("C") or burst.sizes.get("S", 1)}
    check_writable(chosen.out, [sizes[a] for a in axes], burst.dtype, like=burst, axes=axes)
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

    if chosen.index_out:
        write_image(chosen.index_out, result.index, axes=result.index_axes, like=burst)
    if chosen.confidence_out:
        write_image(chosen.confidence_out, result.confidence, axes=result.index_axes, like=burst)
    if chosen.alignment_out and result.alignments:
        result.alignments[0].save(chosen.alignment_out)
    if chosen.recipe_out:
        result.recipe.save(chosen.recipe_out)
    write_image(chosen.out, result.image, axes=result.axes, like=burst)


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
