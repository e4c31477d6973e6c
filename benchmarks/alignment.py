"""How far alignments are from the motions that the simulator made."""

from __future__ import annotations

import numpy as np

from napari_focusstack import align, simulate

from .tables import markdown

__all__ = ["report"]

GRID = 9  # points along each side of the frame at which displacements are compared
DUST = 40  # specks on the sensor, which stay where they are while the focus changes

MOVING = {"breathing": 0.05, "jitter": 3.0, "noise": 1e-3}  # over 6 frames: 1 % of scale a frame
STILL = {"noise": 1e-3}
CASES = (
    ("2 MP, 1 % scale and 3 px jitter a frame", 1224, 1632, "slanted", MOVING),
    ("8 MP, 1 % scale and 3 px jitter a frame", 2448, 3264, "slanted", MOVING),
    ("2 MP, stands still, dust on the sensor", 1224, 1632, "slanted", STILL),
    ("2 MP, stands still, plain areas and dust", 1224, 1632, "flat", STILL),
)


def report() -> None:
    """Measure and print the table."""
    rows = []
    for name, height, width, scene, options in CASES:
        burst = simulate(scene, frames=6, height=height, width=width, blur=1.5, seed=5, **options)
        frames = burst.frames if "jitter" in options else _dusty(burst.frames)
        errors = displacements(align(frames, transfer="srgb").transforms, burst.transforms, height, width)
        rows.append((name, f"{errors.mean():.3f}", f"{errors.max():.3f}"))
    print(markdown(("burst of 6 frames, defocus, noise", "mean error px", "largest px"), rows))


def displacements(found: np.ndarray, true: np.ndarray, height: int, width: int) -> np.ndarray:
    """Distances in px, (N, points), between where two sets of transforms see the points of a grid."""
    y, x = np.mgrid[0 : height - 1 : GRID * 1j, 0 : width - 1 : GRID * 1j].reshape(2, -1)
    points = np.stack([x, y, np.ones_like(x)])
    places = [(matrices @ points) for matrices in (found, true)]
    first, second = (place[:, :2] / place[:, 2:] for place in places)
    return np.asarray(np.linalg.norm(first - second, axis=1))


def _dusty(frames: np.ndarray) -> np.ndarray:
    """Frames darkened by specks that do not move."""
    rng = np.random.default_rng(0)
    _, height, width, _ = frames.shape
    y, x = np.mgrid[:height, :width]
    light = np.ones((height, width), np.float32)
    for top, left, radius in zip(*rng.uniform((0, 0, 3), (height, width, 12), (DUST, 3)).T, strict=True):
        light -= 0.3 * np.exp(-((y - top) ** 2 + (x - left) ** 2) / (2 * radius**2)).astype(np.float32)
    return np.clip(np.rint(frames * np.maximum(light, 0)[..., None]), 0, 255).astype(frames.dtype)
