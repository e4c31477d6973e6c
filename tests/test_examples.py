"""Every example runs as it is, as a user would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import tifffile

EXAMPLES = Path(__file__).parents[1] / "examples"


def run_example(name: str, *arguments: str | Path, folder: Path) -> str:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_tested():
    text = Path(__file__).read_text(encoding="utf-8")
    assert all(f'"{path.name}"' in text for path in EXAMPLES.glob("*.py"))


def test_fuse_arrays(tmp_path):
    from napari_focusstack import FUSERS

    lines = run_example("fuse_arrays.py", folder=tmp_path).splitlines()
    found = {line.split()[0]: float(line.split()[1]) for line in lines}
    assert found.keys() == FUSERS.keys()
    assert found["pyramid"] > 28


def test_stack_folder(tmp_path):
    from napari_focusstack import Recipe, simulate

    burst = simulate("slanted", frames=4, height=96, width=128, jitter=1.0)
    shots = tmp_path / "shots"
    shots.mkdir()
    for i, image in enumerate(burst.frames):
        tifffile.imwrite(shots / f"{i}.tif", image, photometric="rgb")
    recipe = tmp_path / "mine.json"
    recipe.write_text(Recipe(fuse="average").to_json())
    report = run_example("stack_folder.py", shots, recipe, folder=tmp_path)
    assert "correlation" in report
    fused = tifffile.imread(tmp_path / "shots_fused.tif")
    assert fused.dtype == np.uint8
    assert fused.shape[2] == 3
    assert Recipe.from_json((tmp_path / "shots_recipe.json").read_text()).fuse == "average"


def test_time_series(tmp_path):
    printed = run_example("time_series.py", tmp_path / "movie.ome.tif", folder=tmp_path)
    assert "TCYX (3, 2, 128, 128) uint16, index TYX (3, 128, 128)" in printed
    assert tifffile.imread(tmp_path / "movie.ome.tif").shape == (3, 2, 128, 128)


def test_depth_map(tmp_path):
    out = tmp_path / "not" / "there"
    printed = run_example("depth_map.py", out, folder=tmp_path)
    off = float(printed.partition("off the truth by ")[2].split()[0])
    assert off < 0.2  # µm, a tenth of the step
    assert "Sq" in printed
    depth, sigma = tifffile.imread(out / "depth.ome.tif")
    assert depth.shape == sigma.shape == (192, 256)
    written = {path.suffix for path in out.iterdir()}
    assert written == {".tif", ".glb", ".ply", ".obj", ".mtl", ".png", ".stl", ".csv"}
