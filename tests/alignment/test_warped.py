"""Aligned frames: lazy, in the stored type, cut to what all share."""

import dask.array as da
import numpy as np
import pytest

from napari_focusstack.alignment import Alignment, Area, warped
from napari_focusstack.arrays import Selection, parts, unit
from napari_focusstack.focus import Greys, grey

HEIGHT, WIDTH = 60, 80
TYPES = [np.uint8, np.uint16, np.int16, np.float32, np.float64, np.dtype(">u2")]


def shift(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], float)


def alignment(transforms, area=(5, 6, 40, 50), **changes):
    n = len(transforms)
    values = {
        "transforms": np.array(transforms, float),
        "area": Area(*area),
        "reference": 0,
        "kept": np.ones(n, bool),
        "correlation": np.ones(n),
        "gains": np.ones((n, 3)),
        "transfer": "linear",
        "size": (HEIGHT, WIDTH),
    }
    return Alignment(**(values | changes))


def burst(dtype=np.uint8, frames=3, channels=3):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    planes = [100 + 50 * np.sin(x / 8 + c) * np.cos(y / 9 + i) for i in range(frames) for c in range(channels)]
    return np.stack(planes).reshape(frames, channels, HEIGHT, WIDTH).transpose(0, 2, 3, 1).astype(dtype)


@pytest.mark.parametrize("dtype", TYPES)
def test_whole_pixels_are_only_cut(dtype):
    frames = burst(dtype)
    lazy = warped(frames, alignment([np.eye(3), shift(4, -5), shift(1e-4, 2)]))
    assert lazy.shape == (3, 40, 50, 3)
    assert lazy.dtype == np.dtype(dtype).newbyteorder("=")
    assert len(lazy) == 3
    np.testing.assert_array_equal(lazy[0], frames[0, 5:45, 6:56])
    np.testing.assert_array_equal(lazy[1], frames[1, 0:40, 10:60])
    np.testing.assert_array_equal(lazy[2], frames[2, 7:47, 6:56])


@pytest.mark.parametrize("dtype", TYPES)
def test_parts_of_pixels_are_interpolated_in_the_stored_type(dtype):
    frames = burst(dtype)
    lazy = warped(frames, alignment([shift(0.5, 0.25)] * 3))
    y, x = np.mgrid[5:45, 6:56] + np.array([0.25, 0.5])[:, None, None]
    expected = 100 + 50 * np.sin(x / 8 + 1) * np.cos(y / 9 + 2)
    assert lazy[2].dtype == lazy.dtype
    np.testing.assert_allclose(lazy[2][..., 1], expected, atol=1e-2 if np.dtype(dtype).kind == "f" else 1.6)


TURN = np.array([[1.01, 0.02, -0.6], [-0.02, 0.99, 1.3], [0, 0, 1]])
MOTIONS = {
    "shift": shift(4, -5),
    "zoom": np.diag([0.98, 0.98, 1]) + shift(0.7, 0.4) - np.eye(3),
    "turn": TURN,
    "tilt": TURN + np.array([[0, 0, 0], [0, 0, 0], [1e-4, -2e-4, 0]]),
    "off": shift(200.5, -300),
}


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("gain", [1.0, 1.1])
def test_parts_are_those_of_the_whole_frame(dtype, motion, gain):
    made = alignment(
        [np.eye(3), np.eye(3), MOTIONS[motion]], kept=np.array([True, False, True]), gains=np.full((3, 3), gain)
    )
    lazy = warped(burst(dtype) + np.asarray(np.arange(HEIGHT)[:, None, None] % 7, dtype), made)
    boxes = [(slice(0, 9), slice(0, 50)), (slice(17, 40), slice(30, 41)), (slice(39, 40), slice(49, 50))]
    for box, part in zip(boxes, parts(lazy, 1, boxes), strict=True):
        assert part.dtype == lazy.dtype
        np.testing.assert_allclose(
            part.astype(float), lazy[1][box].astype(float), rtol=1e-5, atol=1.01 if lazy.dtype.kind in "ui" else 1e-3
        )


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("gains", [(1, 1, 1), (1.2, 0.9, 1.1)])
@pytest.mark.parametrize("channel", [-1, 1])
def test_greys_are_those_of_the_resampled_frames(dtype, motion, gains, channel):
    """To the rounding of these: to mix channels before or after is the same."""
    kind = np.dtype(dtype).kind
    made = alignment(
        [np.eye(3), MOTIONS[motion]],
        gains=np.array([gains, gains], float),
        transfer="linear" if kind != "u" else "srgb",
    )
    lazy = warped(burst(dtype, frames=2), made)
    mixed = Greys(lazy, channel)
    assert (mixed.shape, mixed.dtype) == ((2, 40, 50, 1), np.float32)
    rounding = 1.2 / unit(dtype) if kind in "ui" else 1e-4
    np.testing.assert_allclose(mixed[1][..., 0], grey(lazy[1], channel), atol=rounding)
    np.testing.assert_array_equal(Greys(Selection(lazy, [1, 0]), channel)[0], mixed[1])


def test_frames_are_left_out_and_numbered_anew():
    frames = burst(frames=4)
    lazy = warped(frames, alignment([np.eye(3)] * 4, kept=np.array([True, False, True, True])))
    assert len(lazy) == 3
    np.testing.assert_array_equal(lazy[1], frames[2, 5:45, 6:56])
    np.testing.assert_array_equal(lazy[-1], frames[3, 5:45, 6:56])
    with pytest.raises(IndexError):
        lazy[3]


def test_frames_are_read_one_by_one_when_asked_for():
    asked = []

    class Counting:
        shape, dtype = (3, HEIGHT, WIDTH, 3), np.dtype(np.uint8)

        def __len__(self):
            return 3

        def __getitem__(self, i):
            asked.append(i)
            return burst()[i]

    lazy = warped(Counting(), alignment([np.eye(3)] * 3))
    assert asked == []
    lazy[2]
    assert asked == [2]


def test_dask_and_frames_without_channels():
    frames = burst(channels=1)
    moved = alignment([shift(0.3, 0)] * 3, gains=np.ones((3, 1)))
    for same in (da.from_array(frames, chunks=(1, 20, 30, 1)), frames[..., 0]):
        lazy = warped(same, moved)
        assert lazy.shape == (3, 40, 50, 1)
        np.testing.assert_array_equal(lazy[1], warped(frames, moved)[1])


def test_torch_gives_the_same_frames(monkeypatch):
    from napari_focusstack.kernels.warp_gpu import Kernels

    frames, moved = burst(), alignment([shift(0.3, 0)] * 3)
    ours = warped(frames, moved)[1]
    monkeypatch.setattr("napari_focusstack.alignment.warp.load", lambda name, device: Kernels(device))
    assert np.abs(warped(frames, moved, device="cpu")[1].astype(int) - ours).max() <= 1


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("moved", [np.eye(3), shift(0.5, 0)], ids=["still", "moved"])
def test_light_is_multiplied(dtype, moved):
    frames = burst(dtype)
    if np.dtype(dtype).kind == "f":
        frames /= 255
    gains = np.array([[1, 1, 1], [0.5, 1.0, 1.25], [2, 2, 2]])
    lazy, plain = (warped(frames, alignment([moved] * 3, gains=g)) for g in (gains, np.ones((3, 3))))
    tolerance = 1e-5 if np.dtype(dtype).kind == "f" else 1.1
    np.testing.assert_allclose(lazy[1], plain[1] * gains[1], atol=tolerance)
    np.testing.assert_array_equal(lazy[0], plain[0])
    one = warped(frames, alignment([moved] * 3, gains=gains[:, :1]))
    np.testing.assert_allclose(one[1], plain[1] * 0.5, atol=tolerance)


def test_light_is_multiplied_in_linear_light():
    frames = np.full((1, HEIGHT, WIDTH, 1), 188, np.uint8)  # half of the light of 255
    half = alignment([np.eye(3)], gains=np.array([[0.5]]), transfer="srgb")
    assert np.all(warped(frames, half)[0] == 137)  # a quarter


@pytest.mark.parametrize(
    ("frames", "changes", "message"),
    [
        (burst(frames=4), {}, "the alignment is of 3 frames, the burst has 4: align this burst"),
        (burst()[:, :50], {}, "is of frames of 80 × 60 px, these are 80 × 50 px: align this burst by itself"),
        (burst()[:, :, :50], {"size": None}, "is of frames of 56 × 45 px, these are 50 × 60 px"),
        (
            burst(channels=2),
            {"gains": np.full((3, 3), 1.1)},
            "light of 3 channels, the frames have 2: align with exposure=False",
        ),
    ],
)
def test_another_kind_of_burst_is_refused(frames, changes, message):
    with pytest.raises(ValueError, match=message):
        warped(frames, alignment([np.eye(3)] * 3, **changes))


def test_an_alignment_without_gains_fits_any_number_of_channels():
    assert warped(burst(channels=2), alignment([np.eye(3)] * 3)).shape[3] == 2
