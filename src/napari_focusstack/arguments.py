"""The words of the command line: flags that follow from the methods' signatures."""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from . import __version__
from .alignment import ALIGNERS
from .arguments_training import add_training
from .depth import DEPTH_ESTIMATORS
from .devices import DEVICES
from .diffusion import eliminate_diffusion
from .fusion import FUSERS
from .methods import Method, Option, options_of, summary_of
from .units import UNITS, check_unit

__all__ = ["DEFAULTS", "DEMO", "parsed"]

DEMO = "focusstack-demo"  # folder of the demo
ALIKE = 0.75  # of two flags' letters: how many a misspelt one has in common with that which was meant
DEFAULTS = {"align": "ecc", "fuse": "pyramid", "depth": "sff"}  # methods of the stages that are asked for
STACKING = {"stack": ("align", "fuse", "depth"), "depth": ("align", "depth")}  # commands, and the stages they choose

TABLES: dict[str, Mapping[str, Method]] = {"align": ALIGNERS, "fuse": FUSERS, "depth": DEPTH_ESTIMATORS}  # by stage


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """What the words of the command line say; leaves with the exit code of wrong usage if they say nonsense."""
    parser, commands = _parsers_of(words)
    chosen, unknown = parser.parse_known_args(words)
    if unknown:
        command = commands.get(words[0], parser)
        others = filter(None, (_owners(word, words) for word in unknown))
        command.error(next(others, f"unrecognized arguments: {' '.join(unknown)}{_alike(unknown, command)}"))
    return chosen


def _alike(unknown: Sequence[str], command: argparse.ArgumentParser) -> str:
    """Which flag of a command may have been meant, in words; empty if none is spelt like those that are unknown."""
    flags = sorted(set(re.findall(r"(?<!\w)--[a-z][\w-]*", command.format_help())))
    found = [close for word in unknown for close in get_close_matches(word.partition("=")[0], flags, 1, ALIKE)]
    return f"; did you mean {found[0]}?" if found else ""


def _owners(word: str, words: Sequence[str]) -> str:
    """Which methods have an option that the chosen one lacks, or how it is spelt, in words; empty if none has."""
    flag = word.partition("=")[0]
    stage, _, name = flag.removeprefix("--").removeprefix("no-").partition("-")
    methods = _methods_named_in(words)
    option = flag.removeprefix("--").replace("-", "_")
    for one in STACKING.get(words[0], ()):
        if methods[one] in TABLES[one] and option in options_of(TABLES[one][methods[one]]) and option != "channel":
            return f"unknown {flag}; did you mean --{one}{flag.removeprefix('-')}?"
    named = methods.get(stage)
    having = [m for m, method in TABLES.get(stage, {}).items() if name.replace("-", "_") in options_of(method)]
    if not having or name == "channel" or named is None:
        return ""
    give = " or ".join(f"--{stage} {method}" for method in having)
    if words[0] not in STACKING or stage not in STACKING[words[0]]:
        return f"{flag} is an option of focusstack stack {give}"
    return f"{flag} is an option of {give}, but the method is {named}: give that method, too, or leave {flag} out"


def _parsers_of(words: Sequence[str]) -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """Parser of the command line, and those of its commands; flags for options of the methods that `words` name."""
    parser = _Parser("focusstack", description="One all-in-focus image, and the depth, from a focus-bracketed burst.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_stack(commands.add_parser("stack", help="align and fuse a burst", allow_abbrev=False), words)
    _add_depth(commands.add_parser("depth", help="measure the depth of a burst", allow_abbrev=False), words)
    _add_check(commands.add_parser("check", help="say how well a burst was taken", allow_abbrev=False))
    _add_info(commands.add_parser("info", help="say what a burst holds", allow_abbrev=False))
    _add_demo(commands.add_parser("demo", help="make a raw burst and stack it", allow_abbrev=False))
    add_training(commands)
    return parser, commands.choices


class _Parser(argparse.ArgumentParser):
    """Parser whose errors are one line, as all others are; its commands' parsers, too."""

    def error(self, message: str) -> NoReturn:
        """Leave with the exit code of wrong usage."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _add_stack(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    parser.description = "Align and fuse a burst. Options of a method: focusstack stack --fuse METHOD --help"
    _add_input(parser)
    files = parser.add_argument_group("files")
    files.add_argument("--out", type=Path, required=True, help="fused picture: .tif, .ome.tif, .png or .jpg")
    files.add_argument("--index-out", type=Path, metavar="INDEX.tif", help="source frame of each pixel, float32")
    files.add_argument("--confidence-out", type=Path, metavar="CONF.tif", help="confidence of each pixel, float32")
    files.add_argument("--depth-out", type=Path, metavar="DEPTH.tif", help="depth: .tif or .ome.tif (float32), or .png")
    files.add_argument("--diffusion-out", type=Path, metavar="S.tif", help="light that --diffusion took away, float32")
    _add_files(files)
    choices = _add_choices(parser)
    choices.add_argument("--fuse", choices=list(FUSERS), help="fusion method (pyramid)")
    choices.add_argument(
        "--diffusion",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="eliminate diffusion, the halos beside depth edges (off, unless an option of it is given)",
    )
    _add_sweep(parser)
    _add_methods(parser, words, STACKING["stack"])
    _add_options(parser, "diffusion", "--diffusion", eliminate_diffusion)
    parser.set_defaults(command="stack", tune=None, tune_out=None)


def _add_depth(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    parser.description = "Align a burst and measure its depth. The unit is that of the files, or of --step."
    _add_input(parser)
    files = parser.add_argument_group("files")
    files.add_argument(
        "--out", type=Path, required=True, dest="depth_out", help="depth: .tif or .ome.tif (float32), or .png (16 bit)"
    )
    _add_files(files)
    _add_choices(parser)
    _add_sweep(parser)
    learning = parser.add_argument_group("a network for this burst")
    learning.add_argument(
        "--tune",
        type=_positive,
        nargs="?",
        const=1.0,
        metavar="MINUTES",
        help="adapt the network of --depth aif to the burst first, which needs no depth (1)",
    )
    learning.add_argument("--tune-out", type=Path, metavar="FOLDER", help="save the adapted network, if it got better")
    _add_methods(parser, words, STACKING["depth"])
    others = ("out", "index_out", "confidence_out", "diffusion_out", "fuse", "diffusion")  # of the picture
    parser.set_defaults(command="depth", **dict.fromkeys(others))


def _add_files(files: argparse._ArgumentGroup) -> None:
    """Files of both commands that stack."""
    files.add_argument("--sigma-out", type=Path, metavar="SIGMA.tif", help="standard deviation of the depth, float32")
    files.add_argument("--mesh-out", type=Path, metavar="M.glb", help="surface: .glb, .ply, .obj or .stl")
    files.add_argument("--alignment", type=Path, metavar="A.json", help="apply a saved alignment instead of aligning")
    files.add_argument("--alignment-out", type=Path, metavar="A.json", help="save the alignment")
    files.add_argument("--recipe", type=Path, metavar="R.json", help="start from a recipe; flags overrule it")
    files.add_argument("--recipe-out", type=Path, metavar="R.json", help="save the recipe")
    files.add_argument("--overwrite", action="store_true", help="replace files that are there already")


def _add_choices(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Choices of both commands that stack."""
    choices = parser.add_argument_group("methods")
    choices.add_argument("--align", choices=[*ALIGNERS, "none"], help="alignment method (ecc)")
    choices.add_argument("--depth", choices=list(DEPTH_ESTIMATORS), help="method of the depth (sff)")
    choices.add_argument("--exposure", choices=["auto", "on", "off"], help="even out exposure (auto: photographs only)")
    choices.add_argument(
        "--channels",
        type=_channels,
        metavar="joint|separate|NUMBER",
        help="which channel's sharpness decides: all jointly, each for itself, or one by its number (joint)",
    )
    choices.add_argument("--device", choices=DEVICES, help="where to compute (auto)")
    choices.add_argument("--threads", type=int, default=0, help="threads of compiled loops (0: all cores)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no report")
    return choices


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    sweep = parser.add_argument_group("depth")
    sweep.add_argument("--step", type=float, metavar="NUMBER", help="from frame to frame, in --unit; else as files say")
    sweep.add_argument("--unit", type=_unit, metavar="|".join(UNITS[:-1]), help="of the step, and of the depth")
    sweep.add_argument(
        "--pixel-size", type=_positive, metavar="NUMBER", help="of the mesh, in its depth's unit; else as files say"
    )
    sweep.add_argument(
        "--fill",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="give a depth to pixels without texture, too, from their surroundings",
    )
    sweep.add_argument(
        "--steady",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="let the depths of a time series steady each other",
    )


def _add_methods(parser: argparse.ArgumentParser, words: Sequence[str], stages: Sequence[str]) -> None:
    """Options of the methods that the words name."""
    named = _methods_named_in(words)
    for stage in stages:
        if named[stage] in TABLES[stage]:
            _add_options(parser, stage, f"--{stage} {named[stage]}", TABLES[stage][named[stage]])


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.description = "Say how well a burst was taken: what is sharp nowhere, missing planes, clipped light, dust."
    _add_input(parser)
    parser.add_argument("--coverage-out", type=Path, metavar="C.tif", help="how sharp each pixel is at its best")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there already")
    parser.add_argument("--threads", type=int, default=0, help="threads of compiled loops (0: all cores)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(command="check")


def _add_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input",
        nargs="+",
        metavar="INPUT",
        help="the frames' files (kept in the order given; those of a shell's * by number: 2 before 10), their folder "
        "(without what was made of them, if it lies there, too), or a multi-page TIFF",
    )
    parser.add_argument("--skip-bad", action="store_true", help="go on without frames that cannot be read")
    parser.add_argument("--half-size", action="store_true", help="raw: quick half-size development")
    parser.add_argument("--linear", action="store_true", help="raw: keep linear light")


def _add_info(parser: argparse.ArgumentParser) -> None:
    parser.description = "Say what a burst holds: frames, type, size, scale, focus positions, camera."
    _add_input(parser)
    parser.set_defaults(command="info")


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.description = "Make a raw burst with the simulator, stack it, write the results and show them."
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help=f"where to write ({DEMO}, or where that is there, {DEMO}-2, …)"
    )
    parser.add_argument("--overwrite", action="store_true", help="write into a folder that is not empty")
    parser.add_argument("--no-show", action="store_true", help="do not open napari")
    parser.set_defaults(command="demo")


def _methods_named_in(words: Sequence[str]) -> dict[str, str]:
    """Which methods' options the parser needs: those of the flags, else of the recipe, else the defaults."""
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flag in ("--align", "--fuse", "--depth", "--recipe"):
        early.add_argument(flag, nargs="?")
    known, _ = early.parse_known_args(list(words))
    recipe: Mapping[str, Any] = {}
    if known.recipe and Path(known.recipe).is_file():
        try:
            found = json.loads(Path(known.recipe).read_text())
            recipe = found if isinstance(found, dict) else {}
        except ValueError:
            recipe = {}  # reading the recipe itself says what is wrong with it
    named = {stage: getattr(known, stage) or recipe.get(stage) or DEFAULTS[stage] for stage in TABLES}
    return {stage: DEFAULTS[stage] if stage == "depth" and name == "none" else name for stage, name in named.items()}


def _add_options(parser: argparse.ArgumentParser, stage: str, title: str, method: Method) -> None:
    """One flag for each option of a method's signature."""
    group = parser.add_argument_group(title, summary_of(method))
    for option in options_of(method).values():
        if option.name == "channel":
            continue  # --channels sets it
        kind: dict[str, Any] = (
            {"action": argparse.BooleanOptionalAction} if option.type is bool else {"type": partial(_allowed, option)}
        )
        if option.choices:
            kind["choices"] = option.choices
        elif option.type is not bool:
            kind["metavar"] = "NAME" if option.type is str else "NUMBER"
        default = "" if option.default is None else f"default {option.default}"
        facts = "; ".join(filter(None, (option.range, default)))
        text = (f"{option.text} ({facts})" if facts else option.text).replace("%", "%%")
        flag = f"--{stage}-{option.name.replace('_', '-')}"
        group.add_argument(flag, dest=f"{stage}:{option.name}", default=None, help=text, **kind)


def _allowed(option: Option, text: str) -> Any:
    try:
        value = option.type(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if option.choices is None:  # else the parser lists them
        try:
            option.check(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    return value


def _channels(text: str) -> str | int:
    if text in ("joint", "separate"):
        return text
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not 'joint', 'separate' or a channel's number from 0")


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _unit(text: str) -> str:
    try:
        unit = check_unit(text)
    except ValueError:
        unit = "frame"
    if unit == "frame":  # a depth is in frames where no step is known, without being told
        raise argparse.ArgumentTypeError(f"{text!r} is no length that is known; {', '.join(UNITS[:-1])} are")
    return unit
