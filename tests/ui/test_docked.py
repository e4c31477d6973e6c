"""Where the panels are in the window, and what they leave of the picture."""

import numpy as np
import pytest
from qtpy.QtWidgets import QWidget

from napari_focusstack.ui.docked import LOWEST, SETTLED_MS
from napari_focusstack.ui.source import PLUGIN

PANELS = ("Focus stack", "Depth and 3-D", "Train a network")
WAIT_MS = 10 * SETTLED_MS


@pytest.fixture
def window(plugin, make_napari_viewer_proxy, qtbot):
    """Viewer whose window is on the screen, with a broad picture in it."""
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(1200, 700)
    qtbot.wait(WAIT_MS)
    viewer.add_image(np.zeros((3, 100, 400), np.uint8))
    qtbot.wait(WAIT_MS)
    return viewer


def add(viewer, qtbot, name):
    dock, panel = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    qtbot.wait(WAIT_MS)
    return dock, panel


def right_edge(viewer):
    """Right edge of the picture, as a share of the canvas."""
    camera = viewer.scene.camera
    return 0.5 + (399.5 - camera.center[-1]) * camera.zoom / viewer.canvas.size[1]


def test_panels_share_a_dock_and_the_new_one_is_in_front(window, qtbot):
    first, stacking = add(window, qtbot, PANELS[0])
    for name in PANELS[1:]:
        dock, panel = add(window, qtbot, name)
        others = first.parent().tabifiedDockWidgets(first)
        assert dock in others
        assert not panel.visibleRegion().isEmpty()
        assert stacking.visibleRegion().isEmpty()
        assert panel.height() > 3 * LOWEST


def test_a_panel_that_floats_is_left_where_it_is(window, qtbot):
    first, _ = add(window, qtbot, PANELS[0])
    first.setFloating(True)
    dock, _ = add(window, qtbot, PANELS[1])
    assert first.isFloating()
    assert not dock.parent().tabifiedDockWidgets(dock)


def test_below_the_dock_of_another_plugin_the_button_can_be_clicked(window, qtbot):
    for _ in range(2):
        window.window.add_dock_widget(QWidget(), area="right")
    _, panel = add(window, qtbot, PANELS[1])
    assert panel.button.mapTo(panel, panel.button.rect().bottomLeft()).y() < panel.viewport().height()


def test_a_picture_that_was_seen_whole_stays_so_beside_the_panel(window, qtbot):
    before = window.canvas.size[1]
    add(window, qtbot, PANELS[0])
    assert window.canvas.size[1] < before - 300
    assert 0.9 < right_edge(window) < 1


def test_a_view_that_was_chosen_is_kept(window, qtbot):
    camera = window.scene.camera
    camera.center, camera.zoom = (0, 20, 30), 7.0
    add(window, qtbot, PANELS[0])
    assert (tuple(camera.center), camera.zoom) == ((0, 20, 30), 7.0)


def test_a_view_that_was_chosen_since_is_kept(window, qtbot):
    add(window, qtbot, PANELS[0])
    camera = window.scene.camera
    camera.center, camera.zoom = (0, 20, 30), 7.0
    add(window, qtbot, PANELS[1])
    window.window.resize(1000, 700)
    qtbot.wait(WAIT_MS)
    assert (tuple(camera.center), camera.zoom) == ((0, 20, 30), 7.0)
