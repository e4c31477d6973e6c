"""Halos as layers: the light that was taken away, where, what kept light away, and how wide it was blurred."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .results import split

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..diffusion import Elimination
    from .results import Results
    from .source import Source

__all__ = ["put_diffusion"]

TITLES = {  # by role
    "diffusion": "halos: light S",
    "diffusion_acted": "halos: where taken",
    "diffusion_veil": "halos: veil",
    "diffusion_blur": "halos: blur in px",
}
COLORS = {"diffusion_acted": "gray", "diffusion_veil": "magma", "diffusion_blur": "viridis"}
TAKEN = ((0.2, 0.7, 1.0, 1.0), (0.0, 0.0, 0.0, 1.0), (1.0, 0.6, 0.1, 1.0))  # given back, nothing, taken away
MOST = 95  # percentile of what was taken, up to which colours go


def put_diffusion(results: Results, source: Source, found: Elimination | None, axes: str, plane_axes: str) -> None:
    """Put what was taken out of the picture, hidden; if nothing was, take away what an earlier run left.

    Parameters
    ----------
    results : Results
        Where to.
    source : Source
        What the picture was made of.
    found : Elimination or None
        Its `component` has the picture's `axes`, its planes have the `plane_axes`. The light of red, green and blue is
        shown by its mean: what was taken away is orange, what was given back (beside dark surfaces) blue.
    axes, plane_axes : str
        One letter per axis.
    """
    if found is None or not found.acted.any():
        for role in TITLES:
            results.drop(role)
        return
    component: NDArray[np.float32] = found.component
    if "S" in axes:
        component, axes = component.mean(axis=axes.index("S")), axes.replace("S", "")
    most = float(np.percentile(np.abs(component[component != 0]), MOST))
    for owners, part, letters in split(source, component, axes):
        _put(results, "diffusion", owners, part, letters, (-most, most))
    kind = found.law.psf if found.law else ""
    widest = float(found.blur.max()) or 1.0
    for role, plane, top in (
        ("diffusion_acted", found.acted, 1.0),
        ("diffusion_veil", found.veil, 1.0),
        ("diffusion_blur", found.blur, widest),
    ):
        _put(results, role, source.layers, plane, plane_axes, (0.0, top), psf=kind)


def _put(
    results: Results,
    role: str,
    owners: Any,
    data: NDArray[np.float32],
    axes: str,
    limits: tuple[float, float],
    **facts: str,
) -> None:
    from napari.utils.colormaps import Colormap

    colors = COLORS[role] if role in COLORS else Colormap(TAKEN, name=TITLES[role])
    look = {"colormap": colors, "contrast_limits": limits, "interpolation2d": "nearest", "visible": False}
    before = results.find(role, owners)
    layer = results.put(role, owners, data, axes, look, title=TITLES[role], facts=facts)
    if layer is not before:
        layer.colorbar.visible = True
    elif role in ("diffusion", "diffusion_blur"):  # the same colours would mean other values
        layer.contrast_limits_range = layer.contrast_limits = limits
