"""Which files make a burst, what is lazy about it, which frames are bad, and how errors say so."""

import numpy as np
import pytest
from making import exif_block, picture, truncated, write_dng, write_jpeg
from PIL import Image
from tifffile import imwrite

from napari_focusstack.arrays import Frames, as_frames, visit
from napari_focusstack.io import RAW_EXTENSIONS, Metadata, UnreadableFrame, opening, read_burst, write_image
from napari_focusstack.io.depth import write_depth
from napari_focusstack.io.mesh import write_mesh
from napari_focusstack.io.origin import without_results
from napari_focusstack.progress import Cancelled, listening


def jpegs(folder, count, **size):
    for i in range(count):
        write_jpeg(folder / f"IMG_{i}.jpg", picture(i, **size))
    return sorted(folder.glob("IMG_*.jpg"), key=lambda path: int(path.stem[4:]))


def test_a_burst_is_frames_and_metadata(tmp_path):
    jpegs(tmp_path, 3)
    burst = read_burst(tmp_path)
    assert isinstance(burst, Frames)
    assert isinstance(burst, Metadata)
    assert as_frames(burst) is burst
    assert [i for i, _ in visit(burst, "Reading")] == [0, 1, 2]
    assert burst.name == tmp_path.name
    assert not burst.is_series
    assert burst.skipped == ()
    np.testing.assert_array_equal(burst[-1], burst[2])
    with pytest.raises(IndexError):
        burst[3]


def test_files_keep_their_order_unless_it_is_alphabetical(tmp_path):
    def read(files):
        return [source.path for source in read_burst(files).sources]

    paths = jpegs(tmp_path, 12)
    assert read(paths[::-1]) == paths[::-1]
    assert read([paths[3], paths[11], paths[0]]) == [paths[3], paths[11], paths[0]]
    assert read(sorted(paths)) == paths != sorted(paths)  # 1, 10, 11, 2, as a shell names them
    assert read([str(path) for path in paths]) == paths
    assert read_burst([tmp_path]).shape == read_burst(str(tmp_path)).shape == (12, 12, 16, 3)


def test_a_dictionarys_order_is_alphabetical_too(tmp_path):
    shell = [tmp_path / name for name in ("a_10.jpg", "a_2.jpg", "a1.jpg", "B1.jpg")]
    for i, path in enumerate(shell):
        write_jpeg(path, picture(i))
    names = [source.path.name for source in read_burst(shell).sources]
    assert names == ["a1.jpg", "a_2.jpg", "a_10.jpg", "B1.jpg"]


def test_files_of_two_folders_stay_apart(tmp_path):
    paths = [path for name in "ab" if not (tmp_path / name).mkdir() for path in jpegs(tmp_path / name, 11)]
    assert [source.path for source in read_burst(sorted(paths)).sources] == paths


@pytest.mark.parametrize("extension", [".tif", ".ome.tif", ".png", ".jpg"])
def test_what_was_made_of_a_folders_frames_is_no_frame_of_it(tmp_path, extension, caplog):
    jpegs(tmp_path, 3)
    burst = read_burst(tmp_path)
    made = write_image(tmp_path / f"IMG_1 ({burst.name}){extension}", burst[0], like=burst)
    assert caplog.text == ""
    assert len(read_burst(tmp_path)) == 3
    assert f"{tmp_path}: left out {made.name}, made of other pictures there" in caplog.text
    if extension == ".jpg":
        assert len(read_burst([*sorted(tmp_path.iterdir())])) == 4  # named itself, it is taken
    (tmp_path / "IMG_0.jpg").rename(tmp_path / "IMG_9.jpg")  # another burst, as far as it can be known
    if extension == ".jpg":
        assert len(read_burst(tmp_path)) == 4


def test_depths_and_the_pictures_of_meshes_are_no_frames(tmp_path, caplog):
    for i in range(3):
        Image.fromarray(picture(i)).save(tmp_path / f"käfer {i}.png")
    burst = read_burst(tmp_path)
    depth = np.zeros(burst.shape[1:3], np.float32)
    for name in ("d.tif", "d.png"):
        write_depth(tmp_path / name, depth, unit="um", like=burst)
    write_depth(tmp_path / "both.tif", depth, sigma=depth, unit="um", like=burst)
    corners, uv = np.eye(3, dtype=np.float32), np.zeros((3, 2), np.float32)
    looks = {"texcoords": uv, "texture": picture(), "made_of": burst.made_of}
    write_mesh(tmp_path / "m.obj", corners, np.array([[0, 1, 2]]), **looks)
    assert [source.path.name for source in read_burst(tmp_path).sources] == [f"käfer {i}.png" for i in range(3)]
    assert "left out both.tif, d.png, d.tif and 1 more, made of" in caplog.text


def test_a_fused_picture_is_left_out_before_the_twins_of_raw_files_are_looked_for(tmp_path):
    for i in range(2):
        write_dng(tmp_path / f"{i}.dng", np.full((32, 48), 4000, np.uint16))
        write_jpeg(tmp_path / f"{i}.jpg", picture(i))
    burst = read_burst(tmp_path)
    write_image(tmp_path / "fused.tif", burst[0], like=burst)
    assert [source.path.suffix for source in read_burst(tmp_path).sources] == [".dng", ".dng"]


def test_results_are_frames_where_their_frames_are_not(tmp_path):
    """Slabs: parts of a sweep, fused, are stacked in their turn; aligned frames keep the names of their originals."""
    (tmp_path / "shots").mkdir(), (tmp_path / "slabs").mkdir(), (tmp_path / "aligned").mkdir()
    paths = jpegs(tmp_path / "shots", 4)
    for k in (0, 2):
        slab = read_burst(paths[k : k + 2])
        write_image(tmp_path / "slabs" / f"{k}.tif", slab[0], like=slab)
    burst = read_burst(tmp_path / "slabs")
    assert len(burst) == 2
    write_image(tmp_path / "slabs" / "all.tif", burst[0], like=burst)
    assert len(read_burst(tmp_path / "slabs")) == 2
    burst = read_burst(paths)
    for k in range(4):
        write_image(tmp_path / "aligned" / paths[k].name, burst[k], like=burst)
    assert len(read_burst(tmp_path / "aligned")) == 4


def test_notes_of_damaged_files_are_none(tmp_path):
    for name in ("a.tif", "a.jpg", "a.png"):
        for content in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\0\0", b"II*\0\x08\0\0\0\xff\xff"):
            (tmp_path / name).write_bytes(content)
            assert without_results([tmp_path / name]) == ([tmp_path / name], [])


def test_a_folder_may_hold_other_things(tmp_path):
    jpegs(tmp_path, 2)
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "._IMG_0.jpg").write_bytes(b"resource fork")
    (tmp_path / "older.jpg").mkdir()
    assert len(read_burst(tmp_path)) == 2


def test_a_folder_with_one_stack_is_that_stack(tmp_path):
    imwrite(tmp_path / "stack.tif", np.zeros((4, 8, 9), np.uint8), photometric="minisblack")
    assert read_burst(tmp_path).shape == (4, 8, 9, 1)


def test_opening_decodes_nothing_and_a_frame_only_itself(tmp_path, monkeypatch):
    jpegs(tmp_path, 5)
    read = []
    decode = opening.decode_image
    monkeypatch.setattr(opening, "decode_image", lambda path, header: read.append(path.stem) or decode(path, header))
    burst = read_burst(tmp_path)
    _ = burst.data, burst.shape, burst.describe(), burst.sizes
    assert read == []
    burst[3]
    burst.data[1, 2:4].compute()
    assert read == ["IMG_3", "IMG_1"]


def test_data_are_lazy_with_a_chunk_a_frame(tmp_path):
    jpegs(tmp_path, 3)
    burst = read_burst(tmp_path)
    assert burst.axes == "ZYXS"
    assert burst.sizes == {"Z": 3, "Y": 12, "X": 16, "S": 3}
    assert burst.data.chunks == ((1, 1, 1), (12,), (16,), (3,))
    assert burst.data.dtype == np.uint8
    np.testing.assert_array_equal(burst.data.compute(), [burst[i] for i in range(3)])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_file_with_values_that_are_no_numbers_is_named_and_can_still_be_looked_at(tmp_path, bad):
    frames = np.zeros((3, 6, 8), np.float32)
    frames[1, 2, 3] = bad
    for i, image in enumerate(frames):
        imwrite(tmp_path / f"f{i}.tif", image)
    imwrite(tmp_path / "stack.tif", frames, photometric="minisblack")
    apart, together = (read_burst(path) for path in (sorted(tmp_path.glob("f*.tif")), tmp_path / "stack.tif"))
    with pytest.raises(ValueError, match=r"f1\.tif has values that are no numbers \(NaN\) or infinite; put others"):
        list(visit(apart, "Reading"))
    with pytest.raises(ValueError, match=r"stack\.tif page 2 has values that are no numbers"):
        list(visit(together, "Reading"))
    np.testing.assert_array_equal(together[1][..., 0], frames[1])  # as a depth map's, that may be looked at
    np.testing.assert_array_equal(np.asarray(together.data).squeeze(), frames)


def test_no_file_stays_open(tmp_path):
    """The fixture of all tests looks; here every kind is left in the middle of its use."""
    kept = []
    for kind in ("jpg", "png", "tif", "dng", "stack"):
        folder = tmp_path / kind
        folder.mkdir()
        for i in range(2):
            if kind == "dng":
                write_dng(folder / f"{i}.dng", np.full((32, 48), 5000, np.uint16))
            elif kind == "tif":
                imwrite(folder / f"{i}.tif", picture(i), photometric="rgb", compression="zlib")
            elif kind == "stack":
                frames = np.zeros((3, 8, 9), np.uint16)
                imwrite(folder / "a.tif", frames, photometric="minisblack", compression="zlib")
            else:
                Image.fromarray(picture(i)).save(folder / f"{i}.{kind}")
        burst = read_burst(folder)
        kept.append((burst, burst[1], burst.data))
    assert len(kept) == 5


@pytest.mark.parametrize(
    ("source", "kind"), [(None, "NoneType"), ([None], "NoneType"), (3, "int"), (np.zeros((2, 3, 4)), "ndarray")]
)
def test_what_is_no_name_is_refused(source, kind):
    with pytest.raises(TypeError, match=f"files are read by their names, not by {kind}; arrays need no reading"):
        read_burst(source)


def test_missing_paths_and_empty_sources(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist"):
        read_burst(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"b\.jpg does not exist"):
        read_burst([*jpegs(tmp_path, 1), tmp_path / "b.jpg"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty holds no pictures; camera raw .*\.jpg, \.png, \.tif can be read"):
        read_burst(tmp_path / "empty")
    with pytest.raises(ValueError, match="no files were given"):
        read_burst([])


def test_what_is_no_picture(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(ValueError, match=r"a\.txt is not a picture that can be read; camera raw"):
        read_burst(tmp_path / "a.txt")
    (tmp_path / "a.jpg").write_text("hello")
    with pytest.raises(UnreadableFrame, match=r"a\.jpg: its content is not that of a picture"):
        read_burst(tmp_path / "a.jpg")
    (tmp_path / "sub").mkdir()
    with pytest.raises(ValueError, match=r"sub is a folder among files; give the files of one burst, or one folder"):
        read_burst([tmp_path / "a.jpg", tmp_path / "sub"])


def test_a_frame_of_another_size_is_named_with_what_was_expected(tmp_path):
    jpegs(tmp_path, 4)
    write_jpeg(tmp_path / "IMG_1.jpg", picture(1, 20, 30))
    expected = (
        r"IMG_1\.jpg: it is JPEG, 30 × 20 px, RGB, uint8; most frames are JPEG, 16 × 12 px, RGB, uint8; .*skip_bad"
    )
    with pytest.raises(UnreadableFrame, match=expected) as caught:
        read_burst(tmp_path)
    assert caught.value.path == tmp_path / "IMG_1.jpg"


def test_two_frames_of_two_sizes_have_no_usual_one(tmp_path):
    jpegs(tmp_path, 1)
    write_jpeg(tmp_path / "IMG_9.jpg", picture(1, 20, 30))
    with pytest.raises(UnreadableFrame, match=r"IMG_9\.jpg: it is JPEG, 30 × 20 .*; others are JPEG, 16 × 12 px"):
        read_burst(tmp_path)


def test_an_odd_first_frame_does_not_condemn_the_others(tmp_path):
    jpegs(tmp_path, 4)
    write_jpeg(tmp_path / "IMG_0.jpg", picture(1, 20, 30))
    with pytest.raises(UnreadableFrame, match=r"IMG_0\.jpg: it is JPEG, 30 × 20"):
        read_burst(tmp_path)
    assert read_burst(tmp_path, skip_bad=True).shape == (3, 12, 16, 3)


@pytest.mark.parametrize("odd", ["kind", "channels", "dtype"])
def test_a_frame_of_another_kind(tmp_path, odd):
    for i in range(3):
        imwrite(tmp_path / f"{i}.tif", picture(i), photometric="rgb")
    if odd == "kind":
        (tmp_path / "1.tif").unlink()
        write_jpeg(tmp_path / "1.jpg", picture(1))
    elif odd == "channels":
        imwrite(tmp_path / "1.tif", picture(1)[..., 0])
    else:
        imwrite(tmp_path / "1.tif", picture(1, dtype=np.uint16), photometric="rgb")
    said = {"kind": "JPEG, 16 × 12 px, RGB", "channels": "TIFF, 16 × 12 px, mono", "dtype": "RGB, uint16"}[odd]
    with pytest.raises(
        UnreadableFrame, match=rf"1\.\w+: it is .*{said}.*; most frames are TIFF, 16 × 12 px, RGB, uint8"
    ):
        read_burst(tmp_path)
    burst = read_burst(tmp_path, skip_bad=True)
    assert len(burst) == 2
    assert burst.skipped[0][0].path.stem == "1"


def test_skip_bad_lists_all_that_it_left_out(tmp_path):
    for i in range(6):
        Image.fromarray(picture(i, 80, 90)).save(tmp_path / f"{i}.png")
    truncated(tmp_path / "1.png")
    Image.fromarray(picture(3, 10, 10)).save(tmp_path / "3.png")
    damaged = bytearray((tmp_path / "4.png").read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    (tmp_path / "4.png").write_bytes(damaged)
    burst = read_burst(tmp_path, skip_bad=True)
    assert [source.path.stem for source in burst.sources] == ["0", "2", "5"]
    problems = {source.path.stem: problem for source, problem in burst.skipped}
    assert set(problems) == {"1", "3", "4"}
    assert "ends before" in problems["1"]
    assert "most frames are" in problems["3"]
    assert "damaged" in problems["4"]
    np.testing.assert_array_equal(burst[1], picture(2, 80, 90))
    assert burst.describe().count("left out") == 3


def test_nothing_left(tmp_path):
    for path in jpegs(tmp_path, 3, height=50, width=60):
        truncated(path)
    with pytest.raises(UnreadableFrame, match=r"IMG_0\.jpg: .*none of 3 frames can be read"):
        read_burst(tmp_path, skip_bad=True)


def test_checking_every_frame_can_be_cancelled(tmp_path):
    jpegs(tmp_path, 4)
    steps = []

    def listener(step):
        steps.append(str(step))
        if step is not None and step.stage == "Checking" and step.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled), listening(listener):
        read_burst(tmp_path, skip_bad=True)
    assert [step for step in steps if step.startswith("Checking")] == [f"Checking {i}/4" for i in range(3)]


@pytest.mark.parametrize("option", ["half_size", "linear"])
def test_options_of_raw_files_are_not_dropped_silently(tmp_path, option):
    jpegs(tmp_path, 2)
    with pytest.raises(ValueError, match=rf"{option}=True is for camera raw files; this is JPEG files: leave it out"):
        read_burst(tmp_path, **{option: True})
    imwrite(tmp_path / "a.tif", np.zeros((3, 8, 9), np.uint8), photometric="minisblack")
    with pytest.raises(ValueError, match="this is a TIFF file"):
        read_burst(tmp_path / "a.tif", **{option: True})
    with pytest.raises(ValueError, match="series=1 is for one TIFF file"):
        read_burst(sorted(tmp_path.glob("*.jpg")), series=1)


def test_description_in_words(tmp_path):
    for i in range(2):
        write_jpeg(tmp_path / f"{i}.jpg", picture(i), exif_block(distance=0.5 + i))
    text = read_burst(tmp_path).describe()
    for fact in (
        "2 of 16 × 12 px, RGB, uint8",
        "Z 2, Y 12, X 16, S 3",
        "sRGB curve",
        "ACME One",
        "0.5 to 1.5 m, step 1 m",
    ):
        assert fact in text
    metadata = {"axes": "ZCYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.2, "Channel": {"Name": ["DAPI", "GFP"]}}
    imwrite(
        tmp_path / "a.tif", np.zeros((3, 2, 8, 9), np.uint16), ome=True, metadata=metadata, photometric="minisblack"
    )
    text = read_burst(tmp_path / "a.tif").describe()
    for fact in ("2 channels", "DAPI, GFP", "0.1 × 0.2 µm", "linear", "a.tif page 6"):
        assert fact in text


def test_long_bursts_open_by_their_headers(tmp_path, monkeypatch):
    write_jpeg(tmp_path / "0.jpg", picture(), exif_block())
    for i in range(1, 300):
        (tmp_path / f"{i}.jpg").write_bytes((tmp_path / "0.jpg").read_bytes())
    monkeypatch.setattr(opening, "decode_image", None)
    assert len(read_burst(tmp_path)) == 300


def test_raw_extensions_are_lower_case_with_a_dot():
    assert {".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"} <= RAW_EXTENSIONS
    assert all(extension == extension.lower() and extension.startswith(".") for extension in RAW_EXTENSIONS)
