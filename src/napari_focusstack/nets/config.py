"""What a checkpoint's config.json says: typed, and checked so strictly that a foreign file cannot surprise anyone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from reprlib import Repr
from typing import Any, Literal, get_args

__all__ = ["Checkpoint", "CheckpointError", "Input", "Light", "Task", "Training"]

KEY = "napari-focusstack checkpoint"
VERSION = 1
LONGEST_TEXT = 10_000  # characters
MOST = 2**63 - 1  # what an integer may be
LARGEST_SIDE = 2**16  # px of tile and halo

Task = Literal["fusion", "depth", "foreground", "refinement", "kernel", "edges", "trust"]
Light = Literal["stored", "linear", "srgb"]
Check = Callable[[Any], Any]

RATINGS: dict[Task, tuple[str, str]] = {  # of a network of each task: the metric that says how good it is, in words
    "fusion": ("psnr", "PSNR {:.2f} dB"),
    "depth": ("depth_error", "depth off by {:.1%} of the sweep"),
    "foreground": ("miou", "mean IoU {:.3f}"),
    "refinement": ("miou", "mean IoU {:.3f}"),
    "kernel": ("sigma_error", "σ off by {:.2f} px"),
    "edges": ("wrong", "{:.1%} of depths off by a frame"),
    "trust": ("gain", "{:+.2f} dB beside depth edges"),
}

_repr = Repr()
_repr.maxstring = _repr.maxother = 60
shown = _repr.repr  # of foreign values, which may be long


class CheckpointError(ValueError):
    """A checkpoint that cannot be used: names the file, what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Input:
    """What a network was trained to take.

    Attributes
    ----------
    channels : int or None
        Channels of each frame; None: any number.
    range : (float, float)
        Values that stand for black and white.
    light : {"stored", "linear", "srgb"}
        How values relate to light; "stored": as they come, it does not matter.
    frames : (int, int)
        Fewest and most frames of a burst.
    """

    channels: int | None
    range: tuple[float, float]
    light: Light
    frames: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Training:
    """How a network came by its weights.

    Attributes
    ----------
    data : str
        What it was trained on, in words.
    steps : int
        Updates of the weights.
    seed : int
        Of all that was random.
    loss : str
        What was minimised.
    code : str
        Version of this program.
    """

    data: str
    steps: int
    seed: int
    loss: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A trained network in a folder, as its config.json describes it.

    Attributes
    ----------
    folder : Path
        Where config.json and model.safetensors lie.
    architecture : str
        Name in `nets.ARCHITECTURES`.
    arguments : mapping
        Keyword arguments of the architecture.
    task : {"fusion", "depth", "foreground", "refinement", "kernel", "edges", "trust"}
        What the network finds: the all-in-focus image, depth, masks of the foreground, better ones from drafts of them,
        blur kernels, which of several depths a pixel has, how much of a correction it keeps.
    input : Input
        What it takes.
    tile, halo : int
        Side of the tiles that it is run on, and what is added to either side: both in px.
    training : Training
        How it came about.
    metrics : mapping of str to float
        How good it was on held-out data.
    licence : str
        Under which the weights may be used.
    sha256 : str
        Of model.safetensors, in hexadecimal digits.
    """

    folder: Path
    architecture: str
    arguments: Mapping[str, int | float | str | bool | None]
    task: Task
    input: Input
    tile: int
    halo: int
    training: Training
    metrics: Mapping[str, float]
    licence: str
    sha256: str

    @property
    def name(self) -> str:
        """The folder's name, by which the checkpoint is chosen."""
        return self.folder.name

    @property
    def rating(self) -> str:
        """How good it was on held-out data, by the measure of its task, in words; empty if that was not measured."""
        name, words = RATINGS[self.task]
        return words.format(self.metrics[name]) if name in self.metrics else ""

    def to_json(self) -> str:
        """Return the text of config.json."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "folder"}
        values |= {"input": asdict(self.input), "training": asdict(self.training)}
        values |= {"arguments": dict(self.arguments), "metrics": dict(self.metrics)}
        return json.dumps({KEY: VERSION, **values}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, folder: Path) -> Checkpoint:
        """Checkpoint in `folder` whose config.json has this text.

        Raises
        ------
        ValueError
            If anything is missing, unknown, or of another type or range; all of it is named at once.
        """
        try:
            values = json.loads(text, object_pairs_hook=_once, parse_constant=_refused)
        except (ValueError, RecursionError) as error:  # an integer too long for Python is a ValueError, too
            raise ValueError(f"no JSON that can be read ({error})") from None
        if not isinstance(values, dict) or KEY not in values:
            raise ValueError(f'no description of a checkpoint: the key "{KEY}" is missing')
        version = values.pop(KEY)
        if version != VERSION or isinstance(version, bool):
            raise ValueError(f"version {shown(version)} of checkpoints, where this program reads {VERSION}")
        known = _object(CHECKS)(values)
        return cls(
            folder=folder, **known | {"input": Input(**known["input"]), "training": Training(**known["training"])}
        )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key stands twice")
    return values


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def _object(checks: Mapping[str, Check]) -> Check:
    """Check of a JSON object that has exactly these keys."""

    def check(values: Any) -> dict[str, Any]:
        if not isinstance(values, dict):
            raise ValueError(f"{shown(values)} is no JSON object")
        problems = [f"{key} is missing" for key in checks if key not in values]
        problems += [f"{shown(key)} is unknown" for key in values if key not in checks]
        checked = {}
        for key in checks:
            try:
                checked[key] = checks[key](values[key]) if key in values else None
            except ValueError as error:
                problems.append(f"{key}: {error}")
        if problems:
            raise ValueError("; ".join(problems))
        return checked

    return check


def _mapping(check: Check) -> Check:
    """Check of a JSON object with names for keys, each value by itself."""

    def check_all(values: Any) -> dict[str, Any]:
        if not isinstance(values, dict):
            raise ValueError(f"{shown(values)} is no JSON object")
        checked: dict[str, Any] = _object({_text(key): check for key in values})(values)
        return checked

    return check_all


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > LONGEST_TEXT or not value.isprintable():
        raise ValueError(f"{shown(value)} is no line of text")
    return value


def _choice(*allowed: str) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise ValueError(f"{shown(value)} is not one of {', '.join(allowed)}")
        return value

    return check


def _whole(least: int, most: int) -> Check:
    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"{shown(value)} is no whole number from {least} to {most}")
        return value

    return check


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MOST:
        raise ValueError(f"{shown(value)} is no number")
    return value


def _range(check: Check, *, strict: bool = False) -> Check:
    """Check of a pair, the first not above the second; `strict`: below it."""

    def check_both(value: Any) -> tuple[Any, Any]:
        if not isinstance(value, list) or len(value) != 2:
            raise ValueError(f"{shown(value)} is no pair")
        low, high = map(check, value)
        if low > high or (strict and low == high):
            raise ValueError(f"{shown(value)} is no range: the first must be the smaller")
        return low, high

    return check_both


def _optional(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _argument(value: Any) -> int | float | str | bool | None:
    if isinstance(value, str):
        return _text(value)
    return value if value is None or isinstance(value, bool) else _number(value)


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{64}", value):
        raise ValueError(f"{shown(value)} is no SHA-256 in 64 hexadecimal digits")
    return value


CHECKS: dict[str, Check] = {
    "architecture": _text,
    "arguments": _mapping(_argument),
    "task": _choice(*get_args(Task)),
    "input": _object(
        {
            "channels": _optional(_whole(1, 1024)),
            "range": _range(_number, strict=True),
            "light": _choice(*get_args(Light)),
            "frames": _range(_whole(1, 100_000)),
        }
    ),
    "tile": _whole(1, LARGEST_SIDE),
    "halo": _whole(0, LARGEST_SIDE),
    "training": _object(
        {"data": _text, "steps": _whole(0, MOST), "seed": _whole(-MOST, MOST), "loss": _text, "code": _text}
    ),
    "metrics": _mapping(_number),
    "licence": _text,
    "sha256": _digest,
}
