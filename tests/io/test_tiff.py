"""TIFF: every type and layout, stacks of ImageJ and OME read plane by plane, their scale, damage."""

import numpy as np
import pytest
import tifffile
from making import ICC_RGB, picture, truncated
from tifffile import imwrite

from napari_focusstack.io import UnreadableFrame, read_burst


def stack(*lead, height=12, width=16, dtype=np.uint16):
    """(..., Y, X), every plane of other values."""
    count = int(np.prod(lead))
    planes = [picture(k, height, width, 1, dtype)[..., 0] for k in range(count)]
    return np.stack(planes).reshape(*lead, height, width)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.int16, np.uint32, np.float64, np.float16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_files_of_every_type_keep_their_values(tmp_path, dtype, channels, compression):
    frames = [picture(i, channels=channels, dtype=dtype) for i in range(2)]
    for i, frame in enumerate(frames):
        kind = "rgb" if channels == 3 else "minisblack"
        imwrite(
            tmp_path / f"{i}.tif", frame if channels == 3 else frame[..., 0], photometric=kind, compression=compression
        )
    burst = read_burst(tmp_path)
    assert burst.shape == (2, 12, 16, channels)
    assert burst.dtype == dtype
    assert burst.transfer == ("srgb" if channels == 3 and np.dtype(dtype).kind == "u" else "linear")
    np.testing.assert_array_equal(burst[1], frames[1])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zlib"}, {"bigtiff": True}, {"byteorder": ">"}, {"imagej": True}, {"ome": True}],
    ids=["plain", "zlib", "big", "big-endian", "imagej", "ome"],
)
def test_a_multi_page_file_is_a_burst(tmp_path, dtype, options):
    data = stack(5, dtype=dtype)
    imwrite(tmp_path / "stack.tif", data, photometric="minisblack", metadata={"axes": "ZYX"}, **options)
    burst = read_burst(tmp_path / "stack.tif")
    assert burst.axes == "ZYX"
    assert burst.shape == (5, 12, 16, 1)
    assert burst.dtype == dtype
    assert burst.dtype.isnative
    assert burst.name == "stack"
    assert burst.transfer == "linear"
    assert [source.page for source in burst.sources] == list(range(5))
    np.testing.assert_array_equal(burst[3][..., 0], data[3])
    np.testing.assert_array_equal(burst.data.compute(), data)


def test_pages_without_a_name_are_the_focus_axis(tmp_path):
    imwrite(tmp_path / "a.tif", stack(4), photometric="minisblack", metadata=None)
    assert read_burst(tmp_path / "a.tif").axes == "ZYX"
    imwrite(tmp_path / "b.tif", stack(2, 3), photometric="minisblack")
    burst = read_burst(tmp_path / "b.tif")
    assert burst.axes == "QZYX"
    assert burst.is_series


def test_a_time_series_alone_is_a_burst(tmp_path):
    data = stack(4)
    imwrite(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "TYX"})
    burst = read_burst(tmp_path / "a.tif")
    assert burst.axes == "TYX"
    assert len(burst) == 4
    np.testing.assert_array_equal(burst[2][..., 0], data[2])


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_rgb_stacks(tmp_path, compression):
    frames = np.stack([picture(i) for i in range(3)])
    imwrite(tmp_path / "a.tif", frames, photometric="rgb", compression=compression)
    imwrite(
        tmp_path / "b.tif",
        np.moveaxis(frames, 3, 1),
        photometric="rgb",
        planarconfig="separate",
        compression=compression,
    )
    for name in "ab":
        burst = read_burst(tmp_path / f"{name}.tif")
        assert burst.axes == "ZYXS"
        assert burst.shape == (3, 12, 16, 3)
        assert burst.transfer == "srgb"
        np.testing.assert_array_equal(burst[2], frames[2])
        np.testing.assert_array_equal(burst.data.compute(), frames)


@pytest.mark.parametrize("axes", ["ZCYX", "CZYX"])
def test_channels_are_the_last_axis_of_a_frame(tmp_path, axes):
    lengths = (5, 2) if axes == "ZCYX" else (2, 5)
    data = stack(*lengths)
    names = ["DAPI", "GFP"]
    imwrite(tmp_path / "a.ome.tif", data, metadata={"axes": axes, "Channel": {"Name": names}}, photometric="minisblack")
    burst = read_burst(tmp_path / "a.ome.tif")
    assert burst.name == "a"
    assert burst.axes == axes
    assert not burst.is_series
    assert burst.shape == (5, 12, 16, 2)
    assert burst.channel_names == ("DAPI", "GFP")
    by_frame = data if axes == "ZCYX" else data.swapaxes(0, 1)
    np.testing.assert_array_equal(burst[4], np.moveaxis(by_frame[4], 0, -1))


@pytest.mark.parametrize("imagej", [True, False])
def test_more_axes_are_a_series_of_bursts(tmp_path, imagej):
    axes = "TZCYX" if imagej else "TCZYX"
    data = stack(2, 4, 3) if imagej else stack(2, 3, 4)
    imwrite(tmp_path / "a.tif", data, imagej=imagej, ome=not imagej, metadata={"axes": axes}, photometric="minisblack")
    burst = read_burst(tmp_path / "a.tif")
    assert burst.is_series
    assert burst.axes == axes
    assert burst.sizes == {"T": 2, "C": 3, "Z": 4, "Y": 12, "X": 16}
    assert len(burst) == 4
    assert burst.data.numblocks[:3] == data.shape[:3]
    np.testing.assert_array_equal(burst.data.compute(), data)
    np.testing.assert_array_equal(burst.data[1, 2, 2, 3:5].compute(), data[1, 2, 2, 3:5])
    for ask in (lambda: burst.shape, lambda: burst[0]):
        with pytest.raises(
            ValueError, match=r"a holds several bursts \(axes T 2, .*run_series\(burst.data, burst.axes\)"
        ):
            ask()


def test_only_the_plane_that_is_asked_for_is_read(tmp_path, monkeypatch):
    imwrite(tmp_path / "a.tif", stack(6), photometric="minisblack", compression="zlib", metadata={"axes": "ZYX"})
    read = []
    page = tifffile.TiffPage.asarray
    monkeypatch.setattr(
        tifffile.TiffPage, "asarray", lambda self, *a, **k: read.append(self.index) or page(self, *a, **k)
    )
    monkeypatch.setattr(tifffile.TiffFrame, "asarray", tifffile.TiffPage.asarray)
    burst = read_burst(tmp_path / "a.tif")
    _ = burst.data, burst.shape, burst.describe()
    assert read == []
    burst[4]
    assert read == [4]
    burst.data[2, :5].compute()
    assert read == [4, 2]


def test_scale_of_imagej(tmp_path):
    options = {"resolution": (1 / 0.1, 1 / 0.2), "metadata": {"axes": "ZYX", "spacing": 0.5, "unit": "um"}}
    imwrite(tmp_path / "a.tif", stack(3), imagej=True, **options)
    burst = read_burst(tmp_path / "a.tif")
    assert burst.pixel_size == pytest.approx((0.2, 0.1), rel=1e-5)
    assert burst.unit == burst.position_unit == "um"
    assert burst.positions == pytest.approx((0, 0.5, 1.0))
    assert burst.step == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("unit", "factor"), [("micron", 1), ("\\u00B5m", 1), ("nm", 1e-3), ("mm", 1e3), ("cm", 1e4), ("inch", 25400)]
)
def test_units_of_imagej(tmp_path, unit, factor):
    metadata = {"axes": "ZYX", "spacing": 2.0, "unit": unit}
    imwrite(tmp_path / "a.tif", stack(3), imagej=True, resolution=(4, 4), metadata=metadata)
    burst = read_burst(tmp_path / "a.tif")
    assert burst.pixel_size == pytest.approx((factor / 4, factor / 4))
    assert burst.step == pytest.approx(2 * factor)


@pytest.mark.parametrize("unit", ["pixel", ""])
def test_imagej_without_a_length_has_no_scale(tmp_path, unit):
    imwrite(tmp_path / "a.tif", stack(3), imagej=True, resolution=(4, 4), metadata={"axes": "ZYX", "unit": unit})
    burst = read_burst(tmp_path / "a.tif")
    assert (burst.pixel_size, burst.unit, burst.step, burst.positions) == (None, None, None, None)


def test_scale_of_ome(tmp_path):
    metadata = {"axes": "ZYX", "PhysicalSizeX": 100.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.2}
    metadata |= {"PhysicalSizeZ": 0.001, "PhysicalSizeZUnit": "mm"}
    imwrite(tmp_path / "a.tif", stack(3), ome=True, metadata=metadata)
    burst = read_burst(tmp_path / "a.tif")
    assert burst.pixel_size == pytest.approx((0.2, 0.1))
    assert burst.positions == pytest.approx((0, 1, 2))
    assert burst.step == pytest.approx(1.0)
    assert "PhysicalSizeX" in burst.ome


@pytest.mark.parametrize(
    ("places", "step"), [([10.0, 8.0, 6.0], 2.0), ([10.0, 11.0, 14.0], 5.0), ([0.0, 0.0, 0.0], 5.0)]
)
def test_stage_positions_of_ome(tmp_path, places, step):
    """Each plane's own position counts; where planes have none of their own, or uneven ones, the size of a voxel."""
    metadata = {"axes": "ZYX", "PhysicalSizeZ": 5.0, "Plane": {"PositionZ": places, "PositionZUnit": ["µm"] * 3}}
    imwrite(tmp_path / "a.tif", stack(3), ome=True, metadata=metadata)
    burst = read_burst(tmp_path / "a.tif")
    assert burst.positions == pytest.approx(tuple(places) if len(set(places)) == 3 else (0, 5, 10))
    assert burst.step == pytest.approx(step)


def test_damaged_ome_xml_is_only_a_lack_of_scale(tmp_path):
    from napari_focusstack.io.tiff_metadata import scale_of

    class Tif:
        is_ome, ome_metadata = True, "<OME><Image>"

    assert scale_of(Tif(), None, 0, 3) == {"ome": "<OME><Image>"}
    Tif.ome_metadata = "<OME></OME>"
    assert scale_of(Tif(), None, 0, 3) == {"ome": "<OME></OME>"}


@pytest.mark.parametrize(
    ("resolution", "unit", "size"),
    [((100_000, 50_000), "CENTIMETER", (0.2, 0.1)), ((72, 72), "INCH", None), ((300, 300), "INCH", None)],
)
def test_resolution_counts_only_where_it_can_be_the_objects(tmp_path, resolution, unit, size):
    imwrite(tmp_path / "a.tif", stack(1)[0], resolution=resolution, resolutionunit=unit, metadata=None)
    burst = read_burst(tmp_path / "a.tif")
    assert burst.pixel_size == (pytest.approx(size) if size else None)
    assert burst.unit == ("um" if size else None)


def test_files_with_a_step_get_positions(tmp_path):
    for i in range(3):
        metadata = {"axes": "YX", "spacing": 0.5, "unit": "um"}
        imwrite(tmp_path / f"{i}.tif", stack(1)[0], imagej=True, resolution=(10, 10), metadata=metadata)
    burst = read_burst(tmp_path)
    assert burst.positions == pytest.approx((0, 0.5, 1.0))
    assert burst.pixel_size == pytest.approx((0.1, 0.1))


def test_a_palette_is_colour_in_a_photograph_and_a_way_to_look_in_a_microscopes_file(tmp_path):
    indices = picture(0, channels=1)[..., 0] % 4
    colours = np.random.default_rng(0).integers(0, 256, (3, 256)).astype(np.uint16) * 257
    imwrite(tmp_path / "photo.tif", indices, photometric="palette", colormap=colours, metadata=None)
    burst = read_burst(tmp_path / "photo.tif")
    assert burst.dtype == np.uint8
    np.testing.assert_array_equal(burst[0], (colours >> 8).T[indices])
    imwrite(tmp_path / "micro.tif", np.stack([indices] * 2), imagej=True, colormap=colours, metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(read_burst(tmp_path / "micro.tif")[1][..., 0], indices)


def test_white_is_zero_bits_and_alpha(tmp_path):
    values = picture(0, channels=1)[..., 0]
    imwrite(tmp_path / "white.tif", values, photometric="miniswhite", metadata=None)
    np.testing.assert_array_equal(read_burst(tmp_path / "white.tif")[0][..., 0], 255 - values)
    imwrite(tmp_path / "bits.tif", values > 100, photometric="minisblack", metadata=None)
    np.testing.assert_array_equal(read_burst(tmp_path / "bits.tif")[0][..., 0], (values > 100) * 255)
    rgba = picture(0, channels=4)
    imwrite(tmp_path / "alpha.tif", rgba, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(read_burst(tmp_path / "alpha.tif")[0], rgba[..., :3])


def test_orientation_icc_and_exif_of_a_photograph(tmp_path):
    tags = [(274, 3, 1, 6, True), (271, "s", 0, "ACME", True), (272, "s", 0, "One", True)]
    stored = picture()
    imwrite(tmp_path / "a.tif", stored, photometric="rgb", iccprofile=ICC_RGB, extratags=tags, metadata=None)
    burst = read_burst(tmp_path / "a.tif")
    np.testing.assert_array_equal(burst[0], np.rot90(stored, -1))
    assert burst.icc == ICC_RGB
    assert burst.camera == "ACME One"


def test_what_is_not_light_is_refused(tmp_path):
    imwrite(tmp_path / "cmyk.tif", picture(0, channels=4), photometric="separated", metadata=None)
    with pytest.raises(UnreadableFrame, match=r"cmyk\.tif: it is a CMYK picture of axes YXS; grey or RGB is needed"):
        read_burst(tmp_path / "cmyk.tif")
    imwrite(tmp_path / "waves.tif", np.zeros((4, 5), np.complex64))
    with pytest.raises(UnreadableFrame, match=r"its values are of type complex64; integers or floats are needed"):
        read_burst(tmp_path / "waves.tif")
    imwrite(tmp_path / "raw.tif", np.zeros((4, 6), np.uint16), photometric="cfa", metadata=None)
    with pytest.raises(UnreadableFrame, match=r"it holds a camera's raw data; name it \.dng"):
        read_burst(tmp_path / "raw.tif")


def test_several_images_in_one_file(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as tif:
        tif.write(stack(3), metadata={"axes": "ZYX", "PhysicalSizeX": 1.0, "PhysicalSizeY": 1.0})
        tif.write(stack(4, height=8), metadata={"axes": "ZYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5})
    assert read_burst(tmp_path / "a.ome.tif").shape == (3, 12, 16, 1)
    second = read_burst(tmp_path / "a.ome.tif", series=1)
    assert second.shape == (4, 8, 16, 1)
    assert second.pixel_size == (0.5, 0.5)
    with pytest.raises(ValueError, match="holds 2 images; there is no number 2"):
        read_burst(tmp_path / "a.ome.tif", series=2)


def test_a_multi_page_file_among_files_is_refused(tmp_path):
    imwrite(tmp_path / "0.tif", stack(1)[0])
    imwrite(tmp_path / "1.tif", stack(3), photometric="minisblack")
    with pytest.raises(UnreadableFrame, match=r"1\.tif: it holds 3 planes, a burst of its own: open it alone"):
        read_burst(tmp_path)


def write_page_by_page(path, data, **options):
    with tifffile.TiffWriter(path) as tif:
        for plane in data:
            tif.write(plane, photometric="minisblack", metadata=None, **options)


@pytest.mark.parametrize("options", [{}, {"imagej": True}, {"ome": True}, {"bigtiff": True}])
@pytest.mark.parametrize("part", [0.3, 0.9, 0.97])
def test_a_truncated_stack_does_not_pass_for_a_shorter_one(tmp_path, part, options):
    path = tmp_path / "a.tif"
    imwrite(path, stack(8, height=40, width=50), photometric="minisblack", metadata={"axes": "ZYX"}, **options)
    truncated(path, part)
    if part == 0.97 and "ome" not in options:  # only directories are lost, which nothing needs
        np.testing.assert_array_equal(read_burst(path).data.compute(), stack(8, height=40, width=50))
        return
    with pytest.raises(UnreadableFrame, match=r"a\.tif: .*(is cut off|page \d of 8 is missing|file is damaged)"):
        read_burst(path)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("part", [0.5, 0.9])
def test_a_truncated_stack_of_pages_names_what_is_missing(tmp_path, compression, part):
    path = tmp_path / "a.tif"
    data = np.random.default_rng(0).integers(0, 60000, (8, 40, 50)).astype(np.uint16)
    write_page_by_page(path, data, compression=compression)
    truncated(path, part)
    with pytest.raises(UnreadableFrame, match=r"a\.tif: (it is cut off|page 8 of 8 is missing)"):
        read_burst(path)
    burst = read_burst(path, skip_bad=True)
    assert 8 * part - 1.5 <= len(burst) <= 8 * part
    np.testing.assert_array_equal(burst.data.compute(), data[: len(burst)])
    assert "cut off" in burst.skipped[0][1]


@pytest.mark.parametrize("part", [0.45, 0.85])
def test_planes_of_a_truncated_imagej_stack_that_are_there_can_be_used(tmp_path, part):
    path = tmp_path / "a.tif"
    data = stack(8, height=40, width=50)
    imwrite(path, data, imagej=True, metadata={"axes": "ZYX", "spacing": 2.0, "unit": "um"}, resolution=(1, 1))
    with tifffile.TiffFile(path) as tif:
        begin = tif.pages[0].dataoffsets[0]
    truncated(path, part)
    burst = read_burst(path, skip_bad=True)
    assert len(burst) == (path.stat().st_size - begin) // data[0].nbytes
    assert burst.positions == tuple(range(0, 2 * len(burst), 2))
    assert [source.page for source, _ in burst.skipped] == list(range(len(burst), 8))
    np.testing.assert_array_equal(burst.data.compute(), data[: len(burst)])


def test_one_missing_page_can_be_left_out(tmp_path):
    path = tmp_path / "a.tif"
    data = stack(5, height=40, width=50)
    write_page_by_page(path, data, compression="zlib")
    with tifffile.TiffFile(path) as tif:
        places = [page.tags["StripOffsets"] for page in (tif.pages[k] for k in range(5))]
    whole = bytearray(path.read_bytes())
    whole[places[3].offset + 8 : places[3].offset + 12] = (len(whole) - 3).to_bytes(4, "little")  # beyond the end
    path.write_bytes(whole)
    with pytest.raises(UnreadableFrame, match=r"a\.tif: page 4 of 5 is missing or cut off"):
        read_burst(path)
    burst = read_burst(path, skip_bad=True)
    assert len(burst) == 4
    assert [source.page for source in burst.sources] == [0, 1, 2, 4]
    assert [(source.page, problem[:12]) for source, problem in burst.skipped] == [(3, "page 4 of 5 ")]
    np.testing.assert_array_equal(burst[3][..., 0], data[4])


def test_a_damaged_page_is_named(tmp_path):
    path = tmp_path / "a.tif"
    imwrite(path, stack(4, height=60, width=60), photometric="minisblack", compression="zlib", metadata={"axes": "ZYX"})
    with tifffile.TiffFile(path) as tif:
        begin, count = tif.pages[2].dataoffsets[0], tif.pages[2].databytecounts[0]
    data = bytearray(path.read_bytes())
    data[begin : begin + count] = b"\x55" * count
    path.write_bytes(data)
    burst = read_burst(path)
    assert burst[1].shape == (60, 60, 1)
    with pytest.raises(UnreadableFrame, match=r"a\.tif: page 3 is damaged"):
        burst[2]
    burst = read_burst(path, skip_bad=True)
    assert len(burst) == 3
    assert burst.skipped[0][0].page == 2
    assert str(burst.skipped[0][0]).endswith("a.tif page 3")


def test_planes_of_a_series_cannot_be_left_out(tmp_path):
    path = tmp_path / "a.tif"
    imwrite(path, stack(2, 3, height=40, width=50), imagej=True, metadata={"axes": "TZYX"})
    truncated(path, 0.7)
    with pytest.raises(UnreadableFrame, match=r"planes of axes TZ cannot be left out: crop the file"):
        read_burst(path, skip_bad=True)


def test_a_file_that_is_no_tiff_inside(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0\x08\0\0\0\xff\xff")
    with pytest.raises(UnreadableFrame, match=r"a\.tif: the TIFF file is damaged"):
        read_burst(tmp_path / "a.tif")


def test_a_truncated_single_picture_is_found_at_opening(tmp_path):
    for i in range(2):
        imwrite(tmp_path / f"{i}.tif", picture(i, 60, 60), photometric="rgb")
    truncated(tmp_path / "1.tif")
    with pytest.raises(UnreadableFrame, match=r"1\.tif: the file ends before its picture does"):
        read_burst(tmp_path)


def write_ome_files(folder, data):
    """OME-TIFF of one file a plane, each with the whole description."""
    from uuid import UUID

    names = [f"cell_z{k}.ome.tif" for k in range(len(data))]
    planes = "".join(
        f'<TiffData FirstZ="{k}" FirstC="0" FirstT="0" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{name}">urn:uuid:{UUID(int=k)}</UUID></TiffData>'
        for k, name in enumerate(names)
    )
    for k, name in enumerate(names):
        xml = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{UUID(int=k)}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" '
            f'SizeX="{data.shape[2]}" SizeY="{data.shape[1]}" SizeZ="{len(data)}" SizeC="1" SizeT="1" '
            'PhysicalSizeX="0.1" PhysicalSizeY="0.1" PhysicalSizeZ="0.5">'
            f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
        )
        imwrite(folder / name, data[k], description=xml, metadata=None)
    return [folder / name for name in names]


@pytest.mark.parametrize("whole", [True, False])
def test_ome_of_several_files_opens_from_the_folder_or_from_any_file(tmp_path, whole):
    data = stack(3)
    paths = write_ome_files(tmp_path, data)
    burst = read_burst(tmp_path if whole else paths[1])
    assert burst.shape == (3, 12, 16, 1)
    assert burst.step == pytest.approx(0.5)
    assert burst.pixel_size == pytest.approx((0.1, 0.1))
    np.testing.assert_array_equal(burst.data.compute(), data)


def test_a_missing_file_of_ome_is_a_missing_page(tmp_path):
    paths = write_ome_files(tmp_path, stack(3))
    paths[2].unlink()
    with pytest.raises(UnreadableFrame, match=r"page 3 of 3 is missing"):
        read_burst(paths[0])
    assert len(read_burst(paths[0], skip_bad=True)) == 2


def test_no_page_left(tmp_path):
    path = tmp_path / "a.tif"
    imwrite(path, stack(3, height=60, width=60), photometric="minisblack", compression="zlib", metadata={"axes": "ZYX"})
    with tifffile.TiffFile(path) as tif:
        pages = [(page.dataoffsets[0], page.databytecounts[0]) for page in tif.pages]
    data = bytearray(path.read_bytes())
    for begin, count in pages:
        data[begin : begin + count] = b"\x55" * count
    path.write_bytes(data)
    with pytest.raises(UnreadableFrame, match=r"a\.tif: no page of it can be read; page 1 is damaged"):
        read_burst(path, skip_bad=True)
