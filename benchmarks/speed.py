"""Speed and memory of whole programs, from files to a file, taken in turn on the same bursts.

Only the standard library is imported here: see `process`.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .peers import LEARNED, LEARNED_MEASURING, MEASURING, STACKING, Tool, installed
from .process import Usage, measure
from .tables import markdown

__all__ = ["report"]

WARM_UP = "0.25x3"  # fills the cache of compiled loops

Runs = dict[tuple[str, str], list[Usage]]  # by case and tool


def report(
    cases: Sequence[str],
    names: Sequence[str] | None,
    *,
    runs: int,
    data: Path,
    json_file: Path | None,
    depth: bool = False,
) -> None:
    """Measure and print the table.

    Parameters
    ----------
    cases : sequence of str
        MEGAPIXELSxFRAMES.
    names : sequence of str, optional
        Which tools; by default all that are installed, but for the networks, which are slow.
    runs : int
        Runs of each tool.
    data : Path
        Folder where the bursts are made and kept.
    json_file : Path, optional
        Where all single runs are written.
    depth : bool
        Measure the depth, not only the picture.
    """
    usual, learned = (MEASURING, LEARNED_MEASURING) if depth else (STACKING, LEARNED)
    tools = installed(usual) if names is None else [t for t in installed((*usual, *learned)) if t.name in names]
    used: Runs = {}
    quality: dict[tuple[str, str], float] = {}
    for case in cases:
        inputs = burst(data, case)
        with tempfile.TemporaryDirectory(dir=data) as scratch:
            outputs = {tool.name: Path(scratch) / f"{i}.tif" for i, tool in enumerate(tools)}
            _run(tools[0], burst(data, WARM_UP), outputs[tools[0].name])
            for _ in range(runs):
                for tool in tools:
                    used.setdefault((case, tool.name), []).append(_run(tool, inputs, outputs[tool.name]))
            for tool in tools:
                output = outputs[tool.name]
                quality[case, tool.name] = (
                    _error(output, data / case) if depth else _psnr(output, data / case / "truth.tif")
                )
        print(f"{case} done", file=sys.stderr)
    print(_table(cases, tools, used, quality, ("error frames", 3) if depth else ("PSNR dB", 1)))
    print(f"\n{_machine()}; median of {runs} runs taken in turn; ratios are of CPU time, to the first row of a case.")
    if json_file:
        rows = [
            {"case": case, "tool": tool, "quality": quality[case, tool], "runs": [asdict(run) for run in all_runs]}
            for (case, tool), all_runs in used.items()
        ]
        json_file.write_text(json.dumps({"machine": _machine(), "rows": rows}, indent=2))


def burst(data: Path, case: str) -> list[Path]:
    """Frames of a case, made where they are not there yet."""
    megapixels, _, frames = case.partition("x")
    if not frames.isdecimal():
        raise ValueError(f"case {case!r} is not MEGAPIXELSxFRAMES, such as 8x30")
    folder = (data / case).resolve()
    subprocess.run([sys.executable, "-m", "benchmarks.bursts", str(folder), frames, megapixels], check=True)
    return sorted(folder.glob("frame_*.tif"))


def _run(tool: Tool, inputs: Sequence[Path], output: Path) -> Usage:
    with tempfile.TemporaryDirectory(dir=output.parent) as folder:
        return measure(tool.commands(inputs, output.resolve()), Path(folder))


def _psnr(picture: Path, truth: Path) -> float:
    command = [sys.executable, "-m", "benchmarks.score", str(picture), str(truth)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _error(depth: Path, folder: Path) -> float:
    command = [sys.executable, "-m", "benchmarks.depth_score", str(depth), str(folder)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _table(
    cases: Sequence[str],
    tools: Sequence[Tool],
    used: Runs,
    quality: dict[tuple[str, str], float],
    last: tuple[str, int],
) -> str:
    rows = []
    heading, digits = last
    for case in cases:
        first = statistics.median(run.cpu_s for run in used[case, tools[0].name])
        for tool in tools:
            runs = used[case, tool.name]
            cpu, wall, peak = (
                statistics.median(getattr(r, name) for r in runs) for name in ("cpu_s", "wall_s", "peak_mb")
            )
            megapixels, _, frames = case.partition("x")
            name = f"{megapixels} MP × {frames}"
            figures = (
                f"{cpu:.1f}",
                f"{cpu / first:.1f}",
                f"{wall:.1f}",
                f"{peak:.0f}",
                f"{quality[case, tool.name]:.{digits}f}",
            )
            rows.append((name, tool.name, *figures))
    return markdown(("burst", "program", "CPU s", "ratio", "wall s", "peak MB", heading), rows)


def _machine() -> str:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return f"{os.cpu_count()} cores of {model}, {platform.system()}"
