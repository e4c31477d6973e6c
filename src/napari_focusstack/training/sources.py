"""Where examples come from. A source keeps no state: what it draws follows from a seed alone.

So a run that was killed goes on with the same examples, and processes share the draws of a step among them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

from ..nets.network import Network
from ..simulation.batches import Variety, draw_batch, draw_scene
from ..simulation.library import Library, Split
from ..simulation.pairs import draw_pairs
from .corrections import with_corrections
from .examples import Examples, as_stored, with_candidates, with_rehearsal

__all__ = [
    "Corrected",
    "Mixed",
    "Paired",
    "Rehearsed",
    "Seed",
    "Simulated",
    "Source",
    "Staged",
    "Undecided",
    "generator_of",
]

Seed = tuple[int, ...]
DRAFTED = 1  # told apart from the seed of the frames
TRIES = 12  # bursts that are drawn until one has something to correct


class Source(Protocol):
    """Something to draw examples from."""

    def draw(self, seed: Seed, *, bursts: int, size: int, frames: int | None = None) -> Examples:
        """Examples that follow from the seed: bursts of `size` px, of `frames` frames or of a random number of them."""
        ...


def generator_of(seed: Seed) -> torch.Generator:
    """Random numbers, of the CPU, that follow from a tuple of integers; neighbouring seeds have nothing in common."""
    digest = hashlib.sha256(repr(tuple(map(int, seed))).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)


@dataclass(frozen=True, slots=True)
class Simulated:
    """Bursts that the simulator draws, on the library's device.

    Attributes
    ----------
    library : Library
        Pictures that scenes are made of.
    variety : Variety
        What bursts are like.
    mosaic : bool
        Whether frames are white-balanced planes of a camera's mosaic, instead of pictures.
    """

    library: Library
    variety: Variety = field(default_factory=Variety)
    mosaic: bool = False

    def draw(self, seed: Seed, *, bursts: int, size: int, frames: int | None = None) -> Examples:
        """Examples that follow from the seed: bursts of `size` px, of `frames` frames or of a random number of them."""
        generator = generator_of(seed)
        batch = draw_batch(
            self.library, self.variety, generator, bursts=bursts, size=size, frames=frames, mosaic=self.mosaic
        )
        return as_stored(batch, generator)


@dataclass(frozen=True, slots=True)
class Paired:
    """Pairs of frames that the simulator draws, focused on a foreground and behind it, on the library's device.

    Attributes
    ----------
    library : Library
        Pictures that scenes are made of.
    variety : Variety
        What colours, light and noise are like.
    """

    library: Library
    variety: Variety = field(default_factory=Variety)

    def draw(self, seed: Seed, *, bursts: int, size: int, frames: int | None = None) -> Examples:  # noqa: ARG002
        """Examples of two frames each, whatever number is asked for, that follow from the seed."""
        generator = generator_of(seed)
        return as_stored(draw_pairs(self.library, self.variety, generator, bursts=bursts, size=size), generator)


@dataclass(frozen=True, slots=True)
class Staged:
    """Bursts of one of the simulator's scenes.

    Attributes
    ----------
    scene : str
        Its name.
    variety : Variety
        What frames, sweeps and noise are like.
    split : {"train", "test"}
        Scenes of one are never those of the other.
    device : torch.device
        Where they are rendered.
    """

    scene: str
    variety: Variety
    split: Split
    device: torch.device

    def draw(self, seed: Seed, *, bursts: int, size: int, frames: int | None = None) -> Examples:
        """Examples that follow from the seed: bursts of `size` px, of `frames` frames or of a random number of them."""
        generator = generator_of((*seed, ("train", "test").index(self.split)))
        batch = draw_scene(
            self.scene, self.variety, generator, bursts=bursts, size=size, frames=frames, device=self.device
        )
        return as_stored(batch, generator)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """Pairs of another source, with what they would look like if a network's draft of the foreground were true."""

    source: Source
    drafting: Network

    def draw(self, seed: Seed, *, bursts: int, size: int, frames: int | None = None) -> Examples:
        """Examples that follow from the seed."""
        drawn = self.source.draw(seed, bursts=bursts, size=size, frames=frames)
        return with_rehearsal(drawn, self.drafting, generator_of((*seed, DRAFTED)))


@dataclass(frozen=True, slots=True)
class Undecided:
    """Examples of another source, with the depths that each pixel may have."""

    source: Source

    def draw(self, seed: Seed, *, bursts: int, size: int, frames: int | None = None) -> Examples:
        """Examples that follow from the seed."""
        return with_candidates(self.source.draw(seed, bursts=bursts, size=size, frames=frames))


@dataclass(frozen=True, slots=True)
class Corrected:
    """Examples of another source, fused and freed of diffusion, where there is some."""

    source: Source

    def draw(self, seed: Seed, *, bursts: int, size: int, frames: int | None = None) -> Examples:
        """Examples that follow from the seed; without anything to correct if that is hard to find."""
        for attempt in range(TRIES):
            again = (*seed, attempt)
            drawn = self.source.draw(again, bursts=bursts, size=size, frames=frames)
            found = with_corrections(drawn, generator_of((*again, DRAFTED)))
            if found.known("veiled").any():
                break
        return found


@dataclass(frozen=True, slots=True)
class Mixed:
    """Several sources, each with its share of the draws."""

    parts: Sequence[tuple[Source, float]]

    def draw(self, seed: Seed, *, bursts: int, size: int, frames: int | None = None) -> Examples:
        """Examples of one of the sources, which follows from the seed, too."""
        shares = torch.tensor([share for _, share in self.parts])
        chosen = int(torch.multinomial(shares, 1, generator=generator_of((*seed, -1))))
        return self.parts[chosen][0].draw(seed, bursts=bursts, size=size, frames=frames)
