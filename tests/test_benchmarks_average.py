"""Checkpoints averaged into one, and measured beside it."""

import json
from pathlib import Path

import pytest
import torch

from checkpointed import saved
from napari_focusstack.nets.checkpoint import load_network, read_checkpoint

ROOT = Path(__file__).parents[1]
RECIPE = {
    "napari-focusstack training": "0.2",
    "architecture": "edgenet",
    "arguments": {},
    "loss": "choice",
    "frames": [5, 5],
    "size": 64,
    "held_out": 1,
    "seed": 7,
}


@pytest.fixture(autouse=True)
def from_the_root(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(RECIPE))
    return str(path)


def edges(folder, value):
    """A checkpoint of a network whose last layer prefers the second depth by so much."""

    def change(network):
        with torch.no_grad():
            network.head.bias[1] = value

    return saved(folder, "edgenet", lengths=(3, 300), change=change)


def test_weights_are_averaged_and_all_are_measured(tmp_path, recipe, capsys):
    from benchmarks.averaging import report

    names = [edges(tmp_path / f"b{value}", value) for value in (-2, 6)]
    report(tmp_path / "mean", names, recipe=recipe, device="cpu")
    one, mean = (read_checkpoint(name) for name in (names[0], tmp_path / "mean"))
    network = load_network(mean, "cpu")
    assert float(network.head.bias[1].detach()) == pytest.approx(2)
    torch.testing.assert_close(network.stem.weight, load_network(one, "cpu").stem.weight)
    assert (mean.architecture, mean.task, mean.input, mean.tile) == (one.architecture, one.task, one.input, one.tile)
    assert mean.training.seed == RECIPE["seed"]
    assert "mean of 2 checkpoints" in mean.training.data
    printed = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in printed[2:]] == [*names, "mean"]
    assert float(printed[-1].split("|")[2]) == mean.metrics["wrong"]
    wrong = [float(line.split("|")[2]) for line in printed[2:]]
    assert wrong[1] > wrong[0]  # who always takes the second depth is wrong more often


def test_others_are_not_averaged(tmp_path, recipe):
    from benchmarks.averaging import report

    names = [edges(tmp_path / "edges", 0), saved(tmp_path / "fsb", "fsb", lengths=(2, 2), size="small")]
    with pytest.raises(ValueError, match="checkpoints with another architecture cannot be averaged"):
        report(tmp_path / "mean", names, recipe=recipe, device="cpu")
    assert not (tmp_path / "mean").exists()
