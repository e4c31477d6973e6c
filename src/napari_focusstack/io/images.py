"""JPEG and PNG frames: what their headers say, and their pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from .exif import facts_of
from .header import Header, Metadata, UnreadableFrame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..color import Transfer
    from .header import Kind

__all__ = [
    "decode_image",
    "jpeg_exif",
    "jpeg_header",
    "jpeg_software",
    "png_header",
    "png_software",
    "turned",
]

JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xae\x42\x60\x82"
START_OF_SCAN, COMMENT = 0xDA, 0xFE
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers that announce size and kind of the coding
PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 1, 6: 3}  # by colour type, without alpha
TAIL = 4096  # bytes at the end of a file in which its last marker is looked for first


def jpeg_header(path: Path) -> Header:
    """Header of a JPEG file.

    Raises
    ------
    UnreadableFrame
        If the file is no JPEG, ends before its picture does, or holds other than grey or RGB values.
    """
    with path.open("rb") as file:
        parts, scan = _jpeg_parts(file, path)
        if not _ends(file, JPEG_END, scan):
            raise UnreadableFrame(path, "the file ends before its picture does (an incomplete copy?)")
    exif = next((data[6:] for marker, data in parts if marker == 0xE1 and data[:6] == b"Exif\0\0"), b"")
    frame = next((data for marker, data in parts if marker in FRAMES), b"")
    if len(frame) < 6:
        raise UnreadableFrame(path, "the JPEG header is damaged")
    bits, height, width, channels = struct.unpack_from(">BHHB", frame)
    if channels not in (1, 3):
        raise UnreadableFrame(path, "it is a CMYK picture; grey or RGB is needed: convert it first")
    dtype = np.dtype(np.uint8 if bits == 8 else np.uint16)
    return _photograph("JPEG", (height, width, channels), dtype, exif, _jpeg_icc(parts), "srgb")


def png_header(path: Path) -> Header:
    """Header of a PNG file; alpha is left out, a palette becomes RGB.

    Raises
    ------
    UnreadableFrame
        If the file is no PNG or ends before its picture does.
    """
    with path.open("rb") as file:
        chunks = dict(_png_chunks(file, (b"IHDR", b"eXIf", b"iCCP")))
        complete = _ends(file, PNG_END, len(PNG_START))
    first = chunks.get(b"IHDR", b"")
    if len(first) != 13:
        raise UnreadableFrame(path, "the PNG header is damaged")
    if not complete:
        raise UnreadableFrame(path, "the file ends before its picture does (an incomplete copy?)")
    width, height, bits, colour = struct.unpack_from(">IIBB", first)
    if colour not in PNG_CHANNELS:
        raise UnreadableFrame(path, "the PNG header is damaged")
    shape, dtype = (height, width, PNG_CHANNELS[colour]), np.dtype(np.uint16 if bits == 16 else np.uint8)
    transfer: Transfer = "linear" if bits == 16 and shape[2] == 1 else "srgb"
    return _photograph("PNG", shape, dtype, chunks.get(b"eXIf", b""), _png_icc(chunks.get(b"iCCP", b"")), transfer)


def jpeg_software(path: Path) -> str:
    """Comment of a JPEG file, in which programs name themselves; empty if none, or if the file is damaged."""
    try:
        with path.open("rb") as file:
            parts, _ = _jpeg_parts(file, path)
    except OSError:
        return ""
    return next((data.decode("ascii", "replace") for marker, data in parts if marker == COMMENT), "")


def png_software(path: Path) -> str:
    """Name of the program that wrote a PNG file; empty if it says none, or if the file is damaged."""
    key = b"Software\0"
    try:
        with path.open("rb") as file:
            texts = [data for _, data in _png_chunks(file, (b"tEXt",)) if data.startswith(key)]
    except OSError:
        return ""
    return texts[0].removeprefix(key).decode("latin-1") if texts else ""


def decode_image(path: Path, header: Header) -> NDArray[Any]:
    """Pixels of a JPEG or PNG file as stored, (Y, X, C), alpha left out.

    Raises
    ------
    UnreadableFrame
        If the pixels are damaged.
    """
    import imagecodecs

    decode = imagecodecs.jpeg8_decode if header.kind == "JPEG" else imagecodecs.png_decode
    try:
        pixels: NDArray[Any] = decode(path.read_bytes())
    except (RuntimeError, ValueError) as error:  # the codecs' own errors are RuntimeErrors
        raise UnreadableFrame(path, f"its pixels are damaged ({error})") from error
    except OSError as error:
        raise UnreadableFrame(path, f"it cannot be read any more ({error.strerror})") from error
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    return pixels[..., : header.shape[2]]


def turned(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Picture (Y, X, C) turned as its EXIF orientation asks, contiguous."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def jpeg_exif(data: bytes) -> bytes:
    """EXIF block of a JPEG in memory; empty if none."""
    start = data.find(b"Exif\0\0", 0, 64)
    length = int.from_bytes(data[start - 2 : start], "big") if start >= 2 else 0
    return data[start + 6 : start + length - 2] if length else b""


def _photograph(
    kind: Kind, shape: tuple[int, int, int], dtype: np.dtype[Any], exif: bytes, icc: bytes, transfer: Transfer
) -> Header:
    facts = facts_of(exif)
    metadata = Metadata(
        transfer=transfer, positions=facts.positions, position_unit=facts.unit, camera=facts.camera, exif=exif, icc=icc
    )
    return Header(kind, shape, dtype, facts.orientation, metadata)


def _png_chunks(file: IO[bytes], names: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Chunks of these names before the picture's data, with what they hold."""
    file.seek(len(PNG_START))
    while len(start := file.read(8)) == 8 and start[4:] not in (b"IDAT", b"IEND"):
        length = int.from_bytes(start[:4], "big")
        if start[4:] in names:
            yield start[4:], file.read(length)
            file.seek(4, 1)
        else:
            file.seek(length + 4, 1)


def _jpeg_parts(file: IO[bytes], path: Path) -> tuple[list[tuple[int, bytes]], int]:
    """Segments before the picture's data, each with its marker, and where that data begin."""
    parts: list[tuple[int, bytes]] = []
    file.seek(len(JPEG_START))
    while len(start := file.read(4)) == 4:
        if start[0] != 0xFF:
            break
        if start[1] == 0xFF:  # padding
            file.seek(-3, 1)
            continue
        if start[1] == START_OF_SCAN:
            return parts, file.tell()
        parts.append((start[1], file.read(int.from_bytes(start[2:], "big") - 2)))
    raise UnreadableFrame(path, "the JPEG header is damaged")


def _ends(file: IO[bytes], mark: bytes, start: int) -> bool:
    """Whether the end mark lies behind `start`: looked for at the end of the file, then in all of it."""
    size = file.seek(0, 2)
    for begin in (max(start, size - TAIL), start):
        file.seek(begin)
        if file.read().rfind(mark) >= 0:
            return True
    return False


def _jpeg_icc(parts: list[tuple[int, bytes]]) -> bytes:
    """ICC profile, put together from its numbered segments."""
    name = b"ICC_PROFILE\0"
    pieces = sorted(data[len(name) :] for marker, data in parts if marker == 0xE2 and data.startswith(name))
    return b"".join(piece[2:] for piece in pieces)


def _png_icc(chunk: bytes) -> bytes:
    packed = chunk.partition(b"\0")[2][1:]
    try:
        return zlib.decompress(packed) if packed else b""
    except zlib.error:
        return b""
