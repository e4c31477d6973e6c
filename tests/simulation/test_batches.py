import math
from dataclasses import fields, replace
from itertools import pairwise

import pytest
import torch

from napari_focusstack.optics import all_in_focus
from napari_focusstack.simulation import batches
from napari_focusstack.simulation.batches import Variety, draw_batch
from napari_focusstack.simulation.collage import random_layers
from napari_focusstack.simulation.imperfections import displaced, noisy, random_motion, relit
from napari_focusstack.simulation.library import Library, drawn_library
from napari_focusstack.simulation.variety import Chance

LIBRARY = drawn_library(7, 9, seed=5, size=160)
STILL = Variety(noisy=0, jitter=0, breathing=0, exposure=0, drift=0, plain=0, stretch=(0, 0), skew=0, shade=0)
CPU = torch.device("cpu")


def chance(seed: int = 0) -> Chance:
    return Chance(torch.Generator().manual_seed(seed), CPU)


def drawn(variety: Variety, seed: int = 0, *, bursts: int = 2, size: int = 48, frames: int | None = 5, library=LIBRARY):
    return draw_batch(library, variety, torch.Generator().manual_seed(seed), bursts=bursts, size=size, frames=frames)


def contrast(picture: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of neighbours, (...)."""
    return (picture.diff(dim=-1) ** 2).mean((-3, -2, -1)) + (picture.diff(dim=-2) ** 2).mean((-3, -2, -1))


# the batch


def test_shapes_and_types_are_as_said():
    batch = drawn(replace(Variety(), layers=(2, 2)), bursts=3, frames=4)
    assert batch.frames.shape == (3, 4, 3, 48, 48)
    assert batch.truth.shape == (3, 3, 48, 48)
    assert batch.depth.shape == (3, 48, 48)
    assert batch.alphas.shape == batch.depths.shape == (3, 3, 48, 48)
    assert batch.noise.shape == (3, 2)
    for field in fields(batch):
        value = getattr(batch, field.name)
        if field.name == "gains":
            assert value is None  # of mosaics alone
            continue
        assert isinstance(value, float) or (value.dtype == torch.float32 and bool(torch.isfinite(value).all()))


def test_the_same_seed_draws_the_same_batch_and_another_seed_another():
    one, same, other = (drawn(Variety(), seed) for seed in (1, 1, 2))
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(same, field.name)
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
    assert not torch.equal(one.frames, other.frames)


def test_numbers_of_frames_fill_their_range():
    variety = replace(STILL, frames=(2, 4), layers=(0, 0))
    counts = {drawn(variety, seed, bursts=1, size=16, frames=None).frames.shape[1] for seed in range(30)}
    assert counts == {2, 3, 4}


def test_layers_fill_their_range_and_the_background_covers_everything():
    variety = replace(STILL, layers=(0, 2))
    batches_ = [drawn(variety, seed, bursts=1, size=16, frames=2) for seed in range(30)]
    assert {batch.alphas.shape[1] for batch in batches_} == {1, 2, 3}
    assert all((batch.alphas[:, -1] == 1).all() for batch in batches_)


@pytest.mark.parametrize("sweep", [(1.0, 1.5), (4.0, 6.0)])
def test_the_blur_of_the_whole_sweep_keeps_to_its_range(sweep):
    discs = [drawn(replace(STILL, sweep=sweep, disc=1.0), seed, bursts=1, frames=4).blur for seed in range(8)]
    sigmas = [drawn(replace(STILL, sweep=sweep, disc=0.0), seed, bursts=1, frames=4).blur for seed in range(8)]
    for blurs, factor in ((discs, 1.0), (sigmas, 0.5)):  # a disc of radius r is as wide as a Gaussian of r / 2
        assert all(sweep[0] * factor <= 3 * blur <= sweep[1] * factor + 1e-9 for blur in blurs)
        assert len(set(blurs)) == 8


def test_a_sweep_is_a_quarter_of_the_picture_at_most():
    assert drawn(replace(STILL, sweep=(30, 40), disc=1.0), size=32, frames=2).blur == 8


@pytest.mark.parametrize("seed", range(4))
def test_a_flat_scene_is_sharpest_at_its_depth_and_there_it_is_the_truth(seed, monkeypatch):
    monkeypatch.setattr("napari_focusstack.simulation.collage.FLAT", 1.0)
    batch = drawn(replace(STILL, layers=(0, 0), sweep=(4, 6)), seed, bursts=4, frames=7)
    sharpest = contrast(batch.frames).argmax(1)
    depth = batch.depth.mean((1, 2))
    assert (batch.depth.amax((1, 2)) - batch.depth.amin((1, 2))).abs().max() < 1e-4
    assert (sharpest - depth).abs().max() <= 0.5 + 1e-4


def test_the_nearest_frame_at_each_pixel_of_a_slanted_scene_is_nearly_the_truth():
    batch = drawn(replace(STILL, layers=(0, 0), glints=0, sweep=(5, 6)), 3, bursts=4, frames=9)
    nearest = batch.depth.round().long()[:, None, None].expand(-1, 1, 3, -1, -1)
    picked = batch.frames.gather(1, nearest)[:, 0]
    error = ((picked - batch.truth) ** 2).mean()
    mean_error = ((batch.frames.mean(1) - batch.truth) ** 2).mean()
    assert error < mean_error / 10


def test_truth_is_the_picture_of_the_layers_in_focus_without_noise(monkeypatch):
    kept = []

    def layers(*args, **options):
        kept[:] = random_layers(*args, **options)
        return kept

    monkeypatch.setattr(batches, "random_layers", layers)
    batch = drawn(replace(Variety(), layers=(2, 2), noisy=1.0), 4)
    assert torch.equal(batch.truth, all_in_focus(kept))
    assert (batch.noise > 0).all()


def test_depth_is_of_the_front_most_layer_that_covers_half_a_pixel():
    batch = drawn(replace(STILL, layers=(2, 2)), 6, bursts=4)
    first, second, ground = batch.alphas.unbind(1)
    wanted = torch.where(
        first >= 0.5, batch.depths[:, 0], torch.where(second >= 0.5, batch.depths[:, 1], batch.depths[:, 2])
    )
    assert torch.equal(batch.depth, wanted)
    assert (first >= 0.5).any()
    assert (ground == 1).all()
    assert batch.depth.min() >= -1e-4
    assert batch.depth.max() <= 4 + 1e-4


def test_both_directions_of_the_sweep_occur_and_the_background_is_at_one_end():
    directions = set()
    for seed in range(4):
        batch = drawn(replace(STILL, layers=(1, 1), translucent=0), seed, bursts=8, size=16)
        front, ground = batch.depths.mean((2, 3)).unbind(1)
        directions |= set((front < ground).tolist())
    assert directions == {True, False}


def test_light_is_kept_however_far_out_of_focus(monkeypatch):
    """Of a dark scene with a few points in its middle: nothing spreads beyond the border."""
    monkeypatch.setattr("napari_focusstack.simulation.collage.FLAT", 1.0)
    spot = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    spot[..., 31:33, 31:33] = 255
    for seed in range(4):
        variety = replace(STILL, layers=(0, 0), glints=0, stretch=(0.3, 0.3), skew=0.1, sweep=(5, 5))
        batch = drawn(variety, seed, library=Library(spot, torch.empty(0, 4, 64, 64, dtype=torch.uint8)), size=96)
        seen = batch.truth[..., 16:-16, 16:-16].sum((1, 2, 3)) > 0.99 * batch.truth.sum((1, 2, 3))
        light = batch.frames.sum((2, 3, 4))
        assert light[seen].numpy() == pytest.approx(light[seen][:, :1].expand(-1, 5).numpy(), rel=0.02)


def test_bursts_do_not_depend_on_how_many_are_blurred_at_once(monkeypatch):
    together = drawn(Variety(), 8, bursts=4)
    monkeypatch.setitem(batches.AT_ONCE, "cpu", 1)
    alone = drawn(Variety(), 8, bursts=4)
    apart = (together.frames - alone.frames).abs()  # a flat surface alone needs no slices, which are an approximation
    assert apart.max() < 0.02
    assert apart.mean() < 1e-3
    assert torch.equal(together.truth, alone.truth)


def test_libraries_without_backgrounds_and_impossible_sizes_are_refused():
    empty = Library(LIBRARY.textures[:0], LIBRARY.cutouts)
    with pytest.raises(ValueError, match="a library without textures has no backgrounds"):
        drawn(STILL, library=empty)
    for options in ({"bursts": 0}, {"size": 4}, {"frames": -1}):
        with pytest.raises(ValueError, match="one burst or more of 8 px or more is needed"):
            drawn(STILL, **options)


def test_without_cutouts_there_is_the_background_alone():
    batch = drawn(replace(STILL, layers=(3, 3)), library=Library(LIBRARY.textures, LIBRARY.cutouts[:0]))
    assert batch.alphas.shape[1] == 1


# scenes


def layers_of(variety: Variety, seed: int = 0, bursts: int = 16, size: int = 32):
    return random_layers(LIBRARY, variety, chance(seed), bursts=bursts, size=size, last=4.0)


def test_colours_go_when_saturation_does():
    (ground,) = layers_of(replace(STILL, layers=(0, 0), saturation=(0, 0), glints=0))
    red, green, blue = ((plane / plane.mean((1, 2), keepdim=True)) for plane in ground.light.unbind(1))
    assert torch.allclose(red, green, atol=1e-4)
    assert torch.allclose(red, blue, atol=1e-4)


def test_plain_surfaces_have_a_tenth_of_the_contrast():
    (textured,), (plain,) = (layers_of(replace(STILL, layers=(0, 0), glints=0, plain=share)) for share in (0, 1))
    share = plain.light.std((1, 2, 3)) / textured.light.std((1, 2, 3))
    mean = plain.light.mean((2, 3)) / textured.light.mean((2, 3))
    assert share.median() < 0.6
    assert mean.numpy() == pytest.approx(1, abs=0.12)
    assert contrast(plain.light).median() < 0.02 * contrast(textured.light).median()


def test_surfaces_are_exposed_so_that_most_of_them_stays_below_white():
    white = Library(torch.full_like(LIBRARY.textures, 250), LIBRARY.cutouts)
    (ground,) = random_layers(white, replace(STILL, layers=(0, 0), glints=0), chance(), bursts=16, size=32, last=4.0)
    assert ground.light.mean((1, 2, 3)).max() <= 0.601


def test_glints_are_brighter_than_white_and_rare():
    (without,), (given,) = (layers_of(replace(STILL, layers=(0, 0), glints=share)) for share in (0, 1))
    extra = given.light - without.light
    assert extra.min() >= 0
    assert (extra.amax((1, 2, 3)) > 2).float().mean() > 0.8
    assert (extra > 0.5).float().mean() < 0.1


def test_what_is_behind_shines_through_translucent_matter():
    (solid, _), (veil, _) = (layers_of(replace(STILL, layers=(1, 1), translucent=share)) for share in (0, 1))
    assert solid.alpha.amax() == 1
    assert 0.05 < veil.alpha.amax() < 0.85
    ratio = veil.alpha.sum((1, 2)) / solid.alpha.sum((1, 2))
    lights = veil.light.sum((1, 2, 3)) / solid.light.sum((1, 2, 3))
    there = torch.isfinite(ratio)
    assert torch.allclose(ratio[there], lights[there], rtol=1e-3)


def test_layers_follow_one_another_from_near_to_far():
    layers = layers_of(replace(STILL, layers=(3, 3)))
    ends = [(float(layer.depth.min()), float(layer.depth.max())) for layer in layers]
    assert all(0 <= near <= far <= 4 + 1e-5 for near, far in ends)
    assert all(one[1] <= two[0] + 1e-5 for one, two in pairwise(ends))


def test_shade_is_the_same_on_all_layers():
    with_, without = (layers_of(replace(STILL, layers=(1, 1), shade=shade), bursts=4) for shade in (0.6, 0.0))
    ratio = [a.light.sum(1) / b.light.sum(1) for a, b in zip(with_, without, strict=True)]
    both = (without[0].light.sum(1) > 0.01) & (without[1].light.sum(1) > 0.01)
    assert torch.allclose(ratio[0][both], ratio[1][both], rtol=1e-3)
    assert ratio[1].std() > 0.05


# imperfections


def test_frames_are_displaced_as_said():
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(50.0), indexing="ij")
    frames = torch.stack([x, y])[None, None].expand(1, 2, 2, 40, 50).contiguous()
    moved = displaced(frames, torch.tensor([[[1.5, -0.5], [0.0, 2.0]]]), torch.tensor([[1.0, 1.02]]))
    inside = (slice(8, -8), slice(8, -8))  # cubic convolution bends a ramp by up to 0.05 px
    assert torch.allclose(moved[0, 0, 0][inside], (x + 1.5)[inside], atol=1e-3)
    assert torch.allclose(moved[0, 0, 1][inside], (y - 0.5)[inside], atol=1e-3)
    assert torch.allclose(moved[0, 1, 0][inside], (24.5 + 1.02 * (x - 24.5))[inside], atol=0.05)
    assert torch.allclose(moved[0, 1, 1][inside], (21.5 + 1.02 * (y - 19.5))[inside], atol=0.05)


def test_motion_has_the_size_asked_for():
    shifts, scales = random_motion(replace(Variety(), jitter=0.3, breathing=0.002), chance(), 4000, 5)
    # the mean square of a uniform share is 1/3; the drift adds (-0.5 … 0.5)² of mean 1/8
    assert float(shifts.std()) == pytest.approx(0.3 * math.sqrt((1 + 1 / 8) / 3), rel=0.03)
    assert float((scales[:, -1] - scales[:, 0]).std()) == pytest.approx(0.002, rel=0.05)
    still, unscaled = random_motion(STILL, chance(), 3, 4)
    assert not still.any()
    assert (unscaled == 1).all()


def test_light_flickers_and_drifts_as_much_as_asked_for():
    grey = torch.ones(3000, 5, 1, 1, 1)
    drifting = relit(grey, replace(STILL, drift=0.05), chance())[..., 0, 0, 0]
    assert float((drifting[:, -1] - drifting[:, 0]).std()) == pytest.approx(0.05, rel=0.05)
    assert torch.allclose(drifting[:, 2], torch.ones(3000))
    assert torch.allclose(drifting.diff(dim=1).diff(dim=1), torch.zeros(3000, 3), atol=1e-5)
    flickering = relit(grey, replace(STILL, exposure=0.05), chance())
    assert float(flickering.std()) == pytest.approx(0.05 / math.sqrt(3), rel=0.05)


def test_noise_has_the_variance_of_brooks():
    levels = torch.linspace(0, 1, 5)
    frames = levels[None, :, None, None, None].expand(3, 5, 1, 150, 150)
    seen, factors = noisy(frames, replace(Variety(), noisy=1.0), chance())
    for burst in range(3):
        shot, read = factors[burst].tolist()
        assert seen[burst].var((1, 2, 3)).tolist() == pytest.approx((levels * shot + read).tolist(), rel=0.05)
        assert seen[burst].mean((1, 2, 3)).tolist() == pytest.approx(levels.tolist(), abs=5 * math.sqrt(shot) / 150)


def test_noise_factors_keep_to_their_range_and_line():
    variety = replace(Variety(), noisy=0.6, shot=(1e-3, 5e-3))
    _, factors = noisy(torch.zeros(4000, 1, 1, 1, 1), variety, chance())
    there = factors[:, 0] > 0
    assert float(there.float().mean()) == pytest.approx(0.6, abs=0.03)
    assert (factors[~there] == 0).all()
    shot, read = factors[there].unbind(1)
    assert shot.min() >= 1e-3 * 0.999
    assert shot.max() <= 5e-3 * 1.001
    scatter = read.log() - 2.18 * shot.log() - 1.20
    assert float(scatter.mean()) == pytest.approx(0, abs=0.03)
    assert float(scatter.std()) == pytest.approx(0.26, rel=0.05)


# variety


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": (0, 3)}, r"frames=\(0, 3\) begins at 0"),
        ({"sweep": (3.0, 1.0)}, r"sweep=\(3.0, 1.0\) is not possible"),
        ({"jitter": -1.0}, "jitter=-1.0 is not possible"),
        ({"noisy": 1.5}, "noisy=1.5 is no share"),
        ({"shot": (0.0, 1e-3)}, "begins at 0; give a range of numbers above 0"),
    ],
)
def test_impossible_varieties_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Variety(**change)
