"""What TIFF files say of scale: OME-XML, ImageJ's description, resolution tags; into the fields of `Metadata`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

__all__ = ["UM", "even_step", "scale_of"]

UM = "um"
MICROMETRES = {  # of a length's name, as OME, ImageJ and people write it
    **dict.fromkeys(("µm", "μm", "um", "\\u00b5m", "micron", "microns", "micrometer", "micrometre"), 1.0),
    **dict.fromkeys(("inch", "inches", "in"), 25400.0),
    "pm": 1e-6,
    "å": 1e-4,
    "nm": 1e-3,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
}
COARSEST_UM = 40.0  # a resolution tag below 635 dpi is one for printing and says nothing about the object
EVEN = 0.05  # positions count as evenly spaced if no step differs from the mean by more than this part of it


def scale_of(tif: TiffFile, page: TiffPage, series: int, frames: int) -> dict[str, Any]:
    """Fields of `Metadata` for image `series` of a file, with the positions of its `frames` along the focus axis."""
    if tif.is_ome and tif.ome_metadata:
        return _of_ome(tif.ome_metadata, series, frames)
    if tif.is_imagej:
        return _of_imagej(tif.imagej_metadata or {}, page, frames)
    size = _resolution(page, {2: 25400.0, 3: 1e4}.get(_tag(page, 296, 2), 0.0))
    return {"pixel_size": size, "unit": UM} if size and max(size) <= COARSEST_UM else {}


def even_step(positions: Sequence[float] | None) -> float | None:
    """Distance between neighbouring positions if it is the same for all, else None."""
    if positions is None or len(positions) < 2:
        return None
    mean = (positions[-1] - positions[0]) / (len(positions) - 1)
    worst = max(abs(b - a - mean) for a, b in pairwise(positions))
    return abs(mean) if mean and worst <= EVEN * abs(mean) else None


def _of_ome(xml: str, series: int, frames: int) -> dict[str, Any]:
    found: dict[str, Any] = {"ome": xml}
    try:
        images = ElementTree.fromstring(xml).findall("{*}Image")
        pixels = images[min(series, len(images) - 1)].find("{*}Pixels")
    except (ElementTree.ParseError, IndexError):
        return found
    if pixels is None:
        return found
    height, width, depth = (_length(pixels.attrib, f"PhysicalSize{axis}") for axis in "YXZ")
    if height and width:
        found.update(pixel_size=(height, width), unit=UM)
    names = tuple(channel.get("Name") or "" for channel in pixels.findall("{*}Channel"))
    if all(names):
        found["channel_names"] = names
    return found | _steps(_ome_positions(pixels, frames), depth, frames)


def _ome_positions(pixels: ElementTree.Element, frames: int) -> list[float] | None:
    """Stage positions of the planes of the first channel and time, if each plane has its own."""
    places: dict[int, float] = {}
    for plane in pixels.findall("{*}Plane"):
        place = _length(plane.attrib, "PositionZ", positive=False)
        if plane.get("TheC") == plane.get("TheT") == "0" and place is not None:
            places[int(plane.get("TheZ", 0))] = place
    positions = [places[z] for z in sorted(places)]
    return positions if len(positions) == frames and len(set(positions)) == frames > 1 else None


def _of_imagej(said: Mapping[str, Any], page: TiffPage, frames: int) -> dict[str, Any]:
    factor = MICROMETRES.get(str(said.get("unit", "")).strip().lower())
    if factor is None:
        return {}
    size = _resolution(page, factor)
    found: dict[str, Any] = {"pixel_size": size, "unit": UM} if size else {}
    spacing = abs(float(said.get("spacing", 1.0)))  # ImageJ leaves out a spacing of 1 unit
    return found | _steps(None, spacing * factor, frames)


def _steps(positions: list[float] | None, step: float | None, frames: int) -> dict[str, Any]:
    """Positions as they are said, else as multiples of the step."""
    if positions is None and step:
        positions = [i * step for i in range(frames)]
    if positions is None:
        return {}
    return {"positions": tuple(positions), "position_unit": UM, "step": even_step(positions) or step}


def _length(attributes: Mapping[str, str], name: str, *, positive: bool = True) -> float | None:
    """Length in µm, None if it is not there, not a length, or (where it must be) not positive."""
    factor = MICROMETRES.get(attributes.get(f"{name}Unit", UM).lower())
    try:
        value = float(attributes[name]) * (factor or math.nan)
    except (KeyError, ValueError):
        return None
    return value if math.isfinite(value) and (value > 0 or not positive) else None


def _resolution(page: TiffPage, micrometres: float) -> tuple[float, float] | None:
    """Height and width of a pixel in µm from the resolution tags, whose unit is that many micrometres."""
    sizes = []
    for code in (283, 282):
        above, below = _tag(page, code, (0, 1))
        if not (above and below and micrometres):
            return None
        sizes.append(micrometres * below / above)
    return sizes[0], sizes[1]


def _tag(page: TiffPage, code: int, default: Any) -> Any:
    tag = page.tags.get(code)
    return default if tag is None else tag.value
