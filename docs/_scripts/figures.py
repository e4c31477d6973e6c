"""Figures of the documentation that need no window: run it after a change of the methods.

Usage: python docs/_scripts/figures.py
"""

from pathlib import Path

import cv2
import numpy as np

from napari_focusstack import fuse, simulate

IMAGES = Path(__file__).parents[1] / "images"
SMALL = 155  # px: a frame of the burst
GAP = 8  # px of white between pictures
SIDE = 3 * SMALL + 2 * GAP  # px: the fused picture, beside a column of three frames


def burst_to_picture() -> None:
    """Three frames of a burst, the fused picture and its index map, side by side."""
    burst = simulate("insect", frames=12, height=SIDE, width=SIDE, blur=1.6, seed=3)
    fusion = fuse(burst.frames, "pyramid")
    fused = np.clip(fusion.image * 255, 0, 255).astype(np.uint8)
    share = np.nan_to_num(fusion.index / (len(burst.frames) - 1) * 255).astype(np.uint8)
    index = cv2.applyColorMap(share, cv2.COLORMAP_VIRIDIS)[..., ::-1]
    column = np.full((SIDE, SMALL, 3), 255, np.uint8)
    for place, i in enumerate((1, 6, 10)):
        top = place * (SMALL + GAP)
        column[top : top + SMALL] = cv2.resize(burst.frames[i], (SMALL, SMALL), interpolation=cv2.INTER_AREA)
    gap = np.full((SIDE, GAP, 3), 255, np.uint8)
    picture = np.hstack([column, gap, fused, gap, index])[..., ::-1]
    cv2.imwrite(str(IMAGES / "burst_to_picture.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 90])


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    burst_to_picture()
