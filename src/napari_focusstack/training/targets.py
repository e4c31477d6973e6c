"""The user's own fused pictures as the truth: found by the burst's name, laid on it, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..alignment import Alignment, Area, align, warped
from ..arrays import to_float
from ..io import read_burst
from .store import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]  # (Y, X, C)

__all__ = ["matched", "read_target", "targets_of"]

SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
ALIKE = 0.8  # correlation, after alignment, from which two pictures show the same


def targets_of(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """Picture of each burst: the file that has the burst's name.

    Raises
    ------
    DatasetError
        If a burst has none, or more than one.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no folder; name the one that holds your fused pictures")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    found = {}
    for name in names:
        fitting = [path for path in files if path.stem == name]
        if len(fitting) != 1:
            there = " and ".join(path.name for path in fitting) or "no picture"
            raise DatasetError(f"{folder}: {there} for burst {name!r}; exactly one is needed, such as {name}.tif")
        found[name] = fitting[0]
    return found


def read_target(path: Path, channels: int, turns: int = 0) -> Picture:
    """Picture (Y, X, C), from 0 to 1.

    Parameters
    ----------
    path : Path
        The file.
    channels : int
        Of the burst's frames.
    turns : int
        Quarter turns, counter-clockwise, by which pictures of the burst are upright that must not be turned here.

    Raises
    ------
    DatasetError
        If it cannot be read, or has other channels.
    """
    try:
        picture = to_float(read_burst([path])[0])
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read as one picture ({error})") from None
    if picture.shape[2] != channels:
        raise DatasetError(f"{path}: {picture.shape[2]} channels, the burst has {channels}; export it like the frames")
    return np.ascontiguousarray(np.rot90(picture, -turns))


def matched(path: Path, target: Picture, fused: Picture, alignment: Alignment) -> tuple[Picture, Area]:
    """Target on the burst's grid, and the area of the reference frame that it covers.

    Parameters
    ----------
    path : Path
        The target's file, for errors.
    target : (Y, X, C) float32
        As large as a frame, or as the area that all frames share; another program may have laid it on another frame.
    fused : (h, w, C) float32
        The burst fused by ourselves, on the alignment's area.
    alignment : Alignment
        Of the burst.

    Raises
    ------
    DatasetError
        If it has another size, or does not show the same.
    """
    area, size = alignment.area, alignment.size or target.shape[:2]
    found = f"{target.shape[1]} × {target.shape[0]} px"
    if target.shape[:2] == size:
        target = target[area.top : area.top + area.height, area.left : area.left + area.width]
    elif target.shape[:2] != fused.shape[:2]:
        raise DatasetError(
            f"{path}: {found}, but the frames have {size[1]} × {size[0]} px and share {area.width} × {area.height}; "
            "export it uncropped and at full size"
        )
    pair = np.stack([fused, target])
    try:
        fit = align(pair, reference=0)
        same = bool(fit.kept.all()) and not fit.misfits and fit.correlation[1] >= ALIKE
    except ValueError:  # they share too small an area
        same = False
    if not same:
        raise DatasetError(f"{path}: does not show what the burst of this name shows; name pictures after their bursts")
    top, left, height, width = fit.area
    return np.asarray(warped(pair, fit)[1]), Area(area.top + top, area.left + left, height, width)
