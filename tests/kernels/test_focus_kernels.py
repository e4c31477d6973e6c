"""Greys, measures and smoothing in torch against those of OpenCV."""

import numpy as np
import pytest

from napari_focusstack import focus

torch = pytest.importorskip("torch")

from napari_focusstack.kernels import focus_gpu  # noqa: E402

SHAPES = [(37, 50), (8, 5), (2, 3), (1, 1)]


def picture(shape, seed=0):
    return np.random.default_rng(seed).random(shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", focus.FOCUS_MEASURES)
def test_measures_agree(name, shape):
    light = picture(shape)
    mine = focus_gpu.FOCUS_MEASURES[name](torch.from_numpy(light)).numpy()
    assert mine == pytest.approx(focus.FOCUS_MEASURES[name](light), rel=1e-5, abs=2e-6)


def test_tables_agree():
    assert list(focus_gpu.FOCUS_MEASURES) == list(focus.FOCUS_MEASURES)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("radius", [0, 0.7, 2.0, 5.0])
def test_smoothing_agrees(shape, radius):
    light = picture(shape)
    assert focus_gpu.smoothed(torch.from_numpy(light), radius).numpy() == pytest.approx(
        focus.smoothed(light, radius), abs=1e-6
    )


@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">u2", "int16", "float32", "float64"])
@pytest.mark.parametrize("channel", [-1, 0, 2])
def test_greys_of_stored_values_agree(dtype, channel):
    image = (picture((20, 30, 3)) * (200 if np.dtype(dtype).kind in "ui" else 1)).astype(dtype)
    image.flags.writeable = False
    values = focus_gpu.uploaded(image[:, ::-1], torch.device("cpu"))
    assert focus_gpu.grey(values, channel).numpy() == pytest.approx(focus.grey(image[:, ::-1], channel), abs=1e-6)


def test_a_channel_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="channel=3 is not there; allowed are 0 to 2, or -1 for all"):
        focus_gpu.grey(torch.zeros((4, 4, 3)), 3)


def test_bright_images_keep_their_small_variances():
    light = picture((20, 20)) * 1e-3 + 1000
    mine = focus_gpu.FOCUS_MEASURES["variance"](torch.from_numpy(light)).numpy()
    assert mine == pytest.approx(focus.variance(light), rel=0.05)
