"""What tests of methods that are networks share: checkpoints of any architecture, and frames that are watched."""

import torch

from napari_focusstack.nets import build
from napari_focusstack.nets.checkpoint import Input, Training, save_checkpoint


def saved(folder, architecture, *, lengths=(1, 300), tile=64, change=None, **arguments):
    """Path of the folder, with an untrained network in it, which `change` may change."""
    torch.manual_seed(0)
    network = build(architecture, arguments)
    if change is not None:
        change(network)
    given = Input(network.channels, (0.0, 1.0), "stored", lengths)
    training = Training("nothing", 0, 0, "none", "0")
    told = {"task": network.task, "input": given, "training": training, "metrics": {}, "licence": "CC0", "tile": tile}
    save_checkpoint(folder, network, **told)
    return str(folder)


class Counted:
    """Frames that note which of them were read."""

    def __init__(self, data):
        self.data, self.shape, self.dtype, self.read = data, data.shape, data.dtype, []

    def __len__(self):
        return len(self.data)

    def __getitem__(self, k):
        self.read.append(k)
        return self.data[k]
