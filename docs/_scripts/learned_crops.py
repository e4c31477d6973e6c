"""Crops of real bursts at 200 %: the middle frame, the pyramid's picture, FocusDeep's; into docs/images/learned.jpg.

Usage: python docs/_scripts/learned_crops.py FOLDER, which holds stacks/, raw/synth_dng/ and zstacks/ of test data.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from napari_focusstack import Recipe, read_burst, run
from napari_focusstack.arrays import to_float
from napari_focusstack.color import to_stored

IMAGES = Path(__file__).parents[1] / "images"
SIDE = 200  # px of a crop, shown twice as large
CASES = (  # folder or file; checkpoint; place of the crop's upper left corner in the picture, as shares; brightness
    ("raw/synth_dng/amber6_BGGR14", "focusdeep-small-raw", (0.42, 0.40), 1.0),
    ("stacks/beetle28/frames", "focusdeep-small", (0.36, 0.38), 1.4),
    ("zstacks/pollen_z32_BSD3_sdeconv.tif", "focusdeep-small", (0.5, 0.5), 1.0),
)


def shown(image: np.ndarray, gain: float, white: float) -> np.ndarray:
    """8-bit BGR of a picture (Y, X, C), scaled so that `white` is white."""
    values = np.clip(gain * image / white, 0, 1)
    values = np.repeat(values, 3, 2) if values.shape[2] == 1 else values
    return np.rint(255 * values[..., ::-1]).astype(np.uint8)


def main(data: Path) -> None:
    """Fuse each burst in two ways and write the crops, side by side."""
    rows = []
    for name, checkpoint, place, gain in CASES:
        burst = read_burst(data / name)
        classical, learned = (
            run(burst, Recipe(fuse=fuse, fuse_options=options))
            for fuse, options in (("pyramid", {}), ("focusdeep", {"checkpoint": checkpoint}))
        )
        area = classical.area
        middle = to_float(burst[len(burst) // 2])[area.top : area.top + area.height, area.left : area.left + area.width]
        pictures = [middle, to_float(classical.image), to_float(learned.image)]
        top, left = (int(share * (size - SIDE)) for share, size in zip(place, middle.shape, strict=False))
        cut = [picture[top : top + SIDE, left : left + SIDE] for picture in pictures]
        white = float(np.quantile(cut[1], 0.998))
        if middle.shape[2] == 1:
            cut, white = [to_stored(c / white) for c in cut], 1.0
        large = [cv2.resize(shown(c, gain, white), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST) for c in cut]
        rows.append(np.hstack(large))
    cv2.imwrite(str(IMAGES / "learned.jpg"), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
