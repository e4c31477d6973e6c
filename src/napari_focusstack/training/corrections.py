"""Examples of corrections: bursts that are fused and freed of diffusion, as they are in use, and sometimes worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor

from ..color import to_stored
from ..depth import estimate_depth
from ..diffusion.judging import PLANES, case_of
from ..diffusion.solving import solve
from ..fusion import fuse
from .examples import Examples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..color import Transfer

__all__ = ["with_corrections"]

T = TypeVar("T")

FUSIONS = (("pyramid", 0.7), ("wavelet", 0.15), ("depthmap", 0.15))  # methods, and how often each
EDGES = (("network", 0.8), ("contours", 0.2))
MISTAKEN, BY = 0.2, (0.75, 1.3)  # how often the blur is taken for so many times what it is
MOVED, MOST = 0.15, 2  # how often surfaces of the depth are too small or too large, and by how many px


def with_corrections(examples: Examples, generator: torch.Generator) -> Examples:
    """Return the same with `fused`, `freed`, `veiled` and `planes`, found on the CPU; nothing may be `veiled`."""
    bursts = np.ascontiguousarray(examples.frames.detach().float().cpu().permute(0, 1, 3, 4, 2).numpy())
    found = [_corrected(burst, examples.blur, examples.transfer, generator) for burst in bursts]
    device = examples.frames.device
    fused, freed, veiled, planes = (torch.stack(several).to(device) for several in zip(*found, strict=True))
    return replace(examples, fused=fused, freed=freed, veiled=veiled, planes=planes)


def _corrected(
    frames: NDArray[np.float32], blur: float | None, transfer: Transfer, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of a burst (N, Y, X, C): the picture, the same freed, where it may be, and what is known of that; (…, Y, X)."""
    chance = torch.rand(6, generator=generator, device=generator.device).tolist()
    picture = fuse(frames, _drawn(FUSIONS, chance[0]), device="cpu").image
    how: dict[str, Any] = {"edges": _drawn(EDGES, chance[1]), "fill": True, "device": "cpu"}
    depth = estimate_depth(frames, guide=picture, **how)
    index = depth.index
    if chance[2] < MOVED:
        window = np.ones((2 * round(1 + chance[3] * (MOST - 1)) + 1,) * 2, np.uint8)
        index = np.asarray((cv2.dilate if chance[2] < MOVED / 2 else cv2.erode)(index, window), np.float32)
    low, high = BY
    taken_for = blur * (low + chance[5] * (high - low)) if blur and chance[4] < MISTAKEN else None
    found = solve(frames, picture, index, depth.measured, blur=taken_for, transfer=transfer)
    case = None if isinstance(found, str) else case_of(found, picture, depth.measured)
    if case is None:
        nothing = np.zeros((*picture.shape[:2], 1 + PLANES), np.float32)
        return _planes(picture), _planes(picture), *_planes(nothing).split((1, PLANES))
    places = case.places()
    freed = to_stored(case.correction.solved.light, transfer).astype(np.float32, copy=False)
    veiled = np.append(case.weights[case.which] * case.borne.sound, np.float32(0))[places]  # the last is no place
    known = case.planes((slice(0, len(picture)), slice(0, picture.shape[1])), places)
    return _planes(picture), _planes(freed), torch.from_numpy(veiled)[None], torch.from_numpy(known)


def _drawn(choices: Sequence[tuple[T, float]], chance: float) -> T:
    """Choice that a random number from 0 to 1 falls on."""
    shares = np.cumsum([share for _, share in choices])
    return choices[min(int(np.searchsorted(shares, chance, "right")), len(choices) - 1)][0]


def _planes(picture: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))
