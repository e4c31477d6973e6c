"""A layer's stack made ready to train on: aligned, on disk, with its fused picture."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .source import notes
from .tasks import default_recipe, resolved

if TYPE_CHECKING:
    from napari.layers import Image
    from numpy.typing import NDArray

    from ..alignment import Alignment, Area
    from ..recipe import Recipe
    from ..training.own import Own
    from .source import Source

__all__ = ["StackWish", "wish_of"]

BEST = "pyramid"  # the fuser whose picture is the truth where there is none


@dataclass(frozen=True)
class StackWish:
    """What is needed to make a stack ready, taken from its layers before the work starts.

    Attributes
    ----------
    source : Source
        The stack; of a series, its first burst is taken.
    recipe : Recipe
        How it is aligned and fused.
    target : ndarray or None
        Its fused picture (Y, X, C); None: it is made.
    alignment : Alignment or None
        That the picture was made with, if it is known.
    """

    source: Source
    recipe: Recipe
    target: NDArray[Any] | None
    alignment: Alignment | None

    def fulfil(self) -> tuple[Own, Area]:
        """Align, fuse, and write the aligned frames to a file that vanishes with them; in the worker's thread.

        Raises
        ------
        ValueError
            If the chosen picture does not cover the stack.
        """
        from ..alignment import Area, warped
        from ..pipeline import run
        from ..progress import track
        from ..series import Series
        from ..training.own import Own

        _, frames = next(iter(Series(self.source.data, self.source.axes, "Z")))
        alignment, target = self.alignment, self.target
        if alignment is None or target is None:
            recipe = self.recipe if target is None else replace(self.recipe, fuse="average")
            result = run(frames, recipe, alignment=alignment, transfer=self.source.transfer)
            alignment = result.alignments[0] if result.alignments else None
            target = result.image if target is None else target
        assert target is not None
        area = alignment.area if alignment else Area(0, 0, frames.shape[1], frames.shape[2])
        if target.shape[:2] == frames.shape[1:3] and target.shape[:2] != (area.height, area.width):
            target = target[area.top : area.top + area.height, area.left : area.left + area.width]
        lazy = warped(frames, alignment) if alignment else frames
        with tempfile.TemporaryFile() as file:
            kept = np.memmap(file, lazy.dtype, "w+", shape=lazy.shape)
        for i in track(range(len(lazy)), "Reading frames"):
            kept[i] = lazy[i]
        return Own(kept, target), area


def wish_of(source: Source, picture: Image | None) -> StackWish:
    """Take from the layers what is needed; `picture` is the fused one, None: it is made.

    Raises
    ------
    ValueError
        If the stack has too few frames, or the picture is no picture of it.
    """
    if source.frames < 2:
        raise ValueError(f"“{source.name}” has one frame only; at least two are needed to train on")
    there = notes(source.layers[0]).get("role") == "aligned"
    recipe = replace(resolved(default_recipe(), source), fuse=BEST, fuse_options={}, depth="none")
    recipe = replace(recipe, align="none" if there else recipe.align)
    if picture is None:
        return StackWish(source, recipe, None, None)
    data: NDArray[Any] = np.asarray(picture.data[0] if picture.multiscale else picture.data)
    if not picture.rgb:
        data = np.squeeze(data)
        data = np.moveaxis(data, 0, -1) if data.ndim == 3 and source.channels == data.shape[0] else data
    data = data[..., None] if data.ndim == 2 else data
    if data.ndim != 3 or data.shape[-1] != source.channels:
        raise ValueError(
            f"“{picture.name}” is no single picture with {source.channels} channels as “{source.name}” has; choose its "
            "fused picture, or let it be made"
        )
    known: Any = notes(picture).get("alignments") or ()
    ours = notes(picture).get("source") == source.name
    return StackWish(source, recipe, data, known[0] if ours and len(known) and not there else None)
