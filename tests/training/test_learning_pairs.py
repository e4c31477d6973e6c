"""FSB, FRB and KEB learn, from a run of the trainer to its checkpoint; their data is simulated alone."""

from dataclasses import replace

import pytest
import torch

from napari_focusstack.nets import build
from napari_focusstack.nets.checkpoint import load_network
from napari_focusstack.simulation.library import drawn_library
from napari_focusstack.training import TrainingRecipe, data, read_recipe, train
from napari_focusstack.training.evaluate import evaluate
from napari_focusstack.training.examples import with_rehearsal
from napari_focusstack.training.lessons import LESSONS
from napari_focusstack.training.logbook import read_log
from napari_focusstack.training.recipe import DataPart
from napari_focusstack.training.sources import Paired

LOSSES = {"fsb": "foreground", "frb": "refinement-overlap", "keb": "kernel"}


@pytest.fixture
def few_pictures(monkeypatch):
    """Fewer and smaller ones than a real run has."""
    monkeypatch.setattr(data, "drawn_library", lambda *_, seed: drawn_library(2, 4, seed=seed, size=128))


def recipe_of(architecture, **changes):
    made = TrainingRecipe(architecture=architecture, loss=LOSSES[architecture], size=32, frames=(2, 2), batch=2)
    return replace(made, steps=2, held_out=1, validate_every=2, **changes)


@pytest.mark.parametrize("architecture", LOSSES)
def test_a_run_leaves_a_checkpoint_of_its_task(architecture, few_pictures, tmp_path):
    made = train(recipe_of(architecture), tmp_path / "run", device="cpu")
    task, measured = {"fsb": ("foreground", "miou"), "frb": ("refinement", "miou"), "keb": ("kernel", "sigma_error")}[
        architecture
    ]
    assert made.task == task and made.training.loss == LOSSES[architecture]
    assert made.input.frames == (2, 2) and made.input.channels == 3
    assert read_log(tmp_path / "run")[-1][measured] == pytest.approx(made.metrics[measured])
    assert {"psnr", measured} <= set(made.metrics)
    load_network(made, "cpu")
    with pytest.raises(ValueError, match=f"'run' is for the task '{made.task}'; only networks that fuse are evaluated"):
        evaluate(made, [])


@pytest.mark.parametrize("part", [DataPart("stack", name="mine"), DataPart("dataset", folder="mine")])
def test_other_data_than_simulated_is_refused(part, tmp_path):
    message = f"data of kind '{part.kind}' does not tell what is in front, which fsb learns; give parts of kind 'simul"
    with pytest.raises(ValueError, match=message):
        train(recipe_of("fsb", data=(part,)), tmp_path / "run", device="cpu")


def test_foregrounds_that_are_learned_from_are_opaque(few_pictures, monkeypatch):
    monkeypatch.setattr(data, "drawn_library", lambda *_, seed: drawn_library(2, 9, seed=seed, size=128))
    source = data.source_of(recipe_of("fsb"), {}, torch.device("cpu"))
    assert len(source.library.cutouts) == 8  # one of each kind, less the wings


def test_pairs_are_stored_as_files_have_them():
    drawn = Paired(drawn_library(2, 4, seed=1, size=128)).draw((3,), bursts=3, size=32, frames=7)
    assert drawn.frames.shape == (3, 2, 3, 32, 32) and drawn.truth.shape == (3, 3, 32, 32)
    assert 0 <= drawn.frames.min() < drawn.frames.max() <= 1
    assert drawn.mask.shape == (3, 1, 32, 32) and set(drawn.mask.unique().tolist()) == {0, 1}
    assert drawn.sigma.shape == drawn.sigma_behind.shape == (3,) and drawn.noise.shape == (3, 3, 9)


def test_drafts_are_rehearsed_as_their_pairs_are_stored_and_turn_with_them(few_pictures):
    source = data.source_of(recipe_of("frb"), {}, torch.device("cpu"))
    drawn = source.draw((3,), bursts=3, size=64)
    bare = source.source.draw((3,), bursts=3, size=64)
    torch.testing.assert_close(drawn.frames, bare.frames, rtol=0, atol=0)
    assert drawn.rehearsal.shape == (3, 3, 3, 64, 64)
    draft, veil, seen = drawn.rehearsal[:, 2].unbind(1)
    assert (((draft > 0.5) == (drawn.mask[:, 0] > 0.5)).float().mean((1, 2)) > 0.8).all()
    told = (seen > 0.9) & (drawn.mask[:, 0] == 0) & (draft < 0.5)
    unlike, others = (
        (one - two).abs().mean(1)[told].mean()
        for one, two in ((drawn.rehearsal[:, 0], drawn.frames[:, 0]), (drawn.frames[:, 1], drawn.frames[:, 0]))
    )
    assert unlike < others / 2
    assert veil.max() <= 1 + 1e-5
    torch.testing.assert_close(drawn.turned(3).rehearsal, drawn.rehearsal.flip(-1, -2), rtol=0, atol=0)


def test_nobody_rehearses_what_blurs_nobody_knows(few_pictures):
    drawn = Paired(drawn_library(2, 4, seed=1, size=128)).draw((3,), bursts=1, size=32)
    with pytest.raises(ValueError, match="nobody knows the sigma_behind of these examples; train on others"):
        with_rehearsal(replace(drawn, sigma_behind=None), build("fsb", {}), torch.Generator())


@pytest.mark.parametrize("architecture", LOSSES)
def test_a_few_pairs_can_be_learned_by_heart(architecture):
    pairs = Paired(drawn_library(2, 4, seed=1, size=128)).draw((5,), bursts=4, size=32)
    torch.manual_seed(2)
    if architecture == "frb":
        pairs = with_rehearsal(pairs, build("fsb", {}), torch.Generator())
    network = build(architecture, {})
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3)
    losses = []
    for _ in range(50):
        loss = LESSONS[LOSSES[architecture]].error(network(*pairs.asked(network)), pairs)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_the_paper_s_recipes_are_the_paper_s():
    for name in ("fsb", "keb"):
        recipe = read_recipe(f"{name}-paper")
        assert (recipe.size, recipe.batch, recipe.optimiser, recipe.learning_rate) == (256, 32, "adamw", 1e-4)
        assert recipe.steps == 16 * recipe.halve_every  # halved every 25 of 400 epochs
        assert (recipe.architecture, recipe.loss) == (name, LOSSES[name])
