"""What an alignment is: transforms, the area that all frames cover, light gains; as words and as a JSON file."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np

from ..color import Transfer
from ..files import write_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Alignment", "Area", "shared_area"]

KEY = "napari-focusstack alignment"
VERSION = 1
SMALLEST = 1 / 4  # of the frame's sides: the shared area must not be smaller
ALMOST = 1e-3  # px beyond the border that a frame is trusted to cover: rounding must not cost a row


class Area(NamedTuple):
    """Rectangle in px of the reference frame."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Where every frame of a burst lies on its reference frame.

    Attributes
    ----------
    transforms : (N, 3, 3) float64
        From (x, y, 1) in the reference to (x, y, 1) in each frame, in px with integer pixel centres.
    area : Area
        Rectangle of the reference that every kept frame covers, in px.
    reference : int
        Number of the reference frame.
    kept : (N,) bool
        Which frames are used; a frame that fits nowhere is left out.
    correlation : (N,) float64
        With the neighbour nearer to the reference, after alignment; 1 for the reference.
    gains : (N, C) float64
        What the light of each frame and channel has to be multiplied by to match the reference; ones if the exposure
        was not measured.
    transfer : "linear" or "srgb"
        How stored values relate to light.
    size : (int, int), optional
        Height and width in px of the frames; checked when the alignment is applied.
    misfits : tuple of int
        Frames that fit nowhere; where they are kept, their transform was taken from their neighbours.
    """

    transforms: NDArray[np.float64]
    area: Area
    reference: int
    kept: NDArray[np.bool_]
    correlation: NDArray[np.float64]
    gains: NDArray[np.float64]
    transfer: Transfer
    size: tuple[int, int] | None = None
    misfits: tuple[int, ...] = ()

    def report(self, numbers: Sequence[int] = ()) -> str:
        """Table in words: how each frame lies on the reference, how well it fits, and what was done with it.

        Parameters
        ----------
        numbers : sequence of int
            What the frames are called; by default their places. Those of a `Burst` count what was left out of it, too.
        """
        numbers = numbers or range(len(self.transforms))
        area, whole = self.area, f" of {self.size[1]} × {self.size[0]}" if self.size else ""
        lines = [
            f"{len(self.transforms)} frames, laid on frame {numbers[self.reference]}; all used frames share "
            f"{area.width} × {area.height}{whole} px from column {area.left}, row {area.top}.",
            "frame  shift px  right  down   size %    turn °  correlation   light",
        ]
        lines += [self._row(i, numbers[i]) for i in range(len(self.transforms))]
        return "\n".join(lines)

    def _row(self, i: int, number: int) -> str:
        matrix = self.transforms[i]
        middle = np.array([self.area.left + (self.area.width - 1) / 2, self.area.top + (self.area.height - 1) / 2, 1.0])
        there = matrix @ middle
        right, down = there[:2] / there[2] - middle[:2]
        linear = matrix[:2, :2] / matrix[2, 2]
        growth = 100 * (np.sqrt(abs(np.linalg.det(linear))) - 1)
        turn = np.degrees(np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1]))
        light = " ".join(f"×{gain:.3f}" for gain in self.gains[i])
        said = "" if self.kept[i] else "left out"
        if i in self.misfits:
            said = "fits no neighbour: " + ("placed between them" if self.kept[i] else "left out")
        elif i == self.reference:
            said = "reference"
        row = (
            f"{number:5d}  {np.hypot(right, down):8.2f} {right:+6.1f} {down:+5.1f} {growth:+8.3f} {turn:+9.4f} "
            f"{self.correlation[i]:12.4f}   {light}  {said}"
        )
        return row.rstrip()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the alignment as a JSON file, to be applied to another burst with `load` and `warped`."""
        values = {
            KEY: VERSION,
            "size": self.size,
            "reference": int(self.reference),
            "area": dict(zip(Area._fields, map(int, self.area), strict=True)),
            "transfer": self.transfer,
            "misfits": list(map(int, self.misfits)),
            "frames": [
                {
                    "transform": np.asarray(self.transforms[i], float).tolist(),
                    "kept": bool(self.kept[i]),
                    "correlation": float(self.correlation[i]),
                    "gains": np.asarray(self.gains[i], float).tolist(),
                }
                for i in range(len(self.transforms))
            ],
        }
        write_text(path, json.dumps(values, indent=1) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Alignment:
        """Alignment from a file that `save` wrote.

        Raises
        ------
        ValueError
            If the file is something else, or from a newer version of this program.
        """
        try:
            values: Any = json.loads(Path(path).read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is not an alignment: no JSON ({error})") from None
        if not isinstance(values, dict) or KEY not in values:
            raise ValueError(f'{path} is not an alignment: the key "{KEY}" is missing; save one with Alignment.save')
        if values[KEY] != VERSION:
            raise ValueError(
                f"{path} is an alignment of version {values[KEY]!r}; this program reads version {VERSION}: update it"
            )
        try:
            frames = values["frames"]
            alignment = cls(
                transforms=np.array([frame["transform"] for frame in frames], np.float64).reshape(len(frames), 3, 3),
                area=Area(**values["area"]),
                reference=int(values["reference"]),
                kept=np.array([frame["kept"] for frame in frames], bool),
                correlation=np.array([frame["correlation"] for frame in frames], np.float64),
                gains=np.array([frame["gains"] for frame in frames], np.float64).reshape(len(frames), -1),
                transfer=values["transfer"],
                size=None if values["size"] is None else (int(values["size"][0]), int(values["size"][1])),
                misfits=tuple(map(int, values["misfits"])),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ValueError(
                f"{path} is not a whole alignment ({type(error).__name__}: {error}); save it again"
            ) from None
        if not 0 <= alignment.reference < len(frames) or alignment.transfer not in get_args(Transfer):
            raise ValueError(
                f"{path} is not a whole alignment: reference {alignment.reference} of {len(frames)} frames, transfer "
                f"{alignment.transfer!r}; save it again"
            )
        return alignment


def shared_area(transforms: NDArray[np.float64], kept: NDArray[np.bool_], size: tuple[int, int]) -> Area:
    """Rectangle of the reference that every kept frame covers.

    Parameters
    ----------
    transforms : (N, 3, 3) float64
        Reference → frame, in px.
    kept : (N,) bool
        Which frames count.
    size : int, int
        Height and width of the frames in px.

    Raises
    ------
    ValueError
        If less than a quarter of a side is left; the frame that leaves least is named.
    """
    height, width = size
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]], float).T
    sides = np.full((len(transforms), 4), [0, 0, height - 1, width - 1], float)  # top, left, bottom, right
    for i in np.flatnonzero(kept):
        x, y, w = np.linalg.solve(transforms[i], corners)
        x, y = x / w, y / w
        sides[i] = [max(y[0], y[1]), max(x[0], x[2]), min(y[2], y[3]), min(x[1], x[3])]
    top, left = (max(0, int(np.ceil(side - ALMOST))) for side in sides[:, :2].max(axis=0))
    bottom, right = (int(np.floor(side + ALMOST)) for side in sides[:, 2:].min(axis=0))
    bottom, right = min(bottom, height - 1), min(right, width - 1)
    area = Area(top, left, bottom - top + 1, right - left + 1)
    if area.height < SMALLEST * height or area.width < SMALLEST * width:
        spans = np.minimum((sides[:, 2] - sides[:, 0]) / height, (sides[:, 3] - sides[:, 1]) / width)
        offset = np.abs(sides - [0, 0, height - 1, width - 1]).max(axis=1)
        worst = int(np.argmax(offset / max(size) - spans))
        raise ValueError(
            f"the frames share only {max(area.width, 0)} × {max(area.height, 0)} of {width} × {height} px; frame "
            f"{worst} leaves least: take it out of the burst, or choose a simpler motion (translation, similarity)"
        )
    return area
