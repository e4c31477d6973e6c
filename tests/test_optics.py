"""The forward model against the equations it generalises."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import conv2d

from napari_focusstack.optics import (
    Aberration,
    Layer,
    all_in_focus,
    defocused,
    over,
    point_spread,
    tents,
    transfer_function,
)

PSFS = ("disc", "gaussian")


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def convolved(picture: Tensor, radius: float, psf: str) -> Tensor:
    """The same blur by direct convolution, for comparison."""
    kernel = point_spread(radius, psf)
    reach = kernel.shape[-1] // 2
    flat = torch.nn.functional.pad(picture.reshape(-1, 1, *picture.shape[-2:]), (reach,) * 4, mode="replicate")
    return conv2d(flat, kernel[None, None]).reshape(picture.shape)


# point spread functions


@pytest.mark.parametrize("psf", PSFS)
@given(radius=st.floats(0, 12))
def test_a_point_keeps_its_energy_and_gets_the_variance_of_its_radius(psf: str, radius: float) -> None:
    kernel = point_spread(radius, psf).double()
    along = torch.arange(len(kernel)) - len(kernel) // 2
    assert kernel.min() >= 0
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-6)
    assert torch.equal(kernel, kernel.T) and torch.allclose(kernel, kernel.flip(0, 1), atol=1e-7)
    variance = float((kernel.sum(0) * along**2).sum())
    assert variance == pytest.approx(radius**2 / 4 if psf == "disc" else radius**2, rel=0.003, abs=1e-6)


@pytest.mark.parametrize("psf", PSFS)
def test_no_radius_is_no_blur(psf: str) -> None:
    kernel = point_spread(0.0, psf)
    assert float(kernel[len(kernel) // 2, len(kernel) // 2]) == 1


def test_a_disc_is_flat_inside_and_empty_outside() -> None:
    kernel = point_spread(8.0, "disc")
    y, x = torch.meshgrid(*[torch.arange(len(kernel)) - len(kernel) // 2] * 2, indexing="ij")
    away = (x**2 + y**2).sqrt()
    assert torch.allclose(kernel[away < 7], torch.tensor(1 / (torch.pi * (64 - 1 / 3))).float(), rtol=0.01)
    assert kernel[away > 9].max() == 0


@pytest.mark.parametrize("psf", PSFS)
@pytest.mark.parametrize("radius", [0.3, 1.0, 2.7])
def test_transfer_function_is_the_spectrum_of_the_point_spread(psf: str, radius: float) -> None:
    picture = noise(40, 51)
    blurred = torch.fft.irfft2(torch.fft.rfft2(picture) * transfer_function(radius, (40, 51), psf), s=(40, 51))
    inside = (slice(16, -16), slice(16, -16))
    assert torch.allclose(blurred[inside], convolved(picture, radius, psf)[inside], atol=2e-5)


@pytest.mark.parametrize("radius", [-1.0, float("nan"), float("inf")])
def test_impossible_radius(radius: float) -> None:
    with pytest.raises(ValueError, match="is not possible; give a number ≥ 0"):
        point_spread(radius)


def test_unknown_psf() -> None:
    with pytest.raises(ValueError, match="unknown psf 'square'; choices: disc, gaussian"):
        transfer_function(1.0, (8, 8), "square")  # type: ignore[arg-type]


def test_blur_larger_than_the_picture() -> None:
    with pytest.raises(ValueError, match="does not fit into 9 × 9 px; use a larger picture"):
        transfer_function(20.0, (9, 9))


# composition


@pytest.mark.parametrize("psf", PSFS)
def test_two_layers_follow_equations_3_and_4(psf: str) -> None:
    mask = torch.zeros(48, 56)
    mask[10:35, 12:30] = 1
    front, back, inverse = noise(3, 48, 56), noise(3, 48, 56, seed=1), 1 - mask
    layers = [Layer(front * mask, mask, 0.0), Layer(back, depth=3.0)]
    near, far = defocused(layers, [0.0, 3.0], psf=psf)
    sigma = 3.0
    expected_near = front * mask + inverse * convolved(back, sigma, psf)  # eq. 3, K1 = δ
    expected_far = convolved(front * mask, sigma, psf) + (1 - convolved(mask, sigma, psf)) * back  # eq. 4, K4 = δ
    assert torch.allclose(near, expected_near, atol=1e-4)
    assert torch.allclose(far, expected_far, atol=1e-4)


def test_over_is_the_sum_of_what_nearer_layers_let_through() -> None:
    lights, alphas = [noise(2, 4, 5, seed=i) for i in range(3)], [noise(4, 5, seed=i + 3) for i in range(3)]
    expected = lights[0] + (1 - alphas[0]) * lights[1] + (1 - alphas[0]) * (1 - alphas[1]) * lights[2]
    assert torch.allclose(over(lights, alphas), expected, atol=1e-6)


def test_an_opaque_layer_hides_and_a_glowing_one_does_not() -> None:
    front, back = noise(1, 6, 6), noise(1, 6, 6, seed=1)
    assert torch.equal(all_in_focus([Layer(front), Layer(back)]), front)
    assert torch.equal(all_in_focus([Layer(front, 0.0), Layer(back)]), front + back)


def test_layers_know_what_they_do() -> None:
    light, none = noise(1, 4, 4), torch.zeros(1, 4, 4)
    assert Layer(light).covers and Layer(light, torch.ones(4, 4)).covers and not Layer(light, 0.0).covers
    assert Layer(none, 0.0).empty and Layer(none, none[0]).empty and not Layer(none).empty
    assert not Layer(light, 0.0).hides and Layer(none, torch.eye(4)).hides


def test_cutting_a_layer_cuts_all_its_planes() -> None:
    part = Layer(noise(3, 8, 9), noise(8, 9), noise(8, 9)).cut(slice(1, 4), slice(2, 9))
    assert part.light.shape == (3, 3, 7) and part.alpha.shape == part.depth.shape == (3, 7)  # type: ignore[union-attr]


# slices


@given(
    depth=st.lists(st.floats(-5, 15), min_size=4, max_size=4),
    gaps=st.lists(st.floats(0.1, 4), min_size=1, max_size=6),
)
def test_tents_sum_to_one_and_interpolate_depth(depth: list[float], gaps: list[float]) -> None:
    centres = torch.tensor([0.0, *gaps]).cumsum(0)
    surface = torch.tensor(depth).reshape(2, 2)
    weights = tents(surface, centres)
    assert torch.allclose(weights.sum(0), torch.ones(2, 2), atol=1e-6)
    held = (weights * centres[:, None, None]).sum(0)
    assert torch.allclose(held, surface.clamp(0, float(centres[-1])), atol=1e-4)
    assert (weights > 0).sum(0).max() <= 2


@pytest.mark.parametrize("psf", PSFS)
@pytest.mark.parametrize("blur", [0.4, 1.3, 3.0])
def test_a_white_slope_stays_white_without_seams(psf: str, blur: float) -> None:
    depth = torch.linspace(0, 6, 60).expand(50, 60).contiguous()
    for picture in defocused([Layer(torch.ones(1, 50, 60), depth=depth)], [0.0, 2.0, 6.0], blur=blur, psf=psf):
        assert torch.allclose(picture, torch.ones(1, 50, 60), atol=1e-4)


def test_a_slope_is_sharp_where_it_is_in_focus_and_blurred_elsewhere() -> None:
    depth = torch.linspace(0, 8, 96).expand(64, 96).contiguous()
    picture = noise(1, 64, 96)
    seen = next(defocused([Layer(picture, depth=depth)], [4.0], blur=1.5))
    change = (seen - picture).abs().mean((0, 1))
    assert change[47:49].max() < 0.1 * change[:8].mean()
    assert torch.allclose(seen[..., :3], convolved(picture, 6.0, "disc")[..., :3], atol=0.05)


@pytest.mark.parametrize("psf", PSFS)
def test_glowing_light_keeps_its_energy_over_a_slope(psf: str) -> None:
    light = torch.zeros(1, 80, 80)
    light[:, 30:50, 30:50] = noise(1, 20, 20)
    depth = torch.linspace(0, 5, 80).expand(80, 80).contiguous()
    for picture in defocused([Layer(light, 0.0, depth)], [0.0, 2.5, 5.0], blur=1.7, psf=psf):
        assert float(picture.sum()) == pytest.approx(float(light.sum()), rel=1e-3)


def test_batches_are_blurred_one_by_one() -> None:
    light, alpha = noise(2, 3, 32, 40), noise(2, 32, 40, seed=1)
    depth = torch.stack([torch.linspace(0, 4, 40).expand(32, 40), torch.linspace(4, 0, 40).expand(32, 40)])
    behind = noise(2, 3, 32, 40, seed=3)
    together = list(defocused([Layer(light * alpha[:, None], alpha, depth), Layer(behind, depth=5.0)], [0.0, 5.0]))
    for i in range(2):
        layers = [Layer(light[i] * alpha[i], alpha[i], depth[i]), Layer(behind[i], depth=5.0)]
        alone = list(defocused(layers, [0.0, 5.0]))
        for position in range(2):
            assert torch.allclose(together[position][i], alone[position], atol=1e-5)


def test_no_layer_or_no_position() -> None:
    with pytest.raises(ValueError, match="no picture of 0 layers at 1 positions; give at least one of each"):
        next(defocused([], [0.0]))
    with pytest.raises(ValueError, match="no picture of 1 layers at 0 positions"):
        next(defocused([Layer(noise(1, 4, 4))], []))


@pytest.mark.parametrize("psf", ["disc", "gaussian"])
def test_an_aberration_stretches_the_spot_along_its_direction_and_keeps_its_energy(psf: str) -> None:
    point = torch.zeros(1, 81, 81)
    point[0, 40, 40] = 1
    radius, angle = 4.0, 0.4
    (spot,) = defocused([Layer(point)], [radius], psf=psf, aberration=Aberration(stretch=0.4, angle=angle))
    place = torch.arange(-40.0, 41)
    along = math.sin(angle) * place[:, None] + math.cos(angle) * place
    across = math.cos(angle) * place[:, None] - math.sin(angle) * place
    alike = radius**2 / 4 if psf == "disc" else radius**2
    assert float(spot.sum()) == pytest.approx(1, abs=1e-4)
    assert float((spot * across**2).sum()) == pytest.approx(alike, rel=0.02)
    assert float((spot * along**2).sum()) == pytest.approx(alike + (0.4 * radius) ** 2, rel=0.02)


def test_a_skewed_defocus_blurs_more_on_one_side_of_the_focus() -> None:
    point = torch.zeros(1, 61, 61)
    point[0, 30, 30] = 1
    aberration = Aberration(skew=0.25)
    sides = list(defocused([Layer(point, depth=5.0)], [1.0, 5.0, 9.0], aberration=aberration))
    place = torch.arange(-30.0, 31) ** 2
    spread = [2 * math.sqrt(float((spot[0].sum(0) * place).sum())) for spot in sides]
    assert spread == pytest.approx([5.0, 0.0, 3.0], abs=0.02)


@pytest.mark.parametrize("options", [{"stretch": -0.1}, {"skew": 1.0}, {"stretch": math.inf}])
def test_impossible_aberrations_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="is not possible; stretch is ≥ 0"):
        Aberration(**options)
