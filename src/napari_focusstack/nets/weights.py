"""Weights of a network as the bytes of a safetensors file and back: all that the network asks for, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["NO_PICKLE", "is_cut_short", "is_pickle", "packed", "unpacked"]

PICKLES = (b"PK\x03\x04", b"\x80")  # what a zip archive (torch.save) and a bare pickle begin with
HEADER = b"{"  # the ninth byte of every safetensors file
NO_PICKLE = (
    "a pickle can run any program when it is read, so it is not; have whoever made it save it with save_checkpoint"
)
LONGEST_HEADER = 10**8  # bytes
NAMED = 4  # names that a message lists before it only counts
FLOATS = ("F16", "BF16", "F32", "F64")  # each is turned into the type that the network has


def packed(network: nn.Module) -> bytes:
    """Content of a safetensors file with the network's weights.

    Raises
    ------
    ValueError
        If a weight is not finite.
    """
    from safetensors.torch import save

    weights = {name: weight.detach().cpu().contiguous() for name, weight in network.state_dict().items()}
    _check_finite(weights)
    return save(weights)


def unpacked(content: bytes, skeleton: nn.Module) -> dict[str, Tensor]:
    """Weights in the content of a safetensors file, all those that the network has and no others.

    Parameters
    ----------
    content : bytes
        The file.
    skeleton : Module
        The network; on the device "meta" it costs no memory.

    Raises
    ------
    ValueError
        If the content is none of such a file, or names, shapes or types differ from the network's; all are named.
    """
    import torch
    from safetensors import SafetensorError, deserialize

    if content[8:9] != HEADER:
        raise ValueError("no safetensors file; copy it again from where it came from")
    try:
        stored: dict[str, Any] = dict(deserialize(content))
    except (SafetensorError, ValueError, OverflowError) as error:
        raise ValueError(f"a broken safetensors file ({error}); copy it again from where it came from") from None
    wanted = skeleton.state_dict()
    _check_names(stored, wanted)
    types = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64}
    types |= {"I64": torch.int64}
    weights = {}
    for name, entry in stored.items():
        kind = types.get(entry["dtype"])
        if kind is None or (entry["dtype"] in FLOATS) != wanted[name].is_floating_point():
            raise ValueError(f"{name} of type {entry['dtype']}, where the network has {wanted[name].dtype}")
        if 0 in entry["shape"]:
            weights[name] = torch.empty(entry["shape"], dtype=kind)
        else:
            weights[name] = torch.frombuffer(entry["data"], dtype=kind).reshape(entry["shape"])
    _check_finite(weights)
    return weights


def is_cut_short(path: Path) -> bool:
    """Whether a safetensors file is shorter than its header says; only the header is read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= min(size - 8, LONGEST_HEADER):
            return True
        try:
            entries = json.loads(file.read(length))
            ends = [entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"]
            return size < 8 + length + max(ends, default=0)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            return False  # loading it says what is wrong


def is_pickle(content: bytes) -> bool:
    """Whether it looks like what `torch.save` or `pickle.dump` writes."""
    return content.startswith(PICKLES) and content[8:9] != HEADER  # a header's length may begin with the same bytes


def _check_names(stored: dict[str, Any], wanted: dict[str, Tensor]) -> None:
    """Raise if names or shapes are not those of the network; one message says it all."""
    wrong = [
        f"{name} is {_shape(stored[name]['shape'])}, not {_shape(weight.shape)}"
        for name, weight in wanted.items()
        if name in stored and list(stored[name]["shape"]) != list(weight.shape)
    ]
    problems = [
        f"{words}: {_some(names)}"
        for words, names in (
            ("missing", [name for name in wanted if name not in stored]),
            ("unexpected", [repr(name) for name in stored if name not in wanted]),
            ("of another shape", wrong),
        )
        if names
    ]
    if problems:
        raise ValueError(f"weights of another network: {'; '.join(problems)}")


def _check_finite(weights: dict[str, Tensor]) -> None:
    import torch

    spoilt = [name for name, weight in weights.items() if not bool(torch.isfinite(weight).all())]
    if spoilt:
        raise ValueError(f"weights that are not finite, as after a training that diverged: {_some(spoilt)}")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(name[:100] for name in names[:NAMED]) + more


def _shape(sizes: Iterable[int]) -> str:
    return "×".join(map(str, sizes)) or "a number"
