"""AiFDepthNet: golden numbers of parameters, how attention becomes depth, any number of frames, how far it sees."""

import math

import pytest
import torch

from napari_focusstack.nets import build, parameters_of
from napari_focusstack.nets.aifdepthnet import AiFDepthNet, attended, depth_weights


@pytest.fixture(scope="module")
def small():
    """A small network whose every layer says something."""
    torch.manual_seed(1)
    network = AiFDepthNet().eval()
    for weight in network.parameters():
        if weight.ndim > 1 and not weight.abs().max():
            torch.nn.init.normal_(weight, std=0.05)
    return network


def places(count):
    return torch.linspace(0, 1, count)[None]


def test_the_published_size_has_the_published_number_of_parameters():
    with torch.device("meta"):
        network = build("aifdepthnet", {"size": "paper"})
    parts = network.attention.encoder, network.attention.decoder
    assert [parameters_of(part) for part in parts] == [12_294_544, 4_239_329]
    assert parameters_of(network) == 16_533_873


@pytest.mark.parametrize(("size", "counts"), [("small", (1, 2, 5, 9)), ("paper", (1, 3))])
def test_any_number_of_frames_of_any_size(size, counts):
    torch.manual_seed(0)
    network = AiFDepthNet(size=size).eval()
    for count in counts:
        frames = torch.rand(1, count, 3, 37, 45)
        with torch.inference_mode():
            depth, picture, source, decided = network(frames, places(count))
        assert (depth.shape, picture.shape) == ((1, 37, 45), (1, 3, 37, 45))
        assert depth.min() >= 0
        assert depth.max() <= 1
        assert (picture <= frames.amax(1) + 1e-5).all()
        assert source.shape == decided.shape == depth.shape
        assert decided.min() >= -1e-6
        assert decided.max() <= 1


def test_depth_and_picture_are_normalised_apart():
    logits = torch.tensor([-30.0, 0.0, 4.0])[None, :, None, None]
    weights = depth_weights(logits)[0, :, 0, 0]
    soft = [math.log1p(math.exp(a)) for a in (-30, 0, 4)]
    torch.testing.assert_close(weights, torch.tensor([a / (sum(soft) + 1e-6) for a in soft]))
    found = attended(logits, places(3)).found()[0, :, 0, 0]
    depth = sum(a * z for a, z in zip(soft, (0, 0.5, 1), strict=True)) / sum(soft)
    variance = sum(a * (z - depth) ** 2 for a, z in zip(soft, (0, 0.5, 1), strict=True)) / sum(soft)
    shares = logits.softmax(1)[0, :, 0, 0]
    expected = [depth, variance, -(shares * shares.log()).sum().item(), sum(soft)]
    torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-4, atol=1e-5)


def test_attention_to_nothing_has_a_depth_all_the_same():
    found = attended(torch.full((1, 4, 2, 2), -200.0), places(4)).found()
    assert found.isfinite().all()
    torch.testing.assert_close(found[:, 2], torch.full((1, 2, 2), math.log(4)))


def test_frames_one_by_one_are_as_all_at_once(small):
    frames = torch.rand(2, 6, 3, 41, 59)
    with torch.inference_mode():
        together = attended(small.logits(frames), places(6).expand(2, -1)).found()
        streamed = small.streamed(list(frames.unbind(1)), places(6).expand(2, -1))
        depth = small(frames, places(6)).depth
    torch.testing.assert_close(streamed, together, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(depth, together[:, 0])


@pytest.mark.parametrize("place", [240, 243, 245])
def test_nothing_beyond_the_halo_changes_a_logit(small, place):
    frames = torch.rand(1, 2, 3, 496, 8, requires_grad=True)
    small.logits(frames)[0, 0, place, 3].backward()
    rows = frames.grad.abs().sum((0, 1, 2, 4)).nonzero()[:, 0]
    assert max(place - int(rows.min()), int(rows.max()) - place) <= small.halo


def test_what_else_is_in_a_batch_changes_nothing(small):
    frames = torch.rand(2, 4, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(small.logits(frames)[:1], small.logits(frames[:1]), rtol=1e-4, atol=1e-4)


def test_a_network_learns_along_all_its_weights(small):
    depth, picture, *_ = small(torch.rand(1, 3, 3, 32, 32), places(3))
    (depth.mean() + picture.mean()).backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in small.parameters())


def test_what_it_cannot_look_at_is_refused(small):
    with pytest.raises(ValueError, match="frames of 1 channels do not fit an AiFDepthNet; repeat grey ones thrice"):
        small.logits(torch.rand(1, 3, 1, 32, 32))
    with pytest.raises(ValueError, match="a burst without frames has no depth"):
        small.streamed([], places(1))
    with pytest.raises(ValueError, match="the published network looks at all frames at once"):
        AiFDepthNet(size="paper").streamed([torch.rand(1, 3, 32, 32)], places(1))
