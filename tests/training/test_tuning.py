"""Adapting a depth network to one stack: it gets better or stays as it was, and what comes of it can be saved."""

import numpy as np
import pytest
import torch

from napari_focusstack import estimate_depth, simulate
from napari_focusstack.nets import build
from napari_focusstack.nets.checkpoint import Input, Training, load_network, save_checkpoint
from napari_focusstack.progress import Cancelled, listening
from napari_focusstack.training import tuning
from napari_focusstack.training.patches import patches_of
from napari_focusstack.training.tuning import tune


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("checkpoints") / "untrained"
    training = Training("nothing", 5, 0, "depth", "0.2.0")
    network = build("aifdepthnet", {"size": "small"})
    shape = Input(3, (0.0, 1.0), "stored", (2, 300))
    save_checkpoint(folder, network, task="depth", input=shape, training=training, metrics={}, licence="CC0-1.0")
    return str(folder)


@pytest.fixture(scope="module")
def stack():
    return simulate("steps", frames=4, height=64, width=96, blur=2.0, seed=5)


@pytest.fixture(scope="module")
def tuned(untrained, stack):
    return tune(untrained, stack.frames, stack.truth, steps=20, rate=1e-3)


def test_the_loss_on_what_is_held_out_falls(tuned):
    assert tuned.improved
    assert tuned.after < tuned.before
    assert 0 < tuned.steps <= 20
    assert "what it misses of the picture fell by" in tuned.describe()
    assert not np.array_equal(tuned.depth_before.position, tuned.depth_after.position)


def test_what_was_adapted_can_be_saved_and_used(tuned, stack, tmp_path):
    saved = tuned.save(tmp_path / "mine")
    assert (saved.task, saved.licence, saved.training.steps) == ("depth", "CC0-1.0", 5 + tuned.steps)
    assert saved.metrics["focus_after"] < saved.metrics["focus_before"]
    weights = load_network(saved, "cpu").state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in tuned.network.state_dict().items())
    depth = estimate_depth(stack.frames, "aif", checkpoint=str(tmp_path / "mine"), fill=True)
    np.testing.assert_allclose(depth.position, tuned.depth_after.position, atol=1e-4)


def test_it_never_gets_worse(untrained, stack):
    ruined = tune(untrained, stack.frames, stack.truth, steps=10, rate=3.0)
    assert not ruined.improved
    assert (ruined.steps, ruined.after) == (0, ruined.before)
    assert ruined.depth_after is ruined.depth_before
    assert "did not help: it stays as it was" in ruined.describe()
    first = load_network(ruined.origin, "cpu").state_dict()
    assert all(torch.equal(value, first[name]) for name, value in ruined.network.state_dict().items())


def test_noise_teaches_nothing(untrained):
    """The picture is a frame of noise: by its values alone, each pixel would be from that frame."""
    frames = np.random.default_rng(4).normal(0.5, 0.05, (4, 48, 64, 3)).astype(np.float32)
    found = tune(untrained, frames, frames[1], steps=10, rate=1e-3)
    assert np.abs(found.depth_after.index - found.depth_before.index).mean() < 0.1


def test_a_sweep_down_is_adapted_to_as_one_up(untrained, stack):
    how = {"steps": 10, "rate": 1e-3, "unit": "um"}
    up = tune(untrained, stack.frames, stack.truth, positions=[0, 1, 2, 3], **how)
    down = tune(untrained, stack.frames[::-1], stack.truth, positions=[3, 2, 1, 0], **how)
    assert down.before == pytest.approx(up.before, rel=1e-4)
    np.testing.assert_allclose(down.depth_before.position, up.depth_before.position, atol=1e-4)
    np.testing.assert_allclose(down.depth_before.index, 3 - up.depth_before.index, atol=1e-4)
    assert down.depth_before.unit == "um"


def test_patches_do_not_grow_with_the_stack_and_some_are_held_out(monkeypatch):
    monkeypatch.setattr("napari_focusstack.training.patches.PATCH", 16)
    monkeypatch.setattr("napari_focusstack.training.patches.CROP", 12)
    frames = np.random.default_rng(0).random((3, 160, 160, 3), np.float32)
    from napari_focusstack.depth.aifdepth import Scale

    patches = patches_of(frames, frames[1], Scale(1.0), np.linspace(0, 1, 3), 0)
    assert (len(patches.learned), len(patches.held_out)) == (18, 6)
    learned = {float(picture[0, 0, 0]) for _, picture in patches.learned}
    assert not learned & {float(picture[0, 0, 0]) for _, picture in patches.held_out}
    crops, pictures, places = patches.crops(1, 0)
    assert (crops.shape, pictures.shape, places.shape) == ((2, 3, 3, 12, 12), (2, 3, 12, 12), (2, 3))
    for burst, picture in zip(crops, pictures, strict=True):
        assert torch.equal(burst[1], picture)  # cut and turned alike


def test_progress_goes_by_time_where_that_is_over_first(monkeypatch):
    clock, told = iter(range(100)), []
    monkeypatch.setattr(tuning.time, "monotonic", lambda: next(clock))
    with listening(lambda step: told.append((step.done, step.total))):
        assert list(zip(range(5), tuning._paced(1000, 10 / 60), strict=False))  # a second a step, ten in all
    assert told[-1] == (50, 100)
    told.clear()
    monkeypatch.setattr(tuning.time, "monotonic", lambda: 0.0)
    with listening(lambda step: told.append((step.done, step.total))):
        assert list(tuning._paced(4, 1.0)) == [1, 2, 3, 4]
    assert told[0] == (0, 100)
    assert told[-1] == (100, 100)


def test_cancelling_is_felt(untrained, stack, monkeypatch):
    taken = []
    apart = tuning.apart

    def counted(function, *args):
        taken.append(function.__name__)
        return apart(function, *args)

    monkeypatch.setattr(tuning, "apart", counted)

    def listener(step):
        if step is not None and step.stage == "Adapting" and step.done == 10:
            raise Cancelled

    with pytest.raises(Cancelled), listening(listener):
        tune(untrained, stack.frames, stack.truth, steps=20, minutes=60)
    assert taken.count("learn") == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"frames": 2}, "2 frames are too few for a depth; at least 3 are needed"),
        ({"target": 8}, r"the picture has the shape \(56, 96, 3\), but the frames have \(64, 96, 3\): fuse them"),
        ({"positions": [0, 2, 1, 3]}, "the positions go up and down"),
        ({"steps": 0}, "steps=0: nothing can be learned"),
        ({"minutes": 0.0}, "minutes=0.0, steps=300: nothing can be learned"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(untrained, stack, changes, words):
    frames = stack.frames[: changes.pop("frames", 4)]
    target = stack.truth[changes.pop("target", 0) :]
    unit = "um" if "positions" in changes else None
    with pytest.raises(ValueError, match=words):
        tune(untrained, frames, target, unit=unit, **changes)
