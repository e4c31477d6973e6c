"""Pictures to files: the extension chooses the format, the burst hands on what its files said."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files import replacing
from .exif import fitting_profile, inherited
from .header import Metadata
from .origin import AFTER_IHDR, png_chunk, software_of
from .tiff_write import write_tiff

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

__all__ = ["WRITABLE", "check_writable", "write_image"]

WRITABLE = (".tif", ".tiff", ".png", ".jpg", ".jpeg")  # .ome.tif and .ome.tiff among them
JPEG_QUALITY = 95
PNG_LEVEL = 4  # higher ones take several times as long for a few percent
LARGEST_JPEG = 65_500  # px
LONGEST_EXIF = 65_527  # bytes that fit into a JPEG segment


def write_image(path: Path | str, image: Any, *, like: Metadata | None = None, axes: str | None = None) -> Path:
    """Write a picture; the file appears only when it is complete.

    The extension decides: ``.ome.tif`` and ``.tif`` take every type and any number of axes, ``.png`` 8 and 16 bit
    pictures, ``.jpg`` 8 bit pictures. Values are written as they are; convert with `from_float` where a format does not
    take them.

    Parameters
    ----------
    path : path
        Where to write; a file of that name is replaced when the new one is complete.
    image : array_like
        (Y, X), (Y, X, C), or as `axes` says; a lazy array is written plane by plane.
    like : Metadata or Burst, optional
        What its files said is handed on: pixel size, focus positions and channel names to OME-TIFF, ICC profile and
        EXIF (upright, without the thumbnail) to photographs. The picture notes that it was made of it.
    axes : str, optional
        One letter per axis. Three values along C or S at the end are red, green and blue, unless `like` names channels.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the extension is unknown, or its format does not take such a picture; the message says which does.
    OSError
        If the folder does not exist or cannot be written, or the disk is full; nothing is left behind.
    """
    path, like = Path(path), like or Metadata()
    image, axes = _arranged(image, axes, like)
    write = _writer(path, image, axes)
    with replacing(path) as temporary:
        write(temporary, path.name, image, axes, like)
    return path


def check_writable(
    path: Path | str,
    shape: Sequence[int],
    dtype: DTypeLike,
    *,
    like: Metadata | None = None,
    axes: str | None = None,
) -> None:
    """Raise what `write_image` would raise for a picture of that shape and type, before it is computed.

    Raises
    ------
    ValueError
        If the extension is unknown, or its format does not take such a picture; the message says which does.
    """
    path = Path(path)
    image, axes = _arranged(np.broadcast_to(np.zeros((), dtype), tuple(shape)), axes, like or Metadata())
    _writer(path, image, axes)


def _arranged(image: Any, axes: str | None, like: Metadata) -> tuple[Any, str]:
    """Image with Y, X and (if in colour) S last."""
    if not hasattr(image, "shape"):
        image = np.asarray(image)
    if axes is None:
        if image.ndim not in (2, 3):
            raise ValueError(f"an image of shape {tuple(image.shape)} needs axes, one letter for each (as in 'TCYX')")
        axes = "YXC"[: image.ndim]
    if len(axes) != image.ndim or len(set(axes)) != len(axes) or not {"Y", "X"} <= set(axes):
        raise ValueError(
            f"axes {axes!r} do not name the axes of an image of shape {tuple(image.shape)}; Y and X must be"
        )
    if axes[-1] == "C" and image.shape[-1] == 1:
        image, axes = image[..., 0], axes[:-1]
    elif axes[-1] == "C" and image.shape[-1] == 3 and len(like.channel_names) < 2:
        axes = axes[:-1] + "S"
    if "S" in axes and image.shape[axes.index("S")] not in (3, 4):
        raise ValueError(f"{image.shape[axes.index('S')]} samples along S are not red, green, blue (and alpha)")
    order = sorted(range(len(axes)), key=lambda i: ("YXS".find(axes[i]), i))
    return image.transpose(order), "".join(axes[i] for i in order)


def _writer(path: Path, image: Any, axes: str) -> Callable[..., None]:
    """Function for the extension, if its format takes the picture."""
    extension, dtype = path.suffix.lower(), np.dtype(image.dtype)
    if extension not in WRITABLE:
        raise ValueError(f"{path}: extension {extension!r} cannot be written; {', '.join(WRITABLE)} can")
    if extension in (".tif", ".tiff"):
        if dtype.kind not in "uif":
            raise ValueError(f"{path}: {dtype} values cannot be written; integers and floats can")
        return write_tiff
    if axes not in ("YX", "YXS"):
        raise ValueError(f"{path}: axes {axes} do not fit into {extension}; write .ome.tif")
    if extension == ".png":
        if dtype not in (np.uint8, np.uint16):
            raise ValueError(f"{path}: {dtype} values do not fit into .png; write .tif, or convert to 8 or 16 bit")
        return _write_png
    if dtype != np.uint8:
        raise ValueError(f"{path}: {dtype} values do not fit into {extension}; write .tif or .png, or convert to 8 bit")
    if image.shape[2:] == (4,):
        raise ValueError(f"{path}: alpha does not fit into {extension}; write .png or .tif, or leave it out")
    if max(image.shape[:2]) > LARGEST_JPEG:
        raise ValueError(f"{path}: a side of {max(image.shape[:2])} px is too long for {extension}; write .tif")
    return _write_jpeg


def _write_jpeg(file: Path, name: str, image: Any, axes: str, like: Metadata) -> None:  # noqa: ARG001
    from PIL import Image

    pixels = np.ascontiguousarray(image)
    exif = inherited(like.exif, *pixels.shape[:2])
    extras: dict[str, Any] = {"comment": software_of(like.made_of)}
    if 0 < len(exif) <= LONGEST_EXIF:
        extras["exif"] = b"Exif\0\0" + exif
    if profile := fitting_profile(like.icc, axes):
        extras["icc_profile"] = profile
    packed = io.BytesIO()  # written to a file itself, Pillow does not notice that the disk is full
    Image.fromarray(pixels).save(packed, "JPEG", quality=JPEG_QUALITY, subsampling=0, **extras)
    file.write_bytes(packed.getbuffer())


def _write_png(file: Path, name: str, image: Any, axes: str, like: Metadata) -> None:  # noqa: ARG001
    import imagecodecs

    pixels = np.ascontiguousarray(image)
    packed = imagecodecs.png_encode(pixels, level=PNG_LEVEL)
    extras = io.BytesIO()
    extras.write(png_chunk(b"tEXt", b"Software\0" + software_of(like.made_of).encode()))
    if profile := fitting_profile(like.icc, axes):
        extras.write(png_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)))
    if exif := inherited(like.exif, *pixels.shape[:2]):
        extras.write(png_chunk(b"eXIf", exif))
    with file.open("wb") as out:
        out.writelines((packed[:AFTER_IHDR], extras.getvalue(), packed[AFTER_IHDR:]))
