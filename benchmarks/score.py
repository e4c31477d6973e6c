"""Scores of a picture whose geometry may be another than the truth's.

Run as a process of its own: ``python -m benchmarks.score PICTURE TRUTH`` prints the PSNR in dB.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import tifffile

from napari_focusstack.arrays import to_float
from napari_focusstack.metrics import psnr

__all__ = ["filled_up", "on_truth", "read_picture", "scored_area"]

BORDER = 0.04  # of each side: left out, since programs differ in what they cut
ALREADY_THERE = 0.1  # px: a picture that close to a whole shift of the truth is not resampled


def read_picture(path: Path) -> np.ndarray:
    """(Y, X, C) float32 picture of a TIFF; what lies beyond red, green and blue is dropped."""
    image = to_float(tifffile.imread(path))
    return image[..., None] if image.ndim == 2 else image[..., :3]


def filled_up(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Picture or depth of that size; if a program cut its borders, alike on all sides, the outermost pixels repeat."""
    missing = [size - side for size, side in zip((height, width), picture.shape[:2], strict=True)]
    beside = [(each // 2, each - each // 2) for each in missing] + [(0, 0)] * (picture.ndim - 2)
    return np.pad(picture, beside, mode="edge")


def on_truth(image: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Picture in the geometry of the truth: found by ECC, shifted by whole px where that is enough, else resampled.

    Parameters
    ----------
    image, truth : (Y, X, C) float32
        Of any two sizes whose centres are near each other.
    """
    grey, target = (picture.mean(axis=2) for picture in (image, truth))
    move = np.eye(2, 3, dtype=np.float32)
    move[:, 2] = (np.array(grey.shape[::-1]) - target.shape[::-1]) / 2
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 200, 1e-7)
    for taps in (31, 5):
        _, move = cv2.findTransformECC(target, grey, move, cv2.MOTION_AFFINE, criteria, None, taps)
    height, width = target.shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float64)
    shift = np.rint(move[:, 2])
    if np.abs(corners @ move.T - corners[:, :2] - shift).max() < ALREADY_THERE:
        move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(image, move, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
    return warped.reshape(truth.shape)


def scored_area(height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns inside the border."""
    y, x = round(BORDER * height), round(BORDER * width)
    return slice(y, height - y), slice(x, width - x)


if __name__ == "__main__":
    picture, truth = (read_picture(Path(name)) for name in sys.argv[1:3])
    area = scored_area(*truth.shape[:2])
    print(f"{psnr(on_truth(picture, truth)[area], truth[area]):.2f}")
