"""Files and folders that appear under their name only when they are complete."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

__all__ = ["folders_in", "replacing", "replacing_folder", "standing", "write_files", "write_text"]

REMEDIES = (
    ((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "; free some space there, or write elsewhere"),
    ((errno.ENOENT, errno.ENOTDIR), "; make its folder first, or write elsewhere"),
    ((errno.EROFS, errno.EACCES, errno.EPERM), "; write elsewhere"),
    ((errno.EISDIR,), "; name a file in it"),
)

UNWRITTEN = "could not be written"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Temporary name beside `path`, moved onto it when all went well, removed otherwise.

    Raises
    ------
    OSError
        If the file cannot be written; it names the file, and what was there before is untouched.
    """
    temporary = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if (error.strerror or "").startswith(UNWRITTEN):  # another file, beside which this one was to appear
            raise
        raise _unwritten(path, error, "no part of it was left behind") from error
    finally:
        with suppress(OSError):  # a disk that cannot be written has none
            temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file, UTF-8.

    Raises
    ------
    OSError
        If the file cannot be written; what was there before is untouched.
    """
    with replacing(Path(path)) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_files(files: Mapping[Path, bytes]) -> None:
    """Write files that belong together: none takes its place before all are written; the last one takes it last.

    Raises
    ------
    OSError
        If one cannot be written; what was there before is untouched.
    """
    with ExitStack() as stack:  # which is left from the top down
        places: dict[Path, Path] = {path: stack.enter_context(replacing(path)) for path in reversed(list(files))}
        for path, data in files.items():
            try:
                places[path].write_bytes(data)
            except OSError as error:
                raise _unwritten(path, error, "no part of it was left behind") from error


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Temporary folder beside `folder`, moved to its place when all went well, removed otherwise.

    No system replaces a folder in one step: what was there is renamed away, then the new one takes the name. Killed in
    between, the old one is found by `standing`, and put back here the next time. Files of the old folder that the new
    one does not have are carried over. Only one process may replace a folder at a time.

    Raises
    ------
    OSError
        If the folder cannot be written; it names the folder, and what was there before is untouched.
    """
    new, old = _hidden(folder, "part"), _hidden(folder, "old")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if old.is_dir():  # this was killed before
            _discard(old, folder) if folder.is_dir() else old.rename(folder)
        if new.is_dir():
            shutil.rmtree(new)
        new.mkdir()
        yield new
        for path in new.rglob("*"):
            if path.is_file():
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
        if folder.is_dir():
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            if old.is_dir():
                old.rename(folder)
            raise
    except OSError as error:
        raise _unwritten(folder, error, "what was there before is untouched") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    if old.is_dir():
        _discard(old, folder)


def standing(folder: Path) -> Path:
    """Where the content of a folder lies: there, or, if replacing it was cut off halfway, where it was moved to."""
    old = _hidden(folder, "old")
    return old if not folder.exists() and old.is_dir() else folder


def folders_in(place: Path) -> list[Path]:
    """Folders in a place, by name, without hidden ones; also those whose replacing was cut off: see `standing`."""
    names = [path.name for path in place.iterdir() if path.is_dir()]
    moved = [name[1:-4] for name in names if name.startswith(".") and name.endswith(".old")]
    return [place / name for name in sorted({*names, *moved}) if name and not name.startswith(".")]


def _unwritten(path: Path, error: OSError, left: str) -> OSError:
    """Error of a file or folder that could not be written: it names it, why, and what to do."""
    reason = error.strerror or str(error)
    remedy = next((words for errors, words in REMEDIES if error.errno in errors), "")
    return OSError(error.errno, f"{UNWRITTEN} ({reason}); {left}{remedy}", str(path))


def _hidden(folder: Path, suffix: str) -> Path:
    return folder.parent / f".{folder.name}.{suffix}"


def _discard(old: Path, folder: Path) -> None:
    """Remove a folder that was replaced, except for what the new one does not have."""
    for path in old.iterdir():
        if not (folder / path.name).exists():
            path.rename(folder / path.name)
    shutil.rmtree(old)
