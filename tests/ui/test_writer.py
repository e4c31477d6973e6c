"""The writer: layers to files with their scale, channels, EXIF and ICC profile."""

import errno

import numpy as np
import pytest
import tifffile
from napari.layers import Image
from PIL import Image as Picture

from napari_focusstack.io import Metadata, read_burst
from napari_focusstack.ui.source import PLUGIN
from napari_focusstack.ui.writer import write_layer

RNG = np.random.default_rng(0)


def save(layer, path):
    data, meta, _ = layer.as_layer_data_tuple()
    return write_layer(str(path), data, meta)


def test_a_z_stack_keeps_its_scale(tmp_path):
    data = RNG.integers(0, 60000, (3, 12, 16)).astype(np.uint16)
    layer = Image(data, scale=(500, 100, 200), units=("nm", "nm", "nm"), axis_labels=("z", "y", "x"))
    assert save(layer, tmp_path / "a.ome.tif") == [str(tmp_path / "a.ome.tif")]
    burst = read_burst(tmp_path / "a.ome.tif")
    assert burst.pixel_size == pytest.approx((0.1, 0.2))
    assert burst.step == pytest.approx(0.5)
    np.testing.assert_array_equal(burst.data.compute(), data)


def test_pixels_are_not_micrometres(tmp_path):
    layer = Image(np.zeros((8, 9), np.float32), scale=(2, 2))
    save(layer, tmp_path / "a.tif")
    assert read_burst(tmp_path / "a.tif").pixel_size is None


@pytest.mark.parametrize(
    ("labels", "axes"),
    [
        (("t", "c", "y", "x"), "TCYX"),
        (("-4", "-3", "-2", "-1"), "TZYX"),
        (("c", "-3", "-2", "-1"), "CZYX"),
        (("time", "z", "y", "x"), "TZYX"),
        (("z", "z", "y", "x"), "TZYX"),
        (("z", "t", "row", "column"), "ZTYX"),
    ],
)
def test_axes_go_by_their_labels(tmp_path, labels, axes):
    data = RNG.integers(0, 255, (2, 3, 8, 9)).astype(np.uint8)
    save(Image(data, axis_labels=labels), tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.series[0].axes == axes
        np.testing.assert_array_equal(tif.asarray(), data)


@pytest.mark.parametrize("extension", [".tif", ".png", ".jpg"])
def test_photographs_hand_on_what_their_files_said(tmp_path, extension):
    block = Picture.Exif()
    block[0x0110] = "ACME One"
    icc = bytes(16) + b"RGB " + bytes(108)
    said = Metadata(transfer="srgb", exif=block.tobytes().removeprefix(b"Exif\0\0"), icc=icc, camera="ACME One")
    notes = {**vars(said), "role": "fused", "sources": ["a.jpg"]}
    layer = Image(RNG.integers(0, 255, (12, 16, 3)).astype(np.uint8), rgb=True, metadata={PLUGIN: notes})
    save(layer, tmp_path / f"a{extension}")
    burst = read_burst(tmp_path / f"a{extension}")
    assert burst.camera == "ACME One"
    assert burst.icc == icc
    assert burst.shape == (1, 12, 16, 3)


def test_alpha_masks_and_pyramids(tmp_path):
    rgba = RNG.integers(0, 255, (12, 16, 4)).astype(np.uint8)
    save(Image(rgba, rgb=True), tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(Picture.open(tmp_path / "a.png")), rgba)
    mask = rgba[..., 0] > 100
    save(Image(mask), tmp_path / "b.png")
    np.testing.assert_array_equal(np.asarray(Picture.open(tmp_path / "b.png")), mask * 255)
    big = rgba[..., 0]
    save(Image([big, big[::2, ::2]], multiscale=True), tmp_path / "c.png")
    np.testing.assert_array_equal(np.asarray(Picture.open(tmp_path / "c.png")), big)


def test_napari_saves_through_it_and_shows_its_refusals(tmp_path, plugin):
    layer = Image(RNG.random((8, 9)).astype(np.float32), scale=(0.5, 0.5), units=("um", "um"))
    assert layer.save(str(tmp_path / "a.ome.tif"), plugin=PLUGIN) == [str(tmp_path / "a.ome.tif")]
    assert read_burst(tmp_path / "a.ome.tif").pixel_size == (0.5, 0.5)
    with pytest.raises(RuntimeError, match=r"float32 values do not fit into \.png; write \.tif"):
        layer.save(str(tmp_path / "a.png"), plugin=PLUGIN)


def test_what_cannot_be_written_is_told_without_the_systems_words(tmp_path, plugin, monkeypatch):
    def refuse(path, *_, **__):
        raise OSError(errno.EROFS, "Read-only file system", f"{path}.part")

    monkeypatch.setattr("napari_focusstack.ui.writer.write_image", refuse)
    with pytest.raises(OSError) as told:
        Image(np.zeros((8, 9), np.uint8)).save(str(tmp_path / "a.png"), plugin=PLUGIN)
    assert str(told.value) == f"{tmp_path / 'a.png.part'}: Read-only file system"


def test_layers_read_and_written_are_the_same(tmp_path, plugin):
    from napari.components import ViewerModel

    data = RNG.integers(0, 4000, (4, 12, 16)).astype(np.uint16)
    options = {"imagej": True, "resolution": (10, 10), "metadata": {"axes": "ZYX", "spacing": 0.5, "unit": "um"}}
    tifffile.imwrite(tmp_path / "a.tif", data, **options)
    (layer,) = ViewerModel().open(str(tmp_path / "a.tif"), plugin=PLUGIN)
    layer.save(str(tmp_path / "b.ome.tif"), plugin=PLUGIN)
    first, second = read_burst(tmp_path / "a.tif"), read_burst(tmp_path / "b.ome.tif")
    assert second.pixel_size == pytest.approx(first.pixel_size)
    assert second.positions == pytest.approx(first.positions)
    np.testing.assert_array_equal(second.data.compute(), data)
