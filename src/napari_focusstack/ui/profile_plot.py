"""A plot of depth along a line, painted in the colours of napari's theme."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.theme import get_theme
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from ..units import symbol
from .measured import with_error

if TYPE_CHECKING:
    from qtpy.QtCore import QEvent

    from ..depth.profile import Profile

__all__ = ["ProfilePlot", "round_ticks"]

HEIGHT = 190  # px
ABOVE, BELOW, BESIDE = 22, 34, 8  # px around the axes: for the readout, the distances, the end
TICKS = 5  # about so many on an axis
LINE = QColor("#ff5ce1")  # as the line in the picture
LINE_ON_WHITE = QColor("#b8129a")
EMPTY = "Draw a line across the picture."
HEADROOM = 0.08  # of the range of depths


class ProfilePlot(QWidget):
    """Depth over distance with a band of one σ; tells the values under the mouse."""

    def __init__(self) -> None:
        super().__init__()
        self._profile: Profile | None = None
        self._theme = "dark"
        self._under: int | None = None  # the point under the mouse
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the size that it would like."""
        return QSize(280, HEIGHT)

    def show_profile(self, profile: Profile | None) -> None:
        """Plot another profile, or none."""
        self._profile, self._under = profile, None
        self.update()

    def set_theme(self, theme: str) -> None:
        """Take the colours of one of napari's themes."""
        self._theme = theme
        self.update()

    def readout(self) -> str:
        """Return what is known of the point under the mouse, else of the whole profile."""
        profile = self._profile
        if profile is None:
            return ""
        unit, lateral = symbol(profile.unit), symbol(profile.distance_unit)
        if self._under is not None:
            z, sigma = profile.position[self._under], profile.sigma[self._under]
            told = f"{with_error(z, sigma)} {unit}" if math.isfinite(z) else "unknown"
            return f"at {profile.distance[self._under]:.4g} {lateral}: {told}"
        known = profile.position[np.isfinite(profile.position)]
        span = f" · range {known.max() - known.min():.4g} {unit}" if known.size else ""
        return f"length {profile.distance[-1]:.4g} {lateral}{span}"

    # ------------------------------------------------------------------
    # painting

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802
        """Paint the plot."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors = get_theme(self._theme)
        text, ground, grid = (QColor(*getattr(colors, n).as_rgb_tuple()[:3]) for n in ("text", "console", "foreground"))
        painter.fillRect(self.rect(), ground)
        painter.setPen(text)
        if self._profile is None or not np.isfinite(self._profile.position).any():
            words = EMPTY if self._profile is None else "No depth is known along this line."
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, words)
            return
        box, axes = self._box(), self._ranges()
        self._paint_axes(painter, box, axes, text, grid)
        line = LINE if ground.lightness() < 128 else LINE_ON_WHITE
        painter.setClipRect(box.adjusted(-1, -1, 1, 1))
        self._paint_line(painter, box, axes, line)
        if self._under is not None:
            self._paint_mark(painter, box, axes, text, line)
        painter.setClipping(False)
        painter.setPen(text)
        above = QRectF(box.left(), 0, box.width(), ABOVE)
        painter.drawText(above, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self.readout())
        painter.drawText(
            QRectF(4, 0, 80, ABOVE),
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
            f"z ({symbol(self._profile.unit)})",
        )

    def _ranges(self) -> tuple[float, float, float]:
        """Longest distance, lowest and highest depth on the axes."""
        assert self._profile is not None
        sigma = np.nan_to_num(self._profile.sigma)
        low = float(np.nanmin(self._profile.position - sigma))
        high = float(np.nanmax(self._profile.position + sigma))
        room = (high - low) * HEADROOM or abs(high) * HEADROOM or 1.0
        return float(self._profile.distance[-1]), low - room, high + room

    def _box(self) -> QRectF:
        """Rectangle of the plot itself."""
        _, low, high = self._ranges()
        widest = max(self.fontMetrics().horizontalAdvance(label) for _, label in round_ticks(low, high, TICKS))
        left = widest + 12
        return QRectF(left, ABOVE, self.width() - left - BESIDE, self.height() - ABOVE - BELOW)

    def _paint_axes(
        self, painter: QPainter, box: QRectF, axes: tuple[float, float, float], text: QColor, grid: QColor
    ) -> None:
        assert self._profile is not None
        length, low, high = axes
        row = painter.fontMetrics().height()
        for value, label in round_ticks(low, high, TICKS):
            y = box.bottom() - (value - low) / (high - low) * box.height()
            painter.setPen(grid)
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(text)
            place = QRectF(0, y - row / 2, box.left() - 6, row)
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, label)
        ticks = round_ticks(0, length, TICKS)
        for value, label in ticks:
            x = box.left() + value / length * box.width()
            painter.setPen(grid)
            painter.drawLine(QPointF(x, box.bottom()), QPointF(x, box.bottom() + 4))
            painter.setPen(text)
            unit = f" {symbol(self._profile.distance_unit)}" if (value, label) == ticks[-1] else ""
            wide = painter.fontMetrics().horizontalAdvance(label + unit)
            left = min(x - painter.fontMetrics().horizontalAdvance(label) / 2, self.width() - wide - 2)
            painter.drawText(QPointF(left, box.bottom() + 6 + row * 0.8), label + unit)
        painter.setPen(grid)
        painter.drawRect(box)

    def _paint_line(self, painter: QPainter, box: QRectF, axes: tuple[float, float, float], color: QColor) -> None:
        assert self._profile is not None
        position, sigma = self._profile.position, np.nan_to_num(self._profile.sigma)
        known = np.flatnonzero(np.isfinite(position))
        for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
            distance = self._profile.distance[run]
            over, under = position[run] + sigma[run], position[run] - sigma[run]
            band = [self._point(box, axes, d, z) for d, z in zip(distance, over, strict=True)]
            band += [self._point(box, axes, d, z) for d, z in zip(distance[::-1], under[::-1], strict=True)]
            shade = QColor(color)
            shade.setAlpha(70)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(shade)
            painter.drawPolygon(QPolygonF(band))
            painter.setPen(QPen(color, 1.6))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            middle = [self._point(box, axes, d, z) for d, z in zip(distance, position[run], strict=True)]
            painter.drawPolyline(QPolygonF(middle))

    def _paint_mark(
        self, painter: QPainter, box: QRectF, axes: tuple[float, float, float], text: QColor, color: QColor
    ) -> None:
        assert self._profile is not None and self._under is not None
        distance, z = self._profile.distance[self._under], self._profile.position[self._under]
        x = self._point(box, axes, distance, axes[1]).x()
        painter.setPen(QPen(text, 1, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))
        if math.isfinite(z):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            painter.drawEllipse(self._point(box, axes, distance, z), 3.5, 3.5)

    def _point(self, box: QRectF, axes: tuple[float, float, float], distance: float, z: float) -> QPointF:
        length, low, high = axes
        return QPointF(
            box.left() + distance / length * box.width(), box.bottom() - (z - low) / (high - low) * box.height()
        )

    # ------------------------------------------------------------------
    # the mouse

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Tell the point under the mouse."""
        if self._profile is None or not np.isfinite(self._profile.position).any():
            return
        box = self._box()
        share = (event.position().x() - box.left()) / box.width()
        last = len(self._profile.distance) - 1
        self._under = round(share * last) if 0 <= share <= 1 else None
        self.update()

    def leaveEvent(self, _: QEvent) -> None:  # noqa: N802
        """Forget the point."""
        self._under = None
        self.update()


def round_ticks(low: float, high: float, count: int) -> list[tuple[float, str]]:
    """Round values between two, about `count`, with their labels: all of them with the same digits."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(m for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(k * step, f"{k * step:.{digits}f}") for k in range(first, last + 1)]
