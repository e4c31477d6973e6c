"""Profiles through depth maps of known slope."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_focusstack import Depth
from napari_focusstack.depth.profile import profile

Y, X = np.mgrid[:40, :60].astype(np.float32)


def depth_of(position, sigma=0.2, unit="um"):
    position = np.asarray(position, np.float32)
    planes = (position, np.full_like(position, sigma), position, np.isfinite(position).astype(np.float32))
    return Depth(*planes, np.arange(5.0), unit)


INSIDE = st.tuples(st.floats(2, 37), st.floats(2, 57))


@given(INSIDE, INSIDE, st.sampled_from([1.0, 2.0, 3.0]))
def test_planes_are_straight_lines(start, end, width):
    if np.hypot(end[0] - start[0], end[1] - start[1]) < 1:
        return
    found = profile(depth_of(0.3 * X - 0.1 * Y + 2), start, end, width=width)
    ends = [0.3 * x - 0.1 * y + 2 for y, x in (start, end)]
    share = found.distance / found.distance[-1]
    np.testing.assert_allclose(found.position, ends[0] + share * (ends[1] - ends[0]), atol=1e-4)
    np.testing.assert_allclose(found.sigma, 0.2, rtol=1e-4)
    assert found.distance[-1] == pytest.approx(np.hypot(end[0] - start[0], end[1] - start[1]))


def test_distances_are_true():
    found = profile(depth_of(X), (10, 10), (14, 13), pixel_size=(0.5, 2.0))
    assert (found.unit, found.distance_unit) == ("um", "um")
    assert found.distance[-1] == pytest.approx(np.hypot(4 * 0.5, 3 * 2.0))
    assert profile(depth_of(X), (10, 10), (14, 13)).distance_unit == "px"
    assert profile(depth_of(X, unit="frame"), (1, 1), (4, 5), pixel_size=0.5).distance_unit == "px"


def test_a_wide_profile_averages_noise():
    noise = np.random.default_rng(0).normal(0, 1, (60, 200))
    thin, wide = (profile(depth_of(noise), (30, 10), (30, 190), width=width) for width in (1.0, 16.0))
    assert np.std(wide.position) == pytest.approx(np.std(thin.position) / 4, rel=0.3)


def test_nothing_is_made_up_across_gaps():
    position = X.copy()
    position[:, 20:25] = np.nan
    found = profile(depth_of(position), (10, 5), (10, 50))
    gone = (found.distance + 5 >= 20) & (found.distance + 5 <= 24)
    assert np.isnan(found.position[gone]).all()
    assert np.isfinite(found.position[~gone]).all()
    assert np.isnan(profile(depth_of(X), (10, 50), (10, 80)).position[-10:]).all()  # outside


@pytest.mark.parametrize(("start", "end"), [((0.1, 0.3), (39, 59)), ((39, 59), (0, 0.7)), ((0, 0), (0, 59))])
def test_lines_reach_the_border(start, end):
    assert np.isfinite(profile(depth_of(X), start, end).position).all()


def test_the_noisier_part_of_a_stripe_raises_its_sigma():
    depth = depth_of(X)
    depth.sigma[10] = 0.6
    found = profile(depth, (10.5, 5), (10.5, 50), width=2.0)
    np.testing.assert_allclose(found.sigma, np.sqrt((0.6**2 + 0.2**2) / 2), rtol=1e-5)


def test_csv(tmp_path):
    position = X.copy()
    position[:, 7] = np.nan
    profile(depth_of(position), (10, 5), (10, 9), pixel_size=2.0).save(tmp_path / "p.csv")
    rows = (tmp_path / "p.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "distance (µm),depth (µm),sigma (µm)"
    assert rows[1] == "0,5,0.2"
    assert rows[3] == "4,,"
    assert len(rows) == 6


@pytest.mark.parametrize(
    ("position", "line", "keywords", "words"),
    [
        (np.zeros((2, 3, 4)), ((0, 0), (1, 1)), {}, r"one map \(Y, X\), not through \(2, 3, 4\)"),
        (X, ((3, 3), (3, 3)), {}, r"a line from \(3, 3\) to \(3, 3\) has no length"),
        (X, ((3, 3), (3, 3)), {}, "has no length; draw a longer one"),
        (
            X,
            ((3, 3), (3, np.nan)),
            {},
            r"a line from \(3, 3\) to \(3, nan\) is not possible; give two points \(y, x\), in px",
        ),
        (X, (3, (3, 4)), {}, r"a line from 3 to \(3, 4\) is not possible"),
        (X, ((3, 3), (3, 9)), {"width": 0.0}, "width=0.0 px is not possible"),
        (X, ((3, 3), (3, 9)), {"pixel_size": -1.0}, "pixel_size=-1.0 is not possible; give a number above 0, or two"),
        (X, ((3, 3), (3, 9)), {"pixel_size": (1, 2, 3)}, "pixel_size=.* is not possible"),
    ],
)
def test_what_is_no_profile_is_refused(position, line, keywords, words):
    with pytest.raises(ValueError, match=words):
        profile(depth_of(position), *line, **keywords)
