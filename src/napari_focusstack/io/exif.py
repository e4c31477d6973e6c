"""EXIF blocks and ICC profiles: what is needed of them to read a burst, and what a fused picture inherits."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import IO

__all__ = [
    "EXIF_IFD",
    "GPS_IFD",
    "HANDED_ON",
    "MAKER_NOTE",
    "Facts",
    "exif_of_tiff",
    "facts_of",
    "fitting_profile",
    "inherited",
]

ORIENTATION, MAKER, MODEL = 0x0112, 0x010F, 0x0110
EXIF_IFD, GPS_IFD, MAKER_NOTE = 0x8769, 0x8825, 0x927C
WIDTH, HEIGHT = 0xA002, 0xA003
THUMBNAIL, THUMBNAIL_LENGTH = 0x0201, 0x0202
SUBJECT_DISTANCE = 0x9206  # metres; 0 means unknown, numerator 2**32 - 1 infinity
HANDED_ON = (0x010E, MAKER, MODEL, 0x0132, 0x013B, 0x8298)  # description, camera, date, author, copyright
TIFF_EP = (
    33434,
    33437,
    34850,
    34855,
    36867,
    *range(37377, 37387),
)  # exposure to focal length, in a raw file's main tags
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}  # bytes of a value, by type


@dataclass(frozen=True, slots=True)
class Facts:
    """What an EXIF block says about how to read a frame: orientation 1–8, camera, focus distance in m if known."""

    orientation: int = 1
    camera: str = ""
    distance: float | None = None

    @property
    def positions(self) -> tuple[float, ...] | None:
        """The focus distance as this frame's position."""
        return None if self.distance is None else (self.distance,)

    @property
    def unit(self) -> str | None:
        """Unit of the position."""
        return None if self.distance is None else "m"


def facts_of(block: bytes) -> Facts:
    """Return what an EXIF block says; a block that is damaged says nothing."""
    try:
        order = _order(block)
        main = dict(_entries(block, order, _first(block, order)))
        inner: dict[int, tuple[int, int, int]] = {}
        if EXIF_IFD in main:
            inner = dict(_entries(block, order, _number(block, order, main[EXIF_IFD])))
        orientation = _number(block, order, main[ORIENTATION]) if ORIENTATION in main else 1
        maker, model = (_text(block, main[tag]) if tag in main else "" for tag in (MAKER, MODEL))
        distance = _distance(block, order, inner[SUBJECT_DISTANCE]) if SUBJECT_DISTANCE in inner else None
    except (struct.error, ValueError):
        return Facts()
    named = set(maker.upper().split()) & set(model.upper().split())  # "NIKON CORPORATION", "NIKON D3100"
    camera = model if named else f"{maker} {model}".strip()
    return Facts(orientation if 1 <= orientation <= 8 else 1, camera, distance)


def inherited(block: bytes, height: int, width: int) -> bytes:
    """EXIF block for a picture made of the camera's: of its own size, upright, without the camera's thumbnail.

    Everything else stays where it is, so that a maker's notes, which count from the start of the block, stay readable.
    A block that is damaged is not handed on.
    """
    try:
        order, out = _order(block), bytearray(block)
        start = _first(block, order)
        main = dict(_entries(block, order, start))
        if ORIENTATION in main:
            _put_number(out, order, main[ORIENTATION], 1)
        if EXIF_IFD in main:
            inner = dict(_entries(block, order, _number(block, order, main[EXIF_IFD])))
            for tag, size in ((WIDTH, width), (HEIGHT, height)):
                if tag in inner:
                    _put_number(out, order, inner[tag], size)
        after = start + 2 + 12 * len(main)
        (thumbnail,) = struct.unpack_from(order + "I", block, after)
        struct.pack_into(order + "I", out, after, 0)
        if thumbnail:
            _blank(out, order, dict(_entries(block, order, thumbnail)))
    except (struct.error, ValueError):
        return b""
    return bytes(out)


def fitting_profile(icc: bytes, axes: str) -> bytes:
    """ICC profile, if it is one for such a picture: of colour (axes with S) or grey."""
    return icc if icc[16:20] == (b"RGB " if "S" in axes else b"GRAY") else b""


def exif_of_tiff(file: IO[bytes]) -> bytes:
    """EXIF block of a file that is a TIFF structure itself (a photograph's TIFF, many raw files); empty if none.

    Only what belongs to the photograph is taken, not where its pixels lie, nor the maker's notes, which do not survive
    a move.
    """
    from PIL import Image

    whole, kept, found = Image.Exif(), Image.Exif(), False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            whole.load_from_fp(file)
            for tag in (*HANDED_ON, ORIENTATION):
                if tag in whole:
                    kept[tag], found = whole[tag], True
            shot = {tag: whole[tag] for tag in TIFF_EP if tag in whole}
            for tag, beside in ((EXIF_IFD, shot), (GPS_IFD, {})):
                inner = beside | {key: value for key, value in whole.get_ifd(tag).items() if key != MAKER_NOTE}
                kept.get_ifd(tag).update(inner)
                found |= bool(inner)
            return kept.tobytes().removeprefix(b"Exif\0\0") if found else b""
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, struct.error):  # SyntaxError: Pillow's "not a TIFF"
        return b""


def _order(block: bytes) -> str:
    if block[:4] == b"II*\0":
        return "<"
    if block[:4] == b"MM\0*":
        return ">"
    raise ValueError("not an EXIF block")


def _first(block: bytes, order: str) -> int:
    return int(struct.unpack_from(order + "I", block, 4)[0])


def _entries(block: bytes, order: str, start: int) -> Iterator[tuple[int, tuple[int, int, int]]]:
    """Tags of the directory at `start`: each with its type, count, and where its value lies."""
    (count,) = struct.unpack_from(order + "H", block, start)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(order + "HHI", block, at)
        outside = SIZES.get(kind, 1) * length > 4
        yield tag, (kind, length, struct.unpack_from(order + "I", block, at + 8)[0] if outside else at + 8)


def _number(block: bytes, order: str, entry: tuple[int, int, int]) -> int:
    kind, _, at = entry
    return int(struct.unpack_from(order + ("H" if kind == 3 else "I"), block, at)[0])


def _text(block: bytes, entry: tuple[int, int, int]) -> str:
    _, length, at = entry
    return " ".join(block[at : at + length].split(b"\0")[0].decode("utf-8", "replace").split())


def _distance(block: bytes, order: str, entry: tuple[int, int, int]) -> float | None:
    above, below = struct.unpack_from(order + "II", block, entry[2])
    known = above and below and above != 0xFFFFFFFF
    return float(Fraction(above, below)) if known else None


def _put_number(out: bytearray, order: str, entry: tuple[int, int, int], value: int) -> None:
    struct.pack_into(order + ("H" if entry[0] == 3 else "I"), out, entry[2], value)


def _blank(out: bytearray, order: str, entries: dict[int, tuple[int, int, int]]) -> None:
    """Take the thumbnail away: off the end of the block, where most writers put it, else by zeros."""
    if THUMBNAIL not in entries or THUMBNAIL_LENGTH not in entries:
        return
    begin = _number(bytes(out), order, entries[THUMBNAIL])
    end = begin + _number(bytes(out), order, entries[THUMBNAIL_LENGTH])
    out[begin:end] = bytes(max(0, min(end, len(out)) - begin))
    if 0 < begin < len(out) <= end + 3:  # but for padding
        del out[begin:]
