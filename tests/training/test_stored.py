"""Examples from datasets: what is true of a tile stays true however it is cropped, mirrored, turned and reversed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_focusstack.training.data import held_out_of, source_of
from napari_focusstack.training.recipe import DataPart, TrainingRecipe
from napari_focusstack.training.store import DatasetError, NewBurst, Tile, write_dataset
from napari_focusstack.training.stored import Stored

SIZE = 32
SITES = ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1))  # colour, row and column of each plane of a mosaic


def picture(seed, colours=3):
    return np.random.default_rng(seed).random((colours, SIZE, SIZE), np.float32)


def coded(seed, frames):
    """Tile whose frame k is the truth, divided by 2 + |k - depth|."""
    truth, depth = picture(seed), picture(seed + 1, 1)[0] * (frames - 1)
    stack = [truth / (2 + np.abs(k - depth)) for k in range(frames)]
    return Tile(np.stack(stack).astype(np.float32), truth, depth)


def mosaic(seed, frames):
    """Tile whose planes are the truth, seen through a mosaic that starts with red."""
    truth = picture(seed)
    planes = np.stack([truth[colour, row::2, column::2] for colour, row, column in SITES])
    return Tile(np.stack([planes * (k + 1) / frames for k in range(frames)]), truth)


def dataset_of(folder, make, kind, lengths=(3, 3, 5)):
    bursts = (
        NewBurst(f"b{k}", "test" if k == 1 else "train", ((0, 0),), iter([make(10 * k, n)]))
        for k, n in enumerate(lengths)
    )
    return write_dataset(folder, bursts, kind=kind, tile=SIZE, made={})


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return dataset_of(tmp_path_factory.mktemp("rgb") / "d", coded, "rgb")


@pytest.fixture(scope="module")
def mosaics(tmp_path_factory):
    return dataset_of(tmp_path_factory.mktemp("raw") / "d", mosaic, "raw")


@pytest.mark.parametrize("size", [SIZE, 20, 13])
def test_depth_and_truth_fit_the_frames(pictures, size):
    for seed in range(12):
        found = Stored(pictures).draw((seed,), bursts=2, size=size)
        count = found.frames.shape[1]
        assert found.frames.shape == (2, count, 3, size, size)
        assert found.truth.shape == (2, 3, size, size)
        away = (torch.arange(count)[None, :, None, None] - found.depth[:, None]).abs()
        expected = found.truth[:, None] / (2 + away[:, :, None])
        torch.testing.assert_close(found.frames, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [SIZE, SIZE - 2, 20])
def test_a_mosaic_still_starts_with_red(mosaics, size):
    for seed in range(24):
        found = Stored(mosaics).draw((seed,), bursts=1, size=size)
        assert found.truth.shape == (1, 3, size, size)
        assert found.frames.shape[2:] == (4, size // 2, size // 2)
        brightest = found.frames[0].amax((1, 2, 3)).argmax()
        for plane, (colour, row, column) in enumerate(SITES):
            torch.testing.assert_close(found.frames[0, brightest, plane], found.truth[0, colour, row::2, column::2])


@pytest.mark.parametrize(("kind", "size", "ways"), [("rgb", SIZE, 16), ("raw", SIZE, 4), ("raw", SIZE - 2, None)])
def test_all_ways_to_turn_a_tile_occur(pictures, mosaics, kind, size, ways):
    dataset = replace(pictures if kind == "rgb" else mosaics, _numbers=((0, 0),))
    seen = {Stored(dataset).draw((seed,), bursts=1, size=size).frames.numpy().tobytes() for seed in range(200)}
    if ways is None:  # crops, too: 2 x 2 places, of mirrored ones fewer
        assert len(seen) > 16
    else:
        assert len(seen) == ways  # a mosaic of full size cannot be mirrored: transposed and reversed only


def test_the_same_seed_draws_the_same(pictures):
    source = Stored(pictures)
    one, two, other = (source.draw(seed, bursts=4, size=20) for seed in ((1, 2), (1, 2), (1, 3)))
    assert torch.equal(one.frames, two.frames)
    assert torch.equal(one.truth, two.truth)
    assert one.frames.shape != other.frames.shape or not torch.equal(one.frames, other.frames)


def test_bursts_of_a_draw_are_of_one_length_and_keep_all_frames(pictures):
    source = Stored(pictures)
    lengths = [source.draw((seed,), bursts=3, size=8).frames.shape[1] for seed in range(60)]
    assert set(lengths) == {3, 5}
    assert lengths.count(3) > lengths.count(5)  # two bursts of three
    for asked, length in ((2, 3), (3, 3), (4, 3), (5, 5), (30, 5)):
        assert source.draw((0,), bursts=1, size=8, frames=asked).frames.shape[1] == length


def test_sizes_that_cannot_be_cut_are_told(pictures, mosaics):
    with pytest.raises(ValueError, match="size=64 px is larger than the tiles of .*d, 32 px"):
        Stored(pictures).draw((0,), bursts=1, size=64)
    with pytest.raises(ValueError, match="size=13 px cannot be cut from the planes of a mosaic; choose an even size"):
        Stored(mosaics).draw((0,), bursts=1, size=13)


def test_a_recipe_trains_on_one_split_and_holds_the_other_out(pictures, tmp_path):
    recipe = TrainingRecipe(data=(DataPart("dataset", folder=str(pictures.folder)),), size=SIZE, held_out=2)
    cpu = torch.device("cpu")
    train = source_of(recipe, {}, cpu)
    assert {train.dataset.entry(i).name for i in range(len(train.dataset))} == {"b0", "b2"}
    means = {round(float(draw.truth.mean()), 5) for draw in held_out_of(recipe, {}, cpu)}
    assert means == {round(float(picture(10).mean()), 5)}
    alone = dataset_of(tmp_path / "alone", coded, "rgb", (3,))
    recipe = replace(recipe, data=(DataPart("dataset", folder=str(alone.folder)),))
    with pytest.raises(
        DatasetError, match="alone: no burst of this dataset is held out: build it of two or more bursts"
    ):
        held_out_of(recipe, {}, cpu)


def test_planes_are_refused_by_a_network_that_cannot_develop_them(mosaics):
    recipe = TrainingRecipe(data=(DataPart("dataset", folder=str(mosaics.folder)),), size=SIZE)
    with pytest.raises(
        ValueError,
        match="d holds planes of raw files and developed pictures, which unet cannot develop; build kind 'rgb', or",
    ):
        source_of(recipe, {}, torch.device("cpu"))
