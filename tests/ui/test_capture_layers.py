"""Checking a capture from the panel: what is wrong over the frames, and in words."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image

from napari_focusstack.progress import track
from napari_focusstack.ui.capture import WRONG, CaptureReport
from napari_focusstack.ui.source import PLUGIN, bursts_among


def found(frames, positions, channel):
    """What a check finds: the first rows are sharp nowhere, one pixel is clipped, nothing is dusty."""
    planes = {name: np.zeros(frames.shape[1:3], np.float32) for name in ("coverage", "clipped", "dust")}
    planes["coverage"][2:] = 1
    planes["coverage"][3] = np.nan  # without texture
    planes["clipped"][5, 5] = 1
    words = f"{len(frames)} frames, positions {positions}, channel {channel}"
    return SimpleNamespace(**planes, report=lambda: words)


def check(frames, *, positions=None, channel=-1):
    for _ in track(range(len(frames)), "Checking"):
        pass
    return found(frames, positions, channel)


def check_slowly(frames, *, positions=None, channel=-1):
    for _ in track(range(10**6), "Checking"):
        time.sleep(0.005)


@pytest.fixture
def panel(viewer, monkeypatch):
    monkeypatch.setattr("napari_focusstack.capture.check_capture", check, raising=False)
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Focus stack")
    return panel


def click_and_wait(panel, qtbot):
    panel.depth.check.click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=20000)


def click_main(panel, qtbot):
    panel.button.click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=20000)


def names(viewer):
    return [layer.name for layer in viewer.layers]


def test_what_is_wrong_lies_over_the_frames(viewer, panel, stack, qtbot):
    source = viewer.add_image(
        stack, name="s", scale=(2, 0.5, 0.5), translate=(0, 3, 4), units="um", axis_labels=("z", "y", "x")
    )
    click_and_wait(panel, qtbot)
    assert names(viewer) == ["s", "s [sharp in no frame]", "s [clipped]", "s [dust]"]
    coverage, clipped, dust = viewer.layers[1:]
    assert source.visible
    assert (coverage.visible, clipped.visible, dust.visible) == (True, True, False)
    assert coverage.data[:2].min() == 1
    assert coverage.data[2:].max() == 0
    assert [layer.metadata[PLUGIN]["role"] for layer in viewer.layers[1:]] == ["coverage", "clipped", "dust"]
    assert (coverage.scale.tolist(), coverage.translate.tolist()) == ([0.5, 0.5], [3, 4])
    for layer in (coverage, clipped, dust):
        fine, wrong = layer.colormap.map(np.array([0.0, 1.0]))
        assert (fine[3], wrong[3]) == (0, 1)
    assert bursts_among(viewer.layers) == [source]
    assert viewer.layers.selection == {source}
    assert panel.message.text().startswith("5 frames checked in ")


def test_the_report_is_a_window_with_its_words(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s", scale=(2, 1, 1), units="um", axis_labels=("z", "y", "x"))
    click_and_wait(panel, qtbot)
    report = panel.findChild(CaptureReport)
    assert report.windowTitle() == "Capture of s"
    assert report.words.text() == "5 frames, positions None, channel -1"  # an even step says nothing about gaps
    assert report.burst.isHidden()


def test_uneven_positions_and_the_channel_that_decides_are_heeded(viewer, panel, stack, qtbot):
    said = {"positions": (0, 1, 3, 4, 6), "position_unit": "um", "step": 1.5}
    channels = np.stack([stack, stack])
    labels = ("c", "z", "y", "x")
    viewer.add_image(channels, name="s", scale=(1, 1.5, 1, 1), axis_labels=labels, metadata={PLUGIN: said})
    panel.chooser.choose_channels(1)
    click_and_wait(panel, qtbot)
    assert panel.findChild(CaptureReport).words.text() == "5 frames, positions (0.0, 1.0, 3.0, 4.0, 6.0), channel 1"


def test_a_second_check_updates_in_place(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s")
    click_and_wait(panel, qtbot)
    layers = list(viewer.layers)
    viewer.layers[1].visible = False
    click_and_wait(panel, qtbot)
    assert list(viewer.layers) == layers
    assert viewer.layers[1].visible


def visible(viewer):
    return [layer.name for layer in viewer.layers if layer.visible]


@pytest.fixture
def stacked(viewer, panel, stack, qtbot):
    """Panel after a stack with its depth, which is seen."""
    viewer.add_image(stack, name="s")
    panel.alignment.methods.choose("none")
    panel.button.click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=20000)
    viewer.layers["s [fused]"].visible = False
    viewer.layers["s [depth in frames]"].visible = True
    viewer.layers.selection.active = viewer.layers["s [depth in frames]"]
    return panel


def test_results_give_way_to_the_frames(viewer, stacked, qtbot):
    click_and_wait(stacked, qtbot)
    assert visible(viewer) == ["s", "s [sharp in no frame]", "s [clipped]"]
    assert viewer.layers.selection == {viewer.layers["s"]}


def test_where_nothing_is_wrong_the_results_stay(viewer, stacked, qtbot, monkeypatch):
    fine = {name: np.full((40, 60), name == "coverage", np.float32) for name in WRONG}
    monkeypatch.setattr(
        "napari_focusstack.capture.check_capture", lambda *_, **__: SimpleNamespace(**fine, report=lambda: "fine")
    )
    click_and_wait(stacked, qtbot)
    assert visible(viewer) == ["s [depth in frames]"]


def test_a_second_stack_takes_the_marks_away(viewer, stacked, qtbot):
    for _ in range(2):
        click_and_wait(stacked, qtbot)
    click_main(stacked, qtbot)
    assert visible(viewer) == ["s [depth in frames]"]  # as it was before


def test_a_first_stack_takes_the_marks_away(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s")
    panel.alignment.methods.choose("none")
    click_and_wait(panel, qtbot)
    click_main(panel, qtbot)
    assert visible(viewer) == ["s [fused]"]


def test_a_stack_is_seen_even_if_what_was_seen_before_was_hidden_by_hand(viewer, stacked, qtbot):
    viewer.layers["s [depth in frames]"].visible = False
    viewer.layers["s"].visible = True
    click_main(stacked, qtbot)
    assert visible(viewer) == ["s [fused]"]


@pytest.mark.parametrize("part", ["probes", "profile", "roughness"])
def test_measuring_takes_the_marks_away(viewer, stacked, qtbot, part):
    _, depths = viewer.window.add_plugin_dock_widget(PLUGIN, "Depth and 3-D")
    click_and_wait(stacked, qtbot)
    {
        "probes": depths.probes.add,
        "profile": depths.profile.draw,
        "roughness": depths.roughness.rectangle,
    }[part].click()
    drawn = "s [probes]" if part == "probes" else "s [lines and regions]"
    assert visible(viewer) == ["s [depth in frames]", drawn]


def test_marks_of_other_frames_stay(viewer, stacked, stack, qtbot):
    viewer.add_image(stack, name="other")
    click_and_wait(stacked, qtbot)
    viewer.layers.selection.active = viewer.layers["s"]
    click_main(stacked, qtbot)
    assert {"other", "other [clipped]"} <= set(visible(viewer))


def test_a_check_leaves_3d(viewer, stacked, qtbot):
    _, depths = viewer.window.add_plugin_dock_widget(PLUGIN, "Depth and 3-D")
    depths.button.click()
    qtbot.waitUntil(lambda: depths.view.shown, timeout=20000)
    click_and_wait(stacked, qtbot)
    assert viewer.dims.ndisplay == 2
    assert visible(viewer) == ["s", "s [sharp in no frame]", "s [clipped]"]


def test_every_burst_of_a_series_has_its_report(viewer, panel, stack, qtbot):
    viewer.add_image(np.stack([stack, stack, stack]), name="t", axis_labels=("t", "z", "y", "x"))
    click_and_wait(panel, qtbot)
    assert all(isinstance(layer, Image) for layer in viewer.layers)
    assert viewer.layers["t [clipped]"].data.shape == (3, 1, 40, 60)
    report = panel.findChild(CaptureReport)
    assert [report.burst.itemText(i) for i in range(report.burst.count())] == [
        "burst 1 of 3",
        "burst 2 of 3",
        "burst 3 of 3",
    ]
    assert not report.burst.isHidden()


def test_a_check_can_be_cancelled(viewer, panel, stack, qtbot, monkeypatch):
    monkeypatch.setattr("napari_focusstack.capture.check_capture", check_slowly)
    viewer.add_image(stack, name="s")
    panel.depth.check.click()
    qtbot.waitUntil(lambda: panel.progress.bar.format().startswith("Checking · "), timeout=5000)
    panel.progress.stop.click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=5000)
    assert panel.message.text() == "Cancelled. Nothing was changed."
    assert names(viewer) == ["s"]
