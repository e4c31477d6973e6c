"""One scene in 4 to 100 frames, in both orders: whether a network gains by more frames, and keeps the light."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_focusstack.arrays import to_float
from napari_focusstack.color import to_linear
from napari_focusstack.metrics import psnr

from .learned_sets import SETS, Scene, scene
from .tables import markdown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focusstack.simulation.library import Library

__all__ = ["LENGTHS", "SHARE", "Length", "measure", "table"]

LENGTHS = (4, 10, 30, 100)  # frames of one sweep, evenly spread from its first to its last
SHARE = 4  # one scene of 100 frames for so many bursts of the other tables
FIRST = 10_000  # its number: the other tables have other scenes
SEEN = {name: replace(SETS[name], glints=False) for name in ("RGB, clean", "RGB, noisy")}


@dataclass(frozen=True, slots=True)
class Length:
    """Figures of one number of frames; means over the scenes.

    Attributes
    ----------
    set : str
        Name.
    frames : int
        How many.
    psnr : float
        In dB, of the frames in the order of the sweep.
    turned : float
        Mean of |PSNR in the other order - PSNR|, dB.
    bias, frames_bias : float
        Mean of |mean light / true mean light - 1|, of the picture and of the frames' mean.
    """

    set: str
    frames: int
    psnr: float
    turned: float
    bias: float
    frames_bias: float


def measure(
    row: Callable[[Scene], NDArray[np.float32] | None], library: Library, *, scenes: int, size: int, border: int
) -> list[Length]:
    """Figures for each set and number of frames.

    Scenes have no glints: what these lose where they are clipped to white shows up in the blur around them.

    Parameters
    ----------
    row : callable
        Makes a picture of a scene.
    library : Library
        What scenes are drawn from.
    scenes, size, border : int
        How many; their height and width in px, and how much of the border is not judged.
    """
    found = []
    for name, kind in SEEN.items():
        figures: dict[int, list[tuple[float, ...]]] = {count: [] for count in LENGTHS}
        for number in range(scenes):
            with scene(kind, library, FIRST + number, size=size, frames=max(LENGTHS)) as whole:
                for count in LENGTHS:
                    chosen = np.rint(np.linspace(0, max(LENGTHS) - 1, count)).astype(int)
                    figures[count].append(_figures(row, replace(whole, frames=whole.frames[chosen]), border))
            print(f"{name}: scene {number + 1} of {scenes} in {max(LENGTHS)} frames done", file=sys.stderr)
        found += [Length(name, count, *np.mean(values, axis=0).tolist()) for count, values in figures.items()]
    return found


def table(lengths: Sequence[Length], name: str) -> str:
    """Return the figures as Markdown."""
    head = (name, "frames", "PSNR, dB", "reversed, ± dB", "bias of the light, %", "of the frames' mean, %")
    rows = [
        (
            one.set,
            str(one.frames),
            f"{one.psnr:.2f}",
            f"{one.turned:.2f}",
            f"{100 * one.bias:.2f}",
            f"{100 * one.frames_bias:.2f}",
        )
        for one in lengths
    ]
    return markdown(head, rows)


def _figures(row: Callable[[Scene], NDArray[np.float32] | None], one: Scene, border: int) -> tuple[float, ...]:
    """PSNR, what the other order changes of it, bias of the picture, and of the frames' mean."""
    there, back = (row(replace(one, frames=one.frames[::way])) for way in (1, -1))
    assert there is not None
    assert back is not None
    inside = slice(border, -border), slice(border, -border)
    truth, there, back = one.truth[inside], np.clip(there[inside], 0, 1), np.clip(back[inside], 0, 1)
    light, true, frames = (
        np.mean([to_linear(to_float(picture)).mean() for picture in pictures])
        for pictures in ([there], [truth], [frame[inside] for frame in one.frames])
    )
    found = psnr(there, truth)
    turned = abs(psnr(back, truth) - found)
    return found, turned, abs(float(light / true) - 1), abs(float(frames / true) - 1)
