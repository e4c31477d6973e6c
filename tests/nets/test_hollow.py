"""Hollow networks: names, shapes and types as of the real ones, without memory."""

import pytest
import torch

from napari_focusstack.nets import ARCHITECTURES, build
from napari_focusstack.nets.hollow import hollow


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_they_are_as_the_real_ones_without_memory(name):
    with hollow():
        skeleton = build(name, {})
    weights = skeleton.state_dict()
    assert {key: (one.shape, one.dtype) for key, one in weights.items()} == {
        key: (one.shape, one.dtype) for key, one in build(name, {}).state_dict().items()
    }
    assert {one.device.type for one in (*weights.values(), *skeleton.parameters())} == {"meta"}


def test_afterwards_weights_are_drawn_again():
    with hollow():
        build("edgenet", {})
    torch.manual_seed(0)
    first, second = (build("edgenet", {}).stem.weight for _ in range(2))
    assert first.device.type == "cpu"
    assert first.std() > 0
    assert not torch.equal(first, second)
