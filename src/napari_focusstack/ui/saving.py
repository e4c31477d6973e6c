"""Where to save: a file dialog that remembers nothing but the name it is given."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget

__all__ = ["ask_path", "check_folder", "file_name"]

FORBIDDEN = '<>:"/\\|?*'  # in names of files, on one system or another


def ask_path(parent: QWidget, title: str, name: str, filters: Sequence[str]) -> str:
    """Path that the user chose, with an extension; empty if none.

    Parameters
    ----------
    parent : QWidget
        In front of which the dialog appears.
    title : str
        Of the dialog.
    name : str
        That is proposed.
    filters : sequence of str
        As Qt takes them: ``"CSV (*.csv)"``; the first one's extension is added to a name without one.
    """
    path = str(QFileDialog.getSaveFileName(parent, title, file_name(name), ";;".join(filters))[0])
    if not path or Path(path).suffix:
        return path
    return path + filters[0].partition("*")[2].split()[0].rstrip(")")


def check_folder(path: str) -> None:
    """Refuse a path whose folder is not there, or takes no files.

    Raises
    ------
    OSError
        If so; it names the folder.
    """
    folder = Path(path).parent
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder; make it first.")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} cannot be written; write elsewhere.")


def file_name(name: str) -> str:
    """Name without the characters that file systems refuse."""
    return "".join("_" if letter in FORBIDDEN else letter for letter in name).strip()
