"""Lines and regions that are drawn on a depth: which one counts, and which pixels it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .annotations import Drawn, describe
from .measured import Measured

if TYPE_CHECKING:
    from napari.layers import Shapes
    from numpy.typing import NDArray

__all__ = ["ROLE", "empty_shapes", "line_of", "mask_of", "region_of"]

ROLE = "regions"
CLOSED = ("rectangle", "polygon", "ellipse")
COLOR = "#ff3ddb"  # as of probes
FACE = "#ff3ddb18"  # hardly hides the picture
FINENESS = 4  # bits of a pixel's fraction that count at the edge of a region
CORNERS = 180  # of an ellipse


def empty_shapes(chosen: Measured) -> Shapes:
    """Layer of no lines and regions yet."""
    from napari.layers import Shapes

    width = max(1.0, min(chosen.depth.position.shape) / 250)
    return Shapes(
        None,
        ndim=2,
        edge_color=COLOR,
        face_color=FACE,
        edge_width=width,
        **describe(chosen, ROLE, "lines and regions"),
    )


def line_of(drawn: Drawn) -> NDArray[np.float64] | None:
    """((y, x), (y, x)) of the line that is selected, or was drawn last; None if there is none."""
    at = _wanted(drawn, ("line",))
    return None if at is None else np.asarray(drawn.layer.data[at], np.float64)[:2, -2:]


def region_of(drawn: Drawn) -> tuple[str, NDArray[np.float64]] | None:
    """Kind and corners (P, 2) of the region that is selected, or was drawn last; None if there is none."""
    at = _wanted(drawn, CLOSED)
    if at is None:
        return None
    return str(drawn.layer.shape_type[at]), np.asarray(drawn.layer.data[at], np.float64)[:, -2:]


def mask_of(kind: str, corners: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Pixels of a map of this shape that a region holds.

    Parameters
    ----------
    kind : {"rectangle", "polygon", "ellipse"}
        What the corners are of: an ellipse is given by those of its box.
    corners : (P, 2) float
        y, x in px.
    shape : (int, int)
        Of the map.
    """
    import cv2

    if kind == "ellipse":
        middle, right, down = corners.mean(0), (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
        turn = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)[:, None]
        corners = middle + np.cos(turn) * right + np.sin(turn) * down
    mask = np.zeros(shape, np.uint8)
    places = np.round(corners[:, ::-1] * 2**FINENESS).astype(np.int32)
    cv2.fillPoly(mask, [places], 1, shift=FINENESS)
    return mask.astype(bool)


def _wanted(drawn: Drawn, kinds: tuple[str, ...]) -> int | None:
    """Number of the shape of these kinds that is selected, else of the last one."""
    if drawn.layer is None:
        return None
    fitting: list[Any] = [i for i, kind in enumerate(drawn.layer.shape_type) if kind in kinds]
    chosen = [i for i in drawn.selected() if i in fitting]
    return (chosen or fitting or [None])[-1]
