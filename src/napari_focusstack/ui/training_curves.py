"""Curves of a run, painted in the colours of napari's theme."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.theme import get_theme
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from .profile_plot import round_ticks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

__all__ = ["Axis", "Curve", "CurvesPlot", "smoothed", "thinned"]

HEIGHT = 150  # px
BELOW, BESIDE, ROW = 22, 10, 17  # px: for the steps, at the end, of a line of the legend
TICKS = 4  # about so many on an axis
HEADROOM = 0.08  # of the range of values
DARK, LIGHT = 0, 1  # place of a colour for each ground
APART = 6  # px, at least, between two labels of steps
DECADES = 1.5  # from here on a logarithmic axis only labels powers of ten
MEMORY = 0.9  # of the running mean over the steps


@dataclass
class Curve:
    """Values over steps.

    Attributes
    ----------
    name : str
        In the legend; empty: not there.
    colors : (str, str)
        On a dark ground and on a light one.
    thick : float
        Of the line, in px.
    dashed : bool
        Whether the line is.
    points : list of (step, value)
    """

    name: str
    colors: tuple[str, str]
    thick: float = 1.8
    dashed: bool = False
    points: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Axis:
    """From values to their share of the height: linear, or logarithmic in what is above zero.

    Attributes
    ----------
    low, high : float
        Ends of the axis; exponents of ten where it is logarithmic.
    log : bool
        Whether it is.
    """

    low: float
    high: float
    log: bool = False

    @classmethod
    def around(cls, values: Iterable[float], log: bool = False) -> Axis:
        """Return the axis with room for all values that it can show."""
        known = [math.log10(v) if log else v for v in values if math.isfinite(v) and (v > 0 or not log)] or [0.0]
        low, high = min(known), max(known)
        room = (high - low) * HEADROOM or (0.5 if log else abs(high) * HEADROOM or 1.0)
        return cls(low - room, high + room, log)

    def share(self, values: FloatArray) -> FloatArray:
        """Share of the height at which values lie; NaN where they cannot be shown."""
        values = np.where(np.isfinite(values) & ((values > 0) | (not self.log)), values, np.nan)
        shares: FloatArray = ((np.log10(values) if self.log else values) - self.low) / (self.high - self.low)
        return shares

    def ticks(self) -> list[tuple[float, str]]:
        """Round values on the axis, with their labels."""
        if not self.log:
            return round_ticks(self.low, self.high, TICKS)
        fine = (1,) if self.high - self.low > DECADES else (1, 2, 5)
        every = max(1, round((self.high - self.low) / TICKS))
        powers = range(math.floor(self.low), math.ceil(self.high) + 1)
        values = [m * 10.0**power for power in powers if power % every == 0 for m in fine]
        return [(v, f"{v:.1g}") for v in values if self.low <= math.log10(v) <= self.high]


class CurvesPlot(QWidget):
    """Curves over the steps of a run, with a legend that tells their newest values.

    Parameters
    ----------
    title, unit : str
        Of the values.
    empty : str
        What is said while there are none.
    curves : Curve
        In the order of the legend; the first is painted last.
    log : bool
        Whether the axis of the values is logarithmic.
    """

    def __init__(self, title: str, unit: str, empty: str, *curves: Curve, log: bool = False) -> None:
        super().__init__()
        self.log = log
        self._lines: dict[str, tuple[object, FloatArray]] = {}  # by the curve's name: what it was thinned of, and to
        self.title, self.unit, self.empty, self.curves = title, unit, empty, curves
        self._theme, self._steps = "dark", 1
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the size that it would like."""
        return QSize(280, HEIGHT + ROW * len(self._legend()))

    def set_theme(self, theme: str) -> None:
        """Take the colours of one of napari's themes."""
        self._theme = theme
        self.update()

    def show_steps(self, steps: int) -> None:
        """Let the axis reach to this step."""
        self._steps = max(1, steps)
        self.update()

    def clear(self) -> None:
        """Forget all values."""
        for curve in self.curves:
            curve.points.clear()
        self._lines.clear()
        self.update()

    def readout(self, curve: Curve) -> str:
        """Newest value of a curve, with its unit."""
        value = next((value for _, value in reversed(curve.points) if math.isfinite(value)), None)
        if value is None:
            return "–"
        return f"{value:.2f} {self.unit}" if self.unit else f"{value:.3g}"

    # ------------------------------------------------------------------
    # painting

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802
        """Paint the plot."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = get_theme(self._theme)
        text, ground, grid = (QColor(*getattr(theme, n).as_rgb_tuple()[:3]) for n in ("text", "console", "foreground"))
        kind = DARK if ground.lightness() < 128 else LIGHT
        painter.fillRect(self.rect(), ground)
        painter.setPen(text)
        there = [curve for curve in self.curves if curve.points]
        if not there:
            words = f"{self.title}: {self.empty}"
            centred = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(8, 8, -8, -8), centred, words)
            return
        self._paint_legend(painter, text, kind)
        lines = [self._thinned(curve) for curve in there]
        axis = Axis.around(chain.from_iterable(line[:, 1].tolist() for line in lines), self.log)
        left = max((painter.fontMetrics().horizontalAdvance(label) for _, label in axis.ticks()), default=0) + 12
        top = ROW * len(self._legend()) + 10
        box = QRectF(left, top, self.width() - left - BESIDE, self.height() - top - BELOW)
        self._paint_axes(painter, box, axis, text, grid)
        painter.setClipRect(box.adjusted(-2, -2, 2, 2))
        for curve, points in reversed(list(zip(there, lines, strict=True))):
            self._paint_curve(painter, curve, QColor(curve.colors[kind]), self._placed(points, box, axis))

    def _thinned(self, curve: Curve) -> FloatArray:
        """Points to paint, kept for as long as no others come; columns are as wide as the line."""
        columns = max(1, int(self.width() / max(1.0, curve.thick)))
        state = (len(curve.points), curve.points[-1], self._steps, columns)
        if curve.name not in self._lines or self._lines[curve.name][0] != state:
            self._lines[curve.name] = state, thinned(curve.points, self._steps, columns)
        return self._lines[curve.name][1]

    def _placed(self, points: FloatArray, box: QRectF, axis: Axis) -> FloatArray:
        """Where (step, value) lie in the widget, (x, y) in px."""
        x = box.left() + points[:, 0] / self._steps * box.width()
        return np.stack([x, box.bottom() - axis.share(points[:, 1]) * box.height()], 1)

    @staticmethod
    def _paint_curve(painter: QPainter, curve: Curve, color: QColor, places: FloatArray) -> None:
        """Paint a line that is broken where a value is unknown; few or lone points as dots."""
        known = np.flatnonzero(np.isfinite(places[:, 1]))
        for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
            line = [QPointF(x, y) for x, y in places[run].tolist()]
            painter.setPen(QPen(color, curve.thick, Qt.PenStyle.DashLine if curve.dashed else Qt.PenStyle.SolidLine))
            painter.drawPolyline(QPolygonF(line))
            if (curve.name and len(places) < 30) or len(line) == 1:
                painter.setBrush(color)
                painter.setPen(Qt.PenStyle.NoPen)
                for point in line:
                    painter.drawEllipse(point, 2.2, 2.2)
                painter.setBrush(Qt.BrushStyle.NoBrush)

    def _legend(self) -> list[Curve]:
        return [curve for curve in self.curves if curve.name]

    def _paint_legend(self, painter: QPainter, text: QColor, kind: int) -> None:
        for row, curve in enumerate(self._legend()):
            line = QRectF(30, 4 + row * ROW, self.width() - 38, ROW)
            style = Qt.PenStyle.DashLine if curve.dashed else Qt.PenStyle.SolidLine
            painter.setPen(QPen(QColor(curve.colors[kind]), 2, style))
            painter.drawLine(QPointF(8, line.center().y()), QPointF(24, line.center().y()))
            painter.setPen(text)
            painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, curve.name)
            painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self.readout(curve))

    def _paint_axes(self, painter: QPainter, box: QRectF, axis: Axis, text: QColor, grid: QColor) -> None:
        row = painter.fontMetrics().height()
        for value, label in axis.ticks():
            y = box.bottom() - float(axis.share(np.array(value))) * box.height()
            painter.setPen(grid)
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(text)
            place = QRectF(0, y - row / 2, box.left() - 6, row)
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, label)
        free = self.width() - 2.0  # up to here; from the right, as the unit stands at the last label
        ticks = [tick for tick in round_ticks(0, self._steps, TICKS) if float(tick[0]).is_integer()]
        for value, label in reversed(ticks):
            label += " steps" if value == ticks[-1][0] else ""
            x = box.left() + value / self._steps * box.width()
            wide = painter.fontMetrics().horizontalAdvance(label)
            start = min(x - wide / 2, self.width() - wide - 2)
            if start + wide <= free:
                painter.drawText(QPointF(start, box.bottom() + 4 + row * 0.8), label)
                free = start - APART
        painter.setPen(grid)
        painter.drawRect(box)


def smoothed(values: Sequence[float]) -> list[float]:
    """Running mean that forgets exponentially and is true to the first values; NaN where a value is not finite."""
    found, total, weight = [], 0.0, 0.0
    for value in values:
        if not math.isfinite(value):
            found.append(math.nan)
            continue
        total, weight = MEMORY * total + value, MEMORY * weight + 1
        found.append(total / weight)
    return found


def thinned(points: Sequence[tuple[float, float]], steps: int, columns: int) -> FloatArray:
    """Points (P, 2) that look like all of them in so many columns: the lowest and the highest of each, in their order.

    A column without any known value keeps one unknown point, so that lines break there.
    """
    every = np.fromiter(chain.from_iterable(points), np.float64, 2 * len(points)).reshape(-1, 2)
    if len(every) <= 2 * columns:
        return every
    column = np.minimum(every[:, 0] / steps * columns, columns - 1).astype(np.int64)
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    known = np.isfinite(every[:, 1])
    order = np.lexsort((np.where(known, every[:, 1], np.nan), column))  # by column, what is unknown at the end of each
    highest = starts + np.maximum(np.add.reduceat(known, starts, dtype=np.int64) - 1, 0)
    kept = np.unique(np.concatenate([[0, len(every) - 1], order[starts], order[highest]]))
    found: FloatArray = every[kept]
    return found
