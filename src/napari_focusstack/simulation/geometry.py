"""Camera motion: the transforms of a burst, and a picture resampled by one of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["REACH_PX", "draw_transforms", "resample", "seen_box"]

REACH_PX = 8  # what interpolation reads around a point: the B-spline's inverse filter falls as 0.27 ** distance


def draw_transforms(
    focus: Sequence[float],
    size: tuple[int, int],
    generator: torch.Generator,
    *,
    breathing: float = 0.0,
    jitter: float = 0.0,
    rotation: float = 0.0,
) -> NDArray[np.float64]:
    """(N, 3, 3) transforms, reference → frame, of a burst; the reference is the middle frame N // 2.

    Parameters
    ----------
    focus : sequence of float
        Focus position of each frame; the magnification changes linearly with it.
    size : (int, int)
        Height and width in px. Scale and rotation are about the centre.
    generator : torch.Generator
        Draws jitter and rotation.
    breathing : float
        Relative change of scale over the whole sweep.
    jitter : float
        Standard deviation of the shifts, in px along each axis.
    rotation : float
        Standard deviation of the rotations, in degrees.
    """
    count, reference = len(focus), len(focus) // 2
    draws = torch.randn((count, 3), generator=generator, dtype=torch.float64).numpy()
    draws[reference] = 0.0
    sweep = max(focus) - min(focus) or 1.0
    centre = np.array([[1, 0, (size[1] - 1) / 2], [0, 1, (size[0] - 1) / 2], [0, 0, 1]], dtype=np.float64)
    out = np.empty((count, 3, 3))
    for i, (dx, dy, turn) in enumerate(draws):
        scale = 1 + breathing * (focus[i] - focus[reference]) / sweep
        angle = math.radians(rotation * turn)
        c, s = scale * math.cos(angle), scale * math.sin(angle)
        motion = np.array([[c, -s, jitter * dx], [s, c, jitter * dy], [0, 0, 1]])
        out[i] = np.eye(3) if i == reference else centre @ motion @ np.linalg.inv(centre)
    return out


def seen_box(
    transforms: NDArray[np.float64], top: int, left: int, height: int, width: int
) -> tuple[int, int, int, int]:
    """Top, left, bottom, right of the reference's pixels that any frame shows within a window of its own."""
    bottom, right = top + height - 1, left + width - 1
    corners = np.array([[left, right, left, right], [top, top, bottom, bottom], [1, 1, 1, 1]], dtype=np.float64)
    seen = np.linalg.inv(transforms) @ corners
    x, y = seen[:, 0] / seen[:, 2], seen[:, 1] / seen[:, 2]
    return (math.floor(y.min()), math.floor(x.min()), math.ceil(y.max()) + 1, math.ceil(x.max()) + 1)


def resample(picture: Tensor, matrix: NDArray[np.float64], height: int, width: int) -> Tensor:
    """(..., height, width) picture whose pixel p shows the input at matrix @ p, by cubic B-spline interpolation.

    Parameters
    ----------
    picture : (..., H, W) Tensor
        Larger by `REACH_PX` on every side than what is looked up.
    matrix : (3, 3) float64
        Output → input, affine, in (x, y, 1) pixels.
    height, width : int
        Size of the output.

    Notes
    -----
    The B-spline's coefficients come from the inverse filter (Unser 1999), in Fourier space; its 16 taps are 4 bilinear
    look-ups (Sigg and Hadwiger 2005).
    """
    planes = _coefficients(picture.reshape(1, -1, *picture.shape[-2:]))
    exact = torch.float32 if planes.device.type == "mps" else torch.float64  # Metal has no more
    x = torch.arange(width, dtype=exact, device=planes.device)
    y = torch.arange(height, dtype=exact, device=planes.device)[:, None]
    (x_at, x_share), (y_at, y_share) = (
        _taps(float(row[0]) * x + float(row[1]) * y + float(row[2])) for row in matrix[:2]
    )
    rows, columns = planes.shape[-2:]
    out: Tensor | float = 0.0
    for v, v_share in zip(y_at, y_share, strict=True):
        for u, u_share in zip(x_at, x_share, strict=True):
            where = torch.stack([(2 * u + 1) / columns - 1, (2 * v + 1) / rows - 1], -1)[None].float()
            found = grid_sample(planes, where, mode="bilinear", padding_mode="border", align_corners=False)
            out = out + found * (v_share * u_share).float()
    assert isinstance(out, Tensor)
    return out.reshape(*picture.shape[:-2], height, width)


def _coefficients(planes: Tensor) -> Tensor:
    """Cubic B-spline coefficients of pictures (..., H, W)."""
    height, width = planes.shape[-2:]
    y = torch.cos(2 * math.pi * torch.fft.fftfreq(height, device=planes.device))[:, None]
    x = torch.cos(2 * math.pi * torch.fft.rfftfreq(width, device=planes.device))
    coefficients: Tensor = torch.fft.irfft2(torch.fft.rfft2(planes) * (9 / ((2 + y) * (2 + x))), s=(height, width))
    return coefficients


def _taps(at: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Two positions and weights whose linear look-ups give the four taps of the cubic B-spline at `at`."""
    base = at.floor()
    t = at - base
    w0, w1 = (1 - t) ** 3 / 6, (4 - 6 * t**2 + 3 * t**3) / 6
    w3 = t**3 / 6
    w2 = 1 - w0 - w1 - w3
    return (base - 1 + w1 / (w0 + w1), base + 1 + w3 / (w2 + w3)), (w0 + w1, w2 + w3)
