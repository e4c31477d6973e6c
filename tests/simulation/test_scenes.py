"""Textures, strokes and scenes: what they draw and what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from napari_focusstack.simulation.canvas import Canvas
from napari_focusstack.simulation.scenes import SCENES
from napari_focusstack.simulation.strokes import curves, draw_strokes
from napari_focusstack.simulation.textures import TEXTURES, cell_pattern, coverage, fractal, soften, surface


def canvas(height: int = 96, width: int = 112, *, channels: int = 3, seed: int = 0, margin: int = 9) -> Canvas:
    return Canvas(height, width, margin, margin, margin, margin, 6, channels, torch.Generator().manual_seed(seed))


# textures


@pytest.mark.parametrize("kind", TEXTURES)
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_textures_are_light_with_detail_everywhere(kind, channels):
    light = surface(canvas(channels=channels), kind)
    assert light.shape == (channels, 114, 130) and light.dtype == torch.float32
    assert float(light.min()) > 0 and float(torch.quantile(light, 0.97)) <= 1
    tiles = light.mean(0).unfold(0, 16, 16).unfold(1, 16, 16).flatten(2)
    contrast = tiles.std(-1) / tiles.mean(-1)
    assert float(contrast.min()) > 0.03  # nothing is plain
    grey = light.mean(0)
    fine = (grey[:, 1:] - grey[:, :-1]).std() / grey.std()
    assert 0.05 < float(fine) < 1.3  # detail at the pixel's scale, and no alternating pixels


def test_textures_differ_by_chance():
    shared = canvas()
    assert not torch.allclose(surface(shared), surface(shared))


def test_fractal_noise_has_its_spectrum():
    noise = fractal(canvas(256, 256, margin=0), slope=1.0, planes=2, coarsest=512.0)
    assert torch.allclose(noise.mean((-2, -1)), torch.zeros(2), atol=1e-5)
    assert torch.allclose(noise.std((-2, -1)), torch.ones(2), atol=1e-4)
    power = torch.fft.rfft2(noise[0]).abs().square()
    low, high = power[8:12, 8:12].mean(), power[64:72, 64:72].mean()
    assert math.log2(float(low / high)) / math.log2(68 / 9.5) == pytest.approx(2.0, abs=0.6)


def test_cells_are_where_their_distances_say():
    nearest, second, number = cell_pattern(canvas(), 16.0)
    assert (nearest <= second).all() and float(nearest.max()) < 32
    cells = len(number.unique())
    assert cells == pytest.approx(114 * 130 / 16**2, rel=0.4)
    border = number[:, 1:] != number[:, :-1]
    assert float((second - nearest)[:, 1:][border].max()) < 2.1


def test_coverage_is_a_ramp_one_pixel_wide():
    x = torch.arange(20.0).expand(10, 20)
    covered = coverage(0.3 * (x - 9.75))
    assert torch.allclose(covered[5, 8:12], torch.tensor([0.0, 0.0, 0.75, 1.0]), atol=1e-5)


def test_softening_keeps_the_mean():
    shared = canvas()
    picture = shared.random(2, *shared.shape)
    soft = soften(shared, picture, 2.0)
    assert torch.allclose(soft.mean((-2, -1)), picture.mean((-2, -1)), atol=1e-5)
    assert float(soft.std()) < 0.3 * float(picture.std())


# strokes


def test_a_straight_stroke_has_its_width_and_place():
    x = torch.arange(10.0, 90.0, 0.5)
    path = torch.stack([x, torch.full_like(x, 40.25)], -1)[None]
    for half in (0.2, 0.7, 3.3):
        drawn = draw_strokes(canvas(), path, torch.full(path.shape[:2], half))
        column = drawn.coverage[:, 9 + 50]
        assert float(column.sum()) == pytest.approx(2 * half, abs=0.02)
        assert float((column * torch.arange(len(column))).sum() / column.sum()) - 9 == pytest.approx(40.25, abs=0.1)
        assert float(drawn.coverage[:, : 9 + 8].sum()) == 0 == float(drawn.coverage[:, 9 + 93 :].sum())


def test_positions_along_and_across_a_stroke():
    x = torch.arange(10.0, 90.0, 0.5)
    path = torch.stack([x, torch.full_like(x, 40.0)], -1)[None]
    drawn = draw_strokes(canvas(), path, torch.full(path.shape[:2], 4.0))
    rows, column = slice(9 + 37, 9 + 44), 9 + 50
    assert torch.allclose(drawn.across[rows, column], torch.arange(-3, 4) / 4, atol=1e-5)
    assert float(drawn.along[9 + 40, column]) == pytest.approx(0.5, abs=0.02)


def test_a_disc_is_drawn_at_sub_pixel_places():
    drawn = draw_strokes(canvas(), torch.tensor([[[30.3, 20.6]], [[60.0, 50.0]]]), torch.tensor([[4.0], [2.0]]))
    assert float(drawn.coverage.sum()) == pytest.approx(math.pi * (16 + 4), rel=0.05)
    assert set(drawn.which[drawn.coverage > 0].tolist()) == {0, 1}
    y, x = np.indices(drawn.coverage.shape) - 9
    first = drawn.coverage.numpy() * (x < 45)
    assert (first * x).sum() / first.sum() == pytest.approx(30.3, abs=0.1)
    assert (first * y).sum() / first.sum() == pytest.approx(20.6, abs=0.1)


def test_strokes_outside_the_canvas_are_cut():
    path = torch.tensor([[[-500.0, 10.0], [-499.5, 10.0]]])
    assert float(draw_strokes(canvas(), path, torch.ones(1, 2)).coverage.sum()) == 0


def test_curves_have_their_lengths():
    starts, lengths = torch.zeros(4, 2), torch.tensor([5.0, 20.0, 40.0, 41.0])
    paths = curves(canvas(), starts, torch.zeros(4), lengths, bend=1.0, curl=0.5)
    steps = (paths[:, 1:] - paths[:, :-1]).norm(dim=-1)
    assert torch.allclose(steps.sum(1), lengths, rtol=1e-4)
    assert torch.allclose(paths[:, 0], starts) and float(steps.max()) <= 0.82


# scenes


@pytest.mark.parametrize("scene", SCENES)
def test_layers_are_physical_and_in_order(scene):
    shared = canvas()
    layers = SCENES[scene](shared)
    glow = scene == "fluorescence"
    depths = []
    for layer in layers:
        assert layer.light.shape == (3, *shared.shape) and float(layer.light.min()) >= 0
        alpha = torch.as_tensor(layer.alpha)
        assert float(alpha.min()) >= 0 and float(alpha.max()) <= 1 and (float(alpha.max()) == 0) == glow
        if alpha.dim():
            assert float(layer.light[:, alpha == 0].abs().max()) == 0  # premultiplied
        depth = torch.as_tensor(layer.depth).float()
        assert float(depth.min()) >= 0 and float(depth.max()) <= 5
        depths.append(float(depth.min()))
    assert glow or (depths == sorted(depths) and layers[-1].alpha == 1.0)


def test_a_scene_is_the_same_for_a_seed():
    one, same, other = (SCENES["hair"](canvas(seed=seed))[1].light for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
