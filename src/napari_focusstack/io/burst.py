"""Bursts: files in, frames out, one at a time, with what the files say about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Frames
from .header import Metadata, Source, UnreadableFrame
from .opening import Opened, open_files

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Burst", "read_burst"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Burst(Metadata):
    """Frames of a burst, (N, Y, X, C), read from their files one at a time: `burst[i]`.

    A file may hold more than one burst (times, positions): then `is_series` is true, the bursts are in `data` with the
    `axes`, and the burst itself cannot be indexed.

    Attributes
    ----------
    name : str
        Name of the folder, or of the only file.
    sources : tuple of Source
        File (and page) of each plane, in the order of the leading axes.
    skipped : tuple of (Source, str)
        What was left out as unreadable, and why.
    numbers : tuple of int
        Place of each frame in the sweep, in which those that were left out count, too; empty for a file of more axes.
    """

    name: str
    sources: tuple[Source, ...] = field(repr=False)
    skipped: tuple[tuple[Source, str], ...] = field(default=(), repr=False)
    numbers: tuple[int, ...] = field(default=(), repr=False)
    _planes: Frames = field(repr=False)
    _lead: str = "Z"
    _lengths: tuple[int, ...] = ()

    @property
    def axes(self) -> str:
        """One letter per axis of `data`, as in "TCZYX" or "ZYXS"; S: red, green, blue."""
        return self._lead + "YX" + "S" * (self._planes.shape[3] > 1)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Stored type of the values."""
        return np.dtype(self._planes.dtype)

    @property
    def sizes(self) -> dict[str, int]:
        """Length of each of the `axes`."""
        return dict(zip(self.axes, (*self._lengths, *self._planes.shape[1:]), strict=False))

    @property
    def data(self) -> Any:
        """All planes as one lazy dask array with the `axes`, a chunk a plane."""
        import dask.array as da

        lead = len(self._lengths)
        tail = tuple(self.sizes.values())[lead:]
        chunks = tuple((1,) * length for length in self._lengths) + tuple((size,) for size in tail)

        def plane(block_id: tuple[int, ...]) -> NDArray[Any]:
            return self._plane(block_id[:lead]).reshape((1,) * lead + tail)

        none = np.empty((0,) * len(chunks), self.dtype)
        return da.map_blocks(plane, chunks=chunks, dtype=self.dtype, meta=none)

    @property
    def is_series(self) -> bool:
        """Whether there are several bursts: more than one axis, channels apart, along which to loop."""
        return len(self._long) > 1

    @property
    def is_raw(self) -> bool:
        """Whether the frames are camera raw files."""
        return hasattr(self._planes, "mosaic")

    @property
    def is_half_size(self) -> bool:
        """Whether the frames are camera raw files that are developed at half the size."""
        return self.is_raw and bool(self._raw().development.half_size)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, Y, X, C).

        Raises
        ------
        ValueError
            If there are several bursts.
        """
        self._check_one()
        _, height, width, samples = self._planes.shape
        return len(self), height, width, samples * self.sizes.get("C", 1)

    def __len__(self) -> int:
        """Count the frames of one burst."""
        return self.sizes.get("Z" if self.is_series else self._focus, 1)

    def __getitem__(self, i: int) -> NDArray[Any]:
        """Frame `i`, (Y, X, C), decoded now; no file stays open.

        Raises
        ------
        UnreadableFrame
            If its pixels are damaged.
        ValueError
            If there are several bursts.
        IndexError
            If there is no frame of that number.
        """
        self._check_one()
        i = range(len(self))[i]
        planes = [self._plane(self._place({self._focus: i, "C": c})) for c in range(self.sizes.get("C", 1))]
        return planes[0] if len(planes) == 1 else np.concatenate(planes, axis=2)

    @property
    def cfa_offset(self) -> tuple[int, int]:
        """Row and column of the first red site in the visible area of the sensor of a raw burst, each 0 or 1.

        Raises
        ------
        ValueError
            If the frames are not raw, or their sensor is no RGB Bayer mosaic.
        """
        return self._raw().cfa_offset  # type: ignore[no-any-return]

    @property
    def quarter_turns(self) -> int:
        """Quarter turns, counter-clockwise, that make the sensor's picture of a raw burst upright: -1 to 2.

        Raises
        ------
        ValueError
            If the frames are not raw, or mirrored.
        """
        return self._raw().quarter_turns  # type: ignore[no-any-return]

    def unturned(self) -> Burst:
        """Return a raw burst developed in the sensor's own orientation, so that pixels lie where `mosaic` has them.

        Raises
        ------
        ValueError
            If the frames are not raw.
        """
        return replace(self, _planes=self._raw().unturned())

    def mosaic(self, i: int) -> NDArray[np.float32]:
        """Sensor values of frame `i` of a raw burst as four half-size planes: red, two greens, blue.

        Returns
        -------
        (Y/2, X/2, 4) float32
            Linear light in [0, 1]: black subtracted for each colour, white 1, without white balance, in the sensor's
            own orientation, starting at `cfa_offset`.

        Raises
        ------
        ValueError
            If the frames are not raw, or their sensor is no RGB Bayer mosaic.
        UnreadableFrame
            If the file is damaged.
        """
        return self._raw().mosaic(range(len(self))[i])  # type: ignore[no-any-return]

    @property
    def white_balance(self) -> NDArray[np.float64]:
        """Gains of the planes of `mosaic` of a raw burst, (4,), with which its frames are developed; the smallest is 1.

        Raises
        ------
        ValueError
            If the frames are not raw.
        """
        return self._raw().white_balance  # type: ignore[no-any-return]

    @property
    def camera_to_srgb(self) -> NDArray[np.float64]:
        """Matrix (3, 3) from white-balanced colours of a raw burst's camera to linear sRGB; its rows sum to 1.

        Raises
        ------
        ValueError
            If the frames are not raw, or their sensor is no RGB Bayer mosaic.
        """
        return self._raw().camera_to_srgb  # type: ignore[no-any-return]

    def developed(self, light: NDArray[np.floating]) -> NDArray[np.float32]:
        """Picture in [0, 1], as a raw burst's frames are developed, of light in the camera's colours.

        Parameters
        ----------
        light : (Y, X, 3) ndarray
            Linear and white-balanced, white is 1.

        Raises
        ------
        ValueError
            If the frames are not raw, their sensor is no RGB Bayer mosaic, or the light has not three colours.
        """
        return self._raw().developed(light)  # type: ignore[no-any-return]

    def describe(self) -> str:
        """What the burst holds, in words, a line a fact."""
        from .describe import describe

        return describe(self)

    @property
    def _long(self) -> list[str]:
        return [axis for axis, length in zip(self._lead, self._lengths, strict=True) if axis != "C" and length > 1]

    @property
    def _focus(self) -> str:
        """The axis along which the frames lie: the only one that is longer than 1, whatever its name."""
        return self._long[0] if self._long else "Z"

    def _check_one(self) -> None:
        if self.is_series:
            sizes = ", ".join(f"{axis} {size}" for axis, size in self.sizes.items())
            raise ValueError(
                f"{self.name} holds several bursts (axes {sizes}); "
                "use run_series(burst.data, burst.axes), or index burst.data"
            )

    def _place(self, numbers: dict[str, int]) -> tuple[int, ...]:
        return tuple(numbers.get(axis, 0) for axis in self._lead)

    def _plane(self, place: tuple[int, ...]) -> NDArray[Any]:
        k = int(np.ravel_multi_index(place, self._lengths)) if place else 0
        return np.asarray(self._planes[k])

    def _raw(self) -> Any:
        if not self.is_raw:
            raise ValueError(f"{self.name} has no sensor mosaic; only camera raw files do")
        return self._planes


def read_burst(
    source: Path | str | Sequence[Path | str],
    *,
    skip_bad: bool = False,
    half_size: bool = False,
    linear: bool = False,
    series: int = 0,
) -> Burst:
    """Burst of files: lazy frames with what the files say about them.

    Headers are read now, so that a frame that does not fit is found at once; pixels are decoded when a frame is asked
    for. JPEG, PNG and TIFF frames keep their values; alpha is left out. Raw frames are developed to 16 bit, all with
    the white balance, black-to-white range and orientation of the first, without automatic brightness.

    Parameters
    ----------
    source : path or sequence of paths
        A folder, files, or one multi-page TIFF. Frames of a folder are in natural order of their names (2 before 10);
        files keep the order given, unless that is the alphabetical one (10 before 2), in which a shell names them: then
        theirs is the natural one, too. In a folder of raw files with a JPEG beside each, the raw files are taken, and
        pictures that `write_image` made of others in it are left out, with a warning.
    skip_bad : bool
        Go on without frames that cannot be read or do not fit most others; they are listed in `skipped`. Every frame
        is then decoded once at opening (raw files: unpacked).
    half_size : bool
        Raw: quick development at half the size.
    linear : bool
        Raw: linear light instead of the sRGB curve.
    series : int
        TIFF: which image of a file that holds several.

    Returns
    -------
    Burst
        Frames (N, Y, X, C) with metadata.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    ValueError
        If there are no pictures, or an option does not go with their kind.
    TypeError
        If the source is no name.
    UnreadableFrame
        If a frame is damaged or differs from the others in size, type or kind.

    Notes
    -----
    A file that ends too early is found at opening, damage inside a PNG, TIFF or raw file at the latest when its pixels
    are decoded. JPEG decoders smooth over damage inside a complete file, which is therefore not noticed.
    """
    try:
        opened: Opened = open_files(source, skip_bad=skip_bad, half_size=half_size, linear=linear, series=series)
    except UnreadableFrame as error:
        if skip_bad:
            raise error.unskippable() from error
        raise
    facts: dict[str, Any] = {name: getattr(opened.metadata, name) for name in Metadata.__dataclass_fields__}
    facts["made_of"] = opened.sources[0].path.name
    return Burst(
        **facts,
        name=opened.name,
        sources=opened.sources,
        skipped=opened.skipped,
        numbers=opened.numbers,
        _planes=opened.planes,
        _lead=opened.axes,
        _lengths=opened.lengths,
    )
