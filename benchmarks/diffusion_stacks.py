"""Diffusion elimination of whole stacks: nine scenes fixed before anything was measured on them, and the time it takes.

Frames are 8-bit pictures with the sRGB curve; depth and blur are estimated, not given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focusstack import estimate_depth, fuse
from napari_focusstack.arrays import from_float, to_float
from napari_focusstack.diffusion import eliminate_diffusion
from napari_focusstack.metrics import band_beside_depth_edges, psnr
from napari_focusstack.simulation import Simulated, simulate

from .cases import VEIL
from .peers import FUSING, installed
from .quality import fused_by

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]  # (Y, X, 3)

__all__ = ["ROBUSTNESS", "SCENES", "TRIED", "Stack", "Times", "robustness", "scores", "stack", "times"]

SWEEP = 15.0  # px: blur radius of what is nearest where the focus is farthest
SCENES = {  # name: scene, frames, seed
    "occluders 12": ("occluders", 12, 101),
    "occluders 20": ("occluders", 20, 102),
    "occluders 30": ("occluders", 30, 103),
    "hair 12": ("hair", 12, 104),
    "hair 20": ("hair", 20, 105),
    "hair 30": ("hair", 30, 106),
    "insect 12": ("insect", 12, 107),
    "insect 20": ("insect", 20, 108),
    "insect 30": ("insect", 30, 109),
}
TRIED = ("occluders 12", "hair 20", "insect 30")  # what is harmed, to see how robust it is
NOISE = 0.02  # of white: standard deviation
WRONG = {"blur × 0.8": 0.8, "blur × 1.2": 1.2}
MOVED = {"nearer surfaces 2 px larger": cv2.erode, "nearer surfaces 2 px smaller": cv2.dilate}  # of the index
ROBUSTNESS = ("as it is", "noise 2 %", *WRONG, *MOVED)
SMALL = 128  # px: side of what compiles the loops
DEPTH: dict[str, Any] = {"fill": True, "edges": "network", "device": "cpu"}  # as the program finds it for this
WINDOW = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))  # 2 px to either side

Score = tuple[float, float]  # PSNR of the whole picture and of the band beside depth edges, dB


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """A burst, where its nearer surfaces veil what is behind, our picture of it and its estimated depth."""

    burst: Simulated
    band: NDArray[np.bool_]
    picture: Picture
    index: NDArray[np.float32]
    known: NDArray[np.bool_]

    def score(self, picture: Picture) -> Score:
        """PSNR of a picture, in 8 bit: whole and in the band."""
        seen = to_float(from_float(np.clip(picture, 0, 1), np.uint8))
        return psnr(seen, self.burst.truth), psnr(seen, self.burst.truth, mask=self.band)

    def without_diffusion(self, **options: Any) -> Picture:
        """Our picture after elimination; `index` replaces the estimated one."""
        index = options.pop("index", self.index)
        return eliminate_diffusion(self.burst.frames, self.picture, index, self.known, transfer="srgb", **options).image


@dataclass(frozen=True, slots=True)
class Times:
    """CPU seconds of one stack: fused, its depth estimated, and diffusion eliminated with both at hand."""

    megapixels: float
    frames: int
    fusion: float
    depth: float
    elimination: float


def stack(name: str, *, size: int, noise: float = 0.0) -> Stack:
    """Scene of that name, fused by the pyramid; `noise` is the standard deviation of what is added, of white."""
    scene, count, seed = SCENES[name]
    blur = SWEEP / (count - 1)
    burst = simulate(scene, frames=count, height=size, width=size, blur=blur, seed=seed)
    depth = np.nan_to_num(burst.depth, nan=float(count))
    band = band_beside_depth_edges(depth, width=max(3.0, blur * count / 2), step=VEIL / blur)
    frames = burst.frames
    if noise:
        chance = np.random.default_rng(seed)
        frames = np.stack([_noisy(frame, noise, chance) for frame in frames])
        burst = replace(burst, frames=frames)
    depth_map = estimate_depth(frames, **DEPTH)
    return Stack(burst, band, fuse(frames, "pyramid", device="cpu").image, depth_map.index, depth_map.measured)


def scores(one: Stack) -> dict[str, Score]:
    """PSNR of all rows, by their names."""
    frames = one.burst.frames
    found = {
        "pyramid": one.score(one.picture),
        "pyramid, no diffusion": one.score(one.without_diffusion()),
        "average": one.score(fuse(frames, "average", device="cpu").image),
    }
    return found | {tool.name: one.score(fused_by(tool, frames)) for tool in installed(FUSING)}


def robustness(name: str, *, size: int) -> Iterator[tuple[str, Score, Score]]:
    """Yield, for each of `ROBUSTNESS`, its name and the PSNR of the picture before and after elimination."""
    one = stack(name, size=size)
    before = one.score(one.picture)
    found = eliminate_diffusion(one.burst.frames, one.picture, one.index, one.known, transfer="srgb")
    yield "as it is", before, one.score(found.image)
    noisy = stack(name, size=size, noise=NOISE)
    yield "noise 2 %", noisy.score(noisy.picture), noisy.score(noisy.without_diffusion())
    for wrong, factor in WRONG.items():
        if found.law is not None:
            options = {"blur": factor * found.law.near, "psf": found.law.psf, "nearest": found.law.nearest}
            yield wrong, before, one.score(one.without_diffusion(**options))
    for moved, move in MOVED.items():
        yield moved, before, one.score(one.without_diffusion(index=move(one.index, WINDOW)))


def times(size: int, frames: int) -> Times:
    """Time what a stack of `size` × `size` px takes, after all loops were compiled on a small one."""
    burst = simulate("occluders", frames=frames, height=size, width=size, blur=SWEEP / (frames - 1), seed=100)
    _timed_stages(np.ascontiguousarray(burst.frames[:4, :SMALL, :SMALL]), blur=burst.blur)
    return Times(size * size / 1e6, frames, *_timed_stages(burst.frames))


def _timed_stages(frames: NDArray[Any], **options: Any) -> tuple[float, float, float]:
    fusion, picture = _timed(lambda: fuse(frames, "pyramid", device="cpu").image)
    depth, index = _timed(lambda: estimate_depth(frames, **DEPTH).index)
    gone, _ = _timed(lambda: eliminate_diffusion(frames, picture, index, transfer="srgb", **options))
    return fusion, depth, gone


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def _noisy(frame: NDArray[np.uint8], noise: float, chance: np.random.Generator) -> NDArray[np.uint8]:
    values = to_float(frame) + chance.normal(0, noise, frame.shape).astype(np.float32)
    return from_float(np.clip(values, 0, 1), np.uint8)
