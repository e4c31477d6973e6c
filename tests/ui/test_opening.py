"""Opening from the panel: dialogs answered, buttons clicked, in the real window."""

import time

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from PIL import Image
from qtpy.QtWidgets import QFileDialog, QMessageBox
from tifffile import imwrite

from napari_focusstack.fusion import FUSERS
from napari_focusstack.io import UnreadableFrame
from napari_focusstack.progress import Step, track
from napari_focusstack.ui import opening
from napari_focusstack.ui.source import PLUGIN

COLOURS = np.random.default_rng(0).integers(0, 256, (6, 24, 32, 3), np.uint8)


@pytest.fixture
def panel(viewer, monkeypatch):
    """Panel in its dock, set to methods that are quick; no damage is remembered from elsewhere."""
    monkeypatch.setattr(opening, "_damaged", {})
    monkeypatch.setattr(notification_manager, "dispatch", lambda notification: None)
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Focus stack")
    panel.alignment.methods.choose("none")
    panel.fusion.methods.choose("average")
    return panel


def photographs(folder, names=("1.png", "2.png", "10.png")):
    for name, image in zip(names, COLOURS, strict=False):
        Image.fromarray(image).save(folder / name)
    return [folder / name for name in names]


def cut_off(path):
    """Lose the end of a file, as a copy does that was stopped."""
    path.write_bytes(path.read_bytes()[:-40])


def damage(path):
    """Spoil the pixels inside a complete PNG file: found only when they are decoded."""
    content = bytearray(path.read_bytes())
    middle = content.index(b"IDAT") + 40
    content[middle : middle + 40] = bytes(40)
    path.write_bytes(content)


def choose_files(monkeypatch, paths):
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(path) for path in paths], ""))


def choose_folder(monkeypatch, folder):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))


def click(panel, qtbot, button):
    button.click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=10000)


def question(panel):
    return panel.opening.findChild(QMessageBox)


def answer(panel, qtbot, button):
    question(panel).button(button).click()
    qtbot.waitUntil(lambda: question(panel) is None and panel._run is None, timeout=10000)


def names(viewer):
    return [layer.name for layer in viewer.layers]


def text(panel):
    return panel.message.text().replace("\u200b", "")


def test_files_become_the_chosen_layer(viewer, panel, qtbot, monkeypatch, tmp_path):
    viewer.add_image(np.zeros((4, 8, 9)), name="other")
    choose_files(monkeypatch, reversed(photographs(tmp_path)))
    click(panel, qtbot, panel.opening.files)
    assert names(viewer) == ["other", tmp_path.name]
    assert panel.chooser.layer.currentText() == tmp_path.name
    assert panel.button.text() == "Stack 3 frames"
    assert text(panel) == f"“{tmp_path.name}” opened."
    layer = viewer.layers[tmp_path.name]
    np.testing.assert_array_equal(layer.data, COLOURS[:3])
    assert layer.data.chunks[0] == (1, 1, 1)
    assert layer.metadata[PLUGIN]["transfer"] == "srgb"
    click(panel, qtbot, panel.button)
    assert f"{tmp_path.name} [fused]" in names(viewer)


def test_a_folder_with_extensions_of_both_cases(viewer, panel, qtbot, monkeypatch, tmp_path):
    photographs(tmp_path, ("1.jpg", "2.JPG", "10.jpg", "11.JPG"))
    (tmp_path / "notes.txt").write_text("not a picture")
    choose_folder(monkeypatch, tmp_path)
    click(panel, qtbot, panel.opening.folder)
    sources = viewer.layers[tmp_path.name].metadata[PLUGIN]["sources"]
    assert [source.rpartition("/")[2] for source in sources] == ["1.jpg", "2.JPG", "10.jpg", "11.JPG"]


def test_a_list_with_extensions_of_both_cases(viewer, panel, qtbot, monkeypatch, tmp_path):
    choose_files(monkeypatch, photographs(tmp_path, ("3.JPG", "1.jpg", "2.JPEG")))
    click(panel, qtbot, panel.opening.files)
    sources = viewer.layers[tmp_path.name].metadata[PLUGIN]["sources"]
    assert [source.rpartition("/")[2] for source in sources] == ["1.jpg", "2.JPEG", "3.JPG"]


def test_the_dialog_offers_raw_files_and_pictures_in_both_cases():
    pictures, everything = opening.FILTER.split(";;")
    assert {"*.dng", "*.CR3", "*.jpg", "*.JPG", "*.png", "*.TIF"} <= set(pictures[len("Pictures (") : -1].split())
    assert everything == "All files (*)"


def test_channels_of_a_file_are_stacked_together(viewer, panel, qtbot, monkeypatch, tmp_path):
    data = np.random.default_rng(0).integers(0, 4000, (4, 2, 24, 32)).astype(np.uint16)
    imwrite(tmp_path / "cells.tif", data, imagej=True, metadata={"axes": "ZCYX"})
    choose_files(monkeypatch, [tmp_path / "cells.tif"])
    click(panel, qtbot, panel.opening.files)
    assert len(viewer.layers) == 2
    assert panel.button.text() == "Stack 2 channels together"


def test_nothing_happens_if_the_dialog_is_cancelled(viewer, panel, monkeypatch):
    choose_files(monkeypatch, [])
    choose_folder(monkeypatch, "")
    before = panel.message.text()
    panel.opening.files.click()
    panel.opening.folder.click()
    assert panel._run is None
    assert (panel.message.text(), names(viewer)) == (before, [])


def test_a_bad_frame_is_asked_about_and_left_out(viewer, panel, qtbot, monkeypatch, tmp_path):
    paths = photographs(tmp_path, ("1.png", "2.png", "3.png", "4.png"))
    cut_off(paths[2])
    choose_folder(monkeypatch, tmp_path)
    click(panel, qtbot, panel.opening.folder)
    assert "“3.png” cannot be used: the file ends before its picture does" in question(panel).text()
    assert "without such frames?" in question(panel).informativeText()
    assert "skip_bad" not in question(panel).text() + text(panel)
    assert names(viewer) == []
    answer(panel, qtbot, QMessageBox.StandardButton.Yes)
    assert viewer.layers[tmp_path.name].data.shape[0] == 3
    assert text(panel).startswith(f"“{tmp_path.name}” opened without “3.png” (the file ends before its picture does")
    assert panel.message.property("kind") == "warning"


def test_no_leaves_everything_as_it_is(viewer, panel, qtbot, monkeypatch, tmp_path):
    cut_off(photographs(tmp_path)[0])
    choose_folder(monkeypatch, tmp_path)
    click(panel, qtbot, panel.opening.folder)
    answer(panel, qtbot, QMessageBox.StandardButton.No)
    assert names(viewer) == []
    assert text(panel).startswith("Not opened: “1.png” cannot be used")
    assert panel.opening.isEnabled()


def test_many_bad_frames_are_counted(viewer, panel, qtbot, monkeypatch, tmp_path):
    for path in photographs(tmp_path, [f"{i}.png" for i in range(6)])[:4]:
        cut_off(path)
    panel.opening.open([tmp_path], skip_bad=True)
    qtbot.waitUntil(lambda: panel._run is None, timeout=10000)
    assert "“2.png” (" in text(panel)
    assert text(panel).endswith(", 1 more.")
    assert viewer.layers[tmp_path.name].data.shape[0] == 2


def test_a_page_of_a_file_that_was_left_out_is_named():
    skipped = ((opening.Source(opening.Path("a/cells.tif"), 4), "it is damaged"),)
    assert opening._without(opening.Opened((), "cells", skipped)) == " without “cells.tif” page 5 (it is damaged)"


@pytest.mark.parametrize(
    ("files", "words"),
    [([], "holds no pictures"), (["1.png"], "“1.png” is a single picture. A focus stack needs several frames")],
)
def test_an_error_is_told(viewer, panel, qtbot, monkeypatch, tmp_path, files, words):
    photographs(tmp_path, files)
    choose_folder(monkeypatch, tmp_path)
    click(panel, qtbot, panel.opening.folder)
    assert words in text(panel)
    assert panel.message.property("kind") == "error"
    assert (names(viewer), question(panel)) == ([], None)
    assert panel.opening.isEnabled()


def test_without_any_good_frame_nothing_is_opened(viewer, panel, qtbot, monkeypatch, tmp_path):
    for path in photographs(tmp_path):
        cut_off(path)
    choose_folder(monkeypatch, tmp_path)
    click(panel, qtbot, panel.opening.folder)
    answer(panel, qtbot, QMessageBox.StandardButton.Yes)
    assert "none of 3 frames can be read" in text(panel)
    assert (names(viewer), question(panel)) == ([], None)


def test_damage_that_stacking_meets_can_be_left_out_by_opening_again(viewer, panel, qtbot, monkeypatch, tmp_path):
    damage(photographs(tmp_path)[2])
    choose_folder(monkeypatch, tmp_path)
    click(panel, qtbot, panel.opening.folder)  # the headers are in order, and so is what is shown
    assert names(viewer) == [tmp_path.name]
    click(panel, qtbot, panel.button)
    assert "10.png: its pixels are damaged" in text(panel)
    assert text(panel).endswith("“Open files…” and “Open folder…” in the panel can open the burst without it")
    assert panel.message.property("kind") == "error"
    viewer.layers.clear()
    click(panel, qtbot, panel.opening.folder)
    assert "“10.png” cannot be used: its pixels are damaged" in question(panel).text()
    answer(panel, qtbot, QMessageBox.StandardButton.Yes)
    assert viewer.layers[tmp_path.name].data.shape[0] == 2
    click(panel, qtbot, panel.button)
    assert f"{tmp_path.name} [fused]" in names(viewer)


def test_damage_in_the_frame_that_is_shown_first_is_asked_about(viewer, panel, qtbot, monkeypatch, tmp_path):
    damage(photographs(tmp_path)[1])
    choose_folder(monkeypatch, tmp_path)
    click(panel, qtbot, panel.opening.folder)
    assert "“2.png” cannot be used: its pixels are damaged" in question(panel).text()
    answer(panel, qtbot, QMessageBox.StandardButton.Yes)
    np.testing.assert_array_equal(viewer.layers[tmp_path.name].data, COLOURS[[0, 2]])


def slow_reading(paths, *, skip_bad=False):
    for _ in track(range(10**6), "Opening"):
        time.sleep(0.005)


def test_opening_shows_its_progress_and_can_be_cancelled(viewer, panel, qtbot, monkeypatch, tmp_path):
    monkeypatch.setattr(opening, "read_burst", slow_reading)
    choose_folder(monkeypatch, tmp_path)
    panel.opening.folder.click()
    qtbot.waitUntil(lambda: panel.progress.bar.format().startswith("Opening · "), timeout=5000)
    assert panel.button.text() == "Opening …"
    assert not panel.opening.isEnabled()
    panel.progress.stop.click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=5000)
    assert panel.message.text() == "Cancelled. Nothing was changed."
    assert names(viewer) == []
    assert panel.opening.isEnabled()


def test_closing_the_dock_while_opening_stops_it(viewer, panel, qtbot, monkeypatch, tmp_path):
    monkeypatch.setattr(opening, "read_burst", slow_reading)
    choose_folder(monkeypatch, tmp_path)
    panel.opening.folder.click()
    qtbot.waitUntil(lambda: panel.progress.bar.format().startswith("Opening · "), timeout=5000)
    with qtbot.waitSignal(panel._run.ended, timeout=5000):
        viewer.window.remove_dock_widget(panel)
    assert names(viewer) == []


def test_closing_the_window_with_the_question_in_it_is_safe(viewer, panel, qtbot, monkeypatch, tmp_path):
    cut_off(photographs(tmp_path)[0])
    choose_folder(monkeypatch, tmp_path)
    click(panel, qtbot, panel.opening.folder)
    assert question(panel).isVisible()
    viewer.close()


def test_the_progress_of_a_series_names_the_burst(viewer, panel, qtbot, monkeypatch):
    def fuse_slowly(frames, *, channel: int = -1, device: str = "auto"):
        """Never end by itself."""
        slow_reading([])

    monkeypatch.setitem(FUSERS, "average", fuse_slowly)
    viewer.add_image(np.zeros((2, 3, 8, 9)), axis_labels=("t", "z", "y", "x"))
    panel.button.click()
    qtbot.waitUntil(lambda: panel.progress.bar.format().startswith("Opening (burst 1 of 2) · "), timeout=5000)
    panel.progress.stop.click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=5000)


def test_only_unreadable_frames_are_remembered(monkeypatch, tmp_path):
    monkeypatch.setattr(opening, "_damaged", {})

    def fail(error):
        raise error

    assert opening.noting_damage(lambda: 7) == 7
    with pytest.raises(ValueError, match="other"):
        opening.noting_damage(lambda: fail(ValueError("other")))
    assert opening._damaged == {}
    with pytest.raises(UnreadableFrame, match=r"it is damaged; “Open files…”"):
        opening.noting_damage(lambda: fail(UnreadableFrame(tmp_path / "a.png", "it is damaged")))
    assert opening._damaged == {(tmp_path / "a.png").resolve(): "it is damaged"}


def test_the_longest_progress_of_a_series_fits_the_bar(viewer, panel):
    panel.resize(panel.minimumWidth(), 600)
    panel.progress.show()
    panel.progress.show_step(Step("Aligning (burst 12 of 50)", 13, 120))
    room = panel.minimumWidth() - 16 - panel.progress.stop.sizeHint().width() - panel.progress.layout().spacing()
    assert panel.progress.bar.fontMetrics().horizontalAdvance(panel.progress.bar.format()) <= room
