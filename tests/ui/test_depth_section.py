"""The panel's section about depth, in the real window: its fields are filled, its buttons are clicked."""

import time
from typing import Annotated

import numpy as np
import pytest

from napari_focusstack.arrays import frame
from napari_focusstack.depth import DEPTH_ESTIMATORS, Depth
from napari_focusstack.progress import track
from napari_focusstack.recipe import Recipe
from napari_focusstack.ui.source import PLUGIN

LABELS = ("z", "y", "x")


def depth_of_second(
    frames, positions, guide=None, *, weight: Annotated[int, {"min": 1, "max": 9}] = 1, channel: int = -1, device="auto"
):
    """Put everything at the second frame: a method for tests. The first pixel is in focus nowhere."""
    for i in track(range(len(frames)), "Measuring"):
        plane = np.ones(frame(frames, i).shape[:2], np.float32)
    confidence = plane.copy()
    confidence[0, 0] = 0
    return Depth(plane * np.float32(positions[1]), plane / 4, plane.copy(), confidence, positions)


def depth_slowly(frames, positions, guide=None, *, channel: int = -1, device: str = "auto"):
    """Never end by itself."""
    for _ in track(range(10**6), "Measuring"):
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def methods(monkeypatch):
    monkeypatch.setitem(DEPTH_ESTIMATORS, "second", depth_of_second)
    monkeypatch.setitem(DEPTH_ESTIMATORS, "slow", depth_slowly)


@pytest.fixture
def panel(viewer):
    """Panel in its dock, as the Plugins menu opens it, set to methods that are quick."""
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Focus stack")
    panel.alignment.methods.choose("none")
    panel.fusion.methods.choose("average")
    panel.depth.methods.choose("second")
    return panel


def click_and_wait(panel, qtbot, button):
    button.click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=20000)


def header(panel):
    return panel.sections["Depth"].summary.text()


def names(viewer):
    return [layer.name for layer in viewer.layers]


def type_step(panel, text, unit="um"):
    panel.depth.step.line.setText(text)
    panel.depth.step.unit.setCurrentIndex(panel.depth.step.unit.findData(unit))


def test_it_starts_with_shape_from_focus(viewer, panel, stack):
    panel.reset()
    assert header(panel) == "Shape from focus · in frames"
    viewer.add_image(stack, name="s", scale=(2.5, 1, 1), units="um", axis_labels=LABELS)
    assert header(panel) == "Shape from focus · 2.5 µm"
    panel.depth.methods.choose("none")
    assert header(panel) == "Off"


def test_the_step_is_what_the_layer_says(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s", scale=(2.5, 1, 1), units="um", axis_labels=LABELS)
    step = panel.depth.step
    assert (step.line.text(), step.line.placeholderText(), step.unit.currentText()) == ("", "2.5", "µm")
    assert panel.depth.said.text() == "2.5 µm · from the layer's scale"
    assert (panel.recipe().step, panel.recipe().unit) == (None, None)
    click_and_wait(panel, qtbot, panel.depth.only)
    assert names(viewer) == ["s", "s [depth σ in µm]", "s [depth in µm]"]
    layer = viewer.layers.selection.active
    assert np.isnan(layer.data[0, 0])
    assert (layer.data[1:] == 2.5).all()
    assert "5 frames measured in" in panel.message.text()
    assert "Depth: most of it at 2.5 µm" in panel.message.text()


def test_a_typed_step_goes_before_it_and_an_empty_field_takes_it_back(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s", scale=(2.5, 1, 1), units="um", axis_labels=LABELS)
    type_step(panel, "0.25", "mm")
    assert (panel.recipe().step, panel.recipe().unit) == (0.25, "mm")
    assert header(panel).endswith("· 0.25 mm")
    assert "As typed" in panel.depth.said.text()
    click_and_wait(panel, qtbot, panel.depth.only)
    assert (viewer.layers["s [depth in mm]"].data[1:] == 0.25).all()
    type_step(panel, "", "mm")
    assert (panel.recipe().step, panel.recipe().unit) == (None, "mm")
    click_and_wait(panel, qtbot, panel.depth.only)
    np.testing.assert_allclose(viewer.layers["s [depth in mm]"].data[1:], 0.0025)


def test_without_anything_known_depth_is_in_frames(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s")
    assert panel.depth.step.line.placeholderText() == "unknown"
    assert panel.depth.said.text().startswith("Not known: depth is in frames.")
    panel.depth.step.unit.setCurrentIndex(2)  # a unit alone says nothing
    assert (panel.recipe().step, panel.recipe().unit) == (None, None)
    click_and_wait(panel, qtbot, panel.depth.only)
    assert (viewer.layers["s [depth in frames]"].data[1:] == 1).all()
    type_step(panel, "-3", "um")
    click_and_wait(panel, qtbot, panel.depth.only)
    assert (viewer.layers["s [depth in µm]"].data[1:] == -9).all()  # frame 3 is the second from below


@pytest.mark.parametrize(
    ("text", "step", "words"),
    [
        ("2,5", 2.5, "2.5 µm"),
        (" 25 ", 25, "25 µm"),
        ("-2.5", -2.5, "-2.5 µm"),
        ("−3", -3, "-3 µm"),
        ("1e4", 1e4, "10000 µm"),
    ],
)
def test_numbers_are_understood_as_they_are_typed(panel, text, step, words):
    for letter in text:
        panel.depth.step.line.insert(letter)
    panel.depth.step.line.editingFinished.emit()
    assert panel.depth.step.line.text() == text
    assert panel.recipe().step == step
    assert header(panel).endswith(f"· {words}")
    assert panel.depth.step.problem == ""


@pytest.mark.parametrize("text", ["0", "-", ".", "2.5 um", "inf", "nan", "0,0"])
@pytest.mark.parametrize("known", [True, False])
def test_what_is_no_distance_is_refused_in_words(viewer, panel, stack, qtbot, text, known):
    keywords = {"scale": (2.5, 1, 1), "units": "um"} if known else {}
    viewer.add_image(stack, name="s", axis_labels=LABELS, **keywords)
    type_step(panel, text)
    assert header(panel).endswith("· which step?")
    assert panel.depth.said.text().endswith(
        "is no distance between frames; type another number, such as 2.5, or empty the field Step."
    )
    for button in (panel.button, panel.depth.only, panel.recipes.save):
        panel.say("")
        button.click()
        assert panel._run is None  # nothing else is measured with
        assert panel.message.text() == panel.depth.said.text()
    viewer.add_image(stack, name="other", axis_labels=LABELS)
    assert panel.depth.step.line.text() == text  # it does not vanish with another layer
    type_step(panel, "")
    assert panel.depth.step.problem == ""


def test_a_wrong_distance_does_not_matter_without_depth(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s")
    type_step(panel, "0")
    panel.depth.methods.choose("none")
    click_and_wait(panel, qtbot, panel.button)
    assert names(viewer) == ["s", "s [index]", "s [fused]"]


def test_uneven_positions_are_shown_as_such(viewer, panel, stack):
    said = {"positions": (0, 1, 3, 4, 6), "position_unit": "um", "step": 1.5}
    viewer.add_image(stack, name="s", scale=(1.5, 1, 1), units="um", axis_labels=LABELS, metadata={PLUGIN: said})
    assert panel.depth.step.line.placeholderText() == "uneven"
    assert panel.depth.said.text() == "1 to 2 µm, uneven · from the file"
    assert header(panel).endswith("· in µm")


def test_the_main_button_makes_depth_too_where_it_is_on(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s")
    click_and_wait(panel, qtbot, panel.button)
    assert names(viewer) == ["s", "s [index]", "s [fused]", "s [depth σ in frames]", "s [depth in frames]"]
    assert "5 frames fused and measured in" in panel.message.text()
    panel.depth.methods.choose("none")
    for name in names(viewer)[1:]:
        viewer.layers.remove(name)
    click_and_wait(panel, qtbot, panel.button)
    assert names(viewer) == ["s", "s [index]", "s [fused]"]


def test_depth_can_be_measured_even_if_the_main_button_shall_not(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s")
    panel.depth.methods.choose("none")
    click_and_wait(panel, qtbot, panel.depth.only)
    assert "s [depth in frames]" in names(viewer)
    assert viewer.layers.selection.active.metadata[PLUGIN]["recipe"]["depth"] == "sff"


def test_a_pair_of_frames_is_stacked_without_depth(viewer, panel, stack, qtbot):
    viewer.add_image(stack[:2], name="s")
    click_and_wait(panel, qtbot, panel.button)
    assert names(viewer) == ["s", "s [index]", "s [fused]"]
    click_and_wait(panel, qtbot, panel.depth.only)
    assert "2 frames are too few for a depth" in panel.message.text()


def test_gaps_are_filled_on_request(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s")
    panel.depth.fill.setChecked(True)
    click_and_wait(panel, qtbot, panel.depth.only)
    layer = viewer.layers.selection.active
    assert layer.data[0, 0] == 1
    assert not layer.metadata[PLUGIN]["measured"][0, 0]


def test_time_series_can_be_steadied_others_not(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s")
    panel.depth.steady.setChecked(True)
    assert not panel.depth.steady.isVisibleTo(panel.depth)
    assert not panel.recipe().steady
    viewer.add_image(np.stack([stack, stack]), name="t", axis_labels=("t", *LABELS))
    assert panel.depth.steady.isVisibleTo(panel.depth)
    assert panel.recipe().steady
    click_and_wait(panel, qtbot, panel.depth.only)
    assert viewer.layers["t [depth in frames]"].data.shape == (2, 1, 40, 60)


def test_cancel_stops_the_measuring(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s")
    panel.depth.methods.choose("slow")
    panel.depth.only.click()
    qtbot.waitUntil(lambda: panel.progress.bar.format().startswith("Measuring · "), timeout=5000)
    assert panel.button.text() == "Measuring …"
    assert not panel.depth.only.isEnabled()
    panel.progress.stop.click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=5000)
    assert panel.message.text() == "Cancelled. Nothing was changed."
    assert names(viewer) == ["s"]


def test_the_mouse_over_the_map_tells_the_depth_in_the_status_bar(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s", scale=(2.5, 1, 1), units="um", axis_labels=LABELS)
    click_and_wait(panel, qtbot, panel.depth.only)
    layer = viewer.layers.selection.active
    for callback in layer.mouse_move_callbacks:
        callback(layer, None)
    viewer.cursor.position = (0, 7, 9)
    viewer.status = layer.get_status(viewer.cursor.position, world=True)
    assert viewer.status["coordinates"].endswith("]: 2.50 ± 0.25 µm · frame 1.0")


def test_a_recipe_brings_its_depth(viewer, panel, stack):
    recipe = Recipe(
        align="none", fuse="average", depth="second", depth_options={"weight": 4}, step=-0.5, unit="mm", fill=True
    )
    panel.show_recipe(recipe)
    assert panel.recipe() == recipe
    viewer.add_image(stack, name="s", scale=(2.5, 1, 1), units="um", axis_labels=LABELS)
    assert panel.recipe() == recipe
    panel.reset()
    assert panel.recipe() == Recipe(depth="sff")


def test_every_label_fits(viewer, panel, stack):
    viewer.add_image(stack, name="s", scale=(2.5, 1, 1), units="um", axis_labels=LABELS)
    panel.reset()
    type_step(panel, "123.4")
    for name, section in panel.sections.items():
        section.open()
        room = panel.minimumWidth() - 16 - panel.verticalScrollBar().sizeHint().width()
        assert section.minimumSizeHint().width() <= room, name
        header = section.header.fontMetrics().horizontalAdvance(name) + section.summary.sizeHint().width()
        assert header + 32 <= room, name


def test_a_learned_method_without_its_network_says_so_and_does_nothing(viewer, panel, stack, tmp_path):
    viewer.add_image(stack, name="s", axis_labels=LABELS)
    panel.depth.methods.choose("aif", {"checkpoint": str(tmp_path / "nowhere")})
    assert header(panel).startswith("AiFDepthNet")
    assert "nowhere" in panel.depth.obstacle.text()
    panel.depth.only.click()
    assert panel._run is None
    assert "no such folder" in panel.message.text()
    panel.depth.methods.choose("second")
    assert not panel.depth.obstacle.text()
    assert not panel.depth.problem
