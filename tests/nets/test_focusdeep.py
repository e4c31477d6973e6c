"""FocusDeep as published: golden numbers, fusion frame by frame, the switch, tiles, checkpoints."""

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from napari_focusstack.nets import build, parameters_of
from napari_focusstack.nets.checkpoint import Input, load_network, read_checkpoint, save_checkpoint
from napari_focusstack.nets.focusdeep import SHIFT
from napari_focusstack.nets.tiles import infer

GAIN = "parametrizations.weight.original0"


def meta(**arguments):
    with torch.device("meta"):
        return build("focusdeep", arguments)


def made(**arguments):
    torch.manual_seed(0)
    return build("focusdeep", arguments).eval()


def levels(network):
    """What finds offsets, with the size of its pixels in px of the frame."""
    return [*zip(network.alignment.levels, (1, 2, 4), strict=True), (network.alignment.cascade, 1)]


@pytest.fixture(autouse=True)
def alike():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        yield


@pytest.fixture(scope="module")
def three():
    """For three grey frames."""
    with torch.random.fork_rng():
        return made(channels=1, frames=3)


@pytest.mark.parametrize("published_code", [False, True])
@pytest.mark.parametrize(
    ("channels", "factor", "parameters"), [(1, 1, 3_981_122), (3, 1, 3_983_426), (4, 2, 4_102_850), (1, 2, 4_094_210)]
)
def test_it_has_the_published_number_of_parameters(channels, factor, parameters, published_code):
    network = meta(channels=channels, factor=factor, frames=30, published_code=published_code)
    assert parameters_of(network) == parameters


def test_each_part_has_the_published_number_of_parameters():
    assert {name: parameters_of(part) for name, part in meta().named_children()} == {
        "features": 743_934,
        "pyramid": 103_040,
        "alignment": 1_034_624,
        "fusion": 123_008,
        "trunk": 1_862_520,
        "head": 112_710,
        "skip": 3_590,
    }


def test_a_pixel_of_thirty_frames_costs_34_million_products():
    network = made()
    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        network(torch.rand(1, 30, 3, 8, 8))
    assert counted.get_total_flops() / 2 / 8**2 == pytest.approx(34.3e6, rel=0.002)


def test_it_sees_as_far_as_computed_once():
    assert (meta().halo, meta(channels=4, factor=2).halo, meta().multiple) == (59, 58, 4)


@pytest.mark.parametrize(
    ("arguments", "count", "height", "width"),
    [({"channels": 3}, 2, 17, 6), ({"channels": 4, "factor": 2}, 1, 9, 11), ({"channels": 1, "factor": 2}, 4, 4, 2)],
)
def test_the_picture_has_three_colours_at_its_size(arguments, count, height, width):
    network = made(**arguments, frames=2)
    with torch.inference_mode():
        picture = network(torch.rand(2, count, arguments["channels"], height, width))
    factor = arguments.get("factor", 1)
    assert picture.shape == (2, 3, height * factor, width * factor)
    assert 0 < picture.std() < 0.5


def test_sizes_between_multiples_of_four_are_mirrored_at_their_end(three):
    burst = torch.rand(1, 3, 1, 10, 8)
    with torch.inference_mode():
        picture = three(burst)
        whole = three(torch.cat([burst, burst[..., [8, 7], :]], -2))
    assert torch.equal(picture, whole[..., :10, :])


@pytest.mark.parametrize("published_code", [False, True])
def test_summing_frame_by_frame_is_the_convolution_of_all_joined(published_code):
    network = made(channels=3, frames=4, published_code=published_code)
    planes = torch.rand(2, 4, 3, 8, 12) - 0.5
    with torch.inference_mode():
        pyramids = [network.pyramid(network.features(frame)) for frame in planes.unbind(1)]
        aligned = [network.alignment(pyramids[i], pyramids[max(i - 1, 0)]) for i in range(4)]
        joined = network.fusion(torch.cat(aligned, 1))
        assert torch.allclose(network.fused(planes), joined, atol=1e-5)


@pytest.mark.parametrize(("count", "chosen"), [(1, [0, 0, 0]), (2, [0, 0, 1]), (7, [0, 2, 4])])
def test_bursts_of_other_lengths_are_repeated_or_thinned_out(three, count, chosen):
    burst, seen = torch.rand(1, count, 1, 8, 8), []
    hook = three.features.register_forward_hook(lambda *_: seen.append(1))
    with torch.inference_mode():
        picture = three(burst)
        hook.remove()
        assert torch.allclose(picture, three(burst[:, chosen]), atol=1e-5)
    assert len(seen) == len(set(chosen))  # repeated ones are looked at once


def test_thirty_frames_are_fused_unless_told_otherwise():
    network = meta()
    assert network.frames == network.arguments["frames"] == 30
    assert network.fusion.in_channels == 30 * 64


def test_the_first_frame_alone_is_drawn_beside_the_fusion():
    network, burst = made(channels=3, frames=2), torch.rand(1, 2, 3, 8, 8)
    for name in (GAIN, "bias"):
        torch.nn.init.zeros_(network.head.grow.get_parameter(name))
    with torch.inference_mode():
        picture = network(burst)
        assert torch.equal(picture, network(torch.cat([burst[:, :1], torch.rand(1, 1, 3, 8, 8)], 1)))
        assert not torch.allclose(picture, network(torch.rand(1, 2, 3, 8, 8)))


def test_values_are_taken_around_the_middle():
    """Frames of one half are zero to every convolution."""
    network = made(channels=1, frames=3)
    for name, bias in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.zeros_(bias)
    with torch.inference_mode():
        assert (network(torch.full((1, 3, 1, 8, 8), 0.5)) == 0.5).all()


def test_the_order_of_frames_matters(three):
    burst = torch.rand(1, 3, 1, 8, 8)
    with torch.inference_mode():
        assert not torch.allclose(three(burst), three(burst.flip(1)), atol=1e-4)


def test_the_switch_says_how_offsets_begin_and_whether_they_are_rectified():
    corrected, published = made(channels=1, frames=2), made(channels=1, frames=2, published_code=True)
    assert corrected.state_dict().keys() == published.state_dict().keys()
    for network, begun in ((corrected, False), (published, True), (build("focusdeep", published.arguments), True)):
        for level, _ in levels(network):
            offsets = level.move(torch.rand(1, 64, 4, 4))
            assert bool(offsets.abs().max() > 0) is begun
    for network, slope in ((corrected, 1.0), (published, 0.1)):
        for level, _ in levels(network):
            with torch.no_grad():
                level.move.get_parameter(GAIN).zero_()
                level.move.bias.fill_(-3.0)
            coarser = () if level.coarsest else (torch.zeros(1, 144, 2, 2), torch.zeros(1, 64, 2, 2))
            offsets, _ = level(torch.rand(1, 64, 4, 4), torch.rand(1, 64, 4, 4), *coarser)
            assert torch.allclose(offsets, torch.tensor(-3.0 * slope))


@pytest.mark.parametrize("published_code", [False, True])
def test_every_weight_learns(published_code):
    network = made(channels=4, factor=2, frames=2, published_code=published_code).train()
    with torch.no_grad():
        for level, _ in levels(network):
            level.move.get_parameter(GAIN).clamp_(min=0.1)  # as after some training: see the next test
    functional.l1_loss(network(torch.rand(1, 2, 4, 8, 8)), torch.rand(1, 3, 16, 16)).backward()
    assert all(p.grad.abs().max() > 0 for p in network.parameters())


def test_untrained_offsets_let_only_what_follows_and_their_own_gains_learn():
    network = made(channels=1, frames=2)
    functional.l1_loss(network(torch.rand(1, 2, 1, 8, 8)), torch.rand(1, 3, 8, 8)).backward()
    for level, _ in levels(network):
        assert level.move.get_parameter(GAIN).grad.abs().max() > 0
        assert level.move.get_parameter("bias").grad.abs().max() > 0
        assert level.compare.get_parameter(GAIN).grad.abs().max() == 0


def test_half_precision_features_draw_nearly_the_same_picture_in_full_precision(three):
    burst = torch.rand(1, 3, 1, 16, 16)
    with torch.inference_mode():
        picture = three(burst)
        with torch.autocast("cpu", torch.bfloat16):
            rough = three(burst)
    assert rough.dtype == torch.float32
    assert torch.allclose(rough, picture, atol=0.02)
    assert not torch.equal(rough, picture)


@pytest.mark.parametrize(("shift", "exact"), [(0, True), (SHIFT, True), (-SHIFT, True), (40, False)])
def test_tiles_are_as_the_whole_while_offsets_are_short(shift, exact):
    network = made(channels=1, frames=2)
    with torch.no_grad():
        for level, scale in levels(network):
            level.move.bias[1::2] = shift / scale  # to the right
    frames = np.random.default_rng(0).random((2, 8, 300, 1), np.float32)
    whole = infer(network, frames, tile=512, device="cpu")
    tiled = infer(network, frames, tile=64, device="cpu")
    assert np.allclose(tiled, whole, atol=1e-5) is exact


def test_checkpoints_hold_it(three, tmp_path, describe):
    described = describe(input=Input(channels=1, range=(0.0, 1.0), light="linear", frames=(2, 30)))
    save_checkpoint(tmp_path / "published", three, **described)
    checkpoint = read_checkpoint(tmp_path / "published")
    assert (checkpoint.architecture, checkpoint.halo) == ("focusdeep", three.halo)
    again, burst = load_network(checkpoint, "cpu"), torch.rand(1, 3, 1, 8, 8)
    with torch.inference_mode():
        assert torch.equal(again(burst), three(burst))


def test_what_it_does_not_take_is_refused(three):
    with pytest.raises(ValueError, match="frames of 3 channels do not fit a FocusDeep built for 1"):
        three(torch.rand(1, 3, 3, 8, 8))
    with pytest.raises(ValueError, match="0 frames cannot stand for 3"):
        three(torch.rand(1, 0, 1, 8, 8))
    with pytest.raises(ValueError, match="channels=2 is not one of 1, 3, 4"):
        build("focusdeep", {"channels": 2})
    with pytest.raises(ValueError, match="factor=4 is not one of 1, 2"):
        build("focusdeep", {"factor": 4})
    with pytest.raises(ValueError, match="frames=0 is out of range; 1 to 256 is allowed"):
        build("focusdeep", {"frames": 0})
    with pytest.raises(TypeError, match="published_code=1 is not of type bool"):
        build("focusdeep", {"published_code": 1})
