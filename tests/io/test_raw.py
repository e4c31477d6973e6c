"""Camera raw: all frames developed alike, and the sensor's mosaic."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rawpy
from making import PATTERNS, exif_block, mosaic_of, picture, truncated, write_dng, write_jpeg

from napari_focusstack.color import to_stored
from napari_focusstack.io import UnreadableFrame, raw, read_burst

BLACK, WHITE, BALANCE = 512, 16383, (2.0, 1.0, 1.6)
SHARED = Path(os.environ.get("FOCUSSTACK_DATA", "no such folder")) / "raw"  # real pictures, not in the repository


def grey(light, height=32, width=48, black=BLACK, spot=None):
    """Mosaic of a grey surface of that linear light, seen by the test camera, maybe with one bright place."""
    planes = np.empty((height // 2, width // 2, 4))
    planes[:] = np.array([1 / BALANCE[0], 1, 1, 1 / BALANCE[2]]) * light
    if spot is not None:
        planes[4:8, 4:8] = np.array([1 / BALANCE[0], 1, 1, 1 / BALANCE[2]]) * spot
    return np.rint(planes * (WHITE - BLACK) + black).astype(np.uint16)


def inner(frame):
    return frame[12:-4, 24:-4].astype(float) / 65535


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("light", [0.1, 0.5, 0.8])
def test_grey_light_becomes_grey_values(tmp_path, light, linear):
    for i in range(2):
        write_dng(tmp_path / f"{i}.dng", mosaic_of(grey(light)))
    burst = read_burst(tmp_path, linear=linear)
    assert burst.shape == (2, 32, 48, 3)
    assert burst.dtype == np.uint16
    assert burst.transfer == ("linear" if linear else "srgb")
    assert burst.is_raw
    expected = light if linear else float(to_stored(np.array(light), "srgb"))
    np.testing.assert_allclose(inner(burst[1]), expected, atol=2e-3)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_gives_the_same_colours(tmp_path, pattern):
    write_dng(tmp_path / "a.dng", mosaic_of(grey(0.4), pattern), pattern)
    np.testing.assert_allclose(inner(read_burst(tmp_path, linear=True)[0]), 0.4, atol=2e-3)


def test_all_frames_have_one_exposure(tmp_path):
    """No frame's own maximum or mean may set its brightness: same light, same values."""
    for i, spot in enumerate((0.9, 0.3, None)):
        write_dng(tmp_path / f"{i}.dng", mosaic_of(grey(0.25, spot=spot)))
    burst = read_burst(tmp_path, linear=True)
    for i in range(3):
        np.testing.assert_allclose(inner(burst[i]), 0.25, atol=1e-3)


def test_white_balance_is_the_first_frames(tmp_path):
    write_dng(tmp_path / "0.dng", mosaic_of(grey(0.5)))
    write_dng(tmp_path / "1.dng", mosaic_of(grey(0.5)), balance=(1.5, 1.0, 2.5))
    burst = read_burst(tmp_path)
    np.testing.assert_array_equal(burst[1], burst[0])


def test_black_is_each_frames_own_and_the_range_the_first_ones(tmp_path):
    write_dng(tmp_path / "0.dng", mosaic_of(grey(0.5)))
    write_dng(tmp_path / "1.dng", mosaic_of(grey(0.5, black=BLACK + 100)), black=BLACK + 100)
    burst = read_burst(tmp_path, linear=True)
    np.testing.assert_allclose(inner(burst[1]), inner(burst[0]), atol=1e-4)


def test_orientation_is_the_first_frames(tmp_path):
    planes = grey(0.2)
    planes[:4, :4] = grey(0.9)[:4, :4]  # bright where the sensor is read first
    for i, orientation in enumerate((6, 1)):
        write_dng(tmp_path / f"{i}.dng", mosaic_of(planes), orientation=orientation)
    burst = read_burst(tmp_path)
    assert burst.shape == (2, 48, 32, 3)
    for i in range(2):
        bright = burst[i][..., 1] > 50_000
        assert bright[1, -2]
        assert not bright[-2, 1]


@pytest.mark.parametrize(("height", "width"), [(32, 48), (34, 50)])
def test_half_size(tmp_path, height, width):
    write_dng(tmp_path / "a.dng", mosaic_of(grey(0.4, height, width)))
    burst = read_burst(tmp_path / "a.dng", half_size=True, linear=True)
    assert burst.shape == (1, height // 2, width // 2, 3)
    np.testing.assert_allclose(burst[0] / 65535, 0.4, atol=2e-3)


@pytest.mark.parametrize("size", [(33, 49), (33, 48), (32, 49)])
def test_half_size_of_odd_sensors(tmp_path, size):
    write_dng(tmp_path / "a.dng", mosaic_of(grey(0.4, 40, 60))[: size[0], : size[1]].copy())
    for half in (False, True):
        burst = read_burst(tmp_path / "a.dng", half_size=half)
        assert burst[0].shape == burst.shape[1:]


def random_mosaic(height=32, width=48):
    return np.random.default_rng(0).integers(300, WHITE, (height, width)).astype(np.uint16)


@pytest.mark.parametrize(
    ("pattern", "offset"), [("RGGB", (0, 0)), ("GRBG", (0, 1)), ("GBRG", (1, 0)), ("BGGR", (1, 1))]
)
def test_mosaic_starts_with_red_and_has_black_and_white_taken_out(tmp_path, pattern, offset):
    sites = random_mosaic()
    blacks = np.array([[500, 520], [540, 560]])
    write_dng(tmp_path / "a.dng", sites, pattern, black=blacks.ravel())
    burst = read_burst(tmp_path / "a.dng")
    assert burst.cfa_offset == offset
    mosaic = burst.mosaic(0)
    assert mosaic.dtype == np.float32
    top, left = offset
    assert mosaic.shape == ((32 - top) // 2, (48 - left) // 2, 4)
    for plane in range(4):
        y, x = top + plane // 2, left + plane % 2
        stored = sites[y::2, x::2][: mosaic.shape[0], : mosaic.shape[1]].astype(float)
        dark = blacks[y % 2, x % 2]
        np.testing.assert_allclose(mosaic[..., plane], np.clip((stored - dark) / (WHITE - dark), 0, 1), atol=1e-6)
        colour = PATTERNS[pattern][(y % 2) * 2 + x % 2]
        assert colour == (0, 1, 1, 2)[plane]


def test_mosaic_counts_from_the_sensors_visible_area(tmp_path):
    sites = random_mosaic()
    area = (50829, 4, 4, (3, 5, 31, 47), True)  # top, left, bottom, right: there the pattern starts
    write_dng(tmp_path / "a.dng", sites, "RGGB", extra=[area])
    burst = read_burst(tmp_path / "a.dng")
    mosaic = burst.mosaic(0)
    assert burst.shape[1:3] == (27, 41)  # LibRaw lets the area start at even sites
    assert burst.cfa_offset == (1, 1)
    red = sites[5:31:2, 7:47:2].astype(float)
    np.testing.assert_allclose(mosaic[..., 0], np.clip((red - BLACK) / (WHITE - BLACK), 0, 1), atol=1e-6)


def test_mosaic_of_frames_that_start_with_another_colour(tmp_path):
    write_dng(tmp_path / "0.dng", random_mosaic(), "RGGB")
    write_dng(tmp_path / "1.dng", random_mosaic(), "GRBG")
    burst = read_burst(tmp_path)
    with pytest.raises(UnreadableFrame, match=r"1\.dng: its mosaic starts with another colour"):
        burst.mosaic(1)


def test_only_bayer_sensors_have_a_mosaic(tmp_path):
    write_jpeg(tmp_path / "a.jpg", picture())
    burst = read_burst(tmp_path / "a.jpg")
    assert not burst.is_raw
    with pytest.raises(ValueError, match="a has no sensor mosaic; only camera raw files do"):
        burst.mosaic(0)
    with pytest.raises(ValueError, match="only camera raw"):
        _ = burst.cfa_offset


def test_pixels_that_are_not_square_are_stretched(tmp_path):
    write_dng(tmp_path / "a.dng", random_mosaic(), extra=[(50718, 5, 2, (1, 1, 2, 1), True)])
    burst = read_burst(tmp_path / "a.dng")
    assert burst[0].shape == burst.shape[1:] == (64, 48, 3)


def test_an_x_trans_mosaic_is_developed_but_not_taken_apart(tmp_path):
    rows = ("GGRGGB", "GGBGGR", "BRGRBG", "GGBGGR", "GGRGGB", "RBGBRG")
    pattern = bytes("RGB".index(letter) for row in rows for letter in row)
    repeat = [(33421, 3, 2, (6, 6), True), (33422, 1, 36, pattern, True)]
    write_dng(tmp_path / "a.dng", random_mosaic(60, 60), extra=repeat)
    burst = read_burst(tmp_path / "a.dng", half_size=True)
    assert burst[0].shape == (30, 30, 3)
    with pytest.raises(ValueError, match=r"a\.dng holds no mosaic of 2 × 2 colours; raw methods need an RGB Bayer"):
        burst.mosaic(0)


def test_metadata(tmp_path):
    write_dng(tmp_path / "a.dng", random_mosaic())
    burst = read_burst(tmp_path / "a.dng")
    assert burst.camera == "ACME Raw"
    assert burst.exif[:2] in (b"II", b"MM")
    assert burst.icc[16:20] == b"RGB "
    assert read_burst(tmp_path / "a.dng", linear=True).icc == b""
    assert "ACME Raw" in burst.describe()


def test_focus_distance_among_a_raw_files_main_tags(tmp_path):
    for i in range(3):
        write_dng(tmp_path / f"{i}.dng", random_mosaic(), extra=[(37382, 5, 1, (20 + i, 100), True)])
    burst = read_burst(tmp_path)
    assert burst.positions == pytest.approx((0.20, 0.21, 0.22))
    assert burst.position_unit == "m"


def test_damage_is_named(tmp_path):
    for i in range(3):
        write_dng(tmp_path / f"{i}.dng", random_mosaic(200, 300))
    truncated(tmp_path / "1.dng")
    burst = read_burst(tmp_path)
    with pytest.raises(UnreadableFrame, match=r"1\.dng: the raw file is damaged or incomplete \(.+\)"):
        burst[1]
    with pytest.raises(UnreadableFrame, match=r"1\.dng: the raw file is damaged"):
        burst.mosaic(1)
    burst = read_burst(tmp_path, skip_bad=True)
    assert len(burst) == 2
    assert [str(source) for source, _ in burst.skipped] == [str(tmp_path / "1.dng")]
    assert "left out" in burst.describe()


def test_a_damaged_first_frame_can_be_left_out_too(tmp_path):
    for i in range(3):
        write_dng(tmp_path / f"{i}.dng", random_mosaic(200, 300))
    truncated(tmp_path / "0.dng")
    with pytest.raises(UnreadableFrame, match=r"0\.dng"):
        read_burst(tmp_path)
    assert len(read_burst(tmp_path, skip_bad=True)) == 2


def test_what_is_not_raw_is_named(tmp_path):
    (tmp_path / "a.nef").write_bytes(b"no raw file at all" * 100)
    with pytest.raises(UnreadableFrame, match=r"a\.nef: LibRaw does not know this raw format"):
        read_burst(tmp_path / "a.nef")


def test_a_jpeg_beside_each_raw_file_is_left_aside(tmp_path):
    for i in range(2):
        write_dng(tmp_path / f"IMG_{i}.DNG", random_mosaic())
        write_jpeg(tmp_path / f"img_{i}.jpg", picture(i), exif_block())
    assert [source.path.suffix for source in read_burst(tmp_path).sources] == [".DNG", ".DNG"]
    write_jpeg(tmp_path / "img_2.jpg", picture())
    with pytest.raises(UnreadableFrame, match="most frames are"):
        read_burst(tmp_path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="FOCUSSTACK_DATA names no folder with real raw files")
@pytest.mark.parametrize("name", ["canon550d_magiclantern_colorchart_MIT.dng", "kodak_dc50_MIT.kdc"])
def test_real_cameras(tmp_path, name):
    shutil.copy(SHARED / name, tmp_path)
    burst = read_burst(tmp_path)
    frame, mosaic = burst[0], burst.mosaic(0)
    assert frame.shape == burst.shape[1:]
    assert frame.std() > 1000
    assert mosaic.shape[0] == (burst.shape[1] - burst.cfa_offset[0]) // 2
    assert 0 < mosaic.mean() < 1
    assert burst.camera


def test_without_a_camera_white_balance_daylight_is_taken(tmp_path):
    write_dng(tmp_path / "a.dng", mosaic_of(grey(0.5)), extra=[(50728, 5, 3, (0, 1) * 3, True)])
    burst = read_burst(tmp_path / "a.dng", linear=True)
    assert np.isfinite(burst[0]).all()
    assert burst[0].max() > 1000


def test_a_frame_that_changed_after_opening_is_named(tmp_path):
    for i in range(2):
        write_dng(tmp_path / f"{i}.dng", random_mosaic())
    burst = read_burst(tmp_path)
    write_dng(tmp_path / "1.dng", random_mosaic(40, 60))
    with pytest.raises(
        UnreadableFrame, match=r"1\.dng: it develops to \(40, 60, 3\), the first frame to \(32, 48, 3\)"
    ):
        burst[1]


def test_exif_of_a_raw_file_that_is_no_tiff_comes_from_its_preview(tmp_path):
    write_jpeg(tmp_path / "preview.jpg", picture(), exif_block(distance=0.25))
    preview = SimpleNamespace(data=(tmp_path / "preview.jpg").read_bytes())
    assert raw.preview_exif(SimpleNamespace(extract_thumb=lambda: preview)) == exif_block(distance=0.25)
    write_jpeg(tmp_path / "preview.jpg", picture())
    preview.data = (tmp_path / "preview.jpg").read_bytes()
    assert raw.preview_exif(SimpleNamespace(extract_thumb=lambda: preview)) == b""

    def none():
        raise rawpy.LibRawNoThumbnailError

    assert raw.preview_exif(SimpleNamespace(extract_thumb=none)) == b""


def test_mosaics_of_other_colours_are_refused():
    sizes = SimpleNamespace(top_margin=0, left_margin=0)
    sensor = SimpleNamespace(raw_pattern=np.array([[0, 1], [2, 3]], np.uint8), sizes=sizes, color_desc=b"GMCY")
    with pytest.raises(ValueError, match=r"a\.raw holds a mosaic of GMCY; raw methods need an RGB Bayer sensor"):
        raw.red_site(sensor, Path("a.raw"))
    sensor = SimpleNamespace(raw_pattern=None, sizes=sizes, color_desc=b"RGBG")
    with pytest.raises(ValueError, match="no mosaic of 2 × 2 colours"):
        raw.red_site(sensor, Path("a.raw"))
