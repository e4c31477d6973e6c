"""Networks and their files: architectures by name, checkpoints in folders, inference in tiles.

Importing this package, or `nets.checkpoint`, does not load torch; the architectures do.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..methods import check_options

if TYPE_CHECKING:
    from torch import nn

    from .network import Network

__all__ = ["ARCHITECTURES", "architecture", "build", "name_of", "parameters_of", "sees_mosaics"]

ARCHITECTURES: dict[str, str] = {  # module of this package and class, so that a name costs no import of torch
    "unet": "unet.UNet",
    "focusdeep": "focusdeep.FocusDeep",
    "focusdeep-any": "anylength.AnyLength",
    "aifdepthnet": "aifdepthnet.AiFDepthNet",
    "fsb": "fsb.FSB",
    "frb": "frb.FRB",
    "keb": "keb.KEB",
    "edgenet": "edgenet.EdgeNet",
    "trustnet": "trustnet.TrustNet",
}
PLANES = 4  # of a mosaic: red, green beside red, green beside blue, blue


def architecture(name: str) -> type[Network]:
    """Class of the architecture of that name.

    Raises
    ------
    ValueError
        If there is none; the message lists those that are there.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"unknown architecture {name!r}; choices: {', '.join(ARCHITECTURES)}")
    module, _, kind = ARCHITECTURES[name].partition(".")
    return getattr(import_module(f".{module}", __name__), kind)  # type: ignore[no-any-return]


def build(name: str, arguments: Mapping[str, Any]) -> Network:
    """Network of an architecture, with random weights.

    Parameters
    ----------
    name : str
        A name in `ARCHITECTURES`.
    arguments : mapping
        Keyword arguments of its class, checked against their ranges before anything is built.

    Raises
    ------
    ValueError, TypeError
        If the architecture or an argument is unknown or out of range; the message says what is allowed.
    """
    kind = architecture(name)
    check_options(kind, name, arguments)
    return kind(**arguments)


def name_of(network: Network) -> str:
    """Name in `ARCHITECTURES` of the network's class.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    for name in ARCHITECTURES:
        if type(network) is architecture(name):
            return name
    raise ValueError(
        f"a {type(network).__name__} is none of the architectures {', '.join(ARCHITECTURES)}; unwrap it if it is "
        "distributed or compiled"
    )


def sees_mosaics(name: str, arguments: Mapping[str, Any]) -> bool:
    """Whether a network takes the planes of a camera's mosaic, instead of pictures; torch is not loaded."""
    return bool(arguments.get("raw", False)) or (name == "focusdeep" and arguments.get("channels") == PLANES)


def parameters_of(network: nn.Module) -> int:
    """Count the network's trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
