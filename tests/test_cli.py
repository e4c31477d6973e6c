"""The command line: files written, flags from signatures, one line for every error."""

import json
import runpy
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from napari_focusstack import FUSERS, Recipe, run, simulate
from napari_focusstack.cli import main
from napari_focusstack.io import UnreadableFrame, read_burst


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of five PNG frames."""
    import cv2

    place = tmp_path_factory.mktemp("frames")
    for i, image in enumerate(simulate("slanted", frames=5, height=96, width=120, jitter=0.5).frames):
        cv2.imwrite(str(place / f"frame{i}.png"), image[..., ::-1])
    return place


def test_stack_writes_picture_index_confidence_alignment_and_recipe(folder, tmp_path, capsys):
    names = ["fused.tif", "index.tif", "confidence.tif", "alignment.json", "recipe.json"]
    out, index, confidence, alignment, recipe = (str(tmp_path / name) for name in names)
    words = ["stack", str(folder), "--out", out, "--index-out", index, "--confidence-out", confidence]
    assert main([*words, "--alignment-out", alignment, "--recipe-out", recipe]) == 0
    fused = tifffile.imread(out)
    assert fused.dtype == np.uint8
    assert fused.ndim == 3
    assert tifffile.imread(index).shape == tifffile.imread(confidence).shape == fused.shape[:2]
    assert tifffile.imread(index).dtype == np.float32
    assert Recipe.from_json((tmp_path / "recipe.json").read_text()) == Recipe()
    assert "from 5 frames in" in capsys.readouterr().out
    again = str(tmp_path / "again.tif")
    assert main(["stack", str(folder), "--out", again, "--alignment", alignment, "--quiet"]) == 0
    assert np.array_equal(tifffile.imread(again), fused)
    assert capsys.readouterr().out == ""


def test_files_may_be_named_one_by_one(folder, tmp_path):
    files = sorted(map(str, folder.iterdir()))[1:4]
    assert main(["stack", *files, "--out", str(tmp_path / "out.png"), "--align", "none"]) == 0
    assert main(["info", *files]) == 0


def test_results_beside_their_frames_are_no_frames_the_next_time(folder, tmp_path, capsys, caplog):
    import shutil

    place = shutil.copytree(folder, tmp_path / "shots")
    outs = {"--out": "out.tif", "--index-out": "i.tif", "--depth-out": "depth.png", "--mesh-out": "m.obj"}
    words = ["stack", str(place), *(word for flag, name in outs.items() for word in (flag, str(place / name)))]
    assert main(words) == 0
    assert caplog.text.count("made of other pictures") == 0
    assert main([*words, "--overwrite"]) == 0
    assert capsys.readouterr().out.count("from 5 frames in") == 2
    assert "left out depth.png, i.tif, m_texture.png and 1 more, made of other pictures there" in caplog.text
    assert main(["check", str(place), "--quiet"]) == 0


def test_files_keep_the_order_in_which_they_are_named(folder, tmp_path, capsys):
    files = [str(folder / f"frame{i}.png") for i in (3, 0, 4)]
    assert main(["info", *files]) == 0
    said = capsys.readouterr().out
    assert said.index("frame3.png") < said.index("frame4.png")
    with pytest.raises(SystemExit):
        main(["stack", "--help"])
    assert "kept in the order given" in " ".join(capsys.readouterr().out.split())


def test_flags_overrule_the_recipe_and_options_follow_the_method(folder, tmp_path):
    given = tmp_path / "given.json"
    given.write_text(Recipe(align="none", fuse="average", exposure="off").to_json())
    words = ["stack", str(folder), "--out", str(tmp_path / "o.tif"), "--recipe", str(given)]
    kept = tmp_path / "kept.json"
    assert main([*words, "--recipe-out", str(kept), "--channels", "2"]) == 0
    recipe = json.loads(kept.read_text())
    assert (recipe["align"], recipe["fuse"], recipe["channels"]) == ("none", "average", 2)
    assert main([*words, "--fuse", "wavelet", "--fuse-taps", "14", "--recipe-out", str(kept), "--overwrite"]) == 0
    recipe = json.loads(kept.read_text())
    assert (recipe["fuse"], recipe["fuse_options"], recipe["exposure"]) == ("wavelet", {"taps": 14}, "off")


@pytest.mark.parametrize("method", FUSERS)
def test_help_lists_the_options_of_the_method(method, capsys):
    from napari_focusstack.methods import options_of

    with pytest.raises(SystemExit) as stop:
        main(["stack", "--fuse", method, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for name in options_of(FUSERS[method]):
        assert (f"--fuse-{name.replace('_', '-')}" in text) == (name != "channel")


def test_info_tells_what_a_burst_holds(folder, capsys):
    assert main(["info", str(folder)]) == 0
    text = capsys.readouterr().out
    assert "5 of 120 × 96 px" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["stack", "{folder}", "--out", "{tmp}/there.tif"],
            "there.tif is there already; give another name, or --overwrite",
        ),
        (["stack", "{folder}", "--out", "{tmp}/no/out.tif"], "no is not a folder; make it first, or write elsewhere"),
        (["stack", "{tmp}/nothing", "--out", "{tmp}/o.tif"], "nothing"),
        (["stack", "{folder}", "--out", "{tmp}/o.tif", "--recipe", "{tmp}/there.tif"], "not a recipe: no JSON"),
        (["stack", "{folder}", "--out", "{tmp}/o.xyz"], "o.xyz: extension '.xyz' cannot be written; .tif, .tiff, .png"),
        (
            ["stack", "{folder}", "--out", "{tmp}/o.tif", "--index-out", "{tmp}/i.png"],
            "i.png: float32 values do not fit",
        ),
        (["stack", "{folder}", "--out", "{tmp}/o.tif", "--channels", "7"], "channel 7 is not there"),
    ],
)
def test_errors_take_one_line_and_leave_nothing(folder, tmp_path, capsys, words, message):
    (tmp_path / "there.tif").write_text("precious")
    assert main([word.format(folder=folder, tmp=tmp_path) for word in words]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.startswith("focusstack: ")
    assert said.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["there.tif"]
    assert (tmp_path / "there.tif").read_text() == "precious"


@pytest.mark.parametrize("option", ["--out", "--index-out"])
def test_no_frame_is_replaced(folder, tmp_path, capsys, option):
    frame = sorted(folder.iterdir())[1]
    before = frame.read_bytes()
    out = [] if option == "--out" else ["--out", str(tmp_path / "o.tif")]
    assert main(["stack", str(folder), *out, option, str(frame), "--overwrite", "--quiet"]) == 1
    assert f"{frame} is one of the frames, which would be lost; give another name" in capsys.readouterr().err
    assert frame.read_bytes() == before


@pytest.mark.parametrize("words", [[], ["stack"], ["stack", "x"], ["fly"], ["stack", "x", "--out", "y", "--fuse", "z"]])
def test_wrong_usage_is_told(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("focusstack") and said.endswith(" --help\n") and said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["stack", "x", "--out", "y", "--fuse-checkpoint", "z"],
            "focusstack stack: --fuse-checkpoint is an option of --fuse focusdeep or --fuse unet, but the method is "
            "pyramid: give that method, too, or leave --fuse-checkpoint out; see focusstack stack --help\n",
        ),
        (
            ["stack", "x", "--out", "y", "--fuse=average", "--fuse-taps=14"],
            "option of --fuse wavelet, but the method is average",
        ),
        (["stack", "x", "--out", "y", "--depth", "aif", "--no-depth-fit"], "unrecognized arguments: --no-depth-fit"),
        (["depth", "x", "--out", "y", "--depth-checkpoint", "z"], "option of --depth aif, but the method is sff"),
        (
            ["depth", "x", "--out", "y", "--fuse-taps", "14"],
            "--fuse-taps is an option of focusstack stack --fuse wavelet; see",
        ),
        (["check", "x", "--fuse-taps", "14"], "--fuse-taps is an option of focusstack stack --fuse wavelet; see"),
        (["stack", "x", "--out", "y", "--fuse-channel", "1"], "unrecognized arguments: --fuse-channel 1"),
        (["depth", "x", "--out", "y", "--peak", "guo"], "unknown --peak; did you mean --depth-peak?; see"),
        (["stack", "x", "--out", "y", "--channel", "1"], "unrecognized arguments: --channel 1"),
        (
            ["depth", "x", "--out", "y", "--depth-egdes", "none"],
            "focusstack depth: unrecognized arguments: --depth-egdes none; did you mean --depth-edges?; see focusstack "
            "depth --help",
        ),
        (["info", "x", "--half-szie"], "unrecognized arguments: --half-szie; did you mean --half-size?"),
    ],
)
def test_options_of_other_methods_are_told_apart_from_nonsense(words, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_formats_are_refused_before_anything_is_computed(folder, tmp_path, monkeypatch, capsys):
    def compute(*_, **__):
        raise AssertionError("computed")

    monkeypatch.setattr("napari_focusstack.stages.fuse", compute)
    monkeypatch.setattr("napari_focusstack.stages.align", compute)
    assert main(["stack", str(folder), "--out", str(tmp_path / "out.gif")]) == 1
    assert "out.gif: extension '.gif' cannot be written" in capsys.readouterr().err


def test_interrupting_writes_nothing(folder, tmp_path, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_focusstack.stages.fuse", interrupt)
    assert main(["stack", str(folder), "--out", str(tmp_path / "out.tif")]) == 130
    assert "interrupted; nothing was written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_interrupting_says_what_was_written_before(folder, tmp_path, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_focusstack.io.depth.write_depth", interrupt)
    first, second = tmp_path / "first.tif", tmp_path / "second.tif"
    assert main(["stack", str(folder), "--out", str(first), "--depth-out", str(second)]) == 130
    assert capsys.readouterr().err.endswith(f"interrupted; {first} was written, the rest was not\n")
    assert [path.name for path in tmp_path.iterdir()] == ["first.tif"]


def test_a_failure_says_what_was_written_before(folder, tmp_path, monkeypatch, caplog, capsys):
    def full(*_, **__):
        raise OSError(28, "could not be written (No space left on device)", "second.tif")

    monkeypatch.setattr("napari_focusstack.io.depth.write_depth", full)
    first, index = tmp_path / "first.tif", tmp_path / "index.tif"
    words = ["--out", str(first), "--index-out", str(index), "--depth-out", str(tmp_path / "second.tif")]
    assert main(["stack", str(folder), *words]) == 1
    assert f"{first}, {index} were written, the rest was not" in caplog.text
    assert "second.tif: could not be written" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.tif", "index.tif"]


@pytest.mark.parametrize("more", [[], ["--overwrite"]])
def test_a_folder_is_no_name_of_a_file(folder, tmp_path, monkeypatch, capsys, more):
    monkeypatch.setattr("napari_focusstack.io.read_burst", None)  # nothing is read
    assert main(["stack", str(folder), "--out", str(tmp_path), *more]) == 1
    assert capsys.readouterr().err == f"focusstack: {tmp_path} is a folder; name a file in it\n"


def test_a_file_that_is_cut_off_is_told_in_one_line(tmp_path):
    cut = tmp_path / "cut.tif"
    tifffile.imwrite(cut, np.zeros((64, 64), np.uint16), description="behind the pixels" * 20)
    cut.write_bytes(cut.read_bytes()[:300])
    command = [sys.executable, "-m", "napari_focusstack", "info", str(cut)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("focusstack: ")
    assert done.stderr.count("\n") == 1


def test_the_demo_makes_a_burst_and_stacks_it(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "demo"), "--no-show"]) == 0
    assert tifffile.imread(tmp_path / "demo" / "fused.tif").dtype == np.uint16
    assert (tmp_path / "demo" / "index.tif").exists()
    assert "all-in-focus picture" in capsys.readouterr().out


@pytest.mark.parametrize("given", ["shots", "shots/frame0.png"])
def test_a_single_frame_is_no_stack(folder, tmp_path, capsys, given):
    (tmp_path / "shots").mkdir()
    frame = tmp_path / "shots" / "frame0.png"
    frame.write_bytes((folder / "frame0.png").read_bytes())
    assert main(["stack", str(tmp_path / given), "--out", str(tmp_path / "out.tif")]) == 1
    said = capsys.readouterr().err
    assert (
        f"{frame} is the only frame there; a stack needs at least 2: give all files of the burst, or a folder" in said
    )
    assert not (tmp_path / "out.tif").exists()
    with pytest.raises(ValueError, match="is the only frame there; a stack needs at least 2: give all files"):
        run(tmp_path / given)


def test_what_was_left_out_is_told(folder, tmp_path, capsys):
    (tmp_path / "frames").mkdir()
    for file in folder.iterdir():
        (tmp_path / "frames" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "frames" / "frame2.png").write_bytes((folder / "frame2.png").read_bytes()[:500])
    words = ["stack", str(tmp_path / "frames"), "--out", str(tmp_path / "out.tif")]
    assert main(words) == 1
    assert "frame2.png" in capsys.readouterr().err
    assert main([*words, "--skip-bad"]) == 0
    said = capsys.readouterr()
    assert "focusstack: left out" in said.err
    assert "frame2.png" in said.err
    assert "from 4 frames" in said.out
    rows = [line.split()[0] for line in said.out.splitlines() if "×1.0" in line or "reference" in line]
    assert rows == ["0", "1", "3", "4"]
    index = tmp_path / "index.tif"
    assert main([*words, "--skip-bad", "--align", "none", "--index-out", str(index), "--overwrite"]) == 0
    sources = np.unique(tifffile.imread(index).round())
    assert 4 in sources
    assert 2 not in sources


def test_no_advice_is_given_to_skip_what_cannot_be_skipped(folder, tmp_path, capsys):
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"II*\0\x08\0\0\0\xff\xff")
    words = ["stack", str(bad), "--out", str(tmp_path / "out.tif")]
    assert main(words) == 1
    assert "to go on without such frames" in capsys.readouterr().err
    assert main([*words, "--skip-bad"]) == 1
    said = capsys.readouterr().err
    assert "bad.tif" in said
    assert "--skip-bad" not in said
    assert "look for a whole copy of it, or leave it out" in said
    with pytest.raises(UnreadableFrame, match="look for a whole copy of it"):
        read_burst(bad, skip_bad=True)


def test_the_demo_opens_its_pictures_with_naparis_own_reader(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("napari_focusstack.cli.subprocess.run", lambda words, **_: calls.append(words))
    monkeypatch.setattr("napari_focusstack.cli._can_show", lambda: True)
    monkeypatch.setattr("napari_focusstack.simulation.samples.sample_raw_burst", lambda folder: None)
    monkeypatch.setattr("napari_focusstack.cli.main", lambda words: 0)
    main(["demo", "--out", str(tmp_path)])
    ((_, _, _, *words),) = calls
    assert words == ["--plugin", "napari", str(tmp_path / "index.tif"), str(tmp_path / "fused.tif")]


def test_the_demo_replaces_nothing_that_it_was_not_told_to(tmp_path, monkeypatch, capsys):
    made = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("napari_focusstack.simulation.samples.sample_raw_burst", made.append)
    monkeypatch.setattr("napari_focusstack.cli.main", lambda words: 0)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "fused.tif").write_text("precious")
    words = ["demo", "--no-show"]
    assert main([*words, "--out", str(mine)]) == 1
    assert f"{mine} is there already, and not empty; give another name, or --overwrite" in capsys.readouterr().err
    assert main([*words, "--out", str(mine / "fused.tif")]) == 1
    assert "fused.tif is a file; give another name" in capsys.readouterr().err
    assert made == []
    assert main([*words, "--out", str(mine), "--overwrite"]) == 0
    assert main(words) == main(words) == main(words) == 0
    assert [folder.parent.name for folder in made[1:]] == [f"focusstack-demo{k}" for k in ("", "-2", "-3")]


def test_the_package_is_the_command_line(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["napari_focusstack", "--help"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module("napari_focusstack", run_name="__main__")
    assert capsys.readouterr().out.startswith("usage: focusstack ")
