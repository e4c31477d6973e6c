"""The record of a run: which methods with which options lead from a burst to its result, as JSON."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from . import __version__
from .alignment import ALIGNERS
from .depth import DEPTH_ESTIMATORS
from .devices import pick_device
from .diffusion import eliminate_diffusion
from .files import write_text
from .fusion import check_fuser
from .methods import check_options, pick
from .units import check_unit

__all__ = ["Recipe", "chosen"]

STAGES = {"align": "alignment", "depth": "depth"}  # as they are called in words
WHENS = ("auto", "on", "off")
UNVEILED = ("average", "focusdeep")  # fusers whose pictures are no choice among the frames


@dataclass(frozen=True)
class Recipe:
    """All choices that lead from a burst to its result; JSON in and out.

    Attributes
    ----------
    align, fuse, depth : str
        Names in `ALIGNERS` (or "none": frames are taken as they are), `FUSERS` (or "none": no picture) and
        `DEPTH_ESTIMATORS` (or "none": no depth).
    align_options, fuse_options, depth_options : mapping
        Keyword arguments of these methods.
    step : float or None
        Distance from each frame to the next, in `unit`; None: what the files say, or nothing is known.
    unit : str or None
        In which depth is given, and of `step`: "um", "mm", …; None: that of the files.
    fill : bool
        Give a depth to pixels that were in focus nowhere, too, from their surroundings.
    steady : bool
        Let the depths of a time series steady each other.
    exposure : {"auto", "on", "off"}
        Even out exposure and white balance over the frames; "auto": for photographs, not for microscopy.
    channels : {"joint", "separate"} or int
        What decides where a pixel is sharp: all channels together, each for itself, or the one with this number.
    diffusion : {"auto", "on", "off"}
        Take the light out of the fused picture that nearer surfaces spread beside their edges; "auto": of photographs,
        not in microscopy, and not from pictures of all channels on their own or by the methods average and focusdeep.
        It takes several times as long as the fusion by a pyramid.
    diffusion_options : mapping
        Keyword arguments of `eliminate_diffusion`.
    device : str
        "auto", "cpu", "cuda" or "mps".

    Raises
    ------
    ValueError, TypeError
        If a method, an option or a checkpoint is unknown or out of range; the message lists what is allowed.
    """

    align: str = "ecc"
    align_options: Mapping[str, Any] = field(default_factory=dict)
    fuse: str = "pyramid"
    fuse_options: Mapping[str, Any] = field(default_factory=dict)
    depth: str = "none"
    depth_options: Mapping[str, Any] = field(default_factory=dict)
    step: float | None = None
    unit: str | None = None
    fill: bool = False
    steady: bool = False
    exposure: Literal["auto", "on", "off"] = "auto"
    channels: Literal["joint", "separate"] | int = "joint"
    diffusion: Literal["auto", "on", "off"] = "off"
    diffusion_options: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.fuse != "none":
            check_fuser(self.fuse, self.fuse_options)
        for table, stage in ((ALIGNERS, "align"), (DEPTH_ESTIMATORS, "depth")):
            name = getattr(self, stage)
            if name != "none":
                check_options(pick(table, name, STAGES[stage]), name, getattr(self, f"{stage}_options"))
        if self.fuse == self.depth == "none":
            raise ValueError("fuse='none' and depth='none' leave nothing to do; choose a method for one of them")
        self._check_step()
        for name in ("exposure", "diffusion"):
            if getattr(self, name) not in WHENS:
                raise ValueError(f"{name}={getattr(self, name)!r} is not one of {', '.join(map(repr, WHENS))}")
        check_options(eliminate_diffusion, "diffusion", self.diffusion_options)
        number = isinstance(self.channels, int) and not isinstance(self.channels, bool) and self.channels >= 0
        if not number and self.channels not in ("joint", "separate"):
            raise ValueError(f"channels={self.channels!r} is not 'joint', 'separate' or a channel's number from 0")
        pick_device(self.device)

    def _check_step(self) -> None:
        if self.unit is not None:
            object.__setattr__(self, "unit", check_unit(self.unit))
        if self.step is not None:
            if isinstance(self.step, bool) or not isinstance(self.step, int | float):
                raise TypeError(f"step={self.step!r} is not a number")
            if not math.isfinite(self.step) or self.step == 0:
                raise ValueError(f"step={self.step!r} is no distance between frames; give a finite number other than 0")
            if self.unit in (None, "frame"):
                raise ValueError(f"step={self.step!r} needs its unit: give unit, um, mm or another length")

    def eliminates(self, *, photograph: bool) -> bool:
        """Whether diffusion is to be taken out of the picture of a burst, which was taken with a camera or was not."""
        if self.fuse == "none":
            return False
        if self.diffusion != "auto":
            return self.diffusion == "on"
        return photograph and self.fuse not in UNVEILED and self.channels != "separate"

    def to_json(self) -> str:
        """Return the recipe as JSON text, with the version of the program that wrote it."""
        return json.dumps({"napari-focusstack": __version__, **asdict(self)}, indent=2)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the recipe as a JSON file, to be read with `load`."""
        write_text(path, self.to_json() + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Recipe:
        """Recipe from a file that `save` wrote.

        Raises
        ------
        ValueError, TypeError
            If the file is no recipe, or holds something that is not allowed.
        """
        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            raise ValueError(f"{path}: not a recipe: no text") from None
        except (ValueError, TypeError) as error:
            raise type(error)(f"{path}: {error}") from None

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Recipe of a JSON text; what it leaves out takes its default.

        Raises
        ------
        ValueError, TypeError
            If the text is not a recipe, or holds something that is not allowed.
        """
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"not a recipe: no JSON ({error})") from None
        if not isinstance(values, dict) or "napari-focusstack" not in values:
            raise ValueError('not a recipe: a JSON object with the key "napari-focusstack" is needed')
        values.pop("napari-focusstack")
        known = {f.name for f in fields(cls)}
        for name in values:
            if name not in known:
                raise ValueError(f"a recipe has no {name!r}; it has {', '.join(sorted(known))}")
        for name in ("align_options", "fuse_options", "depth_options", "diffusion_options"):
            if not isinstance(values.get(name, {}), dict):
                raise TypeError(f"{name}={values[name]!r} of a recipe is not a JSON object of options")
        return cls(**values)


def chosen(recipe: Recipe | None) -> Recipe:
    """Return the recipe, or that of all defaults.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if recipe is not None and not isinstance(recipe, Recipe):
        raise TypeError(f"a recipe is a Recipe, not {type(recipe).__name__}: Recipe(fuse='pyramid', depth='sff')")
    return recipe or Recipe()
