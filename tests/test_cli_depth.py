"""Depth on the command line: maps, meshes, and how a burst was taken."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import trimesh
from PIL import Image

from checkpointed import saved
from napari_focusstack import simulate
from napari_focusstack.cli import main
from napari_focusstack.io import write_image
from napari_focusstack.training import adapting, tuning
from napari_focusstack.training.tuning import tune


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of seven PNG frames, a slanted plane."""
    place = tmp_path_factory.mktemp("frames")
    for i, image in enumerate(simulate("slanted", frames=7, height=96, width=120, seed=3).frames):
        Image.fromarray(image).save(place / f"frame{i}.png")
    return place


@pytest.fixture(scope="module")
def zstack(tmp_path_factory):
    """A z-stack whose file tells its step, 0.5 µm, and the size of a pixel, 0.2 µm."""
    path = tmp_path_factory.mktemp("z") / "cells.ome.tif"
    grey = simulate("slanted", frames=7, height=96, width=120, seed=3).frames[..., 1]
    sizes = {"PhysicalSizeZ": 0.5, "PhysicalSizeX": 0.2, "PhysicalSizeY": 0.2}
    tifffile.imwrite(path, grey, metadata={"axes": "ZYX", **sizes, **{f"{name}Unit": "µm" for name in sizes}})
    return path


def test_stack_writes_depth_sigma_and_mesh_beside_the_picture(folder, tmp_path, capsys):
    names = {name: str(tmp_path / name) for name in ("o.png", "d.tif", "s.tif", "m.glb", "r.json")}
    words = [
        "stack",
        str(folder),
        "--out",
        names["o.png"],
        "--depth-out",
        names["d.tif"],
        "--sigma-out",
        names["s.tif"],
    ]
    assert (
        main([*words, "--mesh-out", names["m.glb"], "--step", "2", "--unit", "µm", "--recipe-out", names["r.json"]])
        == 0
    )
    depth, sigma = tifffile.imread(names["d.tif"]), tifffile.imread(names["s.tif"])
    assert depth.dtype == sigma.dtype == np.float32
    assert depth.shape == sigma.shape == Image.open(names["o.png"]).size[::-1]
    assert 9 < np.nanmax(depth) <= 12
    assert (np.isnan(depth) == np.isnan(sigma)).all()
    assert trimesh.load(names["m.glb"], force="mesh").visual.material.baseColorTexture.size == (
        depth.shape[1],
        depth.shape[0],
    )
    recipe = json.loads((tmp_path / "r.json").read_text())
    assert (recipe["depth"], recipe["step"], recipe["unit"], recipe["fuse"]) == ("sff", 2.0, "um", "pyramid")
    assert "µm, measured at" in capsys.readouterr().out


def test_without_an_output_of_depth_none_is_measured(folder, tmp_path):
    assert main(["stack", str(folder), "--out", str(tmp_path / "o.tif"), "--recipe-out", str(tmp_path / "r.json")]) == 0
    assert json.loads((tmp_path / "r.json").read_text())["depth"] == "none"


def test_depth_measures_alone_in_the_unit_of_the_file(zstack, tmp_path, capsys):
    out = str(tmp_path / "d.ome.tif")
    words = ["depth", str(zstack), "--out", out, "--align", "none", "--depth-radius", "3", "--fill"]
    assert main([*words, "--recipe-out", str(tmp_path / "r.json")]) == 0
    depth = tifffile.imread(out)
    assert np.isfinite(depth).all()
    assert 2.2 < depth.max() <= 3.0
    recipe = json.loads((tmp_path / "r.json").read_text())
    assert (recipe["fuse"], recipe["fill"], recipe["depth_options"]) == ("none", True, {"radius": 3.0})
    assert f"{out}: depth " in capsys.readouterr().out
    assert main([*words, "--unit", "nm", "--overwrite", "--quiet"]) == 0
    np.testing.assert_allclose(tifffile.imread(out), 1000 * depth, rtol=1e-4)


def test_depth_as_png_and_a_mesh_of_true_proportions(zstack, tmp_path):
    out, mesh = str(tmp_path / "d.png"), str(tmp_path / "m.ply")
    assert main(["depth", str(zstack), "--out", out, "--mesh-out", mesh, "--align", "none", "--quiet"]) == 0
    with Image.open(out) as picture:
        assert picture.text["depth_unit"] == "µm"
    size = np.ptp(trimesh.load(mesh, process=False).vertices, axis=0)
    assert size[0] == pytest.approx(119 * 0.2, rel=0.05)
    assert 2 < size[2] <= 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--depth-out", "d.jpg"], "extension '.jpg' does not take a depth map; .tif, .tiff, .png do"),
        (["--mesh-out", "m.fbx"], "extension '.fbx' is not one of a mesh; .glb, .ply, .obj, .stl are"),
        (["--depth-out", "d.tif", "--step", "2"], "step=2.0 needs its unit"),
        (["--depth-out", "d.tif", "--step", "0", "--unit", "um"], "step=0.0 is no distance between frames"),
        (["--depth-out", "d.tif", "--step", "nan", "--unit", "um"], "give a finite number other than 0"),
        (["--depth-out", "d.tif", "--pixel-size", "3"], "--pixel-size is of a mesh; give --mesh-out, too"),
        (["--depth-out", "d.tif", "--unit", "um"], "the distance between the frames is not known; give the frames'"),
        (
            ["--depth", "sff"],
            "--depth: for a depth that is written; give --depth-out, --sigma-out or --mesh-out, too",
        ),
        (["--depth-radius", "3"], "--depth-radius: for a depth that is written"),
        (["--step", "2", "--unit", "um", "--no-fill"], "--step, --unit, --fill: for a depth that is written"),
        (["--depth-out", "d.tif", "--sigma-out", "d.tif"], "is named for two outputs; give each its own name"),
    ],
)
def test_what_cannot_be_written_is_refused(folder, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["stack", str(folder), "--out", "o.tif", *words]) == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_companions_of_a_mesh_are_not_overwritten(folder, tmp_path, capsys):
    (tmp_path / "m_texture.png").write_text("mine")
    words = ["depth", str(folder), "--out", str(tmp_path / "d.tif"), "--mesh-out", str(tmp_path / "m.obj"), "--quiet"]
    assert main(words) == 1
    assert "m_texture.png is there already; give another name, or --overwrite" in capsys.readouterr().err
    assert (tmp_path / "m_texture.png").read_text() == "mine"


def test_unknown_units_are_told(folder, tmp_path, capsys):
    for unit in ("inch", "frame"):
        with pytest.raises(SystemExit):
            main(["depth", str(folder), "--out", str(tmp_path / "d.tif"), "--step", "2", "--unit", unit])
        assert f"argument --unit: '{unit}' is no length that is known; nm, um, mm, m are" in capsys.readouterr().err


def test_two_frames_are_no_depth(folder, tmp_path, capsys):
    files = sorted(map(str, folder.iterdir()))[:2]
    assert main(["depth", *files, "--out", str(tmp_path / "d.tif")]) == 1
    assert (
        "a depth needs at least 3: give all files of the burst, or a folder with all of them" in capsys.readouterr().err
    )


def test_a_mesh_is_made_of_one_burst(tmp_path, capsys):
    path = tmp_path / "movie.ome.tif"
    tifffile.imwrite(path, np.zeros((2, 4, 32, 40), np.uint8), metadata={"axes": "TZYX"})
    assert main(["depth", str(path), "--out", str(tmp_path / "d.tif"), "--mesh-out", str(tmp_path / "m.glb")]) == 1
    assert "holds several bursts; a mesh is made of one" in capsys.readouterr().err


def test_check_says_how_a_burst_was_taken(folder, tmp_path, capsys):
    files = sorted(map(str, folder.iterdir()))
    out = str(tmp_path / "coverage.tif")
    assert main(["check", *files[:3], *files[5:], "--coverage-out", out]) == 0
    assert "Frames seem to be missing between 2 and 3" in capsys.readouterr().out
    assert tifffile.imread(out).shape == (96, 120)
    assert main(["check", *files, "--coverage-out", out]) == 1
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["depth", "check"])
def test_help_is_there(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert ("--depth-radius" in text) == (command == "depth")
    assert "--quiet" in text


def test_frames_that_cannot_be_read_keep_their_place_in_depth(tmp_path):
    burst = simulate("slanted", frames=9, height=64, width=80, seed=0)
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    for folder in (whole, torn):
        folder.mkdir()
        for k, image in enumerate(burst.frames):
            write_image(folder / f"{k}.tif", image)
    (torn / "4.tif").write_bytes((torn / "4.tif").read_bytes()[:2000])
    depths = []
    for folder in (whole, torn):
        out = tmp_path / f"{folder.name}.tif"
        words = ["--step", "2", "--unit", "um", "--fill", "--skip-bad", "--align", "none", "--quiet"]
        assert main(["depth", str(folder), "--out", str(out), *words]) == 0
        depths.append(tifffile.imread(out).squeeze())
    far = burst.depth > 6.5
    assert abs(np.median(depths[1][far] - depths[0][far])) < 0.3


def test_a_mesh_is_as_wide_as_its_pixels_are_said_to_be(tmp_path, caplog):
    folder = tmp_path / "burst"
    folder.mkdir()
    for k, image in enumerate(simulate("slanted", frames=6, height=64, width=80, seed=0).frames):
        write_image(folder / f"{k}.png", image)
    words = ["--step", "10", "--unit", "um", "--fill", "--align", "none", "--quiet"]
    sized = ["depth", str(folder), "--out", str(tmp_path / "a.tif"), "--mesh-out", str(tmp_path / "a.ply"), *words]
    assert main([*sized, "--pixel-size", "5"]) == 0
    width = np.ptp(trimesh.load(tmp_path / "a.ply", process=False).vertices, axis=0)
    assert sorted(width)[-1] == pytest.approx(79 * 5, rel=0.01)
    assert "is in px" not in caplog.text
    assert main([*sized, "--overwrite"]) == 0
    assert "a.ply is in px, its heights are stretched to look natural" in caplog.text


@pytest.mark.parametrize("size", ["0", "-1", "nan", "wide"])
def test_a_pixel_size_that_is_none_is_refused(size, capsys):
    with pytest.raises(SystemExit):
        main(["depth", "x", "--out", "d.tif", f"--pixel-size={size}"])
    assert f"'{size}' is not a number above 0" in capsys.readouterr().err


@pytest.fixture
def network(tmp_path):
    return saved(tmp_path / "network", "aifdepthnet", size="small")


def test_a_network_is_adapted_to_the_burst_and_saved(folder, network, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(adapting, "tune", lambda *args, **told: tune(*args, **told, steps=3, rate=3e-4))
    for name in ("KEEP", "NOISES"):  # three steps of an untrained network learn little beside
        monkeypatch.setattr(tuning, name, 0.0)
    out, mine, recipe = (str(tmp_path / name) for name in ("d.tif", "mine", "r.json"))
    files = sorted(map(str, folder.iterdir()))[1:5]
    words = ["depth", *files, "--align", "none", "--depth", "aif", "--depth-checkpoint", network, "--fill"]
    assert main([*words, "--out", out, "--tune", "--tune-out", mine, "--recipe-out", recipe]) == 0
    assert f"{mine}: adapted network in 3 steps: what it misses of the picture fell by" in capsys.readouterr().out
    assert json.loads(Path(recipe).read_text())["depth_options"] == {"checkpoint": mine}
    adapted = tifffile.imread(out)
    words[words.index(network)] = mine
    assert main([*words, "--out", out, "--overwrite", "--quiet"]) == 0
    np.testing.assert_allclose(tifffile.imread(out), adapted, atol=1e-3)


def test_what_does_not_help_is_not_saved(folder, network, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(adapting, "tune", lambda *args, **told: tune(*args, **told, steps=1, rate=1e-12))
    words = [
        "depth",
        *sorted(map(str, folder.iterdir()))[1:5],
        "--align",
        "none",
        "--depth",
        "aif",
        "--depth-checkpoint",
        network,
    ]
    out, mine = tmp_path / "d.tif", tmp_path / "mine"
    assert main([*words, "--out", str(out), "--tune", "0.1", "--tune-out", str(mine)]) == 0
    assert "adapting network to this stack did not help: it stays as it was" in capsys.readouterr().out
    assert out.exists()
    assert not mine.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tune"], "--tune adapts a network, and sff has none; choose --depth aif"),
        (["--depth", "aif", "--tune-out", "mine"], "mine would hold an adapted network; give --tune, too"),
        (["--depth", "aif", "--tune", "--tune-out", "there"], "there is there already; give another name"),
    ],
)
def test_what_cannot_be_adapted_is_refused(folder, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    assert main(["depth", str(folder), "--out", "d.tif", *words]) == 1
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_network_is_adapted_to_one_burst(tmp_path, capsys):
    path = tmp_path / "movie.ome.tif"
    tifffile.imwrite(path, np.zeros((2, 4, 32, 40), np.uint8), metadata={"axes": "TZYX"})
    assert main(["depth", str(path), "--out", str(tmp_path / "d.tif"), "--depth", "aif", "--tune"]) == 1
    assert "holds several bursts; a network is adapted to one" in capsys.readouterr().err
