"""EdgeNet: how far it sees, in fine pixels and on its coarse grid, and what it says untrained."""

import pytest
import torch

from napari_focusstack.nets import build
from napari_focusstack.nets.edgenet import CANDIDATES, GRID, PLANES

SIZE = 160


@pytest.fixture(scope="module")
def network():
    network = build("edgenet", {}).eval().requires_grad_(False)
    for layer in (network.up, network.head):
        torch.nn.init.normal_(layer.weight)
    return network


def planes(height=SIZE, width=SIZE):
    return torch.randn(1, PLANES, height, width), torch.rand(1, CANDIDATES, height, width)


def test_the_number_of_weights():
    assert sum(weight.numel() for weight in build("edgenet", {}).parameters()) == 280_709


def test_untrained_it_keeps_the_depth_as_it_is():
    seen, depths = planes(24, 24)
    torch.testing.assert_close(build("edgenet", {})(seen, depths).depth, depths[:, 0])


def test_nothing_beyond_the_halo_changes_a_choice(network):
    farthest = 0
    for place in range(SIZE // 2, SIZE // 2 + GRID):
        seen, depths = planes()
        seen.requires_grad_()
        network(seen, depths).logits[0, :, place, place].sum().backward()
        rows, columns = torch.nonzero(seen.grad[0].abs().sum(0), as_tuple=True)
        for touched in (rows, columns):
            farthest = max(farthest, place - int(touched.min()), int(touched.max()) - place)
    assert farthest == network.halo == 45


@pytest.mark.parametrize("start", [(60, 52), (0, 48), (56, 0)])
def test_a_part_on_the_grid_is_chosen_as_in_the_whole(network, start):
    seen, depths = planes()
    whole = network(seen, depths).logits
    top, left = start
    part = network(seen[..., top:, left:], depths[..., top:, left:]).logits
    down, across = (network.halo if begin else 0 for begin in start)
    torch.testing.assert_close(part[..., down:, across:], whole[..., top + down :, left + across :])


INNER = [(slice(40, 61), slice(30, 90)), (slice(0, 9), slice(155, 160)), (slice(159, 160), slice(2, 3))]


@pytest.mark.parametrize("inner", INNER)
def test_rows_and_columns_that_are_asked_for_alone_are_chosen_as_in_the_whole(network, inner):
    seen, depths = planes()
    whole, part = network(seen, depths), network(seen, depths, inner)
    torch.testing.assert_close(part.logits, whole.logits[..., *inner])
    torch.testing.assert_close(part.depths, whole.depths[..., *inner])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (30, 41)])
def test_pictures_of_any_size(network, height, width):
    found = network(*planes(height, width))
    assert found.logits.shape == (1, CANDIDATES, height, width)
    assert torch.isfinite(found.logits).all()
