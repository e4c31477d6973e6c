"""Opening a burst: headers of all its files read and compared, bad frames named or left out, no pixel kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..arrays import Frames, Selection
from ..progress import track, wait
from .header import Header, Metadata, Source, UnreadableFrame
from .images import decode_image, jpeg_header, png_header, turned
from .sources import find_files, kind_of
from .tiff import TiffPlanes, decode_tiff, open_planes, tiff_header
from .tiff_metadata import even_step

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Opened", "open_files"]

Skipped = tuple[tuple[Source, str], ...]


@dataclass(frozen=True)
class Opened:
    """Planes (K, Y, X, S) in the order of their leading axes, and what is known about them.

    `numbers` are the places of the frames among all that were asked for, bad ones counted.
    """

    name: str
    planes: Frames
    axes: str
    lengths: tuple[int, ...]
    sources: tuple[Source, ...]
    skipped: Skipped
    numbers: tuple[int, ...]
    metadata: Metadata


class ImageFiles:
    """JPEG, PNG or TIFF files as frames (N, Y, X, C), all turned as the first one asks."""

    def __init__(self, paths: Sequence[Path], header: Header) -> None:
        self.paths, self.header = paths, header
        height, width, channels = header.shape
        size = (width, height) if header.orientation > 4 else (height, width)
        self.shape, self.dtype = (len(paths), *size, channels), header.dtype

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> NDArray[Any]:
        return turned(_decoded(self.paths[i], self.header), self.header.orientation)


def open_files(
    source: Path | str | Sequence[Path | str], *, skip_bad: bool, half_size: bool, linear: bool, series: int
) -> Opened:
    """Open a burst; parameters and errors as in `read_burst`."""
    paths = find_files(source)
    if len(paths) == 1 and kind_of(paths[0]) == "TIFF":
        planes = open_planes(paths[0], series)
        if len(planes) > 1 or series or planes.cut_off:
            _refuse("a TIFF file", half_size=half_size, linear=linear)
            return _open_stack(planes, skip_bad)
    if series:
        raise ValueError(
            f"series={series} is for one TIFF file that holds several images; leave it at 0 for other files"
        )
    return _open_frames(paths, skip_bad, half_size, linear)


def _open_stack(planes: TiffPlanes, skip_bad: bool) -> Opened:
    """Open one multi-page file; with one leading axis, bad planes can be left out."""
    kept, skipped = [], []
    if planes.cut_off:
        problem = f"it is cut off (an incomplete copy?): {len(planes)} pages or fewer are there"
        if not skip_bad:
            raise UnreadableFrame(planes.path, problem)
        skipped.append((Source(planes.path), problem))
    for k, error in _checked(planes, decode=skip_bad):
        if error is None:
            kept.append(k)
        elif not skip_bad:
            raise error
        elif len(planes.axes) > 1:
            raise UnreadableFrame(
                planes.path, error.problem, remedy=f"planes of axes {planes.axes} cannot be left out: crop the file"
            ) from error
        else:
            skipped.append((Source(planes.path, k), error.problem))
    if not kept:
        raise UnreadableFrame(planes.path, "no page of it can be read", remedy=skipped[0][1])
    metadata, whole = planes.metadata, len(kept) == len(planes)
    if not whole and metadata.positions:
        left = tuple(metadata.positions[k] for k in kept)
        metadata = replace(metadata, positions=left, step=even_step(left))
    return Opened(
        name=planes.path.stem.removesuffix(".ome"),
        planes=planes if whole else Selection(planes, kept),
        axes=planes.axes,
        lengths=planes.lengths if whole else (len(kept),),
        sources=tuple(Source(planes.path, k) for k in kept),
        skipped=tuple(skipped),
        numbers=tuple(kept) if len(planes.axes) < 2 else (),
        metadata=metadata,
    )


def _open_frames(paths: list[Path], skip_bad: bool, half_size: bool, linear: bool) -> Opened:
    """Open files that are a frame each."""
    headers, skipped = _fitting(paths, skip_bad)
    if skip_bad:
        headers, damaged = _undamaged(headers)
        skipped += damaged
    if not headers:
        raise UnreadableFrame(skipped[0][0].path, skipped[0][1], remedy=f"none of {len(paths)} frames can be read")
    kept, first = list(headers), next(iter(headers.values()))
    metadata, planes = _together(list(headers.values())), ImageFiles(kept, first)
    if first.kind == "camera raw":
        from .raw import RawFrames

        raw = RawFrames(kept, replace(first, metadata=metadata), half_size=half_size, linear=linear)
        return _opened(raw, raw.metadata, kept, skipped, paths)
    _refuse(f"{first.kind} files", half_size=half_size, linear=linear)
    return _opened(planes, metadata, kept, skipped, paths)


def _opened(planes: Frames, metadata: Metadata, paths: list[Path], skipped: Skipped, asked: list[Path]) -> Opened:
    name = paths[0].resolve().parent.name if len(paths) > 1 else paths[0].stem.removesuffix(".ome")
    sources = tuple(Source(path) for path in paths)
    numbers = tuple(asked.index(path) for path in paths)
    return Opened(name or "burst", planes, "Z", (len(paths),), sources, skipped, numbers, metadata)


def _refuse(what: str, **options: bool) -> None:
    for name, chosen in options.items():
        if chosen:
            raise ValueError(f"{name}=True is for camera raw files; this is {what}: leave it out")


def _fitting(paths: list[Path], skip_bad: bool) -> tuple[dict[Path, Header], Skipped]:
    """Headers that are like most; the others are left out, or raise."""
    headers: dict[Path, Header] = {}
    errors: dict[Path, UnreadableFrame] = {}
    for path in track(paths, "Opening"):
        try:
            headers[path] = _header(path)
        except UnreadableFrame as error:
            if not skip_bad:
                raise
            errors[path] = error
    counts = Counter((header.kind, header.shape, header.dtype) for header in headers.values())
    usual, often = counts.most_common(1)[0] if counts else (None, 0)
    others = "most frames are" if 2 * often > len(headers) else "others are"
    model = next((h for h in headers.values() if (h.kind, h.shape, h.dtype) == usual), None)
    for path, header in headers.items():
        if model is not None and not header.fits(model):
            errors[path] = UnreadableFrame(path, f"it is {header}; {others} {model}")
            if not skip_bad:
                raise errors[path]
    skipped = tuple((Source(path), errors[path].problem) for path in paths if path in errors)
    return {path: header for path, header in headers.items() if path not in errors}, skipped


def _undamaged(headers: dict[Path, Header]) -> tuple[dict[Path, Header], Skipped]:
    """Frames whose pixels can be decoded, and those whose cannot."""
    good, bad = {}, []
    with ThreadPoolExecutor(1, "decode") as pool:
        for path in track(list(headers), "Checking"):
            try:
                wait(pool.submit(_try, path, headers[path]))
                good[path] = headers[path]
            except UnreadableFrame as error:
                bad.append((Source(path), error.problem))
    return good, tuple(bad)


def _checked(planes: TiffPlanes, decode: bool) -> Iterator[tuple[int, UnreadableFrame | None]]:
    for k in track(range(len(planes)), "Checking" if decode else ""):
        try:
            if decode:
                planes[k]
            else:
                planes.check(k)
            yield k, None
        except UnreadableFrame as error:
            yield k, error


def _header(path: Path) -> Header:
    kind = kind_of(path)
    if kind == "camera raw":
        from .raw import raw_header

        return raw_header(path)
    return {"JPEG": jpeg_header, "PNG": png_header, "TIFF": tiff_header}[kind](path)


def _decoded(path: Path, header: Header) -> NDArray[Any]:
    """Pixels as stored, checked against the header."""
    pixels = decode_tiff(path) if header.kind == "TIFF" else decode_image(path, header)
    if pixels.shape != header.shape or pixels.dtype != header.dtype:
        raise UnreadableFrame(path, f"it decodes to {pixels.shape} {pixels.dtype}; {header} was expected")
    return pixels


def _try(path: Path, header: Header) -> None:
    if header.kind == "camera raw":
        from .raw import check_raw

        check_raw(path)
    else:
        _decoded(path, header)


def _together(headers: list[Header]) -> Metadata:
    """What the first frame says, with the positions of all."""
    first = headers[0].metadata
    own = [header.metadata.positions for header in headers]
    positions: tuple[float, ...] | None = None
    if all(own) and len({place[0] for place in own if place}) > 1:
        positions = tuple(place[0] for place in own if place)
    elif first.step and len(headers) > 1:
        positions = tuple(i * first.step for i in range(len(headers)))
    size = first.pixel_size
    if size is not None and headers[0].orientation > 4:
        size = size[::-1]
    unit = first.position_unit if positions else None
    return replace(first, pixel_size=size, positions=positions, position_unit=unit, step=even_step(positions))
