"""Devices: one place decides where a computation runs."""

from __future__ import annotations

import os
import platform
import sys
from ctypes.util import find_library
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

__all__ = ["DEVICES", "Device", "in_short_floats", "pick_device", "set_threads", "threads"]

Device = Literal["auto", "cpu", "cuda", "mps"]
DEVICES: tuple[Device, ...] = ("auto", "cpu", "cuda", "mps")

_threads = 0  # 0: all cores


def pick_device(device: str = "auto") -> Device:
    """Return "cuda", "mps" or "cpu": what was asked for, or for "auto" the first of these that is there.

    Raises
    ------
    ValueError
        If the device is unknown or not there; the message says what is.
    """
    if device not in DEVICES:
        raise ValueError(f"unknown device {device!r}; choices: {', '.join(DEVICES)}")
    if device == "cpu" or (device == "auto" and not _may_have_gpu()):
        return "cpu"
    import torch

    there: list[Device] = ["cpu"]
    if torch.backends.mps.is_available():
        there.insert(0, "mps")
    if torch.cuda.is_available():
        there.insert(0, "cuda")
    if device == "auto":
        return there[0]
    if device not in there:
        raise ValueError(
            f"device {device!r} is not there; this machine has {', '.join(there)}: use one of them or 'auto'"
        )
    return device


def _may_have_gpu() -> bool:
    """Cheap look for a driver, so that a machine without one is spared the import of torch."""
    if platform.system() == "Linux":
        return any(Path(node).exists() for node in ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd"))
    return platform.system() == "Darwin" or find_library("nvcuda") is not None


def in_short_floats(device: str) -> AbstractContextManager[Any]:
    """Context in which torch's convolutions take floats of 16 bit, where the device is faster with them.

    Float16 on CUDA, bfloat16 on processors that compute in it; it has 8 bits of precision: enough to choose, not to
    draw a picture. Elsewhere nothing changes.
    """
    import torch

    if device == "cuda":
        return torch.autocast("cuda", dtype=torch.float16)
    told: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    able = any(told.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=device == "cpu" and able)


def threads() -> int:
    """Number of threads that compiled loops may use."""
    return _threads or os.cpu_count() or 1


def set_threads(count: int) -> None:
    """Let compiled loops, OpenCV and (where it is loaded) torch use `count` threads; 0 means all cores.

    Raises
    ------
    ValueError
        If `count` is negative.
    """
    global _threads
    if count < 0:
        raise ValueError(f"{count} threads are not possible; use 0 for all cores, or a positive number")
    _threads = count
    cv2.setNumThreads(count or -1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads())
