"""The chooser of checkpoints: shipped ones, the user's own, broken ones, and any folder."""

import json
import shutil

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_focusstack.fusion import FUSERS
from napari_focusstack.methods import options_of
from napari_focusstack.nets.checkpoint import SHIPPED
from napari_focusstack.ui import checkpoints
from napari_focusstack.ui.checkpoints import CheckpointChooser
from napari_focusstack.ui.fields import field_of
from napari_focusstack.ui.settings import Preferences
from napari_focusstack.ui.source import PLUGIN
from napari_focusstack.ui.training_use import select_checkpoint


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The user's folder, with a good and a broken checkpoint."""
    monkeypatch.setattr(checkpoints, "preferences", lambda: Preferences(checkpoints=tmp_path))
    shutil.copytree(SHIPPED / "unet-small", tmp_path / "mine")
    shutil.copytree(SHIPPED / "unet-small", tmp_path / "torn")
    (tmp_path / "torn" / "config.json").write_text("{")
    return tmp_path


def described(folder, name, **values):
    """Checkpoint whose description says that it is another one."""
    shutil.copytree(SHIPPED / "unet-small", folder / name)
    path = folder / name / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return folder / name


@pytest.fixture
def deep(own):
    """The user's folder, with networks of all architectures beside."""
    described(own, "pictures", architecture="focusdeep-any", arguments={"size": "small", "raw": False})
    described(own, "mosaics", architecture="focusdeep-any", arguments={"size": "small", "raw": True})
    described(own, "published", architecture="focusdeep", arguments={"frames": 30})
    return own


@pytest.fixture
def chooser(qtbot, own):
    calls = []
    widget = CheckpointChooser(lambda: calls.append(widget.value()))
    qtbot.addWidget(widget)
    widget.calls = calls
    widget.put("unet-small")
    calls.clear()
    return widget


def enabled(chooser, name):
    return chooser.model().item(chooser.findText(name)).isEnabled()


def test_lists_shipped_ones_the_users_and_broken_ones(chooser):
    texts = [chooser.itemText(i) for i in range(chooser.count())]
    assert {"unet-small", "mine", "torn", "Open folder…"} <= set(texts)
    assert enabled(chooser, "mine")
    assert not enabled(chooser, "torn")
    tip = chooser.itemData(chooser.findText("torn"), Qt.ItemDataRole.ToolTipRole)
    assert "config.json" in tip
    assert "no JSON" in tip


def test_a_shipped_one_is_known_by_name_and_the_users_by_its_folder(chooser, own):
    assert chooser.value() == "unet-small"
    chooser.setCurrentIndex(chooser.findText("mine"))
    chooser.activated.emit(chooser.currentIndex())
    assert chooser.value() == str(own / "mine")
    assert chooser.calls == [str(own / "mine")]


def test_what_was_trained_meanwhile_is_on_the_list_when_it_opens(chooser, own):
    shutil.copytree(own / "mine", own / "newest")
    chooser.showPopup()
    chooser.hidePopup()
    assert chooser.findText("newest") >= 0
    assert chooser.value() == "unet-small"


def test_any_folder_can_be_chosen(chooser, tmp_path_factory, monkeypatch):
    far = tmp_path_factory.mktemp("elsewhere") / "far"
    shutil.copytree(SHIPPED / "unet-small", far)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(far))
    chooser.activated.emit(chooser.findText("Open folder…"))
    assert chooser.value() == str(far)
    assert chooser.currentText() == "far"


def test_a_dialog_that_is_cancelled_changes_nothing(chooser, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    chooser.activated.emit(chooser.findText("Open folder…"))
    assert chooser.value() == chooser.currentText() == "unet-small"
    assert chooser.calls == []


def test_the_tip_says_what_a_checkpoint_is(chooser):
    described = json.loads((SHIPPED / "unet-small" / "config.json").read_text())
    tip = chooser.toolTip()
    assert f"{described['training']['steps']} steps on {described['training']['data']}" in tip


def test_the_form_of_a_learned_method_has_one(qtbot, own):
    field = field_of(options_of(FUSERS["unet"])["checkpoint"], lambda: None)
    qtbot.addWidget(field.widget)
    assert field.get() == "unet-small"
    field.put(str(own / "mine"))
    assert field.widget.currentText() == "mine"


def names(chooser):
    return {chooser.itemText(i) for i in range(chooser.count())}


def test_a_method_lists_the_networks_that_it_runs(qtbot, deep):
    for method, there, absent in (
        ("unet", {"mine", "unet-small"}, {"pictures", "mosaics", "published"}),
        ("focusdeep", {"pictures", "mosaics", "published", "torn"}, {"mine", "unet-small"}),
    ):
        chooser = field_of(options_of(FUSERS[method])["checkpoint"], lambda: None).widget
        qtbot.addWidget(chooser)
        assert there <= names(chooser) and not absent & names(chooser)


def test_training_may_start_from_any(qtbot, deep):
    chooser = CheckpointChooser(lambda: None)
    qtbot.addWidget(chooser)
    chooser.put("unet-small")
    assert {"mine", "pictures", "mosaics", "published"} <= names(chooser)


def test_one_that_the_method_does_not_run_is_told(qtbot, deep):
    chooser = field_of(options_of(FUSERS["unet"])["checkpoint"], lambda: None).widget
    qtbot.addWidget(chooser)
    assert chooser.problem == ""
    chooser.put(str(deep / "pictures"))
    assert chooser.problem == ("The network “pictures” is a focusdeep-any; this method runs unet. Choose another one.")
    assert not enabled(chooser, "pictures")
    chooser.put(str(deep / "nowhere"))
    assert "there is no such folder" in chooser.problem


def test_networks_for_mosaics_need_raw_files(qtbot, deep):
    chooser = field_of(options_of(FUSERS["focusdeep"])["checkpoint"], lambda: None).widget
    qtbot.addWidget(chooser)
    chooser.put(str(deep / "mosaics"))
    assert enabled(chooser, "mosaics") and not chooser.problem
    chooser.offer_mosaics(False)
    assert enabled(chooser, "pictures") and not enabled(chooser, "mosaics")
    assert chooser.problem.startswith("The network “mosaics” takes the mosaics of camera raw files")
    assert "open the raw files themselves" in chooser.toolTip()
    chooser.offer_mosaics(True)
    assert enabled(chooser, "mosaics") and not chooser.problem


def test_the_panel_says_what_a_network_cannot_be_used_on(viewer, deep, stack):
    viewer.add_image(stack, name="stack")
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Focus stack")
    panel.fusion.methods.choose("focusdeep", {"checkpoint": str(deep / "mosaics")})
    assert panel.fusion.obstacle.text().startswith("The network “mosaics” takes the mosaics")
    panel.button.click()
    assert panel._run is None and panel.message.property("kind") == "error"
    assert panel.message.text() == panel.fusion.obstacle.text()
    panel.fusion.methods.choose("focusdeep", {"checkpoint": str(deep / "pictures")})
    assert not panel.fusion.obstacle.text() and not panel.fusion.problem
    panel.fusion.methods.choose("pyramid")
    assert not panel.fusion.problem


def test_what_was_trained_goes_to_the_method_that_runs_it(viewer, deep):
    for name, method in (("mine", "unet"), ("pictures", "focusdeep"), ("published", "focusdeep")):
        panel = select_checkpoint(viewer, deep / name)
        assert panel.recipe().fuse == method
        assert panel.recipe().fuse_options == {"checkpoint": str(deep / name)}
