"""What a picture was made of, noted in its file: so that a result is not taken for a frame of its own burst."""

from __future__ import annotations

import struct
import unicodedata
import zlib
from collections.abc import Sequence
from pathlib import Path

from .images import jpeg_software, png_software
from .tiff import tiff_software

__all__ = ["AFTER_IHDR", "marked_png", "png_chunk", "software_of", "without_results"]

SOFTWARE = "napari-focusstack"
MADE_OF = f"{SOFTWARE}, made of "  # and the name of the first file of the burst
AFTER_IHDR = 33  # bytes of a PNG before its second chunk
READERS = {
    **dict.fromkeys((".tif", ".tiff"), tiff_software),
    **dict.fromkeys((".jpg", ".jpeg"), jpeg_software),
    ".png": png_software,
}


def software_of(made_of: str) -> str:
    """ASCII text of who wrote a file, and of the name of the first file that it was made of."""
    return f"{MADE_OF}{_plain(made_of)}" if made_of else SOFTWARE


def without_results(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Pictures of one folder, and those of them that were made of others of them.

    Fused pictures of parts of a sweep, which are stacked in their turn, lie in a folder without their frames, and so
    are frames there; so are aligned frames under the names of their originals.
    """
    names = {_plain(path.name): path for path in paths}
    said = {path: _made_of(path) for path in paths}
    results = [
        path for path, first in said.items() if first in names and names[first] != path and said[names[first]] != first
    ]
    return [path for path in paths if path not in results], results


def marked_png(data: bytes, made_of: str) -> bytes:
    """PNG with a note of what it was made of."""
    return data[:AFTER_IHDR] + png_chunk(b"tEXt", b"Software\0" + software_of(made_of).encode()) + data[AFTER_IHDR:]


def png_chunk(name: bytes, data: bytes) -> bytes:
    """Chunk of a PNG file."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _made_of(path: Path) -> str:
    """Name that the file notes, empty if none."""
    read = READERS.get(path.suffix.lower())
    noted = read(path) if read is not None else ""
    return noted.removeprefix(MADE_OF) if noted.startswith(MADE_OF) else ""


def _plain(name: str) -> str:
    """Name in ASCII, the same however a system spells its accents."""
    return unicodedata.normalize("NFC", name).encode("ascii", "backslashreplace").decode()
