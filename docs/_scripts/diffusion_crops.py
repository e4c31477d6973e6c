"""Halos at 200 %: fused, freed of them, the truth, of a simulated stack; into docs/images/diffusion.jpg.

Usage: python docs/_scripts/diffusion_crops.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from napari_focusstack import Recipe, run, simulate
from napari_focusstack.arrays import to_float

IMAGES = Path(__file__).parents[1] / "images"
SIDE = 180  # px of a crop, shown twice as large


def shown(picture: np.ndarray) -> np.ndarray:
    """8-bit BGR of stored values (Y, X, 3), twice as large."""
    values = np.rint(255 * np.clip(picture[..., ::-1], 0, 1)).astype(np.uint8)
    return cv2.resize(values, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)


def main() -> None:
    """Write the crops, side by side."""
    burst = simulate("occluders", frames=12, height=256, width=256, blur=1.2, seed=0)
    left, gone = (
        to_float(run(burst.frames, Recipe(align="none", diffusion=diffusion), transfer="srgb").image)
        for diffusion in ("off", "on")
    )
    crops = [shown(picture[20 : 20 + SIDE, 60 : 60 + SIDE]) for picture in (left, gone, burst.truth)]
    cv2.imwrite(str(IMAGES / "diffusion.jpg"), np.hstack(crops), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
