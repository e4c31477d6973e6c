"""What the dock panels have in common: a column that scrolls, colours of the theme, and their place in the window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QDockWidget, QFrame, QMainWindow, QScrollArea, QVBoxLayout, QWidget

from .feedback import Message
from .look import style_sheet

if TYPE_CHECKING:
    import napari.viewer
    from napari.components import ViewerModel

__all__ = ["DockPanel"]

LOWEST = 200  # px: what is above the sections can be read and clicked
SLIDERS = 0.1  # by which the room for the picture changes when they come and go: napari does not fit it anew
SETTLED_MS = 50  # after which a dock has its place, and the picture what is left


class DockPanel(QScrollArea):
    """Panel in a dock of napari's window.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        In whose window it is.
    width : int
        In px: the dock's title and every label fit.
    """

    def __init__(self, viewer: napari.viewer.Viewer, width: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._placed, self._fitted = False, _is_fitted(viewer)
        self.message = Message()
        self.message.say("")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumSize(width, LOWEST)

    def say(self, text: str, kind: str = "info") -> None:
        """Show a message: "info", "warning" or "error"."""
        self.message.say(text, kind)

    def release(self) -> None:
        """Let go of the viewer: the dock is closed."""
        self._viewer.events.theme.disconnect(self._on_theme)

    def _fill(self, *widgets: QWidget) -> None:
        """Put widgets below each other, and follow the theme from now on."""
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        for widget in widgets:
            layout.addWidget(widget)
        layout.addStretch(1)
        self.setWidget(content)
        self._viewer.events.theme.connect(self._on_theme)
        self._on_theme()

    def _on_theme(self, _: Any = None) -> None:
        self.setStyleSheet(style_sheet(self._viewer.theme))

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Let go of the viewer when the dock is closed."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.release()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Find a place in the window when the dock is shown for the first time."""
        super().showEvent(event)
        if not self._placed:
            self._placed = True
            QTimer.singleShot(0, self._join)
            QTimer.singleShot(SETTLED_MS, self._refit)

    def _join(self) -> None:
        """Share the dock of a panel of ours that is there already: below it, there would be room for neither."""
        ours = _dock_of(self)
        window = None if ours is None else ours.parent()
        if ours is None or ours.isFloating() or not isinstance(window, QMainWindow):
            return
        panels = [panel for panel in window.findChildren(DockPanel) if panel is not self and panel.isVisible()]
        for other in filter(None, map(_dock_of, panels)):
            if not other.isFloating() and window.dockWidgetArea(other) == window.dockWidgetArea(ours):
                window.tabifyDockWidget(other, ours)
                ours.raise_()
                return

    def _refit(self) -> None:
        """Show the whole picture beside the panel, if the whole was shown before there was one."""
        if self._fitted and self._viewer.dims.ndisplay == 2:
            self._viewer.fit_to_view()
        self._fitted = False


def _is_fitted(viewer: ViewerModel) -> bool:
    """Whether the window shows all there is as napari does by itself: nobody moved the picture, or zoomed."""
    if not len(viewer.layers) or viewer.dims.ndisplay != 2:
        return False
    camera = viewer.scene.camera
    center, zoom = camera.center, camera.zoom
    viewer.fit_to_view()
    fitted = bool(np.allclose(camera.center[-2:], center[-2:])) and abs(camera.zoom / zoom - 1) < SLIDERS
    if not fitted:
        camera.center, camera.zoom = center, zoom
    return fitted


def _dock_of(widget: QWidget) -> QDockWidget | None:
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return parent
