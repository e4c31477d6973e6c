"""Networks for the methods of depth that need one: untrained, they are a shape from focus."""

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


@pytest.fixture(scope="session")
def untrained(tmp_path_factory):
    """Folder of a small AiFDepthNet that has learned nothing."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("checkpoints") / "untrained"
    save_checkpoint(
        folder,
        build("aifdepthnet", {"size": "small"}),
        task="depth",
        input=Input(channels=3, range=(0.0, 1.0), light="stored", frames=(2, 300)),
        training=Training(data="nothing", steps=0, seed=0, loss="depth", code="0.2.0"),
        metrics={},
        licence="BSD-3-Clause",
    )
    return folder


@pytest.fixture(scope="session")
def chosen(untrained):
    """Options that a method of depth cannot do without."""
    return lambda method: {"checkpoint": str(untrained)} if method == "aif" else {}
