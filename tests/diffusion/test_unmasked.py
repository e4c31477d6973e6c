"""Pairs of which nothing else is known: which frame is the nearer, and the picture without halos, by networks."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_focusstack import fuse, simulate
from napari_focusstack.arrays import from_float, to_float
from napari_focusstack.color import to_stored
from napari_focusstack.diffusion import eliminate_diffusion, eliminate_from_pair, nearer_frame, unmasked
from napari_focusstack.metrics import psnr
from napari_focusstack.progress import Cancelled, listening
from soft_pairs import FRONT, soft_pair


@pytest.fixture(scope="module")
def pair():
    """Frames, what they show, and the mask of the foreground."""
    near, far, truth, alpha = soft_pair()
    frames = from_float(to_stored(np.stack([near, far]), "srgb"), np.uint8)
    return SimpleNamespace(frames=frames, truth=to_stored(truth, "srgb"), mask=alpha > 0.5)


@pytest.fixture(scope="module")
def picture(pair):
    return fuse(pair.frames, "pyramid", device="cpu").image


@pytest.fixture(scope="module")
def freed(pair, picture):
    return eliminate_from_pair(pair.frames, picture, transfer="srgb", device="cpu")


@pytest.fixture
def by_truth(pair, monkeypatch):
    """Networks that know the truth, and what they were asked."""
    asked = []

    def foreground(near, far, **how):
        asked.append(("foreground", how))
        return pair.mask.astype(np.float32)

    def blur(near, far, mask, **how):
        asked.append(("blur", how))
        return FRONT

    monkeypatch.setattr(unmasked, "find_foreground", foreground)
    monkeypatch.setattr(unmasked, "find_blur", blur)
    monkeypatch.setattr(unmasked, "nearer_frame", lambda *_, **how: asked.append(("nearest", how)) or "first")
    return asked


@pytest.mark.parametrize("scene", ["occluders", "hair"])
def test_the_nearer_frame_is_told_either_way_round(scene):
    frames = simulate(scene, frames=2, height=128, width=160, blur=4.0, seed=3).frames
    assert nearer_frame(*frames, transfer="srgb", device="cpu") == "first"
    assert nearer_frame(*frames[::-1], transfer="srgb", device="cpu") == "last"


def test_frames_that_are_alike_tell_nothing(pair):
    assert nearer_frame(pair.frames[0], pair.frames[0], device="cpu") is None


def test_only_the_busiest_squares_of_large_frames_are_looked_at(monkeypatch):
    frames = simulate("occluders", frames=2, height=600, width=1100, blur=4.0, seed=3).frames
    looked = []
    monkeypatch.setattr(unmasked, "find_foreground", lambda near, far, **_: looked.append(near.shape) or near[..., 0])
    monkeypatch.setattr(unmasked, "_wrong", lambda *_: np.ones(2))
    monkeypatch.setattr(unmasked, "find_blur", lambda *_, **__: 4.0)
    nearer_frame(*(frame / np.float32(255) for frame in frames))
    assert 2 <= len(looked) <= 16
    assert set(looked) == {(256, 256, 3)}


def test_halos_are_taken_from_a_pair(pair, picture, freed):
    before, after = psnr(picture, pair.truth), psnr(np.clip(freed.image, 0, 1), pair.truth)
    assert after > before + 2
    assert (freed.law.nearest, freed.law.psf) == ("first", "gaussian")
    assert freed.law.near == pytest.approx(FRONT, rel=0.2)
    untouched = freed.acted == 0
    assert 0.1 < untouched.mean() < 0.99
    np.testing.assert_array_equal(freed.image[untouched], picture[untouched])


def test_the_order_of_the_frames_does_not_matter(pair, picture, freed):
    swapped = eliminate_from_pair(pair.frames[::-1], picture, transfer="srgb", device="cpu")
    assert swapped.law.nearest == "last"
    np.testing.assert_allclose(swapped.image, freed.image, atol=1e-4)


def test_it_does_as_with_the_mask_that_is_found(pair, picture, by_truth):
    found = eliminate_from_pair(pair.frames, picture, transfer="srgb", device="cpu")
    how = {"transfer": "srgb", "device": "cpu"}
    assert by_truth == [("nearest", how), ("foreground", how), ("blur", {"psf": "gaussian", **how})]
    index = ~pair.mask
    expected = eliminate_diffusion(
        pair.frames, picture, index, nearest="first", blur=FRONT, psf="gaussian", transfer="srgb"
    )
    kept = found.acted > 0
    assert kept.sum() > 0.8 * (expected.acted > 0).sum()
    np.testing.assert_array_equal(found.image[kept], expected.image[kept])
    np.testing.assert_array_equal(found.image[~kept], picture[~kept])


def test_where_the_picture_shows_the_near_frame_it_stays(pair, picture, by_truth, monkeypatch):
    """A hole in the mask, where the foreground is plain: nothing is behind it that could be freed."""
    holed = pair.mask.copy()
    holed[54:68, 58:72] = False
    monkeypatch.setattr(unmasked, "find_foreground", lambda *_, **__: holed.astype(np.float32))
    found = eliminate_from_pair(pair.frames, picture, transfer="srgb")
    inside = np.s_[54:68, 58:72]
    np.testing.assert_array_equal(found.image[inside], picture[inside])
    assert not found.acted[inside].any()
    assert not found.component[inside].any()
    assert found.acted.any()
    only_near = eliminate_from_pair(pair.frames, to_float(pair.frames[0]), transfer="srgb")
    assert only_near.obstacle == "the frames, rendered again, did not look better without it"
    assert only_near.veil.any()


def test_what_is_given_is_not_asked(pair, picture, by_truth):
    given = {"nearest": "first", "blur": FRONT, "psf": "gaussian", "strength": 0.5}
    half = eliminate_from_pair(pair.frames, picture, transfer="srgb", **given)
    assert [what for what, _ in by_truth] == ["foreground"]
    whole = eliminate_from_pair(pair.frames, picture, transfer="srgb", **{**given, "strength": 1.0})
    np.testing.assert_allclose(2 * half.component, whole.component, atol=1e-5)
    by_truth.clear()
    assert eliminate_from_pair(pair.frames, picture, strength=0.0).obstacle == "strength is 0"
    assert not by_truth


def test_the_blur_of_discs_is_asked_for_as_a_radius(pair, picture, by_truth):
    eliminate_from_pair(pair.frames, picture, psf="disc", nearest="first")
    assert dict(by_truth)["blur"]["psf"] == "disc"


def test_a_nearer_frame_that_is_the_last_turns_the_index_round(pair, picture, by_truth):
    found = eliminate_from_pair(pair.frames[::-1], picture, nearest="last", transfer="srgb")
    expected = eliminate_from_pair(pair.frames, picture, nearest="first", transfer="srgb")
    np.testing.assert_allclose(found.image, expected.image, atol=1e-6)


def test_frames_that_cannot_be_told_apart_are_left(pair, picture, monkeypatch):
    same = eliminate_from_pair(np.stack([pair.frames[0]] * 2), picture, transfer="srgb")
    assert same.obstacle == "the two frames are the same picture"
    np.testing.assert_array_equal(same.image, picture)
    monkeypatch.setattr(unmasked, "find_foreground", lambda near, far, **_: np.zeros(near.shape[:2], np.float32))
    plain = eliminate_from_pair(pair.frames, picture, nearest="first")
    assert plain.obstacle == "the networks find no foreground in the nearer frame, or nothing else"
    monkeypatch.setattr(unmasked, "nearer_frame", lambda *_, **__: None)
    untold = eliminate_from_pair(pair.frames, picture)
    assert untold.obstacle.startswith("the frames do not tell which end of the burst is nearest")
    assert not untold.acted.any()


@pytest.mark.parametrize(
    ("frames", "options", "words"),
    [
        (
            np.zeros((3, 8, 8, 3), np.uint8),
            {},
            "3 frames are no pair; of a stack, give an index to eliminate",
        ),
        (np.zeros((2, 9, 8, 3), np.uint8), {}, r"a picture of shape \(8, 8, 3\) does not belong to frames of"),
        (np.zeros((2, 8, 8, 3), np.uint8), {"blur": 99.0}, "blur=99.0 is out of range"),
        (np.zeros((2, 8, 8, 3), np.uint8), {"transfer": "log"}, "unknown transfer 'log'"),
        (np.zeros((2, 8, 8, 3), np.uint8), {"sharpness": 1}, "sharpness"),
    ],
)
def test_wrong_input_is_named(frames, options, words):
    with pytest.raises(ValueError, match=words):
        eliminate_from_pair(frames, np.zeros((8, 8, 3), np.float32), **options)


@pytest.mark.parametrize("stage", ["Finding the foreground", "Refining the mask", "Eliminating diffusion"])
def test_it_can_be_stopped(pair, picture, stage):
    def stop(step):
        if step is not None and step.stage == stage:
            raise Cancelled

    with listening(stop), pytest.raises(Cancelled):
        eliminate_from_pair(pair.frames, picture, transfer="srgb", device="cpu")
