"""Errors in words that a user can act on."""

import errno
from pathlib import Path

import pytest

from napari_focusstack.files import write_text
from napari_focusstack.ui.wording import error_words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("sigma=-1 is out of range"), "sigma=-1 is out of range"),
        (KeyError(), "KeyError"),
        (OSError("frame 3 cannot be read"), "frame 3 cannot be read"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a.tif"), "a.tif: No such file or directory"),
        (
            OSError(errno.EROFS, "Read-only file system", str(Path("/b/.gd.ome.tif.30ad38c6.part"))),
            f"{Path('/b/gd.ome.tif')} could not be written (Read-only file system); write elsewhere",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", str(Path("/b/.network.part"))),
            f"{Path('/b/network')} could not be written (Read-only file system); write elsewhere",
        ),
    ],
)
def test_the_system_s_numbers_and_hidden_names_are_left_out(error, words):
    assert error_words(error) == words


def test_what_a_file_could_not_take_is_told_as_it_is_on_the_command_line(tmp_path, monkeypatch):
    def fill_up(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fill_up)
    path = tmp_path / "a.csv"
    with pytest.raises(OSError) as told:
        write_text(path, "1,2")
    words = error_words(told.value)
    assert words.startswith(f"{path}: could not be written (No space left on device)")
    assert words.endswith("write elsewhere")
