"""Alignment: frames in, one transform per frame and the area that all of them cover out."""

from __future__ import annotations

from typing import Any

from ..arrays import Frames, as_frames
from ..color import Transfer
from ..methods import Method, check_options, pick
from .alignment import Alignment, Area
from .ecc import align_ecc
from .planes import BalancedPlanes
from .warp import warped

__all__ = ["ALIGNERS", "Alignment", "Area", "BalancedPlanes", "align", "warped"]

ALIGNERS: dict[str, Method] = {"ecc": align_ecc}


def align(
    frames: Frames,
    method: str = "ecc",
    *,
    reference: int | None = None,
    exposure: bool = False,
    transfer: Transfer = "linear",
    **options: Any,
) -> Alignment:
    """Where every frame of a burst lies on its reference frame.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C) or (N, Y, X); read one frame at a time.
    method : str
        A name in `ALIGNERS`.
    reference : int, optional
        Frame on which the others are laid; the middle one by default.
    exposure : bool
        Measure gains that even out exposure and white balance; for photographs, not where intensities are data.
    transfer : {"linear", "srgb"}
        How stored values relate to light.
    **options
        The method's own keyword arguments.

    Returns
    -------
    Alignment
        Transforms (N, 3, 3), the shared area, which frames are kept, correlations and gains; for `warped`.

    Raises
    ------
    ValueError
        If a method or an option is unknown, or the frames share too small an area; the message lists what is allowed.
    """
    function = pick(ALIGNERS, method, "alignment")
    check_options(function, method, {"reference": reference, **options})
    alignment: Alignment = function(
        as_frames(frames), reference=reference, exposure=exposure, transfer=transfer, **options
    )
    return alignment
