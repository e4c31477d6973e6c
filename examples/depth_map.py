"""Measure the depth of a burst in µm, and write it as a map, as a surface in 3-D, and as a profile.

Usage: python depth_map.py FOLDER

The burst comes from the simulator here; any (N, Y, X, C) array, or `read_burst`, will do.
"""

import sys
from pathlib import Path

import numpy as np

from napari_focusstack import estimate_depth, simulate
from napari_focusstack.depth.profile import profile
from napari_focusstack.depth.roughness import roughness
from napari_focusstack.depth.surface import surface_of
from napari_focusstack.io import Metadata
from napari_focusstack.io.depth import write_depth
from napari_focusstack.io.mesh import write_mesh

PIXEL, STEP = 0.5, 2.0  # µm

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
burst = simulate("slanted", frames=10, height=192, width=256, noise=1e-4)

depth = estimate_depth(burst.frames, step=STEP, unit="um")
print(depth.describe())
error = depth.position - STEP * burst.depth
print(f"off the truth by {np.sqrt(np.nanmean(error**2)):.2f} µm")

scale = Metadata(pixel_size=(PIXEL, PIXEL), unit="um")  # a burst that was read from files knows its own
write_depth(folder / "depth.ome.tif", depth.position, sigma=depth.sigma, unit=depth.unit, like=scale)

surface = surface_of(depth, burst.frames[5], pixel_size=PIXEL, triangles=20_000)
look = {"texcoords": surface.texcoords, "texture": surface.texture}
for name in ("surface.glb", "surface.ply", "surface.obj", "surface.stl"):
    write_mesh(folder / name, surface.vertices, surface.faces, **look, unit=surface.unit)
print(f"{len(surface.faces)} triangles in {surface.unit}")

profile(depth, (96, 10), (96, 245), pixel_size=PIXEL, width=5).save(folder / "profile.csv")
print(roughness(depth, form="plane").report())
