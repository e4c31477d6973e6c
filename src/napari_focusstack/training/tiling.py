"""Tiles of a burst: where they lie, which are worth it, and their frames, gathered by way of the disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Frames, to_float, visit
from ..io import UnreadableFrame
from ..progress import track
from .store import DatasetError, Tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["chosen_places", "cut", "texture"]

BLOCK = 4  # px: over which noise is averaged before texture is looked at
PLAIN = 0.01  # of white: a tile whose blocks vary less, in standard deviation, has no texture
PLAIN_KEPT = 8  # of so many tiles without texture, one is kept: plain areas must be learned, too, but not mostly


def chosen_places(truth: NDArray[Any], tile: int) -> tuple[tuple[int, int], ...]:
    """Rows and columns of tiles that do not overlap, in the middle of a picture, few of them without texture.

    Parameters
    ----------
    truth : (Y, X, C) ndarray
        In stored values.
    tile : int
        Height and width, px.
    """
    height, width = truth.shape[:2]
    top, left = (side % tile // 2 // 2 * 2 for side in (height, width))  # even: blocks of a mosaic stay whole
    places, plain = [], 0
    for y in track(range(top, height - tile + 1, tile)):
        for x in range(left, width - tile + 1, tile):
            if texture(to_float(truth[y : y + tile, x : x + tile])) < PLAIN:
                plain += 1
                if plain % PLAIN_KEPT != 1:
                    continue
            places.append((y, x))
    return tuple(places)


def texture(picture: NDArray[np.float32]) -> float:
    """Standard deviation of the means of small blocks of a picture (Y, X, C), from 0 to 1, largest channel."""
    height, width = (side // BLOCK * BLOCK for side in picture.shape[:2])
    blocks = picture[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, -1).mean((1, 3))
    return float(blocks.std((0, 1)).max())


def cut(
    frames: Frames, truth: NDArray[Any], places: Sequence[tuple[int, int]], tile: int, folder: Path
) -> Iterator[Tile]:
    """Tiles in the order of their places; frames are read once, one at a time, and one tile is in memory at a time.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C), or half as high and wide: planes of a mosaic.
    truth : (Y, X, C) ndarray
        Of the same area.
    places : sequence of (int, int)
        From `chosen_places`.
    tile : int
        Height and width in px of the truth.
    folder : Path
        Where there is room for the frames, in a file without a name.

    Yields
    ------
    Tile
        Whose arrays the next one takes over.

    Raises
    ------
    DatasetError
        If a frame cannot be read.
    """
    scale = truth.shape[0] // frames.shape[1]
    small = tile // scale
    part = np.empty((len(frames), frames.shape[3], small, small), np.dtype(frames.dtype).newbyteorder("="))
    stride = part[0].nbytes
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            for _, image in visit(frames, "Cutting tiles"):
                for y, x in track(places):
                    piece = image[y // scale : y // scale + small, x // scale : x // scale + small]
                    file.write(np.ascontiguousarray(np.moveaxis(piece, 2, 0), dtype=part.dtype).data)
        except UnreadableFrame as error:  # no fault of the disk that is written to
            raise DatasetError(str(error)) from error
        for number, (y, x) in enumerate(track(places, "Writing tiles")):
            for i in range(len(part)):
                file.seek((i * len(places) + number) * stride)
                file.readinto(part[i].data)
            yield Tile(part, np.ascontiguousarray(np.moveaxis(truth[y : y + tile, x : x + tile], 2, 0)))
