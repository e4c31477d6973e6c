"""Adapting a depth network to the chosen stack, in the real window: its buttons are clicked."""

import time
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from checkpointed import saved
from napari_focusstack import simulate
from napari_focusstack.depth import Depth
from napari_focusstack.nets.checkpoint import load_network, read_checkpoint
from napari_focusstack.progress import track
from napari_focusstack.training import adapting, tuning
from napari_focusstack.training.tuning import Tuned, tune
from napari_focusstack.ui.hover import depth_words
from napari_focusstack.ui.measured import depths_among, measured
from napari_focusstack.ui.source import PLUGIN, notes

LABELS = ("z", "y", "x")
BOTH = ["s [depth σ in µm]", "s [depth in µm]", "s [depth in µm, adapted σ]", "s [depth in µm, adapted]"]


@pytest.fixture(scope="module")
def burst():
    return simulate("steps", frames=4, height=64, width=96, blur=2.0, seed=5)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("checkpoints") / "untrained", "aifdepthnet", size="small")


@pytest.fixture
def learning(monkeypatch):
    """Let `tune` find the second frame sharp before and the third after, or no better; a list of what it was given."""
    given = []

    def found(helps=True):
        def quick(checkpoint, frames, target, *, positions, unit, minutes, device, **options):
            assert minutes == 1.0
            given.append((frames, target, positions, options))
            origin = read_checkpoint(checkpoint)
            before, after = (_everywhere(frames, positions, unit, k) for k in (1, 2))
            told = (2.0, 1.5, 10, before, after) if helps else (2.0, 2.0, 0, before, before)
            return Tuned(load_network(origin, "cpu"), helps, *told, origin)

        monkeypatch.setattr(adapting, "tune", quick)
        return given

    return found


def _everywhere(frames, positions, unit, k):
    """Depth at frame k, with an error of a quarter of the frame's number; the first pixel is in focus nowhere."""
    plane = np.ones(frames.shape[1:3], np.float32)
    sure = plane.copy()
    sure[0, 0] = 0
    return Depth(plane * np.float32(positions[k]), plane * k / 4, plane * k, sure, positions, unit)


@pytest.fixture
def panel(viewer, untrained):
    """Panel in its dock, as the Plugins menu opens it, set to a network that is quick."""
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Focus stack")
    panel.alignment.methods.choose("none")
    panel.depth.methods.choose("aif", {"checkpoint": untrained})
    panel.sections["Depth"].open()
    return panel


@pytest.fixture
def save_as(monkeypatch, tmp_path):
    """Let the dialog that asks for a folder answer with one of this name; tell what it proposed."""
    proposed = []

    def answer(name):
        def dialog(_, __, path, *___):
            proposed.append(Path(path))
            return str(tmp_path / name) if name else "", ""

        monkeypatch.setattr(QFileDialog, "getSaveFileName", dialog)
        monkeypatch.setattr("napari_focusstack.ui.tuning_part.free_folder", lambda name: tmp_path / "home" / name)
        return proposed

    return answer


def click_and_wait(panel, qtbot, button):
    button.click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=120000)  # the first fusion compiles


def names(viewer):
    return [layer.name for layer in viewer.layers]


def add(viewer, burst, **keywords):
    said = {"rgb": True, "scale": (2.5, 1, 1), "units": "um", "axis_labels": LABELS, **keywords}
    return viewer.add_image(burst.frames, name="s", **said)


def test_the_button_is_there_for_networks_only(viewer, panel, burst):
    tuning = panel.depth.tuning
    assert tuning.adapt.isVisibleTo(panel.depth)
    assert not tuning.adapt.isEnabled()  # nothing to adapt to
    add(viewer, burst)
    assert tuning.adapt.isEnabled()
    assert not tuning.save.isVisibleTo(panel.depth)
    assert "about a minute" in tuning.adapt.toolTip()
    for method in ("sff", "none"):
        panel.depth.methods.choose(method)
        assert not tuning.adapt.isVisibleTo(panel.depth)


def test_success_shows_both_depths(viewer, panel, burst, qtbot, learning, tmp_path):
    given = learning()
    layer = add(viewer, burst)
    click_and_wait(panel, qtbot, panel.depth.tuning.adapt)
    assert names(viewer) == ["s", *BOTH]
    frames, picture, positions, _ = given[0]
    np.testing.assert_array_equal(np.asarray(frames[1]), burst.frames[1])
    assert np.abs(picture - burst.truth).mean() < np.abs(burst.frames[1] / 255 - burst.truth).mean() / 2  # it is fused
    np.testing.assert_allclose(positions, [0, 2.5, 5, 7.5])
    before, after = (viewer.layers[name] for name in (BOTH[1], BOTH[3]))
    for shown, depth in ((before, 2.5), (after, 5)):
        assert np.isnan(shown.data[0, 0])
        assert (shown.data[1:] == depth).all()
    assert before.contrast_limits == after.contrast_limits
    assert (before.visible, after.visible, layer.visible) == (True, True, False)
    assert viewer.layers[BOTH[0]].contrast_limits == viewer.layers[BOTH[2]].contrast_limits
    assert viewer.layers.selection.active == after
    assert panel.message.text() == (
        "Adapted untrained in 10 steps: what it misses of the picture fell by 25%; measured 100% → 100% of the pixels. "
        "Compare the two depths by the eye of the upper one; “Save "
        "adapted network…” keeps the network."
    )
    assert (notes(after)["variant"], notes(after)["recipe"]["depth"]) == ("adapted", "aif")
    assert notes(after)["adapted"].startswith("adapted untrained in 10 steps")
    assert not list(tmp_path.iterdir())
    click_and_wait(panel, qtbot, panel.depth.tuning.adapt)  # again: in their places
    assert names(viewer) == ["s", *BOTH]


def test_the_recipe_says_what_is_learned_from(viewer, panel, burst, untrained, qtbot, learning):
    given = learning()
    add(viewer, burst)
    panel.depth.methods.choose("aif", {"checkpoint": untrained, "noise_floor": 3.0})
    panel.depth.step.put(-0.5, "mm")
    panel.fusion.methods.choose("average")  # is not all in focus
    click_and_wait(panel, qtbot, panel.depth.tuning.adapt)
    _, picture, positions, options = given[0]
    np.testing.assert_allclose(positions, [0, -0.5, -1, -1.5])
    assert options == {"noise_floor": 3.0}
    assert np.abs(picture - burst.truth).mean() < np.abs(burst.frames.mean(0) / 255 - burst.truth).mean() / 2
    assert (viewer.layers["s [depth in mm, adapted]"].data[1:] == -1).all()


def test_what_was_adapted_is_saved_on_request_and_measured_with(
    viewer, panel, burst, qtbot, monkeypatch, save_as, tmp_path
):
    monkeypatch.setattr(adapting, "tune", lambda *args, **told: tune(*args, **told, steps=3, rate=3e-4))
    for name in ("KEEP", "NOISES"):  # three steps of an untrained network learn little beside
        monkeypatch.setattr(tuning, name, 0.0)
    proposed = save_as("mine")
    panel.depth.fill.setChecked(True)
    add(viewer, burst)
    click_and_wait(panel, qtbot, panel.depth.tuning.adapt)
    before, after = (viewer.layers[name].data.copy() for name in (BOTH[1], BOTH[3]))
    assert np.abs(after - before).mean() > 1e-4
    click_and_wait(panel, qtbot, panel.depth.only)
    np.testing.assert_allclose(viewer.layers[BOTH[1]].data, before, atol=1e-4)  # what is measured is as it was
    click_and_wait(panel, qtbot, panel.depth.tuning.save)
    assert proposed == [tmp_path / "home" / "s depth"]
    assert read_checkpoint(tmp_path / "mine").training.steps == 3
    assert panel.depth.methods.checkpoint.value() == str(tmp_path / "mine")
    assert panel.message.text() == "Saved as “mine”; “Measure depth” uses it now."
    click_and_wait(panel, qtbot, panel.depth.only)
    np.testing.assert_allclose(viewer.layers[BOTH[1]].data, after, atol=1e-4)


def test_both_depths_are_ordinary_ones(viewer, panel, burst, qtbot, learning):
    learning()
    add(viewer, burst)
    click_and_wait(panel, qtbot, panel.depth.tuning.adapt)
    depths = depths_among(viewer.layers)
    assert [layer.name for layer in depths] == [BOTH[1], BOTH[3]]
    for layer, error, words in zip(depths, (0.25, 0.5), ("2.50 ± 0.25 µm", "5.00 ± 0.50 µm"), strict=True):
        assert (measured(viewer.layers, layer, (0, 0, 0)).depth.sigma[1:] == error).all()
        assert depth_words(viewer.layers, layer, (0, 7, 9)).startswith(words)


def test_what_does_not_help_is_refused_in_words(viewer, panel, burst, qtbot, learning):
    learning()
    add(viewer, burst)
    click_and_wait(panel, qtbot, panel.depth.tuning.adapt)
    assert panel.depth.tuning.save.isVisibleTo(panel.depth)
    for name in BOTH:
        viewer.layers.remove(name)
    learning(helps=False)
    click_and_wait(panel, qtbot, panel.depth.tuning.adapt)
    assert names(viewer) == ["s", *BOTH[:2]]
    assert panel.message.text() == "Adapting untrained to this stack did not help: it stays as it was."
    assert not panel.depth.tuning.save.isVisibleTo(panel.depth)


def test_of_a_series_the_burst_that_is_shown_is_learned_from(viewer, panel, burst, qtbot, learning):
    given = learning()
    grey = burst.frames[..., 1]
    viewer.add_image(np.stack([grey // 2, grey]), name="s", axis_labels=("t", *LABELS))
    viewer.dims.set_point(0, 1)
    click_and_wait(panel, qtbot, panel.depth.tuning.adapt)
    np.testing.assert_array_equal(np.asarray(given[0][0][2])[..., 0], grey[2])
    assert names(viewer)[-1] == "s [depth in frames, t 1 adapted]"
    assert "s [depth in frames, t 1]" in names(viewer)
    assert panel.message.text().startswith("T 1: adapted untrained in 10 steps")
    assert viewer.layers[-1].data.shape == (64, 96)


def test_one_channel_is_adapted_to_where_one_decides(viewer, panel, burst, qtbot, learning):
    given = learning()
    frames = np.moveaxis(burst.frames, -1, 0)
    viewer.add_image(frames, name="s", axis_labels=("c", *LABELS))
    panel.chooser.choose_channels(1)
    click_and_wait(panel, qtbot, panel.depth.tuning.adapt)
    ready, picture = given[0][:2]
    assert picture.shape == (64, 96, 1)
    np.testing.assert_array_equal(np.asarray(ready[0])[..., 0], frames[1, 0])


def test_cancel_stops_the_learning(viewer, panel, burst, qtbot, monkeypatch):
    def endless(*_, **__):
        for _ in track(range(10**6), "Adapting"):
            time.sleep(0.005)

    monkeypatch.setattr(adapting, "tune", endless)
    add(viewer, burst)
    panel.depth.tuning.adapt.click()
    qtbot.waitUntil(lambda: panel.progress.bar.format().startswith("Adapting · "), timeout=10000)
    assert panel.button.text() == "Adapting …"
    assert not panel.depth.tuning.adapt.isEnabled()
    panel.progress.stop.click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=2000)
    assert panel.message.text() == "Cancelled. Nothing was changed."
    assert names(viewer) == ["s"]


def test_errors_are_told_in_words(viewer, panel, burst, qtbot, tmp_path):
    viewer.add_image(burst.frames[:2], name="s", rgb=True)
    click_and_wait(panel, qtbot, panel.depth.tuning.adapt)
    assert "2 frames are too few for a depth" in panel.message.text()
    panel.depth.methods.choose("aif", {"checkpoint": str(tmp_path / "nowhere")})
    panel.depth.tuning.adapt.click()
    assert panel._run is None
    assert "no such folder" in panel.message.text()


def test_a_folder_that_is_not_empty_is_not_written_to(viewer, panel, burst, qtbot, learning, save_as, tmp_path):
    learning()
    add(viewer, burst)
    click_and_wait(panel, qtbot, panel.depth.tuning.adapt)
    chosen = panel.depth.methods.checkpoint.value()
    save_as("")  # the dialog is left
    panel.depth.tuning.save.click()
    assert panel._run is None
    save_as("taken")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    panel.depth.tuning.save.click()
    assert panel._run is None
    assert panel.message.text() == "“taken” holds other files; choose a new or an empty folder."
    assert panel.depth.methods.checkpoint.value() == chosen
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["notes.txt"]
