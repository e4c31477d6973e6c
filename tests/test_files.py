"""Files and folders appear under their name only when they are complete."""

from pathlib import Path

import pytest

from napari_focusstack.files import folders_in, replacing, replacing_folder, standing, write_text


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
            OSError, match=r"could not be written \(No space left\); no part of it was left behind: .*recipe\.json"
        ),
        replacing(path) as temporary,
    ):
        temporary.write_text("half")
        raise OSError(28, "No space left")
    assert list(tmp_path.iterdir()) == []


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
        pytest.raises(OSError, match=r"could not be written \(in use\); what was there before is untouched: .*run"),
        replacing_folder(tmp_path / "run"),
    ):
        pass
    assert (tmp_path / "run" / "state").read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
