"""What was found of how a burst was taken, and what to do about it, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Capture"]

MUCH_OUTSIDE = 0.05  # of the textured area at an end of the sweep: less is a far background, or blur beside edges
MUCH_BETWEEN = 0.02  # of it in gaps
MUCH_CLIPPED = 0.001  # of the pixels: less are glints


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
    outside : tuple of (int, float)
        The first and the last frame of the sweep, and the share of the textured area that is sharpest in it, but not
        sharp.
    uncovered : float
        Share of the textured area that is sharp in no frame.
    step : float
        How far apart frames should be, relative to how far apart they are: 1 where that is well, 0.5 if steps are twice
        as large as they may be, 4 if they are four times closer than they need to be.
    count : int
        Number of frames.
    numbers : tuple of int
        What the frames are called in `report`; their places if it is empty.
    """

    coverage: NDArray[np.float32]
    clipped: NDArray[np.bool_]
    dust: NDArray[np.bool_]
    missing: tuple[tuple[int, int], ...]
    redundant: tuple[int, ...]
    order: tuple[int, ...]
    outside: tuple[tuple[int, float], ...]
    uncovered: float
    step: float
    count: int
    numbers: tuple[int, ...] = ()

    def report(self) -> str:
        """What was found and what to do about it, in plain words."""
        textured = np.isfinite(self.coverage)
        if not textured.any():
            return "\n".join(["No frame shows any texture: there is nothing to focus on.", *self._of_light()])
        found = [*self._of_focus(), *self._of_frames(), *self._of_light()]
        covered = f"{_percent(1 - self.uncovered)} of what has texture is sharp in one of the {self.count} frames"
        if not found:
            return f"Nothing to complain about: {covered}."
        return "\n".join([*found, f"{covered} ({_percent(float(textured.mean()))} of the picture has texture)."])

    def _name(self, k: int) -> str:
        return str(self.numbers[k] if self.numbers else k)

    def _of_focus(self) -> list[str]:
        found = []
        for (k, share), turn in zip(self.outside, ("Begin the sweep farther out", "Let the sweep go on"), strict=True):
            if share >= MUCH_OUTSIDE:
                found.append(
                    f"{_percent(share)} of what has texture is sharpest in frame {self._name(k)}, at the end of the "
                    f"sweep, but not sharp there. {turn}."
                )
        between = self.uncovered - sum(share for _, share in self.outside)
        if self.step < 1:
            found.append(
                "Steps are too large: what lies between two frames is sharp in none. "
                f"Make them {self.step:.0%} as large."
            )
        elif between >= MUCH_BETWEEN:
            found.append(f"{_percent(between)} of what has texture lies in a gap between frames and is sharp in none.")
        return found

    def _of_frames(self) -> list[str]:
        found = []
        if self.missing:
            pairs = _listed([f"{self._name(a)} and {self._name(b)}" for a, b in self.missing])
            found.append(
                f"Frames seem to be missing between {pairs}: the focus moves farther there than beside it. "
                "Look for lost files."
            )
        if self.redundant:
            numbers, many = _listed([self._name(k) for k in self.redundant]), len(self.redundant) > 1
            found.append(
                f"Frame{'s' * many} {numbers} show{'s' * (not many)} what the one before shows and can be left out."
            )
        if self.step > 1:
            found.append(
                f"Frames are about {self.step:.0f} times closer than the depth of field needs. Fewer would do."
            )
        if self.order:
            moved = [k for k, place in enumerate(self.order) if k != place]
            found.append(
                f"Frames are out of order around {_listed([self._name(k) for k in moved[:6]])}"
                f"{' and more' * (len(moved) > 6)}: their focus goes {_path([self._name(k) for k in self.order])}. "
                "Rename them in that order."
            )
        return found

    def _of_light(self) -> list[str]:
        found = []
        clipped, dust = float(self.clipped.mean()), int(cv2.connectedComponents(self.dust.astype(np.uint8))[0]) - 1
        if clipped >= MUCH_CLIPPED:
            found.append(f"{_percent(clipped)} of the pixels are clipped to white where they are sharp. Expose less.")
        if dust:
            found.append(
                f"{dust} spot{'s' * (dust > 1)} stay{'s' * (dust == 1)} in place while the picture changes: "
                "dust, or dead pixels. Clean the sensor, or take a flat field."
            )
        return found


def _percent(share: float) -> str:
    """Share in words that do not claim all or nothing where that is not so."""
    return f"{share:.1%}" if 0 < share < 0.01 or 0.99 < share < 0.9995 else f"{share:.0%}"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _path(shown: Sequence[str]) -> str:
    return " ".join(shown if len(shown) <= 16 else [*shown[:15], "…"])
