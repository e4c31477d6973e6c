"""Foreground refinement branch (FRB): what is wrong with a mask, from how a pair of frames would look if it were true.

It is ours: Liu et al. (AAAI 2024) go by the mask that the FSB finds.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import Task
from .network import Network
from .unet import Size, Trunk

__all__ = ["FRB"]

PICTURES = 5  # the pair; the near one without a foreground and the far one with nothing else; and shares
SIZE = Size((16, 32, 64), convolutions=2, chooses=False)
STRONGER = 3.0  # factor of differences between pictures
FAINT, MIDDLE = 0.003, 4.0  # difference of two pictures that counts as none; added to its logarithm
TOLD = 0.1, 0.2  # shares of what is behind, and of the veil, from which on pictures of them are believed
PEAKS = 5, 11  # px around a pixel, whose largest difference its own is held against
SUREST = 1e-3  # probability
SOFTER = 4.0  # by which logits of the draft are divided, so that it can be overruled


class FRB(Network):
    """Mask of the foreground from a draft of it: where the frames are not as they would be if that were true.

    Attributes
    ----------
    halo, multiple
        Of the encoder and decoder.

    Notes
    -----
    An encoder and decoder of 16, 32 and 64 features at full, half and quarter resolution, two 3×3 convolutions each,
    whose answer is added to a quarter of the draft's logit. It sees the pair; its differences from what it would look
    like, as far as that is known; the logarithm of their size, of those of the near frame also less the largest of 5×5
    and of 11×11 px: a hair covers half of a pixel where it differs half as much; the draft, the veil, and what shows of
    the background. Untrained, it gives back the draft, less surely. 119,169 parameters.
    """

    task: ClassVar[Task] = "refinement"
    channels = 3

    def __init__(self) -> None:
        super().__init__()
        self.arguments = {}
        self.trunk = Trunk(18 + len(PEAKS), 1, SIZE)
        self.multiple, self.halo = self.trunk.multiple, self.trunk.halo + max(PEAKS) // 2
        for start in self.trunk.head.parameters():
            nn.init.zeros_(start)

    def forward(self, pictures: Tensor) -> Tensor:
        """Mask (B, 1, H, W) from 0 to 1 of (B, 5, 3, H, W): pairs, and what `diffusion.rehearsal` makes of a draft.

        Float32, whatever the features are; H and W of any size.

        Raises
        ------
        ValueError
            If there are not five pictures of three channels.
        """
        if tuple(pictures.shape[1:3]) != (PICTURES, 3):
            raise ValueError(
                f"pictures of shape {tuple(pictures.shape)} do not fit: (B, {PICTURES}, 3, H, W) is needed, a pair and "
                "what it would look like if a draft of its mask were true"
            )
        near, far, bare, alone, shares = pictures.float().unbind(1)
        draft, veil, seen = shares.split(1, dim=1)
        behind, front = TOLD
        unlike = (near - bare) * (seen / behind).clamp(0, 1), (far - alone) * (veil / front).clamp(0, 1)
        sizes = [(one.square().mean(1, keepdim=True).sqrt() + FAINT).log() + MIDDLE for one in unlike]
        peaks = [sizes[0] - functional.max_pool2d(sizes[0], px, 1, px // 2) for px in PEAKS]
        sides = 2 * (draft > 0.5).float() - 1
        logit = draft.clamp(SUREST, 1 - SUREST).logit() / SOFTER
        planes = [2 * near - 1, 2 * far - 1, *(STRONGER * one for one in unlike), *sizes, *peaks, sides, veil, seen]
        found = self.trunk(torch.cat([*planes, logit], 1))
        return torch.sigmoid(found.float() + logit)
