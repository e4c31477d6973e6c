"""Parts of FocusDeep: their equations, what the alignment does before and with offsets, how far they see."""

import pytest
import torch
from torch.nn import functional

from napari_focusstack.nets.blocks import (
    Alignment,
    Features,
    Pyramid,
    Trunk,
    WideBlock,
    aligned_reach,
    convolution,
)

GAIN, DIRECTION = "parametrizations.weight.original0", "parametrizations.weight.original1"


@pytest.fixture(autouse=True)
def alike():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def averaging(module):
    """The same, with every convolution a mean of positive planes: nothing cancels, no rectifier is closed."""
    for name, weight in module.named_parameters():
        if name.endswith((DIRECTION, "deform.weight")):
            count = weight[0].numel()
            torch.nn.init.constant_(weight, 1 / count)
        elif name.endswith(GAIN):
            at = module.get_parameter(name.replace(GAIN, DIRECTION))
            torch.nn.init.constant_(weight, at[0].numel() ** -0.5)
        else:
            torch.nn.init.constant_(weight, 0.1)
    return module.double()


def still(alignment, *, down=0.0, right=0.0, gain=0.0):
    """Offsets of every level of the alignment, in px of the frame, the same at every pixel but for the gain."""
    for scale, level in ((1, alignment.levels[0]), (2, alignment.levels[1]), (4, alignment.levels[2])):
        _put(level, down / scale, right / scale, gain)
    _put(alignment.cascade, down, right, gain)


def _put(level, down, right, gain):
    with torch.no_grad():
        level.move.get_parameter(GAIN).fill_(gain)
        level.move.bias[0::2], level.move.bias[1::2] = down, right


def scales(width=8, size=16, batch=1):
    return tuple(torch.rand(batch, width, size // s, size // s) for s in (1, 2, 4))


def test_weights_have_the_length_that_the_gain_says():
    layer = convolution(3, 5)
    with torch.no_grad():
        layer.get_parameter(GAIN).copy_(torch.arange(1.0, 6)[:, None, None, None])
    assert torch.allclose(layer.weight.flatten(1).norm(dim=1), torch.arange(1.0, 6))
    assert layer(torch.rand(1, 3, 4, 6)).shape == (1, 5, 4, 6)
    assert convolution(3, 5, stride=2)(torch.rand(1, 3, 4, 6)).shape == (1, 5, 2, 3)


def test_wide_blocks_follow_their_equation():
    block, x = WideBlock(), torch.rand(1, 64, 5, 5)
    wide, _, narrow, last = block.body
    assert [wide.out_channels, narrow.out_channels, last.out_channels] == [384, 51, 64]
    y = functional.conv2d(x, wide.weight, wide.bias).relu()
    y = functional.conv2d(functional.conv2d(y, narrow.weight, narrow.bias), last.weight, last.bias, padding=1)
    assert torch.allclose(block(x), y + x, atol=1e-6)
    block.residual = False
    assert torch.allclose(block(x), y, atol=1e-6)


def test_features_and_pyramid_have_three_scales():
    found = Features(2, 8)(torch.rand(2, 2, 12, 20))
    assert [tuple(scale.shape) for scale in found] == [(2, 8, 12, 20), (2, 16, 6, 10), (2, 32, 3, 5)]
    assert all((scale >= 0).all() for scale in found[1:])
    pyramid = Pyramid(8)(found)
    assert [tuple(scale.shape) for scale in pyramid] == [(2, 8, 12, 20), (2, 8, 6, 10), (2, 8, 3, 5)]
    assert (pyramid[2] >= 0).all()
    assert (pyramid[0] < 0).any() and (pyramid[1] < 0).any()


def test_coarse_features_reach_the_fine_ones_of_the_pyramid():
    pyramid = Pyramid(8)
    found = [torch.rand(1, 8 * 2**level, 16 >> level, 16 >> level, requires_grad=True) for level in range(3)]
    pyramid(tuple(found))[0].sum().backward()
    assert all(scale.grad.abs().min() > 0 for scale in found)


def test_linear_offsets_begin_at_zero_so_that_the_reference_says_nothing_yet():
    frame, one, other = scales(), scales(), scales()
    alignment = Alignment(8)
    assert torch.equal(alignment(frame, one), alignment(frame, other))
    published = Alignment(8, linear=False)
    assert not torch.allclose(published(frame, one), published(frame, other))


def test_offsets_say_where_to_look():
    """4 px down and 8 to the right: what comes out is what else is 4 px lower and 8 px farther to the right."""
    alignment, frame, reference = Alignment(8), scales(size=64), scales(size=64)
    plain = alignment(frame, reference)
    _put(alignment.cascade, 4, 8, 0)
    assert torch.allclose(alignment(frame, reference)[..., 1:-5, 1:-9], plain[..., 5:-1, 9:-1], atol=1e-5)
    still(alignment)
    _put(alignment.levels[2], 1, 2, 0)
    moved = functional.pad(frame[2][..., 1:, 2:], (0, 2, 0, 1))
    found = alignment(frame, reference)
    still(alignment)
    usual = alignment((*frame[:2], moved), reference)
    assert torch.allclose(found[..., 12:-16, 12:-20], usual[..., 12:-16, 12:-20], atol=1e-5)
    assert not torch.allclose(found, plain, atol=1e-5)


def test_the_published_code_makes_moves_up_and_left_ten_times_smaller():
    frame, reference = scales(), scales()
    linear, published = Alignment(8), Alignment(8, linear=False)
    published.load_state_dict(linear.state_dict())
    still(linear, down=-0.4, right=0.8)
    still(published, down=-4, right=0.8)
    assert torch.allclose(linear(frame, reference), published(frame, reference), atol=1e-5)


def test_offsets_are_doubled_on_their_way_to_finer_levels():
    alignment, seen = Alignment(8), []
    still(alignment, down=4, right=8)
    for level in alignment.levels[:2]:
        level.refine.register_forward_pre_hook(lambda _, given: seen.append(given[0][:, 8:]))
    alignment(scales(), scales())
    for offsets, scale in zip(seen, (2, 1), strict=True):  # in px of the finer level
        assert torch.allclose(offsets[:, 0::2], torch.tensor(4.0 / scale))
        assert torch.allclose(offsets[:, 1::2], torch.tensor(8.0 / scale))


def test_the_trunk_joins_what_its_blocks_find():
    trunk = Trunk(8, groups=3, blocks=2)
    assert [joined.reduce.in_channels for joined in trunk.body[1:3]] == [16, 24]
    assert trunk.body[-1].in_channels == 32
    features = torch.rand(1, 8, 6, 6)
    seen, group = features, trunk.body[0].body
    inner = torch.cat([group[0].body(features), features], 1)
    inner = torch.cat([group[1].body(group[1].reduce(inner)), inner], 1)
    seen = torch.cat([group[2](inner), features], 1)
    assert torch.allclose(trunk.body[0](features), seen, atol=1e-6)
    assert trunk(features).shape == features.shape


def reach_of(function, size, channels, places):
    """Farthest px along one axis whose gradient is not zero, from the middle of a strip."""
    farthest = 0
    for place in places:
        strip = torch.rand(1, channels, 4, size, dtype=torch.float64, requires_grad=True)
        function(strip)[..., place].sum().backward()
        seen = strip.grad.abs().sum((0, 1, 2)).nonzero()[:, 0]
        farthest = max(farthest, int((seen - place).abs().max()))
    return farthest


def test_the_trunk_sees_as_far_as_it_says():
    trunk = averaging(Trunk(4, groups=3, blocks=2))
    assert reach_of(trunk, 21, 4, [10]) == trunk.halo == 6


@pytest.mark.parametrize(("after", "shift"), [(0, 1), (2, 4), (5, 8)])
def test_the_alignment_sees_as_far_as_computed(after, shift):
    """With offsets as long as reckoned with, to either side, that hang on what they are made of but a little."""
    features, pyramid, alignment = averaging(torch.nn.ModuleList([Features(1, 8), Pyramid(8), Alignment(8)]))

    def network(strip):
        scales = pyramid(features(strip))
        return functional.avg_pool2d(alignment(scales, scales), (1, 2 * after + 1), 1, (0, after))

    farthest = 0
    for side in (-1, 1):
        still(alignment, right=side * (shift - 0.4), gain=1e-9)
        farthest = max(farthest, reach_of(network, 160, 1, range(80, 84)))
    assert farthest == aligned_reach(after, shift)


def test_longer_offsets_see_farther():
    assert [aligned_reach(24, shift) for shift in (0, 1, 4, 8)] == sorted(aligned_reach(24, s) for s in (0, 1, 4, 8))
    assert aligned_reach(24, 0) < aligned_reach(24, 8)
