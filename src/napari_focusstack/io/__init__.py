"""Files to bursts and pictures to files: the only folder that knows file formats."""

from __future__ import annotations

from .burst import Burst, read_burst
from .header import Metadata, Source, UnreadableFrame
from .write import write_image

__all__ = ["Burst", "Metadata", "Source", "UnreadableFrame", "read_burst", "write_image"]
