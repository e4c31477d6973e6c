"""Focus positions and their units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_focusstack.depth.positions import focus_positions
from napari_focusstack.units import UNITS, check_unit, factor, plain, symbol

LENGTHS = UNITS[:-1]


@pytest.mark.parametrize(
    ("name", "unit"), [("um", "um"), ("µm", "um"), ("μm", "um"), (" micron", "um"), ("mm", "mm"), ("frames", "frame")]
)
def test_units_have_many_names(name, unit):
    assert check_unit(name) == unit


def test_units_are_printed_as_people_write_them():
    assert [symbol(unit) for unit in UNITS] == ["nm", "µm", "mm", "m", "frames"]


def test_factors_are_powers_of_ten():
    assert factor("mm", "um") == pytest.approx(1000)
    assert factor("nm", "m") == pytest.approx(1e-9)
    assert factor("frame", "frame") == 1


@given(st.sampled_from(LENGTHS), st.sampled_from(LENGTHS), st.sampled_from(LENGTHS))
def test_factors_chain(a, b, c):
    assert factor(a, b) * factor(b, c) == pytest.approx(factor(a, c))


@pytest.mark.parametrize(("unit", "into"), [("frame", "um"), ("mm", "frame")])
def test_frames_are_no_length(unit, into):
    with pytest.raises(ValueError, match=r"a depth in \w+ cannot be given in .*give the frames' positions, or their"):
        factor(unit, into)


def test_positions_are_the_frames_numbers_where_nothing_is_known():
    positions, unit = focus_positions(3)
    assert positions.tolist() == [0, 1, 2]
    assert unit == "frame"


def test_a_step_may_go_down():
    positions, unit = focus_positions(3, step=-2.5, unit="µm")
    assert positions.tolist() == [0, -2.5, -5]
    assert unit == "um"


def test_positions_are_taken_as_they_are():
    positions, unit = focus_positions(3, [4, 1, 2.5], unit="mm")
    assert positions.dtype == np.float64
    assert positions.tolist() == [4, 1, 2.5]
    assert unit == "mm"


@pytest.mark.parametrize(
    ("positions", "keywords", "words"),
    [
        (None, {"unit": "um"}, "unit='um' needs to know how far apart the frames are"),
        ([1, 2, 3], {}, "positions without a unit; give one of nm, um, mm, m, frame"),
        (None, {"step": 1.0}, "a step without a unit"),
        (None, {"step": 0.0, "unit": "um"}, "step=0 is no distance between frames"),
        (None, {"step": np.inf, "unit": "um"}, "step=inf is no distance between frames"),
        ([1, 2], {"unit": "um"}, r"positions have the shape \(2,\), but there are 3 frames: give one for each"),
        ([1, np.nan, 2], {"unit": "um"}, "the position of frame 1 is nan; positions must be finite numbers"),
        ([1, 5, 1], {"unit": "um"}, "frames 0 and 2 have the same position, 1; leave one of them out"),
        ([1, 2, 3], {"unit": "inch"}, "unit 'inch' is not known"),
    ],
)
def test_positions_that_cannot_be_are_refused(positions, keywords, words):
    with pytest.raises(ValueError, match=words):
        focus_positions(3, positions, **keywords)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (2.5, 4, "2.5"),
        (25, 2, "25"),
        (25, 4, "25"),
        (1e7, 9, "10000000"),
        (-2.0, 4, "-2"),
        (1.23456e-6, 4, "0.000001235"),
    ],
)
def test_numbers_are_written_without_powers_of_ten(value, digits, text):
    assert plain(value, digits) == text
