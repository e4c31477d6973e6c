"""napari writer: an image layer to OME-TIFF, TIFF, PNG or JPEG, with scale, channels, EXIF and ICC profile."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from ..io import Metadata, write_image
from .source import PLUGIN
from .wording import error_words

__all__ = ["write_layer"]

OTHER_LETTERS = "TCPRHEAQ"  # for axes whose labels say nothing, nearest to the plane first


def write_layer(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write one image layer; the extension chooses the format.

    Parameters
    ----------
    path : str
        Where to write: ``.ome.tif``, ``.tif``, ``.png`` or ``.jpg``.
    data : array_like
        The layer's values; lazy ones are read plane by plane.
    meta : dict
        The layer's attributes.

    Returns
    -------
    list of str
        The file.

    Raises
    ------
    RuntimeError
        If the format does not take such a picture; the message says which does.
    OSError
        If it cannot be written.
    """
    data = data[0] if meta.get("multiscale") else data
    data = data.astype(np.uint8) * 255 if data.dtype == bool else data
    rgb = bool(meta.get("rgb"))
    axes = _axes(meta.get("axis_labels") or (), len(data.shape) - rgb) + "S" * rgb
    try:
        return [str(write_image(path, data, axes=axes, like=_metadata(meta, axes)))]
    except ValueError as error:  # which napari would take to mean that there is no writer, and not show
        raise RuntimeError(str(error)) from error
    except OSError as error:
        raise OSError(error_words(error)) from error


def _axes(labels: Any, ndim: int) -> str:
    """One letter per axis: the label's own, Y and X for the last two, else Z, T, C, … from the plane outwards."""
    letters = [label.upper() if len(label) == 1 and label.isalpha() else "" for label in labels] or [""] * ndim
    letters = [letter if letters.count(letter) == 1 and letter != "S" else "" for letter in letters]
    wanted = iter(letter for letter in "XYZ" + OTHER_LETTERS if letter not in letters)
    for i in reversed(range(ndim)):
        letters[i] = letters[i] or next(wanted)
    return "".join(letters)


def _metadata(meta: dict[str, Any], axes: str) -> Metadata:
    """What is known of the layer's files, with the scale that the layer has now."""
    notes = (meta.get("metadata") or {}).get(PLUGIN) or {}
    known = Metadata(**{field.name: notes[field.name] for field in fields(Metadata) if field.name in notes})
    units = meta.get("units") or ()
    sizes = {
        axis: abs(float(scale)) * factor
        for axis, scale, unit in zip(axes, meta.get("scale", ()), units, strict=False)
        if (factor := _micrometres(unit)) is not None
    }
    if "Y" in sizes and "X" in sizes:
        known = replace(known, pixel_size=(sizes["Y"], sizes["X"]), unit="um")
    else:
        known = replace(known, pixel_size=None, unit=None)
    if "Z" in sizes:
        known = replace(known, step=sizes["Z"], position_unit="um")
    return known


def _micrometres(unit: Any) -> float | None:
    """Micrometres in a unit of length; None for others, pixels among them."""
    import pint

    registry = pint.get_application_registry()  # type: ignore[no-untyped-call]
    try:
        return float(registry.Quantity(1, str(unit)).to("micrometer").magnitude)
    except (pint.DimensionalityError, pint.UndefinedUnitError):
        return None
