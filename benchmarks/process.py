"""What a program used: CPU seconds, wall seconds and peak memory of whole child processes.

The kernel counts the memory of the parent at the fork as the child's: the process that measures must be small.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Usage", "measure"]


@dataclass(frozen=True)
class Usage:
    """Use of one run: user + system time of all processes, wall time, largest resident set of any one process."""

    cpu_s: float
    wall_s: float
    peak_mb: float


def measure(commands: Sequence[Sequence[str]], folder: Path) -> Usage:
    """Run the commands one after the other in `folder` and return what they used together.

    Raises
    ------
    RuntimeError
        If a command fails; the message ends with what it wrote.
    """
    cpu = wall = peak = 0.0
    for command in commands:
        with (folder / "log.txt").open("w+b") as log:
            started = time.perf_counter()
            child = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
            _, status, used = os.wait4(child.pid, 0)
            wall += time.perf_counter() - started
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode != 0:
                log.seek(0)
                words = " ".join(command)[:200]
                raise RuntimeError(
                    f"{words} failed with {child.returncode}:\n{log.read().decode(errors='replace')[-2000:]}"
                )
        cpu += used.ru_utime + used.ru_stime
        peak = max(peak, used.ru_maxrss / 1024)  # KiB on Linux
    return Usage(cpu, wall, peak)
