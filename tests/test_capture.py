"""Capture quality: everything that was done wrong on purpose is found, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from napari_focusstack import Cancelled, listening, simulate
from napari_focusstack.capture import check_capture


@pytest.fixture(scope="module")
def good():
    return simulate("slanted", frames=14, height=160, width=192, noise=5e-4, jitter=0.5, breathing=0.02, seed=0).frames


def sentences(capture):
    """What is complained of, but for highlights, which the scenes have."""
    lines = capture.report().splitlines()
    return [line for line in lines if "clipped to white" not in line and "what has texture is sharp in" not in line]


@pytest.mark.parametrize("scene", ["slanted", "occluders", "flat", "insect", "steps", "hair"])
def test_good_bursts_are_not_complained_of(scene):
    frames = simulate(
        scene, frames=12, height=160, width=192, noise=2e-3, jitter=0.5, breathing=0.02, exposure=0.03, seed=3
    ).frames
    capture = check_capture(frames)
    assert (capture.missing, capture.redundant, capture.order, capture.step) == ((), (), (), 1)
    assert capture.uncovered < 0.03
    assert not capture.dust.any()


def test_nothing_to_complain_about():
    frames = simulate("fluorescence", frames=12, height=160, width=192, seed=3).frames
    assert check_capture(frames).report() == (
        "Nothing to complain about: 99.5% of what has texture is sharp in one of the 12 frames."
    )


def test_a_sweep_may_go_either_way(good):
    assert sentences(check_capture(good[::-1])) == sentences(check_capture(good))


@pytest.mark.parametrize(("left_out", "gap"), [([5], (4, 5)), ([5, 6, 7], (4, 5)), ([9, 10], (8, 9))])
def test_missing_planes_are_found(good, left_out, gap):
    capture = check_capture(np.delete(good, left_out, 0))
    assert capture.missing == (gap,)
    words = f"Frames seem to be missing between {gap[0]} and {gap[1]}: the focus moves farther there"
    assert any(line.startswith(words) for line in sentences(capture))


def test_what_lies_in_a_gap_is_not_covered():
    burst = simulate("slanted", frames=16, height=160, width=192, blur=1.2, seed=2)
    left = [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]
    capture = check_capture(burst.frames[left])
    assert capture.missing == ((5, 6),)
    gap = (burst.depth > 6.7) & (burst.depth < 8.3)
    there = (burst.depth < 5.2) | (burst.depth > 9.8)
    assert np.nanmean(capture.coverage[gap] < 0.5) > 0.6
    assert np.nanmean(capture.coverage[there] < 0.5) < 0.03
    assert any("lies in a gap between frames and is sharp in none." in line for line in sentences(capture))


@pytest.mark.parametrize(("kept", "cut"), [(slice(0, 8), "far"), (slice(6, None), "near")])
def test_a_sweep_that_ended_too_early_is_found(kept, cut):
    burst = simulate("slanted", frames=14, height=160, width=192, seed=0)
    capture = check_capture(burst.frames[kept])
    beyond = burst.depth > 10.5 if cut == "far" else burst.depth < 2.5
    inside = burst.depth < 6.5 if cut == "far" else burst.depth > 6.5
    assert np.nanmean(capture.coverage[beyond] < 0.5) > 0.6
    assert np.nanmean(capture.coverage[inside] < 0.5) < 0.01
    frame, turn = (7, "Let the sweep go on.") if cut == "far" else (0, "Begin the sweep farther out.")
    share = dict(capture.outside)[frame]
    where = f"is sharpest in frame {frame}, at the end of the sweep, but not sharp there"
    assert sentences(capture) == [f"{share:.0%} of what has texture {where}. {turn}"]


def test_a_frame_taken_twice_is_found(good):
    capture = check_capture(np.concatenate([good[:5], good[4:]]))
    assert capture.redundant == (5,)
    assert sentences(capture) == ["Frame 5 shows what the one before shows and can be left out."]


def test_a_burst_far_too_dense_is_found():
    capture = check_capture(simulate("slanted", frames=30, height=160, width=192, blur=0.15, seed=1).frames)
    assert capture.step >= 3
    words = f"Frames are about {capture.step:.0f} times closer than the depth of field needs. Fewer would do."
    assert words in sentences(capture)


def test_steps_that_are_too_large_are_found():
    capture = check_capture(simulate("slanted", frames=8, height=240, width=256, blur=6.0, seed=1).frames)
    assert capture.step < 0.8
    words = "Steps are too large: what lies between two frames is sharp in none. Make them "
    assert any(line.startswith(words) for line in sentences(capture))


def test_frames_out_of_order_are_found(good):
    swapped = good.copy()
    swapped[[4, 5]] = good[[5, 4]]
    capture = check_capture(swapped)
    assert capture.order == (0, 1, 2, 3, 5, 4, *range(6, 14))
    assert capture.missing == ()
    assert any(
        line.startswith("Frames are out of order around 4 and 5: their focus goes 0 1 2 3 5 4 6")
        for line in sentences(capture)
    )


def test_frames_are_called_as_their_burst_calls_them(good):
    class Read:
        """Frames of a burst whose first two could not be read."""

        numbers = tuple(range(2, 16))
        shape, dtype = good.shape, good.dtype
        __len__, __getitem__ = good.__len__, good.__getitem__

    swapped = Read()
    assert check_capture(swapped).numbers == swapped.numbers
    found = replace(check_capture(good), numbers=swapped.numbers, missing=((3, 4),), redundant=(5,), order=(0, 2, 1))
    words = found.report()
    assert "between 5 and 6:" in words
    assert "Frame 7 shows" in words
    assert "out of order around 3 and 4: their focus goes 2 4 3." in words


def test_a_shuffled_burst_is_put_in_order(good):
    shuffled = np.random.default_rng(0).permutation(14)
    order = check_capture(good[shuffled]).order
    found = shuffled[list(order)]
    assert found.tolist() in (list(range(14)), list(range(13, -1, -1)))
    assert "and more" in check_capture(good[shuffled]).report()


def test_positions_decide_where_they_are_known(good):
    even = np.arange(14.0)
    even[9:] += 1.5
    assert check_capture(good, positions=even.tolist()).missing == ((8, 9),)
    thinned = np.delete(good, 5, 0)
    assert check_capture(thinned, positions=list(range(13))).missing == ()


@pytest.mark.parametrize("kind", ["uint8", "uint16 of 12 bit", "uint16", "float32"])
def test_highlights_that_are_clipped_are_found(good, kind):
    bright = np.minimum(good.astype(np.float64) / 255 * 1.6, 1)
    frames = {
        "uint8": (bright * 255).round().astype(np.uint8),
        "uint16 of 12 bit": (bright * 4095).round().astype(np.uint16),
        "uint16": (bright * 65535).round().astype(np.uint16),
        "float32": bright.astype(np.float32),
    }[kind]
    capture = check_capture(frames)
    truth = (bright == 1).any(3)
    assert capture.clipped.mean() > 0.5 * truth.all(0).mean() > 0
    assert not (capture.clipped & ~truth.any(0)).any()
    assert any(
        "of the pixels are clipped to white where they are sharp. Expose less." in x
        for x in capture.report().splitlines()
    )


def test_data_without_a_white_level_is_not_clipped(good):
    dim = (good.astype(np.float64) * 100 + np.random.default_rng(0).normal(0, 40, good.shape)).clip(0).astype(np.uint16)
    assert not check_capture(dim).clipped.any()


def test_dust_and_dead_pixels_are_found(good):
    y, x = np.mgrid[:160, :192]
    dirty = 120 + 0.2 * (good.astype(np.float64) - 120)  # dust over strong texture is not told from it
    for row, column in ((60, 150), (110, 70)):
        dirty *= (1 - 0.3 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / 18))[None, :, :, None]
    dirty = dirty.round().astype(np.uint8)
    dirty[:, 100, 100], dirty[:, 33, 44] = 255, 0
    capture = check_capture(dirty)
    spots = ((60, 150), (110, 70), (100, 100), (33, 44))
    assert all(capture.dust[spot] for spot in spots)
    away = np.min([np.hypot(y - row, x - column) for row, column in spots], 0) > 9
    assert not capture.dust[away].any()
    words = "4 spots stay in place while the picture changes: dust, or dead pixels."
    assert any(line.startswith(words) for line in sentences(capture))


def test_a_plain_burst_has_nothing_to_focus_on():
    frames = (90 + np.random.default_rng(0).normal(0, 2, (5, 64, 64, 1))).round().astype(np.uint8)
    capture = check_capture(frames)
    assert capture.report() == "No frame shows any texture: there is nothing to focus on."
    assert np.isnan(capture.coverage).mean() > 0.99


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_maps_have_the_frames_size(dtype):
    frames = np.random.default_rng(0).integers(0, 200, (4, 50, 61)).astype(dtype)
    capture = check_capture(frames)
    assert capture.coverage.shape == capture.clipped.shape == capture.dust.shape == (50, 61)
    assert capture.coverage.dtype == np.float32
    assert capture.clipped.dtype == capture.dust.dtype == bool


def test_what_cannot_be_judged_is_refused(good):
    with pytest.raises(ValueError, match="2 frames are too few to judge how they were taken; at least 3 are needed"):
        check_capture(good[:2])
    with pytest.raises(ValueError, match="3 positions were given for 14 frames: give one for each"):
        check_capture(good, positions=[1, 2, 3])
    with pytest.raises(ValueError, match="the position of frame 2 is nan; positions must be finite numbers"):
        check_capture(good, positions=[0, 1, np.nan, *range(3, 14)])


def test_it_can_be_cancelled(good):
    def stop(step):
        if step is not None and step.done == 2:
            raise Cancelled

    with listening(stop), pytest.raises(Cancelled):
        check_capture(good)
