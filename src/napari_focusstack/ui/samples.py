"""Simulated bursts for File > Open Sample."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

__all__ = ["raw_burst", "zstack"]

LayerData = tuple[Any, dict[str, Any], str]


def raw_burst() -> list[LayerData]:
    """Layer of a simulated camera raw burst of an insect, written as DNG files and read from them."""
    from ..io import read_burst
    from ..simulation.samples import sample_raw_burst
    from .reader import burst_layer

    folder = Path(tempfile.mkdtemp(prefix="focusstack-"))
    burst = read_burst(sample_raw_burst(folder / "insect"))
    weakref.finalize(burst, shutil.rmtree, folder, ignore_errors=True)
    return [burst_layer(burst)]


def zstack() -> list[LayerData]:
    """Layers of a simulated fluorescence z-stack, one for each channel."""
    from ..simulation.samples import sample_zstack

    stack, known = sample_zstack()
    keywords = {
        "channel_axis": 1,
        "name": known["channel_names"],
        "colormap": known["colormaps"],
        "scale": (known["step_um"], known["pixel_size_um"], known["pixel_size_um"]),
        "units": "um",
        "axis_labels": ("z", "y", "x"),
    }
    return [(stack, keywords, "image")]
