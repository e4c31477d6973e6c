"""Pairs of frames: masks and blurs that are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from checkpointed import saved
from napari_focusstack.arrays import from_float
from napari_focusstack.color import to_stored
from napari_focusstack.diffusion.pair import find_blur, find_foreground, fuse_pair
from napari_focusstack.diffusion.reblurring import blurred, squares
from napari_focusstack.metrics import miou
from napari_focusstack.nets.checkpoint import CheckpointError
from napari_focusstack.progress import Cancelled, listening
from napari_focusstack.simulation.batches import Variety
from napari_focusstack.simulation.library import drawn_library
from napari_focusstack.training.sources import Paired

SIZE = 144


def pair(
    blur: float, psf: str = "gaussian", *, noise: float = 0.0, shape: str = "disc", grain: float = 0.3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Near and far frame (Y, X, 3) in linear light, and the mask, of a disc of another colour before a plane.

    Or of wires of 3 px; `grain` is the texture of either.
    """
    chance = np.random.default_rng(1)
    y, x = np.mgrid[:SIZE, :SIZE]
    disc = np.hypot(y - SIZE / 2, x - SIZE / 2) < 48
    mask = (disc if shape == "disc" else (x + y // 3) % 36 < 3).astype(np.float32)
    front, back = (
        np.float32(color) + blurred(chance.normal(0, spread, (SIZE, SIZE, 1)).astype(np.float32), 1.0)
        for color, spread in (([0.7, 0.5, 0.4], grain), ([0.3, 0.5, 0.6], 0.3))
    )
    near = mask[..., None] * front + (1 - mask[..., None]) * blurred(back, 3.0)
    cover = blurred(mask, blur, psf)[..., None]
    far = blurred(front * mask[..., None], blur, psf) + (1 - cover) * back
    near, far = (np.clip(one + chance.normal(0, noise, one.shape), 0, 1).astype(np.float32) for one in (near, far))
    return near, far, mask


@pytest.mark.parametrize("psf", ["gaussian", "disc"])
@pytest.mark.parametrize("blur", [1.5, 3.0, 6.0])
def test_a_known_blur_is_found(blur, psf):
    near, far, mask = pair(blur, psf)
    assert find_blur(near, far, mask, psf=psf, method="search") == pytest.approx(blur, rel=0.1)


def test_noise_and_a_mask_too_large_change_little():
    near, far, mask = pair(3.0, noise=0.02)
    grown = np.roll(mask, 2, 0)
    assert find_blur(near, far, np.maximum(mask, grown)) == pytest.approx(3.0, rel=0.1)


def test_blur_is_of_light_not_of_stored_values():
    near, far, mask = pair(4.0)
    near, far = (from_float(to_stored(one).astype(np.float32), np.uint8) for one in (near, far))
    assert find_blur(near, far, mask, transfer="srgb") == pytest.approx(4.0, rel=0.05)


@pytest.mark.parametrize("psf", ["gaussian", "disc"])
@pytest.mark.parametrize("blur", [1.5, 3.0, 6.0])
@pytest.mark.parametrize(("shape", "grain"), [("disc", 0.0), ("wires", 0.3), ("wires", 0.0)])
def test_what_is_plain_or_thin_tells_its_blur_by_its_veil(shape, grain, blur, psf):
    near, far, mask = pair(blur, psf, shape=shape, grain=grain, noise=0.01)
    assert find_blur(near, far, mask, psf=psf, method="search") == pytest.approx(blur, rel=0.2)


@pytest.mark.parametrize("why", ["too blurred", "another scene"])
def test_a_foreground_that_does_not_tell_is_refused(why):
    near, far, mask = pair(40.0, shape="wires")
    if why == "another scene":
        far = np.random.default_rng(5).random(near.shape, np.float32)
    with pytest.raises(ValueError, match="the foreground does not tell how it is blurred"):
        find_blur(near, far, mask, method="search")


def test_the_same_picture_twice_is_refused():
    near, _, mask = pair(4.0)
    with pytest.raises(ValueError, match="near and far are the same picture; give the frames focused on"):
        find_blur(near, near.copy(), mask)


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_the_foreground_is_found_by_sharpness(noise):
    near, far, mask = pair(4.0, noise=noise)
    found = find_foreground(near, far, method="sharpness")
    assert found.dtype == np.float32
    assert found.shape == mask.shape
    assert miou(found, mask) > 0.95
    assert miou(find_foreground(near, far, refine="none", method="sharpness"), mask) > 0.85


def test_the_frames_of_a_pair_are_not_alike():
    near, far, mask = pair(4.0)
    assert miou(1 - find_foreground(far, near, method="sharpness"), mask) > 0.8


def test_grey_pairs_will_do():
    near, far, mask = pair(4.0)
    grey = [from_float(one[..., 0], np.uint16) for one in (near, far)]
    assert miou(find_foreground(*grey, method="sharpness"), mask) > 0.9
    assert find_blur(*grey, mask) == pytest.approx(4.0, rel=0.1)


def test_two_plain_pictures_have_a_mask():
    plain = np.full((40, 50), 0.5, np.float32)
    found = find_foreground(plain, plain, method="sharpness")
    assert np.isfinite(found).all()


def test_a_pair_is_fused_by_its_mask():
    near, far, mask = pair(4.0)
    picture = fuse_pair(near, far, mask)
    assert np.array_equal(picture[mask > 0], near[mask > 0])
    assert np.array_equal(picture[mask == 0], far[mask == 0])
    assert np.allclose(fuse_pair(near, far, 0.5 * np.ones_like(mask)), (near + far) / 2)


def test_large_pictures_are_looked_at_where_they_tell_most():
    texture = np.zeros((700, 900), np.float32)
    texture[300:, 600:] = np.random.default_rng(0).random((400, 300))
    where = squares(texture, np.ones_like(texture))
    assert where[0] == (slice(256, 512), slice(512, 768))
    assert squares(texture[:300, :300], np.ones((300, 300), np.float32)) == [(slice(0, 300), slice(0, 300))]


# --------------------------------------------------------------------
# networks


PAIRS = {"lengths": (2, 2), "tile": 512, "size": "small"}


@pytest.mark.parametrize("kind", ["color", "grey", "two channels", "16 bit", "bright"])
def test_a_network_finds_the_foreground_of_any_picture(tmp_path, kind):
    near, far, mask = pair(4.0)
    near, far = near[:101, :90], far[:101, :90]
    seen = {
        "color": (near, far),
        "grey": (near[..., 0], far[..., 0]),
        "two channels": (near[..., :2], far[..., :2]),
        "16 bit": (from_float(near, np.uint16), from_float(far, np.uint16)),
        "bright": (near * 1000, far * 1000),
    }[kind]
    found = find_foreground(*seen, **networks(tmp_path))
    assert found.shape == (101, 90)
    assert found.dtype == np.float32
    assert miou(found, mask[:101, :90]) > 0.6  # untrained, it goes by detail


def networks(folder: Path) -> dict[str, str]:
    """Options that ask untrained networks: the second gives back what it is given."""
    found, better = saved(folder / "fsb", "fsb", **PAIRS), saved(folder / "frb", "frb", lengths=(2, 2))
    return {"method": "network", "device": "cpu", "checkpoint": found, "refinement": better}


def test_refining_is_left_out_on_demand(tmp_path):
    near, far, mask = pair(4.0)
    asked = networks(tmp_path)
    rough, smooth, sure = (
        find_foreground(near, far, refine=refine, **asked) for refine in ("none", "field", "network")
    )
    assert miou(smooth, mask) > miou(rough, mask)
    assert ((sure > 0.5) == (smooth > 0.5)).all()
    assert np.abs(sure - 0.5).max() < 0.4 < np.abs(smooth - 0.5).max()
    np.testing.assert_array_equal(find_foreground(near, far, **asked), sure)


@pytest.mark.parametrize("noisy", [0.0, 1.0])
def test_what_the_frames_would_look_like_tells_what_is_wrong_with_a_mask(noisy):
    library = drawn_library(6, 9, seed=5, size=256).opaque()
    drawn = Paired(library, replace(Variety(), noisy=noisy)).draw((7,), bursts=8, size=128)
    found = {"field": [], "network": []}
    for frames, mask in zip(drawn.frames, drawn.mask, strict=True):
        seen, how = frames.permute(0, 2, 3, 1).numpy(), {"transfer": drawn.transfer, "device": "cpu"}
        for refine, scores in found.items():
            scores.append(miou(find_foreground(*seen, refine=refine, **how), mask[0].numpy()))
    gains = np.subtract(found["network"], found["field"])
    assert gains.mean() > 0.004
    assert gains.min() > -0.02


def test_a_network_tells_the_blur(tmp_path):
    near, far, mask = pair(4.0)
    network = saved(tmp_path / "keb", "keb", **PAIRS)
    found = find_blur(near, far, mask, method="network", checkpoint=network, device="cpu")
    assert 0.1 < found < 20
    assert find_blur(near, far, mask, method="network", psf="disc", checkpoint=network, device="cpu") == pytest.approx(
        2 * found
    )


@pytest.mark.parametrize("psf", ["gaussian", "disc"])
def test_a_network_is_only_asked_where_the_foreground_does_not_tell(tmp_path, psf):
    near, far, mask = pair(4.0, psf)
    assert find_blur(near, far, mask, psf=psf, checkpoint="nothing") == pytest.approx(4.0, rel=0.1)
    options = {"psf": psf, "checkpoint": saved(tmp_path / "keb", "keb", **PAIRS), "device": "cpu"}
    near, far, mask = pair(40.0, psf, shape="wires")
    assert find_blur(near, far, mask, **options) == find_blur(near, far, mask, method="network", **options)


def test_another_network_is_refused(tmp_path):
    near, far, mask = pair(4.0)
    network = saved(tmp_path / "keb", "keb", **PAIRS)
    with pytest.raises(CheckpointError, match="is a keb; method network takes fsb"):
        find_foreground(near, far, method="network", checkpoint=network)
    with pytest.raises(CheckpointError, match="is a keb; method network takes frb"):
        find_foreground(near, far, method="sharpness", refine="network", refinement=network)
    with pytest.raises(CheckpointError, match="nothing"):
        find_blur(near, far, mask, method="network", checkpoint="nothing")


# --------------------------------------------------------------------
# what cannot be


@pytest.mark.parametrize("dtype", [bool, np.int64])
def test_types_that_no_camera_writes_are_refused(dtype):
    near, far, mask = (255 * one for one in pair(4.0))
    for function in (lambda *two: find_blur(*two, mask / 255), find_foreground):
        with pytest.raises(TypeError, match="frames of dtype (bool|int64)"):
            function(near.astype(dtype), far.astype(dtype))


def test_what_is_no_pair_is_refused():
    near, far, mask = pair(4.0)
    with pytest.raises(ValueError, match=r"frames of shapes \(144, 144, 3\) and \(143, 144, 3\)"):
        find_foreground(near, far[1:])
    with pytest.raises(ValueError, match="float32 and uint8, are no pair"):
        fuse_pair(near, from_float(far, np.uint8), mask)
    with pytest.raises(ValueError, match=r"a mask of shape \(10, 144\) does not fit frames of shape \(144, 144\)"):
        find_blur(near, far, mask[:10])


@pytest.mark.parametrize("which", [0, 1])
def test_frames_without_values_are_refused(which):
    frames = list(pair(4.0)[:2])
    frames[which] = frames[which].copy()
    frames[which][3, 5, 0] = np.nan
    with pytest.raises(ValueError, match=f"{('near', 'far')[which]} has values that are no numbers"):
        find_foreground(*frames, method="sharpness")


@pytest.mark.parametrize("function", [find_blur, fuse_pair])
def test_masks_have_to_fit(function):
    near, far, mask = pair(4.0)
    with pytest.raises(ValueError, match=r"a mask of shape \(143, 144\) does not fit frames of shape \(144, 144\)"):
        function(near, far, mask[1:])
    with pytest.raises(ValueError, match="a mask with values from 0 to 255; give shares from 0 to 1"):
        function(near, far, 255 * mask)
    with pytest.raises(ValueError, match="a mask with values that are no numbers"):
        function(near, far, np.nan * mask)


@pytest.mark.parametrize("all_of_it", [0, 1])
def test_a_mask_without_an_edge_tells_no_blur(all_of_it):
    near, far, mask = pair(4.0)
    with pytest.raises(ValueError, match="the mask has no edge"):
        find_blur(near, far, np.full_like(mask, all_of_it))


@pytest.mark.parametrize(
    ("option", "choices"), [("psf", "gaussian, disc|disc, gaussian"), ("transfer", "linear, srgb|srgb, linear")]
)
def test_unknown_options_are_named(option, choices):
    near, far, mask = pair(4.0)
    with pytest.raises(ValueError, match=f"unknown {option} 'magic'; choices: ({choices})"):
        find_blur(near, far, mask, **{option: "magic"})


def test_unknown_methods_are_named():
    near, far, mask = pair(4.0)
    with pytest.raises(ValueError, match="unknown method 'magic'; choices: network, sharpness"):
        find_foreground(near, far, method="magic")
    with pytest.raises(ValueError, match="unknown refine 'twice'; choices: auto, network, field, none"):
        find_foreground(near, far, refine="twice")
    with pytest.raises(ValueError, match="unknown transfer 'log'; choices: linear, srgb"):
        find_foreground(near, far, transfer="log")
    with pytest.raises(ValueError, match="unknown method 'magic'; choices: auto, search, network"):
        find_blur(near, far, mask, method="magic")


def by_sharpness(near, far):
    return find_foreground(near, far, method="sharpness")


@pytest.mark.parametrize(
    "function", [find_foreground, by_sharpness, lambda near, far: find_blur(near, far, np.eye(SIZE))]
)
def test_they_can_be_cancelled(function):
    near, far, _ = pair(4.0)

    def no(step):
        raise Cancelled

    with listening(no), pytest.raises(Cancelled):
        function(near, far)
