"""Which network is trained: forms from signatures, what fits which data, and that each kind of network is trained."""

import json
import shutil

import numpy as np
import pytest
from qtpy.QtWidgets import QLabel

from napari_focusstack.nets import build
from napari_focusstack.nets.checkpoint import SHIPPED, read_checkpoint
from napari_focusstack.training import TrainingRecipe, data
from napari_focusstack.training.manifest import MANIFEST, manifest_of
from napari_focusstack.training.validation import pictured
from napari_focusstack.ui.source import PLUGIN
from napari_focusstack.ui.training_fit import misfit
from napari_focusstack.ui.training_network import NetworkPart
from napari_focusstack.ui.training_run import _shown

RAW = {"size": "small", "raw": True}
PUBLISHED = {"channels": 4, "factor": 2, "frames": 30}


@pytest.fixture
def part(qtbot):
    widget = NetworkPart()
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def panel(viewer, tmp_path, monkeypatch):
    """Panel with a stack of four colour pictures, still as they are, and few drawn things to simulate with."""
    monkeypatch.setattr(data, "DRAWN", {"train": (2, 2), "test": (2, 2)})
    rng = np.random.default_rng(0)
    truth = np.kron(rng.integers(20, 236, (40, 40, 3)), np.ones((2, 2, 1))).astype(np.uint8)
    frames = np.stack([truth, truth // 2 + 50, truth // 2 + 60, truth // 2 + 70])
    viewer.add_image(frames, name="stack", rgb=True, axis_labels=("z", "y", "x"))
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Train a network")
    panel.folder.put(str(tmp_path / "run"))
    panel.steps.crop.setValue(32)
    panel.steps.bursts.setValue(1)
    panel.steps.put(steps=2, rate=1e-4, check=2)
    panel.steps.device.setCurrentIndex(panel.steps.device.findData("cpu"))
    yield panel
    panel.stop()


@pytest.mark.parametrize(
    ("name", "labels", "arguments"),
    [
        ("focusdeep-any", ["Size", "RAW"], {"size": "small", "raw": False}),
        (
            "focusdeep",
            ["Channels", "Factor", "Frames", "Published code"],
            {"channels": 3, "factor": 1, "frames": 30, "published_code": False},
        ),
        ("unet", ["Size", "Frames"], {"size": "small", "frames": 30}),
    ],
)
def test_each_architecture_has_its_own_form(part, name, labels, arguments):
    part.put(name, {})
    form = part._forms[name]
    assert [label.text() for label in form.findChildren(QLabel)] == labels
    assert all(label.toolTip() for label in form.findChildren(QLabel))
    assert part.choices(1) == {"architecture": name, "arguments": arguments, "start": None}
    assert [other for other, form in part._forms.items() if form.isVisibleTo(part)] == [name]


def test_random_weights_are_of_focusdeep_of_any_length_unless_told_otherwise(part):
    assert [part.architecture.itemText(i) for i in range(3)] == [
        "FocusDeep (any length)",
        "FocusDeep (as published)",
        "UNet",
    ]
    part.start(False)
    assert part.network() == ("focusdeep-any", {"size": "small", "raw": False})
    assert part.title() == "FocusDeep (any length), small"


def test_a_drawing_unet_gets_the_channels_of_the_data(part):
    part.put("unet", {"size": "paper", "frames": 5})
    assert part.choices(4)["arguments"] == {"size": "paper", "frames": 5, "channels": 4}


def test_the_learning_rate_follows_the_network_until_it_is_changed(panel):
    panel.choose("scratch")
    for name, arguments, rate in (
        ("focusdeep-any", {}, 1e-3),
        ("focusdeep-any", {"size": "paper"}, 1e-4),
        ("unet", {}, 2e-3),
        ("focusdeep", {}, 1e-4),
    ):
        panel.network.put(name, arguments)
        assert panel.steps.rate.value() == pytest.approx(rate)
    panel.steps.rate.setValue(3e-4)
    panel.network.put("unet", {})
    assert panel.steps.rate.value() == pytest.approx(3e-4)


@pytest.mark.parametrize(
    ("name", "arguments", "given", "simulated"),
    [
        ("focusdeep-any", {}, {"“s”": 1, "the dataset “d”": 3}, True),
        ("focusdeep-any", RAW, {}, True),
        ("focusdeep", PUBLISHED, {"the dataset “d”": None}, True),
        ("focusdeep", {"channels": 1, "factor": 1}, {"“s”": 1}, False),
        ("unet", {"size": "small"}, {"“s”": 5}, True),
        ("unet", {"size": "paper"}, {"“s”": 5}, False),
    ],
)
def test_what_fits_is_not_talked_about(name, arguments, given, simulated):
    assert misfit(name, arguments, given, simulated=simulated) == ""


@pytest.mark.parametrize(
    ("name", "arguments", "given", "simulated", "words"),
    [
        ("focusdeep-any", RAW, {"“s”": 3}, True, "takes the mosaics of camera raw files, but “s” gives pictures"),
        ("focusdeep", PUBLISHED, {"the dataset “d”": 3}, False, "but the dataset “d” gives pictures"),
        ("focusdeep-any", RAW, {"the dataset “d”": None}, False, "from which only FocusDeep (as published) learns"),
        ("unet", {}, {"the dataset “d”": None}, False, "or a dataset of kind rgb"),
        (
            "focusdeep",
            {"channels": 3, "factor": 2},
            {},
            True,
            "with 4 channels and the factor 2, and from pictures",
        ),
        ("focusdeep", {"channels": 4, "factor": 1}, {}, True, "change one of the two"),
        ("focusdeep", {"channels": 3, "factor": 1}, {"“s”": 1}, False, "frames of 3 channels, but “s” has 1"),
        ("focusdeep", {"channels": 1, "factor": 1}, {}, True, "frames of 1 channels, but a simulated burst has 3"),
        ("unet", {"size": "paper"}, {"“s”": 1}, True, "frames of 1 channels, but a simulated burst has 3"),
    ],
)
def test_what_does_not_fit_is_told(name, arguments, given, simulated, words):
    assert words in misfit(name, arguments, given, simulated=simulated)


def test_a_network_for_mosaics_is_not_trained_on_pictures(panel):
    panel.data.put({"stack": 50, "simulation": 50})
    panel.network.put("focusdeep-any", RAW)
    assert "but “stack” gives pictures" in panel.message.text()
    assert not panel.button.isEnabled()
    panel.data.put({"simulation": 100})
    assert not panel.message.text() and panel.button.isEnabled()


def test_nor_is_one_of_a_checkpoint(panel, tmp_path):
    shutil.copytree(SHIPPED / "unet-small", tmp_path / "mosaics")
    path = tmp_path / "mosaics" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"architecture": "focusdeep-any", "arguments": RAW}))
    panel.data.put({"stack": 100})
    panel.network.checkpoint.put(str(path.parent))
    panel.network.start(True)
    assert "but “stack” gives pictures" in panel.message.text() and not panel.button.isEnabled()


def test_the_kind_of_a_dataset_is_looked_at(panel, tmp_path):
    panel.network.put("focusdeep-any", {})
    panel.data.put({"dataset": 100})
    panel.data.dataset.put(str(tmp_path / "data"))
    assert "damaged" in panel.data.problem and not panel.button.isEnabled()
    (tmp_path / "data").mkdir()
    for kind, fits in (("raw", False), ("rgb", True)):
        (tmp_path / "data" / MANIFEST).write_text(manifest_of(kind, 64, (), {}))
        panel.data.dataset.line.textChanged.emit(panel.data.dataset.path())
        assert panel.button.isEnabled() is fits
        assert ("holds planes of raw files" in panel.message.text()) is not fits


@pytest.mark.parametrize(
    ("name", "arguments", "shares"),
    [
        ("focusdeep-any", {}, {"stack": 50, "simulation": 50}),
        ("focusdeep-any", RAW, {"simulation": 100}),
        ("focusdeep", {"frames": 3}, {"stack": 100}),
        ("focusdeep", {"channels": 4, "factor": 2, "frames": 3}, {"simulation": 100}),
    ],
)
def test_each_is_trained(panel, qtbot, tmp_path, monkeypatch, name, arguments, shares):
    monkeypatch.setattr("napari_focusstack.ui.training_panel.MOST_FRAMES", 3)
    monkeypatch.setattr("napari_focusstack.ui.training_run.PREVIEW_PX", 32)
    panel.network.put(name, arguments)
    panel.data.put(shares)
    panel.button.click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=60000)
    assert panel.message.text().startswith("Trained 2 steps")
    trained = read_checkpoint(tmp_path / "run")
    assert trained.architecture == name and arguments.items() <= dict(trained.arguments).items()


def test_the_preview_of_a_network_for_mosaics_is_a_picture(monkeypatch):
    monkeypatch.setattr("napari_focusstack.ui.training_run.PREVIEW_PX", 48)
    recipe = TrainingRecipe(architecture="focusdeep-any", arguments=RAW, frames=(2, 3))
    frames, area = _shown(None, None, recipe)
    assert frames.shape == (3, 24, 24, 4) and area is None
    picture = pictured(build("focusdeep-any", RAW).eval(), frames, tile=64, device="cpu")
    assert picture.shape == (48, 48, 3) and np.isfinite(picture).all()
