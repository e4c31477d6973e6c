"""What every architecture tells about itself, so that files and tiles need not know which one it is."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn

from .config import Task

__all__ = ["Network"]


class Network(nn.Module):
    """A network whose keyword-only arguments, of JSON types and with ranges, say all about its shape.

    Attributes
    ----------
    task : {"fusion", "depth", "foreground", "refinement", "kernel", "edges", "trust"}
        What it finds, see `Checkpoint`.
    arguments : dict
        What it was built with: its class with these makes it again.
    channels : int or None
        Channels of each frame that it takes; None: any number.
    multiple : int
        Grid, in px, on which its coarsest features lie: what a tile begins on, so that it sees them as the whole does.
    halo : int
        Receptive field: how far, in px, what it says of a pixel depends on others, to either side.
    scale : int
        Pixels of the picture for each pixel of a frame, to either side.
    takes_noise : bool
        Whether it is told, beside the burst, how loud the noise is: see `nets.noise`.
    """

    task: ClassVar[Task] = "fusion"
    scale = 1
    takes_noise = False
    arguments: dict[str, Any]
    channels: int | None
    multiple: int
    halo: int
