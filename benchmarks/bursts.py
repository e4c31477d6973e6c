"""Large bursts on disk for the speed benchmark: fractal texture on a stepped slope, defocused and in motion.

Run as a process of its own, so that the one that measures stays small::

    python -m benchmarks.bursts FOLDER FRAMES MEGAPIXELS

writes FOLDER/frame_0000.tif … (8-bit RGB, uncompressed) and FOLDER/truth.tif (the middle frame's geometry).
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import cv2
import numpy as np
import tifffile

BLUR = 0.6  # px (sigma) per frame of defocus at 10 frames; longer sweeps have finer steps
BREATHING = 0.04  # change of scale over the sweep
JITTER = 1.5  # px, standard deviation
NOISE = 1.0  # DN, standard deviation
LEVELS = (0.0, 0.7, 1.4, 2.8, 5.6)  # px: blurred versions between which a frame interpolates


def write_burst(folder: Path, frames: int, megapixels: float) -> None:
    """Write a burst and its truth; nothing is done where it is there already."""
    if (folder / "truth.tif").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    height = round(math.sqrt(megapixels * 1e6 * 2 / 3) / 16) * 16
    width = height * 3 // 2
    rng = np.random.default_rng(0)
    texture = _texture(height, width, rng)
    blurred = [cv2.GaussianBlur(texture, (0, 0), sigma) if sigma else texture for sigma in LEVELS]
    depth = true_depth(height, width) * (frames - 1)
    blur = BLUR * 9 / max(frames - 1, 1)
    reference = frames // 2
    for i in range(frames):
        image = _defocused(blurred, blur * np.abs(depth - np.float32(i)))
        if i != reference:
            scale = 1 + BREATHING * (i - reference) / frames
            move = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 0, scale)
            move[:, 2] += rng.normal(0, JITTER, 2)
            image = cv2.warpAffine(image, move, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        cv2.add(image, _noise(image.shape, rng), dst=image, dtype=cv2.CV_8U)
        tifffile.imwrite(folder / f"frame_{i:04d}.tif", image, photometric="rgb")
    tifffile.imwrite(folder / "truth.tif", texture, photometric="rgb")  # last: it says that the burst is whole


def _texture(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Colour noise in octaves, (Y, X, 3) uint8, with as much detail at each scale."""
    total = np.zeros((height, width, 3), np.float32)
    for octave in range(8):
        cell = 2**octave
        grain = rng.standard_normal((height // cell + 2, width // cell + 2, 3), np.float32)
        grain = 0.6 * grain.mean(axis=2, keepdims=True) * math.sqrt(3) + 0.4 * grain
        total += cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC) * min(1.0, 0.35 * (octave + 1))
    return np.clip(128 + 22 * total, 0, 255).astype(np.uint8)


def true_depth(height: int, width: int) -> np.ndarray:
    """Slope from left to right, 0 to 1, with a block of steps in its middle."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    slope = x / (width - 1)
    inside = (abs(y / height - 0.5) < 0.25) & (abs(slope - 0.5) < 0.25)
    return np.where(inside, np.round(4 * (1 - slope)) / 4, slope).astype(np.float32)


def _defocused(blurred: list[np.ndarray], sigma: np.ndarray) -> np.ndarray:
    """Each pixel between the two blurred versions that its sigma lies between; in strips, to stay small."""
    out = np.empty_like(blurred[0])
    for top in range(0, len(out), 256):
        rows = slice(top, top + 256)
        position = np.interp(sigma[rows], LEVELS, np.arange(len(LEVELS), dtype=np.float32)).astype(np.float32)
        strip = np.zeros((*position.shape, 3), np.float32)
        for level, picture in enumerate(blurred):
            strip += np.maximum(0, 1 - np.abs(position - np.float32(level)))[..., None] * picture[rows]
        out[rows] = np.rint(strip)
    return out


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Normal noise, rounded; a tile of it, rolled and repeated, is enough."""
    tile = np.rint(rng.normal(0, NOISE, (512, 512, 3))).astype(np.int16)
    rows, columns = -(-shape[0] // 512), -(-shape[1] // 512)
    return np.tile(tile, (rows, columns, 1))[: shape[0], : shape[1]]


if __name__ == "__main__":
    write_burst(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
