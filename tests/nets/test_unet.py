"""The UNet: golden numbers of parameters, shapes, which frames stand for a burst, how far it sees, how it begins."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focusstack.arrays import to_float
from napari_focusstack.methods import options_of
from napari_focusstack.metrics import psnr
from napari_focusstack.nets import ARCHITECTURES, architecture, build, name_of, parameters_of, sees_mosaics
from napari_focusstack.nets.unet import Size, Trunk, UNet, fit_frames, receptive_field
from napari_focusstack.simulation import simulate


def meta(**arguments):
    with torch.device("meta"):
        return build("unet", arguments)


@pytest.mark.parametrize(("channels", "parameters"), [(1, 46_745_603), (3, 46_780_163), (4, 46_797_443)])
def test_the_published_size_has_the_published_number_of_parameters(channels, parameters):
    assert parameters_of(meta(size="paper", frames=30, channels=channels)) == parameters


def test_the_small_size_is_small():
    assert 0.5e6 < parameters_of(meta()) < 1.0e6


def test_frozen_parameters_are_not_counted(network):
    layer = torch.nn.Linear(3, 2)
    layer.bias.requires_grad_(False)
    assert parameters_of(layer) == 6


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_built_by_its_name_and_tells_what_it_is(name):
    with torch.device("meta"):
        network = build(name, {})
        again = type(network)(**network.arguments)
    assert name_of(network) == name
    assert type(network) is architecture(name)
    assert set(options_of(type(network).__init__)) == set(network.arguments)
    assert {k: v.shape for k, v in again.state_dict().items()} == {k: v.shape for k, v in network.state_dict().items()}


def test_wrong_names_and_arguments_are_refused():
    with pytest.raises(ValueError, match="unknown architecture 'vnet'; choices: unet, focusdeep"):
        build("vnet", {})
    with pytest.raises(ValueError, match="frames=0 is out of range; 1 to 256"):
        build("unet", {"frames": 0})
    with pytest.raises(ValueError, match="unknown option of 'unet' 'width'"):
        build("unet", {"width": 10**9})
    with pytest.raises(ValueError, match="size='huge' is not one of 'paper', 'small'"):
        build("unet", {"size": "huge"})
    with pytest.raises(ValueError, match="channels=None: a UNet of size 'paper' needs their number"):
        build("unet", {"size": "paper"})
    with pytest.raises(ValueError, match="channels=3: a UNet of size 'small' takes any number; leave it out"):
        build("unet", {"channels": 3})
    with pytest.raises(
        ValueError, match="a Linear is none of the architectures unet, focusdeep, focusdeep-any.*; unwrap it"
    ):
        name_of(torch.nn.Linear(1, 1))


@pytest.mark.parametrize(("count", "channels", "height", "width"), [(4, 3, 32, 48), (2, 1, 17, 5), (7, 4, 33, 16)])
def test_the_small_size_takes_any_frames(network, count, channels, height, width):
    burst = torch.rand(2, count, channels, height, width)
    with torch.inference_mode():
        picture, shares = network(burst), network.weights(burst)
    assert picture.shape == (2, channels, height, width)
    assert shares.shape == (2, count, height, width)
    assert torch.allclose(shares.sum(1), torch.ones(()), atol=1e-5)
    assert (picture <= burst.amax(1) + 1e-5).all()
    assert (picture >= burst.amin(1) - 1e-5).all()


def test_frames_without_a_place_have_no_share(network):
    with torch.inference_mode():
        shares = network.weights(torch.rand(1, 8, 1, 16, 16))
    assert shares[0, 1::2].abs().max() == 0
    assert shares[0, ::2].min() > 0


def test_equal_frames_give_that_frame(network):
    frame = torch.rand(1, 1, 3, 32, 32)
    with torch.inference_mode():
        assert torch.allclose(network(frame.repeat(1, 5, 1, 1, 1)), frame[:, 0], atol=1e-6)


@pytest.mark.parametrize("count", [2, 7, 30])
def test_untrained_the_small_size_already_beats_the_mean_and_the_best_frame(count):
    burst = simulate("slanted", frames=count, height=96, width=96, blur=10 / count, seed=count)
    frames = torch.from_numpy(to_float(burst.frames)).permute(0, 3, 1, 2)[None]
    with torch.inference_mode():
        found = build("unet", {})(frames)[0].permute(1, 2, 0).numpy()
    best = max(psnr(to_float(frame), burst.truth) for frame in burst.frames)
    mean = psnr(to_float(burst.frames).mean(0), burst.truth)
    assert psnr(found, burst.truth) > max(best, mean) + 3


def test_plain_frames_are_averaged():
    burst = torch.linspace(0.2, 0.8, 5)[None, :, None, None, None].expand(1, 5, 3, 20, 20)
    with torch.inference_mode():
        assert torch.allclose(build("unet", {"frames": 5})(burst), burst.mean(1), atol=1e-3)


def test_the_small_size_decides_alike_in_any_light(network):
    burst = torch.rand(1, 4, 1, 32, 32)
    with torch.inference_mode():
        assert torch.allclose(network.weights(burst), network.weights(burst / 4 + 0.5), atol=0.01)


def test_the_published_kind_draws_three_colours_around_the_middle(monkeypatch):
    monkeypatch.setitem(UNet.__init__.__globals__["SIZES"], "paper", Size((4, 4), 3, chooses=False))
    network = build("unet", {"size": "paper", "frames": 6, "channels": 1})
    torch.nn.init.zeros_(network.trunk.head.weight)
    torch.nn.init.zeros_(network.trunk.head.bias)
    with torch.inference_mode():
        picture = network(torch.rand(1, 3, 1, 20, 20))
    assert picture.shape == (1, 3, 20, 20)
    assert (picture == 0.5).all()


def test_other_channels_than_it_was_built_for_are_refused():
    with pytest.raises(ValueError, match="frames of 1 channels do not fit a UNet built for 3"):
        meta(size="paper", channels=3, frames=2)(torch.rand(1, 2, 1, 16, 16))


def test_the_order_of_channels_does_not_matter(network):
    burst = torch.rand(1, 4, 3, 16, 16)
    with torch.inference_mode():
        assert torch.allclose(network.weights(burst), network.weights(burst[:, :, [1, 2, 0]]), atol=1e-4)


def test_edges_between_colours_of_equal_grey_are_seen():
    burst = torch.full((1, 2, 2, 16, 16), 0.5)
    burst[0, 1, 0, :, 8:], burst[0, 1, 1, :, 8:] = 0.8, 0.2
    with torch.inference_mode():
        assert build("unet", {"frames": 2}).weights(burst)[0, 1, 8, 8] > 0.9


def test_the_picture_is_in_full_precision_whatever_the_features(network):
    frame = torch.rand(1, 1, 1, 32, 32)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        picture = network(frame.repeat(1, 4, 1, 1, 1))
    assert picture.dtype == torch.float32
    assert torch.allclose(picture, frame[:, 0], atol=1e-6)


def test_every_weight_of_the_small_size_learns(network):
    burst = torch.rand(1, 4, 1, 32, 32)
    network.zero_grad()
    (network(burst) - burst[:, 1]).square().mean().backward()
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    network.zero_grad(set_to_none=True)
    assert not still


def test_frames_are_repeated_or_thinned_as_published():
    assert fit_frames(3, 6) == [0, 0, 1, 1, 2, 2]
    assert fit_frames(6, 3) == [0, 2, 4]
    assert fit_frames(5, 5) == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="0 frames cannot stand for 30"):
        fit_frames(0, 30)


@settings(deadline=None)
@given(st.integers(1, 100), st.integers(1, 60))
def test_frames_that_stand_for_others_are_in_order_and_evenly_spread(count, wanted):
    chosen = fit_frames(count, wanted)
    assert len(chosen) == wanted
    assert chosen == sorted(chosen)
    assert chosen[0] == 0 and chosen[-1] < count
    steps = np.diff([*chosen, count])
    assert steps.max() - steps.min() <= 1
    if wanted >= count:
        assert set(chosen) == set(range(count))


@pytest.mark.parametrize(("levels", "convolutions"), [(1, 1), (2, 2), (3, 3)])
def test_it_sees_as_far_as_it_says(levels, convolutions):
    """Gradients of single pixels, for each place on the coarsest grid, reach as far as told and no farther."""
    torch.manual_seed(1)
    trunk = Trunk(1, 1, Size((2,) * (levels + 1), convolutions, chooses=False)).double()
    for weight in trunk.parameters():
        torch.nn.init.uniform_(weight, 0.1, 1)  # nothing cancels, no rectifier is closed
    size = 4 * trunk.multiple + 2 * -(-trunk.halo // trunk.multiple) * trunk.multiple
    middle = size // 2 // trunk.multiple * trunk.multiple
    farthest = 0
    for place in range(middle, middle + trunk.multiple):
        for _ in range(3):  # pooling lets one pixel of four through
            planes = torch.rand(1, 1, size, size, dtype=torch.float64, requires_grad=True)
            trunk(planes)[0, 0, place, place].backward()
            seen = planes.grad[0, 0].abs().sum(0).nonzero()[:, 0]
            farthest = max(farthest, int((seen - place).abs().max()))
    assert farthest == trunk.halo == receptive_field(levels, convolutions)


def test_the_sizes_see_as_far_as_computed_once():
    assert (meta(size="paper", channels=3).halo, meta().halo) == (153, 110)


@pytest.mark.parametrize(
    ("name", "arguments", "mosaics"),
    [
        ("focusdeep-any", {"raw": True}, True),
        ("focusdeep-any", {"size": "paper"}, False),
        ("focusdeep", {"channels": 4, "factor": 2}, True),
        ("focusdeep", {}, False),
        ("unet", {"size": "paper", "channels": 4}, False),  # of a microscope
    ],
)
def test_some_networks_see_mosaics(name, arguments, mosaics):
    assert sees_mosaics(name, arguments) is mosaics
