"""The command line of training: datasets, runs in slices, checkpoints told of; one line for every error."""

import json
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from napari_focusstack import simulate
from napari_focusstack.cli import main
from napari_focusstack.cli_training import _line
from napari_focusstack.nets.checkpoint import read_checkpoint
from napari_focusstack.training import Report, Trainer, heldout
from napari_focusstack.training.recipe import DataPart, TrainingRecipe
from napari_focusstack.training.store import NewBurst, Tile, read_dataset, write_dataset

VERSION = "version: "


@pytest.fixture(scope="module")
def bursts(tmp_path_factory):
    """A folder with two bursts of three frames."""
    place = tmp_path_factory.mktemp("bursts")
    for name, seed in (("ant", 0), ("bee", 1)):
        (place / name).mkdir()
        for i, image in enumerate(simulate("slanted", frames=3, height=80, width=80, seed=seed, blur=1.5).frames):
            cv2.imwrite(str(place / name / f"{i}.png"), image[..., ::-1])
    return place


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A dataset of one tile to train on and one that is held out."""
    rng = np.random.default_rng(0)
    tiles = [
        Tile(rng.integers(0, 255, (4, 1, 48, 48), np.uint8), rng.integers(0, 255, (1, 48, 48), np.uint8)) for _ in "ab"
    ]
    bursts = (NewBurst(s, s, ((0, 0),), iter([t])) for s, t in zip(("train", "test"), tiles, strict=True))
    return write_dataset(tmp_path_factory.mktemp("data") / "d", bursts, kind="mono", tile=48, made={}).folder


@pytest.fixture
def recipe(tmp_path, dataset):
    """File of a recipe that trains four steps in a second."""
    values = TrainingRecipe(
        arguments={"size": "small", "frames": 4},
        data=(DataPart("dataset", folder=str(dataset)),),
        size=48,
        batch=1,
        steps=4,
        held_out=1,
        validate_every=4,
        save_every=100,
    )
    values.save(tmp_path / "tiny.json")
    return tmp_path / "tiny.json"


def test_build_makes_a_dataset_and_info_tells_of_it(bursts, tmp_path, capsys):
    out = tmp_path / "d"
    words = ["dataset", "build", str(bursts / "ant"), str(bursts / "bee"), "--out", str(out), "--tile", "32"]
    assert main([*words, "--fuser", "average", "--held-out", "0.5", "--seed", "3"]) == 0
    said = capsys.readouterr().out
    built = read_dataset(out)
    assert (built.tile, built.kind, {entry.target for entry in built.entries}) == (32, "rgb", {"average"})
    assert built.manifest["made"] == {"truth": "average", "held out": 0.5, "seed": 3, "left out": []}
    assert VERSION + built.version in said
    assert main(["dataset", "info", str(out)]) == 0
    assert capsys.readouterr().out == said
    assert main(["dataset", "info", str(out), "--check"]) == 0
    assert capsys.readouterr().out == said + "all values are those that were written\n"
    assert main([*words, "--quiet"]) == 1
    assert f"focusstack: {out} is there already; give another name, or --overwrite\n" == capsys.readouterr().err
    assert main([*words, "--quiet", "--overwrite"]) == 0
    assert capsys.readouterr().out == ""
    assert read_dataset(out).manifest["made"]["truth"] == "pyramid"


def test_bursts_that_are_left_out_are_told(bursts, tmp_path, capsys):
    (tmp_path / "bad").mkdir()
    words = [
        "dataset",
        "build",
        str(bursts / "ant"),
        str(tmp_path / "bad"),
        "--out",
        str(tmp_path / "d"),
        "--tile",
        "32",
    ]
    assert main(words) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert main([*words, "--skip-bad", "--fuser", "average"]) == 0
    said = capsys.readouterr().err
    assert said.startswith("focusstack: left out ")
    assert "bad holds no pictures" in said
    assert said.count("\n") == 1


def test_simulate_makes_the_same_version_of_the_same_words(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(heldout, "DRAWN", {"train": (2, 2), "test": (2, 2)})
    words = ["dataset", "simulate", "--bursts", "2", "--frames", "2", "3", "--size", "32", "--seed", "4", "--out"]
    versions = []
    for name, more in (("one", ()), ("two", ()), ("train", ("--split", "train"))):
        assert main([*words, str(tmp_path / name), *more]) == 0
        versions.append(read_dataset(tmp_path / name).version)
        assert VERSION + versions[-1] in capsys.readouterr().out
    assert versions[0] == versions[1] != versions[2]
    assert [entry.frames for entry in read_dataset(tmp_path / "one").entries] == [2, 3]
    assert len(read_dataset(tmp_path / "train").split("train")) == 2


def test_train_makes_a_checkpoint_in_slices(recipe, tmp_path, capsys):
    out = tmp_path / "run"
    words = ["train", str(recipe), "--out", str(out), "--device", "cpu"]
    assert main([*words, "--minutes", "1e-9"]) == 0
    said = capsys.readouterr()
    assert f"{out}: step 1 of 4; to go on: focusstack train {recipe} --out {out}" in said.out
    assert "step 1 of 4: loss 0." in said.err
    assert main(words) == 0
    said = capsys.readouterr()
    assert "step 4 of 4: loss 0." in said.err
    assert "PSNR " in said.err
    assert " (mean of the frames " in said.err
    assert " s left\n" in said.err
    assert "run: unet for fusion (size small, frames 4, " in said.out
    assert "trained: 4 steps on " in said.out
    assert main([*words, "--quiet"]) == 0  # there is nothing left to do
    assert capsys.readouterr() == ("", "")
    assert main(["train", str(recipe), "--out", str(tmp_path / "whole"), "--device", "cpu", "--quiet"]) == 0
    assert read_checkpoint(tmp_path / "whole").sha256 == read_checkpoint(out).sha256


def test_the_checkpoint_has_the_recipes_name_unless_told(recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "tiny.json", "--minutes", "1e-9", "--quiet", "--device", "cpu"]) == 0
    assert read_checkpoint(tmp_path / "tiny").training.steps == 1


def test_an_interrupted_run_says_how_to_go_on(recipe, tmp_path, capsys, monkeypatch):
    learn = Trainer._learn

    def interrupted(self, step, *rest):
        if step == stop_at:
            raise KeyboardInterrupt
        return learn(self, step, *rest)

    monkeypatch.setattr(Trainer, "_learn", interrupted)
    out = tmp_path / "a run"
    words = ["train", str(recipe), "--out", str(out), "--device", "cpu"]
    stop_at = 0
    assert main(words) == 130
    assert capsys.readouterr().err == "\nfocusstack: interrupted; nothing was saved\n"
    stop_at = 2
    assert main(words) == 130
    expected = f"interrupted; {out} holds step 2 of 4; to go on: focusstack train {recipe} --out '{out}'\n"
    assert capsys.readouterr().err.endswith(expected)
    assert read_checkpoint(out).training.steps == 2
    stop_at = None
    assert main([*words, "--quiet"]) == 0
    assert read_checkpoint(out).training.steps == 4


def test_evaluate_prints_the_table(recipe, dataset, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["train", str(recipe), "--out", str(out), "--minutes", "1e-9", "--quiet", "--device", "cpu"]) == 0
    assert main(["evaluate", str(out), str(dataset), "--methods", "average", "pyramid", "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("| 1 examples | PSNR, dB | SSIM |")
    for name in ("**run**", "average", "pyramid", "best single frame"):
        assert said.count(f"| {name} |") == 1
    assert main(["evaluate", str(out), str(dataset), "--methods", "--split", "train"]) == 0
    assert "| average |" not in capsys.readouterr().out


def test_checkpoints_are_told_of(recipe, tmp_path, capsys):
    out = tmp_path / "mine" / "run"
    assert main(["train", str(recipe), "--out", str(out), "--quiet", "--device", "cpu"]) == 0
    (tmp_path / "mine" / "broken").mkdir()
    (tmp_path / "mine" / "broken" / "config.json").write_text("{")
    assert main(["checkpoint", "info", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("run: unet for fusion")
    assert "takes: 1 to 300 frames, any number of channels, stored light" in said
    assert f" parameters, whole (SHA-256 {read_checkpoint(out).sha256})" in said
    assert main(["checkpoint", "list", str(tmp_path / "mine")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("unet-small ") and line.endswith("shipped") for line in lines)
    assert any(line.startswith("run ") and line.endswith(str(out)) and " dB " in line for line in lines)
    assert any(line.startswith("broken ") and "broken: " in line for line in lines)
    whole = [line for line in lines if "broken: " not in line]
    assert len({line.index("shipped") if line.endswith("shipped") else line.index(str(out)) for line in whole}) == 1
    ratings = {"fsb": "mean IoU 0.", "keb": " px ", "aifdepthnet-small": " of the sweep ", "unet-small": " dB "}
    for name, rating in ratings.items():
        assert rating in next(line for line in lines if line.startswith(f"{name} "))
    (out / "model.safetensors").write_bytes((out / "model.safetensors").read_bytes()[:-1])
    assert main(["checkpoint", "info", str(out)]) == 1
    assert "model.safetensors: not the weights that config.json names" in capsys.readouterr().err


def raw_dataset(folder):
    tile = Tile(np.zeros((2, 4, 16, 16), np.uint16), np.zeros((3, 32, 32), np.uint16))
    return write_dataset(folder, [NewBurst("a", "test", ((0, 0),), iter([tile]))], kind="raw", tile=32, made={})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dataset", "info", "{tmp}"], "no dataset, manifest.json is missing; make one with focusstack dataset build"),
        (["dataset", "build", "{tmp}/no", "--out", "{tmp}/d"], "no: there is no such folder or file"),
        (["dataset", "build", "{tmp}", "--out", "{tmp}/d", "--held-out", "2"], "held_out=2.0 is no share"),
        (["dataset", "simulate", "--out", "{tmp}/d", "--size", "7"], "size=7 px is not possible"),
        (["dataset", "simulate", "--out", "{tmp}/other"], "other is there already; give another name, or --overwrite"),
        (["dataset", "simulate", "--out", "{tmp}/other", "--overwrite", "--bursts", "1"], "other holds other files"),
        (["train", "{tmp}/no.json"], "no.json: there is no such recipe; give a JSON file, or one of aifdepthnet-"),
        (["train", "{tmp}/other/r.json", "--out", "{tmp}/o"], "r.json: not a recipe: no JSON"),
        (["train", "unet-small", "--out", "{tmp}/o", "--minutes", "0"], "--minutes 0 leaves no time to train"),
        (["evaluate", "unet-smal", "{data}"], "there is no checkpoint 'unet-smal'; did you mean 'unet-small'?"),
        (["evaluate", "unet-small", "{tmp}"], "no dataset, manifest.json is missing"),
        (["evaluate", "unet-small", "{raw}"], "planes of raw files cannot be fused as they are"),
        (
            ["evaluate", "unet-small", "{raw}", "--split", "train"],
            "no burst of this dataset is there to be trained on: build it of more bursts",
        ),
        (["checkpoint", "info", "unet-huge"], "there is no checkpoint 'unet-huge'"),
    ],
)
def test_errors_take_one_line(tmp_path, tmp_path_factory, dataset, monkeypatch, capsys, words, message):
    monkeypatch.setattr(heldout, "DRAWN", {"train": (1, 1), "test": (1, 1)})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "r.json").write_text("precious")
    raw = raw_dataset(tmp_path_factory.mktemp("raw") / "raw").folder
    assert main([word.format(tmp=tmp_path, data=dataset, raw=raw) for word in words]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.startswith("focusstack: ")
    assert said.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["other"]
    assert (tmp_path / "other" / "r.json").read_text() == "precious"


@pytest.mark.parametrize(
    "words",
    [
        ["dataset"],
        ["dataset", "build"],
        ["dataset", "build", "x"],
        ["dataset", "build", "x", "--out", "y", "--kind", "movie"],
        ["dataset", "build", "x", "--out", "y", "--fuser", "magic"],
        ["dataset", "simulate"],
        ["dataset", "simulate", "--out", "y", "--frames", "2"],
        ["train"],
        ["train", "r", "--minutes", "soon"],
        ["evaluate", "x"],
        ["evaluate", "x", "y", "--methods", "magic"],
        ["checkpoint"],
    ],
)
def test_wrong_usage_is_told(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("focusstack") and said.endswith(" --help\n") and said.count("\n") == 1


def test_a_recipe_of_another_run_is_refused(recipe, tmp_path, capsys):
    words = ["--out", str(tmp_path / "run"), "--quiet", "--device", "cpu"]
    assert main(["train", str(recipe), *words, "--minutes", "1e-9"]) == 0
    replace(TrainingRecipe.load(recipe), seed=1).save(tmp_path / "other.json")
    assert main(["train", str(tmp_path / "other.json"), *words]) == 1
    assert "holds a run of another recipe (seed differ)" in capsys.readouterr().err


def test_progress_is_shown_on_a_terminal(bursts, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    words = [
        "dataset",
        "build",
        str(bursts / "ant"),
        "--out",
        str(tmp_path / "d"),
        "--tile",
        "32",
        "--fuser",
        "average",
    ]
    assert main(words) == 0
    assert "Cutting tiles (burst 1 of 1: ant)" in capsys.readouterr().err
    assert json.loads((tmp_path / "d" / "manifest.json").read_text())["tile"] == 32


def test_of_mosaics_whose_frames_are_no_pictures_only_the_network_is_told():
    report = Report(5, 10, 0.1, 1e-3, 30.0, None, None, 5.0, 5.0, True)
    assert _line(report) == "step 5 of 10: loss 0.10000, PSNR 30.00 dB, 5 s left"
