"""Programs that are compared: how each is called, from input files to one output file."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "FOCUS_STACK_DEPTH",
    "FUSING",
    "LEARNED",
    "LEARNED_MEASURING",
    "MEASURING",
    "STACKING",
    "Tool",
    "installed",
]

Commands = list[list[str]]

ENFUSE = ["enfuse", "--exposure-weight=0", "--saturation-weight=0", "--contrast-weight=1", "--hard-mask"]


@dataclass(frozen=True)
class Tool:
    """A program or a chain of programs: `commands(inputs, output)`, run one after the other in an empty folder."""

    name: str
    programs: tuple[str, ...]
    commands: Callable[[Sequence[Path], Path], Commands]


def installed(tools: Sequence[Tool]) -> list[Tool]:
    """Those whose programs are all found."""
    return [tool for tool in tools if all(shutil.which(program) for program in tool.programs)]


def _ours(*flags: str) -> Callable[[Sequence[Path], Path], Commands]:
    """Picture, written to `output`; `flags` say how."""

    def commands(inputs: Sequence[Path], output: Path) -> Commands:
        stack = [sys.executable, "-m", "napari_focusstack", "stack", *map(str, inputs), *flags]
        return [[*stack, "--out", str(output), "--overwrite", "--quiet", "--device", "cpu"]]

    return commands


def _our_depth(command: str, *flags: str) -> Callable[[Sequence[Path], Path], Commands]:
    """Depth of every pixel, written to `output`; `flags` say what else is written."""

    def commands(inputs: Sequence[Path], output: Path) -> Commands:
        words = [sys.executable, "-m", "napari_focusstack", command, *map(str, inputs), *flags]
        out = "--out" if command == "depth" else "--depth-out"
        return [[*words, out, str(output), "--fill", "--overwrite", "--quiet", "--device", "cpu"]]

    return commands


def _focus_stack(inputs: Sequence[Path], output: Path) -> Commands:
    return [["focus-stack", f"--output={output}", "--no-opencl", *map(str, inputs)]]


def _focus_stack_as_lit(inputs: Sequence[Path], output: Path) -> Commands:
    flags = ["--no-contrast", "--no-whitebalance", "--no-opencl"]
    return [["focus-stack", f"--output={output}", *flags, *map(str, inputs)]]


def _focus_stack_depth(inputs: Sequence[Path], output: Path) -> Commands:
    return [["focus-stack", "--output=picture.tif", f"--depthmap={output}", "--no-opencl", *map(str, inputs)]]


def _enfuse(inputs: Sequence[Path], output: Path) -> Commands:
    return [[*ENFUSE, f"--output={output}", *map(str, inputs)]]


def _hugin(inputs: Sequence[Path], output: Path) -> Commands:
    aligned = [f"aligned_{i:04d}.tif" for i in range(len(inputs))]
    align = ["align_image_stack", "-m", "-f", "30", "--use-given-order", "-a", "aligned_", *map(str, inputs)]
    return [align, [*ENFUSE, f"--output={output}", *aligned]]


STACKING = (
    Tool("focusstack", (sys.executable,), _ours()),
    Tool("focus-stack", ("focus-stack",), _focus_stack),
    Tool("align_image_stack + enfuse", ("align_image_stack", "enfuse"), _hugin),
)
"""Align and fuse."""

FOCUS_STACK_DEPTH = Tool("focus-stack: picture and depth", ("focus-stack",), _focus_stack_depth)
"""It always fuses, too."""

MEASURING = (
    Tool("focusstack: picture and depth", (sys.executable,), _our_depth("stack", "--out", "picture.tif")),
    Tool("focusstack: depth", (sys.executable,), _our_depth("depth")),
    Tool("focusstack: depth, contours", (sys.executable,), _our_depth("depth", "--depth-edges", "contours")),
    FOCUS_STACK_DEPTH,
)
"""Align and measure the depth."""

LEARNED = (Tool("focusstack: focusdeep", (sys.executable,), _ours("--fuse", "focusdeep")),)
"""Align and fuse by a network."""

LEARNED_MEASURING = (Tool("focusstack: depth by aif", (sys.executable,), _our_depth("depth", "--depth", "aif")),)
"""Align and measure the depth by a network."""

FUSING = (
    Tool("focus-stack", ("focus-stack",), _focus_stack_as_lit),
    Tool("enfuse", ("enfuse",), _enfuse),
)
"""Fuse frames that are aligned already, and equally lit; focus-stack cannot be told not to align."""
