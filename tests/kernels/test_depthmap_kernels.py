"""Peaks and blending: known answers, and the same ones from torch; the filling of gaps."""

import numpy as np
import pytest

from napari_focusstack.kernels import depthmap_cpu, peaks_cpu
from napari_focusstack.kernels.fill import filled

torch = pytest.importorskip("torch")

from napari_focusstack.kernels import depthmap_gpu, peaks_gpu  # noqa: E402

PLANES = ("best", "before", "after", "last", "total", "picture", "index")


@pytest.fixture
def frames():
    return (np.random.default_rng(0).random((6, 41, 53, 3)) * 65535).astype(np.uint16)


def observed(kernels, frames, measure="sml", radius=2.0, channel=-1):
    state = kernels.peaks(*frames.shape[1:3])
    for k, image in enumerate(frames):
        kernels.observe(state, image, k, measure, radius, channel)
    return kernels.found(state), kernels.sampled(state, 3)


@pytest.mark.parametrize("measure", ["sml", "laplacian", "tenengrad", "variance"])
@pytest.mark.parametrize("channel", [-1, 1])
def test_peaks_agree(frames, measure, channel):
    (cpu, sample), (gpu, other) = (
        observed(kernels, frames, measure, channel=channel) for kernels in (peaks_cpu, peaks_gpu.Kernels("cpu"))
    )
    for name in PLANES:
        assert getattr(gpu, name) == pytest.approx(getattr(cpu, name), rel=1e-4, abs=1e-6), name
    assert gpu.index.dtype == cpu.index.dtype == np.uint16
    assert sample.shape == (14, 18)
    assert other == pytest.approx(sample, rel=1e-4)


def test_peak_and_its_neighbours_are_those_of_all_measures(frames):
    """Against the argmax of the whole stack of measures."""
    alone = np.stack([observed(peaks_cpu, frames[k : k + 1])[0].best for k in range(6)])
    padded = np.concatenate([np.zeros((1, 41, 53)), alone, np.zeros((1, 41, 53))])
    state, _ = observed(peaks_cpu, frames)
    index = alone.argmax(axis=0)
    assert np.array_equal(state.index, index)
    for name, shift in (("before", 0), ("best", 1), ("after", 2)):
        expected = np.take_along_axis(padded, index[None] + shift, 0)[0]
        assert getattr(state, name) == pytest.approx(expected, rel=1e-6), name
    assert state.total == pytest.approx(alone.sum(axis=0), rel=1e-5)
    assert np.array_equal(state.last, alone[-1].astype(np.float32))


@pytest.mark.parametrize("kernels", [peaks_cpu, peaks_gpu.Kernels("cpu")], ids=["cpu", "gpu"])
def test_ties_keep_the_earlier_frame(kernels):
    same = np.random.default_rng(0).random((1, 20, 20, 1)).astype(np.float32).repeat(3, axis=0)
    state, _ = observed(kernels, same)
    assert (state.index == 0).all()
    assert np.array_equal(state.after, state.best)


def blended(kernels, frames, depth, reach):
    state = kernels.blend(frames.shape[3], depth, reach)
    for k, image in enumerate(frames):
        kernels.blended(state, image, k)
    return kernels.mean(state)


def test_blends_agree(frames):
    rng = np.random.default_rng(1)
    depth = rng.uniform(0, 5, (41, 53)).astype(np.float32)
    reach = rng.choice([0.0, 0.1, 0.5, 3.0], (41, 53)).astype(np.float32)
    assert blended(depthmap_gpu.Kernels("cpu"), frames, depth, reach) == pytest.approx(
        blended(depthmap_cpu, frames, depth, reach), abs=2e-6
    )


@pytest.mark.parametrize("kernels", [depthmap_cpu, depthmap_gpu.Kernels("cpu")], ids=["cpu", "gpu"])
@pytest.mark.parametrize(
    ("depth", "reach", "expected"),
    [
        (2.0, 0.0, 2.0),
        (2.4, 0.0, 2.0),  # the nearest frame alone
        (2.6, 0.0, 3.0),
        (2.5, 0.0, 2.5),  # half-way: both
        (2.5, 0.5, 2.5),
        (2.25, 0.5, 2 + 0.5 / 1.5),  # weights 1 and 0.5
        (0.0, 0.0, 0.0),
        (5.0, 0.5, 5.0),
        (2.5, 3.0, 2.5),  # symmetric, so the same again
    ],
)
def test_weights_by_distance(kernels, depth, reach, expected):
    frames = np.arange(6, dtype=np.float32)[:, None, None, None] * np.ones((17, 5, 2), np.float32)
    planes = (np.full((17, 5), value, np.float32) for value in (depth, reach))
    assert blended(kernels, frames, *planes) == pytest.approx(expected, abs=1e-3)


def test_gaps_are_filled_from_the_nearest_side_and_far_away_from_all():
    values, weight = np.zeros((2, 60, 900), np.float32)
    values[:, 0], weight[:, 0] = 4, 1
    values[:, -1], weight[:, -1] = 6, 1
    result = filled(values, weight, np.zeros_like(values), reach=4, contrast=0.1)
    assert result[:, :20] == pytest.approx(4, abs=0.01)
    assert result[:, 440:460] == pytest.approx(5, abs=0.01)
    assert result[:, -20:] == pytest.approx(6, abs=0.01)


def test_filling_does_not_cross_an_edge():
    values, weight, picture = np.zeros((3, 40, 80), np.float32)
    picture[:, 40:] = 1
    values[:, 30], weight[:, 30] = 1, 1
    values[:, 79], weight[:, 79] = 5, 1
    result = filled(values, weight, picture, reach=30, contrast=0.05)
    assert result[:, :38] == pytest.approx(1, abs=0.01)
    assert result[:, 42:] == pytest.approx(5, abs=0.01)


def test_filling_stays_between_the_values_and_keeps_constants():
    rng = np.random.default_rng(0)
    values, picture = rng.random((2, 33, 47)).astype(np.float32)
    weight = (rng.random((33, 47)) > 0.7).astype(np.float32)
    result = filled(values, weight, picture, reach=5, contrast=0.3)
    assert result.shape == (33, 47)
    assert values.min() <= result.min() < result.max() <= values.max()
    assert filled(np.full_like(values, 0.3), weight, picture, reach=5, contrast=0.3) == pytest.approx(0.3)


def test_nothing_to_fill_from_is_nan():
    zero = np.zeros((8, 8), np.float32)
    assert np.isnan(filled(zero, zero, zero, reach=5, contrast=0.1)).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (3, 5)])
def test_filling_small_maps(shape):
    ones = np.ones(shape, np.float32)
    assert filled(3 * ones, ones, ones, reach=5, contrast=0.1) == pytest.approx(3)
