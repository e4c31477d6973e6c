"""JPEG and PNG frames: values, order, orientation, metadata, damage."""

import numpy as np
import pytest
from making import ICC_RGB, decoded, exif_block, picture, truncated, write_jpeg
from PIL import Image

from napari_focusstack.io import UnreadableFrame, read_burst


def test_a_folder_of_jpegs_is_a_burst_in_natural_order(tmp_path):
    names = ["käfer 10.jpg", "käfer 2.JPG", "Käfer 1.jpeg"]
    for i, name in enumerate(names):
        write_jpeg(tmp_path / name, picture(i))
    burst = read_burst(tmp_path)
    assert burst.shape == (3, 12, 16, 3)
    assert burst.dtype == np.uint8
    assert len(burst) == 3
    assert [source.path.name for source in burst.sources] == names[::-1]
    for frame, name in zip((burst[i] for i in range(3)), names[::-1], strict=True):
        np.testing.assert_array_equal(frame, decoded(tmp_path / name))


def test_grey_jpegs_have_one_channel_and_the_srgb_curve(tmp_path):
    for i in range(2):
        write_jpeg(tmp_path / f"{i}.jpg", picture(i, channels=1))
    burst = read_burst(tmp_path)
    assert burst.shape == (2, 12, 16, 1)
    assert burst.axes == "ZYX"
    assert burst.transfer == "srgb"
    np.testing.assert_array_equal(burst[1], decoded(tmp_path / "1.jpg"))


@pytest.mark.parametrize(
    ("orientation", "corner"),  # where the stored picture's top left, top right corner is to be seen
    [
        (1, ((0, 0), (0, -1))),
        (2, ((0, -1), (0, 0))),
        (3, ((-1, -1), (-1, 0))),
        (4, ((-1, 0), (-1, -1))),
        (5, ((0, 0), (-1, 0))),
        (6, ((0, -1), (-1, -1))),
        (7, ((-1, -1), (0, -1))),
        (8, ((-1, 0), (0, 0))),
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_first_frames_orientation_turns_all(tmp_path, orientation, corner, order):
    for i, one in enumerate((orientation, 1, 6)):
        write_jpeg(tmp_path / f"{i}.jpg", picture(i), exif_block(one, order=order))
    burst = read_burst(tmp_path)
    assert burst.shape[1:3] == ((16, 12) if orientation > 4 else (12, 16))
    for i in range(3):
        stored = decoded(tmp_path / f"{i}.jpg")
        np.testing.assert_array_equal(burst[i][corner[0]], stored[0, 0])
        np.testing.assert_array_equal(burst[i][corner[1]], stored[0, -1])


def test_exif_and_icc_are_kept_and_understood(tmp_path):
    icc = ICC_RGB + bytes(70_000)  # more than one segment
    for i, distance in enumerate((0.25, 0.5, 0.75)):
        write_jpeg(tmp_path / f"{i}.jpg", picture(i), exif_block(distance=distance), icc)
    burst = read_burst(tmp_path)
    assert burst.exif == exif_block(distance=0.25)
    assert burst.icc == icc
    assert burst.camera == "ACME One"
    assert burst.positions == pytest.approx((0.25, 0.5, 0.75))
    assert burst.position_unit == "m"
    assert burst.step == pytest.approx(0.25)
    assert burst.pixel_size is None


@pytest.mark.parametrize("distances", [(0.25, 0.25), (0.25, None)])
def test_focus_distances_that_say_nothing_are_unknown(tmp_path, distances):
    for i, distance in enumerate(distances):
        write_jpeg(tmp_path / f"{i}.jpg", picture(i), exif_block(distance=distance))
    burst = read_burst(tmp_path)
    assert burst.positions is None
    assert burst.position_unit is None
    assert burst.step is None


def test_uneven_focus_distances_have_no_step(tmp_path):
    for i, distance in enumerate((0.2, 0.3, 0.9)):
        write_jpeg(tmp_path / f"{i}.jpg", picture(i), exif_block(distance=distance))
    assert read_burst(tmp_path).step is None


@pytest.mark.parametrize("part", [0.6, 0.98])
@pytest.mark.parametrize("options", [{}, {"progressive": True, "quality": 80}])
def test_a_truncated_jpeg_is_found_at_opening(tmp_path, part, options):
    for i in range(3):
        write_jpeg(
            tmp_path / f"{i}.jpg", picture(i, 200, 300), exif_block(thumbnail=b"\xff\xd8tiny\xff\xd9"), **options
        )
    truncated(tmp_path / "1.jpg", part)
    with pytest.raises(
        UnreadableFrame, match=r"1\.jpg: the file ends before its picture does.*skip_bad=True.*--skip-bad"
    ):
        read_burst(tmp_path)


def test_what_follows_a_complete_jpeg_does_no_harm(tmp_path):
    for i in range(2):
        write_jpeg(tmp_path / f"{i}.jpg", picture(i))
        with (tmp_path / f"{i}.jpg").open("ab") as file:
            file.write(bytes(20_000))
    np.testing.assert_array_equal(read_burst(tmp_path)[1], decoded(tmp_path / "1.jpg"))


def test_a_damaged_header_is_named(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\x04ab\0\0")
    with pytest.raises(UnreadableFrame, match=r"a\.jpg: the JPEG header is damaged"):
        read_burst(tmp_path / "a.jpg")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\x04IHDRabcd1234")
    with pytest.raises(UnreadableFrame, match=r"a\.png: the PNG header is damaged"):
        read_burst(tmp_path / "a.png")


def test_cmyk_is_refused(tmp_path):
    Image.new("CMYK", (16, 12)).save(tmp_path / "a.jpg")
    with pytest.raises(UnreadableFrame, match="CMYK picture; grey or RGB is needed"):
        read_burst(tmp_path / "a.jpg")


def test_a_wrong_extension_does_not_matter(tmp_path):
    for i in range(2):
        write_jpeg(tmp_path / f"{i}.png", picture(i))
    np.testing.assert_array_equal(read_burst(tmp_path)[0], decoded(tmp_path / "0.png"))


@pytest.mark.parametrize(
    ("mode", "channels", "transfer"), [("L", 1, "srgb"), ("RGB", 3, "srgb"), ("RGBA", 3, "srgb"), ("LA", 1, "srgb")]
)
def test_png_keeps_its_values_and_loses_its_alpha(tmp_path, mode, channels, transfer):
    stored = picture(1, channels=len(mode))
    for name in "ab":
        Image.fromarray(stored[..., 0] if mode == "L" else stored, mode).save(tmp_path / f"{name}.png")
    burst = read_burst(tmp_path)
    assert burst.transfer == transfer
    np.testing.assert_array_equal(burst[1], stored[..., :channels])


def test_a_palette_and_black_and_white_are_expanded(tmp_path):
    indices = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    image = Image.fromarray(indices, "P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(
        read_burst(tmp_path / "palette.png")[0], np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90]])[indices]
    )
    Image.fromarray(np.array([[False, True]])).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(read_burst(tmp_path / "bits.png")[0], [[[0], [255]]])


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_png_keeps_all_bits(tmp_path, channels):
    import imagecodecs

    stored = picture(0, channels=channels, dtype=np.uint16) * 257 + 5
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(stored[..., 0] if channels == 1 else stored))
    burst = read_burst(tmp_path / "a.png")
    assert burst.dtype == np.uint16
    assert burst.transfer == ("linear" if channels == 1 else "srgb")
    np.testing.assert_array_equal(burst[0], stored)


def test_png_metadata_is_kept(tmp_path):
    Image.fromarray(picture()).save(tmp_path / "a.png", exif=exif_block(6), icc_profile=ICC_RGB)
    burst = read_burst(tmp_path / "a.png")
    assert burst.exif == exif_block(6)
    assert burst.icc == ICC_RGB
    assert burst.shape == (1, 16, 12, 3)


def test_a_truncated_png_is_found_at_opening(tmp_path):
    Image.fromarray(picture(0, 100, 100)).save(tmp_path / "a.png")
    truncated(tmp_path / "a.png")
    with pytest.raises(UnreadableFrame, match=r"a\.png: the file ends before its picture does"):
        read_burst(tmp_path / "a.png")


def test_damaged_pixels_are_named_when_the_frame_is_asked_for(tmp_path):
    for i in range(3):
        Image.fromarray(picture(i, 100, 100)).save(tmp_path / f"{i}.png")
    data = bytearray((tmp_path / "2.png").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "2.png").write_bytes(data)
    burst = read_burst(tmp_path)
    np.testing.assert_array_equal(burst[1], picture(1, 100, 100))
    with pytest.raises(UnreadableFrame, match=r"2\.png: its pixels are damaged") as caught:
        burst[2]
    assert caught.value.path == tmp_path / "2.png"
    assert "damaged" in caught.value.problem


def test_a_frame_that_changed_after_opening_is_named(tmp_path):
    for i in range(2):
        write_jpeg(tmp_path / f"{i}.jpg", picture(i))
    burst = read_burst(tmp_path)
    write_jpeg(tmp_path / "1.jpg", picture(1, 20, 30))
    with pytest.raises(UnreadableFrame, match=r"1\.jpg: it decodes to \(20, 30, 3\).*16 × 12 px"):
        burst[1]
    (tmp_path / "0.jpg").unlink()
    with pytest.raises(UnreadableFrame, match=r"0\.jpg: it cannot be read any more"):
        burst[0]


def test_odd_but_valid_jpeg_segments(tmp_path):
    write_jpeg(tmp_path / "a.jpg", picture())
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "b.jpg").write_bytes(data[:2] + b"\xff\xff" + data[2:])  # padding before a marker
    np.testing.assert_array_equal(read_burst(tmp_path / "b.jpg")[0], decoded(tmp_path / "a.jpg"))


def test_a_jpeg_without_a_frame_and_a_png_of_no_known_colours(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xda\0\x04ab" + b"\xff\xd9")
    with pytest.raises(UnreadableFrame, match="the JPEG header is damaged"):
        read_burst(tmp_path / "a.jpg")
    Image.fromarray(picture()).save(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[25] = 5
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(UnreadableFrame, match="the PNG header is damaged"):
        read_burst(tmp_path / "a.png")


def test_a_damaged_profile_is_left_out(tmp_path):
    Image.fromarray(picture()).save(tmp_path / "a.png", icc_profile=ICC_RGB)
    data = (tmp_path / "a.png").read_bytes()
    at = data.index(b"iCCP") + 4 + len(b"ICC Profile\0\0")
    (tmp_path / "a.png").write_bytes(data[:at] + b"\0\0" + data[at + 2 :])
    assert read_burst(tmp_path / "a.png").icc == b""
