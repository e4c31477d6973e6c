"""What an alignment and a run did, in plain words and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ..depth.result import most_between, most_words
from ..diffusion.elimination import REFUSED

if TYPE_CHECKING:
    from ..alignment import Alignment
    from ..depth import Depth
    from ..pipeline import Aligned, Result

__all__ = ["AlignmentReport", "Motion", "duration", "motions", "summary", "summary_of"]

NO_BETTER = (
    "the frames, rendered again, did not look better without the halos' light; if you see halos, try another nearest "
    "frame in the section Halos"
)


@dataclass(frozen=True, slots=True)
class Motion:
    """How one frame was moved: shift in px of its centre, scale, rotation in degrees."""

    x: float
    y: float
    scale: float
    rotation: float

    @property
    def shift(self) -> float:
        """Length of the shift in px."""
        return float(np.hypot(self.x, self.y))


def motions(alignment: Alignment) -> list[Motion]:
    """Motion of each frame, at the centre of the shared area."""
    area = alignment.area
    centre = np.array([area.left + (area.width - 1) / 2, area.top + (area.height - 1) / 2, 1.0])
    found = []
    for matrix in alignment.transforms:
        there = matrix @ centre
        x, y = there[:2] / there[2] - centre[:2]
        linear = matrix[:2, :2] / matrix[2, 2]
        scale = float(np.sqrt(abs(np.linalg.det(linear))))
        rotation = float(np.degrees(np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])))
        found.append(Motion(float(x), float(y), scale, rotation))
    return found


def summary_of(result: Result | Aligned, frames: int, seconds: float) -> str:
    """Sentences that say how a result was made of that many frames, in that time."""
    fused, depth = getattr(result, "image", None) is not None, getattr(result, "depth", None)
    words = summary(result.alignments, frames, seconds, fused=fused, depth=depth)
    return " ".join([words, *_halo_words(result)])


def _halo_words(result: Result | Aligned) -> list[str]:
    """Sentence that says what became of the halos, if something should."""
    found, recipe = getattr(result, "diffusion", None), getattr(result, "recipe", None)
    if found is not None:
        if found.obstacle:
            return [f"No halos taken: {found.obstacle.replace(REFUSED, NO_BETTER)}."]
        share = max(float((found.acted > 0).mean()), 0.001)
        return [f"Halos taken from {share:.1%} of the picture, by the {found.law.nearest} frame as the nearest."]
    asked = recipe is not None and recipe.eliminates(photograph=False)
    needed = "two frames or more, in the order of the sweep, channels joined, and no fusion of raw mosaics"
    return [f"Halos were left: to take them, there must be {needed}."] if asked else []


def summary(
    alignments: Sequence[Alignment], frames: int, seconds: float, *, fused: bool, depth: Depth | None = None
) -> str:
    """Sentences that say what was done.

    Parameters
    ----------
    alignments : sequence of Alignment
        One for each burst; empty if frames were taken as they are.
    frames : int
        Frames of a burst.
    seconds : float
        How long it took.
    fused : bool
        Whether they were fused.
    depth : Depth, optional
        What was measured.
    """
    many = f"{len(alignments)} × " if len(alignments) > 1 else ""
    *first, last = ["aligned"] * bool(alignments) + ["fused"] * fused + ["measured"] * (depth is not None)
    done = " and ".join([", ".join(first), last] if first else [last])
    parts = [f"{many}{frames} frames {done} in {duration(seconds)}."]
    if alignments:
        moved = [(m.shift, i) for a in alignments for i, m in enumerate(motions(a)) if a.kept[i]]
        shift, frame = max(moved)
        parts.append(f"Largest shift {shift:.1f} px (frame {frame})." if shift >= 0.05 else "Nothing had moved.")
        parts.extend(_odd_frames(alignments))
    if depth is not None:
        parts.append(_depth_words(depth))
    return " ".join(parts)


def _depth_words(depth: Depth) -> str:
    """Sentence that says what depths there are."""
    found = most_between(depth.position, depth.measured)
    if found is None:
        return "No depth: nothing is in focus anywhere."
    share = float(depth.measured.mean())
    blank = f"; {1 - share:.0%} of the picture could not be measured" if share < 0.995 else ""
    return f"Depth: most of it {most_words(*found, depth.unit)}{blank}."


def _odd_frames(alignments: Sequence[Alignment]) -> list[str]:
    """Sentences that name the frames that fit nowhere, and what was done with them."""
    if len(alignments) > 1:
        count = sum(len(set(a.misfits) | _left_out(a)) for a in alignments)
        return [f"{count} of them fit nowhere; see the report."] if count else []
    (alignment,) = alignments
    out = _left_out(alignment)
    placed = set(alignment.misfits) - out
    return [
        *_sentence(out, "fits nowhere and was left out", "fit nowhere and were left out"),
        *_sentence(placed, "fits no neighbour and was placed between them", "fit no neighbour and were placed between"),
    ]


def _left_out(alignment: Alignment) -> set[int]:
    return set(np.flatnonzero(~np.asarray(alignment.kept)).tolist())


def _sentence(numbers: set[int], one: str, many: str) -> list[str]:
    if not numbers:
        return []
    names = ", ".join(map(str, sorted(numbers)))
    return [f"Frame {names} {one}." if len(numbers) == 1 else f"Frames {names} {many}."]


def duration(seconds: float) -> str:
    """Time as it is read."""
    if seconds < 59.95:  # above, it would read as 60.0 s
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


class AlignmentReport(QDialog):
    """Window with the motion of each frame.

    Parameters
    ----------
    alignments : sequence of Alignment
        At least one; a chooser appears where there are more.
    name : str
        Of the source.
    """

    COLUMNS = ("Frame", "Shift x (px)", "Shift y (px)", "Scale", "Rotation (°)", "Correlation", "Light", "Used")

    def __init__(self, alignments: Sequence[Alignment], name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Alignment of {name}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(760, 520)
        self._alignments = list(alignments)
        self._words = QLabel()
        self._words.setWordWrap(True)
        self.table = QTableWidget(0, len(self.COLUMNS))
        self.table.setHorizontalHeaderLabels(self.COLUMNS)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(24)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.burst = QComboBox()
        self.burst.addItems([f"burst {i} of {len(alignments)}" for i in range(1, len(alignments) + 1)])
        self.burst.setVisible(len(alignments) > 1)
        self.burst.currentIndexChanged.connect(self._show)
        layout = QVBoxLayout(self)
        for widget in (self.burst, self._words, self.table):
            layout.addWidget(widget)
        self._show(0)

    def _show(self, number: int) -> None:
        alignment = self._alignments[number]
        rows = motions(alignment)
        self._words.setText(
            f"Motion of each frame at the picture's centre, relative to frame {alignment.reference}. The correlation "
            "is with the neighbouring frame after alignment; light says what its brightness was multiplied by."
        )
        self.table.setRowCount(len(rows))
        for i, row in enumerate(rows):
            texts: list[Any] = [
                i,
                f"{row.x:+.2f}",
                f"{row.y:+.2f}",
                f"{row.scale:.5f}",
                f"{row.rotation:+.3f}",
                f"{alignment.correlation[i]:.4f}",
                f"× {np.mean(alignment.gains[i]):.3f}",
                _use(alignment, i),
            ]
            for column, text in enumerate(texts):
                item = QTableWidgetItem(str(text))
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(i, column, item)


def _use(alignment: Alignment, i: int) -> str:
    if not alignment.kept[i]:
        return "left out"
    if i in alignment.misfits:
        return "between neighbours"
    return "reference" if i == alignment.reference else "yes"
