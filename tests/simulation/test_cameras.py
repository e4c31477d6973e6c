"""Random cameras: white stays white, planes lie where the mosaic has them, noise is the sensor's."""

import pytest
import torch

from napari_focusstack.nets.mosaic import demosaiced
from napari_focusstack.simulation.batches import Variety, draw_batch
from napari_focusstack.simulation.cameras import PLANES, random_cameras
from napari_focusstack.simulation.library import drawn_library
from napari_focusstack.simulation.variety import Chance

CALM = {"noisy": 0.0, "jitter": 0.0, "breathing": 0.0, "exposure": 0.0, "drift": 0.0, "frames": (2, 4)}


@pytest.fixture(scope="module")
def library():
    return drawn_library(3, 3, seed=5)


@pytest.fixture
def cameras():
    return random_cameras(Chance(torch.Generator().manual_seed(0), torch.device("cpu")), 50)


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


def test_white_is_white_and_no_gain_is_below_one(cameras):
    torch.testing.assert_close(cameras.matrices.sum(2), torch.ones(50, 3))
    assert (cameras.gains.amin(1) == 1).all() and (cameras.gains[:, 1] == 1).all()
    grey = torch.full((50, 1, 3, 8, 8), 0.4)
    torch.testing.assert_close(cameras.balanced(grey), grey)
    torch.testing.assert_close(cameras.read(cameras.planes(grey)), torch.full((50, 1, 4, 4, 4), 0.4), atol=4e-4, rtol=0)


def test_cameras_differ(cameras):
    assert cameras.matrices.std(0).amin() > 0.01 and cameras.gains[:, [0, 2]].std(0).amin() > 0.2


def test_planes_are_the_sites_of_the_mosaic(cameras):
    light = torch.rand(50, 2, 3, 6, 8)
    cameras.lowpass.zero_()
    seen = cameras.balanced(light) / cameras.gains[:, None, :, None, None]
    planes = cameras.planes(light)
    for plane, (row, column) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        torch.testing.assert_close(planes[:, :, plane], seen[:, :, PLANES[plane], row::2, column::2])


def test_the_low_pass_filter_keeps_light_and_spreads_a_point(cameras):
    point = torch.zeros(50, 1, 3, 16, 16)
    point[..., 8, 8] = 1
    spread = cameras._filtered(point)
    torch.testing.assert_close(spread.sum((-2, -1)), torch.ones(50, 1, 3))
    place = torch.arange(16.0) - 8
    variance = (spread[:, 0, 0].sum(-2) * place.square()).sum(-1)
    torch.testing.assert_close(variance, cameras.lowpass.square().clamp_max(0.8), atol=1e-5, rtol=0)


def test_full_wells_are_white_in_every_colour(cameras):
    assert (cameras.read(torch.full((50, 1, 4, 2, 2), 9.0)) >= 1).all()


def test_a_mosaic_of_a_sharp_scene_gives_its_truth(library):
    variety = Variety(sweep=(1.5, 1.5), layers=(0, 0), glints=0, **CALM)
    batch = draw_batch(library, variety, seeded(), bursts=3, size=48, mosaic=True)
    assert batch.frames.shape[2:] == (4, 24, 24) and batch.truth.shape == (3, 3, 48, 48) and batch.gains.shape == (3, 4)
    sharpest = batch.frames.flatten(2).std(2).argmax(1)
    found = demosaiced(batch.frames[torch.arange(3), sharpest])
    assert (found - batch.truth).mean((2, 3)).abs().max() < 0.01  # light and colours are those of the truth


def test_noise_of_planes_is_the_sensors_before_white_balance(library):
    variety = Variety(**{**CALM, "noisy": 1.0, "frames": (12, 12)}, sweep=(1.5, 1.5), layers=(0, 0), shot=(5e-3, 5e-3))
    batch = draw_batch(library, variety, seeded(), bursts=2, size=64, mosaic=True)
    shot, read = (batch.noise[:, i, None] for i in (0, 1))
    mean = batch.frames.mean(1)
    seen = batch.frames.diff(dim=1).square().mean((1, 3, 4)) / 2
    inside = (mean / batch.gains[:, :, None, None]).clamp_max(1)
    expected = (batch.gains**2 * (shot * inside.mean((2, 3)) + read)).float()
    unclipped = ((inside > 0.02) & (inside < 0.8)).float().mean((2, 3)) > 0.9
    assert unclipped.any()
    assert ((seen / expected)[unclipped] - 1).abs().max() < 0.35  # what little the focus changes comes on top


def test_scenes_are_the_same_with_and_without_mosaic(library):
    variety = Variety(**CALM)
    with_mosaic, without = (
        draw_batch(library, variety, seeded(), bursts=2, size=32, mosaic=mosaic) for mosaic in (True, False)
    )
    torch.testing.assert_close(with_mosaic.depth, without.depth)
    assert without.gains is None
