"""Simulation: bursts with known truth, for samples, tests, benchmarks and training."""

from __future__ import annotations

from .bursts import Simulated, simulate
from .scenes import SCENES

__all__ = ["SCENES", "Simulated", "simulate"]
