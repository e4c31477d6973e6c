"""Evaluation: references in the order that they must have, a table that says what was measured."""

import numpy as np
import pytest

from napari_focusstack import simulate
from napari_focusstack.nets.checkpoint import CheckpointError, read_checkpoint
from napari_focusstack.training.evaluate import evaluate


def samples(scenes=("occluders", "slanted"), **options):
    for scene in scenes:
        burst = simulate(scene, frames=6, height=64, width=80, seed=3, **options)
        yield burst.frames, burst.truth, burst.depth


@pytest.fixture(scope="module")
def evaluation():
    return evaluate(read_checkpoint("unet-small"), samples(), methods=("pyramid",), device="cpu")


def test_no_method_beats_the_best_frame_at_each_pixel_without_noise(evaluation):
    rows = evaluation.rows
    ceiling = rows["best frame at each pixel"].psnr
    assert rows["mean of the frames"].psnr < rows["unet-small"].psnr < ceiling
    assert rows["best single frame"].psnr < rows["pyramid"].psnr < ceiling


def test_the_band_beside_edges_is_harder_than_the_whole(evaluation):
    for row in evaluation.rows.values():
        assert row.band < row.psnr


def test_the_table_ranks_methods_and_puts_references_last(evaluation):
    lines = evaluation.markdown().splitlines()
    assert lines[0] == "| 2 examples | PSNR, dB | SSIM | beside depth edges, dB |"
    names = [line.split("|")[1].strip() for line in lines[2:]]
    assert set(names[:2]) == {"**unet-small**", "pyramid"}
    assert names[2:] == ["best frame at each pixel", "best single frame", "mean of the frames"]
    values = [float(line.split("|")[2]) for line in lines[2:4]]
    assert values == sorted(values, reverse=True)


def test_metrics_are_those_of_the_table(evaluation):
    metrics = evaluation.metrics
    assert metrics["psnr"] == round(evaluation.rows["unet-small"].psnr, 4)
    assert metrics["psnr_best_classical"] == round(evaluation.rows["pyramid"].psnr, 4)
    assert metrics["psnr_mean_of_frames"] < metrics["psnr"]


def test_without_depth_there_is_no_band():
    flat = ((frames, truth, None) for frames, truth, _ in samples(("slanted",)))
    found = evaluate(read_checkpoint("unet-small"), flat, methods=(), device="cpu")
    assert all(np.isnan(row.band) for row in found.rows.values())
    assert "psnr_band" not in found.metrics
    assert "| – |" in found.markdown()


def test_what_cannot_be_evaluated_is_refused():
    checkpoint = read_checkpoint("unet-small")
    with pytest.raises(ValueError, match="there is no burst to evaluate on; build a dataset with held-out bursts"):
        evaluate(checkpoint, [])
    with pytest.raises(ValueError, match="unknown fusion method 'sharpest'"):
        evaluate(checkpoint, samples(), methods=("sharpest",))
    frames = np.zeros((301, 8, 8, 3), np.uint8)
    with pytest.raises(CheckpointError, match="was trained for bursts of 1 to 300 frames, not 301"):
        evaluate(checkpoint, [(frames, frames[0] / 1, None)])
