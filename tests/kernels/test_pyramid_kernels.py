"""The pyramid's loops: perfect reconstruction, OpenCV's reduction, the weights' formula; torch gives the same."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focusstack.arrays import unit
from napari_focusstack.kernels import pyramid_cpu

torch = pytest.importorskip("torch")

from napari_focusstack.kernels import pyramid_gpu  # noqa: E402

KERNELS = pytest.mark.parametrize("kernels", [pyramid_cpu, pyramid_gpu.Kernels("cpu")], ids=["cpu", "gpu"])
PLAIN = (1.0, 0.0)  # variance of the noise: sharpness in stored values


def frames_of(shape, dtype="uint8", count=4, seed=0):
    values = np.random.default_rng(seed).random((count, *shape))
    return (values * unit(dtype)).astype(dtype)


def merged(kernels, frames, rules, *, variance=PLAIN, channel=-1, keep_range=False):
    state = kernels.pyramid(*frames.shape[1:], len(rules), frames.dtype if keep_range else None)
    for k, frame in enumerate(frames):
        kernels.merge(state, frame, k, variance, rules, channel)
    return state


@settings(deadline=None, max_examples=40)
@given(
    st.tuples(st.integers(1, 70), st.integers(1, 70), st.integers(1, 5)),
    st.sampled_from(["uint8", "uint16", "float32", "float64", ">u2", "int16"]),
    st.integers(1, 6),
)
def test_a_frame_is_put_together_again(shape, dtype, levels):
    frame = frames_of(shape, dtype, 1)
    image = pyramid_cpu.collapse(merged(pyramid_cpu, frame, [(1.0, 1.0, 0.0, 1.0)] * levels), 1 / unit(dtype))
    assert image == pytest.approx(frame[0] / unit(dtype), abs=1e-6)
    assert image.flags.c_contiguous


@KERNELS
def test_reduces_as_opencv_does(kernels):
    frame = frames_of((45, 62, 3), "float32", 1)
    state = merged(kernels, frame, [(1.0, 1.0, 0.0, 1.0)] * 2)
    expected = cv2.pyrDown(cv2.pyrDown(frame[0]))
    assert expected.shape[:2] == (12, 16)
    base = np.asarray(state.base).reshape(-1, 12, 16) if kernels is not pyramid_cpu else state.base.swapaxes(0, 1)
    assert np.moveaxis(base, 0, 2) == pytest.approx(expected, abs=1e-6)


@KERNELS
def test_a_checkerboard_has_the_sharpness_of_its_amplitude(kernels):
    """It vanishes in the reduction, so its details are itself: ± 10 in each of three channels, of noise 2."""
    board = np.where(np.indices((32, 32)).sum(0) % 2, 110, 90)[..., None].repeat(3, axis=2).astype(np.uint8)
    state = merged(kernels, board[None], [(3.0, 1.0, 0.0, 1.0)], variance=(4.0, 0.0))
    (best, index, weight), *_ = kernels.decisions(state)
    assert best == pytest.approx(10 * np.sqrt(3) / 2, rel=1e-5)
    assert (index == 0).all()
    assert (weight == 1).all()
    brighter = merged(kernels, board[None], [(3.0, 1.0, 0.0, 1.0)], variance=(4.0, 0.21))
    assert kernels.decisions(brighter)[0][0] == pytest.approx(10 * np.sqrt(3) / 5, rel=1e-5)  # 4 + 0.21 · 100 = 5²


@KERNELS
def test_sharpness_joins_a_block_with_the_mean_around_it(kernels):
    """One white pixel in black: its block, at distance 0, and blocks up to two away see it."""
    frame = np.zeros((1, 64, 64, 1), np.float32)
    frame[0, 32, 32] = 1
    alone, around = (
        kernels.decisions(merged(kernels, frame, [(smoothing, 1.0, 0.0, 0.0)]))[0][0] for smoothing in (0.0, 3.0)
    )
    mean = cv2.blur(alone, (5, 5))
    assert around == pytest.approx(np.sqrt((alone**2 + 3 * mean**2) / 4), abs=1e-6)
    assert (around[16] > 0).sum() > (alone[16] > 0).sum()


@KERNELS
def test_weights_are_exponentials_of_the_sharpness(kernels):
    frames, steepness = frames_of((40, 44, 3)), 0.05
    rule = [(1.0, steepness, 0.0, 1.0)]
    sharpness = np.stack([kernels.decisions(merged(kernels, frames[k : k + 1], rule))[0][0] for k in range(4)])
    best, index, weight = kernels.decisions(merged(kernels, frames, rule))[0]
    weights = np.exp(steepness * (sharpness - sharpness.max(axis=0)))
    assert best == pytest.approx(sharpness.max(axis=0), rel=1e-6)
    assert np.array_equal(index, sharpness.argmax(axis=0))
    assert weight == pytest.approx(weights.sum(axis=0), rel=1e-4)


@KERNELS
def test_evidence_above_its_floor_is_handed_on(kernels):
    """To a level whose own details are none: those of a checkerboard end with the finest level."""
    board = np.where(np.indices((32, 32)).sum(0) % 2, 1.0, 0.0)[None, ..., None].astype(np.float32)
    for floor, expected in ((0.1, 2.0 * (0.5 - 0.1)), (0.6, 0.0)):
        state = merged(kernels, board, [(1.0, 1.0, floor, 2.0), (1.0, 1.0, 0.0, 1.0)])
        assert kernels.decisions(state)[1][0] == pytest.approx(expected, abs=1e-5)


@KERNELS
def test_an_infinitely_steep_weight_takes_the_maximum(kernels):
    frames = frames_of((40, 44, 3))
    rule = [(0.0, 1e30, 0.0, 1.0)]
    _, index, weight = kernels.decisions(merged(kernels, frames, rule))[0]
    assert (weight == 1).all()
    assert len(np.unique(index)) == 4
    ties = merged(kernels, np.concatenate([frames, frames]), rule)
    _, first, both = kernels.decisions(ties)[0]
    assert np.array_equal(first, index)
    assert (both == 2).all()


@pytest.mark.parametrize("shape", [(37, 53, 3), (64, 32, 1), (5, 3, 4), (1, 1, 2), (2, 7, 3)])
@pytest.mark.parametrize(("dtype", "channel"), [("uint8", -1), ("uint16", 0), ("float32", -1)])
def test_cpu_and_gpu_agree(shape, dtype, channel):
    frames = frames_of(shape, dtype)
    variance = (30 * (unit(dtype) / 255) ** 2, 0.2 * unit(dtype) / 255)
    rules = [(1.25, 0.3, 1.0, 2.0), (1.0, 2.0, 2.0, 2.0), (0.6, 3.0, 1.0, 2.0)]
    answers = []
    for kernels in (pyramid_cpu, pyramid_gpu.Kernels("cpu")):
        state = merged(kernels, frames, rules, variance=variance, channel=channel, keep_range=True)
        samples = kernels.samples(state, channel)
        answers.append((kernels.decisions(state), samples, kernels.collapse(state, 1 / unit(dtype))))
    (cpu, cpu_samples, image), (gpu, gpu_samples, other) = answers
    assert other == pytest.approx(image, abs=2e-5)
    for ours, theirs in zip(cpu, gpu, strict=True):
        assert theirs[0] == pytest.approx(ours[0], rel=1e-4, abs=1e-4)
        assert np.array_equal(theirs[1], ours[1])
        assert theirs[1].dtype == ours[1].dtype == np.uint16
        assert theirs[2] == pytest.approx(ours[2], rel=1e-3)
    for ours, theirs in zip(cpu_samples, gpu_samples, strict=True):
        assert theirs[1] == pytest.approx(ours[1], rel=1e-5, abs=1e-6)


@KERNELS
def test_the_range_of_the_stack_is_kept(kernels):
    frames = frames_of((33, 47, 3), "uint16")
    free, kept = (
        kernels.collapse(merged(kernels, frames, [(0.0, 1e30, 0.0, 1.0)] * 3, keep_range=keep), 1 / 65535)
        for keep in (False, True)
    )
    low, high = (limit(axis=0) / np.float32(65535) for limit in (frames.min, frames.max))
    assert ((free < low) | (free > high)).mean() > 0.01
    assert ((kept >= low - 1e-7) & (kept <= high + 1e-7)).all()
    inside = (free >= low) & (free <= high)
    assert kept[inside] == pytest.approx(free[inside], abs=1e-6)
