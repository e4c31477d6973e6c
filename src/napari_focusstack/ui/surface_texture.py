"""The picture that covers a surface: the fused layers of a depth as they are shown, and red, green, blue of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..progress import track
from .measured import Measured, of_role, plane_at
from .source import notes

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

__all__ = ["brightness_at", "picture_of"]

LEVELS = 256
STRIP = 256  # rows at a time
WORDS = (0.04, 0.2)  # height and width of words, of those of the picture
LOOKS = 16  # pixels that are looked at along each side
LUMA = (0.2126, 0.7152, 0.0722)


def picture_of(
    layers: Sequence[Layer], chosen: Measured, step: Sequence[float]
) -> Callable[[], NDArray[np.uint8]] | None:
    """Return what makes the (Y, X, 3) uint8 picture of a depth, to be called in any thread; None if there is none.

    Several channels are added up in their colours.

    Parameters
    ----------
    layers : sequence of Layer
        Where the fused pictures are; for a depth that is the user's own, any picture of the same size.
    chosen : Measured
        The depth.
    step : sequence of float
        The viewer's `dims.point`.
    """
    from napari.layers import Image

    shape = chosen.depth.position.shape
    pictures = [layer for layer in of_role(layers, chosen.layer, "fused") if _size(layer) == shape]
    if not pictures and "role" not in notes(chosen.layer):
        others = [layer for layer in layers if isinstance(layer, Image) and layer is not chosen.layer]
        pictures = [layer for layer in others if _size(layer) == shape and layer.ndim == 2][-1:]
    if not pictures:
        return None
    parts = [(plane_at(layer, step), _colors(layer)) for layer in pictures]
    return lambda: _added(parts)


def brightness_at(layers: Sequence[Layer], chosen: Measured, place: Sequence[float]) -> float:
    """Brightness, 0 to 1, of what is shown above and to the right of a place (y, x) in px of a depth."""
    from napari.layers import Image

    shape = chosen.depth.position.shape
    shown = [layer for layer in layers if isinstance(layer, Image) and layer.visible and _size(layer) == shape]
    if not shown:
        return 0.0
    top = shown[-1]
    plane = chosen.depth.position if top is chosen.layer else plane_at(top, (0.0,) * top.ndim)
    (high, wide), (y, x) = (np.maximum(1, np.array(WORDS) * shape).astype(int)), np.round(place).astype(int)
    rows = slice(max(0, min(y, shape[0] - 1) - high), max(1, y), max(1, high // LOOKS))
    columns = slice(max(0, min(x, shape[1] - 1)), max(1, x + wide), max(1, wide // LOOKS))
    colors = _colors(top)(np.asarray(plane[rows, columns]))
    return float((colors.reshape(-1, 3) @ LUMA).mean() / (LEVELS - 1)) if colors.size else 0.0


def _added(parts: list[tuple[Any, Callable[[Any], NDArray[np.uint8]]]]) -> NDArray[np.uint8]:
    planes = [(np.asarray(plane), colors) for plane, colors in parts]
    height, width = planes[0][0].shape[:2]
    picture = np.empty((height, width, 3), np.uint8)
    for row in track(range(0, height, STRIP)):
        strip = slice(row, row + STRIP)
        total = sum(colors(plane[strip]).astype(np.uint16) for plane, colors in planes)
        picture[strip] = np.minimum(total, LEVELS - 1)
    return picture


def _size(layer: Image) -> tuple[int, ...]:
    shape = tuple(layer.level_shapes[0]) if layer.multiscale else tuple(layer.data.shape)
    return shape[-3:-1] if layer.rgb else shape[-2:]


def _colors(layer: Image) -> Callable[[Any], NDArray[np.uint8]]:
    """Return what turns values into the colours in which the layer shows them."""
    if layer.rgb:
        dtype = np.dtype(layer.dtype)
        white = float(np.iinfo(dtype).max) if dtype.kind in "ui" else 1.0
        return lambda values: _levels(values[..., :3], 0.0, white, 1.0)
    low, high = map(float, layer.contrast_limits)
    gamma = float(layer.gamma)
    table = np.round(layer.colormap.map(np.linspace(0, 1, LEVELS))[:, :3] * (LEVELS - 1)).astype(np.uint8)
    return lambda values: table[_levels(values, low, high, gamma)]


def _levels(values: Any, low: float, high: float, gamma: float) -> NDArray[np.uint8]:
    """Values between black and white as levels of 8 bit."""
    if values.dtype == np.uint8 and (low, high, gamma) == (0.0, 255.0, 1.0):
        return np.asarray(values)
    share = (values.astype(np.float32) - low) / max(high - low, 1e-12)
    share = np.clip(np.nan_to_num(share), 0, 1) ** gamma
    return np.asarray(share * (LEVELS - 1) + 0.5).astype(np.uint8)
