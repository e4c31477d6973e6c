"""What an elimination is held to: more where depth is ragged, no specks, and light that is left."""

from types import SimpleNamespace

import numpy as np

from napari_focusstack.diffusion.elimination import _ragged, _without_specks
from napari_focusstack.diffusion.veils import Veils

SIZE = 96


def steps():
    """Depth of three flat surfaces, and of a slope beside them."""
    depth = np.zeros((SIZE, SIZE), np.float32)
    depth[30:60], depth[60:] = 4, 9
    depth[:, 60:] = np.linspace(0, 9, SIZE, dtype=np.float32)[:, None]
    return depth


def test_surfaces_are_not_ragged_and_what_was_hardly_measured_is():
    depth = steps()
    assert not _ragged(depth, 2.0).any()
    guessed = depth + np.random.default_rng(0).normal(0, 0.5, depth.shape).astype(np.float32)
    depth[:40, :40] = guessed[:40, :40]
    ragged = _ragged(depth, 2.0)
    assert ragged[:40, :40].all()
    assert not ragged[60:].any()


def test_single_freed_pixels_that_stand_out_take_the_median_around_them():
    stored = np.full((24, 24, 3), 0.32, np.float32)
    where = tuple(np.indices((10, 10)).reshape(2, -1) + 6)
    light = np.tile(np.linspace(0.3, 0.35, 100, dtype=np.float32)[:, None], (1, 3))
    veil = np.full((24, 24), 0.5, np.float32)
    assert np.array_equal(_without_specks(stored, stored, where, light, veil, "linear"), light)
    speckled = light.copy()
    speckled[[37, 62]] = 0.0, 0.6, 0.6
    calm = _without_specks(stored, stored, where, speckled, veil, "linear")
    assert np.abs(calm - light).max() < 0.02
    assert np.array_equal(np.delete(calm, [37, 62], 0), np.delete(light, [37, 62], 0))
    seen = stored.copy()
    seen[tuple(axis[[37, 62]] for axis in where)] = 0.05, 0.55, 0.55  # they are there in the frames, through the veil
    assert np.array_equal(_without_specks(stored, seen, where, speckled, veil, "linear"), speckled)


def test_surfaces_in_front_leave_a_fifth_of_the_light():
    points = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.int32)
    seen = np.full((2, 2, 3), 0.5, np.float32)
    left = np.array([[[0.4, 0.5, 0.6], [0.11, 0.11, 0.11]], [[0.09, 0.09, 0.09], [0.6, 0.6, 0.0]]], np.float32)
    work = SimpleNamespace(evidence=SimpleNamespace(points=points, light=seen))
    assert Veils.leaves(work, left, np.arange(4)).tolist() == [True, True, False, False]
    assert Veils.leaves(work, left, np.array([2, 0])).tolist() == [False, True]
