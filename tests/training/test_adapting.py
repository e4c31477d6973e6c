"""From a burst to a depth network that is adapted to it: what is measured is what a run of the recipe measures."""

from dataclasses import replace

import numpy as np
import pytest

from checkpointed import saved
from napari_focusstack import Recipe, align, run, simulate
from napari_focusstack.training import adapting
from napari_focusstack.training.adapting import adapt
from napari_focusstack.training.tuning import tune


@pytest.fixture(scope="module")
def frames():
    return simulate("slanted", frames=5, height=48, width=64, seed=3).frames


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("checkpoints") / "network", "aifdepthnet", size="small")


@pytest.fixture(autouse=True)
def fruitless(monkeypatch):
    """Let no learning help, so that both depths are those of the network as it was; a list of what `tune` was given."""
    given = []

    def quick(*args, **told):
        given.append((args, told))
        return tune(*args, **told, steps=1, rate=1e-12)

    monkeypatch.setattr(adapting, "tune", quick)
    return given


@pytest.mark.parametrize(
    "changes", [{}, {"fill": True, "channels": 1}, {"depth_options": {"noise_floor": 6.0, "smoothing": 3.0}}]
)
def test_the_depth_before_is_the_one_that_is_measured(frames, network, changes, fruitless):
    options = {"checkpoint": network, **changes.pop("depth_options", {})}
    recipe = Recipe(depth="aif", depth_options=options, step=-2.0, unit="um", **changes)
    alignment = align(frames)
    kept = np.array([True, True, False, True, True])
    alignment = replace(alignment, kept=kept)
    adapted = adapt(frames, recipe, alignment=alignment, minutes=0.5)
    measured = run(frames, recipe, alignment=alignment).depth
    for name in ("position", "sigma", "index", "positions"):
        found = getattr(adapted.tuned.depth_before, name)
        np.testing.assert_allclose(found, getattr(measured, name), atol=1e-4, err_msg=name)
    assert (adapted.tuned.depth_before.unit, adapted.area, adapted.alignment) == ("um", alignment.area, alignment)
    ((checkpoint, ready, picture), told) = fruitless[0]
    assert (checkpoint, len(ready), told["minutes"]) == (network, 4, 0.5)
    assert picture.shape == ready.shape[1:]
    assert told["positions"].tolist() == [0, -2, -6, -8]


@pytest.mark.parametrize("method", ["none", "average"])
def test_what_is_learned_from_is_all_in_focus(frames, network, fruitless, method):
    recipe = Recipe(align="none", fuse=method, depth="aif", depth_options={"checkpoint": network})
    adapt(frames, recipe)
    expected = run(frames, replace(recipe, fuse="pyramid", depth="none", depth_options={})).image
    np.testing.assert_allclose(fruitless[0][0][2] * 255, expected, atol=0.51)


def test_a_method_without_a_network_is_refused(frames):
    with pytest.raises(ValueError, match="depth='sff' has no network that could be adapted; choose depth='aif'"):
        adapt(frames, Recipe(depth="sff"))
