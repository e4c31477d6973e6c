"""Files to bursts and pictures to files: the only folder that knows file formats."""

from __future__ import annotations

from .burst import Burst, read_burst
from .header import Metadata, Source, UnreadableFrame
from .sources import RAW_EXTENSIONS
from .write import check_writable, write_image

__all__ = [
    "RAW_EXTENSIONS",
    "Burst",
    "Metadata",
    "Source",
    "UnreadableFrame",
    "check_writable",
    "read_burst",
    "write_image",
]
