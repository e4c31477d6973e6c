"""Links between frames: which are passed over, which are believed, and what they are composed to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_focusstack.alignment.chain import Link, believed, chained, composed, log_scale, proven, smooth_scale
from napari_focusstack.alignment.motion import exponential
from napari_focusstack.alignment.pair import Fit

PROVEN, WEAK, NONE = (100.0, 100.0, 150.0), (10.0, 25.0, 5000.0), (-1.0, 4.0, 5000.0)


def fit(motion=None, correlation=0.98, votes=PROVEN, doubt=0.0):
    response = np.array([0, 0, 0, 1.0])
    return Fit(np.eye(3) if motion is None else motion, correlation, np.array(votes), doubt, response)


def grow(*steps):
    return exponential(np.array(steps)) if len(steps) > 1 else exponential(np.array([0, 0, 0, *steps]))


def links_of(fits):
    return [Link(i, i + 1, one) for i, one in enumerate(fits)]


class Scenes:
    """Stands for the measuring: frames of the same scene correlate, others do not."""

    def __init__(self, scenes, alike=0.98, other=0.05):
        self.scenes, self.alike, self.other, self.measured = scenes, alike, other, []

    def __call__(self, a, b, guesses):
        self.measured.append((a, b))
        return fit(correlation=self.alike if self.scenes[a] == self.scenes[b] else self.other)

    def pairs(self):
        return [(link.first, link.second) for link in chained(((i, i) for i in range(len(self.scenes))), self)]


@pytest.mark.parametrize(
    ("scenes", "expected"),
    [
        ("aaaa", [(0, 1), (1, 2), (2, 3)]),
        ("aabaa", [(0, 1), (1, 3), (3, 4)]),
        ("aabbaa", [(0, 1), (1, 4), (4, 5)]),
        ("aabcaa", [(0, 1), (1, 4), (4, 5)]),
        ("aaab", [(0, 1), (1, 2)]),
        ("aaabb", [(0, 1), (1, 2)]),
        ("baaa", [(1, 2), (2, 3)]),
        ("bbaaa", [(2, 3), (3, 4)]),
        ("aaaabbbb", [(i, i + 1) for i in range(7)]),  # two scenes: no frame is the odd one
        ("ab", [(0, 1)]),
        ("a", []),
    ],
)
def test_a_frame_of_another_scene_is_passed_over(scenes, expected):
    assert Scenes(scenes).pairs() == expected


def test_in_noise_no_frame_is_passed_over():
    assert Scenes("aabaa", alike=0.3, other=0.02).pairs() == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_only_neighbours_are_measured_while_frames_fit():
    scenes = Scenes("aaaaa")
    scenes.pairs()
    assert scenes.measured == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_a_motion_is_a_guess_for_the_next():
    seen = []
    motions = iter([grow(0.01), grow(0.02)])

    def measure(a, b, guesses):
        seen.append([log_scale(guess) for guess in guesses])
        return fit(next(motions))

    chained(((i, i) for i in range(3)), measure)
    assert seen[0] == []
    np.testing.assert_allclose(seen[1], [0.01])


def test_decisive_votes_prove_a_motion():
    assert list(proven(links_of([fit(votes=NONE), fit(votes=PROVEN), fit(votes=WEAK), fit(votes=NONE)]))) == [
        0,
        1,
        0,
        0,
    ]


def test_half_of_the_difference_proves_a_motion_of_something_small():
    few = (90.0, 900.0, 100.0)  # three deviations, nine tenths of the difference
    assert list(proven(links_of([fit(votes=few), fit(votes=NONE), fit(votes=NONE)]))) == [1, 0, 0]


def test_in_a_burst_that_moves_weak_votes_count_too():
    assert list(proven(links_of([fit(), fit(), fit(votes=WEAK), fit(votes=NONE), fit()]))) == [1, 1, 1, 0, 1]


def test_frames_that_do_not_resemble_each_other_prove_nothing():
    assert list(proven(links_of([fit(), fit(), fit(correlation=0.2), fit()]))) == [1, 1, 0, 1]
    assert proven([]).size == 0


def test_what_is_not_proven_stands_still():
    links, breathing = believed(
        links_of([fit(grow(0.02), votes=WEAK), fit(grow(0.01)), fit(votes=NONE), fit(votes=NONE)])
    )
    np.testing.assert_array_equal(links[0].fit.motion, np.eye(3))
    np.testing.assert_array_equal(links[1].fit.motion, grow(0.01))
    np.testing.assert_array_equal(breathing.motion(0, 3), np.eye(3))


@given(st.floats(-0.02, 0.02), st.floats(-1e-3, 1e-3), st.integers(10, 30), st.integers(0, 5), st.floats(-0.5, 0.5))
def test_breathing_is_fitted_through_a_bad_link(slope, bend, count, bad, error):
    numbers = np.array([(i, i + 1) for i in range(count)])
    scales = slope + bend * (2 * numbers[:, 0] + 1)
    spoilt = scales.copy()
    spoilt[bad] += error
    breathing, _ = smooth_scale(numbers, spoilt)
    found = [log_scale(breathing.motion(i, i + 1)) for i in range(count)]
    np.testing.assert_allclose(found, scales, atol=1e-3)


def test_breathing_says_nothing_beyond_its_frames():
    breathing, _ = smooth_scale(np.array([(i, i + 1) for i in range(2, 8)]), np.full(6, 0.01))
    assert log_scale(breathing.motion(2, 8)) == pytest.approx(0.06)
    assert log_scale(breathing.motion(8, 2)) == pytest.approx(-0.06)
    np.testing.assert_array_equal(breathing.motion(8, 12), np.eye(3))
    assert log_scale(breathing.motion(0, 5)) == pytest.approx(0.03)


def test_an_unproven_link_of_a_moving_burst_follows_the_breathing():
    fits = [fit(grow(1.0, 2.0, 0.0, 0.01)) for _ in range(8)]
    fits[3] = fit(grow(0.3), votes=NONE)
    links, _ = believed(links_of(fits))
    np.testing.assert_allclose(links[3].fit.motion, grow(0.01), atol=1e-6)
    np.testing.assert_allclose(links[4].fit.motion, fits[4].motion, atol=1e-6)


def test_noise_of_a_regular_breathing_is_averaged_away():
    rng = np.random.default_rng(0)
    noise = 1e-4
    fits = [fit(grow(0.01 + noise * rng.standard_normal()), doubt=noise) for _ in range(30)]
    after = [log_scale(link.fit.motion) for link in believed(links_of(fits))[0]]
    assert np.std(after) < 0.5 * np.std([log_scale(one.motion) for one in fits])
    assert np.mean(after) == pytest.approx(0.01, abs=noise / 2)


def test_irregular_steps_stay_as_they_were_measured():
    rng = np.random.default_rng(0)
    scales = 0.01 * rng.integers(1, 4, 20)  # frames are missing here and there
    links, _ = believed(links_of([fit(grow(scale), doubt=1e-5) for scale in scales]))
    np.testing.assert_allclose([log_scale(link.fit.motion) for link in links], scales, atol=2e-5)


def test_a_changed_scale_moves_the_rest_along():
    response = np.array([0.5, 0, 0, 1.0])
    fits = [Fit(grow(0.01 + (i == 4) * 1e-4), 0.98, np.array(PROVEN), 1e-3, response) for i in range(9)]
    changed = np.linalg.inv(fits[4].motion) @ believed(links_of(fits))[0][4].fit.motion
    growth = log_scale(changed)
    assert growth == pytest.approx(-1e-4, rel=0.1)
    assert changed[0, 2] == pytest.approx(0.5 * growth, rel=0.01)


def test_fifteen_steps_compose_to_the_direct_motion():
    rng = np.random.default_rng(5)
    truth = [exponential(rng.normal(0, 0.02, 4)) for _ in range(16)]
    steps = [fit(truth[i + 1] @ np.linalg.inv(truth[i])) for i in range(15)]
    for reference in (0, 7, 15):
        found = composed(links_of(steps), reference)
        assert sorted(found) == list(range(16))
        np.testing.assert_array_equal(found[reference], np.eye(3))
        for i in range(16):
            np.testing.assert_allclose(found[i], truth[i] @ np.linalg.inv(truth[reference]), atol=1e-12)
    wrong = steps[0].motion @ steps[1].motion @ steps[2].motion
    assert np.abs(wrong - composed(links_of(steps), 0)[3]).max() > 1e-5  # steps do not commute


def test_frames_that_were_passed_over_are_not_reached():
    links = [Link(0, 1, fit()), Link(1, 3, fit(grow(0.02))), Link(3, 4, fit())]
    assert sorted(composed(links, 3)) == [0, 1, 3, 4]
