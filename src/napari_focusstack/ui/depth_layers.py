"""Depth as layers: the map with its colour bar, and its error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..depth.result import most_between
from ..units import symbol
from .hover import go_to_frame, tell_depth
from .source import Source, notes

if TYPE_CHECKING:
    from napari.layers import Image
    from numpy.typing import NDArray

    from ..depth import Depth
    from .results import Results

__all__ = ["put_depth", "share_colors"]

TITLES = {"depth": "depth in {}", "depth_sigma": "depth σ in {}"}
COLORS = {"depth": "turbo", "depth_sigma": "magma"}
GAPS = (0.45, 0.45, 0.45, 1.0)  # grey is no colour of either map


def put_depth(
    results: Results, source: Source, depth: Depth, axes: str, *, filled: bool, variant: str = ""
) -> tuple[Image, Image]:
    """Put the depth and its error; return both layers. New ones are hidden. The picture tells the depth, too.

    The unit is in the layers' names, because napari's colour bars have none; so is the variant, which tells depths of
    one source apart. What was measured where gaps are filled is in the metadata of the depth.
    """
    put = []
    for role, plane, limits in (
        ("depth_sigma", depth.sigma, (0.0, _spread(depth.sigma, depth.measured)[1])),
        ("depth", depth.position, _spread(depth.position, depth.measured)),
    ):
        facts = {"depth_unit": depth.unit, "positions": depth.positions.tolist(), "variant": variant}
        if role == "depth":
            facts["measured"] = depth.measured if filled else None
        put.append(_put(results, source, role, plane, axes, facts, limits))
    for picture in results.made("fused"):
        _tell_under_mouse(picture)
    sigma, position = put
    return position, sigma


def share_colors(layers: Iterable[Image]) -> None:
    """Let the same colours mean the same values in all layers."""
    layers = list(layers)
    lows, highs = zip(*(layer.contrast_limits for layer in layers), strict=True)
    for layer in layers:
        layer.contrast_limits_range = layer.contrast_limits = (min(lows), max(highs))


def _put(
    results: Results,
    source: Source,
    role: str,
    plane: NDArray[np.float32],
    axes: str,
    facts: dict[str, Any],
    limits: tuple[float, float],
) -> Image:
    title = _title(role, facts["depth_unit"], facts["variant"])
    look = {
        "colormap": _with_gaps(COLORS[role], name=role.replace("_", " ")),
        "contrast_limits": limits,
        "interpolation2d": "nearest",
        "visible": False,
    }
    before = results.find(role, source.layers, facts["variant"])
    said = notes(before) if before is not None else {}
    layer = results.put(role, source.layers, plane, axes, look, title=title, facts=facts)
    if layer is not before:
        layer.colorbar.visible = True
        _tell_under_mouse(layer)
    elif (said["depth_unit"], said["positions"]) != (facts["depth_unit"], facts["positions"]):  # colours meant others
        layer.contrast_limits_range = layer.contrast_limits = limits
        layer.name = layer.name.replace(f"[{_title(role, said['depth_unit'], facts['variant'])}]", f"[{title}]")
    return layer


def _title(role: str, unit: str, variant: str) -> str:
    """What a layer is, for its name; what tells it apart is at the end, as napari's list leaves out the middle."""
    if not variant:
        return TITLES[role].format(symbol(unit))
    return f"{TITLES['depth'].format(symbol(unit))}, {variant}{' σ' if role == 'depth_sigma' else ''}"


def _tell_under_mouse(layer: Image) -> None:
    """Let a layer tell the depth, at once and as the mouse moves, and lead to the frames."""
    if tell_depth not in layer.mouse_move_callbacks:
        layer.mouse_move_callbacks.append(tell_depth)
        layer.mouse_drag_callbacks.append(go_to_frame)
    tell_depth(layer, None)


def _with_gaps(name_of_map: str, *, name: str) -> Any:
    """One of napari's colour maps in which pixels without a depth are grey, not see-through."""
    from napari.utils.colormaps import Colormap, ensure_colormap

    known = ensure_colormap(name_of_map)
    return Colormap(known.colors, name=name, controls=known.controls, nan_color=GAPS)


def _spread(plane: NDArray[np.float32], measured: NDArray[np.bool_]) -> tuple[float, float]:
    """Limits of what was measured, without its tails."""
    low, high = most_between(plane, measured) or (0.0, 1.0)
    return (low, high) if low < high else (low, low + 1)
