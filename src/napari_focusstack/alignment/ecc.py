"""Alignment by the enhanced correlation coefficient, from neighbour to neighbour: frames in, an alignment out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import numpy as np

from ..arrays import Frames, visit
from ..color import Transfer
from ..kernels import load
from .alignment import Alignment, shared_area
from .chain import Link, believed, chained, composed
from .exposure import Light, light_gains, light_of
from .motion import Motion, grid, on_pixels
from .pair import FINEST, View, fit, view

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["align_ecc"]


def align_ecc(
    frames: Frames,
    *,
    reference: Annotated[int | None, {"min": 0}] = None,
    motion: Motion = "similarity",
    leave_out: bool = True,
    exposure: bool = False,
    transfer: Transfer = "linear",
) -> Alignment:
    """Neighbours matched by their correlation at reduced size, composed to the reference.

    Each frame is compared with the frame before it, which is sharp in nearly the same places; the motions between them
    are composed from the reference outwards. A motion counts only if it predicts pixels that it was not measured on.
    The scale follows a smooth focus breathing as far as the measurements are in doubt.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C).
    reference : int, optional
        Frame on which the others are laid; the middle one by default.
    motion : str
        What may change from frame to frame: shift ("translation"), also rotation ("euclidean"), also scale
        ("similarity": right for most lenses and microscopes), also shear ("affine"), also perspective ("homography").
    leave_out : bool
        Leave out a frame that fits nowhere (a flash that failed, another scene); otherwise it is placed between its
        neighbours.
    exposure : bool
        Measure gains that even out exposure and white balance.
    transfer : {"linear", "srgb"}
        How stored values relate to light.

    Returns
    -------
    Alignment
        One transform per frame.

    Raises
    ------
    ValueError
        If there is no such frame as the reference, if it fits nowhere, or if the frames share too small an area.

    References
    ----------
    Evangelidis and Psarakis, "Parametric image alignment using enhanced correlation coefficient maximization", PAMI
    2008.
    """
    count, height, width = frames.shape[:3]
    if reference is not None and not 0 <= reference < count:
        raise ValueError(f"reference={reference} is not a frame; the frames are numbered 0 to {count - 1}")
    lights: list[Light] = []
    views = _views(frames, transfer if exposure else None, lights)
    links = chained(views, lambda template, image, guesses: fit(template, image, motion, guesses))
    fitting = sorted({number for link in links for number in (link.first, link.second)}) or [count // 2]
    if reference is None:
        reference = min(fitting, key=lambda number: abs(number - count // 2))
    elif reference not in fitting and count > 1:
        raise ValueError(
            f"reference={reference} resembles none of its neighbours; choose another frame, or None for the middle one"
        )
    transforms = _transforms(links, count, reference, (height, width))
    misfits = tuple(sorted(set(range(count)) - set(fitting)))
    kept = np.isin(np.arange(count), fitting) | (not leave_out)
    gains = light_gains(lights, transforms, reference) if lights else np.ones((count, frames.shape[3]))
    area = shared_area(transforms, kept, (height, width))
    correlation = _correlations(links, count, reference)
    return Alignment(
        transforms, area, reference, kept, correlation, gains, transfer, size=(height, width), misfits=misfits
    )


def _views(frames: Frames, transfer: Transfer | None, lights: list[Light]) -> Iterator[tuple[int, View]]:
    """Views of all frames; the light of each is put into `lights` where a transfer curve is given."""
    size = (int(frames.shape[1]), int(frames.shape[2]))
    factor = min(-(-max(size) // FINEST), *size)
    reduced = load("ecc", "cpu").reduced
    for i, image in visit(frames, "Aligning"):
        if transfer:
            lights.append(light_of(image, transfer))
        yield i, view(reduced(image, factor), factor, size)


def _transforms(links: list[Link], count: int, reference: int, size: tuple[int, int]) -> NDArray[np.float64]:
    """Transforms in px of all frames; one that no link reaches follows the breathing from its nearest neighbour."""
    links, breathing = believed(links)
    motions = composed(links, reference)
    reached = list(motions)
    for i in set(range(count)) - set(reached):
        near = min(reached, key=lambda number: abs(number - i))
        motions[i] = breathing.motion(near, i) @ motions[near]
    to_middle = grid(size, 1)
    still = np.eye(3)
    return np.array(
        [still if np.array_equal(m, still) else on_pixels(m, to_middle) for _, m in sorted(motions.items())]
    )


def _correlations(links: list[Link], count: int, reference: int) -> NDArray[np.float64]:
    correlation = np.zeros(count)
    correlation[reference] = 1
    for link in links:
        correlation[link.second if link.first >= reference else link.first] = link.fit.correlation
    return correlation
