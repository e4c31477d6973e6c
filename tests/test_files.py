"""Files and folders appear under their name only when they are complete."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from napari_focusstack.files import folders_in, replacing, replacing_folder, standing, write_text
from napari_focusstack.io import write_image
from napari_focusstack.io.depth import write_depth
from napari_focusstack.io.mesh import write_mesh
from napari_focusstack.nets.checkpoint import load_network, read_checkpoint, save_checkpoint


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "recipe.json"
    with replacing(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    write_text(path, "µ")
    assert path.read_text(encoding="utf-8") == "µ"
    assert [p.name for p in tmp_path.iterdir()] == ["recipe.json"]


def test_what_was_there_survives_a_failure(tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text("precious")
    with pytest.raises(KeyError), replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert path.read_text() == "precious"
    assert [p.name for p in tmp_path.iterdir()] == ["recipe.json"]


def test_a_full_disk_is_told_with_the_file(tmp_path):
    path = tmp_path / "recipe.json"
    with (
        pytest.raises(
            OSError,
            match=r"could not be written \(No space left\); no part of it was left behind; free some space there, or "
            r"write elsewhere: .*recipe\.json",
        ),
        replacing(path) as temporary,
    ):
        temporary.write_text("half")
        raise OSError(28, "No space left")
    assert list(tmp_path.iterdir()) == []


@contextmanager
def small_files(largest):
    """Let no file grow beyond some bytes, as on a full disk; the test's own output may, so only as long as needed."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def mesh(path):
    y, x = np.mgrid[:12, :12]
    places, numbers = np.stack([y * x, y, x], -1).reshape(-1, 3).astype(np.float32), np.arange(144).reshape(12, 12)
    faces = np.stack([numbers[:-1, :-1], numbers[1:, :-1], numbers[:-1, 1:]], -1).reshape(-1, 3)
    look = {"texcoords": places[:, 1:] / 12, "texture": np.zeros((2, 2, 3), np.uint8)}
    write_mesh(path, places, faces, **look)


def checkpoint(path):
    known = read_checkpoint("unet-small")
    facts = {name: getattr(known, name) for name in ("task", "input", "tile", "training", "metrics", "licence")}
    save_checkpoint(path, load_network(known, "cpu"), **facts)


NOISE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
WRITERS = {
    **dict.fromkeys(("a.tif", "a.ome.tif", "a.png", "a.jpg"), lambda path: write_image(path, NOISE)),
    **dict.fromkeys(("d.tif", "d.png"), lambda path: write_depth(path, NOISE[..., 0] / np.float32(7), unit="um")),
    **dict.fromkeys(("m.obj", "m.glb", "m.ply", "m.stl"), mesh),
    "alignment.json": lambda path: write_text(path, "x" * 9000),
    "checkpoint": checkpoint,
}


@pytest.mark.parametrize("there", [False, True], ids=["new", "replaced"])
@pytest.mark.parametrize("name", WRITERS)
def test_no_output_leaves_a_part_of_itself_on_a_full_disk(tmp_path, name, there):
    path = tmp_path / name
    if there:
        WRITERS[name](path)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    told = "could not be written .*; free some space there, or write elsewhere"
    with pytest.raises(OSError, match=told) as stop, small_files(1600):
        WRITERS[name](path)
    assert stop.value.filename == str(path)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    assert {file.name for file in tmp_path.iterdir()} == ({file.relative_to(tmp_path).parts[0] for file in before})


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(OSError, match="could not be written"):
        write_text(tmp_path / "no" / "recipe.json", "x")


def test_a_folder_takes_its_place_when_it_is_complete(tmp_path):
    folder = tmp_path / "deep" / "run"
    for text in ("first", "second"):
        with replacing_folder(folder) as new:
            (new / "state").write_text(text)
            assert not folder.exists() or (folder / "state").read_text() == "first"
        assert (folder / "state").read_text() == text
    assert [path.name for path in folder.parent.iterdir()] == ["run"]


def test_files_that_the_new_folder_does_not_have_stay(tmp_path):
    (tmp_path / "run" / "logs").mkdir(parents=True)
    (tmp_path / "run" / "logs" / "mine").write_text("kept")
    with replacing_folder(tmp_path / "run") as new:
        (new / "state").write_text("new")
    assert (tmp_path / "run" / "logs" / "mine").read_text() == "kept"
    assert (tmp_path / "run" / "state").read_text() == "new"


@pytest.mark.parametrize("error", [KeyError("any"), OSError(28, "No space left")])
def test_what_was_in_the_folder_survives_a_failure(tmp_path, error):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "state").write_text("precious")
    with pytest.raises(type(error)), replacing_folder(tmp_path / "run") as new:
        (new / "state").write_text("half")
        raise error
    assert (tmp_path / "run" / "state").read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_folder_whose_replacing_was_cut_off_is_found_and_put_back(tmp_path):
    (tmp_path / ".run.old").mkdir()
    (tmp_path / ".run.old" / "state").write_text("precious")
    (tmp_path / ".run.part").mkdir()
    assert folders_in(tmp_path) == [tmp_path / "run"]
    assert (standing(tmp_path / "run") / "state").read_text() == "precious"
    with pytest.raises(KeyError), replacing_folder(tmp_path / "run"):
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert standing(tmp_path / "run") == tmp_path / "run"


def test_a_folder_that_cannot_take_its_place_is_told(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "state").write_text("precious")
    rename = Path.rename

    def refusing(path, target):
        if path.name.endswith(".part"):
            raise PermissionError(13, "in use")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refusing)
    with (
        pytest.raises(
            OSError,
            match=r"could not be written \(in use\); what was there before is untouched; write elsewhere: .*run",
        ),
        replacing_folder(tmp_path / "run"),
    ):
        pass
    assert (tmp_path / "run" / "state").read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
