"""Whether a network can learn from what was chosen: from pictures or from mosaics, and of how many channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..nets import sees_mosaics

__all__ = ["CHANNELS", "misfit"]

CHANNELS: dict[str, int | None] = {"rgb": 3, "mono": 1, "raw": None}  # of a dataset's frames; None: a mosaic's planes
MOSAIC = 4  # channels of the network that is published for planes of a mosaic


def misfit(name: str, arguments: Mapping[str, Any], given: Mapping[str, int | None], *, simulated: bool) -> str:
    """Why the network cannot be trained on the data, in plain words; empty if it can.

    Parameters
    ----------
    name, arguments
        Architecture, as in `nets.build`; the UNet's channels are left out where they follow from the data.
    given : mapping
        Channels of the frames of a stack and of a dataset, by name; None: planes of a mosaic.
    simulated : bool
        Whether there are simulated bursts beside: of colour pictures, or of mosaics for a network that takes these.
    """
    mosaics = sees_mosaics(name, arguments)
    if name == "focusdeep" and (arguments.get("factor", 1) == 2) != mosaics:
        return (
            f"FocusDeep as published learns from mosaics with {MOSAIC} channels and the factor 2, and from pictures "
            "with the factor 1: change one of the two."
        )
    for what, channels in given.items():
        if mosaics and channels is not None:
            return (
                f"This network takes the mosaics of camera raw files, but {what} gives pictures: train it on simulated "
                "bursts, or choose a network for pictures."
            )
        if channels is None and not (mosaics and name == "focusdeep"):
            return (
                f"{what} holds planes of raw files and developed pictures, from which only FocusDeep (as published) "
                f"learns, with {MOSAIC} channels and the factor 2: choose it, or a dataset of kind rgb."
            )
    channels_of = {what: channels for what, channels in given.items() if channels is not None}
    if simulated and not mosaics:
        channels_of["a simulated burst"] = 3
    wanted = arguments.get("channels")
    if name == "unet" and arguments.get("size") == "paper" and wanted is None:  # what it is given first
        wanted = next(iter(channels_of.values()), None)
    for what, channels in channels_of.items():
        if wanted is not None and not mosaics and channels != wanted:
            return (
                f"This network is for frames of {wanted} channels, but {what} has {channels}: leave one of the two out."
            )
    return ""
