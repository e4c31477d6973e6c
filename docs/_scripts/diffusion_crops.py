"""Halos at 200 %: fused, freed of them, the truth, of a simulated stack; into docs/images/diffusion.jpg.

With the folder of test data, which holds stacks/, too: depth edges of real ones, fused, freed, and where; into
docs/images/diffusion_real.jpg.

Usage: python docs/_scripts/diffusion_crops.py [FOLDER]
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
REAL = {"pcb7": (200, 1136), "pcb_switch10": (760, 400), "beetle28": (160, 200)}  # upper left corners


def shown(picture: np.ndarray) -> np.ndarray:
    """8-bit BGR of stored values (Y, X, 3), twice as large."""
    values = np.rint(255 * np.clip(picture[..., ::-1], 0, 1)).astype(np.uint8)
    return cv2.resize(values, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)


def real(data: Path) -> None:
    """Write crops of real stacks, one below the other."""
    rows = []
    for name, place in REAL.items():
        burst = read_burst(data / "stacks" / name / "frames")
        fused, freed = (run(burst, Recipe(diffusion=diffusion)) for diffusion in ("off", "on"))
        before, after = to_float(fused.image), to_float(freed.image)
        changed = np.abs(after - before).max(axis=2)
        print(f"{name}: {freed.diffusion.describe()}; {(changed > 0).mean():.2%} changed")
        part = tuple(slice(start, start + SIDE) for start in place)
        where = np.repeat(4 * changed[part][..., None], 3, axis=2)
        rows.append(np.hstack([shown(picture) for picture in (before[part], after[part], where)]))
    cv2.imwrite(str(IMAGES / "diffusion_real.jpg"), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 88])


def main() -> None:
    """Write the crops of the simulated stack, side by side."""
    burst = simulate("occluders", frames=12, height=256, width=256, blur=1.2, seed=0)
    left, gone = (
        to_float(run(burst.frames, Recipe(align="none", diffusion=diffusion), transfer="srgb").image)
        for diffusion in ("off", "on")
    )
    crops = [shown(picture[20 : 20 + SIDE, 60 : 60 + SIDE]) for picture in (left, gone, burst.truth)]
    cv2.imwrite(str(IMAGES / "diffusion.jpg"), np.hstack(crops), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
    if len(sys.argv) > 1:
        real(Path(sys.argv[1]))
