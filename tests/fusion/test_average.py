"""The weighted average: its formula, its limits, its range; torch gives the same."""

import numpy as np
import pytest
from tilted import nearest, psnr, tilted

from napari_focusstack.focus import FOCUS_MEASURES, PRE_BLUR, smoothed
from napari_focusstack.fusion.average import fuse_average
from napari_focusstack.kernels import average_cpu

torch = pytest.importorskip("torch")

from napari_focusstack.kernels import average_gpu  # noqa: E402

KERNELS = pytest.mark.parametrize("kernels", [average_cpu, average_gpu.Kernels("cpu")], ids=["cpu", "gpu"])


def fused(frames, **options):
    return fuse_average(frames, device="cpu", **options)


def measured(frame, measure="sml", radius=2.0):
    return smoothed(FOCUS_MEASURES[measure](smoothed(frame.mean(axis=2), PRE_BLUR)), radius)


@pytest.mark.parametrize("measure", FOCUS_MEASURES)
def test_is_the_mean_weighted_by_powers_of_the_measure(measure):
    stack, _, _ = tilted(frames=4, width=96, noise=0.02)
    sharpness = np.stack([measured(frame, measure) for frame in stack])
    weights = (sharpness / sharpness.max(axis=0)) ** 3
    expected = (weights[..., None] * stack).sum(axis=0) / weights.sum(axis=0)[..., None]
    fusion = fused(stack, measure=measure, exponent=3.0, noise_floor=0.0)
    assert fusion.image == pytest.approx(expected, abs=1e-5)
    assert np.array_equal(fusion.index, sharpness.argmax(axis=0))
    assert fusion.confidence == pytest.approx(1 - (weights.sum(axis=0) - 1) / 3, abs=1e-4)


def test_exponent_zero_is_the_plain_mean():
    stack, _, _ = tilted(frames=5, width=96)
    assert fused(stack, exponent=0.0).image == pytest.approx(stack.mean(axis=0), abs=1e-6)


def test_is_close_to_the_truth_where_there_is_no_noise():
    stack, truth, _ = tilted()
    assert psnr(fused(stack).image, truth) > 50 > psnr(stack.mean(axis=0), truth) + 10


def test_is_better_than_the_pick_by_true_depth_where_there_is_noise():
    stack, truth, depth = tilted(noise=0.02)
    assert psnr(fused(stack).image, truth) > psnr(nearest(stack, depth), truth) + 2


def test_values_stay_inside_the_range_of_the_stack():
    stack, _, _ = tilted(width=96, noise=0.05)
    image = fused(stack).image
    assert (image >= stack.min(axis=0) - 1e-6).all()
    assert (image <= stack.max(axis=0) + 1e-6).all()


def test_the_order_of_the_frames_does_not_matter():
    stack, _, _ = tilted(frames=6, width=96, noise=0.02)
    order = [3, 0, 5, 1, 4, 2]
    plain, mixed = fused(stack), fused(stack[order])
    assert mixed.image == pytest.approx(plain.image, abs=1e-5)
    assert np.array_equal(np.isnan(mixed.index), np.isnan(plain.index))
    seen = ~np.isnan(plain.index)
    assert np.array_equal(np.asarray(order)[mixed.index[seen].astype(int)], plain.index[seen])


def test_plain_areas_are_averaged_and_have_no_index():
    stack, _, _ = tilted(frames=12, height=96, width=256)
    stack[:, :, 128:] = 0.5
    stack += np.random.default_rng(0).normal(0, 0.01, stack.shape).astype(np.float32)
    fusion = fused(stack)
    plain = np.s_[8:-8, 160:-8]
    assert np.isnan(fusion.index[plain]).mean() > 0.9
    assert not np.isnan(fusion.index[:, :112]).any()
    assert fusion.image[plain].std() < 0.5 * 0.01


def test_a_chosen_channel_decides_for_all():
    stack, _, _ = tilted(frames=6, width=96)
    both = np.concatenate([stack, stack[::-1]], axis=3)
    assert fused(both, channel=0).image[..., 0] == pytest.approx(fused(stack).image[..., 0], abs=1e-6)
    assert np.array_equal(fused(both, channel=1).index, 5 - fused(both, channel=0).index, equal_nan=True)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_cpu_and_gpu_agree(dtype):
    frames = np.random.default_rng(0).random((5, 43, 58, 3))
    frames = frames.astype(dtype) if dtype == "float32" else (frames * np.iinfo(dtype).max).astype(dtype)
    answers = []
    for kernels in (average_cpu, average_gpu.Kernels("cpu")):
        state = kernels.average(43, 58, 3)
        for k, frame in enumerate(frames):
            kernels.add(state, frame, k, "laplacian", 1.5, 8.0, -1)
        answers.append((kernels.found(state), kernels.sampled(state)))
    (cpu, sample), (gpu, other) = answers
    assert gpu.mean == pytest.approx(cpu.mean, abs=1e-5)
    assert gpu.best == pytest.approx(cpu.best, rel=1e-4)
    assert gpu.weight == pytest.approx(cpu.weight, rel=1e-3)
    assert np.array_equal(gpu.index, cpu.index)
    assert gpu.index.dtype == cpu.index.dtype == np.uint16
    assert other == pytest.approx(sample, rel=1e-4)


@KERNELS
def test_equal_frames_keep_the_first(kernels):
    frame = np.random.default_rng(0).random((20, 30, 1)).astype(np.float32)
    state = kernels.average(20, 30, 1)
    for k in range(3):
        kernels.add(state, frame, k, "sml", 2.0, 8.0, -1)
    found = kernels.found(state)
    assert (found.index == 0).all()
    assert found.weight == pytest.approx(3)
    assert found.mean == pytest.approx(frame, abs=1e-6)
