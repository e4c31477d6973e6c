"""White-balanced planes of raw bursts for networks, and their pictures laid back on the frames."""

import cv2
import numpy as np
import pytest
import rawpy
import tifffile

from napari_focusstack import simulate
from napari_focusstack.alignment import Alignment, Area, BalancedPlanes, align, warped
from napari_focusstack.alignment.planes import red_around
from napari_focusstack.arrays import to_float
from napari_focusstack.fusion import fuse
from napari_focusstack.io import read_burst
from napari_focusstack.metrics import psnr
from napari_focusstack.simulation import RawCamera, mosaic, write_dng, write_raw_burst

PATTERNS = ("RGGB", "GRBG", "GBRG", "BGGR")
OFFSETS = [(0, 0), (0, 1), (1, 0), (1, 1)]  # of the first red site, for each
TURNS = {1: 0, 3: 2, 6: -1, 8: 1}  # by orientation
HEIGHT, WIDTH = 90, 110  # of upright frames


def scene(x, y, colour=1):
    """A smooth picture that is known everywhere."""
    return 0.3 + 0.1 * colour * np.sin(x / 5 + colour) * np.cos(y / 6) + 0.1 * np.sin((x + 2 * y) / 11)


class Camera:
    """Raw burst of the scene, held turned, each frame moved; `mosaic` is computed where the sites lie."""

    def __init__(self, transforms, cfa_offset=(0, 0), turns=0, balance=(1, 1, 1, 1), height=HEIGHT, width=WIDTH):
        self.transforms, self.cfa_offset, self.quarter_turns = np.array(transforms, float), cfa_offset, turns
        self.white_balance, self.camera_to_srgb = np.array(balance, float), np.eye(3)
        self.shape = (len(transforms), height, width, 3)
        places = np.stack(np.mgrid[:height, :width], 2)
        self.places = np.rot90(places, -turns)  # row and column, upright, of each site of the sensor

    def mosaic(self, i):
        back = np.linalg.inv(self.transforms[i])
        top, left = self.cfa_offset
        height, width = ((side - start) // 2 for side, start in zip(self.places.shape, (top, left), strict=False))
        planes = np.empty((height, width, 4), np.float32)
        for plane, colour in enumerate((0, 1, 1, 2)):
            sites = self.places[top + plane // 2 :: 2, left + plane % 2 :: 2][:height, :width]
            x, y, _ = np.einsum("ij,yxj->iyx", back, np.insert(sites[..., ::-1].astype(float), 2, 1, axis=2))
            planes[..., plane] = scene(x, y, colour) / self.white_balance[plane]
        return np.clip(planes, 0, 1)


def motion(x=0.0, y=0.0, a=0.0, b=0.0):
    return np.array([[1 + a, -b, x], [b, 1 + a, y], [0, 0, 1]])


def alignment_of(transforms, area, **changes):
    n = len(transforms)
    values = {
        "transforms": np.array(transforms, float),
        "area": Area(*area),
        "reference": 0,
        "kept": np.ones(n, bool),
        "correlation": np.ones(n),
        "gains": np.ones((n, 3)),
        "transfer": "srgb",
    }
    return Alignment(**(values | changes))


def sites_of(planes):
    """Mosaic (2 Y, 2 X, 1) of planes (Y, X, 4)."""
    height, width, _ = planes.shape
    return planes.reshape(height, width, 2, 2).swapaxes(1, 2).reshape(2 * height, 2 * width, 1)


def colours_of(area, cfa_offset, turns, width=WIDTH, height=HEIGHT):
    """Colour (0 to 2) of the sites of an upright area, (Y, X), told without a plane: turned with the sensor."""
    rows, columns = (width, height) if turns % 2 else (height, width)
    y, x = np.mgrid[:rows, :columns]
    sensor = (y + cfa_offset[0]) % 2 + (x + cfa_offset[1]) % 2
    upright = np.rot90(sensor, turns)
    return upright[area.top : area.top + area.height, area.left : area.left + area.width]


# --------------------------------------------------------------------
# where pixels lie


@pytest.mark.parametrize("cfa_offset", OFFSETS)
@pytest.mark.parametrize("turns", [0, 1, 2, -1])
@pytest.mark.parametrize("area", [(0, 0, HEIGHT, WIDTH), (7, 6, 61, 70), (10, 13, 62, 71)])
@pytest.mark.parametrize("balance", [(1, 1, 1, 1), (2.0, 1.0, 1.0, 1.5)])
def test_every_site_lies_where_the_upright_reference_has_it(cfa_offset, turns, area, balance):
    transforms = [np.eye(3), motion(4, -2), motion(3.3, -2.6, 0.01, 0.02)]
    area = Area(*area)
    burst = Camera(transforms, cfa_offset, turns, balance)
    planes = BalancedPlanes(burst, alignment_of(transforms, area))
    assert planes.dtype == np.uint16
    assert len(planes) == 3
    np.testing.assert_array_equal(planes.white_balance, balance)
    y, x = np.mgrid[area.top : area.top + area.height, area.left : area.left + area.width]
    truth = np.choose(colours_of(area, cfa_offset, turns), [scene(x, y, colour) for colour in range(3)])
    inside = (slice(9, -9), slice(9, -9))  # beyond, moved frames end
    for i, most in ((0, 2e-5), (1, 2e-5), (2, 3e-3)):
        assert planes[i].shape == planes.shape[1:]
        there = planes.restored(sites_of(to_float(planes[i])))[..., 0]
        assert there.shape == (area.height, area.width)
        assert np.abs(there - truth)[inside].max() < most
    # the frame's edge: all of the area is covered, by sites of the frame where it has whole blocks
    there = planes.restored(sites_of(to_float(planes[0])))[..., 0]
    assert (np.abs(there - truth) < 2e-5).mean() > 0.95
    assert np.abs(there - truth).max() < 0.4  # the border goes on, not black or anything else


@pytest.mark.parametrize("turns", [0, 1, 2, -1])
def test_without_an_alignment_frames_are_taken_as_they_are(turns):
    transforms = [np.eye(3), motion(1.5, 0.5)]
    burst = Camera(transforms, (1, 0), turns)
    planes = BalancedPlanes(burst)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for i, transform in enumerate(transforms):
        u, v, _ = np.einsum("ij,jyx->iyx", np.linalg.inv(transform), np.stack([x, y, np.ones_like(x)]))
        colours = colours_of(Area(0, 0, HEIGHT, WIDTH), (1, 0), turns)
        truth = np.choose(colours, [scene(u, v, colour) for colour in range(3)])
        there = planes.restored(sites_of(to_float(planes[i])))[..., 0]
        assert there.shape == (HEIGHT, WIDTH)
        assert np.abs(there - truth)[2:-2, 2:-2].max() < 2e-5


@pytest.mark.parametrize("size", [(90, 111), (91, 110), (91, 111)])
@pytest.mark.parametrize("turns", [0, 1])
@pytest.mark.parametrize("cfa_offset", OFFSETS)
def test_odd_sensors_are_covered_to_their_last_row(size, turns, cfa_offset):
    burst = Camera([np.eye(3)], cfa_offset, turns, height=size[0], width=size[1])
    planes = BalancedPlanes(burst)
    there = planes.restored(sites_of(to_float(planes[0])))[..., 0]
    y, x = np.mgrid[: size[0], : size[1]]
    colours = colours_of(Area(0, 0, *size), cfa_offset, turns, size[1], size[0])
    truth = np.choose(colours, [scene(x, y, colour) for colour in range(3)])
    assert there.shape == size
    assert np.abs(there - truth)[2:-2, 2:-2].max() < 2e-5


@pytest.mark.parametrize("cfa_offset", OFFSETS)
def test_the_area_around_is_the_smallest_of_whole_blocks(cfa_offset):
    for top in (0, 3, 4):
        for height in (1, 2, 7, 8):
            area = red_around(Area(top, top + 1, height, height + 1), cfa_offset)
            for start, length, red, first, count in zip(
                (area.top, area.left), (area.height, area.width), cfa_offset, (top, top + 1), (height, height + 1),
                strict=True,
            ):  # fmt: skip
                assert (start - red) % 2 == 0 == length % 2
                assert start <= first < start + 2
                assert start + length - 2 < first + count <= start + length


def test_frames_that_fit_nowhere_are_left_out():
    transforms = [np.eye(3)] * 4
    burst = Camera([motion(i) for i in range(4)])
    planes = BalancedPlanes(burst, alignment_of(transforms, (0, 0, 40, 40), kept=np.array([True, False, True, True])))
    assert planes.shape == (3, 20, 20, 4)
    every = BalancedPlanes(burst, alignment_of(transforms, (0, 0, 40, 40)))
    np.testing.assert_array_equal(planes[1], every[2])
    np.testing.assert_array_equal(planes[-1], every[3])
    with pytest.raises(IndexError):
        planes[3]


def test_frames_are_read_when_they_are_asked_for():
    asked = []

    class Counting(Camera):
        def mosaic(self, i):
            asked.append(i)
            return super().mosaic(i)

    planes = BalancedPlanes(Counting([np.eye(3)] * 3))
    assert asked == []
    planes[1]
    assert asked == [1]


# --------------------------------------------------------------------
# light


class Plain(Camera):
    """Sensor values that are the same everywhere."""

    values = (0.2, 0.3, 0.3, 0.25)

    def mosaic(self, i):
        return np.broadcast_to(np.float32(self.values), super().mosaic(i).shape)


def test_light_is_balanced_and_clipped_to_white():
    balance = (2.0, 1.0, 1.1, 1.5)
    burst = Plain([np.eye(3)], balance=balance)
    np.testing.assert_allclose(to_float(BalancedPlanes(burst)[0])[5, 5], np.multiply(Plain.values, balance), atol=1e-5)
    burst.values = (0.6, 0.9, 0.95, 0.9)
    np.testing.assert_allclose(to_float(BalancedPlanes(burst)[0])[5, 5], (1, 0.9, 1, 1), atol=1e-5)


def test_exposure_is_evened_out_in_linear_light():
    burst = Plain([np.eye(3)] * 2, balance=(2.0, 1.0, 1.0, 1.5))
    burst.camera_to_srgb = RawCamera().srgb_to_camera  # any matrix whose rows sum to 1
    for gains in (np.array([[1.0], [0.8]]), np.array([[1.0] * 3, [0.8] * 3])):
        planes = BalancedPlanes(burst, alignment_of([np.eye(3)] * 2, (0, 0, 40, 40), gains=gains))
        np.testing.assert_allclose(to_float(planes[0])[5, 5], (0.4, 0.3, 0.3, 0.375), atol=1e-5)
        np.testing.assert_allclose(to_float(planes[1])[5, 5], np.multiply((0.4, 0.3, 0.3, 0.375), 0.8), atol=1e-5)


def test_white_that_is_too_bright_stays_white_when_it_is_evened_out():
    burst = Plain([np.eye(3)], balance=(2.0, 1.0, 1.0, 1.5))
    burst.values = (1, 1, 1, 1)
    planes = BalancedPlanes(burst, alignment_of([np.eye(3)], (0, 0, 40, 40), gains=np.full((1, 3), 0.8)))
    np.testing.assert_allclose(to_float(planes[0])[5, 5], 0.8, atol=1e-5)


@pytest.fixture
def drifting(tmp_path):
    """Folder with two raw files of a grey ramp, one in other light, and what makes them alike."""
    gains = np.array([1.2, 0.9, 1.1])
    ramp = np.repeat(np.linspace(0.05, 0.6, 64)[None, :, None], 48, 0) * np.ones(3)
    for i, light in enumerate((ramp, ramp / gains)):
        write_dng(tmp_path / f"{i}.dng", mosaic(light, RawCamera(lowpass_px=0)))
    return tmp_path, np.array([np.ones(3), gains])


def test_a_drift_of_the_white_balance_is_evened_out(drifting):
    folder, gains = drifting
    burst = read_burst(folder)
    planes = BalancedPlanes(burst, alignment_of([np.eye(3)] * 2, (0, 0, 48, 64), gains=gains))
    plain = BalancedPlanes(burst)
    np.testing.assert_array_equal(planes[0], plain[0])
    assert np.abs(to_float(planes[1]) - to_float(planes[0])).max() < 5e-4
    assert np.abs(to_float(plain[1]) - to_float(plain[0])).max() > 0.05


# --------------------------------------------------------------------
# raw files


def bilinear(planes):
    """Picture (2 Y, 2 X, 3) in the camera's colours; those a site lacks are its neighbours' mean, as in LibRaw."""
    sites = sites_of(planes)[..., 0]
    line = np.array([1, 2, 1], np.float32) / 2
    picture = np.empty((*sites.shape, 3), np.float32)
    for colour, places in enumerate(([(0, 0)], [(0, 1), (1, 0)], [(1, 1)])):
        known = np.zeros_like(sites)
        for y, x in places:
            known[y::2, x::2] = 1
        total, weight = (cv2.sepFilter2D(part, -1, line, line) for part in (sites * known, known))
        picture[..., colour] = np.where(known > 0, sites, total / weight)
    return picture


@pytest.fixture
def orientation(request, monkeypatch):
    """Orientation that raw files are written with."""
    write = tifffile.imwrite

    def turned(*args, extratags, **options):
        write(*args, extratags=[*extratags, (274, "H", 1, request.param, True)], **options)

    monkeypatch.setattr("napari_focusstack.simulation.dng.tifffile.imwrite", turned)
    return request.param


def shifted_psnr(picture, reference, y, x, border=8):
    height, width = reference.shape[:2]
    part = picture[border + y : height - border + y, border + x : width - border + x]
    return psnr(part, reference[border:-border, border:-border])


def moved_by(picture, reference, border=8):
    """How far, in px (y, x), a picture's greens lie from where they should: least squares (Lucas and Kanade, 1981)."""
    inside = (slice(border, -border),) * 2
    slopes = np.stack([slope[inside].ravel() for slope in np.gradient(reference[..., 1])], axis=1)
    return np.linalg.lstsq(slopes, (reference - picture)[..., 1][inside].ravel(), rcond=None)[0]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("orientation", TURNS, indirect=True)
@pytest.mark.parametrize("linear", [True, False])
def test_a_frame_through_planes_is_libraws_bilinear_one(tmp_path, pattern, orientation, linear):
    paths = write_raw_burst(tmp_path, simulate("flat", frames=1, height=64, width=80, seed=4), RawCamera(pattern))
    burst = read_burst(tmp_path, linear=linear)
    planes = BalancedPlanes(burst)
    ours = burst.developed(planes.restored(bilinear(to_float(planes[0]))))
    with rawpy.imread(str(paths[0])) as raw:
        options = burst._planes.development.parameters() | {"demosaic_algorithm": rawpy.DemosaicAlgorithm.LINEAR}
        theirs = to_float(raw.postprocess(**options))
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs)[2:-2, 2:-2].max() < (2e-4 if linear else 5e-4)  # borders go on in other ways


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("orientation", TURNS, indirect=True)
def test_the_way_through_planes_ends_on_the_classical_picture(tmp_path, pattern, orientation):
    """Aligned and averaged: by planes, or after LibRaw. Same area, place, colours and curve."""
    scene = simulate("flat", frames=3, height=112, width=144, jitter=2.0, breathing=0.02, dtype="float32", seed=4)
    write_raw_burst(tmp_path, scene, RawCamera(pattern))
    burst = read_burst(tmp_path)
    assert burst.quarter_turns == TURNS[orientation]
    alignment = align(burst, exposure=True, transfer="srgb")
    classical = fuse(warped(burst, alignment), "average", device="cpu").image
    planes = BalancedPlanes(burst, alignment)
    light = planes.restored(bilinear(np.mean([to_float(planes[i]) for i in range(len(planes))], axis=0)))
    ours = burst.developed(light)
    assert ours.shape == classical.shape == (alignment.area.height, alignment.area.width, 3)
    near = {(y, x): shifted_psnr(ours, classical, y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)}
    best = near.pop((0, 0))
    assert best > 32
    assert best > max(near.values()) + 2
    assert np.abs(moved_by(ours, classical)).max() < 0.03
    assert np.abs(ours.mean((0, 1)) - classical.mean((0, 1))).max() < 3e-3


# --------------------------------------------------------------------
# errors


def test_frames_without_a_mosaic_are_refused(tmp_path):
    with pytest.raises(ValueError, match="these frames have no sensor mosaic; raw networks need camera raw files"):
        BalancedPlanes(np.zeros((3, 8, 8, 3)))
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="a has no sensor mosaic; only camera raw files do"):
        BalancedPlanes(read_burst(tmp_path / "a.png"))


def test_alignments_of_other_frames_are_refused():
    with pytest.raises(ValueError, match="the alignment is of 2 frames, the burst has 3"):
        BalancedPlanes(Camera([np.eye(3)] * 3), alignment_of([np.eye(3)] * 2, (0, 0, 20, 20)))
    with pytest.raises(ValueError, match="is of frames of 90 × 110 px, these are 110 × 90 px"):
        BalancedPlanes(Camera([np.eye(3)]), alignment_of([np.eye(3)], (0, 0, 20, 20), size=(WIDTH, HEIGHT)))


def test_frames_of_half_size_are_refused(tmp_path):
    write_raw_burst(tmp_path, simulate("flat", frames=1, height=64, width=80, dtype="float32"))
    planes = BalancedPlanes(read_burst(tmp_path, half_size=True))
    with pytest.raises(ValueError, match=r"developed to 40 × 32 px, .* planes have 40 × 32 px: .*half_size=False"):
        planes[0]


def test_pictures_of_another_size_are_refused():
    planes = BalancedPlanes(Camera([np.eye(3)], (1, 1)))
    with pytest.raises(ValueError, match="a picture of 110 × 90 px is not one of these planes: 112 × 92 px"):
        planes.restored(np.zeros((HEIGHT, WIDTH, 3)))
