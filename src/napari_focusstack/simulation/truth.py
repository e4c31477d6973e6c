"""What is true of a burst: its layers in; depth, masks and blur radii out, as numpy arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..optics import Layer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["truth_of"]

GLOW = 0.01  # light below this is darkness


def truth_of(layers: Sequence[Layer], focus: Sequence[float], blur: float) -> dict[str, NDArray[np.float32]]:
    """Depth (Y, X) of the front-most surface, masks and depths (L, Y, X) and blur radii (L, N) of the layers.

    Parameters
    ----------
    layers : sequence of Layer
        Near to far, cut to the visible picture.
    focus : sequence of float
        Focus position of each frame, in the unit of the layers' depth, ascending or descending in steps of one.
    blur : float
        Blur radius in px per unit of depth.
    """
    like = layers[0].light[0]
    depths = torch.stack([torch.zeros_like(like) + layer.depth for layer in layers])
    masks = torch.stack([_mask(layer) for layer in layers])
    middle = depths.flatten(1).median(1).values
    radii = blur * (middle[:, None] - torch.tensor(focus, device=middle.device)).abs()
    front = _front(layers, depths)
    if focus[0] > focus[-1]:  # depth counts from near to far, frames as they were shot
        front, depths = focus[0] - front, focus[0] - depths
    facts = {"depth": front, "masks": masks, "depths": depths, "radii": radii}
    return {name: tensor.float().cpu().numpy() for name, tensor in facts.items()}


def _mask(layer: Layer) -> Tensor:
    like = layer.light[0]
    return (layer.light.amax(0) > GLOW).to(like) if not layer.hides else torch.zeros_like(like) + layer.alpha


def _front(layers: Sequence[Layer], depths: Tensor) -> Tensor:
    """Depth of the nearest layer that covers more than half of a pixel; where none does, of what glows brightest."""
    front = torch.full_like(depths[0], math.nan)
    brightest = torch.full_like(front, GLOW)
    for layer, depth in reversed(list(zip(layers, depths, strict=True))):
        light = layer.light.amax(0)
        nearer = light > brightest if not layer.hides else torch.zeros_like(front) + layer.alpha > 0.5
        front = torch.where(nearer, depth, front)
        if not layer.hides:
            brightest = torch.maximum(brightest, light)
    return front
