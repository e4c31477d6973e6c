"""FSB, FRB and KEB: golden numbers of parameters, shapes, how far they see, what they refuse."""

import pytest
import torch

from napari_focusstack.nets import build, parameters_of
from napari_focusstack.nets.multiscale import MultiScaleBlock, reach_of

SIZES = ("paper", "small")


def built(name, size):
    torch.manual_seed(1)
    return build(name, {"size": size}).eval()


@pytest.mark.parametrize(("name", "parameters"), [("fsb", 1_536_321), ("keb", 380_132)])
def test_the_published_sizes_have_so_many_parameters(name, parameters):
    with torch.device("meta"):
        assert parameters_of(build(name, {"size": "paper"})) == parameters
        assert parameters_of(build(name, {})) < parameters / 2


def spread(function, shape, place):
    """Pixels of the input (1, C, H, W) that an output pixel depends on, as (top, bottom, left, right) distances."""
    planes = torch.rand(shape, dtype=torch.float64, requires_grad=True)
    function(planes)[..., place, place].sum().backward()
    rows, columns = planes.grad.abs().flatten(0, -3).sum(0).nonzero().unbind(1)
    return [int(d) for d in (place - rows.min(), rows.max() - place, place - columns.min(), columns.max() - place)]


@pytest.mark.parametrize("scales", [(2,), (4, 2), (2, 4, 8)])
def test_the_reach_of_blocks_is_what_they_depend_on(scales):
    torch.manual_seed(0)
    blocks = torch.nn.Sequential(*(MultiScaleBlock(8, scale) for scale in scales)).double()
    far = max(max(spread(blocks, (1, 8, 96, 96), 48 + place)) for place in range(max(scales)))
    assert 0.8 * reach_of(scales, before=0, after=0) <= far <= reach_of(scales, before=0, after=0)


def refining():
    """FRB with random weights at its end, too: else it gives back the draft."""
    torch.manual_seed(1)
    network = build("frb", {}).eval()
    torch.nn.init.normal_(network.trunk.head.weight)
    return network


@pytest.mark.parametrize(("network", "pictures"), [(built("fsb", size), 2) for size in SIZES] + [(refining(), 5)])
def test_a_mask_depends_on_no_more_than_the_halo(network, pictures):
    side = 2 * network.halo + 4 * network.multiple
    pair = torch.rand(1, pictures, 3, side, side)
    place = side // 2 // network.multiple * network.multiple + 3
    other = torch.rand_like(pair)
    inside = slice(place - network.halo, place + network.halo + 1)
    other[..., inside, inside] = pair[..., inside, inside]
    with torch.inference_mode():
        one, two = network(pair), network(other)
    assert torch.allclose(one[..., place, place], two[..., place, place], atol=1e-6)
    assert (one - two).abs().max() > 1e-4


@pytest.mark.parametrize("size", SIZES)
def test_masks_are_of_any_size_and_float32(size):
    network = built("fsb", size)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        mask = network(torch.rand(2, 2, 3, 37, 22))
    assert mask.shape == (2, 1, 37, 22) and mask.dtype == torch.float32
    assert 0 <= mask.min() < mask.max() <= 1


def test_what_refines_gives_back_the_draft_before_it_learns():
    pictures = torch.rand(2, 5, 3, 37, 22)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        same, other = build("frb", {})(pictures), refining()(pictures)
    assert same.shape == (2, 1, 37, 22) and same.dtype == torch.float32
    torch.testing.assert_close(same[:, 0], (pictures[:, 4, 0].clamp(1e-3, 1 - 1e-3).logit() / 4).sigmoid())
    assert (other - same).abs().mean() > 0.01


@pytest.mark.parametrize("size", SIZES)
def test_blurs_are_one_for_each_pair_and_above_a_tenth(size):
    network = built("keb", size)
    pair, mask = torch.rand(3, 2, 3, 37, 22), (torch.rand(3, 1, 37, 22) > 0.5).float()
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        sigma = network(pair, mask)
        alone = network(torch.cat([torch.zeros_like(pair[:, :1]), pair[:, 1:]], 1), mask)
    assert sigma.shape == (3,) and sigma.dtype == torch.float32 and sigma.min() >= 0.1
    assert torch.allclose(sigma, torch.tensor(2.0), atol=0.5)  # before it learns anything
    assert torch.equal(sigma, alone) == (size == "paper")  # which looks at the far frame alone


@pytest.mark.parametrize("shape", [(1, 3, 3, 16, 16), (1, 2, 1, 16, 16)])
def test_what_is_no_pair_in_colour_is_refused(shape):
    with pytest.raises(ValueError, match=r"do not fit: \(B, 2, 3, H, W\) is needed.*repeat a single channel"):
        build("fsb", {})(torch.rand(shape))
    with pytest.raises(ValueError, match=r"do not fit: \(B, 5, 3, H, W\) is needed, a pair and what it would"):
        build("frb", {})(torch.rand(shape))
    with pytest.raises(ValueError, match=r"do not fit: \(B, 2, 3, H, W\) and \(B, 1, H, W\) are needed"):
        build("keb", {})(torch.rand(shape), torch.rand(1, 1, 16, 16))


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"a mask of shape \(1, 1, 8, 8\) do not fit"):
        build("keb", {})(torch.rand(1, 2, 3, 16, 16), torch.rand(1, 1, 8, 8))
