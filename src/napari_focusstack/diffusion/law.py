"""How wide what is out of focus is blurred: measured on patches of the burst itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from ..arrays import Box, Frames, to_float, visit_parts
from ..color import Transfer, to_linear
from ..focus import grey, noise_sigma
from ..progress import apart, track
from .spacing import Seen, evenly, spaced

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["Law", "Nearest", "Patches", "Psf", "fitted", "kind_of", "lowest", "measured"]

Nearest = Literal["first", "last"]
Psf = Literal["disc", "gaussian"]

SIDES, PARTS = (32, 96), 6  # px: height and width of a patch, this part of the picture's
INNER = 0.4  # of a patch: its middle, where blurs are compared
MOST = 24  # patches
FLAT = 2.5  # frames: most depths of a patch span no more
MOSTLY = 0.1, 0.9  # quantiles of these depths: a hair across a patch hides little of it
SAMPLED = 2  # px between pixels that stand for all
OFFSETS = (1, 2, 4, 8, 16, 32, 64)  # frames from the sharp one, to either side
WIDTHS = np.concatenate([[0.0], np.geomspace(0.3, 16, 30)])  # px: blur radii that are tried
EXPLAINED = 0.3  # of what defocus changes in a patch: what the best blur leaves at most, where it counts
UNSURE = 0.25  # of the noise's variance: by about so much what is left of it varies
TINY = 1e-12
BEST = 0.25  # quantile of what is left, by which kinds of spots are compared: other patches are seen through veils


@dataclass(frozen=True, slots=True)
class Law:
    """Blur in proportion to the number of frames between a surface's own and another.

    Attributes
    ----------
    before, after : float
        Radius (disc) or standard deviation (Gaussian) of the blur, in px, of what is in focus one frame later, or
        earlier, than the frame in question.
    psf : "disc" or "gaussian"
        Point spread function.
    nearest : "first" or "last"
        At which end of the burst the focus is nearest.
    focus : tuple of float
        Where the frames are focused, in frames: their mean step is one. Empty: evenly.
    """

    before: float
    after: float
    psf: Psf = "disc"
    nearest: Nearest = "first"
    focus: tuple[float, ...] = ()

    @property
    def near(self) -> float:
        """Blur, in px for each frame, of surfaces in frames that are focused behind them."""
        return self.after if self.nearest == "first" else self.before

    @property
    def far(self) -> float:
        """Blur, in px for each frame, of surfaces in frames that are focused in front of them."""
        return self.before if self.nearest == "first" else self.after

    def with_near(self, blur: float) -> Law:
        """Return the same with another `near`."""
        return replace(self, after=blur) if self.nearest == "first" else replace(self, before=blur)

    @property
    def wider(self) -> float:
        """Radius, in px, of the disc that is blurred as much as what is one frame out of focus, to the worse side."""
        return max(self.before, self.after) * (2 if self.psf == "gaussian" else 1)

    @property
    def reach(self) -> float:
        """How far, in px, the light of what is one frame out of focus comes."""
        from ..kernels import veil_cpu

        return max(self.before, self.after) * (veil_cpu.TAILS if self.psf == "gaussian" else 1)


class Patches:
    """Textured patches on flat surfaces, as the frames around their own show them.

    Parameters
    ----------
    image : (Y, X, C) float32
        All in focus.
    index : (Y, X) float32
        Number of the frame in which each pixel is in focus.
    count : int
        Number of frames.
    """

    def __init__(self, image: NDArray[np.float32], index: Plane, count: int) -> None:
        self.side = int(np.clip(min(index.shape) // PARTS // 8 * 8, *SIDES))
        self.corners = _chosen(grey(image), index, self.side)
        self.count = count
        self.depth = [float(np.median(index[self._window(corner)])) for corner in self.corners]
        self.own = [int(np.rint(depth)) for depth in self.depth]
        self.seen: list[dict[int, Plane]] = [
            {own + sign * offset: np.empty(0, np.float32) for offset in (0, *OFFSETS) for sign in (-1, 1)}
            for own in self.own
        ]
        self.seen = [{k: plane for k, plane in planes.items() if 0 <= k < count} for planes in self.seen]

    def look(self, frames: Frames, transfer: Transfer) -> None:
        """Take from the frames, in linear light, what is needed of them."""
        needed = sorted(set().union(*self.seen))
        shown = {k: [at for at, planes in enumerate(self.seen) if k in planes] for k in needed}
        boxes = {k: [self._window(self.corners[at]) for at in some] for k, some in shown.items()}
        for k, cut in visit_parts(frames, "Measuring the blur", boxes):
            for at, stored in zip(shown[k], cut, strict=True):
                self.seen[at][k] = to_linear(to_float(stored), transfer).mean(axis=2)

    def _window(self, corner: tuple[int, int]) -> Box:
        return slice(corner[0], corner[0] + self.side), slice(corner[1], corner[1] + self.side)


def measured(
    frames: Frames,
    image: NDArray[np.float32],
    index: Plane,
    transfer: Transfer,
    *,
    psf: Psf | Literal["auto"] = "auto",
    blur: float | None = None,
) -> Law | None:
    """Law that explains the frames (N, Y, X, C) by the picture (Y, X, C) and its index (Y, X); see `fitted`."""
    patches = apart(Patches, image, index, len(frames))
    patches.look(frames, transfer)
    return fitted(patches, psf=psf, blur=blur)


def fitted(patches: Patches, *, psf: Psf | Literal["auto"] = "auto", blur: float | None = None) -> Law | None:
    """Law that explains how patches look in frames before and after their own; None where they do not tell.

    Parameters
    ----------
    patches : Patches
        That have seen the frames.
    psf : {"auto", "disc", "gaussian"}
        Point spread function; "auto": the one that leaves less.
    blur : float, optional
        Of surfaces in frames on the side, before or after their own, on which no patch tells it; else as on the other.

    Notes
    -----
    For every patch N, in focus, and frame F, the blur radius is the one with the least ‖N * K - F‖² in the patch's
    middle: a search in 31 steps, refined by a parabola. The law is the median of radius per frame, weighted by frames,
    apart for frames before and after; which end of the burst is nearest they do not tell.
    """
    from ..kernels import veil_cpu

    kinds: Sequence[Psf] = ("disc", "gaussian") if psf == "auto" else (psf,)
    best: tuple[float, Law] | None = None
    for kind in kinds:
        widths = WIDTHS if kind == "disc" else WIDTHS / 2  # of equal variance
        kernels = [veil_cpu.spread(float(width), kind_of(kind)) for width in widths[1:]]
        found = [one for at in track(range(len(patches.own))) for one in _widths(patches, at, widths, kernels)]
        law = _law([one for one, left in found if left < EXPLAINED], patches.count, kind, blur)
        if law:
            left = float(np.quantile([left for _, left in found], BEST))
            if best is None or left < best[0]:
                best = left, law
    return best[1] if best else None


def kind_of(psf: Psf) -> int:
    """Number by which the kernels know a point spread function."""
    from ..kernels import veil_cpu

    return {"disc": veil_cpu.DISC, "gaussian": veil_cpu.GAUSSIAN}[psf]


def _law(found: Sequence[Seen], count: int, psf: Psf, blur: float | None) -> Law | None:
    focus = spaced(found, count)
    away = [(float(focus[one.frame] - focus[one.sharp]), one.width) for one in found]
    sides = []
    for sign in (-1, 1):
        some = [(abs(offset), width) for offset, width in away if offset * sign > 0]
        sides.append(_median(some) if some else math.nan)
    if all(math.isnan(side) for side in sides):
        return None
    before, after = (blur or float(np.nanmean(sides)) if math.isnan(side) else side for side in sides)
    uneven = () if np.array_equal(focus, evenly(count)) else tuple(focus.tolist())
    return Law(before, after, psf, focus=uneven) if min(before, after) > 0 else None


def _widths(
    patches: Patches, at: int, widths: NDArray[np.float64], kernels: Sequence[NDArray[np.float32]]
) -> list[tuple[Seen, float]]:
    """Of a patch: the blur found in each frame, and the share of the difference that it leaves."""
    own, planes = patches.own[at], patches.seen[at]
    sharp = planes[own]
    cut = round(len(sharp) * (1 - INNER) / 2)
    inner = slice(cut, len(sharp) - cut), slice(cut, len(sharp) - cut)
    tried = np.stack([sharp[inner], *(_filtered(sharp, kernel, cut) for kernel in kernels)])
    noise = min(noise_sigma(plane) for plane in planes.values()) ** 2  # the least: detail looks like it, too
    noises = noise * (1 + np.array([1.0, *(np.square(kernel).sum() for kernel in kernels)]))
    found = []
    for k, plane in planes.items():
        if k != own:
            difference = tried - plane[inner]
            left = np.square(difference - difference.mean(axis=(1, 2), keepdims=True)).mean(axis=(1, 2)) - noises
            best = int(np.argmin(left))
            if 0 < best < len(left) - 1:  # else it is not blurred, or too wide to be told
                share = float((max(left[best], 0.0) + UNSURE * noise) / max(left[0], TINY))
                width = lowest(widths[best - 1 : best + 2], left[best - 1 : best + 2])
                found.append((Seen(at, patches.depth[at], own, k, width), share))
    return found


def _filtered(sharp: Plane, kernel: NDArray[np.float32], cut: int) -> Plane:
    """Patch that a kernel was laid over, less `cut` px on every side; no more of it is computed."""
    around = max(cut - len(kernel) // 2, 0)
    part = sharp[around : len(sharp) - around, around : len(sharp) - around]
    inner = slice(cut - around, len(part) - cut + around)
    filtered: Plane = cv2.filter2D(part, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT)  # type: ignore[assignment]
    return filtered[inner, inner]


def lowest(x: NDArray[np.float64], y: NDArray[np.floating]) -> float:
    """Where a parabola through three points, whose middle is the lowest, is lowest."""
    bend = (x[1] - x[0]) * (y[1] - y[2]) - (x[1] - x[2]) * (y[1] - y[0])
    if bend == 0:
        return float(x[1])
    place = x[1] - ((x[1] - x[0]) ** 2 * (y[1] - y[2]) - (x[1] - x[2]) ** 2 * (y[1] - y[0])) / (2 * bend)
    return float(np.clip(place, x[0], x[2]))


def _median(found: Sequence[tuple[float, float]]) -> float:
    """Median of width / offset, in which wide offsets count more."""
    ratios = np.array([width / offset for offset, width in found])
    weights = np.array([offset for offset, _ in found])
    order = np.argsort(ratios)
    at = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    return float(ratios[order][min(at, len(order) - 1)])


def _chosen(light: Plane, index: Plane, side: int) -> list[tuple[int, int]]:
    """Top and left of the patches with the most texture among those on flat surfaces, of all depths in turn."""
    texture = np.square(cv2.Laplacian(light, cv2.CV_32F))
    found: dict[int, list[tuple[float, int, int]]] = {}
    tops, lefts = (range(0, size - side + 1, side // 4) for size in light.shape)
    for top in tops if lefts else ():
        rows = slice(top, top + side, SAMPLED)
        seen = np.stack([index[rows, left : left + side : SAMPLED].ravel() for left in lefts])
        low, middle, high = np.quantile(seen, (MOSTLY[0], 0.5, MOSTLY[1]), axis=1)
        for at in np.flatnonzero(high - low <= FLAT):
            where = slice(top, top + side), slice(lefts[at], lefts[at] + side)
            found.setdefault(round(middle[at]), []).append((float(texture[where].mean()), top, lefts[at]))
    ranked = [(-rank, one) for several in found.values() for rank, one in enumerate(sorted(several, reverse=True))]
    return [(top, left) for _, (_, top, left) in sorted(ranked, reverse=True)[:MOST]]
