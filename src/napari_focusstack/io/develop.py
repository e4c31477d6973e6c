"""How raw frames are developed: by LibRaw, and, just as it does, from pictures in the camera's own colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..color import Transfer, to_stored
from ..progress import track

if TYPE_CHECKING:
    import rawpy
    from numpy.typing import NDArray

__all__ = ["Development", "developed", "development_of", "measured_matrix"]

SRGB_CURVE, LINEAR_CURVE = (2.4, 12.92), (1.0, 1.0)  # power, and slope of the toe
DARK, BRIGHT = 0.4, 0.55  # of white: colours in between are sent through LibRaw; no camera's matrix makes it clip them
SAMPLE = 64  # blocks of 2 × 2 sites, in height and width, that get them
STRIP = 64  # rows developed at a time


@dataclass(frozen=True, slots=True)
class Development:
    """How all frames of a burst are developed, so that equal light becomes equal values.

    Attributes
    ----------
    white_balance : tuple of float
        The camera's multipliers for red, green, blue and second green, of the first frame.
    range : int
        Counts from black to white of the first frame, which become 65535.
    flip : int
        LibRaw's code of the orientation of the first frame.
    half_size : bool
        Average blocks of 2 × 2 sites instead of interpolating.
    linear : bool
        Keep linear light; else apply the sRGB curve.
    """

    white_balance: tuple[float, ...]
    range: int
    flip: int
    half_size: bool = False
    linear: bool = False

    @property
    def gains(self) -> NDArray[np.float64]:
        """White balance of red, green beside red, green beside blue and blue, (4,): the smallest is 1, as in LibRaw."""
        red, green, blue, second = self.white_balance
        gains = np.array([red, green, second or green, blue])
        return np.asarray(gains / gains.min())

    @property
    def transfer(self) -> Transfer:
        """How the developed values relate to light."""
        return "linear" if self.linear else "srgb"

    def parameters(self) -> dict[str, Any]:
        """Parameters for LibRaw. Nothing in them depends on what a frame shows."""
        return {
            "user_wb": list(self.white_balance),
            "user_sat": self.range,
            "user_flip": self.flip,
            "half_size": self.half_size,
            "gamma": LINEAR_CURVE if self.linear else SRGB_CURVE,
            "output_bps": 16,
            "no_auto_bright": True,
            "adjust_maximum_thr": 0.0,  # else white is taken from each frame's brightest value
        }


def development_of(raw: rawpy.RawPy, half_size: bool, linear: bool) -> Development:
    """Development that the first frame of a burst asks for."""
    balance = raw.camera_whitebalance
    if not (balance[0] > 0 and balance[1] > 0 and balance[2] > 0):
        balance = raw.daylight_whitebalance  # the camera did not write its own
    counts = raw.white_level - min(raw.black_level_per_channel)
    return Development(tuple(balance), counts, raw.sizes.flip, half_size, linear)


def developed(
    light: NDArray[np.floating], camera_to_srgb: NDArray[np.floating], transfer: Transfer
) -> NDArray[np.float32]:
    """Picture as LibRaw develops it, from linear light in white-balanced colours of the camera.

    Light is clipped to white before the matrix, too: so what is too bright for one colour becomes white, not pink.

    Parameters
    ----------
    light : (Y, X, 3) ndarray
        White is 1.
    camera_to_srgb : (3, 3) ndarray
        To linear sRGB; see `measured_matrix`.
    transfer : {"linear", "srgb"}
        Curve of the picture.

    Returns
    -------
    (Y, X, 3) float32
        In [0, 1]. LibRaw's sRGB curve is smooth where its toe ends: it differs by 4e-4 there, by 1e-4 elsewhere.

    Raises
    ------
    ValueError
        If the light has not three colours.
    """
    if light.ndim != 3 or light.shape[2] != 3:
        raise ValueError(f"light of shape {light.shape} has not the camera's colours; (Y, X, 3) is needed")
    out = np.empty(light.shape, np.float32)
    matrix = np.asarray(camera_to_srgb, np.float32).T
    for row in track(range(0, len(light), STRIP)):
        srgb = np.clip(light[row : row + STRIP], 0, 1).astype(np.float32, copy=False) @ matrix
        out[row : row + STRIP] = to_stored(np.clip(srgb, 0, 1, out=srgb), transfer)
    return out


def measured_matrix(raw: rawpy.RawPy, development: Development, colours: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Matrix (3, 3) from white-balanced colours of a camera to linear sRGB, as LibRaw applies it; rows sum to 1.

    LibRaw does not tell which of its matrices it takes. So sites of an opened file get known random colours, which it
    then develops.

    Parameters
    ----------
    raw : rawpy.RawPy
        An opened file; its sites are overwritten.
    development : Development
        Of the burst.
    colours : (2, 2) uint8
        LibRaw's numbers of the colours in the block at the corner of the visible area.
    """
    sites, black = raw.raw_image_visible, raw.black_level_per_channel
    height, width = (min(SAMPLE, side // 2) for side in sites.shape)
    gains = development.gains[[0, 1, 3, 2]]  # as LibRaw numbers colours: red, green, blue, second green
    light = np.empty((height, width, 4))
    chance = np.random.default_rng(0)
    for y, x in np.ndindex(2, 2):
        colour = colours[y, x]
        scale = development.range / gains[colour]
        counts = chance.integers(int(DARK * scale), int(BRIGHT * scale), (height, width))
        sites[y : 2 * height : 2, x : 2 * width : 2] = black[colour] + counts
        light[..., colour] = counts / scale
    values = raw.postprocess(**development.parameters() | {"user_flip": 0, "half_size": True, "gamma": LINEAR_CURVE})
    seen = values[:height, :width].reshape(-1, 3) / 65535
    offset = np.ones((height, width))  # LibRaw cuts fractions off
    camera = np.stack([light[..., 0], light[..., [1, 3]].mean(2), light[..., 2], offset], axis=2).reshape(-1, 4)
    matrix = np.linalg.lstsq(camera, seen, rcond=None)[0][:3].T
    return np.asarray(matrix / matrix.sum(1, keepdims=True))
