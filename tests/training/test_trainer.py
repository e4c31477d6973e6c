"""The loop: it learns, tells, stops, and fails without spoiling what was saved."""

import errno
import threading
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from tiny_run import LINES, TINY

from napari_focusstack.nets.checkpoint import load_network, read_checkpoint
from napari_focusstack.progress import Cancelled, listening
from napari_focusstack.training import Trainer, TrainingRecipe, data, train
from napari_focusstack.training import trainer as module
from napari_focusstack.training.lessons import LESSONS, Lesson
from napari_focusstack.training.logbook import read_log
from napari_focusstack.training.recipe import DataPart


@pytest.fixture
def run(tmp_path):
    return tmp_path / "run"


def start(folder, **changes):
    return Trainer(replace(TINY, **changes), folder, stacks={"lines": LINES}, device="cpu")


def test_a_network_learns_what_is_sharp(run):
    trainer = start(run, steps=40, learning_rate=3e-3)
    reports = list(trainer)
    assert [r.step for r in reports] == [*range(1, 41)]
    first, last = (np.mean([r.loss for r in part]) for part in (reports[:8], reports[-8:]))
    assert last < 0.8 * first
    assert reports[-1].psnr > reports[-1].psnr_single > reports[-1].psnr_mean
    assert reports[-1].saved and reports[-1].seconds_left == 0
    assert trainer.checkpoint == read_checkpoint(run)
    assert trainer.checkpoint.training.steps == 40
    assert trainer.checkpoint.metrics["psnr"] == reports[-1].psnr
    assert trainer.checkpoint.training.data == "stack lines"


def test_the_best_frame_and_the_mean_are_measured_exactly(run):
    report = next(iter(start(run, steps=1)))
    source = LINES.draw((1,), bursts=2, size=48)
    assert report.psnr_mean == pytest.approx(_psnr(source.frames.mean(1), source.truth), abs=0.6)


def _psnr(found, truth):
    error = (found - truth)[..., 4:-4, 4:-4].square().mean((1, 2, 3))
    return float((-10 * torch.log10(error)).mean())


def test_what_is_saved_are_the_averaged_weights(run):
    trainer = start(run, steps=3, average=0.9)
    list(trainer)
    saved = load_network(trainer.checkpoint, "cpu").state_dict()
    assert all(torch.equal(saved[name], weight) for name, weight in trainer.averaged.state_dict().items())
    assert any(not torch.equal(saved[name], weight) for name, weight in trainer._raw.state_dict().items())


def test_an_average_of_none_is_the_newest(run):
    trainer = start(run, steps=2, average=0.0)
    list(trainer)
    pairs = zip(trainer.averaged.parameters(), trainer._raw.parameters(), strict=True)
    assert all(torch.equal(mean, weight) for mean, weight in pairs)


def test_rows_are_as_many_as_steps_in_the_file_and_for_tensorboard(run):
    list(start(run, steps=5, validate_every=2, save_every=2))
    rows = read_log(run)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5]
    assert [("psnr" in row) for row in rows] == [False, True, False, True, True]
    shown = _shown(run)
    assert [e.step for e in shown] == [1, 2, 3, 4, 5]
    assert [e.value for e in shown] == pytest.approx([row["loss"] for row in rows], rel=1e-6)


def test_tensorboard_keeps_rows_of_many_saves_in_one_second_in_order(run, monkeypatch):
    from tensorboard.summary.writer import event_file_writer

    # it counts its files, and takes the tenth for older than the ninth
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(8))
    list(start(run, steps=5, save_every=1))
    assert [e.step for e in _shown(run)] == [1, 2, 3, 4, 5]


def _shown(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    return events.Scalars("loss")


def test_leaving_the_loop_saves_and_leaves_no_thread(run):
    trainer = start(run, steps=50)
    for report in trainer:
        if report.step == 3:
            break
    assert read_checkpoint(run).training.steps == 3
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("examples")]
    loop = iter(trainer)  # and may be entered again
    assert next(loop).step == 4
    trainer.close()
    assert read_checkpoint(run).training.steps == 4
    assert list(loop) == []


def test_cancel_saves(run):
    def stop(step):
        if step and step.stage == "Training" and step.done == 2:
            raise Cancelled

    with listening(stop), pytest.raises(Cancelled):
        list(start(run, steps=50))
    assert read_checkpoint(run).training.steps == 2


def test_stopped_within_a_step_keeps_the_last_checkpoint(run, monkeypatch):
    trainer = start(run, steps=9, save_every=2)
    loop = iter(trainer)
    for _ in range(3):
        next(loop)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(trainer, "_average", _interrupted)
        next(loop)
    assert read_checkpoint(run).training.steps == 2
    with pytest.raises(RuntimeError, match="a new Trainer goes on from step 2"):
        iter(trainer)
    assert next(iter(start(run, steps=9, save_every=2))).step == 3


def _interrupted(decay):
    raise KeyboardInterrupt


@dataclass(frozen=True)
class Spoilt:
    """Lines, but for one step whose truth is not a number."""

    step: int

    def draw(self, seed, **options):
        examples = LINES.draw(seed, **options)
        return replace(examples, truth=examples.truth * torch.nan) if seed[1] == self.step else examples


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_checkpoint(run):
    trainer = Trainer(replace(TINY, steps=9, save_every=2), run, stacks={"lines": Spoilt(3)}, device="cpu")
    with pytest.raises(RuntimeError, match=r"step 4.*not finite.*checkpoint of step 2 in .*run is intact.*learning"):
        list(trainer)
    checkpoint = read_checkpoint(run)
    assert checkpoint.training.steps == 2
    load_network(checkpoint, "cpu")


def test_a_gradient_that_is_not_finite_stops_too(run, monkeypatch):
    monkeypatch.setitem(LESSONS, "squared", Lesson("fusion", lambda found, draw: (found.sum() * 0).sqrt()))
    with pytest.raises(RuntimeError, match="or its gradient, is not finite.*nothing was saved"):
        list(start(run, loss="squared"))
    assert not run.exists()


def test_a_full_disk_stops_and_keeps_the_last_checkpoint(run, monkeypatch):
    trainer = start(run, steps=9, save_every=2)
    loop = iter(trainer)
    next(loop), next(loop)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "store", full)
    with pytest.raises(OSError, match="No space left on device.*untouched") as caught:
        list(loop)
    assert caught.value.errno == errno.ENOSPC
    assert [path.name for path in run.parent.iterdir()] == ["run"]  # nothing half-written lies about
    monkeypatch.undo()
    assert read_checkpoint(run).training.steps == 2
    assert next(iter(start(run, steps=9, save_every=2))).step == 3


def test_minutes_end_a_slice(run):
    recipe = replace(TINY, steps=4)
    for slices in range(1, 5):
        assert train(recipe, run, stacks={"lines": LINES}, device="cpu", minutes=0).training.steps == slices
    assert train(recipe, run, stacks={"lines": LINES}, device="cpu").training.steps == 4
    assert [row["step"] for row in read_log(run)] == [1, 2, 3, 4]


def test_another_recipe_is_refused(run):
    list(start(run, steps=1))
    with pytest.raises(ValueError, match=r"another recipe \(steps, batch differ\)|\(batch, steps differ\)"):
        start(run, steps=2, batch=3)


@pytest.mark.parametrize("missing", ["resume.safetensors", "training.json"])
def test_a_checkpoint_that_cannot_be_gone_on_from_is_not_overwritten(run, missing):
    list(start(run, steps=1))
    (run / missing).unlink()
    with pytest.raises(ValueError, match="without the state to go on from; choose another folder"):
        start(run, steps=1)


def test_a_stack_that_is_not_open_is_refused(run):
    with pytest.raises(ValueError, match="there is no stack 'lines'; open are: beetle"):
        Trainer(TINY, run, stacks={"beetle": LINES}, device="cpu")


def test_it_starts_from_a_checkpoint_of_the_same_network(run):
    trained = list(start(run, steps=3)) and read_checkpoint(run)
    tuned = start(run.with_name("tuned"), start=str(run), steps=1, warmup=0)
    weights = load_network(trained, "cpu").state_dict()
    assert all(torch.equal(weight, weights[name]) for name, weight in tuned._raw.state_dict().items())
    with pytest.raises(ValueError, match=r"run is a unet with .*'frames': 4.* not a unet with .*'frames': 5"):
        start(run.with_name("other"), start=str(run), arguments={"size": "small", "frames": 5})


def test_a_preview_is_the_averaged_network_s(run):
    trainer = start(run, steps=2)
    next(iter(trainer))
    frames = LINES.draw((5,), bursts=1, size=48).frames
    picture = trainer.preview(frames[0].movedim(1, -1).numpy())
    with torch.no_grad():
        expected = trainer.averaged(frames)[0].movedim(0, -1).numpy()
    np.testing.assert_allclose(picture, expected, atol=1e-5)


def test_bfloat16_comes_near_to_float32(tmp_path):
    exact, rough = (next(iter(start(tmp_path / p, precision=p))).loss for p in ("32-true", "bf16-mixed"))
    assert exact != rough
    assert rough == pytest.approx(exact, rel=0.2)


def test_draws_must_be_shared_equally(run, monkeypatch):
    for name, value in {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "x"}.items():
        monkeypatch.setenv(name, value)
    for name in ("RANK", "LOCAL_RANK", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "0")
    with pytest.raises(ValueError, match="draws=1 cannot be shared equally among 2 processes"):
        start(run)


def test_simulated_bursts_are_drawn_by_default(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "DRAWN", {"train": (2, 3), "test": (2, 3)})  # fewer pictures than a real run has
    recipe = TrainingRecipe(
        arguments={"size": "small", "frames": 4}, size=32, batch=1, frames=(2, 3), held_out=1, steps=1
    )
    assert recipe.data == (DataPart("simulation"),)
    assert train(recipe, tmp_path / "run", device="cpu").training.data == "simulated bursts"
