"""Datasets on disk: what was written comes back, or an error that names the file."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import zarr

from napari_focusstack.progress import Cancelled, listening
from napari_focusstack.training.store import DatasetError, NewBurst, Tile, read_dataset, write_dataset

PLANES = {"rgb": (3, 3, 1), "mono": (1, 1, 1), "raw": (4, 3, 2)}


def values(rng, shape, dtype):
    if dtype == "float32":
        return rng.random(shape, np.float32)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def tiles(count, *, kind="rgb", frames=3, tile=16, dtype="uint16", depth=False, seed=0):
    rng = np.random.default_rng(seed)
    planes, colours, scale = PLANES[kind]
    for _ in range(count):
        shape = (frames, planes, tile // scale, tile // scale)
        deep = rng.random((tile, tile), np.float32) if depth else None
        yield Tile(values(rng, shape, dtype), values(rng, (colours, tile, tile), dtype), deep)


def bursts(**kinds):
    two = ((0, 0), (0, 16))
    yield NewBurst("beetle", "train", two, tiles(2, **kinds), "srgb", "Maker Model", ("1.tif", "2.tif"), "pyramid")
    yield NewBurst("fly", "test", two[:1], tiles(1, frames=5, seed=1, **kinds), "linear")


def written(folder, **kinds):
    return write_dataset(folder, bursts(**kinds), kind=kinds.get("kind", "rgb"), tile=16, made={"seed": 0})


@pytest.fixture
def dataset(tmp_path):
    return written(tmp_path / "data")


@pytest.mark.parametrize("kind", PLANES)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("depth", [False, True])
def test_what_was_written_comes_back(tmp_path, kind, dtype, depth):
    written(tmp_path / "data", kind=kind, dtype=dtype, depth=depth)
    dataset = read_dataset(tmp_path / "data")
    assert (len(dataset), dataset.kind, dataset.tile) == (3, kind, 16)
    given = [
        *tiles(2, kind=kind, dtype=dtype, depth=depth),
        *tiles(1, frames=5, seed=1, kind=kind, dtype=dtype, depth=depth),
    ]
    for i, tile in enumerate(given):
        frames, truth = dataset[i]
        np.testing.assert_array_equal(frames, tile.frames)
        np.testing.assert_array_equal(truth, tile.truth)
        assert (frames.dtype, truth.dtype) == (dtype, dtype)
        found = dataset.example(i).depth
        assert (found is not None) == depth
        if depth:
            np.testing.assert_array_equal(found, tile.depth)
    dataset.check()


def test_the_manifest_says_what_was_given(dataset):
    assert dataset.manifest["made"] == {"seed": 0}
    first = dataset.entry(1)
    assert (first.name, first.split, first.frames, first.places) == ("beetle", "train", 3, ((0, 0), (0, 16)))
    assert (first.transfer, first.camera, first.sources, first.target) == (
        "srgb",
        "Maker Model",
        ("1.tif", "2.tif"),
        "pyramid",
    )
    digest = hashlib.sha256(b"".join(a.tobytes() for t in tiles(2) for a in t[:2])).hexdigest()
    assert first.sha256 == digest
    json.loads((dataset.folder / "manifest.json").read_text())
    said = dataset.describe()
    assert "to train on: 1 burst, 2 tiles; held out: 1 burst, 1 tile" in said
    assert dataset.version in said
    with pytest.raises(IndexError):
        dataset[3]


def test_a_tile_is_one_file_of_each_array_that_others_can_read(dataset):
    folder = dataset.folder / "bursts" / "00000"
    assert sorted(p.name for p in folder.rglob("c.*")) == ["c.0.0.0.0", "c.0.0.0.0.0", "c.1.0.0.0", "c.1.0.0.0.0"]
    array = zarr.open_array(str(folder / "frames"), mode="r")
    assert array.metadata.dimension_names == ("t", "z", "c", "y", "x")
    np.testing.assert_array_equal(array[1], dataset[1][0])


def test_a_tile_of_zeros_is_written_too(tmp_path):
    black = Tile(np.zeros((2, 3, 16, 16), np.uint8), np.zeros((3, 16, 16), np.uint8))
    dataset = write_dataset(
        tmp_path / "d", [NewBurst("night", "train", ((0, 0),), iter([black]))], kind="rgb", tile=16, made={}
    )
    assert not dataset[0][0].any()
    dataset.check()


def test_samples_are_as_fusion_has_them(tmp_path):
    dataset = written(tmp_path / "data", depth=True)
    for i, (frames, truth, depth) in enumerate(dataset.samples()):
        np.testing.assert_array_equal(frames, dataset[i][0].transpose(0, 2, 3, 1))
        np.testing.assert_allclose(truth, dataset[i][1].transpose(1, 2, 0) / 65535, rtol=1e-6)
        assert depth.shape == truth.shape[:2]


def test_splits_share_no_burst(dataset):
    train, test = dataset.split("train"), dataset.split("test")
    assert (len(train), len(test)) == (2, 1)
    assert {train.entry(i).name for i in range(2)} == {"beetle"}
    assert test.entry(0).name == "fly"
    np.testing.assert_array_equal(test[0][0], dataset[2][0])
    for one, other in (("train", "test"), ("test", "train")):
        with pytest.raises(DatasetError, match="data: no burst of this dataset is"):
            dataset.split(one).split(other)


def test_the_version_is_that_of_the_values(tmp_path, dataset):
    assert written(tmp_path / "again").version == dataset.version
    assert written(tmp_path / "other", dtype="uint8").version != dataset.version

    def changed(**what):
        for number, burst in enumerate(bursts()):
            facts = {name: getattr(burst, name) for name in NewBurst.__slots__}
            yield NewBurst(**facts | (what if number == 0 else {}))

    versions = {
        write_dataset(tmp_path / "v", changed(**what), kind="rgb", tile=16, made={}).version
        for what in ({}, {"name": "moth"}, {"split": "test"}, {"tiles": tiles(2, seed=9)})
    }
    assert dataset.version in versions
    assert len(versions) == 4


@pytest.mark.parametrize(
    "error", [RuntimeError("lamp broke"), Cancelled(), KeyboardInterrupt(), OSError(28, "disk full")]
)
@pytest.mark.parametrize("at", [0, 2])
def test_an_error_leaves_what_was_there(tmp_path, dataset, error, at):
    def failing():
        for number, burst in enumerate(bursts(dtype="uint8")):
            if number == at:
                raise error
            yield burst
        raise error

    with pytest.raises(type(error)):
        write_dataset(dataset.folder, failing(), kind="rgb", tile=16, made={})
    with pytest.raises(type(error)):
        write_dataset(tmp_path / "new", failing(), kind="rgb", tile=16, made={})
    assert [p.name for p in tmp_path.iterdir()] == ["data"]
    assert read_dataset(dataset.folder).version == dataset.version
    dataset.check()


def test_a_dataset_is_replaced_as_a_whole(dataset):
    new = write_dataset(dataset.folder, list(bursts())[1:], kind="rgb", tile=16, made={})
    assert len(new) == 1
    assert sorted(p.name for p in dataset.folder.iterdir()) == ["bursts", "manifest.json"]
    assert sorted(p.name for p in (dataset.folder / "bursts").iterdir()) == ["00000"]


def test_other_peoples_files_are_not_replaced(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "bursts").mkdir()
    (tmp_path / "file").write_text("precious")
    for name in ("photos", "file"):
        with pytest.raises(DatasetError, match=f"{name} holds other files, which a dataset would replace; name a new"):
            written(tmp_path / name)
    (tmp_path / "empty").mkdir()
    assert len(written(tmp_path / "empty")) == 3


def broken(*given, places=((0, 0), (0, 16)), name="fly"):
    return NewBurst(name, "train", places, iter(given))


def picture(planes=3, frames=3, size=16, dtype="uint8"):
    return Tile(np.ones((frames, planes, size, size), dtype), np.ones((3, size, size), dtype))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "there are no bursts; name their folders"),
        ([*bursts(), broken(picture(), picture())], "two bursts are called 'fly'; rename one"),
        ([broken(picture())], "burst 'fly' came with 1 tiles for 2 places"),
        ([broken()], "burst 'fly' came with 0 tiles for 2 places"),
        ([broken(picture(), picture(), picture())], "tile 2 of burst 'fly': frames are"),
        (
            [broken(picture(), picture(frames=4))],
            r"tile 1 of burst 'fly': frames are \(4, 3, 16, 16\) uint8; 2 tiles of",
        ),
        ([broken(picture(4), picture(4))], "in a dataset of kind 'rgb' with tiles of 16 px"),
        ([broken(picture(size=8), picture(size=8))], "tile 0 of burst 'fly': frames are"),
        ([broken(picture(dtype="float64"))], "values of type float64 cannot be stored; uint8, uint16, float32 can"),
        ([broken(picture(dtype=object))], "values of type object cannot be stored"),
        (
            [broken(picture()._replace(depth=np.zeros((16, 16), "f4")), picture())],
            "tile 1 of burst 'fly': depth are nothing",
        ),
    ],
)
def test_what_cannot_be_written_is_told(tmp_path, given, message):
    with pytest.raises(DatasetError, match=message):
        write_dataset(tmp_path / "d", given, kind="rgb", tile=16, made={})
    assert list(tmp_path.iterdir()) == []


# --------------------------------------------------------------------
# damage


def edited(path, **changes):
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | changes))


def test_what_is_no_dataset_is_told(tmp_path):
    (tmp_path / "photos").mkdir()
    for name in ("photos", "nothing"):
        with pytest.raises(
            DatasetError, match=f"{name}: no dataset, manifest.json is missing; make one with focusstack"
        ):
            read_dataset(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "damaged"),
        ("{", "damaged"),
        ("[]", "no dataset of ours"),
        ('{"name": "x"}', 'no dataset of ours, the key "napari-focusstack dataset" is missing'),
        ('{"napari-focusstack dataset": 2}', "format 2, this program reads 1; update it"),
        ('{"napari-focusstack dataset": 1}', "damaged"),
        ("\x00\xff", "damaged"),
        ("[" * 100_000, "damaged"),
    ],
)
def test_a_manifest_of_something_else_is_told(dataset, text, message):
    (dataset.folder / "manifest.json").write_text(text, encoding="latin-1")
    with pytest.raises(DatasetError, match=f"manifest.json: .*{message}"):
        read_dataset(dataset.folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "movie"},
        {"tile": "16"},
        {"tile": 10**9},
        {"version": "0" * 64},
        {"bursts": 3},
        {"bursts": [3]},
        {"bursts": [{"name": "x"}]},
    ],
)
def test_a_manifest_that_was_edited_is_told(dataset, changes):
    edited(dataset.folder / "manifest.json", **changes)
    with pytest.raises(DatasetError, match="manifest.json: damaged .*; copy the dataset again, or build it anew"):
        read_dataset(dataset.folder)


@pytest.mark.parametrize(
    "change",
    [{"split": "validation"}, {"frames": 10**9}, {"places": []}, {"dtype": "object"}, {"depth": 1}, {"colour": "red"}],
)
def test_a_burst_that_cannot_be_is_told(dataset, change):
    path = dataset.folder / "manifest.json"
    values = json.loads(path.read_text())
    edited(path, bursts=[values["bursts"][0] | change])
    with pytest.raises(DatasetError, match="manifest.json: damaged"):
        read_dataset(dataset.folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": [2, 3, 3, 16, 17]},
        {"data_type": "object"},
        {"data_type": "float32"},
        {"codecs": [{"name": "numcodecs.pickle"}]},
        {"codecs": [{"name": "vlen-bytes"}]},
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 3, 3, 16, 16]}}},
    ],
)
def test_an_array_of_something_else_is_not_opened(dataset, changes):
    edited(dataset.folder / "bursts" / "00000" / "frames" / "zarr.json", **changes)
    with pytest.raises(DatasetError, match="zarr.json: an array of .* in chunks of one tile is needed"):
        read_dataset(dataset.folder)


def test_an_array_without_description_is_told(dataset):
    path = dataset.folder / "bursts" / "00001" / "truth" / "zarr.json"
    for text in ("", "[]", "{}"):
        path.write_text(text)
        with pytest.raises(DatasetError, match="zarr.json: damaged"):
            read_dataset(dataset.folder)
    path.unlink()
    with pytest.raises(DatasetError, match="zarr.json: could not be read .*; copy the whole dataset again"):
        read_dataset(dataset.folder)


def chunk_of(dataset):
    return dataset.folder / "bursts" / "00000" / "frames" / "c.1.0.0.0.0"


@pytest.mark.parametrize("where", [0, 4, 20, 200, -1])
def test_a_flipped_bit_is_found_when_it_is_read(dataset, where):
    content = bytearray(chunk_of(dataset).read_bytes())
    content[where] ^= 16
    chunk_of(dataset).write_bytes(content)
    read = read_dataset(dataset.folder)
    read[0]
    with pytest.raises(DatasetError, match="c.1.0.0.0.0: damaged or cut short"):
        read[1]


@pytest.mark.parametrize("length", [0, 3, 5, 100])
def test_a_file_that_is_cut_short_is_told(dataset, length):
    chunk_of(dataset).write_bytes(chunk_of(dataset).read_bytes()[:length])
    with pytest.raises(DatasetError, match="c.1.0.0.0.0: damaged or cut short"):
        read_dataset(dataset.folder)[1]


def test_a_missing_file_is_not_taken_for_zeros(dataset):
    chunk_of(dataset).unlink()
    with pytest.raises(DatasetError, match="c.1.0.0.0.0: missing; copy the whole dataset again"):
        read_dataset(dataset.folder)[1]


def test_files_that_changed_places_are_found_by_the_check(dataset):
    other = chunk_of(dataset).with_name("c.0.0.0.0.0")
    shutil.copy(other, chunk_of(dataset))
    read_dataset(dataset.folder)[1]
    with pytest.raises(DatasetError, match="00000: not the values that manifest.json names"):
        read_dataset(dataset.folder).check()


def test_checking_can_be_cancelled(dataset):
    def stop(step):
        raise Cancelled

    with listening(stop), pytest.raises(Cancelled):
        dataset.check()
