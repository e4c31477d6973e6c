"""Frames in and out of float32, and the decode-ahead loop."""

import threading
import time
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_focusstack.arrays import Selection, as_frames, frame, from_float, tiles, to_float, unit, visit, visit_parts
from napari_focusstack.progress import Cancelled, listening


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.int16, np.float32]),
        (3, 4, 3),
        elements={"min_value": 0, "max_value": 200},
    )
)
def test_float_and_back_is_the_same(image):
    assert np.array_equal(from_float(to_float(image), image.dtype), image)


def test_integers_are_divided_by_their_maximum():
    assert to_float(np.full((1, 1, 1), 65535, np.uint16)) == 1.0
    assert to_float(np.full((1, 1, 1), 51, np.uint8)) == pytest.approx(0.2)
    assert to_float(np.full((1, 1, 1), 3.5, np.float64)) == 3.5
    assert (unit("uint8"), unit("uint16"), unit("float32"), unit("uint32")) == (255, 65535, 1, 2**32 - 1)


def test_images_of_other_sizes_are_no_burst():
    images = [np.zeros((4, 5, 3), np.uint8)] * 2 + [np.zeros((4, 6, 3), np.uint8)]
    with pytest.raises(ValueError, match=r"frame 2 is \(4, 6, 3\), but frame 0 is \(4, 5, 3\); frames of one burst"):
        as_frames(images)
    assert as_frames(images[:2]).shape == (2, 4, 5, 3)


def test_from_float_rounds_and_clips():
    values = np.float32([[[-0.5]], [[0.49 / 255]], [[0.51 / 255]], [[2.0]]])
    assert from_float(values, np.uint8).ravel().tolist() == [0, 0, 1, 255]
    assert from_float(values, np.int32).ravel().tolist()[-1] == 2**31 - 1
    assert from_float(values, np.float32) is values


@pytest.mark.parametrize("make", [np.asarray, da.from_array])
def test_a_channel_is_added_where_there_is_none(make):
    frames = as_frames(make(np.arange(24, dtype=np.uint8).reshape(2, 3, 4)))
    assert frames.shape == (2, 3, 4, 1)
    assert len(frames) == 2
    assert np.allclose(frame(frames, 1)[..., 0] * 255, np.arange(12, 24).reshape(3, 4))


def test_a_list_of_images_is_a_burst():
    assert as_frames([np.zeros((3, 4)), np.ones((3, 4))]).shape == (2, 3, 4, 1)


@pytest.mark.parametrize("shape", [(3, 4), (2, 2, 3, 4, 3), (0, 3, 4), (2, 0, 4, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"are not a burst; \(N, Y, X\) or \(N, Y, X, C\).*run_series"):
        as_frames(np.zeros(shape, np.uint8))


def test_one_picture_in_colour_is_no_burst():
    with pytest.raises(
        ValueError, match=r"\(64, 80, 3\) look like one picture in colour, not a burst; give \(N, Y, X, C"
    ):
        as_frames(np.zeros((64, 80, 3), np.uint8))
    assert as_frames(np.zeros((64, 80, 5), np.uint8)).shape == (64, 80, 5, 1)
    assert as_frames(np.zeros((12, 80, 3), np.uint8)).shape == (12, 80, 3, 1)


def test_other_types_are_refused():
    with pytest.raises(TypeError, match="complex64 cannot be stacked; integers or floats are needed"):
        as_frames(np.zeros((2, 3, 4), np.complex64))


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ("shots", "the frames cannot be the name 'shots'; files and folders are read by read_burst"),
        (Path("shots"), "the frames cannot be the name 'shots'; files and folders are read by read_burst"),
        (["a.png", "b.png"], "frame 0 cannot be the name 'a.png'; files and folders are read by read_burst"),
        (None, r"the frames cannot be None; give arrays, \(N, Y, X\) or \(N, Y, X, C\), or what read_burst returns"),
        (3, "the frames cannot be 3; give arrays"),
        ([np.zeros((3, 4)), None], "frame 1 cannot be None; give arrays"),
    ],
)
def test_what_is_no_frames_is_refused(frames, words):
    with pytest.raises(TypeError, match=words):
        as_frames(frames)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_integers_that_no_camera_writes_are_refused(dtype):
    with pytest.raises(TypeError, match="int64 do not tell what white is; give the type that the camera had"):
        as_frames(np.zeros((2, 3, 4), dtype))


def test_visit_yields_all_frames_in_the_order_asked_for():
    frames = as_frames(np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1))
    assert [(i, int(image.item())) for i, image in visit(frames, "Reading", [3, 0, 4])] == [
        (3, 3),
        (0, 0),
        (4, 4),
    ]
    assert [i for i, _ in visit(frames, "Reading")] == [0, 1, 2, 3, 4]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 17))
def test_tiles_cover_a_picture_once(height, width, size):
    seen = np.zeros((height, width), int)
    for box in tiles((height, width), size):
        assert max(seen[box].shape) <= size
        seen[box] += 1
    assert (seen == 1).all()


def test_parts_of_some_frames_are_visited():
    data = np.arange(3 * 4 * 5, dtype=np.uint16).reshape(3, 4, 5)
    some = Selection(as_frames(data), [2, 0])
    boxes = {1: [(slice(1, 3), slice(0, 2)), (slice(0, 1), slice(4, 5))], 0: [(slice(3, 4), slice(1, 4))]}
    visited = dict(visit_parts(some, "Reading", boxes))
    assert list(visited) == [1, 0]
    for i, number in enumerate((2, 0)):
        for box, part in zip(boxes[i], visited[i], strict=True):
            np.testing.assert_array_equal(part[..., 0], data[number][box])


class Slow:
    """Frames that take their time, and note who holds them."""

    shape, dtype = (4, 1, 1, 1), np.dtype(np.uint8)

    def __init__(self, seconds):
        self.seconds = seconds
        self.threads = set()

    def __len__(self):
        return 4

    def __getitem__(self, i):
        self.threads.add(threading.current_thread())
        time.sleep(self.seconds)
        return np.full((1, 1, 1), i, np.uint8)


def test_visit_lets_cancel_through_while_a_frame_is_decoded():
    frames, told = Slow(1.0), []

    def cancel(step):
        told.append(step)
        if len(told) == 3:
            raise Cancelled

    with listening(cancel), pytest.raises(Cancelled):
        list(visit(frames, "Reading"))
    assert str(told[0]) == "Reading 0/4"
    assert told[1:] == [None, None], "asked while it waits"


def test_visit_leaves_no_thread_behind():
    frames = Slow(0.0)
    list(visit(frames, "Reading"))
    for thread in frames.threads:
        thread.join(5)
        assert not thread.is_alive()


def test_a_decoding_error_arrives():
    class Broken(Slow):
        def __getitem__(self, i):
            raise OSError("frame 0 is broken")

    with pytest.raises(OSError, match="frame 0 is broken"):
        list(visit(Broken(0), "Reading"))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_frame_with_values_that_are_no_numbers_is_named(bad):
    frames = np.zeros((4, 6, 6, 1), np.float32)
    frames[2, 3, 3] = bad
    seen = []
    with pytest.raises(ValueError, match=r"frame 2 has values that are no numbers \(NaN\) or infinite; put others"):
        seen.extend(i for i, _ in visit(as_frames(frames), "Fusing"))
    assert seen == [0, 1]


def test_parts_with_values_that_are_no_numbers_are_named_others_are_not_looked_at():
    frames = np.zeros((4, 6, 6, 1), np.float32)
    frames[2, 3, 3] = np.nan
    sound, bad = (slice(0, 3), slice(0, 6)), (slice(3, 4), slice(2, 5))
    assert len(list(visit_parts(as_frames(frames), "Fusing", {2: [sound]}))) == 1
    with pytest.raises(ValueError, match="frame 2 has values that are no numbers"):
        list(visit_parts(as_frames(frames), "Fusing", {1: [bad], 2: [sound, bad]}))
