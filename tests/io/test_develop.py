"""Light in a camera's colours, developed as LibRaw develops the file."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from making import PATTERNS, picture, write_dng, write_jpeg

from napari_focusstack.io import read_burst
from napari_focusstack.io.develop import Development
from napari_focusstack.simulation import RawCamera
from napari_focusstack.simulation import write_dng as write_raw

SHARED = Path(os.environ.get("FOCUSSTACK_DATA", "no such folder")) / "raw"  # real pictures, not in the repository
MOST = {"linear": 1e-4, "srgb": 1.5e-3}  # of white; the sRGB curve rises by 12.92 at black


def sensor(camera, height=40, width=56):
    """Mosaic of all colours that there are: too dark and too bright ones, too."""
    rng = np.random.default_rng(0)
    sites = rng.integers(camera.black - 40, camera.white + 1, (height, width)).astype(np.uint16)
    sites[:8] = camera.white
    sites[8:16] = camera.black + (sites[8:16] - camera.black + 40) // 50  # where the curve is steep
    return sites


def binned(burst, planes):
    """Blocks (Y/2, X/2, 3) of the mosaic from the sensor's corner on, as LibRaw averages them, of red-first planes."""
    top, left = burst.cfa_offset
    sites = np.full((2 * planes.shape[0] + 2 * top, 2 * planes.shape[1] + 2 * left), np.nan)
    for plane in range(4):
        sites[top + plane // 2 :: 2, left + plane % 2 :: 2][: planes.shape[0], : planes.shape[1]] = planes[..., plane]
    block = {(y, x): sites[y::2, x::2] for y in (0, 1) for x in (0, 1)}
    red, blue = (top, left), (1 - top, 1 - left)
    greens = (block[top, 1 - left] + block[1 - top, left]) / 2
    return np.stack([block[red], greens, block[blue]], axis=2)


def differences(burst, half):
    """Of the development of binned planes and LibRaw's own, where all sites of a block are among the planes."""
    light = binned(burst, np.minimum(burst.mosaic(0) * burst.white_balance, 1))
    theirs = half.unturned()[0] / 65535
    height, width = min(len(light), len(theirs)), min(light.shape[1], theirs.shape[1])
    ours = burst.developed(np.nan_to_num(light))
    known = np.isfinite(light).all(2)[:height, :width]
    assert known.mean() > 0.8
    return (ours[:height, :width] - theirs[:height, :width])[known]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("linear", [True, False])
def test_developed_as_libraw_does(tmp_path, pattern, linear):
    camera = RawCamera(pattern)
    write_raw(tmp_path / "a.dng", sensor(camera), camera)
    burst, half = (read_burst(tmp_path / "a.dng", linear=linear, half_size=size) for size in (False, True))
    apart = differences(burst, half)
    assert np.abs(apart).max() < MOST[burst.transfer]
    assert np.abs(apart).mean() < (3e-5 if linear else 1e-4)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_colours_do_not_depend_on_the_orientation(tmp_path, orientation):
    write_dng(tmp_path / "a.dng", sensor(RawCamera()), orientation=orientation)
    burst, half = (read_burst(tmp_path / "a.dng", half_size=size) for size in (False, True))
    assert np.abs(differences(burst, half)).max() < MOST["srgb"]
    light = np.random.default_rng(1).random((6, 8, 3), np.float32)
    np.testing.assert_array_equal(burst.developed(light), burst.unturned().developed(light))


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("second", [0.8, 1.0, 1.3])
def test_a_second_green_with_a_gain_of_its_own(tmp_path, pattern, second):
    write_dng(tmp_path / "a.dng", sensor(RawCamera()), pattern)
    burst, half = (read_burst(tmp_path / "a.dng", linear=True, half_size=size) for size in (False, True))
    for one in (burst, half):
        one._planes.development = replace(one._planes.development, white_balance=(2.0, 1.0, 1.6, second))
    assert burst.white_balance.min() == 1
    assert burst.white_balance[2] / burst.white_balance[1] == pytest.approx(second)
    assert np.abs(differences(burst, half)).max() < MOST["linear"]


@pytest.mark.parametrize(
    ("balance", "expected"),
    [((2.0, 1.0, 1.6, 0.0), (2.0, 1.0, 1.0, 1.6)), ((0.8, 1.0, 2.0, 1.2), (1.0, 1.25, 1.5, 2.5))],
)
def test_gains_are_those_of_the_planes_and_the_smallest_is_one(balance, expected):
    np.testing.assert_allclose(Development(balance, 1000, 0).gains, expected)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("size", [(40, 56), (34, 46), (62, 50)])
def test_the_matrix_is_the_cameras(tmp_path, pattern, size):
    camera = RawCamera(pattern, white_balance=(1.0, 1.3, 2.2))
    write_raw(tmp_path / "a.dng", np.full(size, 600, np.uint16), camera)
    burst = read_burst(tmp_path / "a.dng", half_size=True)  # of which the matrix does not depend
    np.testing.assert_allclose(burst.camera_to_srgb, np.linalg.inv(camera.srgb_to_camera), atol=4e-4)
    np.testing.assert_allclose(burst.camera_to_srgb.sum(1), 1)
    np.testing.assert_allclose(burst.white_balance, (1.0, 1.3, 1.3, 2.2), rtol=1e-5)


def test_the_file_and_its_frames_stay_as_they_are(tmp_path):
    write_raw(tmp_path / "a.dng", sensor(RawCamera()))
    written, burst = (tmp_path / "a.dng").read_bytes(), read_burst(tmp_path / "a.dng")
    before = burst[0]
    _ = burst.camera_to_srgb
    assert (tmp_path / "a.dng").read_bytes() == written
    np.testing.assert_array_equal(burst[0], before)


def test_too_bright_is_white(tmp_path):
    write_raw(tmp_path / "a.dng", sensor(RawCamera()))
    for linear in (True, False):
        burst = read_burst(tmp_path / "a.dng", linear=linear)
        light = np.array([[[2.1, 1.0, 1.6], [1, 1, 1], [0, 0, 0], [-0.1, 0, -0.2]]])
        np.testing.assert_allclose(burst.developed(light)[0], [[1] * 3, [1] * 3, [0] * 3, [0] * 3], atol=1e-6)


def test_errors(tmp_path):
    write_jpeg(tmp_path / "a.jpg", picture())
    photograph = read_burst(tmp_path / "a.jpg")
    for ask in (lambda b: b.white_balance, lambda b: b.camera_to_srgb, lambda b: b.developed(np.zeros((2, 2, 3)))):
        with pytest.raises(ValueError, match="a has no sensor mosaic; only camera raw files do"):
            ask(photograph)
    write_raw(tmp_path / "a.dng", sensor(RawCamera()))
    with pytest.raises(ValueError, match=r"light of shape \(4, 4, 1\) has not the camera's colours; \(Y, X, 3\)"):
        read_burst(tmp_path / "a.dng").developed(np.zeros((4, 4, 1)))
    rows = ("GGRGGB", "GGBGGR", "BRGRBG", "GGBGGR", "GGRGGB", "RBGBRG")
    pattern = bytes("RGB".index(letter) for row in rows for letter in row)
    repeat = [(33421, 3, 2, (6, 6), True), (33422, 1, 36, pattern, True)]
    write_dng(tmp_path / "x.dng", sensor(RawCamera(), 60, 60), extra=repeat)
    with pytest.raises(ValueError, match=r"x\.dng holds no mosaic of 2 × 2 colours; raw methods need an RGB Bayer"):
        read_burst(tmp_path / "x.dng").developed(np.zeros((4, 4, 3)))


@pytest.mark.parametrize("orientation", [2, 4, 5, 7])
def test_mirrored_frames_are_refused_where_they_would_lie_wrong(tmp_path, orientation):
    write_dng(tmp_path / "a.dng", sensor(RawCamera()), orientation=orientation)
    burst = read_burst(tmp_path / "a.dng")
    with pytest.raises(ValueError, match=r"a\.dng is shown mirrored.*set its orientation to 1, 3, 6 or 8"):
        _ = burst.quarter_turns


@pytest.mark.skipif(not SHARED.is_dir(), reason="FOCUSSTACK_DATA names no folder with real raw files")
@pytest.mark.parametrize("name", ["canon550d_magiclantern_colorchart_MIT.dng", "kodak_dc50_MIT.kdc"])
@pytest.mark.parametrize("linear", [True, False])
def test_real_cameras_are_developed_as_libraw_does(tmp_path, name, linear):
    shutil.copy(SHARED / name, tmp_path)
    burst, half = (read_burst(tmp_path, linear=linear, half_size=size) for size in (False, True))
    assert np.abs(differences(burst, half)).max() < MOST[burst.transfer]
