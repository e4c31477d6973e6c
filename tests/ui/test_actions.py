"""Commands of the context menu, as napari runs them."""

import numpy as np
import pytest
from napari._app_model import get_app_model

from napari_focusstack.ui.source import PLUGIN


@pytest.fixture
def told(monkeypatch):
    """Texts of napari's notifications."""
    seen = []
    for name in ("show_info", "show_warning"):
        monkeypatch.setattr(f"napari_focusstack.ui.actions.{name}", seen.append)
    return seen


def run(command):
    get_app_model().commands.execute_command(f"{PLUGIN}.{command}").result()


@pytest.mark.parametrize(
    ("command", "made", "words"),
    [
        (
            "stack",
            ["s [index]", "s [fused]", "s [depth σ in frames]", "s [depth in frames]"],
            "5 frames aligned, fused and measured in ",
        ),
        ("depth", ["s [depth σ in frames]", "s [depth in frames]"], "5 frames aligned and measured in "),
        ("fuse", ["s [index]", "s [fused]"], "5 frames fused in "),
        ("align", ["s [aligned]"], "5 frames aligned in "),
    ],
)
def test_a_command_works_on_the_active_layer(viewer, stack, qtbot, told, command, made, words):
    viewer.add_image(np.zeros((3, 8, 8)), name="other")
    viewer.add_image(stack, name="s")
    run(command)
    qtbot.waitUntil(lambda: bool(told), timeout=20000)
    assert [layer.name for layer in viewer.layers] == ["other", "s", *made]
    assert told[0].startswith(words)


def test_selected_channels_go_together(viewer, stack, qtbot, told):
    layers = [viewer.add_image(stack, name=name) for name in "ab"]
    viewer.layers.selection = set(layers)
    run("fuse")
    qtbot.waitUntil(lambda: bool(told), timeout=20000)
    assert [layer.name for layer in viewer.layers][2:] == ["a + b [index]", "a [fused]", "b [fused]"]


def test_without_a_burst_it_says_why_not(viewer, told):
    run("stack")
    assert "Open a focus stack first" in told[-1]
    viewer.add_image(np.zeros((8, 8)))
    run("stack")
    assert "not a burst" in told[-1]
    assert len(viewer.layers) == 1


def test_the_commands_are_in_the_menu(viewer):
    menu = get_app_model().menus.get_menu("napari/layers/project")
    titles = [item.command.title for item in menu if hasattr(item, "command")]
    assert [title for title in titles if title.endswith("(Focus Stack)")] == [
        "Stack frames (Focus Stack)",
        "Fuse frames (Focus Stack)",
        "Align frames (Focus Stack)",
        "Measure depth (Focus Stack)",
    ]
