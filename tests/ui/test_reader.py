"""The reader: what it claims, what it leaves to others, and the one lazy layer that it makes."""

import os
import warnings

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from npe2 import PluginManifest
from PIL import Image
from tifffile import imwrite

from napari_focusstack.io import RAW_EXTENSIONS, UnreadableFrame, opening, read_burst
from napari_focusstack.ui.reader import burst_layer, get_reader
from napari_focusstack.ui.source import PLUGIN
from napari_focusstack.ui.writer import write_layer

COLOURS = np.arange(3 * 12 * 16 * 3, dtype=np.uint8).reshape(3, 12, 16, 3)


def photographs(folder, count=3, extension=".png", size=(12, 16)):
    for i in range(count):
        Image.fromarray(COLOURS[i % 3, : size[0], : size[1]]).save(folder / f"{i}{extension}")
    return [str(path) for path in sorted(folder.glob(f"*{extension}"))]


def raw_files(folder, count):
    pattern = [(33421, 3, 2, (2, 2), True), (33422, 1, 4, bytes((0, 1, 1, 2)), True)]
    version = [(50706, 1, 4, bytes((1, 4, 0, 0)), True), (50708, 2, 0, "Test camera", True)]
    levels = [(50714, 3, 1, 512, True), (50717, 3, 1, 16383, True)]
    colours = [(50721, 10, 9, (1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1), True)]
    neutral = [(50728, 5, 3, (1, 2, 1, 1, 1, 2), True)]
    for i in range(count):
        mosaic = np.full((32, 48), 4000 + i, np.uint16)
        tags = [*version, *pattern, *levels, *colours, *neutral]
        imwrite(folder / f"{i}.dng", mosaic, photometric=32803, planarconfig=None, extratags=tags, metadata=None)
    return [str(path) for path in sorted(folder.glob("*.dng"))]


def z_stack(path, axes="ZYX", lengths=(4,), dtype=np.uint16, **options):
    data = (np.arange(np.prod(lengths) * 12 * 16) % 4000).astype(dtype).reshape(*lengths, 12, 16)
    options = {"imagej": True, "resolution": (10, 10), **options}
    imwrite(path, data, metadata={"axes": axes, "spacing": 0.5, "unit": "um"}, **options)
    return data


def read(path):
    reader = get_reader(path)
    assert reader is not None
    (layer,) = reader(path)
    return layer


def test_a_folder_becomes_one_lazy_layer(tmp_path, monkeypatch):
    photographs(tmp_path)
    monkeypatch.setattr(opening, "decode_image", None)  # nothing may be decoded
    data, keywords, kind = read(str(tmp_path))
    assert kind == "image"
    assert data.chunks == ((1, 1, 1), (12,), (16,), (3,))
    assert keywords["name"] == tmp_path.name
    assert keywords["rgb"]
    assert keywords["axis_labels"] == ["z", "y", "x"]
    assert keywords["scale"] == [1, 1, 1]
    assert keywords["units"] == ["pixel"] * 3
    assert keywords["contrast_limits"] == (0, 255)


@pytest.mark.parametrize("kind", ["folder", "list"])
def test_viewers_open_bursts(tmp_path, plugin, kind):
    files = photographs(tmp_path)
    viewer = ViewerModel()
    source = str(tmp_path) if kind == "folder" else files
    (layer,) = viewer.open(source, plugin=PLUGIN, stack=kind == "list")
    assert layer.rgb
    assert layer.data.shape == (3, 12, 16, 3)
    assert layer.axis_labels == ("z", "y", "x")
    np.testing.assert_array_equal(np.asarray(layer.data[1]), COLOURS[1])


def test_dialogs_hand_files_over_in_any_order(tmp_path):
    files = photographs(tmp_path, 3)
    _, keywords, _ = read([files[2], files[0], files[1]])
    assert keywords["metadata"][PLUGIN]["sources"] == files


def test_what_the_writer_saves_of_a_burst_is_no_frame_of_it(tmp_path):
    photographs(tmp_path, 3)
    data, keywords, _ = read(str(tmp_path))
    for name in ("fused.tif", "fused.png"):
        write_layer(
            str(tmp_path / name), data[0], {**keywords, "axis_labels": ("y", "x"), "scale": (1, 1), "units": ()}
        )
    again, _, _ = read(str(tmp_path))
    assert again.shape == data.shape


def test_raw_files_are_claimed_even_alone(tmp_path):
    files = raw_files(tmp_path, 3)
    for source, count in ((files[0], 1), (files, 3), (str(tmp_path), 3)):
        data, keywords, _ = read(source)
        assert data.shape == (count, 32, 48, 3)
        assert data.dtype == np.uint16
        assert keywords["contrast_limits"] == (0, 65535)
        assert keywords["metadata"][PLUGIN]["transfer"] == "srgb"


@pytest.mark.parametrize("extension", [".png", ".jpg", ".tif"])
def test_a_single_picture_is_left_to_others(tmp_path, extension):
    (file,) = photographs(tmp_path, 1, extension)
    assert get_reader(file) is None
    assert get_reader([file]) is None
    assert get_reader(str(tmp_path)) is None


def test_folders_that_are_no_burst_are_left_to_others(tmp_path):
    assert get_reader(str(tmp_path)) is None  # empty
    (tmp_path / "sub").mkdir()
    (tmp_path / "notes.txt").write_text("hello")
    assert get_reader(str(tmp_path)) is None  # no pictures
    photographs(tmp_path, 3)
    Image.fromarray(COLOURS[0, :5]).save(tmp_path / "8.png")
    Image.fromarray(COLOURS[0, :7]).save(tmp_path / "9.png")
    assert get_reader(str(tmp_path)) is None  # pictures of many sizes
    assert get_reader(str(tmp_path / "nowhere")) is None


@pytest.mark.parametrize("options", [{"imagej": False}, {"imagej": False, "ome": True}])
def test_tiff_without_scale_or_focus_axis_is_left_to_others(tmp_path, options):
    path = tmp_path / "a.tif"
    if "ome" in options:
        imwrite(path, np.zeros((4, 12, 16), np.uint8), ome=True, metadata={"axes": "TYX"}, photometric="minisblack")
    else:
        imwrite(path, np.zeros((4, 12, 16), np.uint8), photometric="minisblack", metadata=None)
    assert get_reader(str(path)) is None


def test_a_z_stack_keeps_its_scale(tmp_path, plugin):
    data = z_stack(tmp_path / "cells.tif")
    viewer = ViewerModel()
    (layer,) = viewer.open(str(tmp_path / "cells.tif"), plugin=PLUGIN)
    assert layer.name == "cells"
    assert not layer.rgb
    np.testing.assert_allclose(layer.scale, (0.5, 0.1, 0.1), rtol=1e-5)
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
    assert layer.axis_labels == ("z", "y", "x")
    assert tuple(layer.contrast_limits) == (data[2].min(), data[2].max())  # one frame was read, not its type's range
    np.testing.assert_array_equal(np.asarray(layer.data), data)


def test_only_one_frame_is_read_for_the_contrast(tmp_path, monkeypatch):
    z_stack(tmp_path / "a.tif", imagej=False, ome=True, compression="zlib", photometric="minisblack")
    seen = []
    asarray = tifffile.TiffPage.asarray
    for kind in (tifffile.TiffPage, tifffile.TiffFrame):
        monkeypatch.setattr(kind, "asarray", lambda page, *a, **k: seen.append(page.index) or asarray(page, *a, **k))
    burst_layer(read_burst(tmp_path / "a.tif"))
    assert seen == [2]


def test_values_without_contrast_still_have_limits(tmp_path):
    imwrite(
        tmp_path / "a.tif", np.full((3, 8, 9), 7, np.float32), ome=True, metadata={"axes": "ZYX", "PhysicalSizeZ": 1}
    )
    assert burst_layer(read_burst(tmp_path / "a.tif"))[1]["contrast_limits"] == (7, 8)


def test_channels_become_layers(tmp_path, plugin):
    data = np.arange(4 * 2 * 12 * 16, dtype=np.uint16).reshape(4, 2, 12, 16)
    metadata = {"axes": "ZCYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "PhysicalSizeZ": 0.5}
    metadata["Channel"] = {"Name": ["DAPI", "GFP"]}
    imwrite(tmp_path / "a.ome.tif", data, metadata=metadata, photometric="minisblack")
    layers = ViewerModel().open(str(tmp_path / "a.ome.tif"), plugin=PLUGIN)
    assert [layer.name for layer in layers] == ["a [DAPI]", "a [GFP]"]
    for c, layer in enumerate(layers):
        np.testing.assert_array_equal(np.asarray(layer.data), data[:, c])
        np.testing.assert_allclose(layer.scale, (0.5, 0.1, 0.1))
        assert layer.axis_labels == ("z", "y", "x")
        assert tuple(layer.contrast_limits) == (data[2, c].min(), data[2, c].max())
        assert layer.metadata[PLUGIN]["channel_names"] == ("DAPI", "GFP")


def test_a_time_series_keeps_its_axes(tmp_path, plugin):
    data = z_stack(tmp_path / "a.tif", "TZYX", (2, 4))
    (layer,) = ViewerModel().open(str(tmp_path / "a.tif"), plugin=PLUGIN)
    assert layer.axis_labels == ("t", "z", "y", "x")
    np.testing.assert_allclose(layer.scale, (1, 0.5, 0.1, 0.1), rtol=1e-5)
    assert [str(unit) for unit in layer.units] == ["pixel", "micrometer", "micrometer", "micrometer"]
    np.testing.assert_array_equal(np.asarray(layer.data), data)


def test_metadata_are_handed_on(tmp_path):
    block = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
    for i in range(2):
        Image.fromarray(COLOURS[i]).save(tmp_path / f"{i}.jpg", exif=b"Exif\0\0" + block)
    notes = read(str(tmp_path))[1]["metadata"][PLUGIN]
    assert notes["exif"] == block
    assert notes["transfer"] == "srgb"
    assert notes["sources"] == [str(tmp_path / "0.jpg"), str(tmp_path / "1.jpg")]
    assert notes["skipped"] == []


def test_a_few_bad_frames_are_left_out_with_a_warning(tmp_path):
    files = photographs(tmp_path, 6)
    os.truncate(files[2], 60)
    with pytest.warns(UserWarning, match=r"Left out: .*2\.png: the file ends before its picture does"):
        data, keywords, _ = read(str(tmp_path))
    assert len(data) == 5
    assert len(keywords["metadata"][PLUGIN]["skipped"]) == 1
    for name in files[3:5]:
        os.truncate(name, 60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert get_reader(str(tmp_path)) is None  # too many


def test_a_damaged_raw_file_says_so(tmp_path):
    (tmp_path / "a.nef").write_bytes(b"no raw file" * 100)
    reader = get_reader(str(tmp_path / "a.nef"))
    assert reader is not None
    with pytest.raises(UnreadableFrame, match=r"a\.nef: LibRaw does not know this raw format"):
        reader(str(tmp_path / "a.nef"))


def test_the_manifest_claims_what_can_be_read():
    manifest = PluginManifest.from_distribution("napari-focusstack")
    (reader,) = manifest.contributions.readers
    assert reader.accepts_directories
    patterns = {pattern.removeprefix("*") for pattern in reader.filename_patterns}
    assert patterns == RAW_EXTENSIONS | {".jpg", ".jpeg", ".png", ".tif", ".tiff"}
