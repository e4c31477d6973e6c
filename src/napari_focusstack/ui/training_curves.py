"""Curves of a run, painted in the colours of napari's theme."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from napari.utils.theme import get_theme
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from .profile_plot import round_ticks

__all__ = ["Curve", "CurvesPlot", "smoothed"]

HEIGHT = 150  # px
BELOW, BESIDE, ROW = 22, 10, 17  # px: for the steps, at the end, of a line of the legend
TICKS = 4  # about so many on an axis
HEADROOM = 0.08  # of the range of values
DARK, LIGHT = 0, 1  # place of a colour for each ground
MOST_POINTS = 600  # of a curve that are painted
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
    """

    def __init__(self, title: str, unit: str, empty: str, *curves: Curve) -> None:
        super().__init__()
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
        self.update()

    def readout(self, curve: Curve) -> str:
        """Newest value of a curve, with its unit."""
        if not curve.points:
            return "–"
        value = curve.points[-1][1]
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
        low, high = _range([value for curve in there for _, value in curve.points])
        ticks = round_ticks(low, high, TICKS)
        left = max(painter.fontMetrics().horizontalAdvance(label) for _, label in ticks) + 12
        top = ROW * len(self._legend()) + 10
        box = QRectF(left, top, self.width() - left - BESIDE, self.height() - top - BELOW)
        self._paint_axes(painter, box, (low, high), text, grid)
        painter.setClipRect(box.adjusted(-2, -2, 2, 2))
        for curve in reversed(there):
            line = [
                QPointF(
                    box.left() + step / self._steps * box.width(),
                    box.bottom() - (value - low) / (high - low) * box.height(),
                )
                for step, value in _thinned(curve.points)
            ]
            color = QColor(curve.colors[kind])
            painter.setPen(QPen(color, curve.thick, Qt.PenStyle.DashLine if curve.dashed else Qt.PenStyle.SolidLine))
            painter.drawPolyline(QPolygonF(line))
            if curve.name and len(line) < 30:
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

    def _paint_axes(
        self, painter: QPainter, box: QRectF, values: tuple[float, float], text: QColor, grid: QColor
    ) -> None:
        low, high = values
        row = painter.fontMetrics().height()
        for value, label in round_ticks(low, high, TICKS):
            y = box.bottom() - (value - low) / (high - low) * box.height()
            painter.setPen(grid)
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(text)
            place = QRectF(0, y - row / 2, box.left() - 6, row)
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, label)
        ticks = [tick for tick in round_ticks(0, self._steps, TICKS) if float(tick[0]).is_integer()]
        for value, label in ticks:
            label += " steps" if value == ticks[-1][0] else ""
            x = box.left() + value / self._steps * box.width()
            wide = painter.fontMetrics().horizontalAdvance(label)
            painter.drawText(QPointF(min(x - wide / 2, self.width() - wide - 2), box.bottom() + 4 + row * 0.8), label)
        painter.setPen(grid)
        painter.drawRect(box)


def smoothed(values: Sequence[float]) -> list[float]:
    """Running mean of values, which forgets them exponentially; true to the first ones, too."""
    found, total, weight = [], 0.0, 0.0
    for value in values:
        total, weight = MEMORY * total + value, MEMORY * weight + 1
        found.append(total / weight)
    return found


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest on the axis: of the finite values, with some room."""
    known = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(known), max(known)
    room = (high - low) * HEADROOM or abs(high) * HEADROOM or 1.0
    return low - room, high + room


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    every = max(1, len(points) // MOST_POINTS)
    return points if every == 1 else [*points[::every], points[-1]]
