"""The record of a training run: what is trained on what, and how, as JSON."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from .. import __version__
from ..files import write_text

__all__ = ["RECIPES", "DataPart", "TrainingRecipe", "read_recipe"]

RECIPES = Path(__file__).parents[1] / "weights" / "recipes"  # those of the weights that come with the program

KEY = "napari-focusstack training"
Optimiser = Literal["adam", "adamw"]
Schedule = Literal["constant", "cosine", "halving"]
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
Kind = Literal["simulation", "scene", "dataset", "stack"]
CHOICES = {"optimiser": get_args(Optimiser), "schedule": get_args(Schedule), "precision": get_args(Precision)}
LOSSES = (  # the keys of lessons.LESSONS, known here without torch
    "absolute",
    "smooth-absolute",
    "squared",
    "foreground",
    "foreground-overlap",
    "refinement-overlap",
    "kernel",
    "kernel-ratio",
    "depth",
    "gross-depth",
    "focus",
    "depth-and-focus",
    "choice",
    "correction",
)
RANGES: dict[str, tuple[float, float]] = {
    "size": (32, 1024),
    "batch": (1, 4096),
    "draws": (1, 4096),
    "looks": (1, 8),
    "steps": (1, 10**9),
    "warmup": (0, 10**9),
    "halve_every": (1, 10**9),
    "learning_rate": (1e-8, 1.0),
    "weight_decay": (0.0, 1.0),
    "clip": (1e-6, 1e6),
    "average": (0.0, 0.99999),
    "validate_every": (1, 10**9),
    "save_every": (1, 10**9),
    "held_out": (1, 10_000),
    "seed": (0, 2**62),
}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True)
class DataPart:
    """One kind of data that a run draws from.

    Attributes
    ----------
    kind : {"simulation", "scene", "dataset", "stack"}
        Random pictures one in front of the other; a scene of the simulator, of `simulation.SCENES`; a folder that
        `focusstack dataset build` made; a stack that is open.
    share : float
        Of the draws, relative to the other parts.
    folder : str or None
        Pictures for the simulator to draw from beside its own (None: only its own); the dataset's folder.
    name : str or None
        Of the scene, or of the stack: its layer.
    """

    kind: Kind = "simulation"
    share: float = 1.0
    folder: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"data of kind {self.kind!r}; choices: {', '.join(get_args(Kind))}")
        if not _is_number(self.share) or not 0 < self.share < math.inf:
            raise ValueError(f"share={self.share!r} of data is not possible; a number above 0 is needed")
        for key in ("folder", "name"):
            if not isinstance(getattr(self, key), str | None):
                raise TypeError(f"{key}={getattr(self, key)!r} of data is no text")
        for key, kinds in (("folder", ("simulation", "dataset")), ("name", ("scene", "stack"))):
            if getattr(self, key) and self.kind not in kinds:
                raise ValueError(
                    f"{key}={getattr(self, key)!r} says nothing to data of kind {self.kind!r}; leave it out, or give "
                    f"kind {' or '.join(map(repr, kinds))}"
                )
        if self.kind == "dataset" and not self.folder:
            raise ValueError("data of kind 'dataset' needs its folder; make one with: focusstack dataset build")
        if self.kind in ("scene", "stack") and not self.name:
            raise ValueError(f"data of kind {self.kind!r} needs the {self.kind}'s name")


@dataclass(frozen=True)
class TrainingRecipe:
    """All choices of a training run; JSON in and out.

    Attributes
    ----------
    architecture, arguments : str, mapping
        Network, as in `nets.build`.
    start : str or None
        Checkpoint whose weights training begins with, by name or folder; None: random weights.
    data : sequence of DataPart
        What examples are drawn from.
    size : int
        Height and width of examples, px.
    frames : (int, int)
        Fewest and most frames of simulated bursts.
    sweep : (float, float)
        Least and most blur, in px, of what is nearest when the focus is farthest, of simulated bursts.
    batch, draws : int
        Bursts in a draw, which are alike in length and blur, and draws in a step, which processes share among them.
    looks : int
        Steps that learn from a draw, each time mirrored or turned in another way: more than one where drawing takes
        longer than learning.
    steps : int
        Updates of the weights.
    loss : str
        One of `LOSSES` that is of the network's task: see `training.lessons`.
    optimiser, learning_rate, weight_decay : str, float, float
        "adam" or "adamw".
    schedule : {"constant", "cosine", "halving"}
        How the learning rate falls: not; to zero at the last step; by half every `halve_every` steps.
    halve_every, warmup : int
        Steps; over the first `warmup` ones the rate rises from zero.
    clip : float
        Largest norm of the gradients.
    average : float
        Decay of the running average of the weights, which is what is saved: 0 takes the newest.
    precision : {"32-true", "bf16-mixed", "16-mixed"}
        Of the features; weights and losses are float32.
    seed : int
        All that is random follows from it.
    held_out : int
        Numbers of frames, evenly spread, at which to validate, with four bursts each of pictures that are never
        trained on.
    validate_every, save_every : int
        Steps.
    licence : str
        Under which the weights may be used; written to the checkpoint.

    Raises
    ------
    ValueError, TypeError
        If a choice is unknown or out of range; the message says what is allowed.
    """

    architecture: str = "unet"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    start: str | None = None
    data: tuple[DataPart, ...] = (DataPart(),)
    size: int = 128
    frames: tuple[int, int] = (2, 30)
    sweep: tuple[float, float] = (1.5, 20.0)
    batch: int = 8
    draws: int = 1
    looks: int = 1
    steps: int = 10_000
    loss: str = "smooth-absolute"
    optimiser: Optimiser = "adamw"
    learning_rate: float = 5e-4
    weight_decay: float = 1e-4
    schedule: Schedule = "cosine"
    halve_every: int = 10_000
    warmup: int = 200
    clip: float = 1.0
    average: float = 0.999
    precision: Precision = "32-true"
    seed: int = 0
    held_out: int = 6
    validate_every: int = 500
    save_every: int = 500
    licence: str = "BSD-3-Clause"

    def __post_init__(self) -> None:
        for name in ("architecture", "licence", *(("start",) if self.start is not None else ())):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name}={getattr(self, name)!r} is no text")
        if self.loss not in LOSSES:
            raise ValueError(f"loss={self.loss!r} is not one of {', '.join(map(repr, LOSSES))}")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}={getattr(self, name)!r} is not one of {', '.join(map(repr, choices))}")
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            whole = isinstance(low, int)
            if not _is_number(value) or (whole and not isinstance(value, int)):
                raise TypeError(f"{name}={value!r} is no {'whole ' * whole}number")
            if not low <= value <= high:
                raise ValueError(f"{name}={value!r} is out of range; {low} to {high} is allowed")
        frames = tuple(self.frames)
        if len(frames) != 2 or not all(isinstance(n, int) for n in frames) or not 2 <= frames[0] <= frames[1] <= 300:
            raise ValueError(f"frames={self.frames!r}: fewest and most frames are needed, from 2 to 300")
        if not self.data:
            raise ValueError("data=() leaves nothing to train on; give at least one part, such as the simulation")
        sweep = tuple(self.sweep)
        if len(sweep) != 2 or not all(map(_is_number, sweep)) or not 0 < sweep[0] <= sweep[1]:
            raise ValueError(f"sweep={self.sweep!r}: least and most blur in px are needed, above 0")
        object.__setattr__(self, "frames", frames)
        object.__setattr__(self, "sweep", sweep)
        object.__setattr__(self, "data", tuple(self.data))
        if not isinstance(self.arguments, Mapping):
            raise TypeError(f"arguments={self.arguments!r} is no mapping of names to values")

    def to_json(self) -> str:
        """Return the recipe as JSON text, with the version of the program that wrote it."""
        return json.dumps({KEY: __version__, **asdict(self)}, indent=2)

    def data_in_words(self) -> str:
        """What training draws from, as a checkpoint's description says it."""
        names = {"simulation": "simulated bursts", "scene": "scene", "dataset": "dataset", "stack": "stack"}
        places = {part: part.name or (Path(part.folder).name if part.folder else "") for part in self.data}
        return ", ".join(" ".join(filter(None, (names[part.kind], places[part]))) for part in self.data)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the recipe as a JSON file, to be read with `load`."""
        write_text(path, self.to_json() + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TrainingRecipe:
        """Recipe from a file that `save` wrote.

        Raises
        ------
        ValueError, TypeError
            If the file is no recipe of a training run, or holds something that is not allowed.
        """
        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            raise ValueError(f"{path}: not a recipe: no text") from None
        except (ValueError, TypeError) as error:
            raise type(error)(f"{path}: {error}") from None

    @classmethod
    def from_json(cls, text: str) -> TrainingRecipe:
        """Recipe of a JSON text; what it leaves out takes its default.

        Raises
        ------
        ValueError, TypeError
            If the text is no recipe of a training run, or holds something that is not allowed.
        """
        try:
            values = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"not a recipe: no JSON ({error})") from None
        if not isinstance(values, dict) or KEY not in values:
            raise ValueError(f'not a recipe of a training run: a JSON object with the key "{KEY}" is needed')
        values.pop(KEY)
        _check_keys(values, cls, "a recipe")
        parts = values.pop("data", None)
        if parts is not None:
            if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
                raise TypeError(f"data={parts!r} is no list of JSON objects")
            for part in parts:
                _check_keys(part, DataPart, "data")
            values["data"] = tuple(DataPart(**part) for part in parts)
        for name in ("frames", "sweep"):
            if not isinstance(values.get(name, []), list):
                raise TypeError(f"{name}={values[name]!r} is no pair of numbers")
            if name in values:
                values[name] = tuple(values[name])
        return cls(**values)


def read_recipe(which: str | os.PathLike[str]) -> TrainingRecipe:
    """Recipe of a name, which came with the program, or in a file.

    Raises
    ------
    ValueError, TypeError
        If there is none, or it holds something that is not allowed.
    """
    path = Path(which)
    names = sorted(shipped.stem for shipped in RECIPES.glob("*.json"))
    if str(which) in names and not path.is_file():
        path = RECIPES / f"{which}.json"
    if not path.is_file():
        raise ValueError(f"{which}: there is no such recipe; give a JSON file, or one of {', '.join(names)}")
    return TrainingRecipe.load(path)


def _check_keys(values: Mapping[str, Any], kind: type, what: str) -> None:
    known = {f.name for f in fields(kind)}
    for name in values:
        if name not in known:
            raise ValueError(f"{what} has no {name!r}; it has {', '.join(sorted(known))}")
