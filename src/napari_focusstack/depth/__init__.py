"""Depth: aligned frames in, the focus position of every pixel with its uncertainty out."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Frames, Selection, as_frames
from ..devices import pick_device
from ..methods import Method, check_options, pick
from .aifdepth import estimate_aif
from .positions import focus_positions
from .result import Depth
from .sff import estimate_sff

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["DEPTH_ESTIMATORS", "LEAST", "Depth", "estimate_depth"]

log = logging.getLogger(__name__)

LEAST = 3  # frames: a peak needs one on either side
SMALLEST = 3  # px: height and width from which on there is a slope

DEPTH_ESTIMATORS: dict[str, Method] = {"sff": estimate_sff, "aif": estimate_aif}


def estimate_depth(
    frames: Frames,
    method: str = "sff",
    *,
    positions: ArrayLike | None = None,
    step: float | None = None,
    unit: str | None = None,
    guide: NDArray[np.float32] | None = None,
    fill: bool = False,
    device: str = "auto",
    **options: Any,
) -> Depth:
    """Depth of every pixel of aligned frames, with its standard deviation.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C) or (N, Y, X), aligned; read one frame at a time. Without positions they must be in the order of
        the sweep, either way round.
    method : str
        A name in `DEPTH_ESTIMATORS`.
    positions : array_like, optional
        Focus position of each frame, no two alike, in any order.
    step : float, optional
        Distance from each frame to the next, instead of `positions`.
    unit : str, optional
        Of `positions` or `step`: "um", "mm", …; needed with either. Without both, depth is in frames.
    guide : ndarray, optional
        (Y, X, C) all-in-focus picture, whose edges the depth may follow; by default what the method finds itself.
    fill : bool
        Give a depth to pixels that were in focus nowhere, too, from their surroundings, instead of NaN. Their `sigma`
        says how far that can be trusted.
    device : str
        "auto" (CUDA, then MPS, then CPU), "cpu", "cuda", "mps". Where a GPU's memory does not suffice, the CPU takes
        over, with a warning.
    **options
        The method's own keyword arguments.

    Returns
    -------
    Depth
        `position`, `sigma`, `index` and `confidence`, each (Y, X) float32, with the `unit`.

    Raises
    ------
    ValueError
        If the method, an option, the positions or the shape of the frames is not allowed; the message lists what is.
    TypeError
        If an option, the step or a position is of another type than it must be, or frames are no images.

    Examples
    --------
    >>> from napari_focusstack import estimate_depth, simulate
    >>> depth = estimate_depth(simulate("slanted", frames=5, height=64, width=64).frames, step=2.5, unit="um")
    >>> depth.unit
    'um'
    """
    function = pick(DEPTH_ESTIMATORS, method, "depth")
    check_options(function, method, options)
    frames = as_frames(frames)
    places, unit = focus_positions(len(frames), positions, step=step, unit=unit)
    if len(frames) < LEAST:
        raise ValueError(
            f"{len(frames)} frames are too few for a depth; a peak of sharpness needs at least {LEAST}: give more of "
            "the sweep"
        )
    if min(frames.shape[1:3]) < SMALLEST:
        raise ValueError(
            f"frames of {frames.shape[2]} × {frames.shape[1]} px are too small for a depth; at least "
            f"{SMALLEST} × {SMALLEST} px are needed"
        )
    if guide is not None and guide.shape[:2] != tuple(frames.shape[1:3]):
        raise ValueError(f"the guide is {guide.shape[:2]} px, but the frames are {tuple(frames.shape[1:3])}")
    order = np.argsort(places, kind="stable")
    ordered = frames if (np.diff(order) > 0).all() else Selection(frames, order.tolist())
    found: Depth | None = None
    try:
        found = function(ordered, places[order], guide, device=device, **options)
    except RuntimeError as error:  # torch.OutOfMemoryError is one
        if "out of memory" not in str(error) or pick_device(device) == "cpu":
            raise
        log.warning("estimating depth on the CPU, as the GPU's memory does not suffice: %s", error)
    if found is None:  # here, not above: the error holds the GPU's arrays as long as it is handled
        found = function(ordered, places[order], guide, device="cpu", **options)
    assert found is not None
    found = replace(found, index=_renumbered(found.index, order), positions=places, unit=unit)
    return found if fill else found.unfilled()


def _renumbered(index: NDArray[np.float32], order: NDArray[np.intp]) -> NDArray[np.float32]:
    """Numbers of the frames as they were given: with fractions where those in order are neighbours there, too."""
    steps = np.diff(order)
    if (steps == 1).all():
        return index
    if (steps == -1).all():
        return np.float32(len(order) - 1) - index
    known = np.isfinite(index)
    nearest = np.rint(np.where(known, index, 0)).astype(np.intp)
    return np.where(known, order[nearest], np.nan).astype(np.float32)
