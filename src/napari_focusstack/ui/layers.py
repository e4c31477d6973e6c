"""Results as layers: the picture and its index, its halos, the depth and its error, the aligned frames."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .depth_layers import put_depth, share_colors
from .diffusion_layers import put_diffusion
from .hover import go_to_frame
from .results import Results, split
from .source import Source, notes

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Image

    from ..pipeline import Aligned, Result
    from ..training.adapting import Adapted

__all__ = ["show_adapted", "show_aligned", "show_result"]

ADAPTED = "adapted"  # in the names of layers


def show_result(layers: LayerList, source: Source, result: Result) -> None:
    """Put picture, index, halos and depth into `layers`, new or in place of those of an earlier run.

    The source is hidden, because the picture covers it; all but the picture are hidden until they are asked for, unless
    there is a depth alone.
    """
    record = {
        "recipe": json.loads(result.recipe.to_json()),
        "alignments": result.alignments,
        "frames": source.frames,
        "diffusion": result.diffusion and result.diffusion.describe(),
    }
    results = Results(layers, source, result.area, record)
    if result.index is not None:
        for owners, index, axes in split(source, result.index, result.index_axes):
            layer = results.put("index", owners, index, axes, _index_look(source.frames))
            if go_to_frame not in layer.mouse_drag_callbacks:
                layer.mouse_drag_callbacks.append(go_to_frame)
    if result.image is not None:
        for owners, image, axes in split(source, result.image, result.axes):
            results.put("fused", owners, image, axes, _look(owners[0]))
        put_diffusion(results, source, result.diffusion, result.axes, result.depth_axes)
    depths = []
    if result.depth is not None:
        depths.append(put_depth(results, source, result.depth, result.depth_axes, filled=result.recipe.fill)[0])
    results.reveal(depths if result.image is None else ())


def show_adapted(layers: LayerList, source: Source, words: str, adapted: Adapted) -> None:
    """Put the depths before and after a network was adapted into `layers`, in the same colours; one if it was not.

    The one before is as of any measurement, the one after beside it; `words` tell which burst of a series they are of.
    """
    tuned = adapted.tuned
    record = {
        "recipe": json.loads(adapted.recipe.to_json()),
        "alignments": (adapted.alignment,) if adapted.alignment else (),
        "frames": source.frames,
        "adapted": tuned.describe(),
    }
    results = Results(layers, source, adapted.area, record)
    depths = {words: tuned.depth_before}
    if tuned.improved:
        depths[" ".join(filter(None, (words, ADAPTED)))] = tuned.depth_after
    put = [
        put_depth(results, source, depth, "YX", filled=adapted.recipe.fill, variant=variant)
        for variant, depth in depths.items()
    ]
    for alike in zip(*put, strict=True):
        share_colors(alike)
    results.reveal([depth for depth, _ in put])
    layers.selection.active = put[-1][0]


def show_aligned(layers: LayerList, source: Source, result: Aligned) -> None:
    """Put the aligned frames, lazy, into `layers`, new or in place of those of an earlier run."""
    record = {"alignments": result.alignments, "transfer": source.transfer, **_kept_positions(source, result)}
    frames = Results(layers, source, result.area, record)
    for owners, part, axes in split(source, result.data, result.axes):
        frames.put("aligned", owners, part, axes, _look(owners[0]))
    frames.reveal()


def _kept_positions(source: Source, result: Aligned) -> dict[str, Any]:
    """Places and focus positions of the frames that were not left out, as far as the files told them."""
    kept = [all(alignment.kept[k] for alignment in result.alignments) for k in range(source.frames)]
    told = {name: notes(source.layers[0]).get(name) or () for name in ("positions", "numbers")}
    return {
        name: tuple(place for place, used in zip(places, kept, strict=True) if used)
        for name, places in told.items()
        if len(places) == source.frames
    }


def _index_look(frames: int) -> dict[str, Any]:
    return {
        "colormap": "turbo",
        "contrast_limits": (0, max(1, frames - 1)),
        "interpolation2d": "nearest",
        "visible": False,
    }


def _look(layer: Image) -> dict[str, Any]:
    """How the source is shown, for its result."""
    look = {"blending": layer.blending, "gamma": layer.gamma}
    if not layer.rgb:
        look |= {"colormap": layer.colormap, "contrast_limits": layer.contrast_limits}
    return look
