"""Fuse every time of a two-channel time series, with one index map for both channels.

Usage: python time_series.py OUT.ome.tif
"""

import sys

import numpy as np

from napari_focusstack import Recipe, listening, run_series, simulate, write_image

times = [
    simulate("fluorescence", frames=6, height=128, width=128, channels=2, dtype="uint16", transfer="linear", seed=seed)
    for seed in range(3)
]
movie = np.stack([burst.frames.transpose(3, 0, 1, 2) for burst in times])  # (T, C, Z, Y, X)

recipe = Recipe(align="none", fuse="wavelet", channels="joint")
with listening(lambda step: step and print(step, end="\r")):
    result = run_series(movie, "TCZYX", recipe)

print(f"\n{result.axes} {result.image.shape} {result.image.dtype}, index {result.index_axes} {result.index.shape}")
write_image(sys.argv[1], result.image, axes=result.axes)
