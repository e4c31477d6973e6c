"""Writing: every format keeps values and metadata; files appear whole or not at all; refusals name the way out."""

import errno
import os

import dask.array as da
import numpy as np
import pytest
import tifffile
from making import ICC_RGB, decoded, exif_block, picture, write_jpeg
from PIL import Image

from napari_focusstack.io import Metadata, read_burst, tiff_write, write, write_image
from napari_focusstack.progress import Cancelled, listening

PHOTOGRAPH = Metadata(transfer="srgb", exif=exif_block(6, distance=0.25, thumbnail=b"tiny"), icc=ICC_RGB)
MICROSCOPE = Metadata(
    pixel_size=(0.2, 0.1),
    unit="um",
    positions=(0.0, 0.5, 2.0),
    position_unit="um",
    step=0.5,
    channel_names=("DAPI", "GFP"),
)


@pytest.mark.parametrize("extension", [".tif", ".tiff", ".TIF", ".ome.tif", ".png", ".PNG"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossless_formats_keep_every_value(tmp_path, extension, dtype, channels):
    image = picture(3, channels=channels, dtype=dtype) * (1 if dtype == np.uint8 else 257)
    path = write_image(tmp_path / f"a{extension}", image)
    assert path == tmp_path / f"a{extension}"
    burst = read_burst(path)
    assert burst.dtype == dtype
    np.testing.assert_array_equal(burst[0], image)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.uint32, np.int64, np.float16])
@pytest.mark.parametrize("extension", [".tif", ".ome.tif"])
def test_tiff_takes_every_type(tmp_path, dtype, extension):
    image = picture(1, channels=1, dtype=dtype)[..., 0] - dtype(3)
    if np.dtype(dtype).kind == "f":
        image[2, 3] = np.nan
    write_image(tmp_path / f"a{extension}", image)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / f"a{extension}"), image)


def test_jpeg_is_nearly_lossless(tmp_path):
    image = np.linspace(0, 255, 60 * 80 * 3).reshape(60, 80, 3).astype(np.uint8)
    for extension in (".jpg", ".jpeg"):
        write_image(tmp_path / f"a{extension}", image)
        assert np.abs(decoded(tmp_path / f"a{extension}").astype(int) - image).mean() < 1
    write_image(tmp_path / "grey.jpg", image[..., 0])
    assert decoded(tmp_path / "grey.jpg").shape == (60, 80, 1)
    with Image.open(tmp_path / "a.jpg") as file:
        assert [component[1:3] for component in file.layer] == [(1, 1)] * 3  # no subsampled colours


@pytest.mark.parametrize("extension", [".jpg", ".png", ".tif"])
def test_photographs_hand_on_exif_and_icc(tmp_path, extension):
    path = write_image(tmp_path / f"a{extension}", picture(), like=PHOTOGRAPH)
    burst = read_burst(path)
    assert burst.shape == (1, 12, 16, 3)  # upright: not turned a second time
    assert burst.icc == ICC_RGB
    assert burst.camera == "ACME One"
    with Image.open(path) as file:
        exif = file.getexif()
        assert exif.get(0x0112, 1) == 1
        inner = exif.get_ifd(0x8769)
        assert float(inner[0x9206]) == 0.25
        assert (inner[0xA002], inner[0xA003]) == (16, 12)
        assert exif.get_ifd(0x0201) == {}
    assert b"tiny" not in path.read_bytes()


@pytest.mark.parametrize("big", [True, False])
def test_tiff_with_exif_stays_a_valid_tiff(tmp_path, monkeypatch, big):
    if big:
        monkeypatch.setattr(tiff_write, "BIG", 10)
    image = picture(0, 40, 50, dtype=np.uint16)
    write_image(tmp_path / "a.tif", image, like=PHOTOGRAPH)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.is_bigtiff == big
        assert len(tif.pages) == 1
        page = tif.pages[0]
        np.testing.assert_array_equal(page.asarray(), image)
        assert page.tags["ExifTag"].value["SubjectDistance"] == (1, 4)
        assert page.tags["Make"].value == "ACME"
        assert page.tags["Software"].value == "napari-focusstack"
        assert list(page.tags.keys()) == sorted(page.tags.keys())


def test_profiles_of_colour_do_not_go_into_grey_files(tmp_path):
    for extension in (".tif", ".png", ".jpg"):
        path = write_image(tmp_path / f"a{extension}", picture(channels=1), like=PHOTOGRAPH)
        assert read_burst(path).icc == b""


def test_ome_keeps_scale_and_channels(tmp_path):
    image = picture(0, channels=2, dtype=np.uint16)
    path = write_image(tmp_path / "a.tif", image, like=MICROSCOPE)
    burst = read_burst(path)
    assert burst.axes == "CYX"
    assert burst.pixel_size == pytest.approx((0.2, 0.1))
    assert burst.channel_names == ("DAPI", "GFP")
    np.testing.assert_array_equal(burst[0], image)
    with tifffile.TiffFile(path) as tif:
        assert 'Name="a"' in tif.ome_metadata
        assert 'PhysicalSizeXUnit="µm"' in tif.ome_metadata
        assert "PhysicalSizeZ" not in tif.ome_metadata
        assert tif.pages[0].tags["XResolution"].value[0] / tif.pages[0].tags["XResolution"].value[1] == pytest.approx(
            1e5
        )


@pytest.mark.parametrize("axes", ["TCYX", "TZYX", "ZCYX", "CZYX", "TZCYX", "YXC", "ZYXS", "XY"])
def test_axes_are_said_and_kept(tmp_path, axes):
    lengths = {"T": 2, "C": 2, "Z": 3, "Y": 12, "X": 16, "S": 3}
    shape = tuple(lengths[axis] for axis in axes)
    image = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    path = write_image(tmp_path / "a.ome.tif", image, axes=axes, like=MICROSCOPE)
    burst = read_burst(path)
    order = sorted(range(len(axes)), key=lambda i: ("YXS".find(axes[i]), i))
    expected = image.transpose(order)
    with tifffile.TiffFile(path) as tif:
        assert tif.series[0].axes == "".join(axes[i] for i in order)
        np.testing.assert_array_equal(tif.asarray(), expected)
    if "Z" in axes and "T" not in axes:
        assert burst.positions == pytest.approx((0, 0.5, 2))
    if len(axes) > 2 and "Z" in axes:
        assert 'PhysicalSizeZ="0.5"' in burst.ome
        assert burst.ome.count("PositionZ=") == np.prod(shape[: -3 if "S" in axes else -2])


def test_axes_that_ome_does_not_know(tmp_path):
    image = np.arange(2 * 3 * 8 * 9, dtype=np.uint8).reshape(2, 3, 8, 9)
    path = write_image(tmp_path / "a.tif", image, axes="UZYX")
    np.testing.assert_array_equal(tifffile.imread(path), image)
    assert read_burst(path).sizes["Z"] == 3


def test_three_values_are_colours_unless_channels_have_names(tmp_path):
    image = picture()
    assert read_burst(write_image(tmp_path / "a.tif", image)).axes == "ZYXS"
    named = Metadata(channel_names=("a", "b", "c"))
    burst = read_burst(write_image(tmp_path / "b.tif", image, like=named))
    assert burst.axes == "CYX"
    assert burst.channel_names == ("a", "b", "c")


def test_alpha_is_kept_where_it_can_be(tmp_path):
    image = picture(channels=4)
    for extension in (".png", ".tif"):
        write_image(tmp_path / f"a{extension}", image, axes="YXS")
        with Image.open(tmp_path / f"a{extension}") as file:
            assert file.mode == "RGBA"
            np.testing.assert_array_equal(np.asarray(file), image)
    with pytest.raises(
        ValueError, match=r"a\.jpg: alpha does not fit into \.jpg; write \.png or \.tif, or leave it out"
    ):
        write_image(tmp_path / "a.jpg", image, axes="YXS")


def test_bigtiff_only_where_it_is_needed(tmp_path, monkeypatch):
    image = np.zeros((3, 50, 60), np.uint16)
    for limit, big in ((image.nbytes, False), (image.nbytes - 1, True)):
        monkeypatch.setattr(tiff_write, "BIG", limit)
        path = write_image(tmp_path / "a.tif", image, axes="ZYX")
        with tifffile.TiffFile(path) as tif:
            assert tif.is_bigtiff == big
            assert tif.pages[0].compression.name == "ADOBE_DEFLATE"


def test_lazy_images_are_written_plane_by_plane(tmp_path):
    computed = []

    def plane(block_id):
        computed.append(block_id)
        return np.full((1, 1, 8, 9), block_id[0] * 3 + block_id[1], np.uint16)

    chunks = ((1, 1), (1, 1, 1), (8,), (9,))
    image = da.map_blocks(plane, chunks=chunks, dtype=np.uint16, meta=np.empty((0,) * 4, np.uint16))
    steps = []
    with listening(lambda step: steps.append(str(step))):
        path = write_image(tmp_path / "a.tif", image, axes="TZYX")
    assert [block[:2] for block in computed] == [(t, z) for t in range(2) for z in range(3)]
    assert "Writing 6/6" in steps
    np.testing.assert_array_equal(tifffile.imread(path)[..., 0, 0], [[0, 1, 2], [3, 4, 5]])


def test_a_burst_hands_on_what_it_knows(tmp_path):
    for i in range(2):
        write_jpeg(tmp_path / f"{i}.jpg", picture(i), exif_block(6), ICC_RGB)
    burst = read_burst(tmp_path)
    fused = read_burst(write_image(tmp_path / "fused.png", burst[0], like=burst))
    assert fused.camera == burst.camera
    assert fused.icc == ICC_RGB
    np.testing.assert_array_equal(fused[0], burst[0])


@pytest.mark.parametrize("extension", [".tif", ".png", ".jpg"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, extension):
    path = write_image(tmp_path / f"a{extension}", picture())
    before = path.read_bytes()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OSError, match=rf"could not be written \(No space left on device\); no part of it was left.*a\{extension}"
    ):
        write_image(path, picture(5))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_cancelling_leaves_nothing(tmp_path):
    def listener(step):
        if step is not None and step.done == 1:
            raise Cancelled

    with pytest.raises(Cancelled), listening(listener):
        write_image(tmp_path / "a.tif", np.zeros((4, 8, 9), np.uint8), axes="ZYX")
    assert list(tmp_path.iterdir()) == []


def test_the_file_appears_only_when_it_is_complete(tmp_path, monkeypatch):
    seen = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: seen.append(sorted(p.name for p in tmp_path.iterdir())) or fsync(fd))
    write_image(tmp_path / "a.png", picture())
    ((name,),) = seen
    assert name.startswith(".a.png.")
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"could not be written \(No such file or directory\).*nowhere"):
        write_image(tmp_path / "nowhere" / "a.tif", picture())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match="could not be written"):
            write_image(tmp_path / "a.tif", picture())
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("name", "image", "axes", "message"),
    [
        (
            "a.bmp",
            picture(),
            None,
            r"a\.bmp: extension '\.bmp' cannot be written; \.tif, \.tiff, \.png, \.jpg, \.jpeg can",
        ),
        ("a", picture(), None, r"extension '' cannot be written"),
        ("a.png", picture(dtype=np.float32), None, r"float32 values do not fit into \.png; write \.tif, or convert"),
        (
            "a.jpg",
            picture(dtype=np.uint16),
            None,
            r"uint16 values do not fit into \.jpg; write \.tif or \.png, or conv",
        ),
        ("a.jpg", picture(dtype=np.float32), None, r"float32 values do not fit into \.jpg"),
        ("a.png", np.zeros((2, 8, 9), np.uint8), "ZYX", r"axes ZYX do not fit into \.png; write \.ome\.tif"),
        ("a.jpg", np.zeros((2, 8, 9), np.uint8), "CYX", r"axes CYX do not fit into \.jpg; write \.ome\.tif"),
        ("a.jpg", np.zeros((1, 70_000), np.uint8), None, r"a side of 70000 px is too long for \.jpg; write \.tif"),
        ("a.tif", np.zeros((8, 9), np.complex64), None, r"complex64 values cannot be written; integers and floats can"),
        ("a.tif", np.zeros((8, 9), bool), None, r"bool values cannot be written"),
        ("a.tif", np.zeros((2, 2, 8, 9)), None, r"an image of shape \(2, 2, 8, 9\) needs axes"),
        ("a.tif", np.zeros((2, 8, 9)), "TZYX", r"axes 'TZYX' do not name the axes of an image of shape \(2, 8, 9\)"),
        ("a.tif", np.zeros((2, 8, 9)), "ZZY", r"axes 'ZZY' do not name"),
        ("a.tif", np.zeros((8, 9, 5)), "YXS", r"5 samples along S are not red, green, blue"),
    ],
)
def test_refusals_say_what_to_do(tmp_path, name, image, axes, message):
    with pytest.raises(ValueError, match=message):
        write_image(tmp_path / name, image, axes=axes)
    assert list(tmp_path.iterdir()) == []


def test_exif_that_is_too_long_for_a_jpeg_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(write, "LONGEST_EXIF", 50)
    path = write_image(tmp_path / "a.jpg", picture(), like=PHOTOGRAPH)
    assert read_burst(path).exif == b""
