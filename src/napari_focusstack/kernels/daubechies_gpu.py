"""One level of the complex Daubechies transform and its inverse on the GPU (torch): as `daubechies_cpu`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["analyse", "synthesise"]


def analyse(plane: Tensor, filters: NDArray[np.complex128]) -> tuple[Tensor, Tensor]:
    """Low band (2, y, x) and detail bands (3, 2, y, x) of a real (1, Y, X) or complex (2, Y, X) plane."""
    low_x, high_x = _split(plane, filters, -1)
    low, high_y = _split(low_x, filters, -2)
    return low, torch.stack([high_y, *_split(high_x, filters, -2)])


def synthesise(low: Tensor, detail: Tensor, filters: NDArray[np.complex128], height: int, width: int) -> Tensor:
    """Plane (2, height, width) of its bands: the inverse of `analyse`."""
    low_x = _joined(low, detail[0], filters, -2, height)
    high_x = _joined(detail[1], detail[2], filters, -2, height)
    return _joined(low_x, high_x, filters, -1, width)


def _times(factor: complex, plane: Tensor) -> Tensor:
    """Product with a complex number, (2, …), of a plane (1, …) or (2, …)."""
    if len(plane) == 1:
        return torch.cat([factor.real * plane, factor.imag * plane])
    real, imaginary = plane
    return torch.stack(
        [
            factor.real * real - factor.imag * imaginary,
            factor.real * imaginary + factor.imag * real,
        ]
    )


def _mirrored(start: int, stop: int, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Samples `start` to `stop` of a row mirrored at both ends: their places in it, and whether they are mirrored."""
    place = torch.arange(start, stop, device=device).remainder(2 * size)
    return torch.minimum(place, 2 * size - 1 - place), place >= size


def _every_other(plane: Tensor, first: int, count: int, axis: int) -> Tensor:
    slices = slice(first, first + 2 * count - 1, 2)
    return plane[..., slices] if axis == -1 else plane[..., slices, :]


def _split(plane: Tensor, filters: NDArray[np.complex128], axis: int) -> tuple[Tensor, Tensor]:
    """Low and high band, (2, …) each, along one axis."""
    half, size = len(filters), plane.shape[axis]
    count = (size + 1) // 2
    place, _ = _mirrored(1 - half, 2 * count + half - 1, 2 * count, plane.device)
    extended = plane.index_select(plane.dim() + axis, place.clamp(max=size - 1))
    low: Tensor | float = 0.0
    high: Tensor | float = 0.0
    for j, factor in enumerate(filters.tolist()):
        first = _every_other(extended, j, count, axis)
        second = _every_other(extended, 2 * half - 1 - j, count, axis)
        low = _times(factor, first + second) + low
        high = _times((-1) ** j * factor.conjugate(), first - second) + high
    return low, high  # type: ignore[return-value]


def _joined(low: Tensor, high: Tensor, filters: NDArray[np.complex128], axis: int, size: int) -> Tensor:
    """Plane, (2, …), of its low and high band along one axis, so many samples long."""
    half, count = len(filters), low.shape[axis]
    dim = low.dim() + axis
    place, flipped = _mirrored(-half, count + half, count, low.device)
    signs = 1.0 - 2.0 * flipped.to(low.dtype)
    low = low.index_select(dim, place)
    high = high.index_select(dim, place) * (signs if axis == -1 else signs[:, None])
    parts = []
    for parity in range(2):
        total: Tensor | float = 0.0
        for j in range((parity + half - 1) % 2, 2 * half, 2):
            first = (parity + half - 1 - j) // 2 + half
            factor = complex(filters[min(j, 2 * half - 1 - j)])
            total = _times(factor.conjugate(), low.narrow(dim, first, count)) + total
            total = _times((-1) ** j * factor, high.narrow(dim, first, count)) + total
        parts.append(total)
    both = torch.stack(parts, dim=dim + 1)  # type: ignore[arg-type]
    return both.flatten(dim, dim + 1).narrow(dim, 0, size)
