"""Errors as a window tells them."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["error_words"]

TEMPORARY = re.compile(r"\.(?P<name>.+?)(\.[0-9a-f]{8})?\.part")  # names of `files.replacing`, until all is written


def error_words(error: BaseException) -> str:
    """Return what went wrong without numbers of the system and names that the user never gave; never empty."""
    if not (isinstance(error, OSError) and error.strerror):
        return str(error) or type(error).__name__
    if not error.filename:
        return error.strerror
    path = Path(os.fsdecode(error.filename))
    unfinished = TEMPORARY.fullmatch(path.name)
    if unfinished:
        return f"{path.with_name(unfinished['name'])} could not be written ({error.strerror}); write elsewhere"
    return f"{path}: {error.strerror}"
