"""Training of networks that are told the noise: where they are told it from, and that they learn from both pictures."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from tiny_run import LINES

from napari_focusstack.nets import build
from napari_focusstack.nets.noise import LEVELS, deviation_at
from napari_focusstack.simulation.batches import Variety
from napari_focusstack.simulation.library import drawn_library
from napari_focusstack.training.examples import Examples, noise_levels
from napari_focusstack.training.own import Own
from napari_focusstack.training.recipe import DataPart, TrainingRecipe
from napari_focusstack.training.sources import Simulated, generator_of
from napari_focusstack.training.trainer import Trainer
from napari_focusstack.training.validation import measured, pictured

LOUD = 0.05


@dataclass(frozen=True)
class Noisy:
    """The lines of `tiny_run` in three channels, with noise that everybody knows."""

    raw: bool = False

    def draw(self, seed, *, bursts, size, frames=None):
        drawn = LINES.draw(seed, bursts=bursts, size=size)
        channels = 4 if self.raw else 3
        clean = drawn.frames.expand(-1, -1, channels, -1, -1)
        noise = LOUD * torch.randn(clean.shape, generator=generator_of((*seed, 7)))
        truth = drawn.truth.expand(-1, 3, -1, -1)
        if self.raw:
            truth = truth.repeat_interleave(2, 2).repeat_interleave(2, 3)
        return Examples(clean + noise, truth, noise=torch.full((bursts, channels, LEVELS), LOUD))


def recipe(**changes):
    return replace(
        TrainingRecipe(
            architecture="focusdeep-any",
            arguments={"size": "small", "raw": False},
            data=(DataPart("stack", name="lines"),),
            size=32,
            frames=(4, 4),
            batch=1,
            steps=2,
            warmup=0,
            held_out=1,
            validate_every=100,
            save_every=100,
        ),
        **changes,
    )


@pytest.fixture(scope="module")
def library():
    return drawn_library(3, 2, seed=5)


@pytest.mark.parametrize("raw", [False, True], ids=["rgb", "raw"])
def test_both_pictures_are_learned(tmp_path, raw):
    """Scores and correction begin at zero; after two steps neither is."""
    run = recipe(arguments={"size": "small", "raw": raw})
    trainer = Trainer(run, tmp_path / "run", stacks={"lines": Noisy(raw)}, device="cpu")
    reports = list(trainer)
    assert len(reports) == 2 and reports[-1].saved and np.isfinite(reports[-1].loss)
    assert trainer.averaged.scores.weight.abs().max() > 0
    assert trainer.averaged.correction.head.weight.abs().max() > 0
    if not raw:
        assert reports[-1].psnr_mean is not None
    frames = Noisy(raw).draw((1,), bursts=1, size=32).frames[0].permute(0, 2, 3, 1).numpy()
    assert trainer.preview(frames).shape == ((64, 64, 3) if raw else (32, 32, 3))


def test_the_network_as_published_is_trained_too(tmp_path):
    run = recipe(architecture="focusdeep", arguments={"channels": 3, "frames": 2}, steps=1)
    trainer = Trainer(run, tmp_path / "run", stacks={"lines": Noisy()}, device="cpu")
    assert [report.step for report in trainer] == [1]


@pytest.mark.parametrize("transfer", ["linear", "srgb"])
def test_simulated_noise_is_told_as_loud_as_it_is(library, transfer):
    calm = {"jitter": 0, "breathing": 0, "exposure": 0, "drift": 0, "glints": 0, "layers": (0, 0), "sweep": (1.5, 1.5)}
    source = Simulated(library, Variety(noisy=1, shot=(5e-3, 5e-3), **calm))
    for seed in range(30):
        drawn = source.draw((seed,), bursts=1, size=48, frames=16)
        mean = drawn.frames.mean(1)
        inside = ((mean > 0.2) & (mean < 0.8)).float()
        linear = float(drawn.noise[0, 0, 1] / drawn.noise[0, 0, -1]) < 0.6  # noise of linear light grows with it
        if linear == (transfer == "linear") and inside.mean() > 0.6:
            break
    told = deviation_at(drawn.noise, mean)
    seen = drawn.frames.var(1).sqrt()
    ratio = float((seen * inside).sum() / (told * inside).sum())
    assert 0.6 < ratio < 1.5  # what the network is told is misjudged by 15 %


def test_noise_of_a_stack_is_measured():
    rng = np.random.default_rng(0)
    frames = np.clip(rng.normal(0.4, LOUD, (3, 96, 192, 3)), 0, 1)
    stack = Own((frames * 65535).astype(np.uint16), (frames[0] * 65535).astype(np.uint16))
    drawn = stack.draw((1,), bursts=2, size=48)
    assert drawn.noise.shape == (2, 3, LEVELS)
    assert float(drawn.noise[0, :, 3].mean()) == pytest.approx(LOUD, rel=0.3)


def test_noise_levels_of_a_frame_are_in_its_scale():
    frame = np.random.default_rng(0).normal(0.5, LOUD, (128, 128, 2)).astype(np.float32)
    found = noise_levels(frame)
    assert found.shape == (1, 2, LEVELS)
    assert float(found[0, 0, 4]) == pytest.approx(LOUD, rel=0.3)


def test_nobody_knows_the_noise():
    network = build("focusdeep-any", {})
    with pytest.raises(ValueError, match="nobody knows the noise of these examples; train on others"):
        Examples(torch.zeros(1, 2, 3, 8, 8), torch.zeros(1, 3, 8, 8)).asked(network)
    assert len(Noisy().draw((1,), bursts=1, size=16).asked(network)) == 2
    assert len(Noisy().draw((1,), bursts=1, size=16).asked(build("unet", {"frames": 4}))) == 1


def test_validation_and_preview_ask_for_the_finished_picture():
    network = build("focusdeep-any", {}).eval()
    draw = Noisy().draw((3,), bursts=1, size=32)
    found = measured(network, [draw], torch.no_grad)
    assert found["psnr"] == pytest.approx(found["psnr_mean"], abs=0.01)  # untrained, it takes the mean
    frames = draw.frames[0].permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(pictured(network, frames, tile=64, device="cpu"), frames.mean(0), atol=1e-5)
