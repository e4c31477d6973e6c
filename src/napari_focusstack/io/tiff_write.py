"""TIFF files: OME-TIFF with scale and channels, photographs with ICC profile and EXIF."""

from __future__ import annotations

import itertools
import struct
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import tifffile

from ..progress import track
from .exif import EXIF_IFD, GPS_IFD, HANDED_ON, MAKER_NOTE, fitting_profile, inherited
from .header import Metadata
from .origin import software_of
from .tiff_metadata import UM

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["write_tiff"]

BIG = 2**32 - 2**25  # bytes from which offsets need 64 bits, less some for tags
OME_TYPES = ("int8", "int16", "int32", "uint8", "uint16", "uint32", "float32", "float64")
OME_AXES = "TZC"  # axes that OME knows by these letters; others are written as "other"
INTEROPERABILITY = 0xA005  # a pointer, which does not survive a move
LONG, LONG8 = 4, 16  # TIFF's types of a 32 and a 64 bit number


def write_tiff(file: Path, name: str, image: Any, axes: str, like: Metadata) -> None:
    """Write `image`, whose axes end with YX or YXS, to `file`, which will be named `name`.

    A picture of known pixel size, with more axes, or named .ome.tif becomes OME-TIFF, if OME knows the type of its
    values; one of a photograph a plain TIFF with the EXIF block.
    """
    colour = axes.endswith("S")
    tail = 3 if colour else 2
    photograph = axes in ("YX", "YXS") and like.pixel_size is None and (colour or bool(like.exif or like.icc))
    title = name.rpartition(".")[0]
    ome = image.dtype.name in OME_TYPES and (not photograph or title.lower().endswith(".ome"))
    big = int(np.prod(image.shape)) * image.dtype.itemsize > BIG
    exif = b"" if ome else inherited(like.exif, *image.shape[:2])
    places = track(list(itertools.product(*map(range, image.shape[:-tail]))), "Writing")
    tifffile.imwrite(
        file,
        map(partial(_plane, image), places),
        shape=image.shape,
        dtype=image.dtype,
        byteorder="<",
        bigtiff=big,
        ome=ome,
        photometric="rgb" if colour else "minisblack",
        compression="zlib",
        compressionargs={"level": 1},  # with the predictor, higher levels cost time and win little
        predictor=image.dtype.name in OME_TYPES,
        extrasamples=["unassalpha"] if colour and image.shape[-1] == 4 else None,
        iccprofile=fitting_profile(like.icc, axes) or None,
        metadata=_ome(image, axes, like, title) if ome else None if photograph else {"axes": axes},
        extratags=_photograph_tags(exif) if exif else None,
        software=software_of(like.made_of),
        **_resolution(like),
    )
    next(places, None)  # tifffile stops before the loop knows that it is over
    if exif:
        _append_exif(file, exif, big)


def _plane(image: Any, place: tuple[int, ...]) -> NDArray[Any]:
    plane = np.asarray(image[place])
    return np.ascontiguousarray(plane, plane.dtype.newbyteorder("<"))


def _ome(image: Any, axes: str, like: Metadata, title: str) -> dict[str, Any]:
    sizes = dict(zip(axes, image.shape, strict=True))
    letters = [letter if letter in OME_AXES + "YXS" else "" for letter in axes]
    spare = iter("QPRAHE")  # OME's letters for other axes, by modulo
    found: dict[str, Any] = {"axes": "".join(letter or next(spare) for letter in letters)}
    found["Name"] = title.removesuffix(".ome")
    if like.pixel_size is not None and like.unit == UM:
        height, width = like.pixel_size
        found |= {"PhysicalSizeY": height, "PhysicalSizeX": width}
        found |= {"PhysicalSizeYUnit": "µm", "PhysicalSizeXUnit": "µm"}
    if "Z" in sizes and like.step and like.position_unit == UM:
        found |= {"PhysicalSizeZ": like.step, "PhysicalSizeZUnit": "µm"}
    if "C" in sizes and len(like.channel_names) == sizes["C"]:
        found["Channel"] = {"Name": list(like.channel_names)}
    if "Z" in sizes and like.position_unit == UM and like.positions and len(like.positions) == sizes["Z"]:
        lead = [letter for letter in axes if letter not in "YXS"]
        at = lead.index("Z")
        places = [like.positions[place[at]] for place in itertools.product(*(range(sizes[a]) for a in lead))]
        found["Plane"] = {"PositionZ": places, "PositionZUnit": ["µm"] * len(places)}
    return found


def _resolution(like: Metadata) -> dict[str, Any]:
    if like.pixel_size is None or like.unit != UM:
        return {}
    height, width = like.pixel_size
    return {"resolution": (1e4 / width, 1e4 / height), "resolutionunit": "CENTIMETER"}


def _photograph_tags(exif: bytes) -> list[tuple[int, str, int, str, bool]]:
    """Camera, date, author: what TIFF keeps in its own directory."""
    from PIL import Image

    block = Image.Exif()
    block.load(exif)
    texts = {tag: block.get(tag) for tag in HANDED_ON}
    return [
        (tag, "s", 0, text.encode("ascii", "replace").decode(), True)
        for tag, text in texts.items()
        if isinstance(text, str)
    ]


def _append_exif(file: Path, exif: bytes, big: bool) -> None:
    """Put the EXIF directories behind the picture, and after them the file's directory again, now pointing to them."""
    from PIL import Image, TiffImagePlugin

    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) if big else struct.pack("<2sHI", b"II", 42, 8)
    number, count, entry = ("<Q", "<Q", "<HHQQ") if big else ("<I", "<H", "<HHII")
    first = 8 if big else 4  # where the file says where its directory lies
    block = Image.Exif()
    block.load(exif)
    with file.open("rb+") as out:
        pointers = []
        for tag in (EXIF_IFD, GPS_IFD):
            inner = TiffImagePlugin.ImageFileDirectory_v2(head, group=tag)
            for key, value in block.get_ifd(tag).items():
                if key not in (MAKER_NOTE, INTEROPERABILITY) and _can_be_written(head, tag, key, value):
                    inner[key] = value
            if len(inner):
                at = _at_end(out)
                out.write(inner.tobytes(at))
                pointers.append(struct.pack(entry, tag, LONG8 if big else LONG, 1, at))
        out.seek(first)
        out.seek(_read(out, number))
        entries = [out.read(struct.calcsize(entry)) for _ in range(_read(out, count))]
        after = out.read(struct.calcsize(number))
        entries = sorted(entries + pointers, key=lambda packed: struct.unpack_from("<H", packed))
        at = _at_end(out)
        out.write(struct.pack(count, len(entries)) + b"".join(entries) + after)
        out.seek(first)
        out.write(struct.pack(number, at))


def _at_end(file: IO[bytes]) -> int:
    """Go to the end of the file, on an even byte."""
    at = file.seek(0, 2)
    return at + file.write(bytes(at % 2))


def _read(file: IO[bytes], form: str) -> int:
    return int(struct.unpack(form, file.read(struct.calcsize(form)))[0])


def _can_be_written(head: bytes, group: int, key: int, value: Any) -> bool:
    """Whether Pillow can write a tag back that it read; some cameras write types that it cannot."""
    from PIL import TiffImagePlugin

    probe = TiffImagePlugin.ImageFileDirectory_v2(head, group=group)
    try:
        probe[key] = value
        probe.tobytes(0)
    except (struct.error, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return False
    return True
