"""Two processes that share the draws of a step take the same steps as one that has them all."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_run import LINES, TINY

from napari_focusstack.training import train
from napari_focusstack.training.beginning import _processes
from napari_focusstack.training.logbook import read_log

RECIPE = replace(TINY, steps=4, draws=2, save_every=2, validate_every=2)
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
RUN = """
import os, sys
sys.path.insert(0, {tests!r})
import torch
from tiny_run import LINES
from napari_focusstack.training import TrainingRecipe, train
torch.set_num_threads(1)
folder, recipe, minutes = sys.argv[1:]
checkpoint = train(TrainingRecipe.load(recipe), folder, stacks={{"lines": LINES}}, device="cpu", minutes=float(minutes))
os.write(1, f"ends at {{checkpoint.training.steps}}\\n".encode())  # at once, as the other process writes, too
torch.distributed.destroy_process_group()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="torchrun needs libuv, which Windows builds of torch may lack")
def test_two_processes_take_the_same_steps_as_one(tmp_path):
    RECIPE.save(tmp_path / "recipe.json")
    script = tmp_path / "run.py"
    script.write_text(RUN.format(tests=str(Path(__file__).parent)))
    for minutes, steps in (("0", 1), ("inf", 4)):  # a slice of one step, and the rest
        done = subprocess.run(
            [*TORCHRUN, str(script), str(tmp_path / "two"), str(tmp_path / "recipe.json"), minutes],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(f"ends at {steps}") == 2
    train(RECIPE, tmp_path / "one", stacks={"lines": LINES}, device="cpu")
    one, two = read_log(tmp_path / "one"), read_log(tmp_path / "two")
    assert [row["step"] for row in two] == [1, 2, 3, 4]
    for name in ("loss", "rate"):
        np.testing.assert_allclose([row[name] for row in two], [row[name] for row in one], rtol=1e-5)
    assert two[-1]["psnr"] == pytest.approx(one[-1]["psnr"], abs=1e-3)
    weights = [load_file(tmp_path / run / "model.safetensors") for run in ("one", "two")]
    begun = load_file(_first(tmp_path) / "model.safetensors")
    for name, weight in weights[0].items():
        moved = (weight - begun[name]).abs().max()
        torch.testing.assert_close(weights[1][name], weight, rtol=0, atol=float(0.02 * moved) + 1e-7)


def _first(folder):
    """A run of the same network after one step, to see how far the others went."""
    train(replace(RECIPE, steps=1), folder / "first", stacks={"lines": LINES}, device="cpu")
    return folder / "first"


def test_draws_accumulate_to_the_doubled_batch(tmp_path):
    """One draw of 2·B bursts and two of B have the same loss if they hold the same bursts."""

    class Doubled:
        def draw(self, seed, *, bursts, size, frames=None):
            parts = [LINES.draw((*seed[:2], draw), bursts=max(1, bursts // 2), size=size) for draw in range(2)]
            return type(parts[0])(*(torch.cat([getattr(p, n) for p in parts]) for n in ("frames", "truth")))

    train(RECIPE, tmp_path / "two", stacks={"lines": LINES}, device="cpu")
    doubled = replace(RECIPE, draws=1, batch=2 * RECIPE.batch)
    train(doubled, tmp_path / "one", stacks={"lines": Doubled()}, device="cpu")
    losses = [[row["loss"] for row in read_log(tmp_path / run)] for run in ("one", "two")]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (1, 1)),
        ({"SLURM_NTASKS": "8", "SLURM_NTASKS_PER_NODE": "4", "SLURM_JOB_NAME": "train"}, (4, 8)),
        ({"SLURM_NTASKS": "8", "SLURM_NTASKS_PER_NODE": "4", "SLURM_JOB_NAME": "bash"}, (1, 1)),
        ({"TORCHELASTIC_RUN_ID": "1", "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "6", "SLURM_NTASKS": "3"}, (2, 6)),
    ],
    ids=["alone", "slurm", "slurm-shell", "torchrun-in-slurm"],
)
def test_processes_are_those_of_torchrun_or_slurm(monkeypatch, environment, expected):
    for name in list(os.environ):
        if name.startswith(("SLURM", "TORCHELASTIC", "WORLD_SIZE", "LOCAL_WORLD_SIZE")):
            monkeypatch.delenv(name)
    required = ("RANK", "GROUP_RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    for name, value in (dict.fromkeys(required, "0") | environment).items():
        monkeypatch.setenv(name, value)
    assert _processes() == expected
