"""Planes of raw bursts: they lie where the sensor's sites do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_focusstack.alignment import Alignment, Area
from napari_focusstack.alignment.planes import AlignedPlanes, plane_matrix, red_first
from napari_focusstack.arrays import to_float

NUMBERS = st.floats(-0.05, 0.05)
SHIFTS = st.floats(-20, 20)
SITE = st.tuples(st.integers(0, 2), st.integers(0, 2))


def matrix_of(a, b, c, d, x, y):
    return np.array([[1 + a, b, x], [c, 1 + d, y], [0, 0, 1]])


@given(a=NUMBERS, b=NUMBERS, c=NUMBERS, d=NUMBERS, x=SHIFTS, y=SHIFTS, site=SITE, origin=SITE)
def test_a_plane_moves_as_its_sites_do(a, b, c, d, x, y, site, origin):
    matrix = matrix_of(a, b, c, d, x, y)
    plane = plane_matrix(matrix, site, origin)
    for q in ((0, 0), (7, 3)):
        whole = 2 * np.array(q) + origin  # where the plane's pixel lies in the reference
        there = (matrix @ [*whole, 1])[:2]
        np.testing.assert_allclose((plane @ [*q, 1])[:2], (there - site) / 2, atol=1e-9)


@given(a=NUMBERS, b=NUMBERS, c=NUMBERS, d=NUMBERS, x=SHIFTS, y=SHIFTS, site=SITE)
def test_the_shift_is_halved_and_the_site_counts(a, b, c, d, x, y, site):
    matrix = matrix_of(a, b, c, d, x, y)
    plane, linear = plane_matrix(matrix, site), matrix[:2, :2]
    np.testing.assert_allclose(plane[:2, :2], linear, atol=1e-9)
    np.testing.assert_allclose(plane[:2, 2], (matrix[:2, 2] + (linear - np.eye(2)) @ site) / 2, atol=1e-9)


def pattern(x, y):
    """A smooth picture that is known everywhere."""
    return 0.5 + 0.2 * np.sin(x / 5 + 1) * np.cos(y / 6) + 0.2 * np.sin((x + 2 * y) / 11)


class Sensor:
    """Raw burst of the pattern, as seen by moved frames; all colours alike."""

    def __init__(self, transforms, cfa_offset):
        self.transforms, self.cfa_offset = transforms, cfa_offset

    def mosaic(self, i):
        back = np.linalg.inv(self.transforms[i])
        planes = np.empty((60, 70, 4), np.float32)
        for plane, (row, column) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
            y, x = np.mgrid[:60, :70]
            y, x = self.cfa_offset[0] + row + 2 * y, self.cfa_offset[1] + column + 2 * x
            u, v, _ = np.einsum("ij,jyx->iyx", back, np.stack([x, y, np.ones_like(x)]))
            planes[..., plane] = pattern(u, v)
        return planes


def alignment_of(transforms, area):
    count = len(transforms)
    ones = np.ones(count)
    return Alignment(np.array(transforms), area, 0, ones > 0, ones, ones[:, None], "linear")


@pytest.mark.parametrize("cfa_offset", [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("corner", [(8, 8), (9, 12), (11, 7)])
def test_aligned_planes_lie_on_the_truths_sites(cfa_offset, corner):
    turned = matrix_of(0.05, -0.02, 0.02, 0.05, 1.3, -2.6)
    transforms = [np.eye(3), turned]
    whole = Area(*corner, 80, 90)
    area = red_first(whole, cfa_offset)
    assert ((area.top - cfa_offset[0]) % 2, (area.left - cfa_offset[1]) % 2) == (0, 0)
    assert (area.height % 2, area.width % 2) == (0, 0)
    assert area.top >= whole.top
    assert area.top + area.height <= whole.top + whole.height
    planes = AlignedPlanes(Sensor(transforms, cfa_offset), alignment_of(transforms, whole), area)
    assert (len(planes), planes.shape) == (2, (2, area.height // 2, area.width // 2, 4))
    y, x = np.mgrid[area.top : area.top + area.height, area.left : area.left + area.width]
    truth = pattern(x, y)
    for i, most in ((0, 2e-5), (1, 2e-3)):
        found = to_float(planes[i])
        for plane, (row, column) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
            error = np.abs(found[..., plane] - truth[row::2, column::2])[2:-2, 2:-2].max()
            assert error < most
    # the halved shift alone would be wrong for a mosaic that starts elsewhere
    if cfa_offset == (1, 1):
        wrong = turned.copy()
        wrong[:2, 2] /= 2
        assert np.abs((plane_matrix(turned, (1, 1)) - wrong)[:2, 2]).max() > 0.01
