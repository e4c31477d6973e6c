"""Figures of the documentation that need no window: run it after a change of the methods.

Usage: python docs/_scripts/figures.py
"""

from pathlib import Path

import cv2
import numpy as np

from napari_focusstack import estimate_depth, fuse, simulate

IMAGES = Path(__file__).parents[1] / "images"
SMALL = 155  # px: a frame of the burst
GAP = 8  # px of white between pictures
SIDE = 3 * SMALL + 2 * GAP  # px: the fused picture, beside a column of three frames
QUARTER = 400  # px: pictures of depth
UNKNOWN = 115  # grey of pixels without depth
WORST = 0.5  # frames: error from which colours are the same


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


def depth_and_error() -> None:
    """Fused picture, depth, its standard deviation and its true error, side by side."""
    burst = simulate("insect", frames=20, height=QUARTER, width=QUARTER, blur=1.0, noise=3e-4, seed=3)
    fused = np.clip(fuse(burst.frames, "pyramid").image * 255, 0, 255).astype(np.uint8)
    depth = estimate_depth(burst.frames)
    error = np.abs(depth.position - burst.depth)
    parts = [
        fused[..., ::-1],
        coloured(depth.position, 0, len(burst.frames) - 1, cv2.COLORMAP_TURBO),
        coloured(depth.sigma, 0, WORST, cv2.COLORMAP_INFERNO),
        coloured(error, 0, WORST, cv2.COLORMAP_INFERNO),
    ]
    save("depth.jpg", parts)


def hairs() -> None:
    """Fused picture of hairs, and their depth by contours, by the network, and as it is, side by side."""
    burst = simulate("hair", frames=20, height=QUARTER, width=QUARTER, blur=0.8, seed=5)
    fused = np.clip(fuse(burst.frames, "pyramid").image * 255, 0, 255).astype(np.uint8)
    found = [estimate_depth(burst.frames, fill=True, edges=edges).position for edges in ("contours", "network")]
    depths = (coloured(depth, 0, len(burst.frames) - 1, cv2.COLORMAP_TURBO) for depth in (*found, burst.depth))
    save("depth_hairs.jpg", [fused[..., ::-1], *depths])


def save(name: str, parts: list[np.ndarray]) -> None:
    """Pictures of depth, as OpenCV orders colours, side by side."""
    gap = np.full((QUARTER, GAP, 3), 255, np.uint8)
    picture = np.hstack([piece for part in parts for piece in (part, gap)][:-1])
    cv2.imwrite(str(IMAGES / name), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])


def coloured(plane: np.ndarray, low: float, high: float, colors: int) -> np.ndarray:
    """Plane (Y, X) in colours, grey where it is NaN; (Y, X, 3) uint8 as OpenCV orders it."""
    share = np.nan_to_num(np.clip((plane - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    picture = cv2.applyColorMap(share, colors)
    picture[np.isnan(plane)] = UNKNOWN
    return picture


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    burst_to_picture()
    depth_and_error()
    hairs()
