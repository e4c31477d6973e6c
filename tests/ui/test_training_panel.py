"""The panel that trains, in the real window: its buttons are clicked, and the real trainer runs."""

import errno
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_focusstack.nets.checkpoint import read_checkpoint
from napari_focusstack.training import TrainingRecipe
from napari_focusstack.ui.source import PLUGIN, notes
from napari_focusstack.ui.training_curves import Curve, CurvesPlot, smoothed
from napari_focusstack.ui.training_folder import found_in, history
from napari_focusstack.ui.training_progress import remaining
from napari_focusstack.ui.training_run import Work
from napari_focusstack.ui.training_stack import wish_of


@pytest.fixture
def viewer(viewer):
    """Window with a stack of five frames, each sharp in its own columns."""
    rng = np.random.default_rng(0)
    truth = rng.integers(20, 236, (80, 80)).astype(np.uint8)
    where = np.arange(80) // 16
    frames = np.stack([np.where(where == z, truth, np.uint8(128)) for z in range(5)])
    viewer.add_image(frames, name="stack", scale=(2, 0.5, 0.5), units="um", axis_labels=("z", "y", "x"))
    return viewer


@pytest.fixture
def panel(viewer, tmp_path):
    """Panel in its dock, to train a small network on the stack alone in a folder of its own."""
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Train a network")
    panel.data.put({"stack": 100})
    panel.network.put("unet", {"frames": 5})
    panel.steps.put(steps=6, rate=1e-3, check=3)
    panel.steps.crop.setValue(32)
    panel.steps.bursts.setValue(1)
    panel.steps.device.setCurrentIndex(panel.steps.device.findData("cpu"))
    panel.folder.put(str(tmp_path / "run"))
    yield panel
    panel.stop()


def ended(panel, qtbot):
    qtbot.waitUntil(lambda: panel._run is None, timeout=60000)


def at_step(panel, qtbot, step):
    qtbot.waitUntil(lambda: panel._last is not None and panel._last.step >= step, timeout=60000)


def test_train_and_use_it(viewer, panel, qtbot, tmp_path):
    panel.button.click()
    assert not panel.steps.isEnabled() and panel.progress.isVisibleTo(panel)
    ended(panel, qtbot)
    assert panel.message.text().startswith("Trained 6 steps")
    assert "dB on what was held out; best single frame" in panel.message.text()
    assert [step for step, _ in panel.curves.network.points] == [3, 6]
    assert [step for step, _ in panel.curves.loss.points] == [1, 2, 3, 4, 5, 6]
    layer = viewer.layers["stack [training preview]"]
    assert layer.data.dtype == np.uint8 and notes(layer)["step"] == 6
    assert tuple(layer.scale) == (0.5, 0.5)
    assert panel.data.chooser.source().name == "stack"  # the preview is none
    assert not panel.button.isEnabled()
    panel.use_it.click()
    _, stacking = viewer.window.add_plugin_dock_widget(PLUGIN, "Focus stack")
    assert stacking.recipe().fuse == "unet"
    assert stacking.recipe().fuse_options["checkpoint"] == str(tmp_path / "run")


def test_pause_stop_and_resume(panel, qtbot, tmp_path):
    panel.steps.put(steps=2000, rate=1e-3, check=500)
    panel.button.click()
    at_step(panel, qtbot, 2)
    panel.hold.click()
    qtbot.waitUntil(lambda: panel.message.text().startswith("Paused"), timeout=30000)
    paused = read_checkpoint(tmp_path / "run").training.steps
    qtbot.wait(300)
    assert read_checkpoint(tmp_path / "run").training.steps == paused
    assert panel.hold.text() == "Go on"
    panel.hold.click()
    at_step(panel, qtbot, paused + 2)
    panel.progress.stop.click()
    ended(panel, qtbot)
    stopped = read_checkpoint(tmp_path / "run").training.steps
    assert stopped >= paused + 2
    assert panel.message.text().startswith(f"Stopped at step {stopped}.")
    assert panel.button.text() == "Resume training" and panel.use_it.isVisibleTo(panel)
    panel.button.click()
    at_step(panel, qtbot, stopped + 1)
    assert [step for step, _ in panel.curves.loss.points][: stopped + 1] == list(range(1, stopped + 2))


def test_closing_the_dock_keeps_the_checkpoint(viewer, panel, qtbot, tmp_path):
    panel.steps.put(steps=2000, rate=1e-3, check=500)
    panel.button.click()
    at_step(panel, qtbot, 2)
    gone = []
    panel._run.run.ended.connect(lambda: gone.append(True))
    viewer.window.remove_dock_widget(panel)
    qtbot.waitUntil(lambda: bool(gone), timeout=30000)
    assert read_checkpoint(tmp_path / "run").training.steps >= 2
    assert len(history(tmp_path / "run")) == read_checkpoint(tmp_path / "run").training.steps


def test_stopped_while_paused(panel, qtbot):
    panel.steps.put(steps=2000, rate=1e-3, check=500)
    panel.button.click()
    at_step(panel, qtbot, 1)
    panel.hold.click()
    qtbot.waitUntil(lambda: panel.message.text().startswith("Paused"), timeout=30000)
    panel.progress.stop.click()
    ended(panel, qtbot)
    assert panel.message.text().startswith("Stopped at step")


def test_a_full_disk_is_told(panel, qtbot, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("napari_focusstack.training.trainer.save_checkpoint", full)
    panel.button.click()
    ended(panel, qtbot)
    assert "No space left on device. Make room" in panel.message.text().replace("\u200b", "")
    assert panel.message.property("kind") == "error"


def test_divergence_is_told(panel, qtbot, monkeypatch):
    from napari_focusstack.training.lessons import LESSONS, Lesson

    spoilt = Lesson("fusion", lambda found, draw: (found - draw.truth).sum() * float("nan"))
    monkeypatch.setitem(LESSONS, "smooth-absolute", spoilt)
    panel.button.click()
    ended(panel, qtbot)
    assert "training diverged; nothing was saved. Lower the learning rate" in panel.message.text()


def test_too_large_crops_are_told(panel, qtbot):
    panel.steps.crop.setValue(256)
    panel.button.click()
    ended(panel, qtbot)
    assert panel.message.text() == (
        "the stack is 80 × 80 px, too small for crops of 256 px beside a strip of as much that is held out; choose "
        "smaller ones"
    )


def test_foreign_folders_are_told(panel, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "letter.txt").write_text("Dear")
    panel.folder.put(str(tmp_path / "letters"))
    assert "holds other files" in panel.message.text() and not panel.button.isEnabled()
    panel.folder.put(str(tmp_path / "letters" / "letter.txt"))
    assert "is a file" in panel.message.text() and not panel.button.isEnabled()
    panel.folder.put("")
    assert panel.message.text().startswith("Choose a folder")
    panel.folder.put(str(tmp_path / "new"))
    assert not panel.message.text() and panel.button.isEnabled()


def test_broken_runs_are_told(tmp_path):
    (tmp_path / "config.json").write_text("{")
    found = found_in(str(tmp_path))
    assert found.problem and found.words.startswith("The run in this folder cannot be used: ")
    assert history(tmp_path) == []


def test_without_layers_it_says_what_to_do(viewer, panel):
    viewer.layers.clear()
    assert panel.data.problem.startswith("Open a focus stack first")
    assert not panel.button.isEnabled()
    panel.data.put({})
    assert panel.data.problem.startswith("Choose at least one kind")
    panel.data.put({"dataset": 10})
    assert panel.data.problem.startswith("Choose the folder of the dataset")
    panel.data.put({"simulation": 10})
    assert panel.button.isEnabled()


def test_presets_fill_the_form(panel):
    panel.choose("scratch")
    recipe = panel.recipe()
    assert recipe.start is None and [part.kind for part in recipe.data] == ["simulation"]
    assert (recipe.architecture, recipe.learning_rate) == ("unet", 2e-3)  # chosen before
    panel.network.put("focusdeep-any", {})
    assert panel.recipe().arguments == {"size": "small", "raw": False}
    assert panel.recipe().learning_rate == 1e-3
    panel.choose("tune")
    recipe = panel.recipe()
    assert recipe.start == "focusdeep-small"
    assert [(part.kind, part.share, part.name) for part in recipe.data] == [
        ("stack", 75, "stack"),
        ("simulation", 25, None),
    ]
    assert recipe.steps == 300


def test_a_chosen_picture_is_the_truth(viewer, panel, qtbot):
    viewer.add_image(np.zeros((80, 80), np.uint8), name="mine")
    viewer.add_image(np.zeros((40, 40, 3), np.uint8), name="foreign", rgb=True)
    panel.data.target.setCurrentText("mine")
    assert panel.data.wish().target.shape == (80, 80, 1)
    panel.data.target.setCurrentText("foreign")
    with pytest.raises(ValueError, match="“foreign” is no single picture with 1 channels as “stack” has"):
        panel.data.wish()


def test_curves_are_drawn_with_what_they_mean(qtbot):
    curve = Curve("network", ("#ff0000", "#00ff00"), points=[(1, 30.0), (50, 40.0)])
    plot = CurvesPlot("PSNR", "dB", "later", curve)
    qtbot.addWidget(plot)
    plot.resize(300, 200)
    plot.show_steps(50)
    for theme, color in (("dark", Qt.GlobalColor.red), ("light", Qt.GlobalColor.green)):
        plot.set_theme(theme)
        image = plot.grab().toImage()
        found = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
        assert {Qt.GlobalColor.red: "#ff0000", Qt.GlobalColor.green: "#00ff00"}[color] in found
    assert plot.readout(curve) == "40.00 dB"
    assert smoothed([3.0, 3.0, 3.0]) == pytest.approx([3, 3, 3])
    plot.clear()
    assert plot.readout(curve) == "–"


@pytest.mark.parametrize(
    ("seconds", "words"), [(12.3, "12 s left"), (125, "2 min left"), (3600 * 2 + 300, "2 h 5 min left")]
)
def test_time_left_is_told_as_roughly_as_it_is_known(seconds, words):
    assert remaining(seconds) == words


def test_a_run_does_not_go_on_with_another_stack(viewer, panel, qtbot, tmp_path):
    panel.button.click()
    ended(panel, qtbot)
    recipe = TrainingRecipe.load(tmp_path / "run" / "training.json")
    work = Work(recipe, tmp_path / "run", wish_of(panel.data.chooser.source(), None), fresh=False)
    work.check()
    viewer.layers["stack"].name = "other"
    work = replace(work, stack=wish_of(panel.data.chooser.source(), None))
    with pytest.raises(ValueError, match="this run learned from “stack”, but “other” is chosen: open and choose that"):
        work.check()
