"""Capture quality: a burst in, what is wrong with how it was taken out, as maps and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from .arrays import Frames, as_frames, unit, visit
from .focus import grey, image_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .kernels.capture_cpu import Traces

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["Capture", "check_capture"]

FINE_NOISE, COARSE_NOISE = 0.0731, 0.0183  # energy that white noise of variance 1 has in the two bands
TEXTURED = 9.0  # times the energy of the noise from which there is texture
BLACK = 0.02  # of the brightest light: darker frames' ratios of brightness are not told
SHARP = 0.5  # of the usual share of fine detail: what has less is blurred by more than a pixel
FEWEST = 8  # cells that are looked at, however little texture there is
GAP = 1.5  # times the four steps beside it that a step is suspected to be several
GAP_AT_END = 2.5  # the same where there are steps on one side only
SAME, NOTHING = 0.15, 0.05  # of the steps beside it, and altogether: less is no step at all
DENSE = 0.07  # mean change of sharpness, as a logarithm, below which frames are much closer than the depth of field
WANTED = 0.25  # change that is dense enough
FEW = 0.3  # of the frames
SHORTER, MUCH_SHORTER = 0.95, 0.6  # of the path through the frames that another order must take to be believed: where
# it moves few frames, and where it moves many (a flat scene looks alike on both sides of its focus)
WHITE_SHARE = 1e-5  # of the pixels that a white level is met by, at least
PILE = 3.0  # times as many pixels as just below it
SPOT = 0.03  # difference of a dust spot from its surroundings
STEADY = 0.1  # scatter of that difference over the frames, relative
ENOUGH = 6  # frames to judge by what does not change
ISOLATED = 6.0  # times the usual difference around it
SURROUNDING, MARGIN = 41, 16  # px: what "around" means, and what has too little around it
LARGEST_SPOT, LARGEST_HOT = 30, 5  # px across, with a rim of one: of a shadow, and of a pixel that is too bright


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """How a burst was taken. Frames are numbered from 0.

    Attributes
    ----------
    coverage : (Y, X) float32
        How sharp each pixel is in its best frame, 0 to 1; below 0.5 it is sharp in none. NaN without texture.
    clipped : (Y, X) bool
        Saturated in the frame where the pixel is sharpest.
    dust : (Y, X) bool
        Spots that stay where they are while the picture changes: dust, dead and hot pixels.
    missing : tuple of (int, int)
        Neighbouring frames between which planes seem to be missing.
    redundant : tuple of int
        Frames that show what the one before them shows.
    order : tuple of int
        The frames in the order of their focus, where that is not the order in which they come; else empty.
    outside : float
        Share of the textured pixels that are not sharp, and sharpest in the first or last frame.
    uncovered : float
        Share of the textured pixels that are sharp in no frame.
    denser : int
        How many times closer the frames are than they need to be; 1 if they are not.
    count : int
        Number of frames.
    """

    coverage: Plane
    clipped: NDArray[np.bool_]
    dust: NDArray[np.bool_]
    missing: tuple[tuple[int, int], ...]
    redundant: tuple[int, ...]
    order: tuple[int, ...]
    outside: float
    uncovered: float
    denser: int
    count: int

    def report(self) -> str:
        """What was found and what to do about it, in plain words."""
        textured = np.isfinite(self.coverage)
        found = [*self._of_focus(bool(textured.any())), *self._of_frames(), *self._of_light()]
        if not found:
            return f"Nothing to complain about: {self.count} frames, and all that has texture is sharp in one of them."
        return "\n".join(found)

    def _of_focus(self, textured: bool) -> list[str]:
        if not textured:
            return ["No frame shows any texture: there is nothing to focus on."]
        found = []
        if self.outside >= 0.05:
            found.append(
                f"{self.outside:.0%} of what has texture is sharpest in the first or last frame, but not sharp there: "
                "the sweep ended too early. Begin nearer and end farther."
            )
        if self.uncovered - self.outside >= 0.02:
            found.append(
                f"{self.uncovered - self.outside:.0%} of what has texture lies between frames and is sharp in none. "
                "Take smaller steps."
            )
        return found

    def _of_frames(self) -> list[str]:
        found = []
        if self.missing:
            pairs = _listed([f"{a} and {b}" for a, b in self.missing])
            found.append(f"Frames seem to be missing between {pairs}: the focus moves farther there than elsewhere.")
        if self.redundant:
            numbers, many = _listed([str(k) for k in self.redundant]), len(self.redundant) > 1
            found.append(
                f"Frame{'s' * many} {numbers} show{'s' * (not many)} what the one before shows and can be left out."
            )
        if self.denser > 1:
            found.append(f"Frames are about {self.denser} times closer than the depth of field needs. Fewer would do.")
        if self.order:
            moved = [k for k, place in enumerate(self.order) if k != place]
            found.append(
                f"Frames are out of order around {_listed([str(k) for k in moved[:6]])}"
                f"{' and more' * (len(moved) > 6)}: their focus goes {_path(self.order)}. "
                "Rename them, or give positions."
            )
        return found

    def _of_light(self) -> list[str]:
        found = []
        clipped, dust = float(self.clipped.mean()), int(cv2.connectedComponents(self.dust.astype(np.uint8))[0]) - 1
        if clipped >= 0.001:
            found.append(f"{clipped:.1%} of the pixels are clipped to white where they are sharp. Expose less.")
        if dust:
            found.append(
                f"{dust} spot{'s' * (dust > 1)} stay{'s' * (dust == 1)} in place while the picture changes: "
                "dust, or dead pixels. Clean the sensor, or take a flat field."
            )
        return found


def check_capture(frames: Frames, *, positions: Sequence[float] | None = None, channel: int = -1) -> Capture:
    """What can be told of how a burst was taken, in one pass over its frames.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C) or (N, Y, X), as they were taken: aligned frames have moved the dust.
    positions : sequence of float, optional
        Focus position of each frame: then they say where frames are missing.
    channel : int
        Channel that decides; -1: all jointly.

    Returns
    -------
    Capture
        Maps of the frames' size, and what was found.

    Raises
    ------
    ValueError
        If there are fewer than 3 frames, or not as many positions as frames.

    Notes
    -----
    A pixel's sharpness is the energy of its coarse band, a difference of Gaussians of 1.4 and 2.8 px. Where that peaks
    in the first or last frame, or beside a gap, the share of the fine band (0.7 and 1.4 px) says whether it is sharp
    there: coverage is that share relative to its median where the focus passes through. The distance of two frames is
    the root mean square difference of the logarithms of their energies in coarse cells; it grows with the distance of
    their focus, whatever the scene. Memory: about 30 bytes a pixel, whatever the number of frames.
    """
    from .kernels import capture_cpu as kernels

    frames = as_frames(frames)
    count = len(frames)
    if count < 3:
        raise ValueError(f"{count} frames are too few to judge how they were taken; at least 3 are needed")
    if positions is not None and len(positions) != count:
        raise ValueError(f"{len(positions)} positions were given for {count} frames: give one for each")
    state = kernels.traces(*frames.shape[1:3])
    noise, means, tops = np.empty((3, count))
    piles = np.zeros(2)
    for k, image in visit(frames, "Checking the frames"):
        kernels.observe(state, image, k, channel)
        noise[k], means[k], tops[k] = (
            image_noise(image, channel),
            float(grey(image[::8, ::8], channel).mean()),
            image.max(),
        )
        piles = _piled(piles, image, max(tops[: k + 1]))
    apart = _distances(state, noise, np.maximum(means, BLACK * means.max() + 1e-9))
    order = _order(apart)
    path = order or tuple(range(count))
    missing = _gaps(apart, path, positions)
    steps = np.array([apart[a, b] for a, b in pairwise(path)])
    textured, coverage = _coverage(state, noise, missing, count)
    uncovered = coverage < SHARP
    outside = uncovered & ((state.index == path[0]) | (state.index == path[-1]))
    many = max(1, int(textured.sum()))
    white = _white(frames.dtype, float(tops.max()), piles, state.light.size)
    clipped = state.light >= white if white is not None else np.zeros(state.light.shape, bool)
    mean = float(steps.mean())
    return Capture(
        coverage=coverage,
        clipped=clipped,
        dust=_dust(state, noise, means, count),
        missing=missing,
        redundant=_redundant(steps, path),
        order=order,
        outside=float(outside.sum()) / many,
        uncovered=float(uncovered.sum()) / many,
        denser=round(WANTED / max(mean, 0.01)) if mean < DENSE else 1,
        count=count,
    )


def _distances(state: Traces, noise: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, N) root mean square difference of the logarithms of the frames' energies, where there is texture."""
    light = means[:, None] ** 2
    energies = np.stack([cell.ravel() for cell in state.signatures]) / light
    floor = COARSE_NOISE * float((noise[:, None] ** 2 / light).max()) + 1e-9
    most = energies.max(0)
    kept = most > min(TEXTURED * floor, np.sort(most)[-min(len(most), FEWEST)] * 0.999)
    logs = np.log(energies[:, kept] + 3 * floor)
    squares = np.square(logs).sum(1)
    apart: NDArray[np.float64] = np.maximum(squares[:, None] + squares - 2 * logs @ logs.T, 0) / logs.shape[1]
    return np.sqrt(apart)


def _order(apart: NDArray[np.float64]) -> tuple[int, ...]:
    """Frames along their focus, by the second eigenvector of the graph of their likeness; empty where they are so."""
    count = len(apart)
    nearest = np.sort(apart + np.diag(np.full(count, np.inf)), axis=1)[:, :2]
    scale = max(2 * float(np.median(nearest)), 1e-6)
    likeness = np.exp(-((apart / scale) ** 2)) + 1e-6
    laplacian = np.diag(likeness.sum(1)) - likeness
    found = np.argsort(np.linalg.eigh(laplacian)[1][:, 1], kind="stable")
    if np.corrcoef(found, np.arange(count))[0, 1] < 0:
        found = found[::-1]
    straight, other = (sum(apart[a, b] for a, b in pairwise(path)) for path in (range(count), found.tolist()))
    moved = float((found != np.arange(count)).mean())
    believed = other < (SHORTER if moved <= FEW else MUCH_SHORTER) * straight
    return tuple(int(k) for k in found) if believed else ()


def _gaps(
    apart: NDArray[np.float64], path: Sequence[int], positions: Sequence[float] | None
) -> tuple[tuple[int, int], ...]:
    """Neighbours in focus whose step stands out from those beside it; by their positions, where these are known."""
    pairs = list(pairwise(path))
    if positions is not None:
        lengths = np.abs([positions[b] - positions[a] for a, b in pairs])
        return tuple(pair for pair, far in zip(pairs, lengths > GAP * np.median(lengths), strict=True) if far)
    steps = [apart[a, b] for a, b in pairs]
    found = []
    for i, pair in enumerate(pairs):
        before, after = steps[max(0, i - 2) : i], steps[i + 1 : i + 3]
        most = (GAP if before and after else GAP_AT_END) * max(before + after, default=np.inf)
        if steps[i] > max(most, DENSE):
            found.append(pair)
    return tuple(found)


def _redundant(steps: NDArray[np.float64], path: Sequence[int]) -> tuple[int, ...]:
    """Frames whose step from the one before is none, compared with the steps beside it."""
    found = []
    for i, step in enumerate(steps):
        beside = np.concatenate([steps[max(0, i - 2) : i], steps[i + 1 : i + 3]])
        if step < min(NOTHING, SAME * float(np.median(beside))):
            found.append(path[i + 1])
    return tuple(found)


def _coverage(
    state: Traces, noise: NDArray[np.float64], missing: Sequence[tuple[int, int]], count: int
) -> tuple[NDArray[np.bool_], Plane]:
    """Where there is texture, and how sharp it is at its best."""
    power = float(np.median(noise)) ** 2 + 1e-12
    textured = state.coarse > TEXTURED * COARSE_NOISE * power
    share = np.maximum(state.fine - FINE_NOISE * power, 0) / np.maximum(state.coarse, 1e-12)
    doubted = {0, count - 1, *(k for pair in missing for k in pair)}
    certain = ~np.isin(state.index, list(doubted)) & textured
    reference = share[certain] if certain.sum() >= 0.02 * textured.sum() + 1 else share[textured]
    usual = float(np.median(reference)) if reference.size else 1.0
    coverage = np.where(certain, 1, np.clip(share / max(usual, 1e-9), 0, 1)).astype(np.float32)
    coverage[~textured] = np.nan
    return textured, coverage


def _piled(piles: NDArray[np.float64], image: NDArray[Any], top: float) -> NDArray[np.float64]:
    """Pixels at the largest value, and just below it, over the frames so far."""
    at, below = float((image >= top).sum()), 0.0
    if at:
        below = float((image >= 0.99 * top).sum()) - at
    more: NDArray[np.float64] = piles + np.array([at, below])
    return more


def _white(dtype: np.dtype[Any], top: float, piles: NDArray[np.float64], pixels: int) -> float | None:
    """Stored value that stands for a full pixel, None where no value is one."""
    full = unit(dtype) if np.dtype(dtype).kind == "u" else None
    if full is not None and top == full:
        return full
    at, below = piles
    return top if at > max(WHITE_SHARE * pixels, 20) and at > PILE * below else None


def _dust(state: Traces, noise: NDArray[np.float64], means: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
    """Isolated spots whose difference from their surroundings is the same in all frames."""
    if count < ENOUGH:
        return np.zeros(state.spots.shape, bool)
    mean = state.spots / count
    scatter = np.sqrt(np.maximum(state.squares / count - np.square(mean), 0))
    size = np.abs(mean)
    shaken = float(np.median(noise) / max(np.median(means), 1e-6))
    around = cv2.blur(size, (SURROUNDING, SURROUNDING))
    least = np.maximum(np.maximum(SPOT, 4 * shaken / np.sqrt(count)), ISOLATED * around)
    spots = (size > least) & (scatter < STEADY * size + 2 * shaken)
    inner = np.zeros_like(spots)
    inner[MARGIN:-MARGIN, MARGIN:-MARGIN] = True  # what lies beyond the border is not known
    whole = cv2.dilate((spots & inner).astype(np.uint8), np.ones((3, 3), np.uint8))  # of several parts, perhaps
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(whole)
    wide = boxes[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(1)
    bright = np.bincount(labels[whole > 0], mean[whole > 0] > 0, len(boxes)) > 0
    small = wide <= np.where(bright, LARGEST_HOT, LARGEST_SPOT)
    small[0] = False
    found: NDArray[np.bool_] = small[labels]
    return found


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _path(order: Sequence[int]) -> str:
    shown = [str(k) for k in order]
    return " ".join(shown if len(shown) <= 16 else [*shown[:15], "…"])
