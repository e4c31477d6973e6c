"""Which files make up a burst, in which order, and of which kind each is."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from natsort import natsort_keygen, ns

from .header import UnreadableFrame
from .origin import without_results

if TYPE_CHECKING:
    from .header import Kind

__all__ = ["EXTENSIONS", "RAW_EXTENSIONS", "find_files", "in_natural_order", "kind_of"]

log = logging.getLogger(__name__)

RAW = (
    ".3fr .ari .arw .bay .bmq .cap .cin .cine .cr2 .cr3 .crw .cs1 .dc2 .dcr .dcs .dng .drf .dsc .dxo .eip .erf .fff "
    ".gpr .ia .iiq .k25 .kc2 .kdc .mdc .mef .mfw .mos .mrw .nef .nrw .obm .orf .ori .pef .ptx .pxn .qtk .r3d .raf .raw "
    ".rdc .rw2 .rwl .rwz .sr2 .srf .srw .sti .x3f"
)
RAW_EXTENSIONS = frozenset(RAW.split())
EXTENSIONS = RAW_EXTENSIONS | {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".btf", ".tf8", ".lsm"}
ALLOWED = "camera raw (.dng, .cr2, .cr3, .nef, .arw, .raf, …), .jpg, .png, .tif"

NAMED = 3  # results that are left out, by name; more are counted

natural = natsort_keygen(key=lambda path: (str(path.parent), path.name), alg=ns.IGNORECASE)


def find_files(source: Path | str | Sequence[Path | str]) -> list[Path]:
    """Files of a burst: those given, or the pictures of a folder, in natural order (2 before 10, .JPG beside .jpg).

    Files given one by one keep their order, unless it is the alphabetical one, which is a shell's for ``*``: then it is
    made the natural one. What was made of other pictures of a folder is left out, with a warning.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    ValueError
        If there are no pictures, or a file is of a kind that cannot be read; the message lists what can.
    TypeError
        If these are no names.
    """
    given: list[Any] = [source]
    if isinstance(source, Iterable) and not isinstance(source, str | os.PathLike):
        given = list(source)
    for one in given:
        if not isinstance(one, str | os.PathLike):
            raise TypeError(f"files are read by their names, not by {type(one).__name__}; arrays need no reading")
    paths = [Path(one) for one in given]
    if not paths:
        raise ValueError("no files were given; give the frames' files, their folder, or a multi-page TIFF")
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist")
    if len(paths) == 1 and paths[0].is_dir():
        return _pictures(paths[0])
    for path in paths:
        if path.is_dir():
            raise ValueError(f"{path} is a folder among files; give the files of one burst, or one folder")
        if path.suffix.lower() not in EXTENSIONS and not _magic(path):
            raise ValueError(f"{path} is not a picture that can be read; {ALLOWED} can")
    return in_natural_order(paths) if _alphabetical(paths) else paths


def in_natural_order(paths: Sequence[Path]) -> list[Path]:
    """Files by the numbers in their names, folder by folder: 2 before 10."""
    return sorted(paths, key=natural)


def kind_of(path: Path) -> Kind:
    """Kind of a file by its first bytes; only raw files, which have no common mark, go by their extension.

    Raises
    ------
    UnreadableFrame
        If it is none of ours.
    """
    kind = _magic(path)
    if kind in ("TIFF", None) and path.suffix.lower() in RAW_EXTENSIONS:  # many raw formats are TIFF inside
        return "camera raw"
    if kind is None:
        raise UnreadableFrame(path, "its content is not that of a picture that can be read")
    return kind


def _pictures(folder: Path) -> list[Path]:
    paths = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".") and path.is_file()
    ]
    paths = _frames_among(paths, folder)
    raws = [path for path in paths if path.suffix.lower() in RAW_EXTENSIONS]
    if {path.stem.lower() for path in paths} == {path.stem.lower() for path in raws}:  # each JPEG is a raw file's twin
        paths = raws
    if not paths:
        raise ValueError(f"{folder} holds no pictures; {ALLOWED} can be read")
    return in_natural_order(paths)


def _frames_among(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Pictures of a folder that were not made of others of them."""
    frames, results = without_results(in_natural_order(paths))
    if results:
        names = ", ".join(path.name for path in results[:NAMED])
        more = f" and {len(results) - NAMED} more" if len(results) > NAMED else ""
        log.warning("%s: left out %s%s, made of other pictures there", folder, names, more)
    return frames


def _alphabetical(paths: Sequence[Path]) -> bool:
    """Whether the files are in the order of a shell's ``*``: by code point, or by dictionary, signs before letters."""
    names = [str(path) for path in paths]
    spelled = [[(letter.isalnum(), letter) for letter in name.casefold()] for name in names]
    return names == sorted(names) or spelled == sorted(spelled)


def _magic(path: Path) -> Kind | None:
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise UnreadableFrame(path, f"it cannot be opened ({error.strerror})") from error
    if start.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if start == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    return None
