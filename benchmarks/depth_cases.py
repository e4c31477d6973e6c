"""What depth is measured on: simulated bursts with fixed seeds, and generated surfaces that the user brings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focusstack import read_burst
from napari_focusstack.arrays import to_float
from napari_focusstack.simulation import simulate

from .depth_score import distance_to_edges, flattest, wide

if TYPE_CHECKING:
    from napari_focusstack.arrays import Frames

    Plane = np.ndarray  # (Y, X)

__all__ = ["CASES", "Scene", "Target", "measured_surfaces"]

SIZE = 256  # px
BLUR = 0.8  # px per frame of defocus, where a case does not say another
NOISE = 1e-3  # variance factor of the shot noise
BORDER = 8  # px that are left out everywhere
VALID = slice(20, 379)  # rows and columns of the generated surfaces with a truth
PLAIN = 15  # px: a square over which the truth does not change has nothing to focus on
DETAIL = 2.0  # px (σ): scale of texture that shows focus
CLEAR = 2.0  # times the noise, or steps of 8 bit: contrast of texture that cannot be missed


@dataclass(frozen=True)
class Target:
    """Burst with its true depth.

    Attributes
    ----------
    frames : Frames
        (N, Y, X, C), aligned.
    depth : (Y, X) float32
        True depth, in frames.
    judged : (Y, X) bool
        Where it counts: not at the border, not where the truth is unknown.
    plain : (Y, X) bool
        Where there is nothing to focus on.
    textured : (Y, X) bool
        Where texture is well above the noise, away from depth edges.
    """

    frames: Frames
    depth: Plane
    judged: Plane
    plain: Plane
    textured: Plane


@dataclass(frozen=True)
class Scene:
    """A simulated burst: what `simulate` is given."""

    scene: str
    frames: int
    psf: str = "disc"
    noise: float = 0.0
    blur: float = BLUR
    order: str = "near-to-far"
    seed: int = 0

    def make(self) -> Target:
        """Simulate it."""
        how: dict[str, Any] = {"psf": self.psf, "noise": self.noise, "order": self.order, "seed": self.seed}
        how |= {"frames": self.frames, "blur": self.blur, "height": SIZE, "width": SIZE}
        burst = simulate(self.scene, **how)
        judged = np.isfinite(burst.depth)
        judged[wide(judged, BORDER)] = False
        noise = 0.0
        if self.noise:
            still = simulate(self.scene, **how | {"noise": 0.0})
            noise = float(np.std(to_float(burst.frames[0]) - to_float(still.frames[0])))
        away = distance_to_edges(burst.depth) > BORDER
        plain = flattest(burst.truth, PLAIN) & away & judged
        textured = (_detail(burst.truth) > CLEAR * max(noise, 1 / 255)) & away & judged
        return Target(burst.frames, burst.depth, judged, plain, textured)


def _detail(picture: np.ndarray) -> Plane:
    """Contrast of fine texture: root mean square of what a Gaussian takes away from the grey."""
    light = picture.mean(axis=2)
    fine = light - cv2.GaussianBlur(light, (0, 0), DETAIL)
    return np.sqrt(cv2.GaussianBlur(fine**2, (0, 0), DETAIL))


def _both(name: str, scene: str, frames: int, **more: Any) -> dict[str, Scene]:
    """Without noise and with it."""
    return {name: Scene(scene, frames, **more), f"{name} noisy": Scene(scene, frames, noise=NOISE, **more)}


CASES = {
    **_both("slanted 10", "slanted", 10),
    **_both("slanted 10 gaussian", "slanted", 10, psf="gaussian"),
    **_both("slanted 30", "slanted", 30),
    **_both("slanted 30 gaussian", "slanted", 30, psf="gaussian"),
    **_both("steps 10", "steps", 10),
    **_both("steps 30 gaussian", "steps", 30, psf="gaussian"),
    **_both("ledges 10", "ledges", 10),
    **_both("ledges 30 gaussian", "ledges", 30, psf="gaussian"),
    **_both("ledges 10 at 1.2 px", "ledges", 10, blur=1.2),
    **_both("ledges 10 at 2.6 px", "ledges", 10, blur=2.6),
    **_both("ledges 10 gaussian at 1.8 px", "ledges", 10, psf="gaussian", blur=1.8),
    **_both("flat 10", "flat", 10),
    **_both("flat 30 gaussian", "flat", 30, psf="gaussian"),
    **_both("occluders 20", "occluders", 20, seed=1),
    **_both("occluders 20 far", "occluders", 20, order="far-to-near"),
    **_both("hair 20", "hair", 20),
    **_both("insect 20", "insect", 20),
}


@dataclass(frozen=True)
class Surface:
    """A folder with frames and ``gt_depth_frameindex.npy``."""

    folder: Path

    def make(self) -> Target:
        """Read it."""
        depth = np.load(self.folder / "gt_depth_frameindex.npy").astype(np.float32)
        judged = np.zeros(depth.shape, bool)
        judged[VALID, VALID] = True
        judged &= np.isfinite(depth)
        burst = read_burst(self.folder / "frames")
        frames = np.stack([burst[i] for i in range(len(burst))])
        return Target(frames, depth, judged, np.zeros_like(judged), judged)


def measured_surfaces(data: Path) -> dict[str, Surface]:
    """Generated surfaces in a folder, by their names.

    Raises
    ------
    ValueError
        If there is none.
    """
    found = sorted(path.parent for path in data.glob("*/gt_depth_frameindex.npy"))
    if not found:
        raise ValueError(
            f"no */gt_depth_frameindex.npy in {data}; give the folder that holds the folders of the stacks"
        )
    return {folder.name.removeprefix("generated_"): Surface(folder) for folder in found}
