"""Curves of sharpness: what is kept of them, and the same from torch."""

import numpy as np
import pytest

from napari_focusstack.kernels import sff_cpu
from napari_focusstack.kernels.sff_cpu import ABSENT, GRID, WINDOW

torch = pytest.importorskip("torch")

from napari_focusstack.kernels import sff_gpu  # noqa: E402

PLANES = ("best", "total", "index", "before", "after", "recent", "picture")
BOTH = pytest.mark.parametrize("kernels", [sff_cpu, sff_gpu.Kernels("cpu")], ids=["cpu", "gpu"])


@pytest.fixture
def frames():
    return (np.random.default_rng(0).random((14, 41, 53, 3)) * 65535).astype(np.uint16)


def observed(kernels, frames, measure="sml", radius=2.0, channel=-1):
    state = kernels.curves(*frames.shape[1:3])
    for k, image in enumerate(frames):
        kernels.observe(state, image, k, measure, radius, channel)
    return kernels.found(state)


@pytest.mark.parametrize("measure", ["sml", "laplacian", "tenengrad", "variance"])
@pytest.mark.parametrize(("channel", "radius"), [(-1, 2.0), (1, 1.0), (0, 4.0)])
def test_cpu_and_gpu_agree(frames, measure, channel, radius):
    cpu, gpu = (observed(kernels, frames, measure, radius, channel) for kernels in (sff_cpu, sff_gpu.Kernels("cpu")))
    for name in PLANES:
        assert getattr(gpu, name) == pytest.approx(getattr(cpu, name), rel=2e-4, abs=1e-6), name
    assert gpu.index.dtype == cpu.index.dtype == np.uint16


@BOTH
def test_what_is_kept_is_the_curve_around_its_peak(kernels, frames):
    """Against the whole stack of measures."""
    alone = np.stack([observed(kernels, frames[k : k + 1]).best for k in range(14)])
    state = observed(kernels, frames)
    absent = np.full((WINDOW, *alone.shape[1:]), ABSENT, np.float32)
    padded = np.concatenate([absent, alone, absent])
    index = alone.argmax(axis=0)
    assert np.array_equal(state.index, index)
    assert state.total == pytest.approx(alone.sum(axis=0), rel=1e-5)
    assert np.array_equal(state.best, alone.max(axis=0))
    for j in range(WINDOW):
        for plane, shift in ((state.before[j], -1 - j), (state.after[j], 1 + j)):
            assert np.array_equal(plane, np.take_along_axis(padded, index[None] + WINDOW + shift, 0)[0]), shift


@BOTH
def test_picture_is_of_the_sharpest_frames(kernels, frames):
    state = observed(kernels, frames, channel=1)
    index = state.index.repeat(GRID, 0).repeat(GRID, 1)[:41, :53]
    expected = np.take_along_axis(frames[..., 1], index[None], 0)[0] / 65535
    assert state.picture == pytest.approx(expected, abs=1e-6)


@BOTH
def test_ties_keep_the_earlier_frame(kernels, frames):
    state = observed(kernels, frames[:1].repeat(3, axis=0))
    assert (state.index == 0).all()
    assert np.array_equal(state.after[1], state.best)
    assert (state.before == ABSENT).all()
    assert (state.after[2:] == ABSENT).all()


def test_memory_does_not_grow_with_the_frames(frames):
    sizes = {observed(sff_cpu, frames[:count]).nbytes for count in (3, 14)}
    assert len(sizes) == 1
    assert sff_cpu.curves(400, 600).nbytes <= 25 * 400 * 600


@pytest.mark.parametrize("shape", [(2, 2), (2, 9), (3, 5), (7, 4), (16, 24), (33, 41)])
def test_the_fast_measure_is_the_measure(shape):
    from napari_focusstack.focus import modified_laplacian
    from napari_focusstack.kernels.grids import shrunk

    light = np.random.default_rng(0).random(shape, np.float32)
    np.testing.assert_allclose(sff_cpu.measured(light, "sml"), shrunk(modified_laplacian(light), 2), rtol=1e-5)
