"""Depth layers with known answers, as the panel that measures depth leaves them."""

import numpy as np

from napari_focusstack.ui.source import PLUGIN

SLOPE = 0.1  # µm per px, to the right


def tilted(height=60, width=80):
    """Plane that rises to the right: depth in µm, a gap in the upper left corner."""
    depth = np.tile(np.arange(width, dtype=np.float32) * np.float32(SLOPE), (height, 1))
    depth[:4, :4] = np.nan
    return depth


def corners(height=60, width=80):
    """Picture with four corners of different colours: red, green above, blue, white below."""
    picture = np.full((height, width, 3), 90, np.uint8)
    h, w = height // 3, width // 3
    picture[:h, :w], picture[:h, -w:] = (255, 0, 0), (0, 255, 0)
    picture[-h:, :w], picture[-h:, -w:] = (0, 0, 255), (255, 255, 255)
    return picture


def notes(role, **more):
    return {PLUGIN: {"role": role, "source": "s", "source_id": "one", **more}}


def add_depth(viewer, depth=None, *, unit="um", scale=(0.5, 0.5), units="um", sigma=0.2, picture=True):
    """Layers of depth, its error and the picture, as after a stack."""
    depth = tilted() if depth is None else depth
    known = {"depth_unit": unit, "positions": [0.0, 2.0, 4.0, 6.0, 8.0]}
    place = {"scale": (1,) * (depth.ndim - 2) + tuple(scale), "units": units}
    if picture:
        viewer.add_image(
            corners(*depth.shape[-2:]), rgb=True, name="s [fused]", metadata=notes("fused"), scale=scale, units=units
        )
    errors = np.where(np.isfinite(depth), np.float32(sigma), np.nan).astype(np.float32)
    viewer.add_image(errors, name="s [depth σ]", metadata=notes("depth_sigma", **known), visible=False, **place)
    return viewer.add_image(depth, name="s [depth]", metadata=notes("depth", **known), colormap="turbo", **place)
