"""Checking how a burst was taken: what is wrong as layers over the frames, and in words in a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QDialog, QLabel, QVBoxLayout, QWidget

from ..alignment import Area
from ..progress import part
from ..series import Series
from .marks import HIDDEN, MARKS
from .opening import noting_damage
from .results import Results
from .settings import preferences
from .sweep import known_positions
from .worker import Run

if TYPE_CHECKING:
    from napari.components import LayerList
    from numpy.typing import NDArray

    from ..capture import Capture
    from .source import Source

__all__ = ["CaptureReport", "Checked", "checking", "show_checked"]

WORDS = (("sharp in no frame", "#ff00ff"), ("clipped", "#ffff00"), ("dust", "#00ffff"))
WRONG = dict(zip(MARKS, WORDS, strict=True))  # role: in words, and its colour over the frames
WRONG_FROM = 0.5  # of 1


@dataclass(frozen=True)
class Checked:
    """Captures of all bursts of a series, in order, and their maps with the `axes` of the series."""

    captures: tuple[Capture, ...]
    maps: dict[str, NDArray[Any]]
    axes: str


def checking(layers: LayerList, source: Source, channels: Literal["joint", "separate"] | int = "joint") -> Run:
    """Run, not yet started, that adds to `layers` what is wrong with the frames; it succeeds with a `Checked`."""
    preferences().apply()
    known = known_positions(source)
    told = known.positions if known.from_files else None  # a scale says nothing of planes that are missing
    compute = partial(_check, source.data, source.axes, told, channels if isinstance(channels, int) else -1)
    return Run(partial(noting_damage, compute), partial(show_checked, layers, source), f"checking “{source.name}”")


def show_checked(layers: LayerList, source: Source, checked: Checked) -> None:
    """Draw what is wrong over the frames, in a colour for each kind; kinds of which there is nothing are hidden.

    Where there is something to be seen, results give way to the frames: these lie elsewhere in their coordinates.
    """
    height, width = source.size
    results = Results(layers, source, Area(0, 0, height, width), {"frames": source.frames})
    selected = set(layers.selection)
    hidden = results.give_way() if any((checked.maps[role] >= WRONG_FROM).any() for role in WRONG) else []
    for role, (title, color) in WRONG.items():
        wrong = checked.maps[role]
        look = {
            "colormap": _marker(color, name=title),
            "contrast_limits": (WRONG_FROM - 0.25, WRONG_FROM + 0.25),
            "interpolation2d": "nearest",
            "opacity": 0.6,
        }
        layer = results.put(role, source.layers, wrong, checked.axes, look, title=title, facts={HIDDEN: hidden})
        layer.visible = bool((wrong >= WRONG_FROM).any())
    layers.selection.clear()
    layers.selection.update(source.layers if hidden else selected)


def _check(data: Any, axes: str, positions: Sequence[float] | None, channel: int) -> Checked:
    from ..capture import check_capture

    series = Series(data, axes, "Z")
    names = "".join(letter for letter in axes if letter in (*series.loops, "Y", "X"))
    captures, maps = [], {}
    for at, (place, frames) in enumerate(series):
        with part(f"burst {at + 1} of {len(series)}" if len(series) > 1 else ""):
            captures.append(check_capture(frames, positions=positions, channel=channel))
        for role in WRONG:
            plane = _wrong(captures[-1], role)
            if role not in maps:
                maps[role] = np.empty(series.shape_of(names, plane.shape), np.float32)
            series.put(maps[role], names, place, plane)
    return Checked(tuple(captures), maps, names)


def _wrong(capture: Capture, role: str) -> NDArray[np.float32]:
    """Map of a capture, 1 where something is wrong: what is blurred in all frames, clipped or dusty."""
    plane = np.asarray(getattr(capture, role), np.float32)
    return np.nan_to_num(1 - plane) if role == "coverage" else plane


def _marker(color: str, *, name: str) -> Any:
    """Colour map from see-through to a colour."""
    from napari.utils.colormaps import Colormap

    return Colormap([f"{color}00", f"{color}ff"], name=name)


class CaptureReport(QDialog):
    """Window that says what is wrong with how a burst was taken.

    Parameters
    ----------
    captures : sequence of Capture
        At least one; a chooser appears where there are more.
    name : str
        Of the source.
    """

    def __init__(self, captures: Sequence[Capture], name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Capture of {name}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(520, 240)
        self._captures = list(captures)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.words.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.burst = QComboBox()
        self.burst.addItems([f"burst {i} of {len(captures)}" for i in range(1, len(captures) + 1)])
        self.burst.setVisible(len(captures) > 1)
        self.burst.currentIndexChanged.connect(self._show)
        legend = QLabel("Drawn over the frames: " + _legend())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addWidget(self.burst)
        layout.addWidget(self.words, 1)
        layout.addWidget(legend)
        self._show(0)

    def _show(self, number: int) -> None:
        self.words.setText(self._captures[number].report().replace("\n", "\n\n"))


def _legend() -> str:
    """Return the colours of what is wrong, as rich text."""
    return " &nbsp; ".join(f'<span style="color: {color}">■</span> {title}' for title, color in WRONG.values())
