"""Guided filter: known answers, and the same ones from torch."""

import numpy as np
import pytest

from napari_focusstack.kernels import guided_cpu

torch = pytest.importorskip("torch")

from napari_focusstack.kernels import guided_gpu  # noqa: E402

EPS = 0.3, 1e-4


def merged(kernels, frames, index, trust, keep_range=False, channel=-1):
    state = kernels.layers(frames.shape[3], index, trust, keep_range=keep_range, eps=EPS, middle=0.5)
    for k, image in enumerate(frames):
        kernels.add(state, image, k, len(frames), channel)
    return kernels.merged(state)


@pytest.mark.parametrize("shape", [(61, 83), (16, 16), (9, 5), (1, 1)])
@pytest.mark.parametrize("keep_range", [False, True])
@pytest.mark.parametrize("channel", [-1, 2])
def test_both_agree(shape, keep_range, channel):
    rng = np.random.default_rng(0)
    frames = (rng.random((4, *shape, 3)) * 255).astype(np.uint8)
    index = rng.integers(0, 4, shape).astype(np.uint16)
    trust = rng.choice([0, 0.5, 1], shape).astype(np.float32)
    cpu, gpu = (
        merged(kernels, frames, index, trust, keep_range, channel)
        for kernels in (guided_cpu, guided_gpu.Kernels("cpu"))
    )
    assert gpu[0] == pytest.approx(cpu[0], abs=1e-5)
    assert gpu[1].dtype == cpu[1].dtype == np.uint16
    assert (gpu[1] == cpu[1]).mean() > 0.99


@pytest.mark.parametrize("kernels", [guided_cpu, guided_gpu.Kernels("cpu")], ids=["cpu", "gpu"])
def test_nothing_to_choose_is_the_mean(kernels):
    frames = np.random.default_rng(0).random((5, 40, 50, 2)).astype(np.float32)
    frames[:] = frames[0] + np.arange(5, dtype=np.float32)[:, None, None, None]
    image, _ = merged(kernels, frames, np.zeros((40, 50), np.uint16), np.zeros((40, 50), np.float32))
    assert image == pytest.approx(frames.mean(axis=0), abs=1e-4)


@pytest.mark.parametrize("kernels", [guided_cpu, guided_gpu.Kernels("cpu")], ids=["cpu", "gpu"])
def test_one_frame_everywhere_is_that_frame(kernels):
    frames = np.random.default_rng(0).random((3, 40, 50, 2)).astype(np.float32)
    image, source = merged(kernels, frames, np.ones((40, 50), np.uint16), np.ones((40, 50), np.float32))
    assert image == pytest.approx(frames[1], abs=1e-5)
    assert (source == 1).all()


def test_strips_make_no_difference(monkeypatch):
    """A picture of many strips against the same in one."""
    rng = np.random.default_rng(0)
    frames = rng.random((2, 200, 30, 1)).astype(np.float32)
    index, trust = rng.integers(0, 2, (200, 30)).astype(np.uint16), np.ones((200, 30), np.float32)
    many, _ = merged(guided_cpu, frames, index, trust)

    def at_once(function, height, *args, align=1):
        return [function(*args, 0, height)]

    monkeypatch.setattr(guided_cpu, "over_rows", at_once)
    one, _ = merged(guided_cpu, frames, index, trust)
    assert many == pytest.approx(one, abs=1e-5)
