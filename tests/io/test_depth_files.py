"""Depth maps written and read back."""

import threading
import time

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_focusstack import Cancelled, listening
from napari_focusstack.io import read_burst
from napari_focusstack.io.depth import check_depth_writable, write_depth, write_sigma
from napari_focusstack.io.header import Metadata

DEPTH = np.linspace(-3, 40, 12 * 16, dtype=np.float32).reshape(12, 16)
DEPTH[2:4, 3:9] = np.nan
LIKE = Metadata(pixel_size=(0.5, 0.25), unit="um", positions=(0.0, 1.0), position_unit="um", channel_names=("DAPI",))


@pytest.mark.parametrize("name", ["d.tif", "d.ome.tif"])
def test_tiff_keeps_values_unit_and_pixel_size(tmp_path, name):
    write_depth(tmp_path / name, DEPTH, unit="um", like=LIKE)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / name), DEPTH)
    burst = read_burst(tmp_path / name)
    assert burst.pixel_size == (0.5, 0.25)
    assert burst.channel_names == ("depth (µm)",)


def test_sigma_is_a_second_channel(tmp_path):
    write_depth(tmp_path / "d.tif", DEPTH, unit="frame", sigma=DEPTH / 10)
    planes = tifffile.imread(tmp_path / "d.tif")
    np.testing.assert_array_equal(planes, np.stack([DEPTH, DEPTH / 10]))
    assert read_burst(tmp_path / "d.tif").channel_names == ("depth (frames)", "sigma (frames)")


def test_what_a_burst_says_is_handed_on(tmp_path):
    stack = np.zeros((3, 12, 16), np.uint16)
    scale = {"axes": "ZYX", "PhysicalSizeX": 0.3, "PhysicalSizeY": 0.6, "PhysicalSizeZ": 2.0}
    tifffile.imwrite(tmp_path / "burst.ome.tif", stack, metadata=scale)
    burst = read_burst(tmp_path / "burst.ome.tif")
    write_depth(tmp_path / "d.ome.tif", DEPTH.astype(np.float64), unit="um", sigma=DEPTH, like=burst)
    found = read_burst(tmp_path / "d.ome.tif")
    assert (found.pixel_size, found.positions, found.step) == ((0.6, 0.3), None, None)
    assert tifffile.imread(tmp_path / "d.ome.tif").dtype == np.float32
    with tifffile.TiffFile(tmp_path / "d.ome.tif") as file:
        assert file.series[0].axes == "CYX"
        assert "depth (µm)" in file.ome_metadata
        assert "PhysicalSizeZ" not in file.ome_metadata


def test_series_keep_their_axes(tmp_path):
    movie = np.stack([DEPTH, DEPTH + 1])
    write_depth(tmp_path / "d.ome.tif", movie, unit="um", axes="TYX")
    with tifffile.TiffFile(tmp_path / "d.ome.tif") as file:
        assert file.series[0].axes == "TYX"
        np.testing.assert_array_equal(file.asarray(), movie)


def test_png_says_how_to_read_it(tmp_path):
    write_depth(tmp_path / "d.png", DEPTH, unit="um")
    with Image.open(tmp_path / "d.png") as picture:
        values, texts = np.asarray(picture).astype(np.float64), picture.text
    low, high = float(texts["depth_low"]), float(texts["depth_high"])
    assert texts["depth_unit"] == "µm"
    assert "low + (value - 1) * (high - low) / 65534" in texts["Description"]
    known = np.isfinite(DEPTH)
    assert (values[~known] == 0).all()
    assert (values[known].min(), values[known].max()) == (1, 65535)
    read = low + (values - 1) * (high - low) / 65534
    np.testing.assert_allclose(read[known], DEPTH[known], atol=0.6 * (high - low) / 65534)


@pytest.mark.parametrize("value", [np.nan, 7.0])
def test_png_of_one_depth_or_none(tmp_path, value):
    write_depth(tmp_path / "d.png", np.full((4, 5), value, np.float32), unit="mm")
    with Image.open(tmp_path / "d.png") as picture:
        assert (np.asarray(picture) == (0 if np.isnan(value) else 1)).all()
        assert float(picture.text["depth_low"]) == (0.0 if np.isnan(value) else 7.0)


@pytest.mark.parametrize(
    ("name", "shape", "keywords", "words"),
    [
        ("d.jpg", (4, 5), {}, r"d\.jpg: extension '\.jpg' does not take a depth map; \.tif, \.tiff, \.png do"),
        ("d.png", (2, 4, 5), {"axes": "TYX"}, r"d\.png: axes TYX do not fit into \.png; write \.ome\.tif"),
        ("d.png", (4, 5), {"sigma": True}, r"d\.png: depth and sigma do not both fit into \.png; write \.tif"),
        ("d.tif", (4, 5, 2), {"axes": "YXT"}, "axes 'YXT' do not name the axes of a depth of shape"),
        ("d.tif", (2, 4, 5), {}, "axes 'YX' do not name the axes of a depth of shape"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, name, shape, keywords, words):
    with pytest.raises(ValueError, match=words):
        check_depth_writable(tmp_path / name, shape, **keywords)


def test_sigma_must_fit(tmp_path):
    with pytest.raises(ValueError, match=r"sigma is \(3, 4\), but the depth is \(12, 16\); they must be alike"):
        write_depth(tmp_path / "d.tif", DEPTH, unit="um", sigma=np.zeros((3, 4), np.float32))
    assert not list(tmp_path.iterdir())


def test_cancelled_writing_leaves_nothing(tmp_path, monkeypatch):
    from napari_focusstack.io import depth

    png, ended = depth._png, threading.Event()

    def slow(*all_):
        time.sleep(0.2)
        ended.set()
        return png(*all_)

    def stop(_):
        raise Cancelled

    monkeypatch.setattr(depth, "_png", slow)
    with listening(stop), pytest.raises(Cancelled):
        write_depth(tmp_path / "d.png", DEPTH, unit="um")
    assert ended.wait(10)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(OSError, match="could not be written .*; make its folder first, or write elsewhere: .*d.png"):
        write_depth(tmp_path / "none" / "d.png", DEPTH, unit="um")


@pytest.mark.parametrize("write", [write_depth, write_sigma])
def test_units_that_nobody_knows_are_refused(write, tmp_path):
    with pytest.raises(ValueError, match="unit 'parsec' is not known; nm, um, mm, m, frame are"):
        write(tmp_path / "d.tif", DEPTH, unit="parsec")
    assert list(tmp_path.iterdir()) == []
    write(tmp_path / "d.tif", DEPTH, unit="micrometre")
    with tifffile.TiffFile(tmp_path / "d.tif") as file:
        assert "(µm)" in file.ome_metadata
