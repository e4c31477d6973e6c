"""Multi-scale residual blocks, of which the networks are built that eliminate diffusion (Liu et al., AAAI 2024)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["MultiScaleBlock", "reach_of"]


class MultiScaleBlock(nn.Module):
    """Features (B, width, H, W) of such, with what a coarser scale shows added; H and W are multiples of the scale.

    Parameters
    ----------
    width : int
        Channels that go in and come out.
    scale : int
        How much coarser the second path looks.

    Notes
    -----
    With 3×3 convolutions w, ↓ for the mean over scale × scale px and ↑ for bilinear interpolation::

        y = x + w₂ * ReLU(w₁ * x) + w₅ * ↑ReLU(w₄ * ↓ReLU(w₃ * x))

    The paper draws the two paths, but says neither what they consist of nor how much coarser the second is.
    """

    def __init__(self, width: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.plain, self.plain_end, self.wide, self.coarse, self.wide_end = (
            nn.Conv2d(width, width, 3, padding=1) for _ in range(5)
        )

    def forward(self, features: Tensor) -> Tensor:
        """What the block makes of the features."""
        plain = self.plain_end(functional.relu(self.plain(features)))
        coarse = functional.avg_pool2d(functional.relu(self.wide(features)), self.scale)
        coarse = functional.relu(self.coarse(coarse))
        wide = functional.interpolate(coarse, scale_factor=float(self.scale), mode="bilinear", align_corners=False)
        return features + plain + self.wide_end(wide)  # type: ignore[no-any-return]


def reach_of(scales: Sequence[int], *, before: int, after: int) -> int:
    """Farthest pixel, in px to either side, that the output of a chain of blocks depends on.

    Follows the interval of pixels that one needs, from the output backwards, from each place on the coarsest grid.

    Parameters
    ----------
    scales : sequence of int
        Of the blocks, in order.
    before, after : int
        How far what comes before and after them sees, px.
    """
    reach = 0
    for place in range(max(scales)):
        first, last = place - after, place + after
        for scale in reversed(scales):
            low, high = ((2 * end + 1 - scale) // (2 * scale) for end in (first - 1, last + 1))  # interpolated from
            first, last = min(first - 2, (low - 1) * scale - 1), max(last + 2, (high + 3) * scale)
        reach = max(reach, place - first + before, last - place + before)
    return reach
