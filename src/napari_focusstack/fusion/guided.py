"""Guided-filter fusion: weights that follow the edges of each frame."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..arrays import Frames, visit
from ..kernels import load
from ..sharpest import find_sharpest
from .result import Fusion

__all__ = ["fuse_guided"]

BASE_EPS, DETAIL_EPS = 0.3, 1e-6  # squares of the steps that weights follow, in units of the contrast (Li et al. 2013)


def fuse_guided(
    frames: Frames,
    *,
    radius: Annotated[float, {"min": 1.0, "max": 30.0}] = 5.0,
    noise_floor: Annotated[float, {"min": 0.0, "max": 10.0}] = 1.5,
    keep_range: bool = False,
    channel: Annotated[int, {"min": -1, "max": 63}] = -1,
    device: str = "auto",
) -> Fusion:
    """All-in-focus image by guided filtering: soft transitions, little noise; any order of the frames.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C), aligned.
    radius : float
        Neighbourhood that decides together which frame is sharpest, in px (standard deviation).
    noise_floor : float
        How many times above the noise a focus measure must be to count. Below, all frames are averaged.
    keep_range : bool
        Keep every value inside the range of the stack at that pixel.
    channel : int
        Channel whose sharpness decides for all; -1: all jointly.
    device : str
        "auto", "cpu", "cuda", "mps".

    Returns
    -------
    Fusion
        `index` is the frame that gave most of the detail.

    Notes
    -----
    Li, Kang and Hu, Image Fusion with Guided Filtering (IEEE TIP 22, 2864, 2013). P_k = 1 where frame k has the
    largest S = G_radius * abs(Laplacian), else 0. Weights of the base W^B = GF(grey_k, P_k; r 45 px, eps 0.3), of the
    detail W^D = GF(grey_k, P_k; r 7 px, eps 1e-6 or the variance of the noise); base B_k = mean of I_k over 31 px,
    detail D_k = I_k - B_k; result Σ W^B B / Σ W^B + Σ W^D D / Σ W^D. The filters work on coarser grids, of four px for
    the base, of two for the detail (He and Sun, Fast guided filter, 2015). Where no frame is trusted, P_k = 1 / N.
    Memory: about 55 bytes a pixel for three channels, 80 with `keep_range`, whatever the number of frames.
    """
    sharpest = find_sharpest(
        frames, measure="laplacian", radius=radius, noise_floor=noise_floor, channel=channel, device=device
    )
    kernels = load("guided", device)
    eps = BASE_EPS * sharpest.contrast**2, max(DETAIL_EPS * sharpest.contrast**2, sharpest.sigma**2)
    middle = (sharpest.low + sharpest.high) / 2
    state = kernels.layers(
        frames.shape[3], sharpest.index, sharpest.trust, keep_range=keep_range, eps=eps, middle=middle
    )
    trust, confidence = sharpest.trust, sharpest.confidence
    del sharpest
    for k, image in visit(frames, "Fusing"):
        kernels.add(state, image, k, len(frames), channel)
    image, source = kernels.merged(state)
    return Fusion(image, np.where(trust > 0, source, np.float32(np.nan)), confidence)
