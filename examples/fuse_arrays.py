"""Fuse a burst of plain arrays, and compare the methods with the truth.

The burst comes from the simulator here; any (N, Y, X, C) array will do.
"""

from napari_focusstack import FUSERS, fuse, simulate
from napari_focusstack.metrics import psnr

burst = simulate("steps", frames=8, height=192, width=256, seed=7)

for name in FUSERS:
    fusion = fuse(burst.frames, name)
    print(f"{name:10} {psnr(fusion.image, burst.truth):5.1f} dB")
