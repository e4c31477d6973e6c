"""Depth edges: what is looked at of the frames to place them."""

from unittest import mock

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focusstack.arrays import as_frames, visit_parts
from napari_focusstack.depth import edges
from napari_focusstack.kernels import contours

COUNT, LEAST = 9, 0.01


@st.composite
def surfaces(draw):
    """Least and largest depth around every pixel: the same away from some squares."""
    shape = draw(st.tuples(st.integers(20, 60), st.integers(20, 60)))
    low = np.full(shape, draw(st.sampled_from([-0.3, 0.0, 2.5, 3.2])), np.float32)
    high = low.copy()
    for _ in range(draw(st.integers(0, 3))):
        y, x, size = (draw(st.integers(0, most)) for most in (shape[0] - 1, shape[1] - 1, 9))
        high[y : y + size, x : x + size] = draw(st.sampled_from([4.5, 5.0, 7.7, 8.4]))
    return low, high


def compared(parts, low, high):
    codes = np.zeros((*low.shape, contours.PAIRS, 2), np.uint8)
    for k, box, part in parts:
        contours.compare(part, k, low[box], high[box], -1, LEAST, codes[box])
    return codes


@settings(max_examples=50, deadline=None)
@given(surfaces(), st.sampled_from([7, 16, 128]))
def test_parts_of_the_frames_show_what_whole_ones_do(depths, tile):
    low, high = depths
    frames = as_frames(np.random.default_rng(0).integers(0, 255, (COUNT, *low.shape, 2)).astype(np.uint8))
    whole = [(k, (slice(None), slice(None)), frames[k]) for k in range(COUNT)]
    with mock.patch.object(edges, "TILE", tile):
        boxes = edges._boxes(low, high, COUNT)
    parts = [
        (k, box, part) for k, seen in visit_parts(frames, "", boxes) for box, part in zip(boxes[k], seen, strict=True)
    ]
    np.testing.assert_array_equal(compared(parts, low, high), compared(whole, low, high))


def test_frames_that_show_neither_surface_are_not_looked_at():
    low, high = np.full((300, 200), 2.0, np.float32), np.full((300, 200), 2.0, np.float32)
    high[140:150, 20:30] = 6.6
    boxes = edges._boxes(low, high, COUNT)
    assert list(boxes) == [2, 7]
    for parts in boxes.values():
        assert sum((down.stop - down.start) * (across.stop - across.start) for down, across in parts) <= 12 * 12
