"""The record of a training run: JSON there and back, and every choice that is not possible is named."""

import json
import math
from dataclasses import replace

import pytest

from napari_focusstack.nets import build, parameters_of
from napari_focusstack.training.lessons import LESSONS
from napari_focusstack.training.recipe import KEY, RECIPES, DataPart, TrainingRecipe, read_recipe
from napari_focusstack.training.recipe import LOSSES as NAMES
from napari_focusstack.training.schedules import rate_at

FULL = TrainingRecipe(
    arguments={"size": "small", "frames": 12, "channels": None},
    start="unet-small",
    data=(DataPart("stack", 2.0, name="beetle"), DataPart("dataset", 1.0, "/data/mine"), DataPart(folder="/corpus")),
    frames=(3, 9),
    sweep=(4.0, 9.5),
    learning_rate=1e-3,
    schedule="halving",
    precision="16-mixed",
)


@pytest.mark.parametrize("recipe", [TrainingRecipe(), FULL])
def test_there_and_back(recipe, tmp_path):
    recipe.save(tmp_path / "recipe.json")
    assert TrainingRecipe.load(tmp_path / "recipe.json") == recipe


def test_what_is_left_out_takes_its_default():
    assert TrainingRecipe.from_json(json.dumps({KEY: "1", "steps": 7})) == TrainingRecipe(steps=7)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"steps": 0}, ValueError, "steps=0 is out of range; 1 to 1000000000"),
        ({"steps": 1.5}, TypeError, "steps=1.5 is no whole number"),
        ({"steps": True}, TypeError, "steps=True is no whole number"),
        ({"learning_rate": math.nan}, TypeError, "learning_rate=nan is no number"),
        ({"learning_rate": "fast"}, TypeError, "learning_rate='fast' is no number"),
        ({"learning_rate": 2}, ValueError, "learning_rate=2 is out of range"),
        ({"loss": "perceptual"}, ValueError, "loss='perceptual' is not one of 'absolute'"),
        ({"precision": "8"}, ValueError, "precision='8' is not one of '32-true', 'bf16-mixed', '16-mixed'"),
        ({"schedule": ["cosine"]}, ValueError, "schedule=.*is not one of 'constant'"),
        ({"frames": [30, 2]}, ValueError, "frames=.30, 2.: fewest and most frames are needed"),
        ({"frames": 5}, TypeError, "frames=5 is no pair of numbers"),
        ({"sweep": [9, 2]}, ValueError, "sweep=.9, 2.: least and most blur in px are needed, above 0"),
        ({"sweep": 5}, TypeError, "sweep=5 is no pair of numbers"),
        ({"frames": [2.0, 5]}, ValueError, "fewest and most frames"),
        ({"data": []}, ValueError, "leaves nothing to train on"),
        ({"data": {}}, TypeError, "is no list of JSON objects"),
        ({"data": [{"kind": "web"}]}, ValueError, "data of kind 'web'; choices: simulation, scene, dataset, stack"),
        ({"data": [{"share": 0}]}, ValueError, "share=0 of data is not possible; a number above 0"),
        ({"data": [{"kind": "dataset"}]}, ValueError, "needs its folder; make one with: focusstack dataset build"),
        ({"data": [{"kind": "stack"}]}, ValueError, "needs the stack's name"),
        ({"data": [{"kind": "scene"}]}, ValueError, "needs the scene's name"),
        (
            {"data": [{"name": "hair"}]},
            ValueError,
            "name='hair' says nothing to data of kind 'simulation'; leave it ou",
        ),
        (
            {"data": [{"kind": "scene", "name": "hair", "folder": "x"}]},
            ValueError,
            "folder='x' says nothing to data of kind 'scene'; leave it out, or give kind 'simulation' or 'dataset'",
        ),
        ({"looks": 9}, ValueError, "looks=9 is out of range; 1 to 8 is allowed"),
        ({"looks": 1.5}, TypeError, "looks=1.5 is no whole number"),
        ({"clip": "x"}, TypeError, "clip='x' is no number"),
        ({"data": [{"folder": 3}]}, TypeError, "folder=3 of data is no text"),
        ({"data": [{"colour": 3}]}, ValueError, "data has no 'colour'; it has folder, kind"),
        ({"arguments": 3}, TypeError, "arguments=3 is no mapping"),
        ({"architecture": 3}, TypeError, "architecture=3 is no text"),
        ({"start": 3}, TypeError, "start=3 is no text"),
        ({"licence": None}, TypeError, "licence=None is no text"),
        ({"epochs": 3}, ValueError, "a recipe has no 'epochs'; it has architecture"),
    ],
)
def test_what_is_not_possible_is_named(changes, error, message, tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({KEY: "1", **changes}))
    with pytest.raises(error, match=message) as caught:
        TrainingRecipe.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "no text"),
        (b"{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "a JSON object with the key"),
        (b'{"steps": 3}', "not a recipe of a training run"),
    ],
)
def test_files_that_are_no_recipes(content, message, tmp_path):
    (tmp_path / "recipe.json").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        TrainingRecipe.load(tmp_path / "recipe.json")


def test_names_of_losses_are_those_that_there_are():
    assert tuple(LESSONS) == NAMES


def test_shipped_recipes_are_found_by_name_and_can_be_built(tmp_path, monkeypatch):
    names = sorted(path.stem for path in RECIPES.glob("*.json"))
    assert {"unet-small", "unet-small-gpu", "unet-paper"} <= set(names)
    for name in names:
        recipe = read_recipe(name)
        assert all(
            part.folder is None and part.kind in ("simulation", "scene") for part in recipe.data
        )  # no path of anyone's machine
        build(recipe.architecture, recipe.arguments)
    assert parameters_of(build("unet", read_recipe("unet-paper").arguments)) == 46_780_163
    replace(read_recipe("unet-small"), steps=3).save(tmp_path / "mine.json")
    assert read_recipe(tmp_path / "mine.json").steps == 3
    with pytest.raises(ValueError, match="mine: there is no such recipe; give a JSON file, or one of aifdepthnet"):
        read_recipe("mine")


def test_what_data_is_in_words():
    assert FULL.data_in_words() == "stack beetle, dataset mine, simulated bursts corpus"


def test_rates():
    recipe = TrainingRecipe(learning_rate=0.1, warmup=4, steps=100, schedule="constant")
    assert [rate_at(step, recipe) for step in (0, 1, 3, 4, 99)] == pytest.approx([0.025, 0.05, 0.1, 0.1, 0.1])
    cosine = replace(recipe, schedule="cosine", warmup=0)
    assert [rate_at(step, cosine) for step in (0, 50, 100)] == pytest.approx([0.1, 0.05, 0.0])
    halving = replace(recipe, schedule="halving", halve_every=10, warmup=0)
    assert [rate_at(step, halving) for step in (0, 9, 10, 19, 20)] == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025])
