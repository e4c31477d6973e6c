"""Focus positions of the frames and their unit: from files, from a step, or from the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..units import UNITS, check_unit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["focus_positions"]


def focus_positions(
    count: int, positions: ArrayLike | None = None, *, step: float | None = None, unit: str | None = None
) -> tuple[NDArray[np.float64], str]:
    """Return the focus position of each of `count` frames, and their unit.

    Parameters
    ----------
    count : int
        Number of frames.
    positions : array_like, optional
        One for each frame, no two alike.
    step : float, optional
        From each frame to the next, instead of `positions`; negative if the sweep goes down.
    unit : str, optional
        Of `positions` or `step`; needed with either. Without both, positions are the frames' numbers.

    Raises
    ------
    ValueError
        If there are not as many positions as frames, two are the same, one is not finite, the unit is missing, or both
        positions and a step are given.
    TypeError
        If the step, or positions, are no numbers.
    """
    if positions is None and step is None:
        if unit is not None and check_unit(unit) != "frame":
            raise ValueError(
                f"unit={unit!r} needs to know how far apart the frames are: give their positions, or their step"
            )
        return np.arange(count, dtype=np.float64), "frame"
    if positions is not None and step is not None:
        raise ValueError("both positions and a step were given; give the positions, or the step of even ones")
    if unit is None:
        raise ValueError(f"{'positions' if step is None else 'a step'} without a unit; give one of {', '.join(UNITS)}")
    if step is not None:
        if np.asarray(step).dtype.kind not in "uif":
            raise TypeError(f"step={step!r} is no number; give the distance from frame to frame, as 2.5")
        if not np.isfinite(step) or step == 0:
            raise ValueError(f"step={step:g} is no distance between frames; give a finite number other than 0")
        return np.arange(count, dtype=np.float64) * np.float64(step), check_unit(unit)
    try:
        places = np.asarray(positions, np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"positions={positions!r} are no numbers; give one for each frame, as [0, 2.5, 5]") from None
    if places.shape != (count,):
        raise ValueError(f"positions have the shape {places.shape}, but there are {count} frames: give one for each")
    if not np.isfinite(places).all():
        bad = int(np.flatnonzero(~np.isfinite(places))[0])
        raise ValueError(f"the position of frame {bad} is {places[bad]}; positions must be finite numbers")
    order = np.argsort(places, kind="stable")
    same = np.flatnonzero(np.diff(places[order]) == 0)
    if same.size:
        first, second = sorted(int(k) for k in order[same[0] : same[0] + 2])
        raise ValueError(
            f"frames {first} and {second} have the same position, {places[first]:g}; "
            "leave one of them out, or give a step instead"
        )
    return places, check_unit(unit)
