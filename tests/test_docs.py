"""The documentation: its Python runs, and the pages that write themselves name every option."""

from __future__ import annotations

import argparse
import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_focusstack import ALIGNERS, DEPTH_ESTIMATORS, FUSERS, simulate
from napari_focusstack.methods import options_of

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [
    "training.md",
    "scripting.md",
    "adding.md",
    "simulation.md",
    "alignment.md",
    "bursts.md",
    "depth.md",
    "diffusion.md",
    "capture.md",
]


def python_of(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Change to a folder with the files that the pages read."""
    from napari_focusstack.simulation.samples import sample_raw_burst

    burst = simulate("slanted", frames=5, height=96, width=128)
    (tmp_path / "shots").mkdir()
    for i, image in enumerate(burst.frames):
        tifffile.imwrite(tmp_path / "shots" / f"{i}.tif", image, photometric="rgb")
    (tmp_path / "raw").mkdir()
    sample_raw_burst(tmp_path / "raw")
    cells = np.zeros((2, 4, 32, 32), np.uint16)
    tifffile.imwrite(tmp_path / "cells.ome.tif", cells, metadata={"axes": "CZYX"})
    monkeypatch.chdir(tmp_path)


def test_every_page_with_python_is_run():
    assert {page.name for page in DOCS.glob("*.md") if python_of(page.name)} <= {*PAGES, "architecture.md"}


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs_from_top_to_bottom(page, files, monkeypatch):
    monkeypatch.setitem(FUSERS, "brightest", None)  # what the page on adding a method adds is taken out again
    names: dict[str, object] = {"__name__": page}
    for block in python_of(page):
        exec(compile(block, page, "exec"), names)


@pytest.fixture(scope="module")
def fill():
    spec = importlib.util.spec_from_file_location("fill", DOCS / "_scripts" / "fill.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("table", ["ALIGNERS", "DEPTH_ESTIMATORS", "FUSERS"])
def test_the_methods_pages_name_every_option_and_its_range(fill, table):
    page = fill.filled(f"before\n<!-- methods: {table} -->\nold\n<!-- /methods -->\nafter")
    assert page.startswith(f"before\n<!-- methods: {table} -->\n\n### ")
    assert page.endswith("<!-- /methods -->\nafter")
    assert "old" not in page.splitlines()
    for name, method in {"ALIGNERS": ALIGNERS, "DEPTH_ESTIMATORS": DEPTH_ESTIMATORS, "FUSERS": FUSERS}[table].items():
        part = page.split(f"### {name}\n")[1].split("\n### ")[0]
        for option in options_of(method).values():
            row = next(line for line in part.splitlines() if line.startswith(f"| `{option.name}` |"))
            assert option.text
            assert f"| `{option.default}` |" in row
            if option.maximum is not None:
                assert f" to {option.maximum:g}" in row


def test_the_command_lines_page_is_its_help(fill):
    page = fill.filled("<!-- help: stack -->\n<!-- /help -->")
    assert "--index-out INDEX.tif" in page
    assert "--fuse-" in page
    assert fill.filled(page) == page


@pytest.mark.parametrize("page", [page.name for page in sorted(DOCS.glob("*.md"))])
def test_what_pages_write_themselves_is_current(fill, page):
    """If not: python docs/_scripts/fill.py; versions of Python break the lines of a help in other places."""
    text = (DOCS / page).read_text(encoding="utf-8")
    assert "".join(fill.filled(text).split()) == "".join(text.split())
    marks = re.findall(r"<!-- (?!/)(.+?)(?:: .*)? -->", text)
    assert marks == re.findall(r"<!-- /(.+?) -->", text) == [found[1] for found in fill.BLOCK.finditer(text)]


def commands_of(page: Path) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("focusstack ")]


@pytest.mark.parametrize("page", ["cli.md", "depth.md", "capture.md", "../README.md"])
def test_the_commands_of_a_page_are_understood(page, monkeypatch):
    from napari_focusstack import cli

    understood = []
    for command in cli.COMMANDS:
        monkeypatch.setitem(cli.COMMANDS, command, understood.append)
    commands = commands_of(DOCS / page)
    assert commands
    for command in commands:
        words = command.replace("*", "1").split()[1:]
        assert cli.main(words) == cli.OK, command
        chosen = understood.pop()
        if words[0] == "stack":
            cli._recipe(argparse.Namespace(**{**vars(chosen), "recipe": None}))  # its options are allowed


def test_benchmark_tables_are_there():
    for name in ("alignment", "depth", "depth_memory", "depth_speed", "memory", "quality", "speed"):
        assert (DOCS / "tables" / f"{name}.md").read_text(encoding="utf-8").strip()
