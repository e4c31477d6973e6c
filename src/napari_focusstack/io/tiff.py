"""TIFF frames: single pictures, and the planes of a multi-page file (ImageJ, OME, BigTIFF), read one at a time."""

from __future__ import annotations

import math
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tifffile import TiffFile

from .exif import exif_of_tiff, facts_of
from .header import Header, Metadata, UnreadableFrame
from .tiff_layout import Layout
from .tiff_metadata import scale_of
from .tiff_whole import announced, is_complete, leads_outside

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tifffile import TiffFrame, TiffPage, TiffPageSeries

__all__ = ["TiffPlanes", "decode_tiff", "open_planes", "tiff_header", "tiff_software"]

CAMERA, ORIENTATION, ICC = (271, 272, 34665), 274, 34675  # tags: maker, model, EXIF; …
DAMAGE = (RuntimeError, ValueError, IndexError, KeyError, TypeError, struct.error)  # what a decoder raises on nonsense
ANNOUNCING = ("imagej", "ome", "shaped")  # formats that say how many pages there are
UNKNOWN_AXES = "IQ"  # tifffile's letters for pages, and for an array's axis, of which nothing is said
SPARE_LETTERS = "QUVWABDFGJKLMNO"


class TiffPlanes:
    """Planes of one image of a TIFF file as frames (K, Y, X, S), in the order of its leading axes.

    The file is open only while a plane is read.

    Attributes
    ----------
    axes : str
        Letters of the leading axes.
    lengths : tuple of int
        Their lengths; their product is K.
    cut_off : bool
        Whether pages that nothing announced may be lacking, because the file ends before its directories do.
    """

    def __init__(self, path: Path, tif: TiffFile, series: int) -> None:
        found = tif.series[series]
        page = found.keyframe
        named = [(axis, size) for axis, size in zip(found.axes, found.shape, strict=True) if axis not in "YXS"]
        self._offset = found.dataoffset
        known = found.kind in ANNOUNCING
        if math.prod(size for _, size in announced(tif)) > len(found) and page.is_contiguous:  # cut off: see check
            named, self._offset, known = announced(tif), page.dataoffsets[0], True
        self.path = path
        self.axes = _named("".join(axis for axis, _ in named))
        self.lengths = tuple(size for _, size in named)
        self._layout = layout = Layout.of(page, path, _scientific(tif))
        frames = dict(zip(self.axes, self.lengths, strict=True)).get("Z", 1)
        self.metadata = _metadata(tif, page, layout, path, series, frames)
        self.shape = (math.prod(self.lengths), page.imagelength, page.imagewidth, layout.channels)
        self.dtype = layout.dtype
        self._stored, self._stored_shape = np.dtype(page.dtype).newbyteorder(tif.byteorder), page.shape
        self._pages = [] if self._offset is not None else [_page_of(found, k) for k in range(len(found))]
        self._size = path.stat().st_size
        self.cut_off = not known and leads_outside(tif)
        self._lock = threading.Lock()  # pages share one file handle

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, k: int) -> NDArray[Any]:
        self.check(k)
        try:
            return self._layout.picture(self._contiguous(k) if self._offset is not None else self._page(k))
        except OSError as error:
            raise UnreadableFrame(self.path, f"page {k + 1} cannot be read ({error})") from error
        except DAMAGE as error:
            raise UnreadableFrame(self.path, f"page {k + 1} is damaged ({error})") from error

    def check(self, k: int) -> None:
        """Raise an UnreadableFrame if plane `k` is missing or cut off."""
        if self._offset is not None:
            complete = self._offset + (k + 1) * self._bytes <= self._size
        else:
            page = self._pages[k] if k < len(self._pages) else None
            complete = page is not None and is_complete(page, page.parent.filehandle.size)
        if not complete:
            raise UnreadableFrame(self.path, f"page {k + 1} of {len(self)} is missing or cut off (an incomplete copy?)")

    @property
    def _bytes(self) -> int:
        return math.prod(self._stored_shape) * self._stored.itemsize

    def _contiguous(self, k: int) -> NDArray[Any]:
        assert self._offset is not None
        count = self._bytes // self._stored.itemsize
        values = np.fromfile(self.path, self._stored, count, offset=self._offset + k * self._bytes)
        return values.reshape(self._stored_shape).astype(self._stored.newbyteorder("="), copy=False)

    def _page(self, k: int) -> NDArray[Any]:
        page = self._pages[k]
        assert page is not None  # check says so
        handle = page.parent.filehandle
        with self._lock:
            handle.open()
            try:
                stored: NDArray[Any] = page.asarray()
            finally:
                handle.close()
        return stored


def open_planes(path: Path, series: int = 0) -> TiffPlanes:
    """Planes of image number `series` of a TIFF file.

    Raises
    ------
    UnreadableFrame
        If it is no TIFF file, or damaged.
    ValueError
        If the file holds no image of that number.
    """
    with _opened(path) as tif:
        images = len(tif.series)
        planes = TiffPlanes(path, tif, series) if 0 <= series < images else None
    if planes is None:
        raise ValueError(f"{path} holds {images} images; there is no number {series} (they count from 0)")
    return planes


def tiff_header(path: Path) -> Header:
    """Header of a TIFF file that is one frame.

    Raises
    ------
    UnreadableFrame
        If it is no TIFF file, is cut off, or holds more than one plane.
    """
    with _opened(path) as tif:
        page = tif.pages.first
        if len(tif.pages) > 1 and len(tif.series[0]) > 1:
            planes = len(tif.series[0])
            raise UnreadableFrame(path, f"it holds {planes} planes, a burst of its own: open it alone")
        layout = Layout.of(page, path, _scientific(tif))
        if not is_complete(page, tif.filehandle.size) or leads_outside(tif):
            raise UnreadableFrame(path, "the file ends before its picture does (an incomplete copy?)")
        orientation = page.tags.get(ORIENTATION)
        turn = 1 if orientation is None or _scientific(tif) else int(orientation.value)
        shape = (page.imagelength, page.imagewidth, layout.channels)
        metadata = _metadata(tif, page, layout, path, 0, 1)
    return Header("TIFF", shape, layout.dtype, turn if 1 <= turn <= 8 else 1, metadata)


def tiff_software(path: Path) -> str:
    """Name of the program that wrote a TIFF file; empty if it says none, or if the file is damaged."""
    try:
        with _opened(path) as tif:
            return str(tif.pages.first.software)
    except UnreadableFrame:
        return ""


def decode_tiff(path: Path) -> NDArray[Any]:
    """Pixels of a TIFF file that is one frame, (Y, X, C).

    Raises
    ------
    UnreadableFrame
        If the pixels are damaged.
    """
    with _opened(path) as tif:
        page = tif.pages.first
        return Layout.of(page, path, _scientific(tif)).picture(page.asarray())


@contextmanager
def _opened(path: Path) -> Iterator[TiffFile]:
    try:
        with TiffFile(path) as tif:
            yield tif
    except UnreadableFrame:
        raise
    except OSError as error:
        raise UnreadableFrame(path, f"it cannot be read ({error})") from error
    except DAMAGE as error:
        raise UnreadableFrame(path, f"the TIFF file is damaged ({error})") from error


def _scientific(tif: TiffFile) -> bool:
    return bool(tif.is_ome or tif.is_imagej or tif.is_lsm)


def _page_of(series: TiffPageSeries, k: int) -> TiffPage | TiffFrame | None:
    try:
        return series[k]
    except (IndexError, ValueError):  # the description promises more pages than there are
        return None


def _metadata(tif: TiffFile, page: TiffPage, layout: Layout, path: Path, series: int, frames: int) -> Metadata:
    metadata = Metadata(
        transfer="srgb" if layout.channels == 3 and layout.dtype.kind == "u" else "linear",
        icc=page.tags[ICC].value if ICC in page.tags else b"",
        **scale_of(tif, page, series, frames),
    )
    if not any(tag in page.tags for tag in CAMERA):
        return metadata
    with path.open("rb") as file:
        exif = exif_of_tiff(file)
    facts = facts_of(exif)
    if facts.positions and not metadata.positions:
        metadata = replace(metadata, positions=facts.positions, position_unit=facts.unit)
    return replace(metadata, exif=exif, camera=facts.camera)


def _named(axes: str) -> str:
    """Leading axes with one letter each: of those that a file does not name, the last is the focus axis."""
    letters = list(axes)
    unknown = [i for i, letter in enumerate(letters) if letter in UNKNOWN_AXES]
    if unknown and "Z" not in letters:
        letters[unknown[-1]] = "Z"
    spare = iter(letter for letter in SPARE_LETTERS if letter not in letters)
    for i in unknown:
        if letters.count(letters[i]) > 1:
            letters[i] = next(spare)
    return "".join(letters)
