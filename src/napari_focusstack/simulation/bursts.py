"""Bursts of a simulated scene: names and numbers in, frames and everything that is true of them out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ..arrays import from_float, to_float
from ..color import Transfer, to_linear
from ..optics import Layer, Psf, all_in_focus, defocused
from ..progress import track
from .canvas import Canvas
from .geometry import REACH_PX, draw_transforms, resample, seen_box
from .noise import add_noise, read_noise
from .scenes import SCENES
from .truth import truth_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["Order", "Simulated", "simulate"]

Order = Literal["near-to-far", "far-to-near"]

TILE = 384  # px: pictures are rendered in tiles of this size, whose Fourier transforms fit into the cache


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """A simulated burst and its truth, all as numpy arrays.

    Attributes
    ----------
    frames : (N, Y, X, C) uint8, uint16, float32 or float64
        The burst, in stored values.
    truth : (Y, X, C) float32
        All-in-focus picture, free of noise, in stored values [0, 1], seen as the reference frame sees it.
    depth : (Y, X) float32
        Frame index (with fractions) at which the front-most surface is sharpest; NaN where there is only darkness.
    masks : (L, Y, X) float32
        Coverage of each layer, near to far, whether or not a nearer one hides it.
    depths : (L, Y, X) float32
        Depth of each layer in frame indices.
    radii : (L, N) float32
        Blur radius (σ for a Gaussian) in px of each layer, at its median depth, in each frame. Pixel by pixel, layer l
        is blurred by `blur * abs(depths[l] - i)` in frame i.
    transforms : (N, 3, 3) float64
        Reference → frame, in (x, y, 1) pixels; the identity at the reference.
    focus : (N,) float64
        Focus position of each frame in steps of the sweep; 0 is the nearest.
    gains : (N,) float64
        Light of each frame relative to the reference.
    blur : float
        Blur radius in px of what is one frame out of focus.
    reference : int
        The frame whose geometry and light the truth has: N // 2.
    transfer : "linear" or "srgb"
        Transfer curve of the stored values.
    """

    frames: NDArray[Any]
    truth: NDArray[np.float32]
    depth: NDArray[np.float32]
    masks: NDArray[np.float32]
    depths: NDArray[np.float32]
    radii: NDArray[np.float32]
    transforms: NDArray[np.float64]
    focus: NDArray[np.float64]
    gains: NDArray[np.float64]
    blur: float
    reference: int
    transfer: Transfer


def simulate(
    scene: str = "slanted",
    *,
    frames: int = 10,
    height: int = 256,
    width: int = 256,
    channels: int = 3,
    blur: float = 0.8,
    psf: Psf = "disc",
    breathing: float = 0.0,
    jitter: float = 0.0,
    rotation: float = 0.0,
    exposure: float = 0.0,
    noise: float = 0.0,
    order: Order = "near-to-far",
    dtype: DTypeLike = "uint8",
    transfer: Transfer = "srgb",
    textures: Sequence[ArrayLike] = (),
    seed: int = 0,
    device: str = "cpu",
) -> Simulated:
    """Burst of a procedural scene, with its truth.

    Parameters
    ----------
    scene : str
        A name in `SCENES`.
    frames, height, width, channels : int
        Size of the burst; at least 1 each.
    blur : float
        Blur radius (disc) or σ (Gaussian), in px, of what is one frame out of focus.
    psf : "disc" or "gaussian"
        Point spread function.
    breathing : float
        Relative change of scale over the whole sweep, about the centre.
    jitter, rotation : float
        Standard deviation, per frame, of shifts in px and of rotations in degrees.
    exposure : float
        Relative standard deviation of a gain per frame.
    noise : float
        Variance factor of the shot noise in linear light (Brooks et al. 2019: 1e-4 to 1.2e-2); read noise follows from
        it. 0: none.
    order : "near-to-far" or "far-to-near"
        Direction of the sweep.
    dtype : dtype
        Of the frames: an unsigned integer type or a float type.
    transfer : "linear" or "srgb"
        Transfer curve of the stored values.
    textures : sequence of (Y, X) or (Y, X, C) array_like
        Pictures, stored with the same transfer curve, that the surfaces of the scene show in turn instead of procedural
        ones.
    seed : int
        The same seed gives the same burst, on every device up to rounding. Scene, motion, gains and noise draw apart:
        with noise switched on, the scene stays the same.
    device : str
        A torch device to render on.

    Returns
    -------
    Simulated
        Frames and truth.

    Raises
    ------
    ValueError
        If a name is unknown or a number out of range; the message says what is allowed.
    TypeError
        If a number is none, or not whole where it must be.

    Notes
    -----
    Frame i is the scene, defocused by the layered forward model of `optics.defocused`, resampled once by
    `transforms[i]` (the reference not at all), multiplied by its gain, given noise, and stored.

    Examples
    --------
    >>> burst = simulate("steps", frames=4, height=32, width=48)
    >>> burst.frames.shape, burst.truth.shape
    ((4, 32, 48, 3), (32, 48, 3))
    """
    _check(locals())
    motion, light, grain = (_generator(seed, stream) for stream in range(1, 4))
    focus = [float(i if order == "near-to-far" else frames - 1 - i) for i in range(frames)]
    moves = draw_transforms(focus, (height, width), motion, breathing=breathing, jitter=jitter, rotation=rotation)
    gains = torch.exp(exposure * torch.randn(frames, generator=light, dtype=torch.float64)).numpy()
    gains[frames // 2] = 1.0
    camera = _Camera(focus, moves, blur, psf)
    given = [_texture(array, transfer, device) for array in textures]
    margins = camera.margins(height, width)
    canvas = Canvas(height, width, *margins, frames, channels, _generator(seed, 0), device, given)
    layers = SCENES[scene](canvas)
    out = np.empty((frames, height, width, channels), dtype)
    tiles = _tiles(height, width)
    views = (view for tile in tiles for view in _views(layers, canvas, camera, *tile))
    for i, rows, columns, seen in track(views, "Simulating", frames * len(tiles)):
        seen = seen * float(gains[i])
        if noise:
            seen = add_noise(seen, noise, read_noise(noise), grain)
        out[i, rows, columns] = stored(seen, transfer, out.dtype)
    layers = [layer.cut(*canvas.visible) for layer in layers]
    truth = stored(all_in_focus(layers), transfer, np.float32)
    facts = truth_of(layers, focus, blur)
    return Simulated(
        frames=out,
        truth=truth,
        **facts,
        transforms=moves,
        focus=np.array(focus),
        gains=gains,
        blur=blur,
        reference=frames // 2,
        transfer=transfer,
    )


def _check(given: dict[str, Any]) -> None:
    for name in ("frames", "height", "width", "channels"):
        if not isinstance(given[name], Integral):
            raise TypeError(f"{name}={given[name]!r} is no whole number; give one from 1")
        if given[name] < 1:
            raise ValueError(f"{name}={given[name]!r} is too small; at least 1 is needed")
    for name in ("blur", "jitter", "rotation", "exposure", "noise", "breathing"):
        if not isinstance(given[name], Real):
            raise TypeError(f"{name}={given[name]!r} is no number")
    for name in ("blur", "jitter", "rotation", "exposure", "noise"):
        if not 0 <= given[name] < math.inf:
            raise ValueError(f"{name}={given[name]!r} is out of range; give a number ≥ 0")
    if not -0.5 <= given["breathing"] <= 0.5:
        raise ValueError(f"breathing={given['breathing']!r} is out of range; −0.5 to 0.5 is allowed")
    names = {"scene": SCENES, "psf": get_args(Psf), "order": get_args(Order), "transfer": get_args(Transfer)}
    for name, choices in names.items():
        if given[name] not in choices:
            raise ValueError(f"unknown {name} {given[name]!r}; choices: {', '.join(choices)}")
    if np.dtype(given["dtype"]).kind not in "uf":
        raise ValueError(f"frames of dtype {np.dtype(given['dtype'])} cannot be made; use uint8, uint16 or float32")


def _generator(seed: int, stream: int) -> torch.Generator:
    return torch.Generator().manual_seed(4 * seed + stream)


@dataclass(frozen=True, slots=True)
class _Camera:
    """Focus position and motion of each frame, and how the lens blurs."""

    focus: Sequence[float]
    moves: NDArray[np.float64]
    blur: float
    psf: Psf

    @property
    def reach(self) -> int:
        """How far, in px, light from outside is blurred or interpolated into a picture."""
        return math.ceil(self.blur * (len(self.focus) - 1) * (1 if self.psf == "disc" else 4)) + REACH_PX

    def margins(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Top, left, bottom and right margin that motion and blur bring into view."""
        top, left, bottom, right = seen_box(self.moves, 0, 0, height, width)
        reach = self.reach
        return reach - top, reach - left, reach + bottom - height, reach + right - width


def _texture(array: ArrayLike, transfer: Transfer, device: str) -> Tensor:
    stored = to_float(array)
    if stored.ndim not in (2, 3):
        raise ValueError(f"a texture of shape {stored.shape} is not a picture; (Y, X) or (Y, X, C) is needed")
    light = to_linear(stored if stored.ndim == 3 else stored[..., None], transfer)
    return torch.from_numpy(np.ascontiguousarray(light.transpose(2, 0, 1), dtype=np.float32)).to(device)


def _tiles(height: int, width: int) -> list[tuple[int, int, int, int]]:
    """Top, left, height, width of tiles that cover the picture once."""
    corners = [(top, left) for top in range(0, height, TILE) for left in range(0, width, TILE)]
    return [(top, left, min(TILE, height - top), min(TILE, width - left)) for top, left in corners]


def _views(
    layers: Sequence[Layer], canvas: Canvas, camera: _Camera, top: int, left: int, height: int, width: int
) -> Iterator[tuple[int, slice, slice, Tensor]]:
    """Yield, for each frame, its number, the rows and columns of the tile and the light (C, height, width) in it."""
    box, reach = seen_box(camera.moves, top, left, height, width), camera.reach
    y0, x0 = box[0] - reach, box[1] - reach
    rows = slice(canvas.top + y0, canvas.top + box[2] + reach)
    columns = slice(canvas.left + x0, canvas.left + box[3] + reach)
    near = [layer.cut(rows, columns) for layer in layers]
    last = next((i for i, layer in enumerate(near) if layer.covers), len(near) - 1)  # what lies behind is not seen
    near = [layer for layer in near[: last + 1] if not layer.empty] or near[-1:]
    to_tile = np.array([[1, 0, -x0], [0, 1, -y0], [0, 0, 1]], dtype=np.float64)
    from_tile = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]], dtype=np.float64)
    where = slice(top, top + height), slice(left, left + width)
    for i, picture in enumerate(defocused(near, camera.focus, blur=camera.blur, psf=camera.psf)):
        if np.array_equal(camera.moves[i], np.eye(3)):
            yield i, *where, picture[..., top - y0 : top - y0 + height, left - x0 : left - x0 + width]
        else:
            back = to_tile @ np.linalg.inv(camera.moves[i]) @ from_tile
            yield i, *where, resample(picture, back, height, width)


def stored(light: Tensor, transfer: Transfer, dtype: DTypeLike) -> NDArray[Any]:
    """(Y, X, C) stored values of light (C, Y, X): clipped above white, and in integers below black."""
    light = light.clamp_max(1.0)
    if transfer == "srgb":  # as color.to_stored, but on the light's own device
        size = light.abs()
        light = light.sign() * torch.where(size <= 0.0031308, size * 12.92, 1.055 * size ** (1 / 2.4) - 0.055)
    return from_float(np.ascontiguousarray(light.movedim(-3, -1).cpu().numpy()), dtype)
