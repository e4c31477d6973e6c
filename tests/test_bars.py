"""The command line's progress: bars on a terminal, one word on compiling where that takes long."""

import numba
import pytest

from napari_focusstack import bars as module
from napari_focusstack.bars import bars
from napari_focusstack.progress import track

WORDS = "focusstack: compiling loops, once; the next run with the same methods begins at once"


def compiled():
    """Compile two loops, neither of which is kept on the disk."""
    for number in (1, 2):
        numba.njit(lambda x, number=number: x + number)(number)


@pytest.mark.parametrize(("patience", "quiet", "times"), [(-1.0, False, 1), (-1.0, True, 0), (1e9, False, 0)])
def test_long_compiling_is_told_once(monkeypatch, capsys, patience, quiet, times):
    monkeypatch.setattr(module, "PATIENCE_S", patience)
    with bars(quiet):
        compiled()
    assert capsys.readouterr().err.count(WORDS) == times
    compiled()
    assert capsys.readouterr().err == ""


def test_there_are_bars_on_a_terminal_only(monkeypatch, capsys):
    for terminal in (False, True):
        monkeypatch.setattr(module.sys.stderr, "isatty", lambda terminal=terminal: terminal)
        with bars(quiet=False):
            list(track(range(3), "Fusing"))
        said = capsys.readouterr().err
        assert ("Fusing" in said) == terminal
        assert ("3/3" in said) == terminal
