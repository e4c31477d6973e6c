"""Diffusion elimination: a fused picture, its frames and their depth in, the picture without halos out."""

from __future__ import annotations

from .elimination import eliminate_diffusion
from .law import Law
from .pair import find_blur, find_foreground, fuse_pair
from .result import Elimination
from .unmasked import eliminate_from_pair, nearer_frame

__all__ = [
    "Elimination",
    "Law",
    "eliminate_diffusion",
    "eliminate_from_pair",
    "find_blur",
    "find_foreground",
    "fuse_pair",
    "nearer_frame",
]
