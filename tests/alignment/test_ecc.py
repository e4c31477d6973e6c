"""Whole bursts: the truth is found, nothing is moved that stood still, odd frames are told."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from napari_focusstack.alignment import ALIGNERS, Alignment, Area, align, warped
from napari_focusstack.progress import Cancelled, Step, listening
from napari_focusstack.simulation import simulate

STACKS = Path(__file__).parents[3] / "shared" / "data" / "stacks"  # real bursts, where they are at hand


def distance(found, truth, size):
    """Distance in px between where both take points all over the frame, (N, points)."""
    x, y = np.meshgrid(np.linspace(0, size[1] - 1, 9), np.linspace(0, size[0] - 1, 7))
    points = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    a, b = found @ points, truth @ points
    return np.hypot(*(a[:, :2] / a[:, 2:] - b[:, :2] / b[:, 2:]).transpose(1, 0, 2))


def truth_from(burst, reference):
    return burst.transforms @ np.linalg.inv(burst.transforms[reference])


@pytest.fixture(scope="module")
def breathing():
    """Nine frames with 1 % of scale a step, 3 px of jitter, noise and defocus."""
    return simulate(
        "occluders", frames=9, height=306, width=408, breathing=0.08, jitter=3, noise=1e-3, blur=0.8, seed=4
    )


@pytest.fixture(scope="module")
def found(breathing):
    return align(breathing.frames)


def test_the_truth_is_found(breathing, found):
    assert found.reference == 4
    assert found.size == (306, 408)
    assert found.misfits == ()
    assert found.kept.all()
    assert found.correlation.min() > 0.9
    assert distance(found.transforms, truth_from(breathing, 4), (306, 408)).mean() < 0.03


def test_at_reduced_size_it_is_found_as_well(breathing):
    large = np.stack([cv2.resize(f, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC) for f in breathing.frames[2:7]])
    up = np.array([[4, 0, 1.5], [0, 4, 1.5], [0, 0, 1]])
    truth = up @ truth_from(breathing, 4)[2:7] @ np.linalg.inv(up)
    found = align(large)
    assert distance(found.transforms, truth, large.shape[1:3]).mean() < 4 * 0.03


def test_aligned_frames_show_the_same_scene(breathing, found):
    lazy, area = warped(breathing.frames, found), found.area
    rows, columns = slice(area.top, area.top + area.height), slice(area.left, area.left + area.width)
    ends = [
        np.abs(lazy[0].astype(float) - lazy[8]).mean(),
        np.abs(breathing.frames[0].astype(float) - breathing.frames[8]).mean(),
    ]
    assert ends[0] < ends[1] / 2
    np.testing.assert_array_equal(lazy[4], breathing.frames[4, rows, columns])


@pytest.mark.parametrize("reference", [0, 2, 8])
def test_any_frame_can_be_the_reference(breathing, reference):
    found = align(breathing.frames, reference=reference)
    assert found.reference == reference
    np.testing.assert_array_equal(found.transforms[reference], np.eye(3))
    assert found.correlation[reference] == 1
    assert distance(found.transforms, truth_from(breathing, reference), (306, 408)).mean() < 0.06


@pytest.mark.parametrize("motion", ["affine", "homography"])
def test_richer_motions_find_the_same(breathing, motion):
    found = align(breathing.frames[3:6], motion=motion)
    assert distance(found.transforms, truth_from(breathing, 4)[3:6], (306, 408)).mean() < 0.06


@pytest.mark.parametrize("motion", ["translation", "euclidean"])
def test_poorer_motions_suffice_without_breathing(motion):
    burst = simulate(
        "slanted", frames=4, height=200, width=240, jitter=2, rotation=0.2 * (motion == "euclidean"), seed=1
    )
    found = align(burst.frames, motion=motion)
    assert distance(found.transforms, truth_from(burst, 2), (200, 240)).mean() < 0.03
    scale = np.linalg.det(found.transforms[:, :2, :2])
    np.testing.assert_allclose(scale, 1, atol=1e-12)


def dusty(shift, noise=3.0, frames=7):
    """Slanted fractal scene that goes through focus, behind dust on the sensor; `shift` px from frame to frame."""
    rng = np.random.default_rng(2)
    height, width, border = 240, 320, 24
    spectrum = np.fft.rfft2(rng.standard_normal((height + 2 * border, width + 2 * border)))
    spectrum /= (
        np.hypot(np.fft.fftfreq(height + 2 * border)[:, None], np.fft.rfftfreq(width + 2 * border)) ** 1.2 + 0.01
    )
    world = np.fft.irfft2(spectrum)
    world /= world.std()
    dust = np.ones((height, width))
    for x, y in rng.uniform(0, (width, height), (25, 2)):
        cv2.circle(dust, (int(x), int(y)), int(rng.uniform(2, 5)), 0.7, -1)
    dust = cv2.GaussianBlur(dust, (0, 0), 1)
    depth = np.linspace(0, frames - 1, height + 2 * border)[:, None]
    blurred = [cv2.GaussianBlur(world, (0, 0), 0.3 + 0.8 * step) for step in range(frames)]
    burst = []
    for i in range(frames):
        focus = np.abs(depth - i)
        scene = sum(np.clip(1 - np.abs(focus - step), 0, 1) * blurred[step] for step in range(frames))
        window = np.array([[1, 0, border + i * shift], [0, 1, border]], float)
        view = cv2.warpAffine(scene, window, (width, height), flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP)
        noisy = dust * (120 + 30 * view) + noise * rng.standard_normal((height, width))
        burst.append(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
    return np.stack(burst)[..., None]


@pytest.mark.parametrize("noise", [1, 8, 25])
def test_a_stack_that_stands_still_is_not_moved(noise):
    frames = dusty(0, noise)
    found = align(frames)
    assert distance(found.transforms, np.repeat(np.eye(3)[None], 7, 0), (240, 320)).max() < 0.05
    assert np.shares_memory(warped(frames, found)[1], frames) == np.array_equal(found.transforms[1], np.eye(3))


def test_a_stack_that_drifts_is_moved():
    found = align(dusty(0.35))
    shifts = found.transforms @ [160, 120, 1] - [160, 120, 1]
    np.testing.assert_allclose(shifts[:, 0], -0.35 * (np.arange(7) - 3), atol=0.25)
    assert abs(shifts[0, 0] - shifts[6, 0]) > 1.5


def test_one_bump_in_a_stack_that_stands_still_is_found():
    frames = dusty(0)
    frames[4:] = np.roll(frames[4:], 1, axis=2)
    found = align(frames)
    shifts = found.transforms @ [160, 120, 1] - [160, 120, 1]
    np.testing.assert_allclose(shifts[:, 0], [0, 0, 0, 0, 1, 1, 1], atol=0.05)


@pytest.mark.parametrize("fill", [0, "noise", "scene"])
@pytest.mark.parametrize("odd", [(0,), (4,), (5, 6), (8,)])
def test_a_frame_that_fits_nowhere_is_left_out(breathing, odd, fill):
    frames = breathing.frames.copy()
    other = simulate("insect", frames=1, height=306, width=408, seed=9).frames[0]
    noise = np.random.default_rng(0).integers(0, 6, frames[0].shape, np.uint8)
    frames[list(odd)] = {0: 0, "noise": noise, "scene": other}[fill]
    found = align(frames)
    assert found.misfits == odd
    assert list(np.flatnonzero(~found.kept)) == list(odd)
    assert len(warped(frames, found)) == 9 - len(odd)
    good = found.kept
    away = distance(found.transforms, truth_from(breathing, found.reference), (306, 408))
    assert away[good].mean() < 0.06
    assert "fits no neighbour: left out" in found.report()


def test_a_frame_that_fits_nowhere_can_be_kept(breathing):
    frames = breathing.frames.copy()
    frames[5] = 0
    found = align(frames, leave_out=False)
    assert found.misfits == (5,)
    assert found.kept.all()
    scale = np.sqrt(np.linalg.det(found.transforms[:, :2, :2]))
    truth = np.sqrt(np.linalg.det(truth_from(breathing, 4)[5, :2, :2]))
    assert scale[5] == pytest.approx(truth, abs=1e-3)  # from the breathing of the others
    assert "placed between them" in found.report()


def test_a_reference_that_fits_nowhere_is_refused(breathing):
    frames = breathing.frames.copy()
    frames[8] = 0
    with pytest.raises(ValueError, match="reference=8 resembles none of its neighbours; choose another frame"):
        align(frames, reference=8)


@pytest.mark.parametrize(
    ("method", "options", "error", "message"),
    [
        ("sift", {}, ValueError, "unknown alignment method 'sift'. Choices: ecc|Choices: ecc"),
        (
            "ecc",
            {"motion": "rigid"},
            ValueError,
            "motion='rigid' is not one of 'translation', 'euclidean', 'similarity'",
        ),
        ("ecc", {"reference": 9}, ValueError, "reference=9 is not a frame; the frames are numbered 0 to 8"),
        ("ecc", {"reference": -1}, ValueError, "reference=-1 is out of range"),
        ("ecc", {"leave_out": 1}, TypeError, "leave_out=1 is not of type bool"),
        ("ecc", {"leaveout": True}, ValueError, "did you mean 'leave_out'"),
    ],
)
def test_what_is_not_allowed_is_refused(breathing, method, options, error, message):
    with pytest.raises(error, match=message):
        align(breathing.frames, method, **options)


def test_frames_that_share_too_little_are_told():
    rng = np.random.default_rng(0)
    world = cv2.GaussianBlur(rng.random((200, 700)), (0, 0), 1.5)
    world = np.clip(255 * (world - world.min()) / np.ptp(world), 0, 255).astype(np.uint8)
    frames = np.stack([world[:, 45 * i : 45 * i + 240] for i in range(10)])
    with pytest.raises(ValueError, match=r"the frames share only 0 × \d+ of 240 × 200 px; frame \d leaves least"):
        align(frames)


@pytest.mark.parametrize("shape", [(1, 1), (5, 9), (16, 16), (20, 300)])
@pytest.mark.parametrize("motion", ["translation", "homography"])
def test_tiny_frames_pass(shape, motion):
    frames = np.random.default_rng(0).integers(0, 255, (4, *shape, 3), np.uint8)
    found = align(frames, motion=motion, exposure=True, transfer="srgb")
    assert found.area == Area(0, 0, *shape)
    assert warped(frames, found)[3].shape == (*shape, 3)


@pytest.mark.parametrize("method", ALIGNERS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_kind_of_frames_is_aligned(method, dtype, channels):
    kind = {"frames": 3, "height": 96, "width": 120, "channels": channels, "dtype": dtype, "jitter": 1.5, "seed": 6}
    burst = simulate("slanted", **kind)
    found = align(burst.frames, method)
    assert isinstance(found, Alignment)
    assert found.transforms.shape == (3, 3, 3)
    assert found.gains.shape == (3, channels)
    assert distance(found.transforms, truth_from(burst, 1), (96, 120)).mean() < 0.06
    assert warped(burst.frames, found).dtype == dtype


@pytest.mark.parametrize("dtype", [">u2", "int16", "uint32", "float16", "float64"])
def test_rare_types_are_aligned(breathing, found, dtype):
    frames = breathing.frames[3:6].astype(np.float64) / 255
    frames = (frames if np.dtype(dtype).kind == "f" else frames * np.iinfo(dtype).max).astype(dtype)
    again = align(frames)
    assert distance(again.transforms, found.transforms[3:6], (306, 408)).max() < 0.02
    assert warped(frames, again)[2].dtype == np.dtype(dtype).newbyteorder("=")


@pytest.mark.parametrize("count", [1, 2])
def test_few_frames(breathing, count):
    found = align(breathing.frames[:count])
    assert found.reference == count // 2
    assert len(warped(breathing.frames[:count], found)) == count


def test_progress_is_told_and_cancel_is_felt(breathing):
    steps = []
    with listening(lambda step: step and steps.append(step)):
        align(breathing.frames[:3])
    assert steps[0] == Step("Aligning", 0, 3)
    assert steps[-1] == Step("Aligning", 3, 3)

    def stop(step):
        if step and step.done == 1:
            raise Cancelled

    with listening(stop), pytest.raises(Cancelled):
        align(breathing.frames)


@pytest.mark.skipif(not STACKS.is_dir(), reason="the real bursts are not at hand")
@pytest.mark.parametrize(("name", "growth"), [("pcb_switch10", 0.148), ("pcb7", -0.037), ("sphere12", -0.091)])
def test_real_bursts_with_strong_breathing(name, growth):
    files = sorted((STACKS / name / "frames").iterdir())
    frames = np.stack([cv2.imread(str(file), cv2.IMREAD_REDUCED_GRAYSCALE_2) for file in files])
    found = align(frames)
    scale = np.sqrt(np.linalg.det(found.transforms[:, :2, :2]))
    assert scale[-1] - scale[0] == pytest.approx(growth, abs=0.003)
    assert found.kept.all()
    assert found.correlation.min() > 0.9
