"""Where the frames of a burst are focused, and its aligned frames with these positions, ready for a depth."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .alignment import Alignment, warped
from .arrays import Frames
from .depth import Depth
from .units import check_unit, factor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .recipe import Recipe

__all__ = ["Sweep", "Swept", "known_sweep", "renumbered", "swept_burst", "used_frames"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Focus positions of a burst's frames, and their unit; both None where they are not known.

    In unit "frame": places in the sweep, in which frames that could not be read count, too.
    """

    positions: Sequence[float] | None = None
    unit: str | None = None

    def check(self, recipe: Recipe) -> None:
        """Raise a ValueError if the recipe wants depth in a unit that these positions cannot give."""
        if recipe.depth != "none" and recipe.step is None and recipe.unit:
            factor("frame" if self.unit is None else self.unit, recipe.unit)


@dataclass(frozen=True, slots=True)
class Swept:
    """Aligned frames of a burst with their positions, less those that the alignment left out.

    Attributes
    ----------
    frames : Frames
        Aligned, those that are used.
    numbers : (n,) int
        Of these, among all frames of the burst.
    places : (N,) float64
        Positions of all frames of the burst, in `unit`.
    unit : str
        "um", "mm", …; "frame" where the positions are not known.
    """

    frames: Frames
    numbers: NDArray[np.intp]
    places: NDArray[np.float64]
    unit: str

    @property
    def positions(self) -> NDArray[np.float64]:
        """Positions of `frames`."""
        return self.places[self.numbers]

    def told(self, depth: Depth, recipe: Recipe) -> Depth:
        """Depth that was found in `frames`, in numbers of all frames, and in the unit that the recipe wishes."""
        index = renumbered(depth.index, self.numbers, len(self.places))
        found = replace(depth, index=index, positions=self.places)
        return found.to(recipe.unit) if recipe.unit else found


def known_sweep(
    count: int, positions: Sequence[float] | NDArray[Any] | None, unit: str | None, burst: Any = None
) -> Sweep:
    """Focus positions as they are given, else as the burst's files tell them; lengths of metres in millimetres.

    Files whose positions repeat (cameras round the focus distance) tell no positions that could be used.

    Raises
    ------
    ValueError
        If there is one frame only, or positions are given without a unit, or not one for each frame.
    """
    if count < 2:
        raise ValueError(_alone(burst))
    if positions is not None:
        if unit is None:
            raise ValueError("positions without a unit; give unit='um', 'mm' or another one")
        if len(positions) != count:
            raise ValueError(f"{len(positions)} positions were given for {count} frames: give one for each")
        return Sweep([float(place) for place in positions], check_unit(unit))
    told, unit = getattr(burst, "positions", None), getattr(burst, "position_unit", None)
    if told is None or unit is None or len(told) != count:
        numbers = getattr(burst, "numbers", ())
        return Sweep(numbers, "frame") if len(numbers) == count else Sweep()
    if len(set(told)) < count or not np.isfinite(told).all():
        log.warning("the files' focus positions repeat; depth is in frames: give the step between the frames instead")
        return Sweep()
    return Sweep([place * 1e3 for place in told], "mm") if unit == "m" else Sweep(list(told), check_unit(unit))


def _alone(burst: Any) -> str:
    """Why one frame is no burst, and what to do."""
    sources = getattr(burst, "sources", ())
    if not sources:
        return "there is only one frame along the focus; a stack needs at least 2: give all frames of the burst"
    return (
        f"{sources[0].path} is the only frame there; a stack needs at least 2: give all files of the burst, or a "
        "folder with all of them"
    )


def swept_burst(frames: Frames, alignment: Alignment | None, recipe: Recipe, sweep: Sweep) -> Swept:
    """Frames of a burst and their positions, as a method of depth takes them; parameters as in `stages.depth_of`."""
    numbers, ready = used_frames(frames, alignment)
    if recipe.step is not None:
        counted = sweep.positions if sweep.unit == "frame" and sweep.positions else range(len(frames))
        sweep = Sweep([k * recipe.step for k in counted], recipe.unit)
    known = sweep.positions is not None
    places = np.asarray(sweep.positions if known else range(len(frames)), np.float64)
    return Swept(ready, numbers, places, (sweep.unit if known else None) or "frame")


def used_frames(frames: Frames, alignment: Alignment | None) -> tuple[NDArray[np.intp], Frames]:
    """Numbers of the frames that are used, and these frames as they are used."""
    if alignment is None:
        return np.arange(len(frames)), frames
    return np.flatnonzero(alignment.kept), warped(frames, alignment)


def renumbered(index: NDArray[np.float32], numbers: NDArray[np.intp], count: int) -> NDArray[np.float32]:
    """Index into the kept frames as one into all frames."""
    if len(numbers) == count:
        return index
    there = np.interp(index, np.arange(len(numbers)), numbers).astype(np.float32)
    return np.where(np.isnan(index), np.float32(np.nan), there)
