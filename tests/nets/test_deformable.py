"""Deformable convolution against loops that follow its definition, and against the usual one."""

import math

import pytest
import torch
from torch.nn import functional

from napari_focusstack.nets.deformable import DeformableConv, deformable_convolution


def drawn(batch=2, inputs=4, outputs=6, size=3, groups=2, weight_groups=2, height=5, width=6, spread=2.0):
    """Random planes, offsets, weight, bias and mask, float64."""
    draw = torch.Generator().manual_seed(size * groups + height)
    taps = groups * size * size
    shapes = (
        (batch, inputs, height, width),
        (batch, 2 * taps, height, width),
        (outputs, inputs // weight_groups, size, size),
        (outputs,),
        (batch, taps, height, width),
    )
    planes, offsets, weight, bias, mask = (torch.randn(s, generator=draw, dtype=torch.float64) for s in shapes)
    return planes, spread * offsets, weight, bias, mask.sigmoid()


def slowly(planes, offsets, weight, bias, mask, groups):
    """The definition, pixel by pixel, tap by tap."""
    batch, inputs, height, width = planes.shape
    outputs, members, size, _ = weight.shape

    def value(b, c, y, x):
        top, left = math.floor(y), math.floor(x)
        return sum(
            (1 - abs(y - row)) * (1 - abs(x - column)) * planes[b, c, row, column].item()
            for row in (top, top + 1)
            for column in (left, left + 1)
            if 0 <= row < height and 0 <= column < width
        )

    result = torch.zeros(batch, outputs, height, width, dtype=torch.float64)
    for b in range(batch):
        for o in range(outputs):
            first = o // (outputs * members // inputs) * members
            for y in range(height):
                for x in range(width):
                    total = bias[o].item()
                    for c in range(members):
                        group = (first + c) // (inputs // groups)
                        for tap in range(size * size):
                            at = group * size * size + tap
                            dy, dx = offsets[b, 2 * at, y, x].item(), offsets[b, 2 * at + 1, y, x].item()
                            row, column = y + tap // size - size // 2 + dy, x + tap % size - size // 2 + dx
                            share = mask[b, at, y, x].item() * weight[o, c, tap // size, tap % size].item()
                            total += share * value(b, first + c, row, column)
                    result[b, o, y, x] = total
    return result


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"groups": 4, "weight_groups": 1},
        {"groups": 1, "weight_groups": 2},
        {"groups": 2, "weight_groups": 4, "outputs": 4},
        {"size": 5, "batch": 1, "height": 3, "width": 4},
        {"size": 1, "height": 1, "width": 1},
        {"spread": 30.0},
    ],
)
def test_it_is_what_the_definition_says(sizes):
    planes, offsets, weight, bias, mask = drawn(**sizes)
    groups = sizes.get("groups", 2)
    found = deformable_convolution(planes, offsets, weight, bias, mask=mask, groups=groups)
    assert torch.allclose(found, slowly(planes, offsets, weight, bias, mask, groups), atol=1e-10)
    plain = deformable_convolution(planes, offsets, weight, bias, groups=groups)
    assert torch.allclose(plain, slowly(planes, offsets, weight, bias, torch.ones_like(mask), groups), atol=1e-10)


def test_gradients_are_those_of_its_values():
    values = [value.requires_grad_() for value in drawn(1, 4, 2, 3, 2, 2, 3, 3)]

    def function(planes, offsets, weight, bias, mask):
        return deformable_convolution(planes, offsets, weight, bias, mask=mask, groups=2)

    assert torch.autograd.gradcheck(function, values)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_without_offsets_it_is_the_usual_convolution(size):
    planes, offsets, weight, bias, _ = (value.float() for value in drawn(size=size))
    found = deformable_convolution(planes, torch.zeros_like(offsets), weight, bias, groups=2)
    assert torch.allclose(found, functional.conv2d(planes, weight, bias, padding=size // 2, groups=2), atol=1e-4)


def test_whole_offsets_shift_what_it_sees():
    planes, offsets, weight, bias, _ = drawn(height=8, width=9)
    offsets.view(2, -1, 2, 8, 9)[:, :, 0], offsets.view(2, -1, 2, 8, 9)[:, :, 1] = 2, -1  # down, right
    found = deformable_convolution(planes, offsets, weight, bias, groups=2)
    shifted = functional.pad(planes, (1, -1, -2, 2))
    usual = functional.conv2d(shifted, weight, bias, padding=1, groups=2)
    assert torch.allclose(found[..., 1:-3, 2:-1], usual[..., 1:-3, 2:-1], atol=1e-10)


def test_groups_of_channels_move_apart():
    planes, offsets, weight, _, _ = drawn(size=1, outputs=4, weight_groups=4)
    offsets.zero_()
    offsets[:, 2 + 1] = 1  # the second group looks one px to the right
    found = deformable_convolution(planes, offsets, torch.ones_like(weight), None, groups=2)
    assert torch.allclose(found[:, :2], planes[:, :2])
    assert torch.allclose(found[:, 2:], functional.pad(planes[:, 2:, :, 1:], (0, 1)))


def test_half_precision_does_not_move_it():
    """Places are exact to far less than a pixel even where half precision knows even numbers only."""
    planes = torch.arange(3000.0).remainder(7)[None, None, None].expand(1, 8, 1, 3000)
    module = DeformableConv(8, 8, size=1)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        module.weight.fill_(1)
        module.bias.zero_()
        found = module(planes, torch.zeros(1, 16, 1, 3000, dtype=torch.bfloat16))
    assert torch.allclose(found.float(), planes, atol=0.02)
    half = module.half()(planes.half(), torch.zeros(1, 16, 1, 3000).half())
    assert half.dtype == torch.float16
    assert torch.allclose(half.float(), planes, atol=0.02)


def test_the_module_has_the_weights_of_a_grouped_convolution_and_takes_a_mask():
    module = DeformableConv(64, 64)
    assert module.offsets == 144
    assert {name: tuple(value.shape) for name, value in module.named_parameters()} == {
        "weight": (64, 8, 3, 3),
        "bias": (64,),
    }
    planes, offsets = torch.rand(1, 64, 4, 5), torch.randn(1, 144, 4, 5)
    seen = module(planes, offsets)
    assert torch.allclose(module(planes, offsets, torch.ones(1, 72, 4, 5)), seen, atol=1e-6)
    masked = module(planes, offsets, torch.zeros(1, 72, 4, 5))
    assert torch.allclose(masked, module.bias[:, None, None].expand_as(masked))


def test_shapes_that_do_not_fit_are_refused():
    planes, offsets, weight, bias, mask = drawn()
    with pytest.raises(ValueError, match=r"planes of shape \(4, 5, 6\); \(B, C, H, W\) is needed"):
        deformable_convolution(planes[0], offsets, weight, bias, groups=2)
    with pytest.raises(ValueError, match=r"weight of shape \(6, 2, 2, 2\); \(O, C / g, K, K\) with an odd K"):
        deformable_convolution(planes, offsets, weight[..., :2, :2], bias, groups=2)
    with pytest.raises(ValueError, match="planes of 4 channels do not fall into 8 groups"):
        deformable_convolution(planes, offsets, weight, bias)
    with pytest.raises(ValueError, match=r"weight of shape \(6, 3, 3, 3\) does not fit planes of 4 channels"):
        deformable_convolution(planes, offsets, torch.zeros(6, 3, 3, 3), bias, groups=2)
    with pytest.raises(ValueError, match=r"offsets of shape \(2, 36, 5, 6\); \(2, 72, 5, 6\) is needed"):
        deformable_convolution(planes, offsets, weight, bias, groups=4)
    with pytest.raises(ValueError, match=r"mask of shape \(2, 17, 5, 6\); \(2, 18, 5, 6\) is needed"):
        deformable_convolution(planes, offsets, weight, bias, mask=mask[:, 1:], groups=2)
    with pytest.raises(ValueError, match="size=4: the kernel needs a middle"):
        DeformableConv(8, 8, size=4)
    with pytest.raises(ValueError, match="12 and 16 channels do not fall into 8 groups"):
        DeformableConv(12, 16)
