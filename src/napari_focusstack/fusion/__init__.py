"""Fusion: aligned frames in, one all-in-focus image with its source-frame index and confidence out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ..arrays import Frames, as_frames
from ..devices import pick_device
from ..methods import Method, check_options, options_of, pick
from ..nets.listing import check_architecture, read_checkpoint
from .average import fuse_average
from .depthmap import fuse_depthmap
from .focusdeep import fuse_focusdeep
from .guided import fuse_guided
from .pyramid import fuse_pyramid
from .result import Fusion
from .unet import fuse_unet
from .wavelet import fuse_wavelet

__all__ = ["FUSERS", "Fusion", "check_fuser", "fuse"]

log = logging.getLogger(__name__)

FUSERS: dict[str, Method] = {
    "pyramid": fuse_pyramid,
    "depthmap": fuse_depthmap,
    "wavelet": fuse_wavelet,
    "guided": fuse_guided,
    "average": fuse_average,
    "focusdeep": fuse_focusdeep,
    "unet": fuse_unet,
}


def check_fuser(method: str, options: Mapping[str, Any]) -> Method:
    """Method of that name, if the options are allowed and a checkpoint among them is there; torch is not loaded.

    Raises
    ------
    ValueError, TypeError
        If they are not; the message says what is allowed. Of checkpoints it is a `CheckpointError`, which lists them.
    """
    function = pick(FUSERS, method, "fusion")
    check_options(function, method, options)
    for name, option in options_of(function).items():
        if option.architectures and name in options:
            check_architecture(read_checkpoint(options[name]), option.architectures, method)
    return function


def fuse(frames: Frames, method: str = "pyramid", *, device: str = "auto", **options: Any) -> Fusion:
    """All-in-focus image of aligned frames.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C) or (N, Y, X), aligned; read one frame at a time.
    method : str
        A name in `FUSERS`.
    device : str
        "auto" (CUDA, then MPS, then CPU), "cpu", "cuda", "mps". Where a GPU's memory does not suffice, the CPU takes
        over, with a warning.
    **options
        The method's own keyword arguments.

    Returns
    -------
    Fusion
        `image` (Y, X, C) float32, `index` and `confidence` (Y, X) float32.

    Raises
    ------
    ValueError
        If the method, an option or the shape of the frames is not allowed; the message lists what is.
    """
    function = check_fuser(method, options)
    frames = as_frames(frames)
    try:
        return function(frames, device=device, **options)  # type: ignore[no-any-return]
    except RuntimeError as error:  # torch.OutOfMemoryError is one
        if "out of memory" not in str(error) or pick_device(device) == "cpu":
            raise
        log.warning("fusing on the CPU, as the GPU's memory does not suffice: %s", error)
    # Here, not above: the error holds the GPU's arrays as long as it is handled.
    return function(frames, device="cpu", **options)  # type: ignore[no-any-return]
