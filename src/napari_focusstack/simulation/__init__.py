"""Simulation: bursts with known truth, for samples, tests, benchmarks and training."""

from __future__ import annotations

from .bursts import Simulated, simulate
from .dng import RawCamera, mosaic, write_dng, write_raw_burst
from .samples import sample_raw_burst, sample_zstack
from .scenes import SCENES

__all__ = [
    "SCENES",
    "RawCamera",
    "Simulated",
    "mosaic",
    "sample_raw_burst",
    "sample_zstack",
    "simulate",
    "write_dng",
    "write_raw_burst",
]
