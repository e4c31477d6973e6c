"""Focus stacking: one all-in-focus image from a focus-bracketed burst.

Everything here works on plain arrays and without napari installed. Importing the package loads neither torch nor Qt.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .alignment import ALIGNERS, Alignment, align, warped
    from .depth import DEPTH_ESTIMATORS, Depth, estimate_depth
    from .diffusion import Elimination, eliminate_diffusion, eliminate_from_pair
    from .fusion import FUSERS, Fusion, fuse
    from .io import Burst, UnreadableFrame, read_burst, write_image
    from .pipeline import Recipe, Result, run, run_series
    from .progress import Cancelled, Step, listening
    from .simulation import simulate

try:
    __version__ = version("napari-focusstack")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0.0.0"

_HOMES = {
    "alignment": ("ALIGNERS", "Alignment", "align", "warped"),
    "depth": ("DEPTH_ESTIMATORS", "Depth", "estimate_depth"),
    "diffusion": ("Elimination", "eliminate_diffusion", "eliminate_from_pair"),
    "fusion": ("FUSERS", "Fusion", "fuse"),
    "io": ("Burst", "UnreadableFrame", "read_burst", "write_image"),
    "pipeline": ("Recipe", "Result", "run", "run_series"),
    "progress": ("Cancelled", "Step", "listening"),
    "simulation": ("simulate",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "ALIGNERS",
    "DEPTH_ESTIMATORS",
    "FUSERS",
    "Alignment",
    "Burst",
    "Cancelled",
    "Depth",
    "Elimination",
    "Fusion",
    "Recipe",
    "Result",
    "Step",
    "UnreadableFrame",
    "align",
    "eliminate_diffusion",
    "eliminate_from_pair",
    "estimate_depth",
    "fuse",
    "listening",
    "read_burst",
    "run",
    "run_series",
    "simulate",
    "warped",
    "write_image",
]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
