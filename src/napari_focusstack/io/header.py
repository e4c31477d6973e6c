"""What a file says before its pixels are decoded, and the error for one that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    from ..color import Transfer

__all__ = ["Header", "Kind", "Metadata", "Source", "UnreadableFrame"]

Kind = Literal["camera raw", "JPEG", "PNG", "TIFF"]

SKIPPING = "to go on without such frames, read with skip_bad=True (command line: --skip-bad)"
COLOURS = {1: "mono", 3: "RGB"}


class UnreadableFrame(OSError):  # noqa: N818 - says what is wrong
    """A frame that cannot be read or does not fit the others.

    Attributes
    ----------
    path : Path
        The file.
    problem : str
        What is wrong with it.
    remedy : str
        What to do about it.
    """

    def __init__(self, path: Path, problem: str, *, remedy: str = "") -> None:
        self.path, self.problem, self.remedy = path, problem, remedy or SKIPPING
        super().__init__(f"{path}: {problem}; {self.remedy}")

    def unskippable(self) -> UnreadableFrame:
        """Return the error of a frame that reading with skip_bad does not get round: it advises something else."""
        remedy = "look for a whole copy of it, or leave it out" if self.remedy == SKIPPING else self.remedy
        return UnreadableFrame(self.path, self.problem, remedy=remedy)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a plane lies: a file, and the number of the page in it from 0 (None if the file is the plane)."""

    path: Path
    page: int | None = None

    def __str__(self) -> str:
        return str(self.path) if self.page is None else f"{self.path} page {self.page + 1}"


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What files say besides their pixels, to be handed on to results.

    Attributes
    ----------
    transfer : {"linear", "srgb"}
        How stored values relate to light.
    pixel_size : (float, float) or None
        Height and width of a pixel in `unit`, None if unknown.
    unit : str or None
        "um", or None if the pixel size is unknown.
    positions : tuple of float or None
        Focus position of each frame in `position_unit`: z of a microscope's stage, or the distance that a lens was
        focused on. None if unknown.
    position_unit : str or None
        "um" for a stage, "m" for a lens.
    step : float or None
        Distance between neighbouring positions, if it is the same for all (to 5 %).
    camera : str
        Maker and model.
    exif, icc : bytes
        EXIF block (a TIFF structure, without the leading "Exif") and ICC profile of the first frame; empty if none.
    ome : str
        OME-XML.
    channel_names : tuple of str
        Names of the fluorescence channels, empty if unknown.
    made_of : str
        Name of the first file of the burst: what is written `like` this notes it, and is then no frame of that burst.
    """

    transfer: Transfer = "linear"
    pixel_size: tuple[float, float] | None = None
    unit: str | None = None
    positions: tuple[float, ...] | None = None
    position_unit: str | None = None
    step: float | None = None
    camera: str = ""
    exif: bytes = field(default=b"", repr=False)
    icc: bytes = field(default=b"", repr=False)
    ome: str = field(default="", repr=False)
    channel_names: tuple[str, ...] = ()
    made_of: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """One frame as its file announces it.

    Attributes
    ----------
    kind : Kind
        What sort of file it is.
    shape : (int, int, int)
        (Y, X, C) as stored, before the orientation is applied.
    dtype : dtype
        Type of the values.
    orientation : int
        EXIF orientation, 1 (upright) to 8.
    metadata : Metadata
        The rest; its `positions` hold this frame's own position, if known.
    """

    kind: Kind
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    orientation: int = 1
    metadata: Metadata = field(default_factory=Metadata)

    def fits(self, other: Header) -> bool:
        """Whether both can be frames of one burst."""
        return (self.kind, self.shape, self.dtype) == (other.kind, other.shape, other.dtype)

    def __str__(self) -> str:
        height, width, channels = self.shape
        return f"{self.kind}, {width} × {height} px, {COLOURS.get(channels, f'{channels} channels')}, {self.dtype}"
