"""Patches of one stack to learn from, and some to hold against: a part of it that does not grow with its size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..arrays import Frames, to_float, visit
from ..depth.aifdepth import Scale
from ..nets.tiles import Tile, tiles_of
from .sources import generator_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Patches", "patches_of"]

PATCH, CROP = 192, 128  # px: what is held of the stack, and what of it a step looks at
PATCHES, HELD_OUT = 24, 6  # held, at most, and how many of them are never learned from
MEMORY = 2**28  # bytes that they may take
BATCH = 2  # crops of a step


@dataclass(frozen=True, slots=True)
class Patches:
    """Patches of a stack and its picture: frames (N, 3, H, W), picture (3, H, W), from 0 to 1."""

    learned: list[tuple[Tensor, Tensor]]
    held_out: list[tuple[Tensor, Tensor]]
    positions: Tensor  # (N,), ascending

    def backwards(self) -> Patches:
        """The same with the frames the other way round, of a sweep whose positions descend."""
        learned, held_out = (
            [(burst.flip(0), picture) for burst, picture in pairs] for pairs in (self.learned, self.held_out)
        )
        return Patches(learned, held_out, self.positions.flip(0))

    def crops(self, step: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """Random crops to learn from: frames (B, N, 3, h, w), pictures (B, 3, h, w), positions (B, N)."""
        generator = generator_of((seed, step))

        def below(most: int) -> int:
            return int(torch.randint(most, (), generator=generator))

        sizes = torch.tensor([picture.shape[-2:] for _, picture in self.learned]).amin(0).clamp_max(CROP)
        height, width = sizes.tolist()
        frames, pictures, places = [], [], []
        for _ in range(BATCH):
            burst, picture = self.learned[below(len(self.learned))]
            top, left = below(picture.shape[-2] - height + 1), below(picture.shape[-1] - width + 1)
            burst, picture = (each[..., top : top + height, left : left + width] for each in (burst, picture))
            axes = [axis for axis in (-2, -1) if below(2)]
            backwards = [0] if below(2) else []
            frames.append(burst.flip(axes + backwards))
            pictures.append(picture.flip(axes))
            places.append((1 - self.positions).flip(0) if backwards else self.positions)
        return torch.stack(frames), torch.stack(pictures), torch.stack(places)


def patches_of(
    frames: Frames, target: NDArray[np.float32], scale: Scale, positions: NDArray[np.float64], seed: int
) -> Patches:
    """Patches spread over the stack, of which a quarter is held out; frames are read once."""
    count, height, width = frames.shape[:3]
    most = max(2, min(PATCHES, MEMORY // (12 * count * PATCH**2)))
    tiles = tiles_of(height, width, PATCH)
    order = torch.randperm(len(tiles), generator=generator_of((seed, -1))).tolist()
    chosen = [tiles[i] for i in order[:most]]
    known: list[list[Tensor]] = [[] for _ in chosen]
    for _, image in visit(frames, "Reading"):
        for tile, patch in zip(chosen, known, strict=True):
            patch.append(_cut(image, tile, scale))
    pictures = [_cut(target, tile, scale) for tile in chosen]
    pairs = [(torch.stack(patch), picture) for patch, picture in zip(known, pictures, strict=True)]
    kept = min(HELD_OUT, max(1, len(pairs) // 4))
    learned = pairs[kept:] or pairs  # of a small stack, all is one patch
    return Patches(learned, pairs[:kept], torch.tensor(positions, dtype=torch.float32))


def _cut(image: NDArray[np.float32], tile: Tile, scale: Scale) -> Tensor:
    """Patch (3, H, W) of an image (Y, X, C), as the network knows it."""
    part = to_float(image[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width])
    return scale.known(torch.from_numpy(part).permute(2, 0, 1)[None])[0].contiguous()
