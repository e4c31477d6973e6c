"""Complex Daubechies wavelets: the printed filters, reconstruction, energy; the same answers from torch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focusstack.kernels import reassign_cpu, wavelet_cpu
from napari_focusstack.kernels.daubechies import LOW_PASS, low_pass
from napari_focusstack.kernels.daubechies_cpu import analyse, synthesise

torch = pytest.importorskip("torch")

from napari_focusstack.kernels import daubechies_gpu, reassign_gpu, wavelet_gpu  # noqa: E402


def picture(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).random(shape).astype(dtype)


def split(plane, taps):
    """One level: low and detail bands."""
    size = -(-plane.shape[1] // 2), -(-plane.shape[2] // 2)
    low, detail = np.empty((2, *size), plane.dtype), np.empty((3, 2, *size), plane.dtype)
    analyse(plane, low_pass(taps), low, detail)
    return low, detail


def transformed(image, taps, levels):
    """Low band and detail bands of all levels."""
    low, details, shapes = image[None], [], []
    for _ in range(levels):
        shapes.append(low.shape)
        low, detail = split(low, taps)
        details.append(detail)
    return low, details, shapes


def restored(low, details, shapes, taps):
    for detail, shape in zip(reversed(details), reversed(shapes), strict=True):
        out = np.empty(shape, low.dtype)
        synthesise(low, detail, low_pass(taps), out)
        low = out
    return low[0]


@pytest.mark.parametrize("taps", LOW_PASS)
def test_filters_are_orthonormal(taps):
    half = low_pass(taps)
    h = np.concatenate([half, half[::-1]])
    assert len(h) == taps
    assert h.sum() == pytest.approx(np.sqrt(2), abs=1e-15)
    assert h == pytest.approx(np.array([*LOW_PASS[taps], *LOW_PASS[taps][::-1]]), abs=1e-9)
    for shift in range(0, taps, 2):
        assert (h[shift:] * h[: taps - shift].conj()).sum() == pytest.approx(float(shift == 0), abs=2e-9)


@pytest.mark.parametrize("taps", [6, 14, 22])
def test_golden_reconstruction_and_energy(taps):
    image = picture((128, 128))
    low, details, shapes = transformed(image, taps, 3)
    assert np.abs(restored(low, details, shapes, taps) - image).max() < 1e-7
    energy = (low**2).sum() + sum((detail**2).sum() for detail in details)
    assert energy == pytest.approx((image**2).sum(), rel=1e-8)


@settings(deadline=None, max_examples=40)
@given(taps=st.sampled_from([6, 14, 22]), height=st.integers(1, 40), width=st.integers(1, 40), levels=st.integers(1, 4))
def test_reconstructs_every_size(taps, height, width, levels):
    image = picture((height, width), seed=height)
    assert np.abs(restored(*transformed(image, taps, levels), taps) - image).max() < 1e-7


@pytest.mark.parametrize("taps", LOW_PASS)
def test_plain_pictures_have_no_detail(taps):
    """Not at the borders, either: the mirror leaves no step."""
    low, details, _ = transformed(np.full((40, 24), 0.7), taps, 3)
    assert max(np.abs(detail).max() for detail in details) < 1e-8
    assert low[0] == pytest.approx(0.7 * 8, abs=1e-7)
    assert low[1] == pytest.approx(0, abs=1e-7)


def test_white_noise_is_as_strong_in_every_band():
    noise = np.random.default_rng(0).normal(0, 0.3, (256, 256))
    _, details, _ = transformed(noise, 6, 2)
    for detail in details:
        assert (detail**2).sum(axis=1).mean(axis=(1, 2)) == pytest.approx(0.09, rel=0.06)


def test_float32_is_enough():
    image = picture((65, 90), np.float32)
    assert np.abs(restored(*transformed(image, 14, 4), 14) - image).max() < 2e-6


@pytest.mark.parametrize("shape", [(32, 48), (31, 47), (3, 5), (1, 1)])
@pytest.mark.parametrize("taps", LOW_PASS)
@pytest.mark.parametrize("parts", [1, 2])
def test_transforms_agree(shape, taps, parts):
    plane = picture((parts, *shape))
    low, detail = split(plane, taps)
    other_low, other_detail = daubechies_gpu.analyse(torch.from_numpy(plane), low_pass(taps))
    assert other_low.numpy() == pytest.approx(low, abs=1e-12)
    assert other_detail.numpy() == pytest.approx(detail, abs=1e-12)
    back = daubechies_gpu.synthesise(other_low, other_detail, low_pass(taps), *shape).numpy()
    out = np.empty((2, *shape))
    synthesise(low, detail, low_pass(taps), out)
    assert back == pytest.approx(out, abs=1e-12)


def fused(kernels, frames, planes, taps, together, smooth, floor, channel=-1):
    state = kernels.coefficients(*frames.shape[1:3], planes, 3, taps, together=together, smooth=smooth)
    for k, image in enumerate(frames):
        kernels.take(state, image, k, channel)
    index, confidence = kernels.judged(state, len(frames), floor)
    return np.stack(kernels.combined(state, len(frames), floor)), index, confidence


@pytest.mark.parametrize(("together", "smooth"), [(True, True), (True, False), (False, False)])
@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("floor", [0.0, 2.0])
def test_fusions_agree(together, smooth, planes, floor):
    frames = (picture((4, 45, 62, 3)) * 65535).astype(np.uint16)
    for taps, channel in ((6, -1), (14, 1)):
        cpu, gpu = (
            fused(kernels, frames, planes, taps, together, smooth, floor, channel)
            for kernels in (wavelet_cpu, wavelet_gpu.Kernels("cpu"))
        )
        assert gpu[0] == pytest.approx(cpu[0], abs=1e-5)
        assert np.array_equal(gpu[1], cpu[1], equal_nan=True)
        assert gpu[2] == pytest.approx(cpu[2], abs=1e-5)


def test_the_largest_modulus_wins_place_by_place():
    """Against the argmax over the stack of all coefficients."""
    frames = picture((3, 32, 40, 1), np.float32)
    state = wavelet_cpu.coefficients(32, 40, 1, 1, 6, together=False, smooth=False)
    details = []
    for k, frame in enumerate(frames):
        wavelet_cpu.take(state, frame, k, -1)
        details.append(split(frame[None, ..., 0], 6)[1])
    details = np.stack(details)
    choice = (details**2).sum(axis=2).argmax(axis=0)
    level = state.levels[0]
    assert np.array_equal(level.index, choice)
    assert np.array_equal(level.best[0], np.take_along_axis(details, choice[None, :, None], 0)[0])
    assert level.total_detail[0] == pytest.approx(details.sum(axis=0), abs=1e-6)


def assigned(kernels, frames, wanted, tolerance=0.0):
    state = kernels.nearest(frames.shape[3], wanted, tolerance)
    for image in frames:
        kernels.compare(state, image, -1)
    return kernels.assigned(state)


@pytest.mark.parametrize("tolerance", [0.0, 0.1])
def test_reassignments_agree(tolerance):
    frames, wanted = (picture((4, 45, 62, 3)) * 255).astype(np.uint8), picture((45, 62), np.float32)
    cpu, gpu = (assigned(kernels, frames, wanted, tolerance) for kernels in (reassign_cpu, reassign_gpu.Kernels("cpu")))
    assert gpu == pytest.approx(cpu, abs=1e-4)


@pytest.mark.parametrize("kernels", [reassign_cpu, reassign_gpu.Kernels("cpu")], ids=["cpu", "gpu"])
def test_the_frame_with_the_wanted_grey_gives_its_colours(kernels):
    frames = picture((5, 30, 40, 3), np.float32)
    assert assigned(kernels, frames, frames[3].mean(axis=2)) == pytest.approx(frames[3], abs=1e-6)


@pytest.mark.parametrize("kernels", [reassign_cpu, reassign_gpu.Kernels("cpu")], ids=["cpu", "gpu"])
def test_frames_within_the_tolerance_are_averaged(kernels):
    near = np.array([0.5, 0.501, 0.499, 0.9], np.float32)
    frames = near[:, None, None, None] * np.ones((20, 20, 2), np.float32)
    image = assigned(kernels, frames, np.full((20, 20), 0.5, np.float32), tolerance=0.05)
    assert image == pytest.approx(0.5, abs=1e-4)
