"""Detail along the sweep, on checkers whose detail in every frame is known."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focusstack.kernels.detail import CODES, FINE, NONE, SHADES, Detail

SHAPE = (20, 24)
LEAST = 1e-3
CHECKER = np.float32(1) - 2 * (np.indices(SHAPE).sum(axis=0) % 2).astype(np.float32)
TAPS = cv2.getGaussianKernel(5, FINE)[:, 0]
PASSED = abs(float(TAPS @ (-1.0) ** np.arange(5)))  # of the finest stripes, by the blur along one axis
HERE, FRONT, BEHIND, HIGH, LOW = range(5)


def code_of(contrast):
    """Of a checker's detail: the Laplacian makes 8 of it, and the blur of the even square leaves that."""
    return int(CODES * np.log1p(8 * PASSED**2 * contrast / LEAST))


def contrast_of(level):
    return 0.004 * 1.5**level


def seen(contrasts, index, low=None, high=None):
    """What there is of frames of checkers of these contrasts, about grey 0.5."""
    plane = np.full(SHAPE, index, np.float32)
    others = (plane if other is None else np.full(SHAPE, other, np.float32) for other in (low, high))
    detail = Detail(plane, *others, least=LEAST, dark=0.0, bright=1.0)
    for k, contrast in enumerate(contrasts):
        detail.see(0.5 + contrast * CHECKER, k)
    return detail


def peaks(levels, index):
    """Numbers of the frames of the peaks in front of and behind an index, of contrasts by their level."""
    detail = seen([contrast_of(level) for level in levels], index)
    assert (detail.peak == detail.peak[:, :1, :1]).all()
    return tuple(detail.peak[:, 0, 0].tolist())


@pytest.mark.parametrize("contrast", [0, 0.001, 0.02, 0.4])
def test_the_code_of_a_checker_is_that_of_its_detail(contrast):
    code = seen([0.1, contrast, 0.1], 1.2).sharp[HERE].astype(int)
    assert np.abs(code - code_of(contrast)).max() <= 1


def test_codes_and_greys_are_those_of_the_frames_at_each_depth():
    contrasts = [contrast_of(level) for level in (1, 5, 1, 3, 2, 6, 0, 4)]
    detail = seen(contrasts, 3.1, low=1.7, high=6.2)
    assert detail.peak[:, 3, 3].tolist() == [1, 5]
    for candidate, frame in ((HERE, 3), (FRONT, 1), (BEHIND, 5), (HIGH, 6), (LOW, 2)):
        assert np.abs(detail.sharp[candidate].astype(int) - code_of(contrasts[frame])).max() <= 1
        grey = 0.5 + contrasts[frame] * CHECKER
        np.testing.assert_allclose(detail.shade[candidate], SHADES[0] * grey + SHADES[1], atol=1.01)


def test_greys_beyond_the_range_are_clipped():
    plane = np.zeros(SHAPE, np.float32)
    detail = Detail(plane, plane, plane, least=LEAST, dark=0.4, bright=0.5)
    detail.see(np.where(CHECKER > 0, 1.0, 0.0).astype(np.float32), 0)
    np.testing.assert_array_equal(detail.shade[HERE], np.where(CHECKER > 0, 255, 0))


def test_the_largest_of_several_peaks_counts():
    assert peaks([1, 4, 0, 6, 2, 3, 1, 5, 0], 8.0) == (3, NONE)
    assert peaks([1, 4, 0, 6, 2, 3, 1, 5, 0], 0.0) == (NONE, 3)
    assert peaks([1, 4, 0, 3, 2, 3, 1, 5, 0], 3.0) == (1, 7)


def test_of_peaks_alike_the_first_counts():
    assert peaks([0, 5, 1, 5, 0], 4.6) == (1, NONE)
    assert peaks([0, 5, 5, 0, 0, 0], 5.0) == (1, NONE)


def test_neither_the_first_nor_the_last_frame_is_a_peak():
    assert peaks([6, 4, 3, 4, 5], 2.0) == (NONE, NONE)
    assert peaks([6, 4, 5, 1, 0], 4.0) == (2, NONE)


@pytest.mark.parametrize(("index", "found"), [(4.4, NONE), (4.5, 3), (1.6, NONE), (1.5, 3), (3.0, NONE)])
def test_a_peak_closer_than_a_frame_and_a_half_is_none_of_its_own(index, found):
    front, behind = peaks([0, 1, 2, 6, 2, 1, 0], index)
    assert (front if index > 3 else behind) == found
    assert (behind if index > 3 else front) == NONE


def test_nothing_there():
    detail = seen([0.0] * 5, 2.0)
    assert not detail.sharp.any()
    assert (detail.peak == NONE).all()
    detail = seen([contrast_of(level) for level in range(5)], 4.0)  # ever sharper, up to the index
    assert (detail.peak == NONE).all()
    assert not detail.sharp[1:3].any()


def expected(levels, index):
    """Peaks in front and behind, and the least level from each to the index, by their definition."""
    tops = [k for k in range(1, len(levels) - 1) if levels[k] > max(levels[k - 1], levels[k + 1])]
    found = []
    for side in ([k for k in tops if k <= index - 1.5], [k for k in tops if k >= index + 1.5]):
        best = max(side, key=lambda k: levels[k], default=NONE)
        between = [] if best == NONE else levels[min(best, round(index)) : max(best, round(index)) + 1]
        found.append((best, min(between, default=None)))
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.integers(3, 10).flatmap(lambda count: st.permutations(range(count))),
    st.floats(0, 1),
    st.sampled_from([-0.25, 0, 0.25]),
)
def test_peaks_and_dips_are_those_of_the_definition(levels, share, beyond):
    index = float(np.clip(round(share * (len(levels) - 1)) + beyond, 0, len(levels) - 1))
    detail = seen([contrast_of(level) for level in levels], index)
    for side, (peak, dip) in enumerate(expected(levels, index)):
        assert (detail.peak[side] == peak).all()
        if peak != NONE:
            assert np.abs(detail.dip[side].astype(int) - code_of(contrast_of(dip))).max() <= 1
            assert np.abs(detail.sharp[FRONT + side].astype(int) - code_of(contrast_of(levels[peak]))).max() <= 1


@pytest.mark.parametrize("shape", [(40, 37), (7, 64), (3, 2)])
def test_the_code_is_that_of_the_formula_up_to_the_borders(shape):
    image = np.random.default_rng(1).random(shape, np.float32)
    edges = cv2.Laplacian(cv2.GaussianBlur(image, (5, 5), FINE), cv2.CV_32F)
    formula = np.sqrt(cv2.GaussianBlur(np.square(edges), (5, 5), FINE))
    plane = np.zeros(shape, np.float32)
    detail = Detail(plane, plane, plane, least=LEAST, dark=0.0, bright=1.0)
    detail.see(image, 0)
    assert np.abs(detail.sharp[HERE] - CODES * np.log1p(formula / LEAST)).max() <= 1.1


def test_strips_give_the_same_as_one_piece():
    draw = np.random.default_rng(0)
    index = draw.uniform(0, 6, (50, 40)).astype(np.float32)
    low, high = np.maximum(index - 2, 0), np.minimum(index + 2, 6)
    strips, piece = (Detail(index, low, high, least=LEAST, dark=0.1, bright=0.9) for _ in range(2))
    for k, light in enumerate(draw.random((7, 50, 40), np.float32)):
        piece._rows(light, k, 0, 50)
        for start, stop in ((0, 5), (5, 23), (23, 50)):
            strips._rows(light, k, start, stop)
    for name in ("sharp", "shade", "dip", "peak"):
        np.testing.assert_array_equal(getattr(strips, name), getattr(piece, name))


def test_memory_does_not_grow_with_the_frames():
    few, many = (seen([0.1, 0.2] * count, 0.0) for count in (1, 8))
    for detail in (few, many):
        kept = (detail.sharp, detail.shade, detail.dip, detail.peak, detail._last)
        assert sum(plane.nbytes for plane in kept) == 20 * CHECKER.size
