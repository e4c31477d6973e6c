"""Shape from focus: accuracy, calibrated uncertainty, and what is no depth."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from napari_focusstack.depth import estimate_depth
from napari_focusstack.depth.grain import RESPONSES, Grain
from napari_focusstack.progress import Cancelled, listening

pytest.importorskip("torch")

from napari_focusstack.simulation import simulate

STACKS = Path(__file__).parents[3] / "shared" / "data" / "stacks"
SIZE = {"height": 128, "width": 128}


@pytest.fixture(scope="module")
def slanted():
    return simulate("slanted", frames=12, noise=5e-4, **SIZE)


def inner(plane, border=6):
    return plane[border:-border, border:-border]


@pytest.mark.parametrize("noise", [2e-4, 2e-3])
@pytest.mark.parametrize(("psf", "blur", "frames"), [("disc", 0.8, 12), ("gaussian", 0.6, 20)])
def test_a_slanted_plane_is_measured_with_its_uncertainty(noise, psf, blur, frames):
    burst = simulate("slanted", frames=frames, blur=blur, psf=psf, noise=noise, seed=1, height=160, width=160)
    depth = estimate_depth(burst.frames, fill=True)
    known = inner(depth.measured)
    error, sigma = inner(depth.index - burst.depth)[known], inner(depth.sigma)[known]
    assert known.mean() > 0.95
    assert np.sqrt(np.mean(error**2)) < 0.12
    assert 0.6 < np.mean(np.abs(error) <= sigma) < 0.95
    assert np.mean(np.abs(error) <= 3 * sigma) > 0.98
    sure = sigma < np.median(sigma)
    assert np.mean(error[sure] ** 2) < np.mean(error[~sure] ** 2)


@pytest.mark.parametrize("peak", ["lorentzian", "guo", "gaussian", "parabola"])
@pytest.mark.parametrize("measure", ["sml", "laplacian", "tenengrad", "variance"])
def test_all_peaks_and_measures_agree_with_the_truth(slanted, peak, measure):
    depth = estimate_depth(slanted.frames, peak=peak, measure=measure)
    error = np.abs(inner(depth.index - slanted.depth))
    assert np.nanmedian(error) < 0.12
    assert np.isfinite(error).mean() > 0.9


def test_fits_to_all_frames_are_better_than_through_three_in_noise():
    burst = simulate("slanted", frames=20, blur=0.5, noise=2e-3, **SIZE)
    errors = {}
    for peak in ("guo", "lorentzian", "gaussian"):
        depth = estimate_depth(burst.frames, fill=True, peak=peak, smoothing=0)
        errors[peak] = np.median(np.abs(inner(depth.index - burst.depth)))
    assert max(errors["guo"], errors["lorentzian"]) < 0.8 * errors["gaussian"]


def test_flat_surfaces_between_frames_are_less_drawn_to_them_than_by_a_gaussian():
    burst = simulate("ledges", frames=10, psf="gaussian", **SIZE)
    errors = {}
    for peak in ("guo", "lorentzian"):
        depth = estimate_depth(burst.frames, fill=True, peak=peak)
        errors[peak] = np.median(np.abs(inner(depth.index - burst.depth)))
    assert errors["lorentzian"] < 0.5 * errors["guo"] and errors["lorentzian"] < 0.015


@pytest.mark.parametrize("number", [1, 2, 3])
def test_generated_surfaces(number):
    folder = STACKS / f"generated_surface41_{number}"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    frames = np.stack([cv2.imread(str(path)) for path in sorted((folder / "frames").iterdir())])
    truth = np.load(folder / "gt_depth_frameindex.npy")
    depth = estimate_depth(frames, fill=True)
    valid = np.s_[20:379, 20:379]
    error = np.abs(depth.index - truth)[valid]
    assert error.mean() < 0.08
    assert np.mean(error <= depth.sigma[valid]) == pytest.approx(0.68, abs=0.05)


DOUBT = {"contours": 0.0, "network": 0.01}  # share of the depths more that are within, as it is not sure of a few


@pytest.mark.parametrize("edges", DOUBT)
@pytest.mark.parametrize("noise", [2e-4, 1e-3])
@pytest.mark.parametrize(
    ("scene", "frames", "psf", "blur", "within"),
    [
        ("slanted", 10, "disc", 0.8, 0.05),
        ("slanted", 10, "gaussian", 0.8, 0.05),
        ("slanted", 30, "disc", 0.8, 0.05),
        ("steps", 30, "gaussian", 0.8, 0.05),
        ("ledges", 10, "gaussian", 0.8, 0.05),
        ("ledges", 30, "gaussian", 0.8, 0.05),
        ("slanted", 10, "disc", 2.6, 0.08),
        ("slanted", 10, "gaussian", 1.8, 0.08),
        ("ledges", 10, "disc", 2.6, 0.12),
        ("ledges", 10, "gaussian", 1.2, 0.08),
        ("ledges", 10, "gaussian", 1.8, 0.08),
    ],
)
def test_two_in_three_depths_are_off_by_less_than_sigma(scene, frames, psf, blur, within, noise, edges):
    burst = simulate(scene, frames=frames, psf=psf, blur=blur, noise=noise)
    depth = estimate_depth(burst.frames, edges=edges)
    edge = cv2.dilate(burst.depth, np.ones((3, 3))) - burst.depth > 1
    counts = depth.measured & (cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, 5) > 6)
    counts[:8] = counts[-8:] = counts[:, :8] = counts[:, -8:] = False
    error = np.abs(depth.index - burst.depth)[counts]
    assert np.sqrt(np.mean(error**2)) < 0.1
    assert np.mean(error <= depth.sigma[counts]) - DOUBT[edges] / 2 == pytest.approx(
        0.68, abs=within + DOUBT[edges] / 2
    )


@pytest.mark.parametrize(
    ("noise", "dtype", "psf"),
    [(0, "uint8", "disc"), (0, "uint16", "gaussian"), (0, "float32", "gaussian"), (1e-3, "uint8", "disc")],
)
def test_plain_areas_are_marked(noise, dtype, psf):
    burst = simulate("flat", frames=16, noise=noise, dtype=dtype, psf=psf, height=192, width=192)
    light = burst.truth.mean(axis=2)
    window = np.ones((13, 13))
    plain = cv2.dilate(light, window) - cv2.erode(light, window) < 2e-3
    textured = cv2.blur(np.abs(cv2.Laplacian(light, cv2.CV_32F)), (5, 5)) > 0.03
    textured &= cv2.dilate(plain.astype(np.uint8), np.ones((17, 17))) == 0
    depth = estimate_depth(burst.frames, fill=True)
    assert plain.mean() > 0.1
    assert depth.measured[plain].mean() < 0.05
    assert depth.measured[textured].mean() > 0.95
    assert np.quantile(np.abs(depth.index - 8)[textured & depth.measured], 0.99) < 0.3


@pytest.mark.parametrize("count", [8, 9, 10])
def test_focus_outside_the_sweep_is_no_depth(count):
    burst = simulate("flat", frames=20, noise=2e-4, **SIZE)  # in focus in frame 10
    textured = estimate_depth(burst.frames).measured
    beyond = estimate_depth(burst.frames[:count], fill=True)
    assert beyond.measured[textured].mean() < 0.05
    assert estimate_depth(burst.frames[: count + 4], fill=True).measured[textured].mean() > 0.9


def test_focus_in_the_first_or_last_frame_is_a_depth(slanted):
    cut = slanted.frames[2:10]
    depth = estimate_depth(cut, fill=True)
    truth = slanted.depth - 2
    near_ends = (np.abs(truth) < 0.4) | (np.abs(truth - 7) < 0.4)
    assert depth.measured[near_ends].mean() > 0.8
    assert np.sqrt(np.mean((depth.index - np.clip(truth, 0, 7))[near_ends & depth.measured] ** 2)) < 0.2
    far = (truth < -1.5) | (truth > 8.5)
    assert depth.measured[far].mean() < 0.1


def test_positions_may_be_uneven_and_in_any_order(slanted):
    kept = np.array([0, 1, 2, 4, 5, 7, 8, 9, 11])
    order = np.random.default_rng(0).permutation(len(kept))
    plain, mixed = (
        estimate_depth(slanted.frames[numbers], positions=2.5 * numbers, unit="um", fill=True)
        for numbers in (kept, kept[order])
    )
    assert np.array_equal(plain.position, mixed.position)
    assert np.array_equal(plain.sigma, mixed.sigma)
    error = inner(plain.position / 2.5 - slanted.depth)[inner(plain.measured)]
    assert np.sqrt(np.mean(error**2)) < 0.15


def test_slopes_between_uneven_frames_are_not_straightened_as_between_even_ones():
    burst = simulate("slanted", frames=30, blur=0.5, height=192, width=192)
    kept = np.array([0, 2, 3, 4, 5, 10, 11, 12, 13, 16, 17, 21, 25, 26, 29])
    depth = estimate_depth(burst.frames[kept], positions=kept, unit="frame", fill=True)
    error = np.abs(inner(depth.position - burst.depth))
    assert error.mean() < 0.075
    assert np.mean(error <= inner(depth.sigma)) == pytest.approx(0.68, abs=0.05)


def test_units_scale_depth_and_sigma(slanted):
    frames, step = (estimate_depth(slanted.frames, fill=True, **how) for how in ({}, {"step": 0.5, "unit": "mm"}))
    assert step.position == pytest.approx(0.5 * frames.position, abs=1e-5)
    assert step.sigma == pytest.approx(0.5 * frames.sigma, rel=1e-4)
    assert step.to("um").sigma == pytest.approx(500 * frames.sigma, rel=1e-4)
    assert np.array_equal(step.index, frames.index)


def test_a_reversed_sweep_mirrors_the_depth(slanted):
    one, other = (estimate_depth(frames, fill=True) for frames in (slanted.frames, slanted.frames[::-1]))
    both = one.measured & other.measured
    assert both.mean() > 0.95
    assert np.quantile(np.abs(11 - other.index - one.index)[both], 0.99) < 1e-2  # equal but for ties


def test_the_scale_of_the_values_does_not_matter(slanted):
    eight, sixteen, real = (
        estimate_depth(frames, fill=True)
        for frames in (
            slanted.frames,
            slanted.frames.astype(np.uint16) * 257,
            (slanted.frames / 255).astype(np.float32),
        )
    )
    for other in (sixteen, real):
        assert np.quantile(np.abs(other.index - eight.index), 0.999) < 1e-2
        assert (other.measured == eight.measured).mean() > 0.999


def test_a_dead_pixel_spoils_only_its_own_place(slanted):
    frames = slanted.frames.copy()
    frames[:, 64, 64] = 255
    clean, dead = (estimate_depth(each, fill=True) for each in (slanted.frames, frames))
    far = np.ones((128, 128), bool)
    far[50:79, 50:79] = False
    assert (clean.measured == dead.measured)[far].mean() > 0.99
    assert np.abs(clean.index - dead.index)[far & clean.measured].max() < 0.2


@pytest.mark.parametrize("value", [0, 90, 255])
def test_constant_frames_have_no_depth(value):
    depth = estimate_depth(np.full((3, 33, 41, 3), value, np.uint8), fill=True)
    assert not depth.measured.any()
    assert np.isfinite(depth.position).all()
    assert np.isfinite(depth.sigma).all()


def test_three_frames_are_enough():
    burst = simulate("flat", frames=3, noise=2e-4, **SIZE)
    depth = estimate_depth(burst.frames)
    assert depth.measured.mean() > 0.5
    assert np.nanmedian(np.abs(depth.index - 1)) < 0.05


def test_noise_is_learnt_beside_texture():
    """From frames with the same strong texture and noise of known strength."""
    rng = np.random.default_rng(0)
    texture = rng.random((96, 128)).astype(np.float32)
    for measure, response in RESPONSES.items():
        grain = Grain(measure, 2.0, np.dtype(np.float32))
        for _ in range(5):
            grain.see(texture + 0.01 * rng.standard_normal(texture.shape).astype(np.float32))
        expected = response * (0.01**2 if measure == "variance" else 0.01)
        assert grain.at(np.float32([0.3, 0.6])) == pytest.approx(expected, rel=0.3), measure


class Counted:
    """Frames that count how often each was read."""

    def __init__(self, frames):
        self.frames, self.shape, self.dtype, self.reads = frames, frames.shape, frames.dtype, [0] * len(frames)

    def __len__(self):
        return len(self.frames)

    def __getitem__(self, i):
        self.reads[i] += 1
        return self.frames[i]


def test_every_frame_is_read_once_but_for_the_edges(slanted):
    frames = Counted(slanted.frames)
    estimate_depth(frames, edges="none")
    assert frames.reads == [1] * 12
    stepped = Counted(simulate("steps", frames=8, **SIZE).frames)
    estimate_depth(stepped, edges="contours")
    assert stepped.reads == [2] * 8


def test_cancelling_stops_the_pass(slanted):
    seen = []

    def listener(step):
        seen.append(step)
        if step is not None and step.done == 3:
            raise Cancelled

    with listening(listener), pytest.raises(Cancelled):
        estimate_depth(slanted.frames)
    assert [step.done for step in seen if step is not None] == [0, 1, 2, 3]
    assert {step.stage for step in seen if step is not None} == {"Measuring depth"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radius": 0.5}, "radius=0.5 is out of range; 1.0 to 30.0"),
        ({"peak": "gauss"}, "peak='gauss' is not one of 'lorentzian', 'guo', 'gaussian', 'parabola'"),
        ({"measure": "sharp"}, "measure='sharp' is not one of"),
        ({"edges": "sharp"}, "edges='sharp' is not one of 'network', 'contours', 'none'"),
        ({"channel": 5}, "channel=5 is not there"),
    ],
)
def test_wrong_options_are_refused(slanted, options, message):
    with pytest.raises(ValueError, match=message):
        estimate_depth(slanted.frames, **options)
