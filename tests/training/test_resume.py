"""Killed at any moment, a run goes on to the same numbers as one that was left alone."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, load_file, save_file
from tiny_run import LINES, TINY

from napari_focusstack.nets.checkpoint import load_network, read_checkpoint
from napari_focusstack.training import Trainer
from napari_focusstack.training.logbook import read_log
from napari_focusstack.training.resuming import RESUME

RECIPE = replace(TINY, steps=9, save_every=3, validate_every=2, warmup=2, optimiser="adamw")
RUN = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import torch
from tiny_run import LINES
from napari_focusstack.training import Trainer, TrainingRecipe
torch.set_num_threads(1)
folder, kill = Path(sys.argv[1]), int(sys.argv[2])
for report in Trainer(TrainingRecipe.load(sys.argv[3]), folder, stacks={{"lines": LINES}}, device="cpu"):
    print(report.step, report.loss.hex(), flush=True)
    if report.step == kill:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def start(folder, recipe=RECIPE):
    return Trainer(recipe, folder, stacks={"lines": LINES}, device="cpu")


def in_a_process(folder, kill, recipe):
    """Losses by step, as hexadecimal numbers, of a run that is killed after a step (0: not at all)."""
    code = RUN.format(tests=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(kill), str(recipe)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == (-signal.SIGKILL if kill else 0), done.stderr
    return dict(line.split() for line in done.stdout.splitlines())


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_and_resumed_gives_the_same_losses_and_weights(tmp_path):
    RECIPE.save(tmp_path / "recipe.json")
    whole = in_a_process(tmp_path / "whole", 0, tmp_path / "recipe.json")
    first = in_a_process(tmp_path / "killed", 5, tmp_path / "recipe.json")  # two steps after what was saved
    second = in_a_process(tmp_path / "killed", 8, tmp_path / "recipe.json")
    third = in_a_process(tmp_path / "killed", 0, tmp_path / "recipe.json")
    assert list(whole) == [str(step) for step in range(1, 10)]
    assert [min(run) for run in (first, second, third)] == ["1", "4", "7"]
    assert first | second | third == whole
    assert all(run.items() <= whole.items() for run in (first, second, third))
    for name in ("model.safetensors", RESUME):
        one, other = (load_file(tmp_path / run / name) for run in ("whole", "killed"))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)
    columns = ("step", "loss", "rate", "psnr", "psnr_mean", "psnr_single")
    rows = [
        [tuple(row.get(name) for name in columns) for row in read_log(tmp_path / run)] for run in ("whole", "killed")
    ]
    assert rows[0] == rows[1]
    assert [row[0] for row in rows[0]] == [*range(1, 10)]


@pytest.mark.parametrize("schedule", ["constant", "cosine", "halving"])
@pytest.mark.parametrize("optimiser", ["adam", "adamw"])
def test_every_schedule_and_optimiser_goes_on_alike(tmp_path, schedule, optimiser):
    recipe = replace(RECIPE, steps=4, schedule=schedule, optimiser=optimiser, halve_every=2, precision="bf16-mixed")
    whole = [report.loss for report in start(tmp_path / "whole", recipe)]
    parted = [next(iter(start(tmp_path / "parted", recipe))).loss for _ in range(4)]
    assert parted == whole


@pytest.mark.parametrize("stop", [1, 2, 3, 4])
def test_a_run_that_looks_again_goes_on_alike(tmp_path, stop):
    recipe = replace(RECIPE, steps=5, looks=3, draws=2)
    whole = [report.loss for report in start(tmp_path / "whole", recipe)]
    parted = []
    for report in start(tmp_path / "parted", recipe):
        parted.append(report.loss)
        if report.step == stop:
            break
    parted += [report.loss for report in start(tmp_path / "parted", recipe)]
    assert parted == whole


def test_killed_while_a_checkpoint_took_its_place(tmp_path):
    """The moment between the two renames: the old folder lies under a hidden name, the new one has no name yet."""
    run = tmp_path / "run"
    whole = [report.loss for report in start(tmp_path / "whole")]
    loop = iter(start(run))
    parted = [next(loop).loss for _ in range(3)]
    del loop
    run.rename(tmp_path / ".run.old")
    trainer = start(run)
    assert trainer.step == 3
    assert parted + [report.loss for report in trainer] == whole
    assert [row["step"] for row in read_log(run)] == [*range(1, 10)]
    assert not (tmp_path / ".run.old").exists()


def test_the_state_holds_tensors_only_and_says_what_is_wrong_with_it(tmp_path):
    run = tmp_path / "run"
    next(iter(start(run)))
    state = load((run / RESUME).read_bytes())  # which cannot unpickle
    assert {name.partition(".")[0] for name in state} == {"network", "optimiser"}
    content = (run / RESUME).read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert json.loads(header["__metadata__"]["step"]) == 1

    (run / RESUME).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="no state to go on from.*train into another folder"):
        start(run)
    save_file({name: tensor for name, tensor in state.items() if not name.endswith("filters")}, run / RESUME)
    with pytest.raises(ValueError, match="no state to go on from .it is of another network"):
        start(run)


def test_averaged_weights_of_the_checkpoint_are_taken_up_again(tmp_path):
    trainer = start(tmp_path / "run", replace(RECIPE, average=0.5))
    next(iter(trainer))
    trainer.close()
    again = start(tmp_path / "run", replace(RECIPE, average=0.5))
    saved = load_network(read_checkpoint(tmp_path / "run"), "cpu").state_dict()
    for name, weight in trainer.averaged.state_dict().items():
        assert torch.equal(again.averaged.state_dict()[name], weight) and torch.equal(saved[name], weight)
    for name, weight in trainer._raw.state_dict().items():
        assert torch.equal(again._raw.state_dict()[name], weight)
