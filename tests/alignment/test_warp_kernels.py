"""Resampling: the kernel's own properties, both devices, and the laws of motion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focusstack.devices import set_threads
from napari_focusstack.kernels import warp_cpu
from napari_focusstack.kernels.warp_gpu import Kernels

HEIGHT, WIDTH = 90, 120
TYPES = [np.uint8, np.uint16, np.float32]


def similarity(scale=1.0, degrees=0.0, x=0.0, y=0.0):
    """Motion about the middle of the picture."""
    turn = np.radians(degrees)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    return np.vstack([np.column_stack([linear, middle - linear @ middle + [x, y]]), [0, 0, 1]])


def waves(matrix=None, channels=3):
    """Smooth picture in [0, 1], computed where `matrix` takes the pixels."""
    grid = np.stack([*np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), np.ones((HEIGHT, WIDTH))])
    x, y, w = np.tensordot(np.eye(3) if matrix is None else matrix, grid, 1)
    x, y = x / w, y / w
    planes = [0.5 + 0.2 * np.sin(0.21 * x + c) + 0.2 * np.cos(0.17 * y - 0.1 * x + 2 * c) for c in range(channels)]
    return np.stack(planes, axis=2)


def stored(picture, dtype):
    return picture.astype(dtype) if dtype is np.float32 else np.rint(picture * np.iinfo(dtype).max).astype(dtype)


def one(dtype):
    return 1.0 if dtype is np.float32 else float(np.iinfo(dtype).max)


MOTIONS = {
    "shift": similarity(x=0.4, y=-3.7),
    "breathing": similarity(1.013, 0.1, 1.2, -0.3),
    "shrinking": similarity(0.8, -1.0),
    "turn": similarity(0.97, 20, 2, 3),
    "perspective": np.add(similarity(1.01, 0.5), [[0, 0, 0], [0, 0, 0], [2e-4, -1e-4, 0]]),
}


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", MOTIONS)
def test_a_point_of_the_result_is_seen_where_the_matrix_takes_it(name, dtype):
    matrix = MOTIONS[name]
    result = warp_cpu.warp(stored(waves(), dtype), matrix, HEIGHT, WIDTH)
    assert result.dtype == dtype
    error = np.abs(result / one(dtype) - waves(matrix))[25:-25, 30:-30]
    assert error.max() < (1.3 / 255 if dtype is np.uint8 else 2e-4)


@pytest.mark.parametrize("matrix", [np.eye(3), similarity(x=3, y=-2)], ids=["still", "whole pixels"])
def test_whole_pixels_are_kept_exactly(matrix):
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 2), np.uint8)
    moved = warp_cpu.warp(noise, matrix, HEIGHT, WIDTH)
    x, y = matrix[:2, 2].astype(int)
    np.testing.assert_array_equal(moved[5:-5, 5:-5], noise[5 + y : HEIGHT - 5 + y, 5 + x : WIDTH - 5 + x])


@pytest.mark.parametrize("name", ["breathing", "perspective"])
def test_cubics_are_reproduced(name):
    matrix = MOTIONS[name]

    def cubic(x, y):
        x, y = x / 50 - 1, y / 50 - 1
        return x**3 - 2 * x * y**2 + x**2 - y + 0.3

    grid = np.stack([*np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), np.ones((HEIGHT, WIDTH))])
    x, y, w = np.tensordot(matrix, grid, 1)
    result = warp_cpu.warp(cubic(*grid[:2]).astype(np.float32)[..., None], matrix, HEIGHT, WIDTH)[..., 0]
    np.testing.assert_allclose(result[8:-8, 8:-8], cubic(x / w, y / w)[8:-8, 8:-8], atol=2e-5)


def test_half_way_between_pixels_it_keeps_more_detail_than_a_four_point_cubic():
    x = np.arange(WIDTH, dtype=np.float32)
    for frequency, four_point in ((1.0, 0.966), (1.57, 0.884), (2.0, 0.747)):
        wave = np.tile(np.cos(frequency * x), (HEIGHT, 1)).astype(np.float32)[..., None]
        moved = warp_cpu.warp(wave, similarity(x=0.5), HEIGHT, WIDTH)[HEIGHT // 2, 10:-10, 0]
        inner = x[10:-10]
        basis = np.stack([np.cos(frequency * (inner + 0.5)), np.sin(frequency * (inner + 0.5))], axis=1)
        kept, leaked = np.linalg.lstsq(basis, moved, rcond=None)[0]
        assert abs(1 - kept) < 1 - four_point
        assert abs(leaked) < 1e-3


@pytest.mark.parametrize("degrees", [0, 0.05, 0.5, 1.5])
@pytest.mark.parametrize("scale", [0.93, 1.0, 1.02])
def test_two_passes_agree_with_two_dimensions(monkeypatch, scale, degrees):
    rng = np.random.default_rng(1)
    texture = rng.random((HEIGHT, WIDTH, 1)).astype(np.float32)
    texture = 255 * warp_cpu.warp(texture, similarity(0.55), HEIGHT, WIDTH)  # fine detail, still sampled well enough
    matrix = similarity(scale, degrees, 0.3, 0.6)
    assert warp_cpu.splits(matrix)
    twice = warp_cpu.warp(texture, matrix, HEIGHT, WIDTH)
    monkeypatch.setattr(warp_cpu, "STEEPEST", -1)
    once = warp_cpu.warp(texture, matrix, HEIGHT, WIDTH)
    assert np.abs(twice - once)[10:-10, 10:-10].max() < 0.5


@pytest.mark.parametrize("name", ["turn", "perspective"])
def test_large_turns_and_perspective_do_not_split(name):
    assert not warp_cpu.splits(MOTIONS[name])
    assert not warp_cpu.splits(similarity(2.0))


def test_the_border_is_repeated():
    flat = np.full((HEIGHT, WIDTH, 1), 77, np.uint8)
    for matrix in (similarity(x=500, y=-500), similarity(1.2, 1), similarity(1.2, 30)):
        assert np.all(warp_cpu.warp(flat, matrix, HEIGHT, WIDTH) == 77)


def test_values_are_rounded_and_clipped():
    edge = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    edge[:, WIDTH // 2 :] = 255
    for matrix in (similarity(x=0.5), similarity(1, 10, 0.5)):
        result = warp_cpu.warp(edge, matrix, HEIGHT, WIDTH)
        assert result.min() == 0
        assert result.max() == 255
    bright = np.full((HEIGHT, WIDTH, 1), 200, np.uint8)
    table = np.linspace(0, 400, 256, dtype=np.float32)[None]
    assert np.all(warp_cpu.warp(bright, np.eye(3), HEIGHT, WIDTH, table) == 255)
    assert np.all(warp_cpu.warp(bright // 2, np.eye(3), HEIGHT, WIDTH, table) == 157)  # 156.86


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", ["breathing", "turn"])
def test_a_table_stands_for_the_stored_values(name, dtype):
    image = stored(waves(), dtype)
    gains = np.array([0.7, 1.0, 1.1], np.float32)
    table = gains[:, None] * np.arange(np.iinfo(dtype).max + 1, dtype=np.float32)
    result = warp_cpu.warp(image, MOTIONS[name], HEIGHT, WIDTH, table)
    error = np.abs(result / one(dtype) - waves(MOTIONS[name]) * gains)[25:-25, 30:-30]
    assert error.max() < (1.3 / 255 if dtype is np.uint8 else 2e-4)


@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", MOTIONS)
def test_torch_gives_the_same_answer(name, dtype, channels):
    image = stored(waves(channels=channels), dtype)
    tables = [None]
    if dtype is not np.float32:
        values = np.linspace(0, 1, np.iinfo(dtype).max + 1, dtype=np.float32) ** 1.2 * one(dtype)
        tables.append(np.tile(values, (channels, 1)))
    for table in tables:
        ours = warp_cpu.warp(image, MOTIONS[name], HEIGHT - 4, WIDTH - 6, table)
        theirs = Kernels("cpu").warp(image, MOTIONS[name], HEIGHT - 4, WIDTH - 6, table)
        assert theirs.dtype == ours.dtype
        difference = np.abs(ours.astype(float) - theirs)[12:-12, 12:-12] / one(dtype)
        assert difference.max() <= (1 / 255 if dtype is np.uint8 else 3e-4)


def test_strips_of_torch_join(monkeypatch):
    image = stored(waves(), np.uint8)
    whole = Kernels("cpu").warp(image, MOTIONS["breathing"], HEIGHT, WIDTH)
    monkeypatch.setattr("napari_focusstack.kernels.warp_gpu.STRIP_PIXELS", 7 * WIDTH)
    np.testing.assert_array_equal(Kernels("cpu").warp(image, MOTIONS["breathing"], HEIGHT, WIDTH), whole)


@pytest.mark.parametrize("name", MOTIONS)
def test_any_number_of_threads_gives_the_same(name):
    image = stored(waves(), np.uint16)
    try:
        set_threads(1)
        alone = warp_cpu.warp(image, MOTIONS[name], HEIGHT, WIDTH)
        set_threads(3)
        np.testing.assert_array_equal(warp_cpu.warp(image, MOTIONS[name], HEIGHT, WIDTH), alone)
    finally:
        set_threads(0)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.93, 1.07), st.floats(-8, 8), st.floats(-4, 4), st.floats(-4, 4))
def test_there_and_back_is_nearly_nothing(scale, degrees, x, y):
    matrix = similarity(scale, degrees, x, y)
    picture = waves().astype(np.float32)
    there = warp_cpu.warp(picture, matrix, HEIGHT, WIDTH)
    back = warp_cpu.warp(there, np.linalg.inv(matrix), HEIGHT, WIDTH)
    assert np.abs(back - picture)[25:-25, 25:-25].max() < 1e-3
