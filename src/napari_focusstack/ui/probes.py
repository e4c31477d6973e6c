"""Probes: points with the depth and its error beside them, and how two of them differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..files import write_text
from ..units import symbol
from .annotations import Drawn, describe
from .feedback import Message
from .forms import help_label
from .hover import frame_at
from .measured import Measured, with_error
from .saving import ask_path, check_folder
from .sections import push_button, side_by_side
from .surface_texture import brightness_at
from .wording import error_words

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer, Points

__all__ = ["Difference", "ProbesPart", "difference", "label_probes", "probes_csv"]

ROLE = "probes"
COLOR = "#ff3ddb"  # no colour of depth, and rare in pictures
SIZES = (10, 13)  # px of the window, at least and at most
SHARE = 60  # of the longer side of the map: the size between
FEATURES = ("depth", "sigma", "frame", "label")
BRIGHT = 0.5  # on what is brighter, words are black
HOW = "Click into the picture to set probes. With “Move”, drag them, or select two to compare."


@dataclass(frozen=True)
class Difference:
    """What lies between two probes.

    Attributes
    ----------
    height, sigma : float
        Difference of depth, the second less the first, and its standard deviation.
    distance : float
        Across the picture.
    slope : float
        Angle in degrees; NaN where depth and distance have no unit in common.
    unit, distance_unit : str
        Of depth and distance.
    """

    height: float
    sigma: float
    distance: float
    slope: float
    unit: str
    distance_unit: str

    def __str__(self) -> str:
        unit, lateral = symbol(self.unit), symbol(self.distance_unit)
        if not math.isfinite(self.height):
            return f"Δz not known · distance {self.distance:.4g} {lateral}"
        slope = f" · slope {self.slope:.1f}°" if math.isfinite(self.slope) else ""
        height = with_error(self.height, self.sigma).replace("-", "−")
        return f"Δz {height} {unit} · distance {self.distance:.4g} {lateral}{slope}"


def difference(chosen: Measured, first: Any, second: Any) -> Difference:
    """Return what lies between two places (y, x) in px."""
    (z0, s0), (z1, s1) = chosen.at(*first), chosen.at(*second)
    size = np.ones(2) if chosen.pixel_size is None else np.array(chosen.pixel_size)
    distance = float(np.hypot(*((np.asarray(second) - np.asarray(first)) * size)))
    scaled = chosen.pixel_size is not None
    slope = math.degrees(math.atan2(abs(z1 - z0), distance)) if scaled else math.nan
    return Difference(z1 - z0, math.hypot(s0, s1), distance, slope, chosen.depth.unit, chosen.lateral_unit)


def label_probes(layer: Points, chosen: Measured, layers: Sequence[Layer] = ()) -> None:
    """Give each probe its depth, error and frame, and the words beside it, to be read on what `layers` show there."""
    import pandas as pd

    if not len(layer.data):  # napari cannot write words for none
        return
    values = [chosen.at(*place) for place in layer.data]
    unit, positions = symbol(chosen.depth.unit), chosen.depth.positions
    layer.features = pd.DataFrame(
        {
            "depth": np.array([z for z, _ in values], float),
            "sigma": np.array([sigma for _, sigma in values], float),
            "frame": np.array([_frame(positions, z) for z, _ in values], float),
            "label": [f"{with_error(z, s)} {unit}" if math.isfinite(z) else "unknown" for z, s in values],
        },
        columns=FEATURES,
    )
    inks = ["black" if brightness_at(layers, chosen, place) > BRIGHT else "white" for place in layer.data]
    color = {"array": inks, "default": "white"}
    layer.text = {
        "string": "{label}",
        "color": color,
        "size": 11,
        "anchor": "upper_left",
        "translation": (0, _size(chosen) / 2),
    }


def probes_csv(layer: Points, chosen: Measured) -> str:
    """Return the probes as CSV, a row each, units in the header."""
    unit, lateral = symbol(chosen.depth.unit), symbol(chosen.lateral_unit)
    size = np.ones(2) if chosen.pixel_size is None else np.array(chosen.pixel_size)
    rows = [f"probe,y ({lateral}),x ({lateral}),depth ({unit}),sigma ({unit}),frame"]
    for i, place in enumerate(layer.data):
        z, sigma = chosen.at(*place)
        numbers = (*(place * size), z, sigma, _frame(chosen.depth.positions, z))
        rows.append(",".join([str(i + 1), *("" if math.isnan(n) else f"{n:.6g}" for n in numbers)]))
    return "\n".join(rows) + "\n"


class ProbesPart(QWidget):
    """Buttons for probes, and the difference of two."""

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._layers = viewer.layers
        self._chosen: Measured | None = None
        self.drawn = Drawn(viewer, ROLE, _empty, self._show)
        self.add = push_button("Set probes", "Click into the picture to measure there.")
        self.move_ = push_button("Move", "Drag probes to other places; with Shift, select several.")
        self.save = push_button("Save CSV…", "Save all probes as a table.")
        self.said, self.message = help_label(HOW), Message()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 10)
        column.setSpacing(6)
        for widget in (side_by_side(self.add, self.move_, self.save), self.said, self.message):
            column.addWidget(widget)
        self.add.clicked.connect(lambda: self._turn_to("add"))
        self.move_.clicked.connect(lambda: self._turn_to("select"))
        self.save.clicked.connect(self.save_csv)
        self._show()

    def follow(self, chosen: Measured | None) -> None:
        """Measure in another depth, or another plane of it."""
        self._watch(None if chosen is None else chosen.layer)
        self._chosen = chosen
        self.drawn.follow(chosen)

    def release(self) -> None:
        """Stop following the viewer."""
        self._watch(None)
        self.drawn.release()

    def title(self) -> str:
        """Return how many there are, for the section's header."""
        count = 0 if self.drawn.layer is None else len(self.drawn.layer.data)
        return {0: "", 1: "1 probe"}.get(count, f"{count} probes")

    def save_csv(self) -> None:
        """Ask for a file and save the probes in it."""
        chosen, layer = self._chosen, self.drawn.layer
        assert chosen is not None
        path = ask_path(self, "Save the probes", f"{chosen.source} probes.csv", ("CSV (*.csv)",))
        if path:
            try:
                check_folder(path)
                write_text(path, probes_csv(layer, chosen))
                self.message.say(f"Saved as “{Path(path).name}”.")
            except OSError as error:
                self.message.say(error_words(error), "error")

    def _watch(self, layer: Layer | None) -> None:
        """Listen whether the map is visible, on which the words are read."""
        if self._chosen is not None:
            self._chosen.layer.events.visible.disconnect(self._show)
        if layer is not None:
            layer.events.visible.connect(self._show)

    def _turn_to(self, mode: str) -> None:
        self.drawn.ready().mode = mode

    def _show(self, _: Any = None) -> None:
        layer, chosen = self.drawn.layer, self._chosen
        count = 0 if layer is None else len(layer.data)
        self.add.setEnabled(chosen is not None)
        self.move_.setEnabled(count > 0)
        self.save.setEnabled(count > 0)
        words = ""
        if layer is not None and chosen is not None:
            label_probes(layer, chosen, self._layers)
            pair = self.drawn.selected() if len(self.drawn.selected()) == 2 else list(range(count))[-2:]
            if len(pair) == 2:
                first, second = (layer.data[i] for i in pair)
                words = f"Probes {pair[0] + 1} and {pair[1] + 1}: {difference(chosen, first, second)}"
        self.message.say(words)
        self.said.setVisible(not words)
        self.changed.emit()


def _empty(chosen: Measured) -> Points:
    """Layer of no probes yet."""
    import pandas as pd
    from napari.layers import Points

    known = {"depth": [0.0], "sigma": [0.0], "frame": [0.0], "label": [""]}
    features = pd.DataFrame(known, columns=FEATURES)
    return Points(
        np.empty((0, 2)),
        ndim=2,
        features=features.iloc[:0],
        feature_defaults=features,
        symbol="disc",
        face_color=COLOR,
        border_color="white",
        border_width=0.18,
        size=_size(chosen),
        canvas_size_limits=SIZES,
        **describe(chosen, ROLE, "probes"),
    )


def _size(chosen: Measured) -> float:
    """Size of a probe in px of the map."""
    return float(max(chosen.depth.position.shape)) / SHARE


def _frame(positions: Any, z: float) -> float:
    return float(frame_at(positions, z)) if len(positions) and math.isfinite(z) else math.nan
