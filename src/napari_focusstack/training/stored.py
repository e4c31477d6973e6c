"""Examples from a dataset on disk: random tiles, cropped, mirrored, transposed and reversed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..arrays import to_float
from .examples import Examples, noise_levels
from .sources import Seed, generator_of
from .store import Dataset

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Stored"]

SWAPPED = [0, 2, 1, 3]  # planes of a transposed mosaic: the two greens change places


@dataclass(frozen=True)
class Stored:
    """Bursts of a dataset, each draw of bursts of one length.

    A burst keeps all its frames: without one of them, its truth would not be true.

    Attributes
    ----------
    dataset : Dataset
        Best one split of it.
    device : torch.device
        Where examples are wanted.
    """

    dataset: Dataset
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def draw(self, seed: Seed, *, bursts: int, size: int, frames: int | None = None) -> Examples:
        """Examples that follow from the seed: so many bursts, whose truth has `size` px.

        Of bursts of different lengths, one length is drawn, the likelier the more tiles it has; with `frames`, it is
        the length that comes closest.

        Raises
        ------
        ValueError
            If the tiles are smaller than `size`, or planes of a mosaic cannot be cut to it.
        DatasetError
            If a file is missing or damaged.
        """
        self._check(size)
        generator = generator_of(seed)
        lengths = self._numbers_by_length
        if frames is None:
            shares = torch.tensor([float(len(numbers)) for numbers in lengths.values()])
            length = list(lengths)[int(torch.multinomial(shares, 1, generator=generator))]
        else:
            length = min(lengths, key=lambda n: (abs(n - frames), n))
        numbers = lengths[length]
        chosen = torch.randint(len(numbers), (bursts,), generator=generator).tolist()
        return _stacked([self._example(numbers[i], size, generator) for i in chosen]).to(self.device)

    @cached_property
    def _numbers_by_length(self) -> Mapping[int, Sequence[int]]:
        """Numbers of the examples by their number of frames."""
        found: dict[int, list[int]] = {}
        for i in range(len(self.dataset)):
            found.setdefault(self.dataset.entry(i).frames, []).append(i)
        return found

    @cached_property
    def _known(self) -> dict[int, Tensor]:
        """Levels of the noise of the examples that were drawn before."""
        return {}

    def _noise(self, number: int, frame: NDArray[Any]) -> Tensor:
        if number not in self._known:
            self._known[number] = noise_levels(np.asarray(frame))
        return self._known[number]

    def _check(self, size: int) -> None:
        tile = self.dataset.tile
        if size > tile:
            raise ValueError(
                f"size={size} px is larger than the tiles of {self.dataset.folder}, {tile} px; choose a size up to that"
            )
        if self.dataset.kind == "raw" and size % 2:
            raise ValueError(f"size={size} px cannot be cut from the planes of a mosaic; choose an even size")

    def _example(self, number: int, size: int, generator: torch.Generator) -> Examples:
        frames, truth, depth = self.dataset.example(number)
        example = Examples(
            torch.from_numpy(to_float(frames)),
            torch.from_numpy(to_float(truth)),
            None if depth is None else torch.from_numpy(np.array(depth)),
            noise=self._noise(number, frames[0]),
        )
        raw = self.dataset.kind == "raw"
        chance = torch.rand(6, generator=generator).tolist()
        if chance[0] < 0.5:
            example = reversed_in_time(example)
        if chance[1] < 0.5:
            example = transposed(example, raw=raw)
        for axis, luck in ((-1, chance[2]), (-2, chance[3])):
            if luck < 0.5 and (not raw or size < self.dataset.tile):
                example = mirrored(example, axis, raw=raw)
        return _cropped(example, size, chance[4:], raw=raw)


def reversed_in_time(example: Examples) -> Examples:
    """Examples with the sweep the other way round; frames (N, C, H, W)."""
    depth = None if example.depth is None else len(example.frames) - 1 - example.depth
    return replace(example, frames=example.frames.flip(0), depth=depth)


def transposed(example: Examples, *, raw: bool) -> Examples:
    """Examples with rows and columns exchanged. A mosaic still starts with red; its greens change places."""
    frames = example.frames.mT
    depth = None if example.depth is None else example.depth.mT
    return replace(example, frames=frames[:, SWAPPED] if raw else frames, truth=example.truth.mT, depth=depth)


def mirrored(example: Examples, axis: int, *, raw: bool) -> Examples:
    """Examples mirrored along an axis (-1: left and right, -2: up and down).

    A mirrored mosaic does not start with red: its first and last line are cut off, which takes two px from the truth
    and one from the planes.
    """
    frames, truth = example.frames.flip(axis), example.truth.flip(axis)
    depth = None if example.depth is None else example.depth.flip(axis)
    if not raw:
        return replace(example, frames=frames, truth=truth, depth=depth)
    length = frames.shape[axis] - 1
    first, second = ([0, 2], [1, 3]) if axis == -1 else ([0, 1], [2, 3])  # planes of even and of odd lines
    planes = torch.empty_like(frames.narrow(axis, 0, length))
    planes[:, first] = frames.narrow(axis, 0, length)[:, first]
    planes[:, second] = frames.narrow(axis, 1, length)[:, second]
    depth = None if depth is None else depth.narrow(axis, 1, 2 * length)
    return replace(example, frames=planes, truth=truth.narrow(axis, 1, 2 * length), depth=depth)


def _cropped(example: Examples, size: int, chance: Sequence[float], *, raw: bool) -> Examples:
    """Random part, whose truth has `size` px; a mosaic's starts with red."""
    scale = 2 if raw else 1
    height, width = example.frames.shape[-2:]
    small = size // scale
    top, left = (int(c * (side - small + 1)) for c, side in zip(chance, (height, width), strict=True))
    there = np.s_[..., scale * top : scale * top + size, scale * left : scale * left + size]
    return replace(
        example,
        frames=example.frames[..., top : top + small, left : left + small],
        truth=example.truth[there],
        depth=None if example.depth is None else example.depth[there],
    )


def _stacked(examples: Sequence[Examples]) -> Examples:
    depths = [example.depth for example in examples]
    known: list[Tensor] = [depth for depth in depths if depth is not None]
    return Examples(
        torch.stack([example.frames for example in examples]),
        torch.stack([example.truth for example in examples]),
        torch.stack(known) if len(known) == len(examples) else None,
        noise=torch.cat([example.noise for example in examples if example.noise is not None]),
    )
