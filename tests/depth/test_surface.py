"""Surfaces of depth maps: proportions, holes, cuts, orientation, decimation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focusstack import Depth, Step, listening
from napari_focusstack.depth.surface import surface_of
from napari_focusstack.io.mesh import colors_at


def depth_of(position, sigma=0.01, unit="um", steps=11):
    position = np.asarray(position, np.float32)
    known = np.isfinite(position)
    spread = np.where(known, np.float32(sigma), np.nan).astype(np.float32)
    return Depth(position, spread, position, known.astype(np.float32), np.linspace(0, 10, steps), unit)


def plane(height=12, width=20, slope=0.1):
    y, x = np.mgrid[:height, :width]
    return slope * x + 0.5 * slope * y


def test_vertices_are_in_the_unit_of_the_depth():
    surface = surface_of(depth_of(plane()), pixel_size=(0.5, 0.25))
    assert surface.unit == "um"
    assert surface.decimation == 1
    assert len(surface.vertices) == 12 * 20
    assert len(surface.faces) == 2 * 11 * 19
    z, y, x = surface.vertices.T
    assert (y.max(), x.max()) == (11 * 0.5, 19 * 0.25)
    np.testing.assert_allclose(z, 0.1 * (x / 0.25) + 0.05 * (y / 0.5), atol=1e-5)


def test_normals_look_at_the_viewer():
    surface = surface_of(depth_of(plane()), pixel_size=1.0)
    a, b, c = (surface.vertices[surface.faces[:, i]][:, ::-1] * (1, -1, 1) for i in range(3))  # x, y up, z
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()


def test_distances_from_a_lens_are_turned_round():
    up, down = (surface_of(depth_of(plane()), pixel_size=1.0, larger_is_nearer=near) for near in (True, False))
    np.testing.assert_allclose(down.vertices[:, 0], -up.vertices[:, 0])


def test_heights_are_exaggerated_on_request_alone():
    plain, high = (surface_of(depth_of(plane()), pixel_size=1.0, exaggeration=factor) for factor in (1.0, 3.0))
    np.testing.assert_allclose(high.vertices[:, 0], 3 * plain.vertices[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(high.vertices[:, 1:], plain.vertices[:, 1:])


@pytest.mark.parametrize(("unit", "size"), [("frame", 1.0), ("um", None)])
def test_without_a_scale_the_relief_is_seen(unit, size):
    surface = surface_of(depth_of(plane(40, 60), unit=unit), pixel_size=size)
    assert surface.unit == "px"
    assert np.ptp(surface.vertices[:, 0]) == pytest.approx(40 / 4, rel=0.1)
    assert surface.vertices[:, 2].max() == 59


def test_where_there_is_no_depth_there_is_a_hole():
    position = plane()
    position[4:7, 5:9] = np.nan
    surface = surface_of(depth_of(position), pixel_size=1.0)
    assert len(surface.vertices) == 12 * 20 - 3 * 4
    assert np.isfinite(surface.vertices).all()
    assert surface.faces.max() == len(surface.vertices) - 1
    assert len(surface.faces) < 2 * (11 * 19 - 2 * 3)


def test_no_curtain_hangs_from_an_edge():
    position = np.zeros((10, 16))
    position[:, 8:] = 4.0
    surface = surface_of(depth_of(position), pixel_size=1.0)
    assert len(surface.faces) == 2 * 9 * 14
    z = surface.vertices[surface.faces, 0]
    assert (np.ptp(z, axis=1) == 0).all()


def test_a_steep_slope_is_not_cut():
    surface = surface_of(depth_of(plane(slope=1.9)), pixel_size=1.0)
    assert len(surface.faces) == 2 * 11 * 19


@pytest.mark.parametrize("most", [2, 50, 2000])
def test_triangles_are_limited(most):
    surface = surface_of(depth_of(plane(60, 80)), pixel_size=1.0, triangles=most)
    assert 0 < len(surface.faces) <= most


def test_decimation_averages_noise_and_keeps_edges():
    rng = np.random.default_rng(0)
    position = np.where(np.arange(120) < 58, 0.0, 5.0) + rng.normal(0, 0.1, (100, 120))
    surface = surface_of(depth_of(position, 0.1), pixel_size=1.0, triangles=900)
    step, z, x = surface.decimation, surface.vertices[:, 0], surface.vertices[:, 2]
    assert step >= 5
    assert np.std(z[x < 50]) < 0.1 / step * 2
    assert (np.minimum(np.abs(z), np.abs(z - 5)) < 0.2).all()  # nothing half-way


@pytest.mark.parametrize("slope", [0.02, 0.5, 2.0])
def test_decimation_does_not_shift_slopes(slope):
    y, x = np.mgrid[:140, :200]
    noise = np.random.default_rng(0).normal(0, 0.02, x.shape)
    surface = surface_of(depth_of(slope * (x - 0.5 * y) + noise, 0.02), pixel_size=1.0, triangles=1200)
    assert surface.decimation == 7
    assert len(surface.faces) == 2 * 19 * 27
    z, y, x = surface.vertices.T
    error = z - slope * (x - 0.5 * y)
    assert abs(error.mean()) < 0.001
    assert error.std() == pytest.approx(0.02 / 7, rel=0.2)


@pytest.mark.parametrize("most", [10**6, 1000, 200])
def test_no_curtain_hangs_from_an_edge_when_decimated(most):
    y, x = np.mgrid[:100, :120]
    disc = (y - 50) ** 2 + (x - 60) ** 2 < 30**2
    surface = surface_of(depth_of(np.where(disc, 4.0, 0.02 * x)), pixel_size=0.2, triangles=most)
    assert np.ptp(surface.vertices[surface.faces, 0], axis=1).max() < 0.5
    assert len(surface.faces) > 0.7 * 2 * (100 // surface.decimation - 1) * (120 // surface.decimation - 1)


@pytest.mark.parametrize("pixel_size", [0.1, 1.0, 10.0])
def test_cuts_follow_the_steps_of_the_sweep_or_the_width_of_pixels(pixel_size):
    least = max(1.5 * 1.0, 3 * pixel_size)  # 11 frames over 10 µm
    position = np.zeros((6, 8))
    for jump, cut in ((0.99 * least, False), (1.01 * least, True)):
        position[:, 4:] = jump
        surface = surface_of(depth_of(position), pixel_size=pixel_size)
        assert (len(surface.faces) < 2 * 5 * 7) == cut


@given(st.integers(0, 10**6), st.integers(2, 400), st.floats(0, 0.9))
@settings(max_examples=50)
def test_triangles_never_turn_over(seed, most, gone):
    rng = np.random.default_rng(seed)
    position = np.where(rng.random((31, 37)) < gone, np.nan, rng.normal(0, 0.3, (31, 37)))
    depth = depth_of(position)
    depth.sigma[:] = 10.0 ** rng.uniform(-3, 3, position.shape)
    try:
        surface = surface_of(depth, pixel_size=1.0, triangles=most)
    except ValueError as error:
        assert "no three neighbouring pixels" in str(error)
        return
    assert len(surface.faces) <= most
    a, b, c = (surface.vertices[surface.faces[:, i]][:, :0:-1] * (1, -1) for i in range(3))  # x, y up
    (ux, uy), (vx, vy) = (b - a).T, (c - a).T
    assert (ux * vy > uy * vx).all()
    assert np.isfinite(surface.vertices).all()
    assert len(np.unique(surface.faces)) == len(surface.vertices)
    np.testing.assert_allclose(surface.texcoords[:, 0] * 37 - 0.5, surface.vertices[:, 2], atol=1e-4)
    np.testing.assert_allclose((1 - surface.texcoords[:, 1]) * 31 - 0.5, surface.vertices[:, 1], atol=1e-4)


def test_sure_pixels_count_more():
    depth = depth_of(np.array([[1.0, 1.2], [1.0, 1.2]]))
    depth.sigma[:] = [[0.1, 0.2], [0.1, 0.2]]
    position = np.tile(depth.position, (2, 2))
    tiled = Depth(position, np.tile(depth.sigma, (2, 2)), position, np.ones_like(position), depth.positions, "um")
    surface = surface_of(tiled, pixel_size=1.0, triangles=2)
    np.testing.assert_allclose(surface.vertices[:, 0], (4 * 1.0 + 1.2) / 5, rtol=1e-6)
    np.testing.assert_allclose(surface.vertices[:, 2], np.tile([0.2, 2.2], 2), rtol=1e-6)  # where that depth is


def test_what_is_written_is_not_mirrored():
    letter = np.array([list(row) for row in ("#####", "#....", "###..", "#....", "#....")]) == "#"
    position = np.kron(letter, np.ones((4, 4))) * 8.0  # an F that stands out
    surface = surface_of(depth_of(position), pixel_size=1.0)
    x, y, z = (surface.vertices[:, ::-1] * (1, -1, 1)).T  # as mesh files have it: x to the right, y up
    seen = np.zeros((20, 20))
    seen[np.rint(-y).astype(int), np.rint(x).astype(int)] = z
    np.testing.assert_array_equal(seen > 4, position > 4)


def test_the_picture_lies_the_right_way_round():
    picture = np.zeros((12, 20, 3), np.uint8)
    picture[:6, :10] = (255, 0, 0)  # red at the top left
    picture[6:, 10:] = (0, 0, 255)
    surface = surface_of(depth_of(plane()), picture, pixel_size=1.0)
    top_left = (surface.vertices[:, 1] < 5) & (surface.vertices[:, 2] < 9)
    bottom_right = (surface.vertices[:, 1] > 6) & (surface.vertices[:, 2] > 10)
    colors = colors_at(surface.texcoords, surface.texture)
    assert (colors[top_left] == (255, 0, 0)).all()
    assert (colors[bottom_right] == (0, 0, 255)).all()
    u, v = surface.texcoords[top_left].T
    assert u.max() < 0.5 < v.min()


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("channels", [0, 1, 2, 3])
def test_pictures_of_all_kinds_become_textures(dtype, channels):
    shape = (12, 20, channels) if channels else (12, 20)
    picture = (np.linspace(0, 3000, np.prod(shape)).reshape(shape)).astype(dtype)
    texture = surface_of(depth_of(plane()), picture, pixel_size=1.0).texture
    assert texture.shape == (12, 20, 3)
    assert texture.dtype == np.uint8
    assert texture.min() == 0
    assert texture.max() == 255


def test_huge_pictures_become_smaller_textures():
    position = np.zeros((4, 5000))
    texture = surface_of(depth_of(position), np.zeros((4, 5000, 3), np.uint8), pixel_size=1.0).texture
    assert texture.shape == (3, 4096, 3)
    assert surface_of(depth_of(plane())).texture is None


def test_pixels_without_a_known_error_take_part():
    depth = depth_of(plane(40, 60))
    depth.sigma[:] = np.nan
    surface = surface_of(depth, pixel_size=1.0, triangles=500)
    z, y, x = surface.vertices.T
    np.testing.assert_allclose(z, 0.1 * x + 0.05 * y, atol=1e-5)


def test_the_listener_is_asked_often():
    told: list[Step | None] = []
    with listening(told.append):
        surface_of(depth_of(plane(640, 80)), np.zeros((640, 80), np.uint16), triangles=10**6)
    assert len(told) >= 2 * 640 // 64  # each strip of the mesh and of its texture


@pytest.mark.parametrize(
    ("position", "keywords", "words"),
    [
        (np.zeros((2, 4, 4)), {}, r"one map \(Y, X\), not of \(2, 4, 4\); choose one burst"),
        (np.full((4, 4), np.nan), {}, "no pixel has a depth, so there is no surface; measure with fill=True"),
        (np.arange(16.0).reshape(4, 4) ** 3, {"pixel_size": 1.0}, "no three neighbouring pixels have depths of one"),
        (plane(), {"image": np.zeros((4, 4, 3))}, r"the picture is \(4, 4\) px, but the depth is \(12, 20\)"),
        (plane(), {"pixel_size": 0.0}, "pixel_size=0.0 is not possible; give a number above 0"),
        (plane(), {"pixel_size": (1.0, 2.0, 3.0)}, "pixel_size=.* is not possible"),
        (plane(), {"triangles": 1}, "triangles=1 are too few for a surface"),
        (plane(), {"exaggeration": 0.0}, "exaggeration=0.0 is not possible"),
    ],
)
def test_what_cannot_be_a_surface_is_refused(position, keywords, words):
    with pytest.raises(ValueError, match=words):
        surface_of(depth_of(position), **keywords)
