"""EdgeNet learns: its loss by hand, its examples from either end of the sweep, and a run to its checkpoint."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focusstack.nets import build
from napari_focusstack.nets.checkpoint import load_network
from napari_focusstack.nets.edgenet import CANDIDATES, PLANES, Choice
from napari_focusstack.simulation import simulate
from napari_focusstack.simulation.library import drawn_library
from napari_focusstack.simulation.variety import Variety
from napari_focusstack.training import TrainingRecipe, data, read_recipe, train
from napari_focusstack.training.evaluate import evaluate
from napari_focusstack.training.examples import Examples, candidates_of, with_candidates
from napari_focusstack.training.lessons import LESSONS
from napari_focusstack.training.logbook import read_log
from napari_focusstack.training.losses import choice_error
from napari_focusstack.training.recipe import DataPart
from napari_focusstack.training.sources import Simulated, Undecided

DEPTHS = (4.0, 1.0, 8.0, 6.0, 2.0)


def choice(logits, depths=DEPTHS, side=3):
    """The same logits and depths everywhere."""
    planes = (torch.tensor(values, dtype=torch.float32) for values in (logits, depths))
    return Choice(*(plane[None, :, None, None].expand(1, -1, side, side) for plane in planes))


def sure_of(candidate):
    return [100.0 * (i == candidate) for i in range(CANDIDATES)]


def truth(value, side=3):
    return torch.full((1, side, side), value)


@pytest.mark.parametrize("candidate", range(CANDIDATES))
def test_a_sure_choice_of_what_is_right_costs_nothing(candidate):
    assert float(choice_error(choice(sure_of(candidate)), truth(DEPTHS[candidate]))) == pytest.approx(0, abs=1e-6)


def test_a_sure_choice_of_what_is_wrong_costs_its_error_and_its_logits():
    costs = [float(choice_error(choice(sure_of(i)), truth(4.0))) for i in range(CANDIDATES)]
    assert costs[0] == pytest.approx(0, abs=1e-6)
    assert costs[1] == costs[2] == pytest.approx(10 + 3 * 100)  # errors of 3 and of more count as 3
    assert costs[3] == costs[4] == pytest.approx(10 * 2 / 3 + 3 * 100)


def test_even_chances_by_hand():
    even = choice([0.0] * CANDIDATES)
    mean = 10 / 3 * (0 + 3 + 3 + 2 + 2) / 5
    assert float(choice_error(even, truth(4.0))) == pytest.approx(mean + 3 * np.log(5), rel=1e-5)
    assert float(choice_error(even, truth(4.0), sorted_out=0)) == pytest.approx(mean, rel=1e-5)


def test_what_is_as_right_shares_the_probability():
    alike = (4.0, 4.4, 9.0, 9.0, 9.0)
    costs = [float(choice_error(choice(sure_of(i), alike), truth(4.0))) for i in range(3)]
    assert costs[1] == pytest.approx(10 / 3 * 0.4, rel=1e-5)
    assert costs[2] > 100


@pytest.mark.parametrize("depths", [(4.0, 4.5, 4.9, 3.6, 4.0), (9.0, 12.0, 20.0, 9.0, 9.0)])
def test_logits_do_not_count_where_nothing_matters(depths):
    """All within a frame of each other; or none right."""
    even = choice([0.0] * CANDIDATES, depths)
    assert choice_error(even, truth(4.0)) == choice_error(even, truth(4.0), sorted_out=0)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-3, 3), min_size=5, max_size=5),
    st.permutations([0.0, 2.5, 5.0, 7.5, 10.0]),
    st.integers(0, CANDIDATES - 1),
)
def test_the_gradient_points_to_the_right_candidate(logits, depths, right):
    asked = torch.tensor(logits).requires_grad_()
    planes = asked[None, :, None, None].expand(1, -1, 2, 2)
    known = choice(logits, depths, side=2).depths
    choice_error(Choice(planes, known), truth(depths[right] + 0.2, side=2)).backward()
    assert asked.grad[right] < 0
    assert (asked.grad[torch.arange(CANDIDATES) != right] > 0).all()


def test_what_nobody_knows_does_not_count():
    wrong, unknown = truth(1.0), truth(float("nan"))
    both = choice_error(choice(sure_of(0), side=3), torch.where(torch.arange(3) < 1, wrong, unknown))
    assert float(both) == pytest.approx(float(choice_error(choice(sure_of(0)), wrong)) / 3)
    assert float(choice_error(choice(sure_of(0)), unknown)) == 0


def test_errors_are_means_over_pixels():
    right, wrong = choice(sure_of(0)), choice(sure_of(1))
    both = Choice(*(torch.cat(pair) for pair in zip(right, wrong, strict=True)))
    expected = float(choice_error(wrong, truth(4.0))) / 2
    assert float(choice_error(both, truth(4.0).expand(2, -1, -1))) == pytest.approx(expected)


def burst(order):
    """An example, far to near or near to far; noise is drawn apart, so there is none."""
    made = simulate("occluders", frames=8, height=64, width=64, order=order, dtype="float32", seed=1)
    frames = torch.from_numpy(made.frames).permute(0, 3, 1, 2)[None]
    depth = torch.from_numpy(made.depth)[None].float()
    near, far = (torch.full((1, 64, 64), float(end)) for end in made.focus.argsort()[[0, -1]])
    return Examples(frames, frames[:, 0], depth, depths=torch.stack([near, far], 1))


def test_a_reversed_burst_is_the_same_example():
    network = build("edgenet", {})
    (planes, depths), (other, mirrored) = (
        with_candidates(burst(order)).asked(network) for order in ("near-to-far", "far-to-near")
    )
    assert planes.shape == (1, PLANES, 64, 64) and depths.shape == (1, CANDIDATES, 64, 64)
    close = (depths[:, 0] + mirrored[:, 0] - 7).abs() < 0.05
    assert close.float().mean() > 0.7
    at = close[:, None].expand_as(depths)
    assert ((7 - mirrored - depths).abs() < 0.3)[at].float().mean() > 0.9
    at = close[:, None].expand_as(planes)
    assert ((planes - other).abs() < 0.1)[at].float().mean() > 0.9


def test_the_nearest_is_in_front_whatever_the_order():
    """Peaks in front have the lower numbers in a sweep from near to far, and the larger ones in the other."""
    for order, sign in (("near-to-far", 1), ("far-to-near", -1)):
        planes, depths = with_candidates(burst(order)).asked(build("edgenet", {}))
        assert (sign * (depths[:, 1] - depths[:, 0]) <= 0).all() and (sign * (depths[:, 3] - depths[:, 0]) >= 0).all()
        assert (planes[:, 3] <= planes[:, 0]).all() and (planes[:, 9] >= planes[:, 0]).all()


def test_candidates_of_a_burst_are_as_when_depth_is_estimated():
    frames = burst("near-to-far").frames[0]
    (planes, depths), (turned, same) = (candidates_of(frames, backwards) for backwards in (False, True))
    assert planes.dtype == depths.dtype == torch.float32
    order = [0, 2, 1, 4, 3]
    assert torch.equal(same, depths[order])
    offset, sharp = (planes[i : 3 * CANDIDATES : 3] for i in (0, 1))
    assert torch.equal(turned[0 : 3 * CANDIDATES : 3], -offset[order])
    assert torch.equal(turned[1 : 3 * CANDIDATES : 3], sharp[order])
    assert torch.equal(turned[-4:-2], planes[-4:-2].flip(0)) and torch.equal(turned[-2:], planes[-2:])


def test_simulated_bursts_are_examples():
    source = Undecided(Simulated(drawn_library(2, 4, seed=1, size=128), Variety(frames=(4, 6))))
    drawn = source.draw((1,), bursts=2, size=32)
    network = build("edgenet", {})
    found = network(*drawn.asked(network))
    assert torch.equal(found.depth, found.depths[:, 0])  # it has not learned anything
    assert LESSONS["choice"].error(found, drawn).isfinite()


def test_without_the_layers_depths_nothing_can_be_asked():
    with pytest.raises(ValueError, match="nobody knows the depths of these examples; train on others"):
        with_candidates(replace(burst("near-to-far"), depths=None))
    with pytest.raises(ValueError, match="nobody knows the planes of these examples; train on others"):
        burst("near-to-far").asked(build("edgenet", {}))


@pytest.fixture
def few_pictures(monkeypatch):
    """Fewer and smaller ones than a real run has."""
    monkeypatch.setattr(data, "drawn_library", lambda *_, seed: drawn_library(2, 4, seed=seed, size=128))


def recipe_of(**changes):
    made = TrainingRecipe(architecture="edgenet", loss="choice", size=32, frames=(3, 5), sweep=(2.0, 4.0), batch=2)
    return replace(made, **{"steps": 2, "warmup": 0, "held_out": 1, "validate_every": 2, **changes})


def test_a_run_leaves_a_checkpoint_of_its_task(few_pictures, tmp_path):
    made = train(recipe_of(), tmp_path / "run", device="cpu")
    assert made.task == "edges" and made.training.loss == "choice" and made.architecture == "edgenet"
    assert made.input.frames == (3, 300) and made.input.channels is None
    assert set(made.metrics) == {"wrong", "wrong_before"}
    assert all(0 <= share <= 1 for share in made.metrics.values())
    assert read_log(tmp_path / "run")[-1]["wrong"] == pytest.approx(made.metrics["wrong"])
    network = load_network(made, "cpu")
    assert network.head.weight.abs().max() > 0  # it began with zeros
    with pytest.raises(ValueError, match="'run' is for the task 'edges'; only networks that fuse are evaluated"):
        evaluate(made, [])


def test_scenes_are_learned_from(few_pictures, tmp_path):
    parts = DataPart("scene", name="occluders"), DataPart("scene", name="hair"), DataPart()
    made = train(recipe_of(data=parts, looks=2, steps=3), tmp_path / "run", device="cpu")
    assert made.training.data == "scene occluders, scene hair, simulated bursts"
    assert 0 <= made.metrics["wrong_before"] < 1


def test_what_is_seen_through_a_mosaic_is_no_scene_and_cannot_be_turned(few_pictures, tmp_path):
    raw = TrainingRecipe(architecture="focusdeep", arguments={"channels": 4, "factor": 2, "frames": 3}, size=32)
    with pytest.raises(ValueError, match="scenes are drawn as pictures, not through a mosaic; give parts of kind 'sim"):
        train(replace(raw, data=(DataPart("scene", name="hair"),)), tmp_path / "run", device="cpu")
    with pytest.raises(
        ValueError, match="there is no scene 'sea'; there are flat, slanted, steps, ledges, occluders, hair, fl"
    ):
        train(recipe_of(data=(DataPart(), DataPart("scene", name="sea"))), tmp_path / "run", device="cpu")
    with pytest.raises(ValueError, match="looks=2: what is seen through a mosaic cannot be turned; only looks=1 is"):
        train(replace(raw, looks=2), tmp_path / "run", device="cpu")


def test_bursts_of_too_few_frames_are_refused(tmp_path):
    with pytest.raises(ValueError, match="frames=.2, 5.: edgenet takes 3 to 300 frames; begin there"):
        train(recipe_of(frames=(2, 5)), tmp_path / "run", device="cpu")


def test_an_example_can_be_learned_by_heart():
    draw = with_candidates(burst("near-to-far"))
    torch.manual_seed(2)
    network = build("edgenet", {})
    given = draw.asked(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3)
    losses = []
    for _ in range(40):
        loss = LESSONS["choice"].error(network(*given), draw)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("part", [DataPart("stack", name="mine"), DataPart("dataset", folder="mine")])
def test_other_data_than_simulated_is_refused(part, tmp_path):
    message = f"'{part.kind}' does not tell what is in front, which edgenet learns; give parts of kind 'simulation' or"
    with pytest.raises(ValueError, match=message):
        train(recipe_of(data=(part,)), tmp_path / "run", device="cpu")


def test_the_recipe_that_came_with_the_program():
    recipe = read_recipe("edgenet")
    assert (recipe.architecture, recipe.loss) == ("edgenet", "choice")
    assert {part.kind for part in recipe.data} == {"simulation", "scene"}
