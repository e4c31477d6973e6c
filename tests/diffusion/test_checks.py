"""What an elimination is held to: trust, more where depth is ragged, no specks, and light that is left."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_focusstack.diffusion import checks
from napari_focusstack.diffusion.checks import _ragged, borne_out, trust, without_specks
from napari_focusstack.diffusion.law import Law
from napari_focusstack.diffusion.veils import Solved, Veils

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
    assert np.array_equal(without_specks(stored, stored, where, light, veil, "linear"), light)
    speckled = light.copy()
    speckled[[37, 62]] = 0.0, 0.6, 0.6
    calm = without_specks(stored, stored, where, speckled, veil, "linear")
    assert np.abs(calm - light).max() < 0.02
    assert np.array_equal(np.delete(calm, [37, 62], 0), np.delete(light, [37, 62], 0))
    seen = stored.copy()
    seen[tuple(axis[[37, 62]] for axis in where)] = 0.05, 0.55, 0.55  # they are there in the frames, through the veil
    assert np.array_equal(without_specks(stored, seen, where, speckled, veil, "linear"), speckled)


def test_surfaces_in_front_leave_a_fifth_of_the_light():
    points = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.int32)
    seen = np.full((2, 2, 3), 0.5, np.float32)
    left = np.array([[[0.4, 0.5, 0.6], [0.11, 0.11, 0.11]], [[0.09, 0.09, 0.09], [0.6, 0.6, 0.0]]], np.float32)
    work = SimpleNamespace(evidence=SimpleNamespace(points=points, light=seen))
    assert Veils.leaves(work, left, np.arange(4)).tolist() == [True, True, False, False]
    assert Veils.leaves(work, left, np.array([2, 0])).tolist() == [False, True]


class Asked:
    """Veils whose points are all of a plain picture, and whose frames, rendered again, differ by so much."""

    def __init__(self, worst, before=1.0):
        self.found = np.stack(np.broadcast_arrays(np.float32(worst), np.float32(before)))
        self.shape = self.found.shape[1:]
        points = np.argwhere(np.ones(self.shape, bool)).astype(np.int32)
        self.evidence, self.gap, self.transfer = SimpleNamespace(points=points, noise=0.0), 2.0, "linear"
        self.depth = np.zeros(self.shape, np.float32)

    def worst(self, _solved, _law, which):
        return self.found.reshape(2, -1)[:, which]

    def leaves(self, _light, which):
        return np.ones(len(which), bool)

    def trust(self, light=0.5):
        """Trust in light (Y, X) that is freed of a grey picture."""
        stored, freed = (np.broadcast_to(np.float32(grey), self.shape)[..., None].copy() for grey in (0.5, light))
        veil, depth = np.full(self.shape, 0.5, np.float32), np.zeros(self.shape, np.float32)
        which = np.arange(depth.size)
        solved = Solved(freed, veil, veil)
        borne = borne_out(self, solved, Law(1.0, 1.0, "disc", "first"), which, depth)
        found = trust(self, stored, solved, which, depth, borne)
        return found.reshape(self.shape)


@pytest.fixture
def sharp_rims(monkeypatch):
    monkeypatch.setattr(checks, "rims", lambda evidence, *_: np.ones((2, len(evidence.points)), np.float32))


@pytest.mark.usefixtures("sharp_rims")
@pytest.mark.parametrize(("times", "share"), [(0.2, 1.0), (1.0, 1.0), (1.05, 1.05**-4), (1.9, 0.0), (2.1, 0.0)])
def test_what_frames_differ_by_costs_trust(times, share):
    worst = np.zeros((24, 48), np.float32)
    worst[:, 24:] = times * checks.TOLERANCE
    found = Asked(worst).trust()
    assert found[:, :8] == pytest.approx(1)
    assert found[:, 28:] == pytest.approx(share, rel=1e-4)


@pytest.mark.usefixtures("sharp_rims")
def test_a_pixel_is_not_trusted_alone():
    worst = np.full((24, 120), 1.0, np.float32)
    worst[:, 60:] = 0
    worst[5, 5] = 0
    found = Asked(worst).trust()
    assert (found[:, 81:] == 1).all()
    assert (np.diff(found[12, 50:90]) >= 0).all()
    assert 0 < found[12, 60] < 1
    assert not found[:, :60].any()


@pytest.mark.usefixtures("sharp_rims")
@pytest.mark.parametrize(("among", "kept"), [(0, True), (90, False)])
def test_a_patch_is_not_trusted_among_much_that_is_not(among, kept):
    worst = np.zeros((120, 120), np.float32)
    worst[:among] = 1.0
    worst[30:42, 54:66] = 0
    found = Asked(worst).trust()[34:38, 58:62]
    assert (found == kept).all()


@pytest.mark.usefixtures("sharp_rims")
def test_nothing_is_trusted_that_makes_frames_no_more_alike():
    assert not Asked(np.full((24, 24), 0.05), before=0.04).trust().any()


@pytest.mark.usefixtures("sharp_rims")
def test_detail_that_was_not_there_costs_trust():
    plain, checker = np.zeros((24, 24)), np.indices((24, 24)).sum(axis=0) % 2 - 0.5
    contrasts = 1e-4, 8.4e-4, 0.1
    faint, clear, strong = (Asked(plain).trust(0.5 + contrast * checker)[8:16, 8:16] for contrast in contrasts)
    assert (faint == 1).all()
    assert ((clear > 0) & (clear < 0.7)).all()
    assert not strong.any()
