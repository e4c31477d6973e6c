"""The tables of learned depth: figures of depths whose error is known, bursts that are thinned, printed rows."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from napari_focusstack import Depth

ROOT = Path(__file__).parents[1]
SIZE = 64  # px
FRAMES = 5


@pytest.fixture(autouse=True)
def from_the_root(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture
def stack():
    """A step of two frames in the middle of a burst of five."""
    from benchmarks.learned_depth import _stack

    depth = np.full((SIZE, SIZE), 1, np.float32)
    depth[:, SIZE // 2 :] = 3
    return _stack(np.zeros((FRAMES, SIZE, SIZE, 3), np.uint8), depth)


def found(index: np.ndarray, sigma: float) -> Depth:
    """Depth of which all is measured."""
    whole = np.full_like(index, 1)
    return Depth(index, whole * np.float32(sigma), index, whole, np.arange(float(FRAMES)))


def scored(way, stack):
    from benchmarks.learned_depth import _score

    return _score("set", "row", 0, way, stack)


def test_the_truth_has_no_error(stack):
    score = scored(lambda one: found(one.depth, 0.1), stack)
    assert (score.mse, score.rmse, score.abs_rel, score.delta, score.beside) == (0, 0, 0, 1, 0)
    assert (score.within, score.measured) == (1, 1)


def test_an_offset_is_a_share_of_the_sweep(stack):
    """A quarter of a frame of four intervals is 1/16 of the sweep; relative to depths of 0.325 and 0.775."""
    score = scored(lambda one: found(one.depth + np.float32(0.25), 0.2), stack)
    assert score.rmse == pytest.approx(1 / 16, rel=1e-5)
    assert score.mse == pytest.approx(1 / 256, rel=1e-5)
    assert score.abs_rel == pytest.approx(np.mean([0.9 / 16 / 0.325, 0.9 / 16 / 0.775]), rel=1e-5)
    assert score.bumpiness == pytest.approx(0, abs=1e-4)
    assert score.within == 0  # 0.25 frames are more than one σ of 0.2


def test_bad_beside_edges_counts_what_is_off_by_more_than_a_frame(stack):
    """All has the depth of the left side: of the columns beside the edge, those on the right are wrong."""
    score = scored(lambda one: np.full_like(one.depth, 1), stack)
    assert score.beside == pytest.approx(0.5, abs=0.05)
    assert score.within is None
    assert score.measured is None


def test_thinned_bursts_keep_the_place_in_the_sweep():
    from benchmarks.learned_depth import SURFACES, Stack, _thinned

    numbers = np.arange(41, dtype=np.float32)
    frames = np.broadcast_to(numbers[:, None, None, None], (41, 4, 41, 1))
    target = Stack(frames, np.broadcast_to(numbers, (4, 41)), np.ones((4, 41), bool))
    thinned = _thinned(target)
    kept = thinned.frames[:, 0, 0, 0]
    assert len(kept) == SURFACES
    assert (kept[0], kept[-1]) == (0, 40)
    np.testing.assert_allclose(np.interp(thinned.depth, np.arange(SURFACES), kept), target.depth, atol=1e-5)


def test_adapting_is_counted_by_bursts():
    from benchmarks.learned_depth import CHECKPOINTS, TUNED, Score, _helped

    def score(method: str, number: int, error: float) -> Score:
        return Score("set", method, number, FRAMES, error**2, error, 0, 0, 1, None, None, None, 0)

    name = CHECKPOINTS[0]
    before = [score(name, number, 0.2) for number in range(3)]
    after = [score(name + TUNED, number, error) for number, error in enumerate((0.1, 0.2, 0.3))]
    assert "better in 1, the same in 1, worse in 1" in _helped(before + after)
    assert _helped(before) == ""


def test_report_prints_a_table_of_each_set(stack, monkeypatch, capsys, tmp_path):
    from benchmarks import learned_depth

    monkeypatch.setattr(learned_depth, "_sets", lambda *_: {"one set": [stack], "another": [stack]})
    file = tmp_path / "figures.json"
    learned_depth.report(["argmax", "sff"], bursts=1, size=SIZE, steps=1, json_file=file)
    printed = capsys.readouterr().out
    assert printed.count("| sff ") == printed.count("| argmax ") == 2
    assert {(one["set"], one["method"]) for one in json.loads(file.read_text())} == {
        (name, row) for name in ("one set", "another") for row in ("argmax", "sff")
    }


def test_sets_are_drawn_alike_each_time(monkeypatch):
    from benchmarks import learned_depth

    from napari_focusstack.simulation.library import drawn_library

    monkeypatch.setattr(learned_depth, "held_out_library", partial(drawn_library, 6, 6, seed=3, size=128))
    first, again = (learned_depth._sets(1, SIZE, None) for _ in range(2))
    assert list(first) == ["5 frames", "10 frames", "30 frames", learned_depth.OTHER]
    for name in first:
        one, other = next(iter(first[name])), next(iter(again[name]))
        np.testing.assert_array_equal(one.frames, other.frames)
        np.testing.assert_array_equal(one.depth, other.depth)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"methods": ["best"]}, "unknown row best; choices: argmax, guo published, sff tenengrad"),
        ({"bursts": 0}, "bursts=0, steps=1 make no table; 1 or more of each do"),
    ],
)
def test_what_cannot_be_measured_is_told(choice, words):
    from benchmarks.learned_depth import report

    with pytest.raises(ValueError, match=words):
        report(**({"bursts": 1, "size": SIZE, "steps": 1} | choice))
