"""Whether a TIFF file is whole: tifffile takes one that is cut off for one with fewer pages."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffFrame, TiffPage

__all__ = ["announced", "is_complete", "leads_outside"]

VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


def is_complete(page: TiffPage | TiffFrame | None, size: int) -> bool:
    """Whether all of a page's strips or tiles lie in a file of that size."""
    if page is None:
        return False
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    return bool(parts) and all(offset and count and offset + count <= size for offset, count in parts)


def announced(tif: TiffFile) -> list[tuple[str, int]]:
    """Leading axes that ImageJ's description announces, with their lengths; none if there is no such description."""
    said = tif.imagej_metadata if tif.is_imagej else None
    if not said:
        return []
    images = int(said.get("images", 1))
    axes = [(letter, int(said.get(name, 1))) for letter, name in (("T", "frames"), ("Z", "slices"), ("C", "channels"))]
    axes = [(letter, length) for letter, length in axes if length > 1]
    return axes if math.prod(length for _, length in axes) == images else [("Z", images)]


def leads_outside(tif: TiffFile) -> bool:
    """Whether a directory of pages, the way to it, or a value in it lies beyond the end of the file."""
    number, count, entry = ("Q", "Q", "HHQQ") if tif.is_bigtiff else ("I", "H", "HHII")
    file, size, seen, order = tif.filehandle, tif.filehandle.size, {0}, tif.byteorder
    at = 8 if tif.is_bigtiff else 4  # where the first directory's place is said
    step = struct.calcsize(order + entry)
    while True:
        file.seek(at)
        directory = _read(tif, number)
        if directory in seen:
            return False
        seen.add(directory)
        file.seek(min(directory, size))
        entries = _read(tif, count)
        at = directory + struct.calcsize(count) + step * entries
        if entries == 0 or at + struct.calcsize(number) > size:
            return True
        for _, kind, length, place in struct.iter_unpack(order + entry, file.read(step * entries)):
            bytes_there = VALUE_BYTES.get(kind, 0) * length
            if bytes_there > struct.calcsize(number) and place + bytes_there > size:
                return True


def _read(tif: TiffFile, form: str) -> int:
    """Next number of the file, 0 at its end."""
    data = tif.filehandle.read(struct.calcsize(form))
    return int(struct.unpack(tif.byteorder + form, data)[0]) if len(data) == struct.calcsize(form) else 0
