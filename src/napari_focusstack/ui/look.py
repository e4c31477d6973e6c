"""The panel's look: section headers, the main button, messages; colours from napari's theme."""

from __future__ import annotations

import re

from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

__all__ = ["Section", "breakable", "style_sheet"]

LONGEST_WORD = 36  # characters that fit into a line of the panel


class Section(QFrame):
    """A titled part of the panel that opens and closes.

    Parameters
    ----------
    title : str
        What it is about.
    content : QWidget
        What is shown when it is open.
    """

    def __init__(self, title: str, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("section")
        self.header, self.summary = QToolButton(), QLabel()
        self.header.setText(title)
        self.header.setObjectName("sectionHeader")
        self.header.setCheckable(True)
        self.header.setArrowType(Qt.ArrowType.RightArrow)
        self.header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.header.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.header.toggled.connect(self._toggle)
        self.summary.setObjectName("help")
        self.summary.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)  # the whole line is the button
        line = QHBoxLayout(self.header)
        line.setContentsMargins(0, 0, 4, 0)
        line.addWidget(self.summary, 0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.content = content
        content.setVisible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addWidget(content)

    def set_summary(self, text: str) -> None:
        """Say at the end of the title's line what is chosen inside."""
        self.summary.setText(text)

    def open(self, opened: bool = True) -> None:
        """Open or close the section."""
        self.header.setChecked(opened)

    def _toggle(self, opened: bool) -> None:
        self.header.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        self.content.setVisible(opened)


def style_sheet(theme: str) -> str:
    """Style sheet of the panel in one of napari's themes."""
    colors = get_theme(theme)
    points = int(colors.font_size.removesuffix("pt"))
    return f"""
    QPushButton#main {{
        background-color: {colors.current.as_rgb()}; color: {colors.text.as_rgb()};
        font-size: {points + 4}pt; font-weight: bold; min-height: 34px; border-radius: 4px;
    }}
    QPushButton#main:hover {{ background-color: {colors.highlight.as_rgb()}; }}
    QPushButton#main:disabled {{ background-color: {colors.foreground.as_rgb()}; font-weight: normal; }}
    QLabel#help {{ color: {_faded(colors)}; font-size: {points}pt; }}
    QLabel#message {{ padding: 6px; border-radius: 4px; background-color: {colors.foreground.as_rgb()}; }}
    QLabel#message[kind="error"] {{ border-left: 3px solid {colors.error.as_rgb()}; }}
    QLabel#message[kind="warning"] {{ border-left: 3px solid {colors.warning.as_rgb()}; }}
    QFrame#section {{ border-top: 1px solid {colors.foreground.as_rgb()}; }}
    QToolButton#sectionHeader {{
        font-size: {points + 1}pt; font-weight: bold; padding: 6px 2px; border: none; text-align: left;
    }}
    QToolButton#sectionHeader:hover {{ background-color: {colors.foreground.as_rgb()}; }}
    """


def breakable(text: str) -> str:
    """Text whose very long words (paths) may be broken by a label after their separators."""
    words = re.split(r"(\s)", text)
    return "".join(re.sub(r"([/\\_.-])", "\\1\u200b", w) if len(w) > LONGEST_WORD else w for w in words)


def _faded(colors: object) -> str:
    """Return the theme's text colour, half way to its background."""
    text, ground = (getattr(colors, name).as_rgb_tuple(alpha=False) for name in ("text", "background"))
    return f"rgb({', '.join(str(round(0.65 * a + 0.35 * b)) for a, b in zip(text, ground, strict=True))})"
