"""The page in the preferences."""

from pathlib import Path

import pytest

from napari_focusstack import devices
from napari_focusstack.devices import threads
from napari_focusstack.recipe import Recipe
from napari_focusstack.ui.settings import Preferences, preferences
from napari_focusstack.ui.source import PLUGIN
from napari_focusstack.ui.tasks import default_recipe


def test_at_first_they_are_the_recipes_defaults(plugin):
    assert preferences() == Preferences()
    assert default_recipe() == Recipe(depth="sff")


def test_what_the_user_set_counts(plugin):
    from napari.settings import get_plugin_settings

    page = get_plugin_settings(PLUGIN)
    page.methods.fuse = "average"
    page.methods.align = "none"
    page.methods.depth = "none"
    page.computing.device = "cpu"
    page.computing.threads = 3
    page.training.checkpoints = "/nets"
    assert preferences() == Preferences("none", "average", "none", "cpu", 3, Path("/nets"))
    assert default_recipe() == Recipe(align="none", fuse="average", device="cpu")


def test_threads_are_applied(monkeypatch):
    monkeypatch.setattr(devices, "_threads", 0)
    Preferences(threads=1).apply()
    assert threads() == 1
    Preferences(threads=0).apply()


def test_the_panel_starts_with_them(plugin, viewer):
    from napari.settings import get_plugin_settings

    get_plugin_settings(PLUGIN).methods.fuse = "average"
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Focus stack")
    assert panel.fusion.methods.method == "average"


def test_a_napari_without_pages_for_plugins_has_the_defaults(monkeypatch):
    monkeypatch.delattr("napari.settings.get_plugin_settings")
    assert preferences() == Preferences()


@pytest.mark.usefixtures("npe2pm", "plugin_settings")
def test_an_unregistered_plugin_has_the_defaults():
    assert preferences() == Preferences()
