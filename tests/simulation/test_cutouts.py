import pytest
import torch

from napari_focusstack.simulation.canvas import Canvas
from napari_focusstack.simulation.cutouts import CUTOUTS


def drawn(kind: str, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    return CUTOUTS[kind](Canvas(96, 112, 0, 0, 0, 0, 2, 3, torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("kind", CUTOUTS)
def test_light_is_premultiplied_with_a_coverage_from_none_to_full(kind):
    for seed in range(3):
        light, alpha = drawn(kind, seed)
        assert light.shape == (3, 96, 112)
        assert alpha.shape == (96, 112)
        assert alpha.min() >= 0
        assert alpha.max() <= 1 + 1e-6
        assert light.min() >= 0
        assert light[:, alpha == 0].abs().sum() == 0  # nothing shines where there is nothing
        assert torch.isfinite(light).all()


@pytest.mark.parametrize("kind", CUTOUTS)
def test_it_covers_something_and_leaves_something_free(kind):
    covered = [float((drawn(kind, seed)[1] > 0.05).float().mean()) for seed in range(6)]
    assert max(covered) > 0.01
    assert min(covered) < 0.95


def test_a_membrane_shines_through_and_its_veins_do_not():
    _, alpha = drawn("wing", 1)
    film = (alpha > 0.03) & (alpha < 0.6)
    assert film.float().mean() > 0.2
    assert alpha.max() > 0.95


@pytest.mark.parametrize("kind", ["hair", "fur", "legs"])
def test_hairs_are_thin(kind):
    """Somewhere it is covered between free pixels 4 px on either side."""
    _, alpha = drawn(kind, 2)
    middle, left, right = alpha[:, 4:-4], alpha[:, :-8], alpha[:, 8:]
    assert ((middle > 0.4) & (left < 0.1) & (right < 0.1)).any()
