"""Diffusion elimination on the command line: on, off or by itself, its options, what was taken away."""

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_focusstack import simulate
from napari_focusstack.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photographs of steps, one behind the other."""
    place = tmp_path_factory.mktemp("frames")
    for i, image in enumerate(simulate("steps", frames=8, height=96, width=128, blur=1.2, seed=3).frames):
        Image.fromarray(image).save(place / f"frame{i}.png")
    return place


@pytest.fixture
def stack(folder, tmp_path):
    """What `focusstack stack` wrote with these words: its exit code, picture and recipe."""

    def made(*words):
        names = {"--out": tmp_path / "o.tif", "--recipe-out": tmp_path / "r.json"}
        files = [str(word) for pair in names.items() for word in pair]
        code = main(["stack", str(folder), *files, "--align", "none", "--overwrite", *words])
        return code, tifffile.imread(names["--out"]), json.loads(names["--recipe-out"].read_text())

    return made


def test_pictures_lose_their_halos_where_they_shall(stack, capsys):
    code, as_fused, recipe = stack()
    assert (code, recipe["diffusion"], recipe["diffusion_options"]) == (0, "off", {})
    assert "nearer surfaces" not in capsys.readouterr().out
    code, picture, recipe = stack("--diffusion")
    assert (code, recipe["diffusion"]) == (0, "on")
    assert "o.tif: light of nearer surfaces taken from " in capsys.readouterr().out
    assert 0.001 < (picture != as_fused).any(axis=2).mean() < 0.3
    np.testing.assert_array_equal(stack("--no-diffusion", "--quiet")[1], as_fused)
    assert stack("--diffusion-strength", "0.5", "--quiet")[2]["diffusion"] == "on"  # who asks for half asks for it


def test_what_was_taken_away_is_written(stack, tmp_path, capsys):
    component = tmp_path / "s.tif"
    words = ("--diffusion-out", str(component), "--diffusion-strength", "0.5", "--diffusion-nearest", "first")
    code, _, recipe = stack(*words)
    assert (code, recipe["diffusion"]) == (0, "on")
    assert recipe["diffusion_options"] == {"strength": 0.5, "nearest": "first"}
    assert f"{component}: light of nearer surfaces taken from " in capsys.readouterr().out
    half = tifffile.imread(component)
    assert half.dtype == np.float32
    assert half.shape == (96, 128, 3)
    stack("--recipe", str(tmp_path / "r.json"), "--diffusion-strength", "1", "--diffusion-out", str(component))
    np.testing.assert_allclose(tifffile.imread(component), 2 * half, atol=1e-6)
    assert half.any()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--diffusion-out", "s.png"], 1, "s.png"),
        (["--diffusion-out", "s.tif", "--no-diffusion"], 1, "s.tif would hold what --diffusion takes away; leave"),
        (["--diffusion-blur", "3", "--no-diffusion"], 1, "--diffusion-blur would do nothing with --no-diffusion"),
        (["--diffusion-strength", "2"], 2, "--diffusion-strength: strength=2.0 is out of range; 0.0 to 1.0 is allowed"),
        (["--diffusion-blur", "two"], 2, "--diffusion-blur: 'two' is not a number; see focusstack stack --help"),
        (["--diffusion-psf", "square"], 2, "invalid choice: 'square'"),
    ],
)
def test_what_cannot_be_is_refused_at_once(folder, tmp_path, monkeypatch, capsys, words, code, said):
    monkeypatch.chdir(tmp_path)
    try:
        found = main(["stack", str(folder), "--out", "o.tif", *words])
    except SystemExit as stop:
        found = stop.code
    assert found == code
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_depth_alone_needs_none(folder, tmp_path):
    words = ["depth", str(folder), "--out", str(tmp_path / "d.tif"), "--align", "none", "--quiet"]
    assert main([*words, "--recipe-out", str(tmp_path / "r.json")]) == 0
    assert json.loads((tmp_path / "r.json").read_text())["diffusion"] == "off"
