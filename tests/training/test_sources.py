"""Where examples come from: the same seed gives the same, in values as files hold them."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from napari_focusstack.color import to_stored
from napari_focusstack.simulation.batches import Batch
from napari_focusstack.simulation.library import drawn_library
from napari_focusstack.simulation.variety import Variety
from napari_focusstack.training.examples import LEVELS, Examples, as_stored
from napari_focusstack.training.sources import Mixed, Simulated, Staged, Undecided, generator_of


@pytest.fixture(scope="module")
def simulated():
    return Simulated(drawn_library(2, 3, seed=1))


def test_the_same_seed_gives_the_same_examples(simulated):
    one, again, other = (
        simulated.draw(seed, bursts=2, size=32, frames=3) for seed in ((1, 2, 3), (1, 2, 3), (1, 2, 4))
    )
    assert torch.equal(one.frames, again.frames) and torch.equal(one.truth, again.truth)
    assert not torch.equal(one.frames, other.frames)


def test_shapes_and_values(simulated):
    examples = simulated.draw((5,), bursts=2, size=32, frames=4)
    assert examples.frames.shape == (2, 4, 3, 32, 32) and examples.truth.shape == (2, 3, 32, 32)
    for planes in (examples.frames, examples.truth):
        assert planes.dtype == torch.float32
        assert planes.min() >= 0 and planes.max() <= 1
    assert examples.depth.shape == (2, 32, 32) and examples.noise.shape == (2, 3, 9)


def test_any_number_of_frames_is_drawn(simulated):
    counts = {simulated.draw((seed,), bursts=1, size=32).frames.shape[1] for seed in range(12)}
    assert len(counts) > 4 and min(counts) >= 2 and max(counts) <= 30


def test_light_is_stored_as_files_have_it():
    ramp = torch.linspace(-0.2, 1.3, 64).expand(1, 2, 3, 4, 64).contiguous()
    batch = Batch(ramp, ramp[:, 0], *(torch.zeros(1),) * 3, 1.0, torch.zeros(1, 2))
    light = ramp[0, 0, 0, 0].clamp(0, 1)
    curves = {"linear": light, "srgb": torch.from_numpy(np.asarray(to_stored(light.numpy(), "srgb")))}
    seen = set()
    for seed in range(200):
        stored = as_stored(batch, generator_of((seed,)))
        truth, frame = stored.truth[0, 0, 0], stored.frames[0, 0, 0, 0]
        transfer = next(name for name, curve in curves.items() if torch.allclose(truth, curve, atol=2e-4))
        levels = next(n for n in LEVELS if torch.equal((frame * n).round() / n, frame))
        assert (frame - truth).abs().max() <= 0.5 / levels + 1e-6
        seen.add((transfer, levels))
    assert len(seen) == 6  # both curves with all of 8, 12 and 16 bit


@dataclass(frozen=True)
class Plain:
    """Bursts of one value."""

    value: float

    def draw(self, seed, *, bursts, size, frames=None):
        frames = torch.full((bursts, 2, 1, size, size), self.value)
        return Examples(frames, frames[:, 0])


def test_a_mix_draws_from_each_by_its_share():
    mixed = Mixed([(Plain(0.0), 1.0), (Plain(1.0), 3.0)])
    drawn = [float(mixed.draw((7, step), bursts=1, size=8).truth.mean()) for step in range(400)]
    assert np.mean(drawn) == pytest.approx(0.75, abs=0.08)
    assert drawn == [float(mixed.draw((7, step), bursts=1, size=8).truth.mean()) for step in range(400)]
    assert set(drawn) == {0.0, 1.0}


def test_neighbouring_seeds_have_nothing_in_common():
    numbers = [torch.rand(1000, generator=generator_of((1, step))) for step in range(2)]
    assert abs(float(torch.corrcoef(torch.stack(numbers))[0, 1])) < 0.15


def staged(split="train", scene="occluders"):
    return Staged(scene, Variety(frames=(3, 6), sweep=(3.0, 6.0)), split, torch.device("cpu"))


def test_scenes_follow_from_the_seed_and_are_never_those_of_the_other_split():
    one, again, other, held_out = (
        source.draw(seed, bursts=1, size=32, frames=4)
        for source, seed in ((staged(), (1,)), (staged(), (1,)), (staged(), (2,)), (staged("test"), (1,)))
    )
    assert torch.equal(one.frames, again.frames) and torch.equal(one.depth, again.depth)
    for apart in (other, held_out):
        assert not torch.equal(one.depth, apart.depth)


def test_what_is_true_of_scenes_has_the_shapes_of_other_examples(simulated):
    scenes, other = (source.draw((3,), bursts=2, size=32, frames=4) for source in (staged(), simulated))
    for name in ("frames", "truth", "depth", "noise"):
        found, expected = getattr(scenes, name), getattr(other, name)
        assert found.shape == expected.shape and found.dtype == expected.dtype
    assert scenes.alphas.shape == scenes.depths.shape == (2, 4, 32, 32)
    assert scenes.frames.min() >= 0 and scenes.frames.max() <= 1
    assert scenes.depth.min() >= 0 and scenes.depth.max() <= 3


def test_an_unknown_scene_is_named():
    with pytest.raises(ValueError, match="unknown scene 'sea'; choices: flat, slanted"):
        staged(scene="sea").draw((1,), bursts=1, size=32)


def test_candidates_come_with_the_examples():
    drawn = Undecided(staged()).draw((4,), bursts=2, size=48)
    assert drawn.planes.shape == (2, 19, 48, 48) and drawn.candidates.shape == (2, 5, 48, 48)
    nearest = (drawn.candidates - drawn.depth[:, None]).abs().amin(1)
    assert (nearest < 1).float().mean() > 0.8
