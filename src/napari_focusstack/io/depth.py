"""Depth maps to files: float32 TIFF with unit and pixel size, or 16-bit PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..files import replacing
from ..progress import wait
from ..units import check_unit, symbol
from .header import Metadata
from .origin import software_of
from .write import check_writable, write_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DEPTHS", "check_depth_writable", "write_depth", "write_sigma"]

DEPTHS = (".tif", ".tiff", ".png")  # .ome.tif among them
HIGHEST = 65535  # value of the largest depth in a PNG; the smallest is 1, unknown is 0
PNG_LEVEL = 4


def write_depth(
    path: Path | str,
    position: NDArray[np.float32],
    *,
    unit: str,
    sigma: NDArray[np.float32] | None = None,
    like: Metadata | None = None,
    axes: str = "YX",
) -> Path:
    """Write a depth map; the file appears only when it is complete.

    The extension decides. ``.tif`` and ``.ome.tif`` hold float32 with NaN where depth is unknown, channels named with
    their unit, "depth (µm)" and "sigma (µm)". ``.png`` holds 16 bit for programs that take nothing else: 0 where depth
    is unknown, else ``depth = low + (value - 1) * (high - low) / 65534``, with `depth_low`, `depth_high` and
    `depth_unit` among its texts.

    Parameters
    ----------
    path : path
        Where to write.
    position : (Y, X) float32
        Depth; with more axes as `axes` says.
    unit : str
        Of the depth: "um", "mm", "frame", …
    sigma : (Y, X) float32, optional
        Standard deviation, as a second channel; not for PNG.
    like : Metadata or Burst, optional
        Its pixel size is handed on, and that the map was made of it.
    axes : str
        One letter per axis, Y and X last.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the extension does not take a depth map, or not this one, or the unit is not known.
    OSError
        If the folder does not exist or cannot be written, or the disk is full; nothing is left behind.
    """
    path, position = Path(path), np.asarray(position, np.float32)
    check_depth_writable(path, position.shape, axes=axes, sigma=sigma is not None)
    if sigma is not None and sigma.shape != position.shape:
        raise ValueError(f"{path}: sigma is {sigma.shape}, but the depth is {position.shape}; they must be alike")
    name = symbol(check_unit(unit))
    if path.suffix.lower() == ".png":
        pool = ThreadPoolExecutor(1, "depth")
        try:
            data = wait(pool.submit(_png, position, name, "" if like is None else like.made_of))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        with replacing(path) as temporary:
            temporary.write_bytes(data)
        return path
    named = {f"depth ({name})": position}
    if sigma is not None:
        named[f"sigma ({name})"] = np.asarray(sigma, np.float32)
    return _write_named(path, named, like, axes)


def write_sigma(
    path: Path | str, sigma: NDArray[np.float32], *, unit: str, like: Metadata | None = None, axes: str = "YX"
) -> Path:
    """Write the standard deviation of a depth, float32, as a channel named with its unit; as `write_depth`."""
    return _write_named(Path(path), {f"sigma ({symbol(check_unit(unit))})": np.asarray(sigma, np.float32)}, like, axes)


def _write_named(path: Path, named: dict[str, NDArray[np.float32]], like: Metadata | None, axes: str) -> Path:
    """Write planes as the channels of one file."""
    known = replace(
        like or Metadata(), positions=None, position_unit=None, step=None, channel_names=tuple(named), exif=b"", icc=b""
    )
    return write_image(path, np.stack(list(named.values()), axis=-3), like=known, axes=f"{axes[:-2]}CYX")


def check_depth_writable(path: Path | str, shape: Sequence[int], *, axes: str = "YX", sigma: bool = False) -> None:
    """Raise what `write_depth` would raise for a map of that shape, before it is measured.

    Raises
    ------
    ValueError
        If the extension does not take a depth map, or not this one.
    """
    path = Path(path)
    extension = path.suffix.lower()
    if extension not in DEPTHS:
        raise ValueError(f"{path}: extension {extension!r} does not take a depth map; {', '.join(DEPTHS)} do")
    if extension == ".png":
        if axes != "YX":
            raise ValueError(f"{path}: axes {axes} do not fit into .png; write .ome.tif")
        if sigma:
            raise ValueError(f"{path}: depth and sigma do not both fit into .png; write .tif")
    if axes[-2:] != "YX" or len(axes) != len(shape):
        raise ValueError(f"axes {axes!r} do not name the axes of a depth of shape {tuple(shape)}; Y and X come last")
    if extension != ".png":
        check_writable(path, shape, np.float32, axes=axes)


def _png(position: NDArray[np.float32], unit: str, made_of: str) -> bytes:
    from PIL import Image, PngImagePlugin

    known = np.isfinite(position)
    low, high = (float(position[known].min()), float(position[known].max())) if known.any() else (0.0, 0.0)
    scale = (HIGHEST - 1) / (high - low) if high > low else 0.0
    values = np.where(known, np.rint((np.where(known, position, low) - low) * scale) + 1, 0).astype(np.uint16)
    texts = PngImagePlugin.PngInfo()
    for key, text in (("depth_unit", unit), ("depth_low", repr(low)), ("depth_high", repr(high))):
        texts.add_itxt(key, text)
    texts.add_text("Software", software_of(made_of))
    texts.add_itxt("Description", "depth = low + (value - 1) * (high - low) / 65534; 0: unknown")
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG", pnginfo=texts, compress_level=PNG_LEVEL)
    return file.getvalue()
