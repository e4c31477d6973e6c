"""Alignment: frames in, one transform per frame and the area that all of them cover out."""

from __future__ import annotations

from .alignment import Alignment, Area, align
from .warp import warped

__all__ = ["Alignment", "Area", "align", "warped"]
