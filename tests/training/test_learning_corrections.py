"""TrustNet learns: its loss and scores by hand, its examples, and a run to its checkpoint."""

from dataclasses import replace

import pytest
import torch

from napari_focusstack.nets import build
from napari_focusstack.nets.checkpoint import load_network
from napari_focusstack.nets.trustnet import PLANES, RULES
from napari_focusstack.simulation import simulate
from napari_focusstack.simulation.library import drawn_library
from napari_focusstack.training import TrainingRecipe, corrections, data, read_recipe, train
from napari_focusstack.training.corrections import with_corrections
from napari_focusstack.training.examples import Examples
from napari_focusstack.training.lessons import LESSONS
from napari_focusstack.training.logbook import read_log
from napari_focusstack.training.losses import correction_error
from napari_focusstack.training.recipe import DataPart
from napari_focusstack.training.sources import Corrected, generator_of
from napari_focusstack.training.validation import SCORES

SIDE = 8


def plane(value, channels=1):
    return torch.full((1, channels, SIDE, SIDE), float(value))


def example(fused=0.6, freed=0.4, truth=0.3, veiled=1.0, rules=0.0):
    planes = plane(0, PLANES)
    planes[:, RULES] = rules
    known = {"planes": planes, "fused": plane(fused, 3), "freed": plane(freed, 3), "veiled": plane(veiled)}
    return Examples(plane(0, 3)[:, None], plane(truth, 3), **known)


@pytest.mark.parametrize(("share", "left"), [(0.0, 0.3), (0.5, 0.2), (1.0, 0.1)])
def test_what_is_left_of_the_error_by_hand(share, left):
    draw = example()
    found = correction_error(plane(share), draw.fused, draw.freed, draw.veiled, draw.truth, least=0)
    assert float(found) == pytest.approx((left / 0.3) ** 2, rel=1e-5)
    half = example(veiled=0.5)  # what is veiled by half may be freed by half
    found = LESSONS["correction"].error(plane(share), half)
    assert float(found) == pytest.approx(((0.3 - 0.1 * share) / 0.3) ** 2, rel=1e-3)


def test_only_what_is_veiled_counts_and_each_burst_alike():
    draw = example()
    draw.veiled[..., : SIDE // 2] = 0
    error = float(LESSONS["correction"].error(plane(1), draw))
    assert error == pytest.approx(1 / 9, rel=1e-3)
    fine = example(fused=0.31, freed=0.3)
    both = [torch.cat([getattr(one, name) for one in (draw, fine)]) for name in ("fused", "freed", "veiled", "truth")]
    assert float(correction_error(plane(1).expand(2, -1, -1, -1), *both, least=0)) == pytest.approx(1 / 18, rel=1e-3)


def test_nothing_veiled_costs_nothing_and_has_no_score():
    draw = example(veiled=0)
    assert float(LESSONS["correction"].error(plane(1), draw)) == 0
    assert all(score.isnan().all() for score in SCORES["trust"](plane(1), draw).values())


def test_gains_in_decibel():
    found = SCORES["trust"](plane(1), example(rules=0.5))
    assert found["gain"].item() == pytest.approx(9.542, abs=1e-2)  # 0.3 to 0.1
    assert found["gain_rules"].item() == pytest.approx(3.522, abs=1e-2)  # 0.3 to 0.2


def burst(transfer="srgb"):
    """Blobs before a background, which are simulated as if stored."""
    made = simulate("occluders", frames=8, height=96, width=96, dtype="float32", blur=1.2, seed=3)
    frames = torch.from_numpy(made.frames).permute(0, 3, 1, 2)[None]
    return Examples(frames, torch.from_numpy(made.truth).permute(2, 0, 1)[None], blur=1.2, transfer=transfer)


@pytest.fixture
def as_it_is(monkeypatch):
    monkeypatch.setattr(corrections, "MISTAKEN", 0)
    monkeypatch.setattr(corrections, "MOVED", 0)
    monkeypatch.setattr(corrections, "EDGES", (("contours", 1.0),))
    monkeypatch.setattr(corrections, "FUSIONS", (("pyramid", 1.0),))


@pytest.mark.usefixtures("as_it_is")
def test_what_is_freed_is_nearer_to_the_truth_where_it_is_veiled():
    found = with_corrections(burst(), generator_of((1,)))
    assert found.planes.shape == (1, PLANES, 96, 96) and found.planes.dtype == torch.float32
    sure = (found.veiled == 1).expand_as(found.truth)
    assert sure.float().mean() > 0.02
    before, after = ((picture - found.truth).square()[sure].mean() for picture in (found.fused, found.freed))
    assert after < before / 2
    assert torch.equal(found.planes[:, 0], found.fused.mean(1) - 0.5)
    given = found.asked(build("trustnet", {}))
    assert len(given) == 1 and given[0] is found.planes


@pytest.mark.usefixtures("as_it_is")
def test_without_edges_there_is_nothing_to_learn():
    made = simulate("slanted", frames=6, height=64, width=64, dtype="float32", seed=1)
    frames = torch.from_numpy(made.frames).permute(0, 3, 1, 2)[None]
    found = with_corrections(Examples(frames, frames[:, 0]), generator_of((1,)))
    assert not found.veiled.any() and not found.planes.any()
    assert torch.equal(found.fused, found.freed)


class Twice:
    """A source whose first burst has nothing in front, and whose second has."""

    def __init__(self):
        self.seeds = []

    def draw(self, seed, **_):
        self.seeds.append(seed)
        return replace(burst(), frames=burst().frames[:, :1].expand(-1, 8, -1, -1, -1)) if seed[-1] == 0 else burst()


@pytest.mark.usefixtures("as_it_is")
def test_bursts_are_drawn_until_one_can_be_corrected():
    source = Twice()
    found = Corrected(source).draw((7,), bursts=1, size=96)
    assert source.seeds == [(7, 0), (7, 1)]
    assert found.veiled.any()


@pytest.mark.usefixtures("as_it_is")
def test_an_example_can_be_learned_by_heart():
    draw = with_corrections(burst(), generator_of((1,)))
    torch.manual_seed(2)
    network = build("trustnet", {})
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(80):
        loss = LESSONS["correction"].error(network(*draw.asked(network)), draw)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.75 * losses[0]


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.69, 0.71, 0.9, 0.9999999])
def test_choices_are_drawn_by_their_shares(chance):
    expected = "pyramid" if chance < 0.7 else "wavelet" if chance < 0.85 else "depthmap"
    assert corrections._drawn(corrections.FUSIONS, chance) == expected


@pytest.fixture
def few_pictures(monkeypatch):
    """Fewer and smaller ones than a real run has."""
    monkeypatch.setattr(data, "drawn_library", lambda *_, seed: drawn_library(2, 4, seed=seed, size=128))


def recipe_of(**changes):
    made = TrainingRecipe(architecture="trustnet", loss="correction", size=64, frames=(5, 7), sweep=(6.0, 9.0))
    made = replace(made, data=(DataPart("scene", name="occluders"), DataPart()), looks=2, held_out=1)
    return replace(made, **{"steps": 2, "warmup": 0, "validate_every": 2, **changes})


@pytest.mark.usefixtures("few_pictures", "as_it_is")
def test_a_run_leaves_a_checkpoint_of_its_task(tmp_path):
    made = train(recipe_of(), tmp_path / "run", device="cpu")
    assert made.task == "trust" and made.training.loss == "correction" and made.architecture == "trustnet"
    assert made.input.frames == (3, 300) and made.input.channels is None
    assert set(made.metrics) == {"gain", "gain_rules"}
    assert made.rating == f"{made.metrics['gain']:+.2f} dB beside depth edges"
    assert read_log(tmp_path / "run")[-1]["gain"] == pytest.approx(made.metrics["gain"])
    assert load_network(made, "cpu").head.weight.abs().max() > 0  # it began with zeros


@pytest.mark.parametrize("part", [DataPart("stack", name="mine"), DataPart("dataset", folder="mine")])
def test_other_data_than_simulated_is_refused(part, tmp_path):
    message = f"'{part.kind}' does not tell what is in front, which trustnet learns; give parts of kind 'simulation' or"
    with pytest.raises(ValueError, match=message):
        train(recipe_of(data=(part,)), tmp_path / "run", device="cpu")


def test_the_recipe_that_came_with_the_program():
    recipe = read_recipe("trustnet")
    assert (recipe.architecture, recipe.loss) == ("trustnet", "correction")
    assert {part.kind for part in recipe.data} == {"simulation", "scene"}
