"""Focus positions of the frames and their unit: from files, from a step, or from the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["UNITS", "check_unit", "factor", "focus_positions", "plain", "symbol"]

METRES = {"nm": 1e-9, "um": 1e-6, "mm": 1e-3, "m": 1.0}
UNITS = (*METRES, "frame")
OTHER_NAMES = {
    "µm": "um",  # with the micro sign
    "μm": "um",  # with the Greek letter
    "micron": "um",
    "microns": "um",
    "micrometer": "um",
    "micrometre": "um",
    "nanometer": "nm",
    "nanometre": "nm",
    "millimeter": "mm",
    "millimetre": "mm",
    "meter": "m",
    "metre": "m",
    "frames": "frame",
}


def check_unit(unit: str) -> str:
    """Return the unit by its name in `UNITS`: "µm" and "micrometer" are "um".

    Raises
    ------
    ValueError
        If it is neither a length that we know, nor "frame".
    """
    name = OTHER_NAMES.get(unit.strip(), unit.strip())
    if name not in UNITS:
        raise ValueError(f"unit {unit!r} is not known; {', '.join(UNITS)} are")
    return name


def symbol(unit: str) -> str:
    """Return the unit as it is printed: "µm", "mm", "frames"."""
    return {"um": "µm", "frame": "frames"}.get(unit, unit)


def factor(unit: str, into: str) -> float:
    """Return what a value in `unit` must be multiplied by to be in `into`.

    Raises
    ------
    ValueError
        If only one of them is a length.
    """
    if unit == into:
        return 1.0
    if "frame" in (unit, into):
        raise ValueError(
            f"a depth in {symbol(unit)} cannot be given in {symbol(into)}: the distance between the frames "
            "is not known; give the frames' positions, or their step, with its unit"
        )
    return METRES[unit] / METRES[into]


def plain(value: float, digits: int = 4) -> str:
    """Return a number as it is read, with that many significant digits and never with a power of ten: "2.5", "1200"."""
    return np.format_float_positional(value, precision=digits, unique=False, fractional=False, trim="-")


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
            raise ValueError(f"step={step:g} is no distance between frames; give a number other than 0")
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
