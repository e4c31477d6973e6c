"""The benchmarks: references with known answers, what a process is charged for, and the printed tables."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_focusstack.metrics import psnr
from napari_focusstack.simulation import simulate

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def from_the_root(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture(scope="module")
def burst():
    return simulate("slanted", frames=5, height=96, width=80, dtype="float32")


def test_references_are_what_they_say(burst):
    from benchmarks import references

    best = references.best_single_frame(burst.frames, burst.truth)
    errors = np.sum((burst.frames - burst.truth) ** 2, axis=-1)
    assert np.allclose(np.sum((best - burst.truth) ** 2, axis=-1), errors.min(axis=0), atol=1e-6)
    picked = references.hard_pick(burst.frames, burst.depth)
    at = np.rint(burst.depth).astype(int)
    assert np.array_equal(picked, np.take_along_axis(burst.frames, at[None, ..., None], axis=0)[0])
    assert psnr(best, burst.truth) >= psnr(picked, burst.truth) > psnr(references.mean(burst.frames), burst.truth)


def test_weak_baselines_return_a_single_frame(burst):
    from benchmarks import references

    frames = burst.frames[:1]
    assert np.array_equal(references.signed_laplacian(frames), frames[0])
    assert np.abs(references.modulus_wavelet(frames) - frames[0]).max() < 1e-6


def test_the_signed_laplacian_is_weak(burst):
    from benchmarks import references

    assert psnr(references.signed_laplacian(burst.frames), burst.truth) < 30


def test_training_is_timed(tmp_path, monkeypatch, capsys):
    from benchmarks import training

    from napari_focusstack.training import TrainingRecipe, data

    monkeypatch.setattr(data, "DRAWN", {"train": (2, 2), "test": (2, 2)})
    monkeypatch.setattr(training, "LIBRARY", (2, 2))
    monkeypatch.setattr(training, "SIZES", (32,))
    tiny = TrainingRecipe(arguments={"size": "small", "frames": 3}, size=32, batch=1, frames=(2, 3))
    tiny.save(tmp_path / "tiny.json")
    training.report(seconds=0, device="cpu", recipe=str(tmp_path / "tiny.json"), json_file=tmp_path / "figures.json")
    printed = capsys.readouterr().out
    assert "| 32 px" in printed and "| bf16-mixed" in printed
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert all(value > 0 for kind in ("simulated", "trained") for row in figures[kind].values() for value in row)


def test_a_process_is_charged_for_its_time_and_memory(tmp_path):
    from benchmarks.process import measure

    burn = "import time; t = time.process_time()\nwhile time.process_time() < t + 0.3: pass"
    idle = "import time; time.sleep(0.3)"
    hold = "x = bytearray(200 << 20)"  # 200 MiB
    commands = [[sys.executable, "-c", code] for code in (burn, idle, hold)]
    used = measure(commands, tmp_path)
    assert 0.3 <= used.cpu_s < used.wall_s
    assert used.wall_s > 0.6
    assert used.peak_mb > 200


def test_a_program_that_fails_says_why(tmp_path):
    from benchmarks.process import measure

    with pytest.raises(RuntimeError, match=r"failed with 3:\s+no such frame"):
        measure([[sys.executable, "-c", "print('no such frame'); raise SystemExit(3)"]], tmp_path)


@pytest.mark.parametrize("number", range(3))
def test_our_rows_of_the_speed_tables_write_what_is_measured(tmp_path, number):
    from benchmarks.peers import MEASURING, STACKING
    from benchmarks.process import measure

    paths = [tmp_path / f"{i}.tif" for i in range(3)]
    for path, frame in zip(paths, simulate("slanted", frames=3, height=64, width=64).frames, strict=True):
        tifffile.imwrite(path, frame, photometric="rgb")
    out = tmp_path / "out.tif"
    measure((STACKING[0], *MEASURING[:3])[number].commands(paths, out), tmp_path)
    assert tifffile.imread(out).shape[:2] == (64, 64)


def test_what_a_program_cut_off_on_all_sides_is_filled_up():
    from benchmarks.score import filled_up

    whole = np.arange(6 * 8 * 3, dtype=np.float32).reshape(6, 8, 3)
    found = filled_up(whole[1:-1, 2:-2], 6, 8)
    assert found.shape == whole.shape
    np.testing.assert_array_equal(found[1:-1, 2:-2], whole[1:-1, 2:-2])
    np.testing.assert_array_equal(found[0, 0], whole[1, 2])
    np.testing.assert_array_equal(filled_up(whole, 6, 8), whole)


def test_the_measuring_process_is_small():
    code = "import sys, benchmarks.speed; print([m for m in ('numpy', 'cv2', 'torch', 'numba') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("shift", [(0.0, 0.0), (3.0, -2.0), (0.4, 1.3)])
def test_a_shifted_picture_is_put_on_the_truth(shift):
    import cv2
    from benchmarks.score import on_truth, scored_area

    y, x = np.mgrid[:128, :160].astype(np.float32)
    texture = 0.5 + 0.2 * np.sin(x / 4) * np.cos(y / 5) + 0.2 * np.cos((x + 2 * y) / 9)
    truth = np.dstack([texture, 1 - texture, texture**2]).astype(np.float32)
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    moved = cv2.warpAffine(truth, move, (160, 128), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)
    area = scored_area(128, 160)
    assert psnr(on_truth(moved, truth)[area], truth[area]) > (45 if shift == (0.4, 1.3) else 90)


def test_displacements_are_distances_of_points():
    from benchmarks.alignment import displacements

    true = np.eye(3)[None]
    shift, zoom = np.eye(3)[None].copy(), np.diag([1.01, 1.01, 1.0])[None]
    shift[0, :2, 2] = 3, 4
    assert displacements(shift, true, 50, 80) == pytest.approx(5)
    corner = np.hypot(79, 49)
    errors = displacements(zoom, true, 50, 80)
    assert errors.min() == 0
    assert errors.max() == pytest.approx(0.01 * corner)


def test_bursts_of_the_speed_benchmark_are_sharp_where_they_say(tmp_path):
    import tifffile
    from benchmarks.bursts import write_burst

    write_burst(tmp_path, 3, 0.06)
    frames = [tifffile.imread(path) for path in sorted(tmp_path.glob("frame_*.tif"))]
    truth = tifffile.imread(tmp_path / "truth.tif")
    assert len(frames) == 3
    assert frames[0].shape == truth.shape == (192, 288, 3)
    centre = np.s_[:40, 134:154]  # the slope is at the middle frame's depth there, and that frame does not move
    errors = [psnr(frame[centre], truth[centre]) for frame in frames]
    assert np.argmax(errors) == 1
    assert errors[1] > 40


def test_tables_are_markdown():
    from benchmarks.tables import markdown

    assert markdown(("a", "bb"), [("x", "1.0"), ("long", "2")]) == (
        "| a    |  bb |\n| :--- | --: |\n| x    | 1.0 |\n| long |   2 |"
    )


def test_quality_prints_a_table_of_every_row(tmp_path, capsys):
    from benchmarks.quality import report

    methods = ["true depth", "mean", "pyramid"]
    scores = report(
        ["steps", "plain", "moving"], methods, size=96, pictures=tmp_path, json_file=tmp_path / "scores.json"
    )
    by_row = {(score.case, score.method): score for score in scores}
    assert ("moving", "mean") not in by_row
    assert by_row["steps", "pyramid"].psnr > by_row["steps", "mean"].psnr
    assert by_row["steps", "pyramid"].band is not None
    assert by_row["plain", "mean"].noise == pytest.approx(60**-0.5, rel=0.1)
    assert by_row["plain", "true depth"].noise == pytest.approx(1, rel=0.05)
    printed = capsys.readouterr().out
    assert "| true depth |" in printed
    assert "Noise in plain areas" in printed
    assert (tmp_path / "steps" / "truth.png").exists()
    assert (tmp_path / "scores.json").read_text().count('"psnr"') == len(scores)


def test_quality_names_what_it_does_not_know():
    from benchmarks.quality import report

    with pytest.raises(ValueError, match="unknown case stepps; choices: occluders, hair"):
        report(["stepps"], None, size=96)
    with pytest.raises(ValueError, match="unknown row pyramids; choices: best single frame"):
        report(["steps"], ["pyramids"], size=96)


def test_speed_refuses_a_case_that_is_none(tmp_path):
    from benchmarks.speed import burst

    with pytest.raises(ValueError, match="'8MP' is not MEGAPIXELSxFRAMES"):
        burst(tmp_path, "8MP")


def step(at: int, near: float = 2.0, far: float = 6.0) -> np.ndarray:
    """Depth (40, 60) of two planes with an edge between the columns at - 1 and `at`."""
    depth = np.full((40, 60), near, np.float32)
    depth[:, at:] = far
    return depth


def target_of(truth: np.ndarray):
    from benchmarks.depth_cases import Target

    judged = np.ones(truth.shape, bool)
    plain, textured = np.zeros_like(judged), np.zeros_like(judged)
    plain[:10], textured[10:] = True, True
    return Target(np.zeros((9, *truth.shape, 1), np.uint8), truth, judged, plain, textured)


@pytest.mark.parametrize(("off", "found"), [(-2, 0.0), (-1, 1.0), (0, 1.0), (1, 1.0), (2, 0.0)])
def test_depth_edges_count_up_to_a_pixel_off(off, found):
    from benchmarks.depth_score import edges_found

    judged = np.ones((40, 60), bool)
    assert edges_found(step(30 + off), step(30), judged) == found
    assert edges_found(step(30 + off, 6.0, 2.0), step(30), judged) == 0  # the wrong way round


def test_a_perfect_depth_map_has_perfect_scores():
    from benchmarks.depth_score import Estimate, score

    truth = step(30)
    known = np.ones(truth.shape, bool)
    known[:10] = False
    perfect = score("case", "method", Estimate(truth, known, np.full_like(truth, 0.1)), target_of(truth))
    assert (perfect.mae, perfect.rmse, perfect.smear, perfect.between, perfect.elsewhere) == (0, 0, 0, 0, 0)
    assert (perfect.within, perfect.edges, perfect.plain_marked, perfect.good_lost) == (1, 1, 1, 0)
    assert perfect.measured == 0.75
    assert perfect.bumpiness == 0


def test_sigma_covers_two_thirds_of_normal_errors():
    from benchmarks.depth_score import Estimate, score

    truth = np.full((200, 200), 3, np.float32)
    index = truth + np.random.default_rng(0).normal(0, 0.2, truth.shape).astype(np.float32)
    known = np.ones(truth.shape, bool)
    sigma = np.full_like(truth, 0.2)
    figures = score("case", "method", Estimate(index, known, sigma), target_of(truth))
    assert figures.within == pytest.approx(0.683, abs=0.01)
    assert figures.rmse == pytest.approx(0.2, rel=0.02)
    assert figures.mae == pytest.approx(0.2 * (2 / np.pi) ** 0.5, rel=0.02)
    assert figures.edges is figures.smear is None


def test_smear_is_what_is_off_beside_an_edge():
    from benchmarks.depth_score import Estimate, score

    truth = step(30)
    known = np.ones(truth.shape, bool)
    shifted = score("case", "method", Estimate(step(33), known), target_of(truth))
    assert shifted.smear == pytest.approx(2 / 12)  # columns 31 and 32, of 6 to either side beyond the edge's own two
    assert shifted.between == 0
    ramp = truth.copy()
    ramp[:, 31:33] = 4.0
    assert score("case", "method", Estimate(ramp, known), target_of(truth)).between == pytest.approx(2 / 12)
    assert shifted.within is None
    far = truth.copy()
    far[:, :10] = 4.0
    assert score("case", "method", Estimate(far, known), target_of(truth)).elsewhere > 0.2


def test_the_published_fit_finds_a_gaussian():
    from benchmarks.depth import rows

    y, x = np.mgrid[:24, :32]
    amplitude = 50 * np.exp(-((np.arange(15) - 7.3) ** 2) / (2 * 2.1**2)) + 10  # the method subtracts 10 again
    frames = (amplitude[:, None, None] / 8 * (x + y)[None] / 2**0.5 / 255).astype(np.float32)  # Sobel gives 8 times
    found = rows()["guo published"](frames[..., None])
    assert found.measured[4:-4, 4:-4].all()
    assert np.abs(found.index[4:-4, 4:-4] - 7.3).max() < 0.15  # greys are rounded to 8 bits


def test_depth_prints_its_tables(tmp_path, capsys):
    from benchmarks.depth import report

    methods = ["argmax", "sff"]
    scores = report(["slanted 10 noisy"], methods, json_file=tmp_path / "depth.json")
    naive, ours = scores
    assert naive.within is None
    assert 0.25 < naive.rmse < 0.35  # whole frames: 1 / sqrt(12) at best
    assert ours.rmse < naive.rmse
    printed = capsys.readouterr().out
    assert "All figures of `sff`" in printed
    assert "| slanted 10 noisy |" in printed
    assert (tmp_path / "depth.json").read_text().count('"rmse"') == 2


def test_depth_reads_generated_surfaces(tmp_path, capsys):
    import tifffile
    from benchmarks.depth import report

    burst = simulate("slanted", frames=5, height=400, width=400)
    (tmp_path / "generated_slope" / "frames").mkdir(parents=True)
    for i, image in enumerate(burst.frames):
        tifffile.imwrite(tmp_path / "generated_slope" / "frames" / f"{i}.tif", image, photometric="rgb")
    np.save(tmp_path / "generated_slope" / "gt_depth_frameindex.npy", burst.depth)
    (naive,) = report(["slope"], ["argmax"], data=tmp_path)
    assert naive.case == "slope"
    assert naive.rmse < 0.35
    with pytest.raises(ValueError, match=r"no \*/gt_depth_frameindex.npy in"):
        report(None, None, data=tmp_path / "generated_slope")


def test_depth_names_what_it_does_not_know():
    from benchmarks.depth import report

    with pytest.raises(ValueError, match="unknown case stepps; choices: slanted 10"):
        report(["stepps"], None)
    with pytest.raises(ValueError, match="unknown row guess; choices: argmax"):
        report(["steps"], ["guess"])


def test_depth_files_are_laid_on_the_truth(tmp_path):
    import tifffile
    from benchmarks.bursts import true_depth, write_burst
    from benchmarks.depth_score import error_of_file

    write_burst(tmp_path, 5, 0.06)
    truth = true_depth(192, 288) * 4
    tifffile.imwrite(tmp_path / "ours.tif", truth[4:-4, 6:-6])
    assert error_of_file(tmp_path / "ours.tif", tmp_path) == 0
    tifffile.imwrite(tmp_path / "theirs.tif", np.rint((truth + 1) * 255 / 5).astype(np.uint8))
    assert 0 < error_of_file(tmp_path / "theirs.tif", tmp_path) < 5 / 255 / 2  # half a step of 8 bits
