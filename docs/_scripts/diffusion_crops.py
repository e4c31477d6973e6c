"""Halos at 200 %: fused, freed of them, the truth; a simulated and a real stack; into docs/images/diffusion.jpg.

Usage: python docs/_scripts/diffusion_crops.py FOLDER, which holds stacks/pcb_switch10/frames of test data.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from napari_focusstack import Recipe, read_burst, run, simulate
from napari_focusstack.arrays import to_float

IMAGES = Path(__file__).parents[1] / "images"
SIDE = 180  # px of a crop, shown twice as large
REAL = 880, 140  # upper left corner of the crop of the real stack


def shown(picture: np.ndarray) -> np.ndarray:
    """8-bit BGR of stored values (Y, X, 3), twice as large."""
    values = np.rint(255 * np.clip(picture[..., ::-1], 0, 1)).astype(np.uint8)
    return cv2.resize(values, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)


def pictures(frames: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fused, freed of halos, and where (Y, X, 3)."""
    align = "none" if isinstance(frames, np.ndarray) else "ecc"
    left = run(frames, Recipe(align=align), transfer="srgb")
    gone = run(frames, Recipe(align=align, diffusion="on"), transfer="srgb")
    acted = np.repeat(gone.diffusion.acted[..., None], 3, 2)
    return to_float(left.image), to_float(gone.image), acted


def main(data: Path) -> None:
    """Write the crops, side by side."""
    burst = simulate("occluders", frames=12, height=256, width=256, blur=1.2, seed=0)
    drawn = [picture[20 : 20 + SIDE, 60 : 60 + SIDE] for picture in (*pictures(burst.frames)[:2], burst.truth)]
    top, left = REAL
    seen = pictures(read_burst(data / "stacks" / "pcb_switch10" / "frames"))
    real = [picture[top : top + SIDE, left : left + SIDE] for picture in seen]
    rows = [np.hstack([shown(crop) for crop in crops]) for crops in (drawn, real)]
    cv2.imwrite(str(IMAGES / "diffusion.jpg"), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
