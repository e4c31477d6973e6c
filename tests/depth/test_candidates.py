"""Depths to choose from: those of hairs are among them, in either order of the frames, and none where all is clear."""

import cv2
import numpy as np
import pytest

from napari_focusstack.depth.candidates import AROUND, CANDIDATES, PLANES, REACH, Candidates
from napari_focusstack.depth.edges import placed
from napari_focusstack.depth.result import RELIABLE
from napari_focusstack.depth.sff import contrast_of, measured
from napari_focusstack.focus import grey

pytest.importorskip("torch")

from napari_focusstack.nets import edgenet
from napari_focusstack.simulation import simulate

ALL = (slice(None), slice(None))
SIZE = {"frames": 12, "height": 128, "width": 128}
HERE, FRONT, BEHIND, HIGH, LOW = range(5)


def found_in(frames):
    """Candidates of frames, and the depth that there was before."""
    index, sigma, confidence, light = measured(frames, np.arange(len(frames), dtype=np.float64))
    return collected(frames, index, sigma, confidence >= RELIABLE, light), index


def collected(frames, index, sigma, known, light):
    found = Candidates(index, sigma, known, light, count=len(frames))
    for k, image in enumerate(frames):
        found.see(grey(image), k)
    return found


def checkers(*contrasts, shape=(40, 48)):
    """Frames of a checker of some contrasts, each a number or a plane."""
    checker = np.float32(1) - 2 * (np.indices(shape).sum(axis=0) % 2).astype(np.float32)
    return np.stack([0.5 + contrast * checker for contrast in contrasts])[..., None].astype(np.float32)


def told(frames, depth, *, sigma=0.1, known=True):
    """Candidates of frames, of one depth that is given."""
    planes = (np.full(frames.shape[1:3], value, kind) for value, kind in ((depth, "f4"), (sigma, "f4"), (known, bool)))
    return collected(frames, *planes, frames.max(axis=0)[..., 0])


@pytest.fixture(scope="module")
def hair():
    burst = simulate("hair", noise=1e-3, **SIZE)
    return burst, *found_in(burst.frames)


def test_the_network_has_as_many_candidates_and_planes():
    assert (CANDIDATES, PLANES) == (edgenet.CANDIDATES, edgenet.PLANES) == (5, 19)


@pytest.mark.parametrize(("scene", "least"), [("hair", 0.85), ("occluders", 0.85)])
def test_where_the_depth_is_wrong_the_truth_is_among_the_candidates(scene, least):
    for seed, order in enumerate(("near-to-far", "far-to-near")):
        burst = simulate(scene, noise=1e-3, order=order, seed=seed, **SIZE)
        found, index = found_in(burst.frames)
        depths, planes = found.part(*ALL)
        wrong, known = np.abs(index - burst.depth) > 1, planes[-1] > 0
        assert wrong.mean() > 0.15
        assert (np.abs(depths[1:] - burst.depth) <= 1).any(axis=0)[wrong].mean() > least
        assert found.undecided(*ALL)[wrong & known].mean() > 0.95


def test_a_hair_s_frame_and_the_texture_s_are_both_kept():
    """A hair in frame 2, one pixel wide, in front of a texture that is stronger, in frame 8."""
    contrasts = [0.02] * 11
    contrasts[8] = 0.2
    hair = np.zeros((40, 48), np.float32)
    hair[:, 20] = 0.1
    contrasts[2] = 0.02 + hair
    depths, planes = told(checkers(*contrasts), 8.0).part(*ALL)
    assert (depths[HERE] == 8).all()
    assert (depths[FRONT, :, 20] == 2).all()
    sharp, falls = planes[1 + 3 * FRONT], planes[-4]
    assert (sharp[:, 20] > 3 * sharp[:, 40]).all()
    assert (falls[:, 20] > 0.1).all()  # in between
    assert not falls[:, 40].any()
    assert (planes[1 + 3 * HERE] > sharp).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_backwards_is_as_reversed_frames_give_it(seed):
    draw = np.random.default_rng(seed)
    levels = np.stack([draw.permutation(9) for _ in range(6 * 8)], axis=1).reshape(9, 6, 8)  # no two alike
    contrasts = [0.004 * 1.5 ** cv2.resize(level.astype(np.float32), (64, 48), interpolation=0) for level in levels]
    frames = checkers(*contrasts, shape=(48, 64))
    index = cv2.resize(draw.uniform(0, 8, (6, 8)).astype(np.float32), (64, 48))
    index[np.abs(index % 1 - 0.5) < 1e-3] += 0.01  # so that its frame is the same one, from either side
    sigma, known = (0.1 + index / 20).astype(np.float32), draw.random(index.shape) > 0.1
    depths, planes = collected(frames, index, sigma, known, frames[0, ..., 0]).part(*ALL)
    turned = collected(frames[::-1], 8 - index, sigma, known, frames[0, ..., 0])
    inner = (slice(None), *(slice(8 * i + 3, None, 8) for i in (0, 0)))  # of the patches, where no two contrasts mix
    mirrored, seen = turned.part(*ALL, backwards=True)
    np.testing.assert_allclose(8 - mirrored[inner], depths[inner], atol=1e-4)
    np.testing.assert_allclose(seen[inner], planes[inner], atol=0.06)
    ahead, _ = turned.part(*ALL)
    np.testing.assert_allclose(ahead[[HERE, BEHIND, FRONT, LOW, HIGH]], mirrored, atol=1e-4)


def test_backwards_is_as_reversed_frames_give_it_of_a_scene(hair):
    burst, found, index = hair
    turned, mirrored = found_in(burst.frames[::-1])
    depths, planes = found.part(*ALL)
    other, seen = turned.part(*ALL, backwards=True)
    close = (np.abs(index + mirrored - 11) < 0.1) & (np.abs(index % 1 - 0.5) > 0.1)
    assert close.mean() > 0.7
    alike = (np.abs(11 - other - depths) < 0.3)[:, close].mean(axis=1)
    assert (alike > [0.999, 0.8, 0.85, 0.97, 0.97]).all()  # of peaks alike, the one that comes first counts
    assert ((np.abs(seen - planes) < 0.1)[:, close].mean(axis=1) > 0.85).all()
    wrong_way = (np.abs(11 - turned.part(*ALL)[0] - depths) < 0.3)[:, close].mean(axis=1)
    assert (wrong_way[1:] < 0.6).all()


def test_a_plane_without_noise_is_decided_and_occluders_are_not():
    plane, scene = (
        simulate(name, frames=6, height=160, width=64, psf="gaussian", dtype="float32")
        for name in ("slanted", "occluders")
    )
    assert found_in(plane.frames)[0].undecided(*ALL).mean() < 0.03
    assert found_in(scene.frames)[0].undecided(*ALL).mean() > 0.2


def test_a_part_is_a_part_of_the_whole(hair):
    found = hair[1]
    rows, columns = slice(20, 100), slice(10, 110)
    inner = (slice(AROUND, -AROUND),) * 2
    for whole, part in zip(found.part(*ALL), found.part(rows, columns), strict=True):
        np.testing.assert_allclose(part[:, *inner], whole[:, rows, columns][:, *inner], atol=1e-4)
    np.testing.assert_array_equal(found.undecided(rows, columns), found.undecided(*ALL)[rows, columns])


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_frames_of_one_value_leave_nothing_to_choose(value):
    found = told(np.full((5, 40, 48, 3), value, np.float32), 2.0)
    depths, planes = found.part(*ALL)
    assert not found.undecided(*ALL).any()
    assert np.isfinite(planes).all()
    np.testing.assert_array_equal(depths[[HERE, HIGH, LOW]], 2)


def test_of_one_depth_there_is_one_candidate():
    found = told(checkers(0.05, 0.1, 0.2, 0.1, 0.05), 2.0, sigma=0.5)
    depths, planes = found.part(*ALL)
    assert not found.undecided(*ALL).any()
    np.testing.assert_array_equal(depths, 2)
    np.testing.assert_array_equal(planes[0 : 3 * CANDIDATES : 3], 0)  # depths, against the level
    np.testing.assert_array_equal(planes[-2], np.float32(np.log(2)))
    np.testing.assert_array_equal(planes[-1], 1)
    assert np.isfinite(planes).all()


def test_the_largest_and_least_depths_are_the_known_ones_around():
    index, known = np.full((40, 48), 3, np.float32), np.ones((40, 48), bool)
    index[20, 24], index[5, 5], known[5, 5] = 6, 9, False
    frames = checkers(*[0.1] * 10)
    found = collected(frames, index, index / 10, known, frames[0, ..., 0])
    depths, planes = found.part(*ALL)
    near = np.zeros((40, 48), bool)
    near[20 - REACH : 21 + REACH, 24 - REACH : 25 + REACH] = True
    high = np.where(near, 6, 3)
    high[5, 5] = 9  # its own, whatever it is
    np.testing.assert_array_equal(depths[HIGH], high)
    np.testing.assert_array_equal(depths[LOW], 3)
    np.testing.assert_array_equal(planes[-1], known)
    np.testing.assert_array_equal(found.undecided(*ALL), near)


@pytest.mark.parametrize("steep", [0.1, 0.3, 0.6])
def test_a_slope_is_nothing_to_choose_and_a_step_in_it_is(steep):
    """However far apart the depths around are: on a slope they are those of one surface."""
    index = np.tile(steep * np.arange(48, dtype=np.float32), (40, 1))
    step = index + 6 * (np.arange(48) >= 30)
    frames, known = checkers(*[0.1] * 40), np.ones((40, 48), bool)
    plain, stepped = (
        collected(frames, plane, np.full((40, 48), 0.1, np.float32), known, frames[0, ..., 0]).undecided(*ALL)
        for plane in (index, step)
    )
    assert not plain.any()
    assert stepped[:, 30 - REACH : 30 + REACH].all() and not stepped[:, : 27 - REACH].any()


def test_depths_outside_the_sweep_are_its_ends():
    depths, planes = told(checkers(0.1, 0.1, 0.1), 7.5).part(*ALL)
    np.testing.assert_array_equal(depths[HERE], 2)
    assert np.isfinite(planes).all()


@pytest.mark.parametrize("order", ["near-to-far", "far-to-near"])
@pytest.mark.parametrize("noise", [0, 1e-3])
def test_the_contours_tell_the_nearer_end(order, noise):
    burst = simulate("occluders", order=order, noise=noise, seed=2, **SIZE)
    index, sigma, confidence, light = measured(burst.frames, np.arange(12.0))
    known, ways = confidence >= RELIABLE, {"contrast": contrast_of(light), "radius": 2.0}
    depth, _, backwards = placed(burst.frames, index, sigma, known, **ways)
    assert (depth != index).any()
    assert backwards == (order == "far-to-near")


def test_memory_is_that_of_the_planes_whatever_the_number_of_frames():
    for count in (3, 9):
        found = told(checkers(*[0.1] * count), 1.0)
        detail = found._detail
        own = (found._index, found._low, found._high)
        kept = (detail.sharp, detail.shade, detail.dip, detail.peak, detail._last)
        assert sum(plane.nbytes for plane in (*own, *kept)) == 32 * 40 * 48
