"""Figures of the documentation that need no window: run it after a change of the methods.

Usage: python docs/_scripts/figures.py
"""

from pathlib import Path

import cv2
import numpy as np

from napari_focusstack import fuse, simulate

IMAGES = Path(__file__).parents[1] / "images"
GAP = 8  # px of white between pictures


def burst_to_picture() -> None:
    """Three frames of a burst, the fused picture and its index map, side by side."""
    burst = simulate("insect", frames=12, height=320, width=320, blur=1.2, seed=3)
    fusion = fuse(burst.frames, "pyramid")
    fused = np.clip(fusion.image * 255, 0, 255).astype(np.uint8)
    share = np.nan_to_num(fusion.index / (len(burst.frames) - 1) * 255).astype(np.uint8)
    index = cv2.applyColorMap(share, cv2.COLORMAP_VIRIDIS)[..., ::-1]
    small = [cv2.resize(burst.frames[i], (104, 104), interpolation=cv2.INTER_AREA) for i in (1, 6, 10)]
    blank = np.full((4, 104, 3), 255, np.uint8)
    column = np.vstack([small[0], blank, small[1], blank, small[2]])
    gap = np.full((320, GAP, 3), 255, np.uint8)
    cv2.imwrite(str(IMAGES / "burst_to_picture.png"), np.hstack([column, gap, fused, gap, index])[..., ::-1])


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    burst_to_picture()
