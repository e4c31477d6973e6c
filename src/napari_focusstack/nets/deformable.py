"""Deformable convolution: a convolution that looks, for every pixel, at places which the network itself chooses.

In plain torch, so that it runs wherever torch does, with the conventions of `torchvision.ops.deform_conv2d`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["DeformableConv", "deformable_convolution"]


def deformable_convolution(
    planes: Tensor,
    offsets: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    mask: Tensor | None = None,
    groups: int = 8,
) -> Tensor:
    """Planes (B, O, H, W): a convolution of stride 1 whose taps are moved, at every pixel, by offsets of their own.

    Parameters
    ----------
    planes : Tensor
        (B, C, H, W); zero outside.
    offsets : Tensor
        (B, 2·groups·K², H, W), px: for each group of channels and in it for each tap, by rows, how far down (dy), then
        how far to the right (dx) it looks of its usual place.
    weight : Tensor
        (O, C / g, K, K), K odd; as for grouped convolutions, g tells into how many groups the weights fall.
    bias : Tensor or None
        (O,).
    mask : Tensor, optional
        (B, groups·K², H, W): what each tap's value is multiplied by.
    groups : int
        Into how many groups of successive channels the planes fall; those of a group are moved together.

    Raises
    ------
    ValueError
        If the shapes do not fit each other; the message names the one that is needed.

    Notes
    -----
    With taps k at p_k = (-K//2 … K//2)² around each pixel p, and x interpolated bilinearly [1]_, [2]_::

        y(p) = b + Σ_k w_k · m_k(p) · x(p + p_k + o_k(p))

    Taps are summed row by row, so that no more than K moved copies of the planes exist at a time, or K² while gradients
    are wanted. Places are computed in float32 at least, whatever the planes are in: half precision would place taps of
    large pictures by whole pixels only.

    References
    ----------
    .. [1] Dai et al., "Deformable Convolutional Networks", ICCV 2017, eq. 2.
    .. [2] Zhu et al., "Deformable ConvNets v2: More Deformable, Better Results", CVPR 2019, eq. 1.
    """
    _check_shapes(planes, offsets, weight, mask, groups)
    batch, channels, height, width = planes.shape
    size, weight_groups = weight.shape[-1], channels // weight.shape[1]
    exact = torch.promote_types(planes.dtype, torch.float32)
    grouped = planes.to(exact).reshape(batch * groups, channels // groups, height, width)
    moves = offsets.to(exact).reshape(batch * groups, size, size, 2, height, width)
    y, x, taps = (torch.arange(n, device=planes.device, dtype=exact) for n in (height, width, size))
    y, x, taps = y[:, None], x + (taps - size // 2)[:, None, None], taps - size // 2
    total = torch.zeros((), device=planes.device) if bias is None else bias[:, None]
    for row in range(size):
        down = (2 * (y + taps[row] + moves[:, row, :, 0]) + 1) / height - 1  # from -1 to 1 over all px
        right = (2 * (x + moves[:, row, :, 1]) + 1) / width - 1
        places = torch.stack((right, down), -1).flatten(1, 2)
        moved = functional.grid_sample(grouped, places, align_corners=False)  # bilinear, zeros outside
        if mask is not None:
            shares = mask.reshape(batch * groups, 1, size, size * height, width)
            moved = moved * shares[:, :, row]
        joined = moved.reshape(batch, weight_groups, -1, height * width).to(weight.dtype)
        kernels = weight[:, :, row].reshape(weight_groups, -1, joined.shape[2])
        total = total + torch.matmul(kernels, joined).flatten(1, 2)
    return total.view(batch, -1, height, width)


class DeformableConv(nn.Module):
    """Deformable convolution with weights of its own, and a bias; offsets, and a mask if wanted, are given to it.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    size : int
        Height and width of the kernel, px; odd.
    groups : int
        Into which the channels fall, both for the offsets and for the weights.

    Raises
    ------
    ValueError
        If the size is even, or the channels do not fall into such groups.

    Notes
    -----
    Weights begin as those of `torch.nn.Conv2d` do.
    """

    def __init__(self, inputs: int, outputs: int, *, size: int = 3, groups: int = 8) -> None:
        super().__init__()
        if size < 1 or size % 2 == 0:
            raise ValueError(f"size={size}: the kernel needs a middle; take an odd size, such as 3")
        if groups < 1 or inputs % groups or outputs % groups:
            raise ValueError(f"{inputs} and {outputs} channels do not fall into {groups} groups; take a common divisor")
        self.groups = groups
        self.weight = nn.Parameter(torch.empty(outputs, inputs // groups, size, size))
        self.bias = nn.Parameter(torch.empty(outputs))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        bound = 1 / math.sqrt(inputs // groups * size * size)
        nn.init.uniform_(self.bias, -bound, bound)

    @property
    def offsets(self) -> int:
        """Channels of the offsets that it takes: two for each group and tap."""
        return 2 * self.groups * self.weight.shape[-1] ** 2

    def forward(self, planes: Tensor, offsets: Tensor, mask: Tensor | None = None) -> Tensor:
        """Planes (B, outputs, H, W) of planes, offsets and mask as in `deformable_convolution`."""
        return deformable_convolution(planes, offsets, self.weight, self.bias, mask=mask, groups=self.groups)


def _check_shapes(planes: Tensor, offsets: Tensor, weight: Tensor, mask: Tensor | None, groups: int) -> None:
    if planes.ndim != 4:
        raise ValueError(f"planes of shape {tuple(planes.shape)}; (B, C, H, W) is needed")
    batch, channels, *size = planes.shape
    if weight.ndim != 4 or weight.shape[2] != weight.shape[3] or weight.shape[2] % 2 == 0:
        raise ValueError(f"weight of shape {tuple(weight.shape)}; (O, C / g, K, K) with an odd K is needed")
    if groups < 1 or channels % groups:
        raise ValueError(f"planes of {channels} channels do not fall into {groups} groups; take a divisor")
    if channels % weight.shape[1] or weight.shape[0] % (channels // weight.shape[1]):
        raise ValueError(f"weight of shape {tuple(weight.shape)} does not fit planes of {channels} channels")
    taps = groups * weight.shape[2] ** 2
    for name, given, needed in (("offsets", offsets, 2 * taps), ("mask", mask, taps)):
        if given is not None and tuple(given.shape) != (batch, needed, *size):
            raise ValueError(f"{name} of shape {tuple(given.shape)}; {(batch, needed, *size)} is needed")
