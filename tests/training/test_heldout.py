"""Held-out sets: fixed by their seed and their pictures, and by nothing else."""

import cv2
import numpy as np
import pytest
import torch

from napari_focusstack.arrays import from_float
from napari_focusstack.simulation.batches import Variety
from napari_focusstack.simulation.library import drawn_library, held_out
from napari_focusstack.training import heldout
from napari_focusstack.training.heldout import simulate_dataset, write_held_out
from napari_focusstack.training.sources import Simulated

VARIETY = Variety(frames=(2, 4))


@pytest.fixture(scope="module")
def library():
    return drawn_library(4, 4, size=96)


def write(folder, library, **changes):
    return write_held_out(folder, library, VARIETY, **{"seed": 5, "count": 3, "size": 32, **changes})


def test_the_same_words_write_the_same_version(tmp_path, library):
    versions = [write(tmp_path / "one", library).version, write(tmp_path / "two", library).version]
    assert versions[0] == versions[1]
    assert write(tmp_path / "three", library, seed=6).version != versions[0]
    other = drawn_library(4, 4, size=96, seed=1)
    three = write(tmp_path / "three", other)
    assert three.version != versions[0]
    assert three.manifest["made"]["their SHA-256"] != write(tmp_path / "two", library).manifest["made"]["their SHA-256"]


def test_sums_are_rounded_alike_with_any_number_of_threads(tmp_path, library, monkeypatch):
    draw, before, during = Simulated.draw, torch.get_num_threads(), []

    def watched(*args, **options):
        during.append(torch.get_num_threads())
        return draw(*args, **options)

    monkeypatch.setattr(Simulated, "draw", watched)
    torch.set_num_threads(2)
    try:
        write(tmp_path / "d", library)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert during == [1, 1, 1]


def test_what_is_stored_is_what_the_simulator_drew(tmp_path, library):
    dataset = write(tmp_path / "d", library)
    assert [entry.frames for entry in dataset.entries] == [2, 3, 4]
    assert {(entry.split, entry.target, entry.dtype) for entry in dataset.entries} == {("test", "simulator", "uint16")}
    for number in range(3):
        drawn = Simulated(library, VARIETY).draw((5, number), bursts=1, size=32, frames=number + 2)
        frames, truth, depth = dataset.example(number)
        np.testing.assert_array_equal(frames, from_float(drawn.frames[0].numpy(), "uint16"))
        np.testing.assert_allclose(frames / 65535, drawn.frames[0], atol=1e-5)
        np.testing.assert_allclose(truth / 65535, drawn.truth[0], atol=1e-5)
        np.testing.assert_array_equal(depth, drawn.depth[0])


def test_only_pictures_of_the_split_are_used(tmp_path, monkeypatch):
    monkeypatch.setattr(heldout, "DRAWN", {"train": (1, 1), "test": (1, 2)})
    (tmp_path / "pictures").mkdir()
    names = [f"{k}.png" for k in range(12)]
    for name in names:
        cv2.imwrite(str(tmp_path / "pictures" / name), np.full((8, 8, 3), 99, np.uint8))
    count = sum(map(held_out, names))
    assert 0 < count < 12
    for split, own, read in (("test", [1, 2], count), ("train", [1, 1], 12 - count)):
        dataset = simulate_dataset(
            tmp_path / split, library=tmp_path / "pictures", split=split, bursts=1, frames=(2, 2), size=32
        )
        assert dataset.manifest["made"]["textures and cut-outs"] == [own[0] + read, own[1]]
        assert dataset.manifest["made"]["pictures of"] == "pictures"
        assert dataset.entries[0].split == split


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 0}, "0 bursts cannot be written; 1 to 99999 can"),
        ({"frames": (1, 4)}, r"frames=\(1, 4\): fewest and most frames are needed, from 2 to 300"),
        ({"frames": (5, 4)}, "fewest and most"),
        ({"size": 31}, "size=31 px is not possible; an even number from 32 to 1024 is"),
        ({"size": 2048}, "size=2048 px is not possible"),
    ],
)
def test_numbers_out_of_range_are_told(tmp_path, library, changes, message):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "d", library, **changes)
    assert list(tmp_path.iterdir()) == []
