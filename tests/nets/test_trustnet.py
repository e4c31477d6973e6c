"""TrustNet: how far it sees, in fine pixels and on its coarse grid, and what it says untrained."""

import pytest
import torch

from napari_focusstack.nets import build
from napari_focusstack.nets.trustnet import GRID, PLANES, RULES

SIZE = 140


@pytest.fixture(scope="module")
def network():
    network = build("trustnet", {}).eval().requires_grad_(False)
    for layer in (network.up, network.head):
        torch.nn.init.normal_(layer.weight)
    return network


def planes(height=SIZE, width=SIZE):
    return torch.rand(1, PLANES, height, width)


def test_the_number_of_weights():
    assert sum(weight.numel() for weight in build("trustnet", {}).parameters()) == 252_257


def test_untrained_it_says_what_the_rules_say():
    seen = planes(24, 24)
    torch.testing.assert_close(build("trustnet", {})(seen), seen[:, RULES, None].clamp(0.02, 0.98))


def test_nothing_beyond_the_halo_changes_a_share(network):
    farthest = 0
    for place in range(SIZE // 2, SIZE // 2 + GRID):
        seen = planes().requires_grad_()
        network(seen).logit()[0, 0, place, place].backward()
        rows, columns = torch.nonzero(seen.grad[0].abs().sum(0), as_tuple=True)
        for touched in (rows, columns):
            farthest = max(farthest, place - int(touched.min()), int(touched.max()) - place)
    assert farthest == network.halo == 38


@pytest.mark.parametrize("start", [(60, 52), (0, 48), (56, 0)])
def test_a_part_on_the_grid_is_judged_as_in_the_whole(network, start):
    seen = planes()
    whole = network(seen)
    top, left = start
    part = network(seen[..., top:, left:])
    down, across = (network.halo if begin else 0 for begin in start)
    torch.testing.assert_close(part[..., down:, across:], whole[..., top + down :, left + across :])


@pytest.mark.parametrize("inner", [(slice(40, 61), slice(30, 90)), (slice(0, 9), slice(135, 140))])
def test_rows_and_columns_that_are_asked_for_alone_are_judged_as_in_the_whole(network, inner):
    seen = planes()
    torch.testing.assert_close(network(seen, inner), network(seen)[..., *inner])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (30, 41)])
def test_pictures_of_any_size(network, height, width):
    found = network(planes(height, width))
    assert found.shape == (1, 1, height, width)
    assert ((found >= 0) & (found <= 1)).all()
