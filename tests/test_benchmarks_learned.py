"""The table of learned fusion: baselines with their known behaviour, bursts that all rows see alike, printed rows."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from napari_focusstack.alignment import BalancedPlanes
from napari_focusstack.arrays import to_float
from napari_focusstack.color import to_linear, to_stored
from napari_focusstack.metrics import psnr

ROOT = Path(__file__).parents[1]
SIZE = 64  # px


@pytest.fixture(autouse=True)
def from_the_root(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture(scope="module")
def library():
    from napari_focusstack.simulation.library import drawn_library

    return drawn_library(6, 6, seed=3, size=256)


@pytest.fixture
def small(library, monkeypatch):
    """Everything from a few small pictures."""
    from benchmarks import learned

    monkeypatch.setattr(learned, "held_out_library", lambda: library)


def blurred(picture: np.ndarray, sigma: float = 3.0) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), sigma)


def spots(light: float, ground: float) -> np.ndarray:
    """Spots (48, 48, 3) of 3 x 3 px, 12 px apart."""
    picture = np.full((48, 48, 3), ground, np.float32)
    for y in range(5, 48, 12):
        for x in range(5, 48, 12):
            picture[y : y + 3, x : x + 3] = light
    return picture


# --------------------------------------------------------------------
# the published baselines


@pytest.mark.parametrize(("light", "ground", "comes_back"), [(0.1, 0.9, True), (0.9, 0.1, False)])
def test_the_published_laplace_keeps_dark_spots_and_loses_bright_ones(light, ground, comes_back):
    from benchmarks import references

    sharp = spots(light, ground)
    for frames in (np.stack([sharp, blurred(sharp)]), np.stack([blurred(sharp), sharp])):
        picture = references.signed_laplacian(frames)
        assert (picture[6::12, 6::12] == sharp[6::12, 6::12]).all() == comes_back


def test_the_published_wavelets_join_two_halves():
    from benchmarks import references

    chance = np.random.default_rng(0)
    sharp = blurred(chance.random((128, 128, 3), np.float32), 1.0)
    soft = blurred(sharp)
    left = np.arange(128)[None, :, None] < 64
    near, far = np.where(left, sharp, soft), np.where(left, soft, sharp)
    picture = references.modulus_wavelet(np.stack([near, far]))
    assert psnr(picture, sharp) > psnr(near, sharp) + 5
    inside = np.s_[16:112, 80:112]  # away from the seam and the border
    assert psnr(picture[inside], sharp[inside]) > 35


def test_the_published_wavelets_take_noise_for_detail():
    from benchmarks import references

    chance = np.random.default_rng(0)
    frames = 0.5 + 0.05 * chance.standard_normal((8, 64, 64, 3)).astype(np.float32)
    assert references.modulus_wavelet(frames).std() > 1.2 * frames[0].std()


# --------------------------------------------------------------------
# the bursts


def test_sets_differ_in_what_sees_the_scene_not_in_the_scene(library):
    from benchmarks.learned_sets import SETS, scene

    found = {}
    for name, kind in SETS.items():
        with scene(kind, library, 3, size=SIZE, frames=3) as one:
            assert one.frames.shape == (3, SIZE, SIZE, 3)
            assert one.frames.dtype == (np.uint16 if kind.raw else np.uint8)
            assert (one.raw is not None) == kind.raw
            found[name] = one
    for colours in ("RGB", "raw"):
        clean, noisy = found[f"{colours}, clean"], found[f"{colours}, noisy"]
        assert np.allclose(clean.truth, noisy.truth, atol=1e-3)  # the matrix of raw files is measured
        assert 0.01 < np.std(to_float(noisy.frames[0]) - to_float(clean.frames[0])) < 0.15
    assert all(np.array_equal(one.band, found["RGB, clean"].band) for one in found.values())
    with scene(SETS["RGB, noisy"], library, 3, size=SIZE, frames=3) as again:
        assert np.array_equal(again.frames, found["RGB, noisy"].frames)
    with scene(SETS["RGB, noisy"], library, 4, size=SIZE, frames=3) as other:
        assert not np.array_equal(other.truth, found["RGB, noisy"].truth)


@pytest.mark.parametrize("name", ["raw, clean", "raw, noisy"])
def test_raw_rows_see_the_same_values(library, name):
    from benchmarks.learned_sets import SETS, scene

    with scene(SETS[name], library, 1, size=SIZE, frames=2) as one:
        planes = to_float(BalancedPlanes(one.raw)[1])
        developed = to_float(one.frames[1])
        for plane, (row, column, colour) in enumerate([(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)]):
            seen = developed[row::2, column::2, colour]  # demosaicing keeps what a site measured
            assert np.abs(seen - to_stored(planes[..., plane])).max() < 2e-3


def test_the_truth_of_raw_files_has_the_colours_of_their_frames(library):
    from benchmarks.learned_sets import Set, scene

    with scene(Set(raw=True), library, 5, size=SIZE, frames=4) as one:
        frames = to_float(np.asarray(one.frames)).mean((0, 1, 2))
    assert np.allclose(frames, one.truth.mean((0, 1)), rtol=0.06)


def test_the_mosaic_holds_what_the_simulated_sensor_counted(library):
    from benchmarks.learned_sets import SEED, SETS, scene

    from napari_focusstack.simulation.batches import draw_batch
    from napari_focusstack.training.sources import generator_of

    kind = SETS["raw, noisy"]
    batch = draw_batch(library, kind.variety, generator_of((SEED, 2)), bursts=1, size=SIZE, frames=2, mosaic=True)
    balanced = batch.frames[0, 1].numpy().transpose(1, 2, 0)
    with scene(kind, library, 2, size=SIZE, frames=2) as one:
        assert np.allclose(one.raw.mosaic(1) * one.raw.white_balance, balanced, atol=5e-5)
        assert batch.noise[0, 0] == pytest.approx(6e-3)


@pytest.mark.parametrize("backwards", [False, True])
def test_the_band_is_behind_the_edge_in_either_order(backwards):
    from benchmarks.learned_sets import _veiled

    from napari_focusstack.simulation.batches import Batch

    near, far = torch.zeros(1, 20, 30), torch.full((1, 20, 30), 4.0)
    depth = near.clone()
    depth[..., 15:] = 4
    depths = torch.stack([near, far], 1)
    if backwards:
        depth, depths = 4 - depth, 4 - depths
    frames = torch.zeros(1, 5, 3, 20, 30)
    batch = Batch(frames, frames[:, 0], depth, torch.ones_like(depths), depths, blur=2.0, noise=torch.zeros(1, 2))
    band = _veiled(batch)
    assert band[:, 15:19].all()
    assert not band[:, :15].any()
    assert not band[:, 21:].any()


# --------------------------------------------------------------------
# the tables


def tiny_checkpoint(folder: Path, *, raw: bool) -> str:
    """Untrained network in the folder of a checkpoint; its path."""
    from napari_focusstack.nets import build
    from napari_focusstack.nets.checkpoint import Input, Training, save_checkpoint

    network = build("focusdeep-any", {"size": "small", "raw": raw})
    save_checkpoint(
        folder,
        network,
        task="fusion",
        input=Input(channels=4 if raw else None, range=(0.0, 1.0), light="stored", frames=(1, 300)),
        training=Training(data="none", steps=0, seed=0, loss="absolute", code="0"),
        metrics={},
        licence="BSD-3-Clause",
    )
    return str(folder)


def test_learned_prints_a_table_of_every_set(small, tmp_path, monkeypatch, capsys):
    from benchmarks import learned

    pictures, mosaics = (tiny_checkpoint(tmp_path / name, raw=name == "raw") for name in ("rgb", "raw"))
    monkeypatch.setattr(learned, "PICTURES", pictures)
    monkeypatch.setattr(learned, "MOSAICS", mosaics)
    monkeypatch.setattr(learned.learned_lengths, "LENGTHS", (2, 3))
    scores = learned.report(bursts=1, size=SIZE, device="cpu", json_file=tmp_path / "figures.json")
    assert all(math.isfinite(score.psnr) and score.ssim <= 1 for score in scores)
    rows = [score.method for score in scores if score.set == "raw, noisy"]
    assert rows == [
        *("mean of the frames", "best single frame", "best frame at each pixel"),
        *("Laplace as published", "Wavelets as published"),
        *("pyramid", "depthmap", "wavelet", "guided", "average", "unet-small", pictures, mosaics),
    ]
    assert [score.method for score in scores if score.set == "RGB, clean"] == rows[:-1]
    by_row = {(score.set, score.method): score.psnr for score in scores}
    for name in ("RGB, clean", "raw, noisy"):
        assert by_row[name, "best frame at each pixel"] > by_row[name, "best single frame"]
    printed = capsys.readouterr().out
    assert printed.count("| Laplace as published ") == 4
    assert "raw, noisy\n\n| bursts: 1" in printed
    assert "| RGB, noisy" in printed
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert len(figures["scores"]) == len(scores)
    assert [(one["set"], one["frames"]) for one in figures["lengths"]] == [
        ("RGB, clean", 2),
        ("RGB, clean", 3),
        ("RGB, noisy", 2),
        ("RGB, noisy", 3),
    ]


def test_learned_takes_some_rows_only(small, capsys):
    from benchmarks.learned import report

    scores = report(["mean of the frames", "average"], bursts=2, size=SIZE, device="cpu")
    assert [score.frames for score in scores if score.set == "raw, clean"] == [2, 2, 30, 30]
    assert "pyramid" not in capsys.readouterr().out


def test_learned_names_what_it_does_not_know():
    from benchmarks.learned import report

    with pytest.raises(ValueError, match="unknown row means; choices: mean of the frames, best single frame"):
        report(["means"], bursts=1, size=SIZE)
    with pytest.raises(ValueError, match="bursts=0 make no table"):
        report(bursts=0, size=SIZE)


def test_lengths_tell_order_and_light_apart(library, monkeypatch):
    from benchmarks import learned_lengths as lengths

    monkeypatch.setattr(lengths, "LENGTHS", (2, 5))
    measured = {}
    for name, row in {
        "mean": lambda one: to_float(one.frames).mean(0),
        "first": lambda one: to_float(one.frames[0]),
        "darker": lambda one: to_stored(np.float32(0.9) * to_linear(one.truth)),
    }.items():
        measured[name] = lengths.measure(row, library, scenes=2, size=SIZE, border=8)
    assert [one.frames for one in measured["mean"]] == [2, 5, 2, 5]
    assert max(one.turned for one in measured["mean"]) < 1e-3
    assert min(one.turned for one in measured["first"]) > 0.1
    assert all(one.bias == pytest.approx(0.1, abs=1e-3) for one in measured["darker"])
    assert "| RGB, noisy |" in lengths.table(measured["mean"], "mean")
