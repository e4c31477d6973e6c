"""The part of the depth panel about profiles: depth along a line that is drawn, live while it is dragged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QSpinBox, QVBoxLayout, QWidget

from ..depth.profile import profile
from .feedback import Message
from .fields import quiet
from .forms import add_row, form_layout
from .profile_plot import ProfilePlot
from .regions import line_of
from .saving import ask_path, check_folder
from .sections import push_button, side_by_side
from .wording import error_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..depth.profile import Profile
    from .annotations import Drawn
    from .measured import Measured

__all__ = ["ProfilePart", "profile_along"]

BROADEST = 501  # px
WIDTH_TIP = "<p>Breadth of the stripe along the line whose depths are averaged.</p>"


class ProfilePart(QWidget):
    """Buttons for a line, and the plot of the depth along it.

    Parameters
    ----------
    drawn : Drawn
        Lines and regions.
    """

    def __init__(self, drawn: Drawn) -> None:
        super().__init__()
        self._drawn = drawn
        self._chosen: Measured | None = None
        self.profile: Profile | None = None
        self.draw = push_button("Draw a line", "Press the mouse, and pull the line across the picture.")
        self.move_ = push_button("Move", "Drag the line, or its ends, to another place.")
        self.save = push_button("Save CSV…", "Save distance, depth and σ as a table.")
        self.width_, self.plot, self.message = quiet(QSpinBox()), ProfilePlot(), Message()
        self.width_.setRange(1, BROADEST)
        self.width_.setSuffix(" px")
        self.message.say("")
        rows = QWidget()
        add_row(form_layout(rows), "Width", self.width_, WIDTH_TIP)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 10)
        column.setSpacing(6)
        for widget in (side_by_side(self.draw, self.move_, self.save), self.plot, rows, self.message):
            column.addWidget(widget)
        self.draw.clicked.connect(lambda: self._turn_to("add_line"))
        self.move_.clicked.connect(lambda: self._turn_to("direct"))
        self.save.clicked.connect(self.save_csv)
        self.width_.valueChanged.connect(lambda _: self.refresh())

    def follow(self, chosen: Measured | None) -> None:
        """Measure in another depth, or another plane of it."""
        self._chosen = chosen
        self.refresh()

    def refresh(self) -> None:
        """Plot the line as it is now."""
        chosen, line = self._chosen, line_of(self._drawn)
        self.profile = None
        if chosen is not None and line is not None and not np.array_equal(line[0], line[1]):
            self.profile = profile_along(chosen, line, self.width_.value())
        self.plot.show_profile(self.profile)
        self.draw.setEnabled(chosen is not None)
        self.move_.setEnabled(line is not None)
        self.save.setEnabled(self.profile is not None)

    def save_csv(self) -> None:
        """Ask for a file and save the profile in it."""
        assert self._chosen is not None and self.profile is not None
        path = ask_path(self, "Save the profile", f"{self._chosen.source} profile.csv", ("CSV (*.csv)",))
        if path:
            try:
                check_folder(path)
                self.profile.save(path)
                self.message.say(f"Saved as “{Path(path).name}”.")
            except OSError as error:
                self.message.say(error_words(error), "error")

    def _turn_to(self, mode: str) -> None:
        self._drawn.ready().mode = mode


def profile_along(chosen: Measured, line: NDArray[np.float64], width: int) -> Profile:
    """Depth along a line ((y, x), (y, x)) in px; only the part of the map around it is looked at."""
    depth, margin = chosen.depth, width + 2
    low = np.clip(np.floor(line.min(0)).astype(int) - margin, 0, None)
    high = np.ceil(line.max(0)).astype(int) + margin + 1
    low = np.minimum(low, np.array(depth.position.shape) - 1)
    part = (slice(low[0], max(high[0], low[0] + 1)), slice(low[1], max(high[1], low[1] + 1)))
    names = ("position", "sigma", "index", "confidence")
    near = replace(depth, **{name: getattr(depth, name)[part] for name in names})
    start, end = (tuple(float(v) for v in place - low) for place in line)
    return profile(near, (start[0], start[1]), (end[0], end[1]), pixel_size=chosen.pixel_size, width=width)
