"""Depth edges, and hairs, where a network says they are: it chooses among the depths at which pixels are sharp."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..arrays import Box, Frames, tiles, visit
from ..devices import in_short_floats
from ..progress import apart, track
from .candidates import AROUND, Candidates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..nets.edgenet import EdgeNet

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["chosen", "load_chooser"]

TILE, LEAST = 512, 96  # px: what the network is asked about at once at most, and what is not divided any more
OTHERS = 0.3  # frames: standard deviation of a peak's depth, and of that of a neighbour
CLOSE = 1.0  # frames within which depths are of one surface
HELD = 0.68  # of the probability, by a standard deviation: what is left has no part in it
REACH = 3  # px to either side, from which such depths are taken


class Chooser(NamedTuple):
    """A network, and where it runs."""

    network: EdgeNet
    device: str


def load_chooser(checkpoint: str, device: str) -> Chooser:
    """Network of a checkpoint; loads torch.

    Raises
    ------
    CheckpointError
        If there is no such checkpoint, it is damaged, or no EdgeNet.
    """
    from typing import cast

    import torch

    from ..devices import pick_device
    from ..nets.checkpoint import check_architecture, load_network, read_checkpoint

    described = read_checkpoint(checkpoint)
    check_architecture(described, ("edgenet",), "sff")
    network = load_network(described, device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Chooser(cast("EdgeNet", network), pick_device(device))


def chosen(
    greys: Frames,
    index: Plane,
    sigma: Plane,
    known: NDArray[np.bool_],
    light: Plane,
    chooser: Chooser,
    *,
    backwards: bool,
) -> tuple[Plane, Plane]:
    """Depth that a network chose for every pixel beside edges, or with other peaks, and its standard deviation.

    Parameters
    ----------
    greys : Frames
        (N, Y, X, 1) float32, aligned; read once more.
    index, sigma, known, light : ndarray
        (Y, X), see `Candidates`.
    chooser : Chooser
        The network.
    backwards : bool
        Whether what is nearest is sharp in the last frames.

    Returns
    -------
    index, sigma : ndarray
        (Y, X) float32, unchanged where there is nothing to choose.

    Notes
    -----
    The variance is that of the chosen depth's own, 0.3² of a peak's; plus Σ p_i (d_i - d)², p_i the probabilities,
    where the depths within a frame of the chosen one have less than 68 % of these: as much as a standard deviation
    holds. A peak's depth is a whole frame: it becomes the mean of the depths within 3 px that are less than a frame
    off. Away from edges, a choice stands that three neighbours or more share: others are specks.
    """
    from ..kernels import calm

    found = Candidates(index, sigma, known, light, count=len(greys))
    for k, seen in visit(greys, "Looking for other depths"):
        found.see(seen[..., 0], k)
    depth, error = index.copy(), sigma.copy()
    moved = np.zeros(index.shape, bool)
    margin = -(-chooser.network.halo // chooser.network.grid) * chooser.network.grid
    undecided = apart(_undecided, found, index.shape)
    boxes = [box for tile in tiles(index.shape, TILE) for box in _boxes(undecided, tile, margin, chooser.network.grid)]
    for box in track(boxes, "Choosing depths"):
        picked, other, doubt = apart(_choose, found, chooser, box, index.shape, margin, backwards)
        own, some = np.where(other, np.float32(OTHERS), sigma[box]), undecided[box]
        depth[box] = np.where(some, picked, index[box])
        error[box] = np.where(some, np.sqrt(np.square(own) + doubt), sigma[box])
        moved[box] = some & other
    return calm.calmed(depth, moved, np.where(found.disputed, depth, index), REACH, CLOSE), error


def _undecided(found: Candidates, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(Y, X) where there is something to choose."""
    undecided = np.empty(shape, bool)
    for tile in tiles(shape, TILE):
        undecided[tile] = found.undecided(*tile)
    return undecided


def _boxes(undecided: NDArray[np.bool_], tile: Box, margin: int, grid: int) -> list[Box]:
    """Boxes around all that is undecided in a tile: as many as leave the least to be looked at, with their margins.

    They begin on the grid, as the tile does: the network's coarse cells are those of the whole picture.
    """
    there = [np.flatnonzero(undecided[tile].any(axis=axis)) for axis in (1, 0)]
    if not there[0].size:
        return []
    spans = [
        (part.start + int(at[0]) // grid * grid, min(part.start + (int(at[-1]) // grid + 1) * grid, part.stop))
        for part, at in zip(tile, there, strict=True)
    ]
    whole = slice(*spans[0]), slice(*spans[1])
    longer = int(np.argmax(np.ptp(spans, axis=1)))
    start, stop = spans[longer]
    if stop - start <= LEAST:
        return [whole]
    middle = start + (stop - start) // 2 // grid * grid
    divided = [
        box
        for half in (slice(start, middle), slice(middle, stop))
        for box in _boxes(undecided, (whole[0], half) if longer else (half, whole[1]), margin, grid)
    ]
    return min([whole], divided, key=lambda boxes: sum(_area(box, margin) for box in boxes))


def _area(box: Box, margin: int) -> int:
    return math.prod(part.stop - part.start + 2 * margin for part in box)


def _choose(
    found: Candidates, chooser: Chooser, box: Box, shape: tuple[int, ...], margin: int, backwards: bool
) -> tuple[Plane, NDArray[np.bool_], Plane]:
    """Depth of a part of the picture, whether it is another one than before, and the variance of not being sure."""
    import torch

    wide, inner = zip(*(_widened(part, margin, size) for part, size in zip(box, shape, strict=True)), strict=True)
    wider, middle = zip(*(_widened(part, AROUND, size) for part, size in zip(wide, shape, strict=True)), strict=True)
    depths, planes = (seen[:, *middle] for seen in found.part(*wider, backwards=backwards))
    asked, choices = (torch.from_numpy(part).to(chooser.device)[None] for part in (planes, depths))
    asked = asked.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode(), in_short_floats(chooser.device):
        shares = chooser.network(asked, choices, inner).logits.softmax(1)[0].cpu().numpy()
    depths = depths[:, *inner]
    best = shares.argmax(axis=0)
    picked = np.take_along_axis(depths, best[None], axis=0)[0]
    off = np.abs(depths - picked)
    sure = (shares * (off <= CLOSE)).sum(axis=0) > HELD
    return picked, best != 0, np.where(sure, 0, np.einsum("iyx,iyx->yx", shares, np.square(off)))


def _widened(part: slice, margin: int, size: int) -> tuple[slice, slice]:
    """A slice with a margin, as far as there is one; and where it lies therein."""
    start = max(0, part.start - margin)
    return slice(start, min(size, part.stop + margin)), slice(part.start - start, part.stop - start)
