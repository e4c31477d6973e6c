"""Colours of a red, green, green, blue mosaic by one linear filter, in torch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad, pixel_shuffle

__all__ = ["demosaiced"]

# Malvar, He, Cutler, "High-quality linear interpolation for demosaicing of Bayer-patterned color images" (ICASSP 2004),
# figure 2, times 8: green at red or blue; red at green in its row, and in its column; red at blue.
GREEN = ((0, 0, -1, 0, 0), (0, 0, 2, 0, 0), (-1, 2, 4, 2, -1), (0, 0, 2, 0, 0), (0, 0, -1, 0, 0))
ROW = ((0, 0, 0.5, 0, 0), (0, -1, 0, -1, 0), (-1, 4, 5, 4, -1), (0, -1, 0, -1, 0), (0, 0, 0.5, 0, 0))
COLUMN = tuple(zip(*ROW, strict=True))
CROSS = ((0, 0, -1.5, 0, 0), (0, 2, 0, 2, 0), (-1.5, 0, 6, 0, -1.5), (0, 2, 0, 2, 0), (0, 0, -1.5, 0, 0))
ITSELF = ((0,) * 5, (0,) * 5, (0, 0, 8, 0, 0), (0,) * 5, (0,) * 5)
FILTERS = (  # for each colour, what tells it at the sites red, green beside red, green beside blue, blue
    (ITSELF, ROW, COLUMN, CROSS),
    (GREEN, ITSELF, ITSELF, GREEN),
    (CROSS, COLUMN, ROW, ITSELF),
)


def demosaiced(planes: Tensor) -> Tensor:
    """Picture (B, 3, 2 H, 2 W) of the planes (B, 4, H, W) of a mosaic: red, green beside red, green beside blue, blue.

    Linear, so that it may be taken of a weighted mean of mosaics; plain light stays as it is.
    """
    mosaic = pad(pixel_shuffle(planes, 2), (2, 2, 2, 2), mode="reflect")
    filters = torch.tensor(FILTERS, device=planes.device, dtype=planes.dtype).flatten(0, 1)[:, None] / 8
    answers = conv2d(mosaic, filters).unflatten(1, (3, 4))
    sites = [answers[..., site, site // 2 :: 2, site % 2 :: 2] for site in range(4)]
    return pixel_shuffle(torch.stack(sites, 2).flatten(1, 2), 2)
