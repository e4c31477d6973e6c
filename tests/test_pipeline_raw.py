"""Raw bursts through the pipeline: from mosaics to pictures that lie on the classical ones."""

import numpy as np
import pytest

from napari_focusstack import Recipe, run, run_series, simulate
from napari_focusstack.arrays import to_float
from napari_focusstack.io import read_burst
from napari_focusstack.metrics import psnr
from napari_focusstack.simulation.dng import write_raw_burst

MOSAICS = Recipe(align="none", fuse="focusdeep", fuse_options={"checkpoint": "focusdeep-small-raw"}, device="cpu")


@pytest.fixture(scope="module")
def burst(tmp_path_factory):
    scene = simulate("slanted", frames=4, height=96, width=128, seed=2, dtype="float32", transfer="linear")
    folder = tmp_path_factory.mktemp("raw")
    write_raw_burst(folder, scene, noise=4e-3)
    return read_burst(folder)


def test_mosaics_become_a_picture_that_lies_on_the_classical_one(burst):
    found, classical = run(burst, MOSAICS), run(burst, Recipe(align="none", fuse="average"))
    assert found.image.shape == classical.image.shape == burst.shape[1:]
    assert found.image.dtype == classical.image.dtype == np.uint16
    one, other = to_float(found.image), to_float(classical.image)
    assert psnr(one, other) > 24
    np.testing.assert_allclose(one.mean((0, 1)), other.mean((0, 1)), rtol=0.03)
    here = psnr(one[2:-2, 2:-2], other[2:-2, 2:-2])
    for down, right in ((1, 0), (0, 1), (-1, 0), (0, -1)):
        moved = np.roll(one, (down, right), (0, 1))
        assert psnr(moved[2:-2, 2:-2], other[2:-2, 2:-2]) < here
    assert found.index.shape == found.confidence.shape == burst.shape[1:3]


def test_the_area_of_an_alignment_is_kept(burst):
    recipe = Recipe(align="ecc", fuse="focusdeep", fuse_options=MOSAICS.fuse_options, device="cpu")
    found = run(burst, recipe)
    assert found.image.shape[:2] == found.index.shape == (found.area.height, found.area.width)


def test_a_series_of_developed_frames_needs_its_raw_files(burst):
    found = run_series(burst.data, burst.axes, MOSAICS, transfer="srgb", raw=burst)
    np.testing.assert_array_equal(found.image, run(burst, MOSAICS).image)
    message = "checkpoint 'focusdeep-small-raw' takes the mosaics of raw files, and these frames are none; choose a"
    with pytest.raises(ValueError, match=message):
        run_series(burst.data, burst.axes, MOSAICS, transfer="srgb")


def test_mosaics_at_half_size_are_refused_before_anything_is_computed(burst, monkeypatch):
    half = read_burst([source.path for source in burst.sources], half_size=True)
    monkeypatch.setattr("napari_focusstack.stages.align", None)
    with pytest.raises(ValueError, match="mosaics of raw files at full size, and these are developed at half the size"):
        run(half, Recipe(fuse="focusdeep", fuse_options=MOSAICS.fuse_options))


def test_depth_is_estimated_beside(burst):
    found = run(burst, Recipe(align="none", fuse="focusdeep", fuse_options=MOSAICS.fuse_options, depth="sff"))
    assert found.depth.position.shape == found.image.shape[:2]
