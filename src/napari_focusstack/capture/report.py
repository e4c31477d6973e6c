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

    coverage: NDArray[np.float32]
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


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _path(order: Sequence[int]) -> str:
    shown = [str(k) for k in order]
    return " ".join(shown if len(shown) <= 16 else [*shown[:15], "…"])
