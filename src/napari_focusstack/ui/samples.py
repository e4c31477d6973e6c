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
    """Layer of a simulated camera raw burst (a slanted scene with focus breathing), read from DNG files."""
    from ..io import read_burst
    from ..simulation.samples import sample_raw_burst
    from .reader import burst_layer

    folder = Path(tempfile.mkdtemp(prefix="focusstack-"))
    burst = read_burst(sample_raw_burst(folder))
    weakref.finalize(burst, shutil.rmtree, folder, ignore_errors=True)
    return [burst_layer(burst)]


def zstack() -> list[LayerData]:
    """Layer of a simulated fluorescence z-stack."""
    from ..simulation.samples import sample_zstack

    data, metadata = sample_zstack()
    return [(data, metadata, "image")]
