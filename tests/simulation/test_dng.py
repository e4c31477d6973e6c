"""Raw files against LibRaw's reading of them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import rawpy
import tifffile
import torch

from napari_focusstack.metrics import psnr
from napari_focusstack.simulation import RawCamera, mosaic, simulate, write_dng, write_raw_burst

PATTERNS = ("RGGB", "BGGR", "GRBG", "GBRG")
NO_CHANGE = {
    "gamma": (1, 1),
    "no_auto_bright": True,
    "use_camera_wb": True,
    "output_bps": 16,
    "adjust_maximum_thr": 0.0,
}


def random_mosaic(camera: RawCamera) -> np.ndarray:
    return np.random.default_rng(0).integers(0, camera.white + 1, (34, 46), np.uint16)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(("black", "white"), [(512, 16383), (64, 4095), (0, 65535)])
def test_libraw_reads_what_was_written(tmp_path, pattern, black, white):
    camera = RawCamera(pattern, black, white, white_balance=(1.9, 1.0, 1.55))
    raw = random_mosaic(camera)
    write_dng(tmp_path / "frame.dng", raw, camera)
    with rawpy.imread(str(tmp_path / "frame.dng")) as file:
        assert np.array_equal(file.raw_image_visible, raw)
        letters = "".join(chr(file.color_desc[colour]) for colour in file.raw_pattern.ravel())
        assert letters == pattern
        assert file.black_level_per_channel == [black] * 4
        assert file.white_level == white
        balance = np.array(file.camera_whitebalance[:3]) / file.camera_whitebalance[1]
        assert np.allclose(balance, (1.9, 1.0, 1.55), rtol=1e-4)


def test_the_tags_tell_camera_and_exposure(tmp_path):
    camera = RawCamera()
    write_dng(tmp_path / "frame.dng", random_mosaic(camera), camera)
    with tifffile.TiffFile(tmp_path / "frame.dng") as file:
        tags = {tag.code: tag.value for tag in file.pages[0].tags.values()}
    assert tags[271] == "napari-focusstack" and tags[272] == "Simulated camera"
    assert tags[33434][0] / tags[33434][1] == pytest.approx(1 / 125)
    assert tags[34855] == 200
    assert tags[306] == "2026:01:01 12:00:00"
    with rawpy.imread(str(tmp_path / "frame.dng")) as file:
        assert file.other.shutter_speed == pytest.approx(1 / 125)
        assert file.other.aperture == pytest.approx(4.0) and file.other.focal_length == pytest.approx(60.0)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_mosaic_holds_each_sites_colour(pattern):
    camera = RawCamera(pattern, black=100, white=4095, lowpass_px=0.0)
    light = np.random.default_rng(1).random((8, 10, 3)) * 0.9
    seen = light @ camera.srgb_to_camera.T / camera.white_balance
    raw = mosaic(light, camera)
    for y, x in product(range(8), range(10)):
        colour = "RGB".index(pattern[2 * (y % 2) + x % 2])
        assert raw[y, x] == pytest.approx(100 + 3995 * seen[y, x, colour], abs=0.51)


def test_white_is_neutral_to_the_camera():
    camera = RawCamera(white_balance=(2.0, 1.0, 1.6), lowpass_px=0.0)
    raw = mosaic(np.full((4, 4, 3), 0.5), camera)
    values = (raw[:2, :2].astype(float) - camera.black) / (camera.white - camera.black)
    assert np.allclose(values, [[0.25, 0.5], [0.5, 0.5 / 1.6]], atol=1e-4)


def test_noise_falls_on_raw_values_by_brooks_law():
    camera = RawCamera(lowpass_px=0.0)
    raw = mosaic(np.full((400, 400, 3), 0.5), camera, noise=1e-3, generator=torch.Generator().manual_seed(1))
    green = (raw[0::2, 1::2].astype(float) - camera.black) / (camera.white - camera.black)
    read = np.exp(2.18 * np.log(1e-3) + 1.2)
    assert green.var() == pytest.approx(1e-3 * 0.5 + read, rel=0.03)


def test_the_low_pass_keeps_the_light_and_takes_the_finest_detail():
    board = np.repeat((np.indices((32, 32)).sum(0) % 2)[..., None], 3, 2).astype(np.float32)
    plain, smooth = (mosaic(board, RawCamera(lowpass_px=s)).astype(float) for s in (0.0, 1.0))
    green = (slice(0, None, 2), slice(1, None, 2))
    assert plain[green].min() == 16383 and np.ptp(smooth[8:-8, 8:-8][green]) < 0.1 * 16383
    assert smooth[8:-8, 8:-8][green].mean() == pytest.approx((512 + 16383) / 2, rel=0.05)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_developed_the_burst_looks_like_the_truth(tmp_path, pattern):
    burst = simulate("flat", frames=3, height=128, width=160, dtype="float32", transfer="linear", seed=4)
    files = write_raw_burst(tmp_path, burst, RawCamera(pattern))
    assert [file.name for file in files] == ["frame_01.dng", "frame_02.dng", "frame_03.dng"]
    with rawpy.imread(str(files[1])) as file:
        developed = file.postprocess(**NO_CHANGE).astype(np.float32) / 65535
    inside = (slice(8, -8), slice(8, -8))
    assert psnr(developed[inside], burst.truth[inside]) > 30  # interpolated colours and the low-pass filter
    assert np.allclose(developed[inside].mean((0, 1)), burst.truth[inside].mean((0, 1)), rtol=0.01)


def test_an_srgb_burst_is_brought_back_to_linear_light(tmp_path):
    linear, stored = (
        simulate("flat", frames=1, height=32, width=32, dtype="uint16", transfer=t) for t in ("linear", "srgb")
    )
    one, other = (write_raw_burst(tmp_path / str(i), burst)[0] for i, burst in enumerate((linear, stored)))
    assert np.abs(tifffile.imread(one).astype(int) - tifffile.imread(other)).max() <= 2


def test_distances_follow_the_sweep(tmp_path):
    burst = simulate("flat", frames=2, height=16, width=16, order="far-to-near")
    distances = []
    for file in write_raw_burst(tmp_path, burst):
        with tifffile.TiffFile(file) as tiff:
            distances.append(tiff.pages[0].tags[37382].value[0])
    assert distances[0] > distances[1]


# errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pattern": "RGBG"}, "unknown mosaic pattern 'RGBG'; choices: RGGB, BGGR, GRBG, GBRG"),
        ({"black": 4096, "white": 4095}, "black=4096, white=4095 are no levels; 0 ≤ black < white ≤ 65535 is needed"),
        ({"white_balance": (2.0, 1.2, 1.6)}, "is not normalised; divide it by its smallest gain"),
    ],
)
def test_impossible_cameras(options, message):
    with pytest.raises(ValueError, match=message):
        RawCamera(**options)


@pytest.mark.parametrize("shape", [(4, 5, 3), (4, 4, 1), (4, 4)])
def test_pictures_that_are_no_mosaic(shape):
    with pytest.raises(ValueError, match=r"cannot be a mosaic; \(Y, X, 3\) with even Y and X is needed"):
        mosaic(np.zeros(shape))


@pytest.mark.parametrize("raw", [np.zeros((4, 4)), np.zeros((3, 4), np.uint16), np.zeros((4, 4, 3), np.uint16)])
def test_arrays_that_are_no_mosaic(tmp_path, raw):
    with pytest.raises(
        ValueError, match=r"is no mosaic; \(Y, X\) uint16 with even Y and X is needed: see simulation.mosaic"
    ):
        write_dng(tmp_path / "frame.dng", raw)
    assert not list(tmp_path.iterdir())
