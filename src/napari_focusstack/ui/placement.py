"""Where a result lies in the world of the layer it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Image

    from ..alignment import Area

__all__ = ["place"]


def place(layer: Image, axes: str, kept: str, area: Area) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Slabs and keywords that put a result where its source lies.

    A result that lost leading axes (the focus axis of a z-stack) just has fewer: napari then shows it at every
    position. An axis lost in between (the focus axis of a time series) stays, as one slab as thick as the whole source,
    because napari matches the axes of layers from the last one.

    Parameters
    ----------
    layer : Image
        The source.
    axes, kept : str
        Letters of the source's axes, and of those that the result still has; without S.
    area : Area
        Rectangle of the source that the result covers, in px.

    Returns
    -------
    slabs : tuple of int
        Axes of length 1 to insert into the result.
    keywords : dict
        The result's scale, translate, rotate, shear, affine, units and axis labels.
    """
    from napari.utils.transforms import Affine

    lead = next(i for i, letter in enumerate(axes) if letter in kept)
    shown = list(range(lead, len(axes)))
    lost = [i for i in shown if axes[i] not in kept]
    length = np.array(layer.data.shape[: len(axes)])
    offset, stretch = np.zeros(len(axes)), np.ones(len(axes))
    offset[lost], stretch[lost] = (length[lost] - 1) / 2, length[lost]
    offset[axes.index("Y")], offset[axes.index("X")] = area.top, area.left
    matrix = Affine(scale=layer.scale, rotate=layer.rotate, shear=layer.shear, ndim=layer.ndim).linear_matrix
    part = Affine(linear_matrix=(matrix * stretch)[np.ix_(shown, shown)], ndim=len(shown))
    turned = not np.array_equal(matrix, np.diag(np.diag(matrix)))
    return tuple(i - lead for i in lost), {
        "scale": part.scale,
        **({"rotate": part.rotate, "shear": part.shear} if turned else {}),
        "translate": (np.asarray(layer.translate) + matrix @ offset)[shown],
        "affine": layer.affine.set_slice(shown).affine_matrix,
        "units": [layer.units[i] for i in shown],
        "axis_labels": [layer.axis_labels[i] for i in shown],
    }
