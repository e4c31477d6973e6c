"""How a TIFF page's stored samples become a picture: colours, palettes, planes, alpha."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .header import UnreadableFrame

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tifffile import TiffPage

__all__ = ["Layout"]

WHITE_IS_0, BLACK_IS_0, RGB, PALETTE, CMYK, YCBCR, MOSAIC, LINEAR_RAW = 0, 1, 2, 3, 5, 6, 32803, 34892
JPEG = (6, 7)  # compressions that turn YCbCr into RGB
ALPHA = (1, 2)  # kinds of extra samples that are not light


@dataclass(frozen=True)
class Layout:
    """How a page's stored samples become a picture (Y, X, C)."""

    channels: int
    dtype: np.dtype[Any]
    planar: bool
    inverted: bool
    palette: NDArray[np.uint16] | None

    @classmethod
    def of(cls, page: TiffPage, path: Path, scientific: bool) -> Layout:
        """Layout of a page. For a microscope's file a palette is a way to look at the values, not what they are.

        Raises
        ------
        UnreadableFrame
            If its values are not grey or RGB light.
        """
        kind = int(page.photometric)
        if kind in (MOSAIC, LINEAR_RAW):
            raise UnreadableFrame(path, "it holds a camera's raw data; name it .dng to read it as camera raw")
        light = kind in (WHITE_IS_0, BLACK_IS_0, RGB, PALETTE) or (kind == YCBCR and page.compression in JPEG)
        if not light or page.axes not in ("YX", "YXS", "SYX"):
            name = "CMYK" if kind == CMYK else getattr(page.photometric, "name", str(kind))
            raise UnreadableFrame(path, f"it is a {name} picture of axes {page.axes}; grey or RGB is needed")
        if page.dtype is None or page.dtype.kind not in "buif":
            raise UnreadableFrame(path, f"its values are of type {page.dtype}; integers or floats are needed")
        dtype = np.dtype(np.uint8 if page.dtype.kind == "b" else page.dtype)
        palette = page.colormap if kind == PALETTE and not scientific else None
        alpha = sum(int(sample) in ALPHA for sample in page.extrasamples)
        channels = 3 if palette is not None else max(1, page.samplesperpixel - alpha)
        return cls(channels, dtype, page.axes == "SYX", kind == WHITE_IS_0 and not scientific, palette)

    def picture(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Picture (Y, X, C) of a page's stored samples, without alpha."""
        if self.planar:
            stored = np.moveaxis(stored, 0, -1)
        if stored.dtype == bool:
            stored = stored.astype(np.uint8) * 255
        if self.palette is not None:
            colours = self.palette.T if self.dtype.itemsize > 1 else (self.palette.T >> 8).astype(np.uint8)
            stored = colours.astype(self.dtype)[stored]
        if self.inverted and self.dtype.kind == "u":
            stored = np.iinfo(self.dtype).max - stored
        stored = stored[..., None] if stored.ndim == 2 else stored
        return np.ascontiguousarray(stored[..., : self.channels])
