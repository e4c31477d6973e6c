"""Camera raw frames through LibRaw: developed all alike, or as the sensor's mosaic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .develop import Development, developed, development_of, measured_matrix
from .exif import exif_of_tiff, facts_of
from .header import Header, Metadata, UnreadableFrame
from .images import jpeg_exif

if TYPE_CHECKING:
    import rawpy
    from numpy.typing import NDArray

__all__ = ["RawFrames", "check_raw", "preview_exif", "raw_header", "red_site"]

QUARTER_TURNS = {0: 0, 3: 2, 5: 1, 6: -1}  # by LibRaw's code of the orientation


class RawFrames:
    """Developed frames of raw files, (N, Y, X, C) uint16; every file is opened, read and closed for each frame."""

    def __init__(self, paths: list[Path], header: Header, *, half_size: bool = False, linear: bool = False) -> None:
        self.paths, self.header = paths, header
        with _opened(paths[0]) as raw:
            self.development = development_of(raw, half_size, linear)
            self.shape = (len(paths), *_shape(raw, self.development))
            exif = header.metadata.exif or preview_exif(raw)
        self.dtype = np.dtype(np.uint16)
        self.metadata = replace(
            header.metadata,
            transfer=self.development.transfer,
            exif=exif,
            camera=facts_of(exif).camera,
            icc=b"" if linear else _srgb_profile(),
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> NDArray[Any]:
        path = self.paths[i]
        with _opened(path) as raw:
            image: NDArray[Any] = raw.postprocess(**self.development.parameters())
        image = image[..., None] if image.ndim == 2 else image
        if image.shape != self.shape[1:]:
            raise UnreadableFrame(path, f"it develops to {image.shape}, the first frame to {self.shape[1:]}")
        return image

    @property
    def quarter_turns(self) -> int:
        """Quarter turns, counter-clockwise, that make the sensor's picture upright: -1 to 2.

        Raises
        ------
        ValueError
            If the picture is mirrored, too.
        """
        if self.development.flip not in QUARTER_TURNS:
            raise ValueError(
                f"{self.paths[0]} is shown mirrored, which no camera does by itself; raw methods need frames that are "
                "only turned: set its orientation to 1, 3, 6 or 8"
            )
        return QUARTER_TURNS[self.development.flip]

    def unturned(self) -> RawFrames:
        """Return the same frames developed in the sensor's own orientation, that of `mosaic`."""
        frames = copy(self)
        frames.development = replace(self.development, flip=0)
        if self.quarter_turns % 2:
            count, height, width, channels = self.shape
            frames.shape = (count, width, height, channels)
        return frames

    @cached_property
    def cfa_offset(self) -> tuple[int, int]:
        """Row and column of the first red site in the sensor's visible area, each 0 or 1.

        Raises
        ------
        ValueError
            If the sensor's mosaic is not a 2 × 2 one of red, green and blue.
        """
        with _opened(self.paths[0]) as raw:
            return red_site(raw, self.paths[0])

    @property
    def white_balance(self) -> NDArray[np.float64]:
        """Gains of red, green beside red, green beside blue and blue, (4,), of all frames; the smallest is 1."""
        return self.development.gains

    @cached_property
    def camera_to_srgb(self) -> NDArray[np.float64]:
        """Matrix (3, 3) from white-balanced colours of the camera to linear sRGB, as LibRaw applies it."""
        with _opened(self.paths[0]) as raw:
            red_site(raw, self.paths[0])
            return measured_matrix(raw, self.development, _colours(raw))

    def developed(self, light: NDArray[np.floating]) -> NDArray[np.float32]:
        """Picture (Y, X, 3), in [0, 1], of linear light in white-balanced colours of the camera: see `develop`."""
        return developed(light, self.camera_to_srgb, self.development.transfer)

    def mosaic(self, i: int) -> NDArray[np.float32]:
        """Sensor values of frame `i`: planes of red, green beside red, green beside blue, blue.

        Black is subtracted for each colour; white is 1. No white balance, no curve, no orientation. A mosaic that does
        not start with red loses its first row or column, and its last if that leaves half a block.

        Returns
        -------
        (Y/2, X/2, 4) float32
            Linear, clipped to [0, 1]. Site [y, x] of plane (r, c) lies at ``cfa_offset + (2 y + r, 2 x + c)`` of the
            sensor's visible area.
        """
        path = self.paths[i]
        top, left = self.cfa_offset
        with _opened(path) as raw:
            if red_site(raw, path) != (top, left):
                raise UnreadableFrame(path, "its mosaic starts with another colour than the first frame's")
            sites = raw.raw_image_visible
            height, width = (sites.shape[0] - top) // 2, (sites.shape[1] - left) // 2
            colours, black = _colours(raw), raw.black_level_per_channel
            planes = np.empty((height, width, 4), np.float32)
            for plane, (row, column) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
                y, x = top + row, left + column
                dark = black[colours[y % 2, x % 2]]
                values = sites[y : y + 2 * height : 2, x : x + 2 * width : 2].astype(np.float32)
                planes[..., plane] = (values - dark) / (raw.white_level - dark)
        return np.clip(planes, 0, 1, out=planes)


def raw_header(path: Path) -> Header:
    """Header of a raw file; its shape is that of the sensor's visible area.

    Raises
    ------
    UnreadableFrame
        If LibRaw cannot read the file.
    """
    with _opened(path) as raw:
        shape = (raw.sizes.height, raw.sizes.width, 1 if raw.num_colors == 1 else 3)
    with path.open("rb") as file:
        exif = exif_of_tiff(file)
    facts = facts_of(exif)
    metadata = Metadata(positions=facts.positions, position_unit=facts.unit, camera=facts.camera, exif=exif)
    return Header("camera raw", shape, np.dtype(np.uint16), 1, metadata)  # LibRaw turns the picture itself


def check_raw(path: Path) -> None:
    """Raise an UnreadableFrame if a file's data are damaged; the frame is not developed."""
    with _opened(path) as raw:
        raw.unpack()


@contextmanager
def _opened(path: Path) -> Iterator[rawpy.RawPy]:
    import rawpy

    try:
        with rawpy.imread(str(path)) as raw:
            yield raw
    except rawpy.LibRawFileUnsupportedError as error:
        raise UnreadableFrame(path, "LibRaw does not know this raw format, or the file is damaged") from error
    except rawpy.LibRawError as error:
        raise UnreadableFrame(path, f"the raw file is damaged or incomplete ({_text(error)})") from error


def _text(error: Exception) -> str:
    said = error.args[0] if error.args else type(error).__name__
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _shape(raw: rawpy.RawPy, development: Development) -> tuple[int, int, int]:
    """(Y, X, C) of a developed frame, without developing it where that can be known."""
    import rawpy

    sizes = raw.sizes
    if sizes.pixel_aspect != 1 or raw.raw_type != rawpy.RawType.Flat:
        image = raw.postprocess(**development.parameters())
        return image.shape[0], image.shape[1], image.shape[2] if image.ndim == 3 else 1
    height, width = sizes.height, sizes.width
    if development.half_size and raw.num_colors > 1:
        height, width = (height + 1) // 2, (width + 1) // 2
    if development.flip & 4:
        height, width = width, height
    return height, width, 1 if raw.num_colors == 1 else 3


def _colours(raw: rawpy.RawPy) -> NDArray[np.uint8]:
    """Colour numbers of the mosaic's block at the corner of the visible area; empty if there is no mosaic."""
    pattern, sizes = raw.raw_pattern, raw.sizes
    if pattern is None:
        return np.empty((0, 0), np.uint8)
    return np.roll(pattern, (-sizes.top_margin, -sizes.left_margin), (0, 1))


def red_site(raw: rawpy.RawPy, path: Path) -> tuple[int, int]:
    """Row and column of the first red site of the visible area, each 0 or 1.

    Raises
    ------
    ValueError
        If the mosaic is not a 2 × 2 one of red, green and blue.
    """
    colours, letters = _colours(raw), raw.color_desc.decode("ascii")
    if colours.shape != (2, 2):
        raise ValueError(f"{path} holds no mosaic of 2 × 2 colours; raw methods need an RGB Bayer sensor")
    names = [[letters[colour] for colour in row] for row in colours]
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        block = names[row][column], names[row][1 - column], names[1 - row][column], names[1 - row][1 - column]
        if block == ("R", "G", "G", "B"):
            return row, column
    raise ValueError(f"{path} holds a mosaic of {letters}; raw methods need an RGB Bayer sensor")


def preview_exif(raw: rawpy.RawPy) -> bytes:
    """EXIF of the preview inside a raw file that is no TIFF structure."""
    import rawpy

    try:
        preview = raw.extract_thumb()
    except (rawpy.LibRawError, rawpy.NotSupportedError):
        return b""
    return jpeg_exif(preview.data) if isinstance(preview.data, bytes) else b""


def _srgb_profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
