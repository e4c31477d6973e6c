"""Small networks and whole checkpoints to break."""

import pytest
import torch

from napari_focusstack.nets import build
from napari_focusstack.nets.checkpoint import Input, Training, save_checkpoint


@pytest.fixture(autouse=True, scope="session")
def one_thread_for_torch():
    """Its threads wait for each other at full speed, which takes seconds on a machine that has other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def none_shipped(tmp_path_factory, monkeypatch):
    """No checkpoint comes with the program."""
    monkeypatch.setattr("napari_focusstack.nets.listing.SHIPPED", tmp_path_factory.mktemp("none"))


@pytest.fixture(scope="session")
def network():
    """A small UNet for four frames that chooses at random."""
    torch.manual_seed(0)
    network = build("unet", {"size": "small", "frames": 4}).eval()
    torch.nn.init.normal_(network.trunk.head.weight, std=0.3)
    return network


DESCRIPTION = {
    "task": "fusion",
    "input": Input(channels=None, range=(0.0, 1.0), light="linear", frames=(2, 30)),
    "training": Training(data="simulated bursts", steps=1200, seed=7, loss="L1", code="0.2.0"),
    "metrics": {"psnr_db": 33.25},
    "licence": "BSD-3-Clause",
    "tile": 256,
}


@pytest.fixture
def describe():
    """What a checkpoint says of itself, with changes."""
    return lambda **changes: DESCRIPTION | changes


@pytest.fixture(scope="session")
def whole(network, tmp_path_factory):
    """A whole checkpoint; to be read only."""
    folder = tmp_path_factory.mktemp("checkpoints") / "whole"
    save_checkpoint(folder, network, **DESCRIPTION)
    return folder
