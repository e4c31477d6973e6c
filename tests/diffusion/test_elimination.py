"""Light of nearer surfaces is taken away where it is there, and nothing is changed where it is not."""

import numpy as np
import pytest
import torch

from napari_focusstack.color import to_stored
from napari_focusstack.depth import estimate_depth
from napari_focusstack.diffusion import Law, checks, eliminate_diffusion
from napari_focusstack.diffusion.pair import fuse_pair
from napari_focusstack.diffusion.result import joined
from napari_focusstack.diffusion.veils import Veils
from napari_focusstack.fusion import fuse
from napari_focusstack.metrics import band_beside_depth_edges, psnr
from napari_focusstack.optics import Layer, all_in_focus, defocused
from napari_focusstack.progress import Cancelled, listening
from napari_focusstack.simulation import simulate
from napari_focusstack.simulation.pairs import focused

SIZE, SIGMA = 160, 4.0


def textured(seed, size=SIZE):
    """(3, size, size) linear light with details of all sizes."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(3, size, size)
    for cells in (6, 20, 64, size):
        coarse = torch.rand(1, 3, cells, cells, generator=generator)
        total += torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")[0]
    return (total / 4).clamp(0.02, 0.95)


def disc(radius, size=SIZE):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return (np.hypot(y, x) < radius).astype(np.float32)


class Pair:
    """A disc before a background: eqs. 3 and 4 with K1 = K4 = 1, K2 = K3 a Gaussian of 4 px."""

    def __init__(self, noise=0.0):
        self.mask = disc(45)
        alpha = torch.from_numpy(self.mask)
        near, far = 0.5 * textured(1) + 0.4, 0.6 * textured(2)  # a bright surface before a dark one
        layers = [Layer(near * alpha, alpha, 0.0), Layer(far, depth=1.0)]
        seen = torch.stack(list(defocused(layers, [0, 1], blur=SIGMA, psf="gaussian")))
        seen += noise * torch.randn(seen.shape, generator=torch.Generator().manual_seed(3))
        self.frames = seen.movedim(1, -1).numpy()
        self.truth = all_in_focus(layers).movedim(0, -1).numpy()
        distance = torch.nn.functional.max_pool2d(alpha[None], 21, 1, 10)[0].numpy()
        self.band = (distance > 0) & (self.mask == 0)

    def fused(self, mask=None):
        mask = (self.mask if mask is None else mask)[..., None]
        return mask * self.frames[0] + (1 - mask) * self.frames[1]

    def gain(self, mask=None, **options):
        """Gain in the band beside the edge, dB."""
        mask = self.mask if mask is None else mask
        known = {"nearest": "first", "blur": SIGMA, "psf": "gaussian"}
        found = eliminate_diffusion(self.frames, self.fused(mask), 1 - mask, **(known | options))
        return psnr(found.image, self.truth, mask=self.band) - psnr(self.fused(mask), self.truth, mask=self.band), found


@pytest.fixture(scope="module")
def pair():
    return Pair()


@pytest.fixture(scope="module")
def stack():
    return simulate("steps", frames=13, height=SIZE, width=SIZE, blur=1.0)


def test_a_known_veil_is_lifted(pair):
    gain, found = pair.gain()
    assert gain > 8
    assert np.array_equal(found.image[found.acted == 0], pair.fused()[found.acted == 0])
    lifted = pair.fused() - found.image
    assert np.abs(lifted - found.component).max() < 1e-6
    assert found.blur[pair.band & (found.veil > 0.2)] == pytest.approx(SIGMA)


def test_the_pair_itself_tells_blur_kind_and_order(pair):
    gain, found = pair.gain(blur=None, psf="auto", nearest="auto")
    assert gain > 6
    assert found.law.psf == "gaussian"
    assert found.law.nearest == "first"
    assert found.law.near == pytest.approx(SIGMA, rel=0.1)


def test_a_reversed_pair_gives_the_same(pair):
    one = eliminate_diffusion(pair.frames, pair.fused(), 1 - pair.mask, blur=SIGMA, psf="gaussian")
    other = eliminate_diffusion(pair.frames[::-1], pair.fused(), pair.mask, blur=SIGMA, psf="gaussian")
    assert (one.law.nearest, other.law.nearest) == ("first", "last")
    assert np.abs(one.image - other.image).max() < 1e-5


@pytest.mark.parametrize("error", [0.8, 1.2])
def test_a_wrong_blur_still_gains(pair, error):
    assert pair.gain(blur=error * SIGMA)[0] > 3


def test_noise_still_gains():
    assert Pair(noise=0.02).gain()[0] > 3


def test_a_dilated_mask_gains_and_an_eroded_one_is_mended(pair):
    assert pair.gain(disc(47))[0] > 1
    for radius in (44, 43):
        rim = (disc(45) - disc(radius)) > 0
        gain, found = pair.gain(disc(radius))
        assert gain > 5
        before = fuse_pair(*pair.frames, disc(radius))
        assert psnr(found.image, pair.truth, mask=rim) > psnr(before, pair.truth, mask=rim)
    assert pair.gain(disc(40))[0] > -0.05  # which is refused at the rim


def test_subtraction_gains_too_and_keeps_the_noise():
    noisy = Pair(noise=0.03)
    gains = {form: noisy.gain(form=form)[0] for form in ("division", "subtraction", "auto")}
    assert min(gains.values()) > 2
    assert gains["auto"] == gains["subtraction"]  # the noise is high


@pytest.mark.parametrize("nearest", ["first", "last"])
def test_a_pair_tells_its_blur(pair, nearest):
    order = slice(None, None, 1 if nearest == "first" else -1)
    index = 1 - pair.mask if nearest == "first" else pair.mask
    found = eliminate_diffusion(pair.frames[order], pair.fused(), index)
    assert found.law.nearest == nearest
    assert (found.law.psf, found.law.near, found.law.far) == ("gaussian", *[pytest.approx(SIGMA, rel=0.05)] * 2)
    gain = psnr(found.image, pair.truth, mask=pair.band) - psnr(pair.fused(), pair.truth, mask=pair.band)
    assert gain > pair.gain()[0] - 1


@pytest.mark.parametrize("plain", ["near", "far"])
def test_a_pair_that_does_not_tell_its_blur_is_left_alone(pair, plain):
    frames = pair.frames.copy()
    inside = (pair.mask if plain == "near" else 1 - pair.mask) > 0
    frames[:, inside] = frames[:, inside].mean()
    picture = pair.mask[..., None] * frames[0] + (1 - pair.mask[..., None]) * frames[1]
    found = eliminate_diffusion(frames, picture, 1 - pair.mask, nearest="first")
    assert np.array_equal(found.image, picture)
    assert "there is no texture on flat surfaces to measure the blur by" in found.describe()


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_strength_is_a_share(pair, strength):
    whole, part = pair.gain()[1], pair.gain(strength=strength)[1]
    assert np.abs(part.component - strength * whole.component).max() < 1e-6


def test_layers_of_a_stack_are_freed_of_each_other():
    y, x = np.mgrid[:SIZE, :SIZE]
    layers, depth = [], np.full((SIZE, SIZE), 9.0)
    for number, (middle, across, radius) in enumerate([(30, 40, 22), (50, 90, 30), (100, 60, 40)]):
        mask = np.hypot(y - middle, x - across) < radius
        alpha = torch.from_numpy(mask.astype(np.float32))
        layers.append(Layer(textured(10 + number) * alpha, alpha, 3.0 * number))
        depth[mask & (depth == 9)] = 3 * number
    layers.append(Layer(textured(20), depth=9.0))
    frames = torch.stack(list(defocused(layers, range(10), blur=0.8))).movedim(1, -1).numpy()
    truth = all_in_focus(layers).movedim(0, -1).numpy()
    image = np.take_along_axis(frames, depth.astype(int)[None, ..., None], 0)[0]
    found = eliminate_diffusion(frames, image, depth)
    band = band_beside_depth_edges(depth, width=5, step=2)
    assert psnr(found.image, truth, mask=band) > psnr(image, truth, mask=band) + 10
    assert found.law.near == pytest.approx(0.8, rel=0.02)
    assert (found.law.psf, found.law.nearest) == ("disc", "first")


def test_estimated_depth_gains_too_in_either_order(stack):
    band = band_beside_depth_edges(stack.depth, width=5, step=2)
    for frames, nearest in ((stack.frames, "first"), (stack.frames[::-1], "last")):
        image = fuse(frames, "pyramid").image
        index = estimate_depth(frames, fill=True, guide=image).index
        found = eliminate_diffusion(frames, image, index, transfer="srgb")
        assert found.law.nearest == nearest
        assert psnr(found.image, stack.truth, mask=band) > psnr(image, stack.truth, mask=band) + 2


@pytest.mark.parametrize("scene", ["flat", "slanted"])
def test_nothing_is_done_without_depth_edges(scene):
    burst = simulate(scene, frames=6, height=96, width=96)
    image = fuse(burst.frames, "average").image
    found = eliminate_diffusion(burst.frames, image, np.nan_to_num(burst.depth), transfer="srgb")
    assert np.array_equal(found.image, image)
    assert found.law is None
    assert not found.acted.any()
    assert found.describe() == "nothing eliminated: there are no depth edges"


@pytest.mark.parametrize("behind", [1.5, 2.5])
@pytest.mark.parametrize("nearest", ["first", "last"])
def test_what_is_behind_may_be_blurred_otherwise(behind, nearest):
    """The blur that is given is that of what is in front; what is behind tells its own."""
    mask = disc(60, 320)
    alpha, light = torch.from_numpy(mask), 0.5 * textured(1, 320) + 0.4
    near, far = focused(light * alpha, alpha, 0.6 * textured(2, 320), SIGMA, behind)
    truth = all_in_focus([Layer(light * alpha, alpha), Layer(0.6 * textured(2, 320))]).movedim(0, -1).numpy()
    frames = torch.stack([near, far]).movedim(1, -1).numpy()
    image = mask[..., None] * frames[0] + (1 - mask[..., None]) * frames[1]
    index = (1 - mask) if nearest == "first" else mask
    order = slice(None, None, 1 if nearest == "first" else -1)
    found = eliminate_diffusion(frames[order], image, index, blur=SIGMA, psf="gaussian", nearest=nearest)
    assert (found.law.near, found.law.nearest) == (SIGMA, nearest)
    assert found.law.far == pytest.approx(behind, rel=0.15)
    band = band_beside_depth_edges(1 - mask, width=10, step=0.5)
    assert psnr(found.image, truth, mask=band) > psnr(image, truth, mask=band) + 6


@pytest.mark.parametrize("edges", ["network", "contours"])
@pytest.mark.parametrize(("transfer", "dtype"), [("linear", "uint16"), ("srgb", "uint8")])
def test_light_that_only_adds_up_is_left_alone(transfer, dtype, edges):
    burst = simulate("fluorescence", frames=10, height=SIZE, width=SIZE, blur=1.0, transfer=transfer, dtype=dtype)
    image = fuse(burst.frames, "pyramid").image
    index = estimate_depth(burst.frames, fill=True, guide=image, edges=edges).index
    found = eliminate_diffusion(burst.frames, image, index, transfer=transfer)
    assert np.array_equal(found.image, image)
    why = "the frames look more as if light added up than as if what is near hid what is behind it"
    assert found.describe().startswith(f"nothing eliminated: {why}; where that cannot be")


def test_edges_go_to_the_nearer_surface_or_to_the_other(pair):
    grown, shrunk = pair.gain(edge=3, nearest="first")[1], pair.gain(edge=-3, nearest="first")[1]
    outside, inside = (disc(48) - pair.mask) > 0, (pair.mask - disc(42)) > 0
    assert np.allclose(grown.image[outside & (disc(47) > 0)], pair.frames[0][outside & (disc(47) > 0)], atol=1e-5)
    assert shrunk.veil[inside & (disc(42.5) == 0)].mean() > 0.2  # they lie behind now


def test_what_is_given_is_not_written_to(pair):
    frames, image, index = pair.frames.copy(), pair.fused(), 1 - pair.mask
    before = image.copy(), index.copy()
    eliminate_diffusion(frames, image, index, blur=SIGMA, psf="gaussian")
    assert np.array_equal(frames, pair.frames)
    assert np.array_equal(image, before[0])
    assert np.array_equal(index, before[1])


def test_what_was_done_is_told(pair):
    found = pair.gain()[1]
    assert found.obstacle == ""
    words = found.describe()
    assert f"taken from {(found.acted > 0).mean():.1%} of the picture" in words
    assert "4.00 px per frame (Gaussian, σ), first frame nearest" in words
    refused = (found.veil > 0.05) & (found.acted == 0)
    assert f"left on {refused.mean():.1%} where the frames speak against it" in words


def test_without_strength_nothing_is_taken(pair):
    found = pair.gain(strength=0.0)[1]
    assert found.describe() == "nothing eliminated: strength is 0"
    assert np.array_equal(found.image, pair.fused())
    assert not found.acted.any()


def test_a_refusal_of_the_frames_is_told():
    """Both surfaces are sharp in both frames: nothing was spread."""
    light = textured(5).movedim(0, -1).numpy()
    frames = np.stack([light, light])
    found = eliminate_diffusion(frames, light, 1 - disc(45), blur=SIGMA, psf="gaussian", nearest="first")
    assert found.describe() == "nothing eliminated: the frames, rendered again, did not look better without it"
    assert np.array_equal(found.image, light)


def test_blur_too_small_to_veil_is_told():
    light = textured(5).movedim(0, -1).numpy()
    found = eliminate_diffusion(np.stack([light, light]), light, 1 - disc(45), blur=0.1, psf="disc")
    assert found.describe() == "nothing eliminated: no nearer surface spreads light over one behind it"


@pytest.mark.parametrize(
    ("told", "law", "obstacle"),
    [
        ([(None, "a"), (Law(1, 2), "b"), (None, "a")], Law(1, 2), "a; b"),
        ([(None, "a"), (Law(1, 2), "")], Law(1, 2), ""),
    ],
)
def test_what_is_told_of_several_bursts(told, law, obstacle):
    assert joined(told) == (law, obstacle)


def test_plain_surfaces_tell_no_blur():
    frames = np.full((2, 64, 64, 1), 0.5, np.float32)
    index = np.zeros((64, 64), np.float32)
    index[:, 32:] = 1
    found = eliminate_diffusion(frames, frames[0], index)
    assert np.array_equal(found.image, frames[0])
    words = "there is no texture on flat surfaces to measure the blur by; give it: blur (--diffusion-blur)"
    assert found.describe() == f"nothing eliminated: {words}"


@pytest.mark.parametrize(
    ("image", "index", "message"),
    [
        (
            np.zeros((8, 9, 3)),
            np.zeros((8, 8)),
            r"a picture of shape \(8, 9, 3\) does not belong to frames of \(8, 8, 3\)",
        ),
        (np.zeros((8, 8, 3)), np.zeros((8, 9)), r"an index of shape \(8, 9\) does not fit a picture of \(8, 8\)"),
        (np.zeros((8, 8, 3)), np.full((8, 8), np.nan), "the index is not known everywhere; fill it: estimate_depth"),
        (
            np.full((8, 8, 3), 200.0),
            np.zeros((8, 8)),
            "a picture with values up to 200; give it in the scale of the fused",
        ),
        (np.full((8, 8, 3), np.nan), np.zeros((8, 8)), "the picture has values that are no numbers"),
        (np.zeros((8, 8, 3)), np.full((8, 8), 2.5), "an index from 2.5 to 2.5; frames are numbered 0 to 2"),
    ],
)
def test_what_does_not_fit_is_refused(image, index, message):
    with pytest.raises(ValueError, match=message):
        eliminate_diffusion(np.zeros((3, 8, 8, 3), np.float32), image, index)


def test_one_frame_is_refused():
    with pytest.raises(ValueError, match="there is only one frame; nothing is out of focus in another: give two or"):
        eliminate_diffusion(np.zeros((1, 8, 8, 3), np.float32), np.zeros((8, 8, 3)), np.zeros((8, 8)))


def test_an_option_of_another_type_is_refused():
    with pytest.raises(TypeError, match=r"edge=1\.5 is not of type int"):
        eliminate_diffusion(np.zeros((3, 8, 8, 3), np.float32), np.zeros((8, 8, 3)), np.zeros((8, 8)), edge=1.5)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"strength": 3.0}, "strength=3.0 is out of range"),
        ({"edge": 20}, "edge=20 is out of range"),
        ({"psf": "airy"}, "psf='airy' is not one of"),
        ({"nearest": "near"}, "nearest='near' is not one of"),
        ({"transfer": "gamma"}, "unknown transfer 'gamma'; choices: linear, srgb"),
    ],
)
def test_options_are_checked(option, message):
    with pytest.raises(ValueError, match=message):
        eliminate_diffusion(np.zeros((3, 8, 8, 3), np.float32), np.zeros((8, 8, 3)), np.zeros((8, 8)), **option)


def test_it_can_be_cancelled(pair):
    steps = []

    def listener(step):
        steps.append(step)
        if step is not None and step.stage == "Eliminating diffusion":
            raise Cancelled

    with pytest.raises(Cancelled), listening(listener):
        pair.gain()
    assert {step.stage for step in steps if step} == {"Measuring the blur", "Gathering light", "Eliminating diffusion"}


def test_stored_values_are_taken_as_their_transfer_says(pair):
    stored = to_stored(pair.frames, "srgb")
    mask = pair.mask[..., None]
    image = mask * stored[0] + (1 - mask) * stored[1]
    found = eliminate_diffusion(stored, image, 1 - pair.mask, blur=SIGMA, psf="gaussian", transfer="srgb")
    truth = to_stored(pair.truth, "srgb")
    assert psnr(found.image, truth, mask=pair.band) > psnr(image, truth, mask=pair.band) + 8


@pytest.mark.parametrize("kept", [True, False])
def test_detail_that_the_index_does_not_know_is_not_blurred(monkeypatch, pair, kept):
    """As of hairs over what is behind: the picture has them from other frames than the one that the index names."""
    if not kept:
        monkeypatch.setattr(checks, "SMOOTHER", 0.0)
    hairs = 0.2 * (np.indices(pair.mask.shape).sum(axis=0) % 4 == 0) * (1 - pair.mask)
    picture = pair.fused() + hairs.astype(np.float32)[..., None]
    found = eliminate_diffusion(pair.frames, picture, 1 - pair.mask, nearest="first", blur=SIGMA, psf="gaussian")
    lines = [float(np.abs(np.diff(image, axis=1))[pair.band[:, 1:]].mean()) for image in (picture, found.image)]
    assert (lines[1] > 0.95 * lines[0]) == kept


@pytest.mark.parametrize(
    ("gain", "pixels", "done"),
    [(0.1, 200, True), (-0.1, 200, True), (-0.25, 200, False), (0.1, 20, False)],  # the other end has 0.2 less
)
def test_where_no_end_of_the_burst_explains_the_frames_nothing_is_done(stack, monkeypatch, gain, pixels, done):
    monkeypatch.setattr(Veils, "gain", lambda _, law: (gain - 0.2 * (law.nearest == "last"), pixels))
    picture = fuse(stack.frames, "pyramid").image
    found = eliminate_diffusion(stack.frames, picture, stack.depth, transfer="srgb")
    assert (found.acted > 0).any() == done
    if not done:
        assert found.obstacle == (
            "the frames do not tell which end of the burst is nearest; give it: nearest (--diffusion-nearest)"
        )
        np.testing.assert_array_equal(found.image, picture)
