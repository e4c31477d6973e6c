"""Files that appear under their name only when they are complete."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replacing", "write_text"]


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
        reason = error.strerror or str(error)
        raise OSError(
            error.errno, f"could not be written ({reason}); no part of it was left behind", str(path)
        ) from error
    finally:
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
