"""The any-length network: order and number of frames, one by one or at once, brightness, what training reaches."""

import weakref
from functools import reduce

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from napari_focusstack.arrays import to_float
from napari_focusstack.nets import anylength, build, parameters_of, pyramids
from napari_focusstack.nets.merging import added
from napari_focusstack.nets.noise import LEVELS
from napari_focusstack.nets.pyramids import Residual
from napari_focusstack.nets.tiles import infer


def random_network(**arguments):
    """Network whose every weight says something."""
    torch.manual_seed(1)
    network = build("focusdeep-any", arguments).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.03 * torch.randn_like(parameter))
        network.scores.weight.mul_(5)
    return network


@pytest.fixture(scope="module", params=[False, True], ids=["rgb", "raw"])
def net(request):
    return random_network(raw=request.param)


class Peak(TorchDispatchMode):
    """Most bytes that tensors made meanwhile held at once."""

    def __init__(self):
        super().__init__()
        self.held, self.most = {}, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        for tensor in (part for part in tree_leaves(found) if isinstance(part, torch.Tensor)):
            storage = tensor.untyped_storage()
            if storage._cdata not in self.held:
                self.held[storage._cdata] = storage.nbytes()
                weakref.finalize(storage, self.held.pop, storage._cdata)
        self.most = max(self.most, sum(self.held.values()))
        return found


def burst_for(net, frames, height=24, width=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    channels = 4 if net.raw else 3
    burst = torch.rand(1, frames, channels, height, width, generator=generator)
    return burst, 0.05 * torch.rand(1, channels, LEVELS, generator=generator)


@torch.no_grad()
def streamed(net, burst, noise):
    return net.streamed(list(burst.unbind(1)), noise)


@settings(deadline=None, max_examples=10)
@given(frames=st.integers(1, 7), seed=st.integers(0, 99))
def test_neither_order_nor_the_way_frames_come_matters(net, frames, seed):
    burst, noise = burst_for(net, frames, seed=seed)
    order = torch.randperm(frames, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        at_once = net(burst, noise)
    one_by_one, shuffled = streamed(net, burst, noise), streamed(net, burst[:, order], noise)
    torch.testing.assert_close(one_by_one[:, :3], at_once, atol=1e-4, rtol=0)
    torch.testing.assert_close(shuffled[:, :3], one_by_one[:, :3], atol=1e-4, rtol=0)
    told = ~(one_by_one[:, 3] + shuffled[:, 3]).isnan() & (one_by_one[:, 4] > 1e-3)
    assert torch.equal(order[shuffled[:, 3][told].long()].float(), one_by_one[:, 3][told])


def test_repeating_all_frames_changes_the_noise_alone(net):
    net.correction.head.weight.data, kept = (
        torch.zeros_like(net.correction.head.weight),
        net.correction.head.weight.data,
    )
    net.correction.head.bias.data, bias = torch.zeros_like(net.correction.head.bias), net.correction.head.bias.data
    try:
        burst, noise = burst_for(net, 3)
        twice = streamed(net, burst.repeat(1, 2, 1, 1, 1), noise)
        torch.testing.assert_close(twice[:, :3], streamed(net, burst, noise)[:, :3], atol=1e-4, rtol=0)
        assert twice[:, 4].abs().max() < 1e-5  # each frame has its equal, so none is surer
    finally:
        net.correction.head.weight.data, net.correction.head.bias.data = kept, bias


def test_equal_frames_without_noise_come_back_before_training(net):
    fresh = build("focusdeep-any", {"raw": net.raw}).eval()
    plain = torch.full((1, 5, 4 if net.raw else 3, 16, 24), 0.37)
    found = fresh(plain, torch.zeros(1, plain.shape[2], LEVELS))
    torch.testing.assert_close(found, torch.full_like(found, 0.37), atol=1e-5, rtol=0)


@torch.no_grad()
def test_the_index_and_confidence_are_those_of_the_weights(net, monkeypatch):
    monkeypatch.setattr(anylength, "SPREAD", 0.5)
    burst, noise = burst_for(net, 4)
    parts = [net.features(frame[:, None], noise) for frame in burst.unbind(1)]
    shared = net.shared(reduce(added, (net.stats(part, 1) for part in parts)))
    scores = torch.stack(
        [
            net.merged(frame[:, None], part, shared).best[0, :4]
            for frame, part in zip(burst.unbind(1), parts, strict=True)
        ]
    )
    weights = scores.softmax(0).sort(0, descending=True)
    whole = streamed(net, burst, noise)
    sites = torch.nn.functional.pixel_unshuffle(whole, 2)[0]
    spread = (1 / weights.values.square().sum(0) - 1) / 3
    expected = weights.indices[0].float().masked_fill(spread > 0.5, torch.nan)
    assert 0.01 < expected.isnan().float().mean() < 0.99
    torch.testing.assert_close(sites[12:16], expected, equal_nan=True)
    torch.testing.assert_close(sites[16:20], (weights.values[0] - weights.values[1]).detach(), atol=1e-5, rtol=0)


def test_training_gives_the_merged_and_the_corrected_picture_and_reaches_every_weight(net):
    fresh = random_network(raw=net.raw).train()
    burst, noise = burst_for(net, 3)
    found = fresh(burst, noise)
    assert found.shape == (1, 2, 3, *((48, 64) if net.raw else (24, 32)))
    found.square().mean().backward()
    unreached = [name for name, p in fresh.named_parameters() if p.grad is None or not p.grad.any()]
    assert not unreached


def test_the_corrections_error_does_not_reach_the_weights(net):
    fresh = random_network(raw=net.raw).train()
    fresh(*burst_for(net, 3))[:, 1].mean().backward()
    assert fresh.correction.head.weight.grad.any() and fresh.values.weight.grad.any()
    assert fresh.scores.weight.grad is None or not fresh.scores.weight.grad.any()
    assert fresh.frames.stem[0].weight.grad is None or not fresh.frames.stem[0].weight.grad.any()


@pytest.mark.parametrize("size", [(8, 8), (13, 21), (1, 1), (30, 5)])
def test_sizes_of_any_kind_fit(net, size):
    burst, noise = burst_for(net, 2, *size)
    scale = 2 if net.raw else 1
    assert net(burst, noise).shape == (1, 3, scale * size[0], scale * size[1])


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_other_channels_are_fused_each_by_itself(channels):
    net = random_network(raw=False)
    burst, noise = torch.rand(1, 3, channels, 16, 16), 0.02 * torch.rand(1, channels, LEVELS)
    found = streamed(net, burst, noise)
    assert found.shape == (1, channels + 2, 16, 16)
    for channel in range(channels):
        alone = streamed(net, burst[:, :, channel : channel + 1], noise[:, channel : channel + 1])
        torch.testing.assert_close(found[:, channel], alone[:, 0], atol=1e-5, rtol=0)
    with torch.no_grad():
        torch.testing.assert_close(net(burst, noise), found[:, :channels], atol=1e-4, rtol=0)


def test_tiles_are_exact_and_a_narrower_halo_would_show():
    net = random_network(raw=False)
    data = np.random.default_rng(0).random((2, 552, 40, 3)).astype(np.float32)
    noise = torch.full((1, 3, LEVELS), 0.02)

    def ask(burst):
        return net.streamed(burst, noise)

    whole, tiled = (infer(net, data, tile=tile, device="cpu", streamed=ask) for tile in (1024, 64))
    np.testing.assert_allclose(tiled, whole, atol=3e-5)
    reach = net.halo
    net.halo = 16
    try:
        assert np.abs(infer(net, data, tile=64, device="cpu", streamed=ask) - whole)[..., :3].max() > 1e-3
    finally:
        net.halo = reach


def test_a_mosaic_has_four_planes():
    net = random_network(raw=True)
    with pytest.raises(ValueError, match="frames of 3 channels are no mosaic's; four planes are needed"):
        net(torch.rand(1, 2, 3, 8, 8), torch.rand(1, 3, LEVELS))


def test_a_burst_without_frames_is_refused(net):
    with pytest.raises(ValueError, match="a burst without frames cannot be fused; give at least one"):
        net.streamed([], torch.rand(1, 4 if net.raw else 3, LEVELS))


@torch.no_grad()
@pytest.mark.parametrize("size", ["small", "paper"])
def test_strips_change_nothing(size, monkeypatch):
    net = random_network(size=size)
    burst, noise = burst_for(net, 3, 72, 40)
    whole = streamed(net, burst, noise)
    asked = []
    monkeypatch.setattr(pyramids, "STRIP", 8)
    monkeypatch.setattr(
        Residual, "_strip", lambda self, features, of=Residual._strip: asked.append(1) or of(self, features)
    )
    torch.testing.assert_close(streamed(net, burst, noise), whole, atol=1e-4, rtol=0, equal_nan=True)
    assert len(asked) > 2 * sum(isinstance(part, Residual) for part in net.modules())


@pytest.mark.parametrize("raw", [False, True])
def test_memory_is_let_go(raw):
    net, peak = random_network(raw=raw), Peak()
    burst, noise = burst_for(net, 3, 64 if raw else 128, 64 if raw else 128)
    with torch.inference_mode(), peak:
        net.streamed(list(burst.unbind(1)), noise)
    sites = 64 * 64
    assert 200 < peak.most / (4 * sites) < 520  # floats for each site of the planes


def test_sizes():
    small, paper = (parameters_of(build("focusdeep-any", {"size": size})) for size in ("small", "paper"))
    assert small == 2_182_113
    assert paper == 3_971_047


def test_frames_of_integers_and_floats_are_the_same(net):
    if net.raw:
        pytest.skip("the scale is the reader's")
    data = (np.random.default_rng(1).random((3, 16, 16, 3)) * 255).astype(np.uint8)
    noise = torch.full((1, 3, LEVELS), 0.02)
    found = [infer(net, d, device="cpu", streamed=lambda b: net.streamed(b, noise)) for d in (data, to_float(data))]
    np.testing.assert_allclose(*found, atol=1e-6)
