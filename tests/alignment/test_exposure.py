"""Drift of exposure: gains from the light of the frames, and how they are applied."""

import numpy as np
import pytest

from napari_focusstack.alignment import align, warped
from napari_focusstack.alignment.exposure import gain_table, light_gains, light_of, relit
from napari_focusstack.arrays import from_float
from napari_focusstack.color import to_linear, to_stored
from napari_focusstack.simulation import simulate


def picture(height=120, width=180, channels=3):
    """Light between 0.02 and 0.4, with some structure."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 9 + c) * np.cos(y / 7 - c) + np.sin(x / 31) for c in range(channels)]
    return (0.2 + 0.09 * np.stack(waves, axis=2)).astype(np.float32)


def still(count):
    return np.repeat(np.eye(3)[None], count, 0)


@pytest.mark.parametrize("transfer", ["linear", "srgb"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_gains_bring_the_light_back(dtype, transfer):
    truth = np.array([[0.8, 0.9, 1.1], [1, 1, 1], [1.3, 1.2, 0.7]])
    frames = [from_float(to_stored(picture() / gain, transfer).astype(np.float32), dtype) for gain in truth]
    found = light_gains([light_of(frame, transfer) for frame in frames], still(3), 1)
    np.testing.assert_allclose(found, truth, rtol=0.005 if dtype is np.uint8 else 1e-4)
    assert np.all(found[1] == 1)


def test_gains_follow_the_motion():
    frames = [picture()[4:-4, 3:-3], 0.8 * picture()[8:, 6:]]
    transforms = np.array([np.eye(3), [[1, 0, -3], [0, 1, -4], [0, 0, 1]]])
    found = light_gains([light_of(frame[:112, :174], "linear") for frame in frames], transforms, 0)
    np.testing.assert_allclose(found[1], 1.25, rtol=0.01)


def test_clipped_pixels_do_not_count():
    bright = picture()
    bright[20:50, 30:70] = 3.0
    frames = [np.clip(bright * gain, 0, 1) for gain in (1.0, 0.7)]
    found = light_gains([light_of(frame, "linear") for frame in frames], still(2), 0)
    np.testing.assert_allclose(found[1], 1 / 0.7, rtol=1e-3)


def test_gains_are_limited_and_darkness_has_none():
    frames = [picture(), 0.1 * picture(), np.zeros_like(picture())]
    found = light_gains([light_of(frame, "linear") for frame in frames], still(3), 0)
    assert np.all(found[1] == 2)
    assert np.all(found[2] == 1)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 400, 2), (2000, 5, 3)])
def test_frames_of_any_shape_have_light(shape):
    image = np.full(shape, 100, np.uint8)
    found = light_gains([light_of(image, "srgb"), light_of(image // 2, "srgb")], still(2), 0)
    assert found.shape == (2, shape[2])
    assert np.isfinite(found).all()


@pytest.mark.parametrize("transfer", ["linear", "srgb"])
def test_a_table_multiplies_light(transfer):
    table = gain_table(np.array([0.5, 1.0, 1.7]), np.uint8, transfer)
    assert table.shape == (3, 256)
    light = to_linear(table / 255, transfer)
    np.testing.assert_allclose(light, to_linear(np.arange(256) / 255, transfer) * [[0.5], [1], [1.7]], atol=1e-6)
    np.testing.assert_allclose(table[1], np.arange(256), atol=1e-3)
    floats = (np.arange(256, dtype=np.float32) / 255)[None, :, None].repeat(3, 2)
    lit = relit(floats, np.array([0.5, 1.0, 1.7]), transfer)
    assert lit.dtype == np.float32
    np.testing.assert_allclose(lit[0].T * 255, table, atol=1e-3)


@pytest.mark.parametrize("transfer", ["linear", "srgb"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_burst_with_flicker_is_evened_out(dtype, transfer):
    burst = simulate(
        "slanted", frames=5, height=160, width=200, blur=0.5, exposure=0.15, dtype=dtype, transfer=transfer, seed=3
    )
    alignment = align(burst.frames, exposure=True, transfer=transfer)
    wanted = burst.gains[alignment.reference] / burst.gains
    np.testing.assert_allclose(alignment.gains, np.repeat(wanted[:, None], 3, 1), rtol=0.01)
    lit = warped(burst.frames, alignment)
    before, after = (np.std([np.mean(frames[i]) for i in range(5)]) for frames in (burst.frames, lit))
    assert after < before / 10
    assert np.all(align(burst.frames).gains == 1)
