"""Losses against numbers worked out by hand."""

import math

import pytest
import torch

from napari_focusstack.nets.aifdepthnet import Seen
from napari_focusstack.training.losses import (
    BORDER,
    absolute_error,
    depth_error,
    focus_error,
    foreground_error,
    kernel_error,
    kernel_ratio_error,
    overlap_error,
    psnr_of,
    smooth_absolute_error,
    smoothness,
    squared_error,
)

SIDE = 16
OF_PICTURES = (absolute_error, smooth_absolute_error, squared_error)
PLANES = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("loss", "expected"), [(absolute_error, 0.3), (squared_error, 0.09), (smooth_absolute_error, math.hypot(0.3, 1e-3))]
)
def test_of_a_constant_error(loss, expected):
    assert float(loss(PLANES + 0.3, PLANES)) == pytest.approx(expected, rel=1e-5)
    assert float(loss(PLANES, PLANES + 0.3)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", OF_PICTURES)
def test_four_pixels_at_each_side_do_not_count(loss):
    wrong = PLANES.clone()
    wrong[..., :BORDER, :] = wrong[..., -BORDER:, :] = wrong[..., :BORDER] = wrong[..., -BORDER:] = 9
    assert BORDER == 4
    assert loss(wrong, PLANES) == loss(PLANES, PLANES)
    wrong[0, 0, BORDER, BORDER] = 9
    assert loss(wrong, PLANES) > loss(PLANES, PLANES)


@pytest.mark.parametrize("loss", OF_PICTURES)
def test_they_are_float32_whatever_they_get_and_means_over_bursts(loss):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert loss(PLANES.bfloat16(), PLANES.bfloat16() * 0.5).dtype == torch.float32
    one, other = loss(PLANES[:1] * 0.9, PLANES[:1]), loss(PLANES[1:] * 0.7, PLANES[1:])
    both = loss(torch.cat([PLANES[:1] * 0.9, PLANES[1:] * 0.7]), PLANES)
    assert float(both) == pytest.approx(float(one + other) / 2, rel=1e-5)


def test_the_smooth_one_has_a_gradient_where_nothing_is_wrong():
    found = PLANES.clone().requires_grad_()
    smooth_absolute_error(found, PLANES).backward()
    assert torch.isfinite(found.grad).all() and not found.grad.any()


def test_psnr():
    assert psnr_of(PLANES + torch.tensor([0.1, 0.01])[:, None, None, None], PLANES).tolist() == pytest.approx(
        [20, 40], abs=1e-2
    )


def test_foreground_error_has_the_paper_s_weights():
    mask = torch.zeros(1, 1, SIDE, SIDE)
    near, far = torch.full((1, 3, SIDE, SIDE), 0.8), torch.full((1, 3, SIDE, SIDE), 0.2)
    assert float(foreground_error(mask, mask, near, far, far)) == 0
    assert float(foreground_error(mask + 1, mask + 1, near, far, near)) == 0
    plain = foreground_error(mask + 0.25, mask, near, far, far)  # a plain error has no edges: 8 · 0.25
    assert float(plain) == pytest.approx(2.0, rel=1e-5)
    spot = far.clone()
    spot[..., 8, 8] += 0.5  # its Laplacian: -4 · 0.5 there and 0.5 at four neighbours, of 8² px that count
    assert float(foreground_error(mask, mask, near, far, spot)) == pytest.approx(2 * (4 + 4 * 0.25) / 64, rel=1e-5)


def test_overlap_error_of_a_mask():
    truth = (torch.arange(SIDE) < SIDE // 2).float().expand(2, 1, SIDE, SIDE)
    assert float(overlap_error(truth, truth)) == pytest.approx(0, abs=1e-5)
    unsure = torch.full_like(truth, 0.5)  # of each class, half: 1/4 over 3/4; and one bit
    assert float(overlap_error(unsure, truth)) == pytest.approx(1 - 1 / 3 + math.log(2), rel=1e-5)
    assert float(overlap_error(1 - truth, truth)) == pytest.approx(1 - math.log(1e-6), rel=1e-3)  # sure, and wrong


@pytest.mark.parametrize("side", [False, True])
def test_overlap_error_moves_what_is_sure_and_wrong(side):
    logits = torch.full((1, 1, SIDE, SIDE), -9.0 if side else 9.0, requires_grad=True)
    truth = torch.full_like(logits, float(side))
    overlap_error(torch.sigmoid(logits), truth).backward()
    inner = logits.grad[..., 4:-4, 4:-4] * (1 - 2 * side)
    assert (inner > 0.9 / 64).all()  # as much as a logistic regression's, of 8 x 8 px that count


def test_kernel_error():
    assert float(kernel_error(torch.tensor([1.0, 2.0]), torch.tensor([1.5, 4.0]))) == 1.25


def test_kernel_ratio_error_is_the_same_for_narrow_and_wide_blurs():
    true = torch.tensor([0.5, 8.0])
    assert float(kernel_ratio_error(true, true)) == 0
    for factor in (1.2, 1 / 1.2):
        assert float(kernel_ratio_error(true * factor, true)) == pytest.approx(math.log(1.2), rel=1e-5)


def test_depth_error_counts_what_is_known():
    truth = torch.tensor([[[1.0, torch.nan], [torch.inf, 3.0]]])
    assert float(depth_error(torch.tensor([[[2.0, 9.0], [9.0, 3.0]]]), truth)) == 0.5
    found = torch.zeros(1, 2, 2, requires_grad=True)
    depth_error(found, torch.full((1, 2, 2), torch.nan)).backward()  # nothing known: nothing to learn, and no NaN
    assert not found.grad.any()


def test_smoothness_of_a_ramp_and_at_edges():
    ramp = torch.linspace(0, 1, SIDE).expand(1, SIDE, SIDE)
    plain = torch.full((1, 3, SIDE, SIDE), 0.5)
    step, flat = math.hypot(1 / (SIDE - 1), 1e-3), 1e-3
    assert float(smoothness(ramp, plain)) == pytest.approx((step + flat) / 2, rel=1e-4)
    assert float(smoothness(ramp.transpose(1, 2), plain)) == pytest.approx((step + flat) / 2, rel=1e-4)
    striped = plain.clone()
    striped[..., ::2] += 1 / 20  # an edge of 1/20 between columns: weight 1/e
    assert float(smoothness(ramp, striped)) == pytest.approx((step / math.e + flat) / 2, rel=1e-4)


def seen(depth: torch.Tensor, source: torch.Tensor, decided: float) -> Seen:
    return Seen(depth, PLANES + 0.25, source, torch.full_like(depth, decided))


def test_focus_error_is_the_sum_of_its_parts():
    depth = torch.rand(2, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    found = focus_error(seen(depth, depth, 1.0), PLANES, 0.25, weight=0.5)
    assert float(found) == pytest.approx(0.25 + 0.5 * float(smoothness(depth, PLANES)), rel=1e-5)


def test_what_noise_explains_does_not_count():
    depth = torch.rand(2, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    found = [float(focus_error(seen(depth, depth, 1.0), PLANES, 0.25, noise=n, weight=0)) for n in (0.0, 0.1, 0.3)]
    assert found == pytest.approx([0.25, 0.15, 0], abs=1e-6)


def test_depth_is_tied_to_where_the_picture_is_from():
    """Half a step to either side is free; beyond, it counts as far as it is decided; the picture does not follow."""
    depth = torch.full((2, SIDE, SIDE), 0.5, requires_grad=True)
    source = torch.full((2, SIDE, SIDE), 0.1, requires_grad=True)
    near = focus_error(seen(depth, depth.detach() - 0.12, 1.0), PLANES, 0.25, weight=0, tie=2.0)
    assert near.item() == pytest.approx(0.25, rel=1e-5)
    far = focus_error(seen(depth, source, 0.5), PLANES, 0.25, weight=0, tie=2.0)
    assert far.item() == pytest.approx(0.25 + 2 * 0.5 * (0.4 - 0.125), rel=1e-5)
    far.backward()
    assert (depth.grad > 0).all()
    assert source.grad is None
