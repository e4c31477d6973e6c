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


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The user's folder, with a good and a broken checkpoint."""
    monkeypatch.setattr(checkpoints, "preferences", lambda: Preferences(checkpoints=tmp_path))
    shutil.copytree(SHIPPED / "unet-small", tmp_path / "mine")
    shutil.copytree(SHIPPED / "unet-small", tmp_path / "torn")
    (tmp_path / "torn" / "config.json").write_text("{")
    return tmp_path


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
