"""Compiled loops for the CPU (numba, OpenCV) and the same functions in torch for the GPU.

Each method is written once, in terms of functions that exist twice: `kernels/<name>_cpu.py` and
`kernels/<name>_gpu.py` define the same public names, and one test holds both to the same answers.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..devices import pick_device

__all__ = ["load"]


def load(name: str, device: str = "auto") -> Any:
    """Kernels of that name for a device: the CPU module, or the GPU module's class bound to the torch device.

    Examples
    --------
    >>> kernels = load("pyramid", "cpu")
    """
    device = pick_device(device)
    if device == "cpu":
        return import_module(f"{__name__}.{name}_cpu")
    return import_module(f"{__name__}.{name}_gpu").Kernels(device)
