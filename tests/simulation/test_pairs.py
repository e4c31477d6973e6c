"""Pairs of frames: the paper's equations on scenes made by hand, and what is true of random ones."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import conv2d, pad

from napari_focusstack.optics import point_spread
from napari_focusstack.simulation.library import Library, drawn_library
from napari_focusstack.simulation.pairs import BLUR, draw_pairs, focused
from napari_focusstack.simulation.variety import Variety

CLEAN = replace(Variety(), noisy=0.0)
SIDE = 48


@pytest.fixture(scope="module")
def library():
    return drawn_library(4, 9, seed=1, size=128)


def draw(library, variety=CLEAN, seed=1, **options):
    return draw_pairs(library, variety, torch.Generator().manual_seed(seed), **{"bursts": 6, "size": SIDE} | options)


def blurred(planes, kernel):
    reach = kernel.shape[-1] // 2
    around = pad(planes[:, None], (reach,) * 4, mode="replicate")
    return conv2d(around, kernel[None, None])[:, 0]


@pytest.mark.parametrize(("psf", "radius"), [("gaussian", 1.0), ("disc", 2.0)])
def test_frames_are_those_of_the_equations(psf, radius):
    chance = torch.Generator().manual_seed(2)
    colour, behind = torch.rand(2, 3, SIDE, SIDE, generator=chance)
    alpha = torch.rand(SIDE, SIDE, generator=chance) * (torch.arange(SIDE) < 20)
    near, far = focused(colour * alpha, alpha, behind, 1.5, 2.5, psf)
    fore, back = (point_spread(radius * sigma, psf) for sigma in (1.5, 2.5))
    assert torch.allclose(near, alpha * colour + (1 - alpha) * blurred(behind, back), atol=2e-5)
    veil = blurred(alpha[None], fore)
    assert torch.allclose(far, blurred(alpha * colour, fore) + (1 - veil) * behind, atol=2e-5)


@pytest.mark.parametrize("psf", ["gaussian", "disc"])
def test_both_kinds_of_spots_have_the_variance_that_is_told(psf):
    point = torch.zeros(1, 65, 65)
    point[0, 32, 32] = 1.0
    _, far = focused(point, torch.zeros(65, 65), torch.zeros(1, 65, 65), 3.0, 1.0, psf)
    place = torch.arange(65.0) - 32
    assert float((far[0].sum(0) * place**2).sum() / far.sum()) == pytest.approx(9.0, rel=0.01)


def test_masks_frames_and_truth_go_together(library):
    pairs = draw(library)
    assert pairs.frames.shape == (6, 2, 3, SIDE, SIDE) and pairs.truth.shape == (6, 3, SIDE, SIDE)
    assert pairs.sigma.shape == (6,) and pairs.noise.shape == (6, 2) and not pairs.noise.any()
    assert torch.equal(pairs.mask > 0.5, pairs.alpha > 0.5) and 0 < pairs.mask.mean() < 1
    near, far = pairs.frames.unbind(1)
    solid = (pairs.alpha == 1).expand_as(near)
    assert torch.allclose(near[solid], pairs.truth[solid], atol=1e-4)  # nothing shines through
    for i, sigma in enumerate(pairs.sigma.tolist()):
        reach = int(8 * sigma) + 2
        around = torch.nn.functional.max_pool2d(pairs.alpha[i], 2 * reach + 1, 1, reach)
        clear = (around == 0).expand(3, -1, -1)
        assert torch.allclose(far[i][clear], pairs.truth[i][clear], atol=1e-3)  # nothing in front of it


def test_blurs_are_spread_over_their_range(library):
    sigmas = torch.cat([draw(library, seed=seed, size=16).sigma for seed in range(10)])
    assert BLUR[0] <= sigmas.min() < 1 and 5 < sigmas.max() <= BLUR[1]
    assert 1.5 < sigmas.median() < 2.8  # log-uniform: 2


def test_the_same_seed_draws_the_same_and_noise_is_brooks_s(library):
    one, again, other = (draw(library, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(one.frames, again.frames) and not torch.equal(one.frames, other.frames)
    loud = draw(library, replace(CLEAN, noisy=1.0, shot=(0.01, 0.01)), seed=3)
    assert torch.allclose(loud.noise[:, 0], torch.tensor(0.01))
    off = (loud.frames - one.frames) / (loud.noise[:, 0, None, None, None, None] * one.frames.clamp_min(0.02)).sqrt()
    assert 0.9 < float(off[one.frames > 0.1].std()) < 1.2


def test_what_makes_no_pairs_is_refused(library):
    bare = Library(library.textures, library.cutouts[:0])
    with pytest.raises(ValueError, match="without textures or without cut-outs makes no pairs; add drawn_library"):
        draw(bare)
    with pytest.raises(ValueError, match="bursts=0, size=48: one pair or more of 8 px or more"):
        draw(library, bursts=0)
