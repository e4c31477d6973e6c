"""Datasets of one's own bursts: aligned frames and truth that fit, planes that lie where they should."""

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focusstack import simulate
from napari_focusstack.arrays import to_float
from napari_focusstack.io import UnreadableFrame, read_burst
from napari_focusstack.progress import Cancelled, listening
from napari_focusstack.simulation import RawCamera, write_raw_burst
from napari_focusstack.training.build import build_dataset
from napari_focusstack.training.store import DatasetError, read_dataset
from napari_focusstack.training.tiling import chosen_places, cut, texture

# --------------------------------------------------------------------
# tiles


def test_tiles_do_not_overlap_and_few_are_plain():
    rng = np.random.default_rng(0)
    truth = np.full((5 * 32 + 10, 9 * 32 + 7, 3), 0.5, np.float32)
    assert len(chosen_places(truth, 32)) == 6  # of 45 plain ones, each eighth
    truth += rng.normal(0, 0.02, truth.shape).astype(np.float32)  # noise is no texture
    assert len(chosen_places(truth, 32)) == 6
    truth[:, :150] = cv2.resize(rng.random((30, 30, 3), np.float32), (150, truth.shape[0]))
    places = chosen_places(truth, 32)
    assert 20 <= len(places) <= 30
    assert len(set(places)) == len(places)
    assert all(y % 32 == places[0][0] % 32 and x % 32 == places[0][1] % 32 for y, x in places)
    assert all(0 <= y <= truth.shape[0] - 32 and y % 2 == 0 == x % 2 for y, x in places)
    assert chosen_places(truth[:31], 32) == ()


def test_texture_is_what_blocks_differ_by():
    stripes = np.zeros((16, 16, 3), np.float32)
    stripes[:, ::8, 1] = stripes[:, 1::8, 1] = stripes[:, 2::8, 1] = stripes[:, 3::8, 1] = 1
    assert texture(stripes) == pytest.approx(0.5)
    assert texture(np.ones((16, 16, 1), np.float32)) == 0


@settings(max_examples=20, deadline=None)
@given(scale=st.sampled_from([1, 2]), count=st.integers(1, 5), seed=st.integers(0, 99))
def test_cut_tiles_are_the_frames_at_their_places(tmp_path_factory, scale, count, seed):
    rng = np.random.default_rng(seed)
    stack = rng.integers(0, 65535, (count, 32, 48, 4), np.uint16)
    truth = rng.integers(0, 65535, (32 * scale, 48 * scale, 3), np.uint16)
    places, tile = ((0, 0), (4, 8), (16, 32)), 16
    read = []

    class Frames:
        shape, dtype = stack.shape, stack.dtype

        def __len__(self):
            return count

        def __getitem__(self, i):
            read.append(i)
            return stack[i]

    found = cut(Frames(), truth, places, tile, tmp_path_factory.getbasetemp())
    for (y, x), one in zip(places, found, strict=True):
        part = np.s_[:, y // scale : (y + tile) // scale, x // scale : (x + tile) // scale]
        np.testing.assert_array_equal(one.frames, stack[part].transpose(0, 3, 1, 2))
        np.testing.assert_array_equal(one.truth, truth[y : y + tile, x : x + tile].transpose(2, 0, 1))
    assert read == list(range(count))  # each frame once


def test_a_frame_that_cannot_be_read_is_no_fault_of_the_disk(tmp_path):
    class Frames:
        shape, dtype = (2, 32, 32, 3), np.dtype(np.uint8)

        def __len__(self):
            return 2

        def __getitem__(self, i):
            raise UnreadableFrame(tmp_path / "2.png", "it ends too early")

    with pytest.raises(DatasetError, match="2.png: it ends too early"):
        list(cut(Frames(), np.zeros((32, 32, 3), np.uint8), ((0, 0),), 16, tmp_path))
    assert list(tmp_path.iterdir()) == []


# --------------------------------------------------------------------
# bursts


def write_burst(folder, seed=0, mono=False, frames=3, **options):
    burst = simulate("slanted", frames=frames, height=112, width=144, seed=seed, blur=1.5, **options)
    folder.mkdir(parents=True)
    for i, image in enumerate(burst.frames):
        cv2.imwrite(str(folder / f"{i}.png"), image[..., 1] if mono else image[..., ::-1])
    return burst


@pytest.fixture(scope="module")
def bursts(tmp_path_factory):
    """Folder with three bursts of pictures, and with one of raw files, of the same kind of scene."""
    place = tmp_path_factory.mktemp("bursts")
    for k, name in enumerate(("ant", "bee", "cricket")):
        write_burst(place / name, seed=k, jitter=1.0)
    scene = simulate("slanted", frames=3, height=144, width=176, blur=1.5, breathing=0.02, jitter=1.0, dtype="float32")
    write_raw_burst(place / "raw", scene, RawCamera(pattern="GBRG"))
    return place


def named(bursts, *names):
    return [bursts / name for name in names]


def test_frames_are_aligned_and_the_truth_is_the_sharpest(bursts, tmp_path):
    dataset = build_dataset(named(bursts, "ant", "bee", "cricket"), tmp_path / "d", tile=32)
    assert (dataset.kind, dataset.tile, len(dataset.entries)) == ("rgb", 32, 3)
    assert sorted(entry.split for entry in dataset.entries) == ["test", "train", "train"]
    first = dataset.entries[0]
    assert (first.name, first.frames, first.dtype, first.truth_dtype) == ("ant", 3, "uint8", "uint16")
    assert (first.sources, first.target, first.transfer) == (("0.png", "1.png", "2.png"), "pyramid", "srgb")
    assert dataset.manifest["made"] == {"truth": "pyramid", "held out": 0.15, "seed": 0, "left out": []}
    errors = []
    for frames, truth, _ in dataset.samples():
        errors.append([float(np.abs(to_float(frame) - truth).mean()) for frame in frames])
    assert np.min(errors, axis=1).max() < 0.02
    again = build_dataset(named(bursts, "ant", "bee", "cricket"), tmp_path / "again", tile=32)
    assert again.version == dataset.version


def test_planes_of_raw_files_lie_on_the_truth(bursts, tmp_path):
    dataset = build_dataset([bursts / "raw"], tmp_path / "d", kind="raw", tile=32)
    entry = dataset.entries[0]
    assert (dataset.kind, entry.transfer, entry.camera) == ("raw", "linear", "napari-focusstack Simulated camera")
    assert len(dataset) >= 6
    for i in range(len(dataset)):
        planes, truth = dataset[i]
        assert (planes.shape, truth.shape) == ((3, 4, 16, 16), (3, 32, 32))
        light = (to_float(truth).clip(1e-3) ** 2.2).mean(0)
        for plane in (1, 2):  # green lies at its own site, not at another: that fits best
            fits = {}
            for row in (0, 1):
                for column in (0, 1):
                    there = light[row::2, column::2]
                    fits[row, column] = max(np.corrcoef(there.ravel(), p[plane].ravel())[0, 1] for p in planes)
            assert fits[{1: (0, 1), 2: (1, 0)}[plane]] > 0.9
            assert max(fits, key=fits.get) == {1: (0, 1), 2: (1, 0)}[plane]


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_turned_camera_makes_the_same_planes(bursts, tmp_path, monkeypatch, orientation):
    upright = build_dataset([bursts / "raw"], tmp_path / "upright", kind="raw", tile=32)
    original = tifffile.imwrite

    def turned(*args, extratags, **options):
        original(*args, extratags=[*extratags, (274, "H", 1, orientation, True)], **options)

    monkeypatch.setattr("napari_focusstack.simulation.dng.tifffile.imwrite", turned)
    scene = simulate("slanted", frames=3, height=144, width=176, blur=1.5, breathing=0.02, jitter=1.0, dtype="float32")
    write_raw_burst(tmp_path / "raw", scene, RawCamera(pattern="GBRG"))
    burst = read_burst(tmp_path / "raw")
    assert burst.quarter_turns == {3: 2, 6: -1, 8: 1}[orientation]
    np.testing.assert_array_equal(np.rot90(burst.unturned()[0], burst.quarter_turns), burst[0])
    assert burst.unturned()[0].shape == burst.unturned().shape[1:]
    targets = tmp_path / "targets"
    targets.mkdir()
    original(targets / "raw.tif", burst[1], photometric="rgb")  # as other programs show it: upright
    dataset = build_dataset([tmp_path / "raw"], tmp_path / "d", kind="raw", tile=32)
    assert dataset.version == upright.version
    own = build_dataset([tmp_path / "raw"], tmp_path / "own", kind="raw", tile=32, targets=targets)
    assert own.kind == "raw"


def test_bursts_without_colour_are_mono(tmp_path):
    for k in range(2):
        write_burst(tmp_path / f"cells{k}", seed=k, mono=True)
    dataset = build_dataset([tmp_path / "cells0", tmp_path / "cells1"], tmp_path / "d", tile=32, fuser="average")
    assert (dataset.kind, dataset[0][0].shape, dataset[0][1].shape) == ("mono", (3, 1, 32, 32), (1, 32, 32))
    write_burst(tmp_path / "colour")
    with pytest.raises(DatasetError, match="burst colour: 3 channels; a dataset's bursts all have 3, or all 1"):
        build_dataset([tmp_path / "cells0", tmp_path / "colour"], tmp_path / "e", tile=32, fuser="average")


def test_bursts_are_split_by_name_and_seed(tmp_path):
    from napari_focusstack.training.build import _splits

    names = [f"b{k}" for k in range(40)]
    split = _splits(names, 0.15, 0)
    assert list(split.values()).count("test") == 6
    assert split == _splits(names[::-1], 0.15, 0)
    assert split != _splits(names, 0.15, 1)
    for count, share, held in ((2, 0.01, 1), (2, 0.9, 1), (1, 0.15, 0), (5, 0, 0)):
        assert list(_splits(names[:count], share, 0).values()).count("test") == held


# --------------------------------------------------------------------
# one's own pictures


def test_ones_own_picture_becomes_the_truth_wherever_it_lies(bursts, tmp_path):
    burst = read_burst(bursts / "ant")
    sharp = simulate("slanted", frames=3, height=112, width=144, seed=0, blur=1.5, jitter=1.0).truth
    targets = tmp_path / "fused"
    targets.mkdir()
    moved = np.roll(sharp, (3, -2), (0, 1))  # laid on another frame
    tifffile.imwrite(targets / "ant.tif", (moved * 65535).astype(np.uint16), photometric="rgb")
    dataset = build_dataset([bursts / "ant"], tmp_path / "d", tile=32, targets=targets)
    assert dataset.entries[0].target == "ant.tif"
    assert dataset.manifest["made"]["truth"] == "own pictures from fused"
    ours = build_dataset([bursts / "ant"], tmp_path / "e", tile=32)
    assert burst.shape[1:3] == sharp.shape[:2]
    for i in range(len(dataset)):
        frames, truth = dataset[i]
        assert min(np.abs(to_float(frame) - to_float(truth)).mean() for frame in frames) < 0.03
    assert dataset.version != ours.version


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda sharp: sharp[:50],
            r"ant.tif: 144 × 50 px, but the frames have 144 × 112 px and share .*; export it uncropped",
        ),
        (lambda sharp: sharp[::-1, ::-1], "ant.tif: does not show what the burst of this name shows"),
        (lambda sharp: np.random.default_rng(0).random(sharp.shape), "ant.tif: does not show"),
        (lambda sharp: sharp[..., 0], "ant.tif: 1 channels, the burst has 3; export it like the frames"),
    ],
)
def test_a_picture_that_does_not_fit_is_refused(bursts, tmp_path, make, message):
    sharp = make(to_float(read_burst(bursts / "ant")[1]))
    tifffile.imwrite(tmp_path / "ant.tif", (sharp * 65535).astype(np.uint16))
    with pytest.raises(DatasetError, match=message):
        build_dataset([bursts / "ant"], tmp_path / "d", tile=32, targets=tmp_path)
    assert not (tmp_path / "d").exists()


def test_pictures_are_looked_for_before_anything_is_computed(bursts, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_focusstack.training.build.align", None)
    build = {"folders": [bursts / "ant"], "out": tmp_path / "d", "targets": tmp_path / "t"}
    with pytest.raises(DatasetError, match="t: no folder; name the one that holds your fused pictures"):
        build_dataset(**build)
    (tmp_path / "t").mkdir()
    with pytest.raises(DatasetError, match="t: no picture for burst 'ant'; exactly one is needed, such as ant.tif"):
        build_dataset(**build)
    for name in ("ant.tif", "ant.JPG"):
        (tmp_path / "t" / name).write_text("")
    with pytest.raises(DatasetError, match="t: ant.JPG and ant.tif for burst 'ant'"):
        build_dataset(**build)
    (tmp_path / "t" / "ant.JPG").unlink()
    monkeypatch.undo()
    with pytest.raises(DatasetError, match="ant.tif: cannot be read as one picture"):
        build_dataset(**build, tile=32)


# --------------------------------------------------------------------
# what goes wrong


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        ([], {}, "there are no bursts; name their folders"),
        (["ant", "ant"], {}, "another burst is called '.* ant', too; rename a folder, or name each once"),
        (["ant", "moth"], {}, "moth: there is no such folder or file"),
        (["ant"], {"kind": "movie"}, "kind='movie' is not one of 'rgb', 'raw'"),
        (["ant"], {"tile": 30}, "tile=30 px is not possible; a multiple of 4 from 32 to 1024 is"),
        (["ant"], {"held_out": 1.0}, "held_out=1.0 is no share"),
        (["ant"], {"fuser": "magic"}, "magic"),
        (["ant"], {"kind": "raw"}, "burst ant: no camera raw files; build a dataset of kind 'rgb' of it"),
        (["ant"], {"tile": 128}, r"burst ant: its frames share only 1.. × 1.. px, no tile of 128 px; choose smaller"),
        (["ant/0.png"], {}, "burst 0: 1 frame; a burst has 2 or more"),
    ],
)
def test_what_cannot_be_built_is_told(bursts, tmp_path, names, options, message):
    with pytest.raises(ValueError, match=message):
        build_dataset(named(bursts, *names), tmp_path / "d", **options)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def partly_bad(bursts, tmp_path):
    """Two bursts: one with a frame that is cut short, one of which nothing can be used."""
    write_burst(tmp_path / "good", frames=4)
    frame = tmp_path / "good" / "2.png"
    frame.write_bytes(frame.read_bytes()[:500])
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "0.png").write_bytes(b"no picture")
    return tmp_path


def test_bad_frames_and_bursts_are_left_out_and_told(partly_bad):
    folders = [partly_bad / "bad", partly_bad / "good"]
    out = partly_bad / "d"
    with pytest.raises((OSError, ValueError), match="0.png"):
        build_dataset(folders, out, tile=32)
    with pytest.raises((OSError, ValueError), match="2.png.*--skip-bad"):
        build_dataset(folders[1:], out, tile=32)
    assert not out.exists()
    dataset = build_dataset(folders, out, tile=32, skip_bad=True)
    assert [(e.name, e.sources) for e in dataset.entries] == [("good", ("0.png", "1.png", "3.png"))]
    bad, frame = dataset.manifest["made"]["left out"]
    assert "bad" in bad
    assert frame.startswith("good: ")
    assert "2.png: " in frame
    assert f"left out: {frame}" in dataset.describe()
    with pytest.raises(DatasetError, match="none of the bursts can be used"):
        build_dataset(folders[:1], out, tile=32, skip_bad=True)
    assert read_dataset(out).version == dataset.version


def test_all_bursts_are_looked_at_before_anything_is_computed(bursts, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_focusstack.training.build.align", None)
    write_burst(tmp_path / "cells", mono=True)
    with pytest.raises(DatasetError, match="burst cells: 1 channels"):
        build_dataset([*named(bursts, "ant", "bee"), tmp_path / "cells"], tmp_path / "d", tile=32)
    with pytest.raises(DatasetError, match="burst bee: no camera raw files"):
        build_dataset(named(bursts, "raw", "bee"), tmp_path / "d", kind="raw", tile=32)


def test_raw_bursts_that_cannot_be_used_leave_no_dataset(bursts, tmp_path):
    with pytest.raises(DatasetError, match="none of the bursts can be used: burst ant: no camera raw files"):
        build_dataset(named(bursts, "ant", "bee"), tmp_path / "d", kind="raw", tile=32, skip_bad=True)
    assert list(tmp_path.iterdir()) == []


def test_cancel_leaves_what_was_there(bursts, tmp_path):
    before = build_dataset([bursts / "bee"], tmp_path / "d", tile=32, fuser="average")
    stages = set()

    def stop(step):
        if step is not None:
            stages.add(step.stage)
            if step.stage.startswith("Writing tiles (burst 2 of 2") and step.done == 1:
                raise Cancelled

    with listening(stop), pytest.raises(Cancelled):
        build_dataset(named(bursts, "ant", "cricket"), tmp_path / "d", tile=32, fuser="average")
    assert "Cutting tiles (burst 1 of 2: ant)" in stages
    assert [p.name for p in tmp_path.iterdir()] == ["d"]
    assert read_dataset(tmp_path / "d").version == before.version
