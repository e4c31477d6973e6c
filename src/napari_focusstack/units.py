"""Units of depth: lengths, and "frame" where no length is known; and numbers as they are read."""

from __future__ import annotations

import numpy as np

__all__ = ["METRES", "UNITS", "check_unit", "factor", "plain", "symbol"]

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
