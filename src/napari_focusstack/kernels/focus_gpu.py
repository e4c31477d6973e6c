"""Greys, focus measures and smoothing of `focus` on the GPU (torch): the same answers, for tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch

from ..arrays import unit
from ..focus import check_channel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["FOCUS_MEASURES", "filtered", "grey", "mean", "smoothed", "uploaded"]


def uploaded(image: NDArray[Any], device: torch.device) -> Tensor:
    """Image (Y, X, C) as float32 on the device, in the scale of `to_float`."""
    scale = unit(image.dtype)
    native = np.ascontiguousarray(image).astype(image.dtype.newbyteorder("="), copy=False)
    if native.dtype not in (np.uint8, np.uint16, np.float32):  # what all devices know and can be sent as it is
        native = native.astype(np.float32)
    stored = torch.from_numpy(native if native.flags.writeable else native.copy()).to(device)
    return stored.to(torch.float32) / scale


def grey(image: Tensor, channel: int) -> Tensor:
    """Mean of the channels of (Y, X, C), or one of them: as `focus.grey`."""
    check_channel(channel, image.shape[2])
    return image.mean(dim=2) if channel < 0 else image[..., channel].contiguous()


def filtered(plane: Tensor, kernel: Sequence[float], axis: int, *, mirror: bool = True) -> Tensor:
    """Plane (…, Y, X) correlated with a kernel of odd length along one axis (-2 or -1).

    The border is mirrored around its last pixels (OpenCV's REFLECT_101), or else that pixel is repeated. Sums of
    shifted planes, as convolutions would round to fewer bits on some GPUs.
    """
    size, radius = plane.shape[axis], len(kernel) // 2
    place = torch.arange(-radius, size + radius, device=plane.device)
    if mirror:
        period = max(1, 2 * size - 2)
        place = place.remainder(period)
        place = torch.minimum(place, period - place)
    extended = plane.index_select(plane.dim() + axis, place.clamp(0, size - 1))
    total = torch.zeros_like(plane)
    for j, weight in enumerate(kernel):
        if weight:
            total.add_(extended.narrow(axis, j, size), alpha=float(weight))
    return total


def mean(plane: Tensor, radius: int, *, mirror: bool = False) -> Tensor:
    """Mean in a square window of 2 radius + 1 pixels."""
    kernel = [1 / (2 * radius + 1)] * (2 * radius + 1)
    return filtered(filtered(plane, kernel, -1, mirror=mirror), kernel, -2, mirror=mirror)


def smoothed(plane: Tensor, radius: float) -> Tensor:
    """Gaussian mean with a standard deviation of `radius` px: as `focus.smoothed`."""
    if radius <= 0:
        return plane
    kernel = cv2.getGaussianKernel(round(8 * radius + 1) | 1, radius).ravel().tolist()
    return filtered(filtered(plane, kernel, -1), kernel, -2)


def _laplacian(grey: Tensor) -> Tensor:
    bends = (filtered(grey, (1, -2, 1), axis, mirror=False) for axis in (-1, -2))
    return sum(bends, torch.zeros_like(grey)).abs()


def _modified_laplacian(grey: Tensor) -> Tensor:
    size = filtered(grey, (-1, 2, -1), -1).abs() + filtered(grey, (-1, 2, -1), -2).abs()
    return 9 * mean(size, 1, mirror=True)


def _tenengrad(grey: Tensor) -> Tensor:
    across = filtered(filtered(grey, (-1, 0, 1), -1), (1, 2, 1), -2)
    down = filtered(filtered(grey, (-1, 0, 1), -2), (1, 2, 1), -1)
    return torch.hypot(across, down) / 8


def _variance(grey: Tensor) -> Tensor:
    """Of differences from the window's middle: not all devices have the float64 that values themselves would need."""
    total, square = torch.zeros_like(grey), torch.zeros_like(grey)
    for i in range(25):
        shift_y, shift_x = [float(j == i // 5) for j in range(5)], [float(j == i % 5) for j in range(5)]
        difference = filtered(filtered(grey, shift_x, -1), shift_y, -2) - grey
        total += difference
        square += difference * difference
    return (square / 25 - (total / 25) ** 2).clamp(min=0)


FOCUS_MEASURES: dict[str, Callable[[Tensor], Tensor]] = {
    "laplacian": _laplacian,
    "sml": _modified_laplacian,
    "tenengrad": _tenengrad,
    "variance": _variance,
}
