"""The two samples: a raw focus burst of an insect, and a fluorescence z-stack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .bursts import simulate
from .dng import write_raw_burst

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["sample_raw_burst", "sample_zstack"]


def sample_raw_burst(folder: Path | str) -> list[Path]:
    """Write a burst of 10 raw files, 1056 × 792 px, handheld on a rail, into a folder; return the files.

    Parameters
    ----------
    folder : Path or str
        Where to; made if it is not there.
    """
    burst = simulate(
        "insect",
        frames=10,
        height=792,
        width=1056,
        blur=1.2,
        breathing=0.02,
        jitter=1.0,
        dtype="float32",
        transfer="linear",
        seed=7,
    )
    return write_raw_burst(folder, burst, noise=2e-4, seed=7, name="fly")


def sample_zstack() -> tuple[NDArray[np.uint16], dict[str, Any]]:
    """Fluorescence z-stack of cells in three channels, and what is known of it.

    Returns
    -------
    stack : (Z, C, Y, X) uint16 ndarray
        16 slices of 512 × 512 px; filaments, nuclei and puncta, with the light that is out of focus in each.
    metadata : dict
        "pixel_size_um", "step_um" (float), "channel_names" and "colormaps" (lists of str).
    """
    burst = simulate(
        "fluorescence",
        frames=16,
        height=512,
        width=512,
        channels=3,
        blur=0.55,
        psf="gaussian",
        noise=1e-4,
        dtype="uint16",
        transfer="linear",
        seed=3,
    )
    metadata = {
        "pixel_size_um": 0.16,
        "step_um": 0.5,
        "channel_names": ["nuclei", "filaments", "puncta"],
        "colormaps": ["bop blue", "bop orange", "green"],
    }
    return burst.frames.transpose(0, 3, 1, 2), metadata
