"""The tables of diffusion elimination: pairs with and without truth, kernels, stacks, time."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from checkpointed import saved
from napari_focusstack.simulation.library import drawn_library

ROOT = Path(__file__).parents[1]
SIZE = 96  # px
NOTHING = {name: f"no such {name}" for name in ("fsb", "frb", "keb")}


@pytest.fixture(autouse=True)
def from_the_root(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture(scope="module")
def library():
    return drawn_library(4, 6, seed=3, size=256)


@pytest.fixture(scope="module")
def networks(tmp_path_factory) -> dict[str, str]:
    """Untrained networks in folders of checkpoints; their paths."""
    folder = tmp_path_factory.mktemp("networks")
    sizes = {"fsb": {"size": "small"}, "keb": {"size": "small"}, "frb": {}}
    return {name: saved(folder / name, name, lengths=(2, 2), tile=512, **size) for name, size in sizes.items()}


def test_pairs_and_kernels_are_printed(library, networks, monkeypatch, tmp_path, capsys):
    from benchmarks import diffusion

    monkeypatch.setattr(diffusion, "held_out_library", lambda: library)
    file = tmp_path / "figures.json"
    found = diffusion.report(["pairs", "kernels"], count=2, size=SIZE, networks=networks, device="cpu", json_file=file)
    ours = ["average", "pyramid", "guided"]
    rows = found["pairs without noise"]
    assert [name for name in rows if name in ours or name.startswith("mask")] == [
        *ours,
        *("mask: sharpness", "mask: sharpness, blur: searched"),
        *(
            f"mask: {mask}{blur}"
            for mask in ("FSB", "FSB, FRB")
            for blur in ("", ", blur: searched", ", blur: KEB", ", blur: searched, else KEB")
        ),
        *("mask: truth", "mask: truth, blur: searched", "mask: truth, blur: true"),
    ]
    for figures in (one for row in rows.values() for one in row):
        assert 0 < figures["Q_MI"] <= 2
        assert math.isfinite(figures["PSNR, dB"])
    assert all(one["mIoU"] == 1 for one in rows["mask: truth"])
    assert not any("mIoU" in one for one in rows["pyramid"])
    kernels = found["kernels with noise"]
    assert len(kernels["KEB, true mask"]) == 2
    assert set(kernels) == {
        f"{way}, {mask}"
        for way in ("search", "KEB", "search, else KEB")
        for mask in ("true mask", "mask by sharpness", "mask by FSB", "mask by FSB, FRB")
    }
    printed = capsys.readouterr().out
    assert printed.count("| mask: truth, blur: true ") == 2
    assert printed.count("| search, true mask ") == 2
    assert json.loads(file.read_text()).keys() == found.keys()


def test_rows_without_a_checkpoint_are_left_out():
    from benchmarks.diffusion_pairs import rows_of

    names = list(rows_of(NOTHING, "cpu", truth=False))
    assert "mask: sharpness" in names
    assert not [name for name in names if "FSB" in name or "FRB" in name or "KEB" in name or "truth" in name]


def test_the_same_scene_is_seen_with_noise_and_without(library):
    from benchmarks.diffusion_pairs import simulated

    clean, noisy = (simulated(library, noise, 1, SIZE) for noise in ("without noise", "with noise"))
    assert np.array_equal(clean.mask, noisy.mask)
    assert np.array_equal(clean.truth, noisy.truth)
    assert clean.sigma == noisy.sigma
    assert not np.array_equal(clean.frames, noisy.frames)
    assert np.array_equal(clean.frames, simulated(library, "without noise", 1, SIZE).frames)


def test_eliminating_with_all_that_is_true_brings_a_pair_nearer_to_the_truth():
    from benchmarks.diffusion_pairs import Pair, figures, rows_of

    from napari_focusstack.diffusion.reblurring import blurred

    y, x = np.mgrid[:SIZE, :SIZE]
    mask = (np.hypot(y - SIZE / 2, x - SIZE / 2) < 24).astype(np.float32)
    front, back = (np.full((SIZE, SIZE, 3), light, np.float32) for light in (0.9, 0.3))
    back += 0.1 * np.sin(x / 3)[..., None].astype(np.float32)
    stored = lambda light: np.rint(np.clip(1.055 * light ** (1 / 2.4) - 0.055, 0, 1) * 255)  # noqa: E731
    cover = blurred(mask, 4.0)[..., None]
    near = mask[..., None] * front + (1 - mask[..., None]) * blurred(back, 4.0)
    far = cover * front + (1 - cover) * back
    truth = mask[..., None] * front + (1 - mask[..., None]) * back
    frames = np.stack([stored(near), stored(far)]).astype(np.uint8)
    pair = Pair("disc", frames, (stored(truth) / 255).astype(np.float32), mask, 4.0)
    rows = rows_of(NOTHING, "cpu", truth=True)
    before, after = (figures(rows[name](pair), pair) for name in ("mask: truth", "mask: truth, blur: true"))
    assert after["beside edges, dB"] > before["beside edges, dB"] + 1.5
    assert after["PSNR, dB"] > before["PSNR, dB"] + 1


def test_a_folder_of_pairs_is_measured_without_truth(library, tmp_path, capsys):
    from benchmarks.diffusion import report_folder
    from benchmarks.diffusion_pairs import simulated

    for number, folder in ((0, tmp_path), (1, tmp_path / "more")):
        folder.mkdir(exist_ok=True)
        pair = simulated(library, "without noise", number, SIZE)
        for role, frame in zip("AB", pair.frames, strict=True):
            cv2.imwrite(str(folder / f"lytro-0{number}-{role}.png"), np.ascontiguousarray(frame[..., ::-1]))
        if number:
            cv2.imwrite(str(folder / "lytro-01-mask.png"), (pair.mask * 255).astype(np.uint8))
    found = report_folder(tmp_path, networks=NOTHING, device="cpu")
    assert [len(row) for row in found.values()] == [2] * len(found)
    assert ["mIoU" in one for one in found["mask: sharpness"]] == [False, True]
    assert all(math.isfinite(one["Q_CV"]) for row in found.values() for one in row)
    assert "| pairs: 2 " in capsys.readouterr().out


def test_folders_without_pairs_are_refused(tmp_path):
    from benchmarks.diffusion_pairs import of_folder

    with pytest.raises(FileNotFoundError, match=r"no pairs; they are named like lytro-01-A\.jpg"):
        list(of_folder(tmp_path))
    for role, side in (("A", 20), ("B", 21)):
        cv2.imwrite(str(tmp_path / f"one-{role}.png"), np.zeros((side, 20, 3), np.uint8))
    with pytest.raises(ValueError, match="one: its pictures differ in size"):
        list(of_folder(tmp_path))
    (tmp_path / "one-B.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="not a picture that can be read"):
        list(of_folder(tmp_path))


def test_stacks_robustness_and_time_are_printed(monkeypatch, capsys):
    from benchmarks import diffusion
    from benchmarks import diffusion_stacks as stacks

    monkeypatch.setattr(stacks, "SCENES", {"occluders 5": ("occluders", 5, 1)})
    monkeypatch.setattr(stacks, "TRIED", ("occluders 5",))
    found = diffusion.report(["stacks", "robustness", "time"], count=1, size=SIZE, timed=[(64, 3), (64, 4)])
    assert {"pyramid", "pyramid, no diffusion", "average"} <= set(found["stacks"]["occluders 5"])
    tried = found["robustness"]["occluders 5"]
    assert set(tried) <= set(stacks.ROBUSTNESS)
    assert {"as it is", "noise 2 %", "nearer surfaces 2 px larger"} <= set(tried)
    assert all(math.isfinite(figure) for pair in tried.values() for score in pair for figure in score)
    assert [one["fusion"] > 0 for one in found["time"]] == [True, True]
    printed = capsys.readouterr().out
    assert "| median " in printed
    assert "stacks: PSNR / PSNR beside depth edges, dB" in printed
    assert printed.count("| elimination ") == 2


def test_the_scenes_of_stacks_sweep_the_same_blur():
    from benchmarks.diffusion_stacks import SCENES, SWEEP

    assert len(SCENES) == 9
    assert sorted({count for _, count, _ in SCENES.values()}) == [12, 20, 30]
    assert len({seed for _, _, seed in SCENES.values()}) == 9
    assert SWEEP == 15


def test_what_it_does_not_know_is_named():
    from benchmarks.diffusion import report

    with pytest.raises(ValueError, match="unknown part piles; choices: pairs, kernels, stacks"):
        report(["piles"], count=1, size=SIZE)
    with pytest.raises(ValueError, match="pairs=0 make no table"):
        report(count=0, size=SIZE)
