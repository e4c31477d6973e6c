"""Files appear under their name only when they are complete."""

import pytest

from napari_focusstack.files import replacing, write_text


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
