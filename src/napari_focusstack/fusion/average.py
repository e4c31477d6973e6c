"""Fusion by averaging: all frames, at every pixel weighted by how sharp they are there."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np

from ..arrays import Frames, visit
from ..kernels import load
from .result import Fusion

__all__ = ["fuse_average"]

FAINTEST = 0.25  # share of a frame that shows little but noise


def fuse_average(
    frames: Frames,
    *,
    measure: Literal["sml", "laplacian", "tenengrad", "variance"] = "sml",
    radius: Annotated[float, {"min": 0.0, "max": 30.0}] = 2.0,
    exponent: Annotated[float, {"min": 0.0, "max": 32.0}] = 8.0,
    noise_floor: Annotated[float, {"min": 0.0, "max": 10.0}] = 1.5,
    channel: Annotated[int, {"min": -1, "max": 63}] = -1,
    device: str = "auto",
) -> Fusion:
    """All-in-focus image as a weighted average: truest colours, little noise, soft; in any order of frames.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C), aligned.
    measure : {"sml", "laplacian", "tenengrad", "variance"}
        Focus measure that tells how sharp a frame is.
    radius : float
        Neighbourhood that decides together, in px (standard deviation).
    exponent : float
        Power of the focus measure that makes the weight. 0 is the plain mean of all frames; large values take the
        sharpest frame alone.
    noise_floor : float
        How many times above the noise a focus measure must be for a pixel to have an index.
    channel : int
        Channel whose sharpness decides for all; -1: all jointly.
    device : str
        "auto", "cpu", "cuda", "mps".

    Returns
    -------
    Fusion
        `index` is the frame of the largest weight.

    Notes
    -----
    R = Σ w_k I_k / Σ w_k with w_k = F_k^exponent and F_k = G_radius * measure(grey_k). Every value is a mean of the
    frames' values at its pixel: nothing overshoots, and where no frame is sharper than the others, all are averaged.
    """
    _, height, width, channels = frames.shape
    kernels = load("average", device)
    state = kernels.average(height, width, channels)
    faintest = math.inf  # measure of the noise: that of the faintest pixels of the least textured frame
    for k, image in visit(frames, "Fusing"):
        kernels.add(state, image, k, measure, radius, exponent, channel)
        faintest = min(faintest, float(np.quantile(kernels.sampled(state), FAINTEST)))
    found = kernels.found(state)
    floor = np.float32(noise_floor * faintest)
    sure = found.best > floor
    others = (found.weight - 1) / max(1, len(frames) - 1)
    confidence = np.where(sure, (1 - others) * (1 - floor / np.maximum(found.best, floor)), np.float32(0))
    return Fusion(found.mean, np.where(sure, found.index, np.float32(np.nan)).astype(np.float32), confidence)
