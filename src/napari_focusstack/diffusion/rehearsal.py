"""What a pair of frames would look like if a mask of its foreground were true: so masks can be held against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..color import Transfer, to_stored
from .reblurring import blurred, light_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["rehearsed"]

FAINT, CLEAR = 0.05, 0.25  # share of the light that comes through a veil: where it begins to tell, and tells all
NONE = 1e-3  # share of what is around a pixel that counts as none


def rehearsed(
    pair: NDArray[np.float32], draft: Plane, front: float, behind: float, transfer: Transfer
) -> NDArray[np.float32]:
    """(3, Y, X, 3) float32: the near frame without a foreground, the far one with nothing else, and shares of these.

    Parameters
    ----------
    pair : (2, Y, X, 3) float32
        Frames focused on the foreground and behind it, in stored values of 0 to 1.
    draft : (Y, X) float32
        Mask of the foreground, 0 to 1.
    front, behind : float
        Standard deviation, in px, of the foreground's blur in the far frame, and of the background's in the near one.
    transfer : {"linear", "srgb"}
        How stored values relate to light.

    Returns
    -------
    ndarray
        The two pictures, in stored values. Then, as three channels: the draft; the veil; and the share of what is
        around a pixel, behind the foreground, that shows in the far frame at all: elsewhere the first picture is black.

    Notes
    -----
    With the draft M, cut at a half, and Gaussians K₃ (`front`) and K₂ (`behind`), the veil A = M * K₃, the foreground's
    light C = (M N) * K₃, and what is behind it b = (F - C) / (1 - A), the near frame without the foreground is b * K₂,
    as far as b is known; and C / A is the far frame where there is nothing but the foreground. Where a mask is wrong,
    the first differs from N on a foreground it misses, the second from F on a background it has.
    """
    near, far = (light_of(frame, transfer) for frame in pair)
    inside = (draft > 0.5).astype(np.float32)
    veil, added = blurred(inside, front), blurred(near * inside[..., None], front)
    through = 1 - veil
    told = np.clip((through - FAINT) / np.float32(CLEAR - FAINT), 0, 1)
    rest = (far - added) * (told / np.maximum(through, FAINT))[..., None]
    seen = blurred(told, behind)
    bare = blurred(rest, behind) / np.maximum(seen, NONE)[..., None]
    alone = added / np.maximum(veil, FAINT)[..., None]
    return np.stack([_stored(bare, transfer), _stored(alone, transfer), np.stack([draft, veil, seen], axis=-1)])


def _stored(light: NDArray[Any], transfer: Transfer) -> NDArray[np.float32]:
    return to_stored(np.clip(light, 0, 1), transfer).astype(np.float32, copy=False)
