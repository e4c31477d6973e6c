"""FocusDeep: each frame's features are aligned to those of the frame before it, and all of them fused to a picture.

Araujo, Ponce, Mairal, "Towards Real-World Focus Stacking with Deep Learning", arXiv 2311.17846: as published, with one
switch for where we know better. It draws the picture itself, in the colours and the contrast of what it was trained on.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from .blocks import WIDTH, Alignment, Features, Pyramid, Scales, Trunk, aligned_reach, convolution
from .network import Network
from .unet import fit_frames, padded

__all__ = ["SHIFT", "FocusDeep"]

COLORS = 3  # that it draws, whatever it is given
MIDDLE = 0.5  # taken from what goes in, added to what comes out
SHIFT = 4  # px, longest offset within which tiles are exact: bursts are aligned before, so that little is left


class FocusDeep(Network):
    """Picture (B, 3, H·factor, W·factor) from a burst (B, N, channels, H, W), as published.

    Parameters
    ----------
    channels : {1, 3, 4}
        Of each frame. 3: RGB. 4: the planes R, G, G, B of a raw file, at half its size, with `factor` 2, as the paper
        has it. 1: its mosaic as it is, as the published code has it.
    factor : {1, 2}
        Size of the picture, in sizes of the frames.
    frames : int
        How many frames are fused. Bursts of other lengths are repeated or thinned out to it: see `fit_frames`.
    published_code : bool
        Whether offsets of the alignment pass a LeakyReLU, as in the published code, which makes moves up and left ten
        times smaller than down and right, and begin at random. Otherwise they are linear and begin at zero, so that
        frames are where they are until training moves them.

    Notes
    -----
    3,983,426 parameters for 30 RGB frames, 4,102,850 for 30 frames of raw planes at twice the size, 3,981,122 for 30
    mosaics, whichever way the switch stands. With aligned features aᵢ of frame i (`Features`, `Pyramid`, `Alignment`
    to frame i - 1; the first one to itself), x₀ the first frame less ½, PS for pixels shuffled to the picture's size
    and convolutions w of 3×3, W of 1×1::

        t = Trunk(ReLU(Σᵢ Wᵢ aᵢ + b)),   s = ReLU(PS(w₀ * x₀))
        y = w₄ * ReLU(w₃ * ReLU(w₂ * (ReLU(PS(w₁ * t)) + s))) + w₅ * s + ½

    The sum is taken frame by frame, so that what inference needs does not grow with the burst; frames that were
    repeated are looked at once. As published, s has the first frame only, which is mostly out of focus; as frames are
    aligned to the one before, and not to the first, the burst has to be aligned before; and its order matters. Offsets
    are not bounded: tiles are as the whole as long as these are within `SHIFT`, which `halo` reckons with.
    """

    def __init__(
        self,
        *,
        channels: Literal[1, 3, 4] = 3,
        factor: Literal[1, 2] = 1,
        frames: Annotated[int, {"min": 1, "max": 256}] = 30,
        published_code: bool = False,
    ) -> None:
        super().__init__()
        self.arguments = {"channels": channels, "factor": factor, "frames": frames, "published_code": published_code}
        self.channels, self.scale, self.frames = channels, factor, frames
        self.features = Features(channels)
        self.pyramid = Pyramid()
        self.alignment = Alignment(linear=not published_code)
        self.fusion = convolution(frames * WIDTH, WIDTH, 1)
        self.trunk = Trunk()
        self.head = Head(factor)
        self.skip = nn.ModuleList([convolution(channels, WIDTH * factor**2), convolution(WIDTH, COLORS)])
        self.multiple = 4
        self.halo = aligned_reach(self.trunk.halo + self.head.halo, SHIFT)

    def forward(self, burst: Tensor) -> Tensor:
        """Picture (B, 3, H·factor, W·factor) of bursts (B, N, C, H, W) in [0, 1]."""
        if burst.shape[2] != self.channels:
            raise ValueError(f"frames of {burst.shape[2]} channels do not fit a FocusDeep built for {self.channels}")
        height, width = burst.shape[-2] * self.scale, burst.shape[-1] * self.scale
        planes = padded(burst, self.multiple) - MIDDLE
        features = self.trunk(torch.relu(self.fused(planes)))
        first = torch.relu(functional.pixel_shuffle(self.skip[0](planes[:, 0]), self.scale))
        picture = self.head(features, first) + self.skip[1](first)
        return picture[..., :height, :width].float() + MIDDLE  # type: ignore[no-any-return]

    def fused(self, planes: Tensor) -> Tensor:
        """Σᵢ Wᵢ aᵢ + b, (B, 64, H, W), of frames (B, N, C, H, W) less ½; H and W multiples of 4."""
        weights = self.fusion.weight.view(WIDTH, self.frames, WIDTH, 1, 1)
        chosen = fit_frames(planes.shape[1], self.frames)
        places: dict[tuple[int, int], list[int]] = {}  # of the frames and those before them; equal pairs are one
        for place, pair in enumerate(zip(chosen, [chosen[0], *chosen[:-1]], strict=True)):
            places.setdefault(pair, []).append(place)
        bias = self.fusion.get_parameter("bias")
        total, pyramids = bias[:, None, None], dict[int, Scales]()
        for (frame, before), where in places.items():
            pyramids = {number: pyramids.get(number) or self._pyramid(planes, number) for number in {before, frame}}
            aligned = self.alignment(pyramids[frame], pyramids[before])
            total = total + functional.conv2d(aligned, weights[:, where].sum(1))
        return total

    def _pyramid(self, planes: Tensor, number: int) -> Scales:
        return self.pyramid(self.features(planes[:, number]))  # type: ignore[no-any-return]


class Head(nn.Module):
    """Picture (B, 3, H·factor, W·factor), less ½, of the trunk's features and the first frame's at the picture's size.

    Attributes
    ----------
    halo : int
        How far it sees, px of the trunk's features.
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.grow = convolution(WIDTH, WIDTH * factor**2)
        self.refine = nn.ModuleList([convolution(WIDTH, WIDTH), convolution(WIDTH, WIDTH)])
        self.draw = convolution(WIDTH, COLORS)
        self.halo = 1 + -(-3 // factor)  # one convolution there, three at the picture's size

    def forward(self, features: Tensor, first: Tensor) -> Tensor:
        """Picture without the skip."""
        picture = torch.relu(functional.pixel_shuffle(self.grow(features), self.factor)) + first
        for convolve in self.refine:
            picture = torch.relu(convolve(picture))
        return self.draw(picture)  # type: ignore[no-any-return]
