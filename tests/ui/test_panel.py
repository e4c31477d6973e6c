"""The panel in the real window: its buttons are clicked."""

import threading
import time
from typing import Annotated

import dask.array as da
import numpy as np
import pytest

from napari_focusstack.alignment import Alignment, Area
from napari_focusstack.arrays import frame
from napari_focusstack.fusion import FUSERS, Fusion
from napari_focusstack.progress import track
from napari_focusstack.recipe import Recipe
from napari_focusstack.ui.report import AlignmentReport
from napari_focusstack.ui.source import PLUGIN

GO_ON = threading.Event()


def fuse_last(frames, *, shift: Annotated[int, {"min": 0, "max": 9}] = 0, channel: int = -1, device: str = "auto"):
    """Take the last frame: a method for tests."""
    for i in track(range(len(frames)), "Fusing"):
        image = frame(frames, i)
    index = np.full(image.shape[:2], len(frames) - 1 - shift, np.float32)
    return Fusion(image, index, np.ones_like(index))


def fuse_slowly(frames, *, channel: int = -1, device: str = "auto"):
    """Never end by itself."""
    for _ in track(range(10**6), "Fusing"):
        time.sleep(0.005)


class OutOfMemoryError(RuntimeError):
    """As torch's, a RuntimeError."""


def fuse_greedily(frames, *, channel: int = -1, device: str = "auto"):
    """Need too much memory."""
    raise OutOfMemoryError("CUDA out of memory. Tried to allocate 40.00 GiB.")


def fuse_wrongly(frames, *, channel: int = -1, device: str = "auto"):
    """Complain."""
    raise ValueError("frames of shape (1, 2) are not a burst")


@pytest.fixture(autouse=True)
def methods(monkeypatch):
    for name, method in {
        "last": fuse_last,
        "slow": fuse_slowly,
        "greedy": fuse_greedily,
        "wrong": fuse_wrongly,
    }.items():
        monkeypatch.setitem(FUSERS, name, method)


@pytest.fixture
def panel(viewer):
    """Panel in its dock, as the Plugins menu opens it, set to methods that are quick."""
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Focus stack")
    choose(panel, "last")
    return panel


def choose(panel, fuse, align="none", depth="none"):
    panel.fusion.methods.choose(fuse)
    panel.depth.methods.choose(depth)
    panel.alignment.methods.choose(align)


def click_and_wait(panel, qtbot, button=None):
    (button or panel.button).click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=20000)


def facts(panel):
    return panel.chooser.facts.text().replace("\u00a0", " ")


def names(viewer):
    return [layer.name for layer in viewer.layers]


def test_without_layers_it_says_what_to_do(panel):
    assert not panel.button.isEnabled()
    assert "Open a focus stack first" in panel.message.text()


def test_what_was_done_stays_said_until_another_layer_is_chosen(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s")
    click_and_wait(panel, qtbot)
    viewer.layers.selection.active = viewer.layers["s [index]"]
    assert panel.message.text().startswith("5 frames fused in ")
    viewer.add_image(stack, name="other")
    assert panel.message.text() == ""


def test_a_single_picture_is_declined_kindly(viewer, panel):
    viewer.add_image(np.zeros((8, 9)), name="photo")
    assert not panel.button.isEnabled()
    assert "“photo” is a single picture" in panel.message.text()


def test_one_click_stacks(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="cells", axis_labels=("z", "y", "x"), scale=(2, 0.5, 0.5), units="um")
    assert panel.button.text() == "Stack 5 frames"
    assert panel.chooser.focus.currentText() == "z · 5 frames"
    assert facts(panel) == "60 × 40 px · 8 bit"
    click_and_wait(panel, qtbot)
    assert names(viewer) == ["cells", "cells [index]", "cells [fused]"]
    fused = viewer.layers["cells [fused]"]
    np.testing.assert_array_equal(fused.data, stack[-1])
    assert (fused.data.dtype, fused.scale.tolist()) == (np.uint8, [0.5, 0.5])
    assert panel.message.text().startswith("5 frames fused in ")
    assert panel.button.isEnabled()
    assert panel.progress.isHidden()
    assert panel.chooser.layer.currentText() == "cells"  # the result is selected, the source stays chosen


def test_the_default_methods_make_it_sharp(viewer, panel, stack, qtbot):
    panel.reset()
    viewer.add_image(stack, name="cells")
    click_and_wait(panel, qtbot)
    fused = viewer.layers["cells [fused]"].data.astype(float)
    sharp = stack[np.arange(60) // 12, :, np.arange(60)].T.astype(float)
    top, left = (np.array(viewer.layers["cells [fused]"].translate)).round().astype(int)
    sharp = sharp[top : top + fused.shape[0], left : left + fused.shape[1]]
    assert np.corrcoef(fused.ravel(), sharp.ravel())[0, 1] > 0.9
    assert panel.message.text().startswith("5 frames aligned, fused and measured in ")
    assert panel.alignment.report.isEnabled()
    panel.alignment.report.click()
    table = panel.findChild(AlignmentReport).table
    assert table.rowCount() == 5
    assert table.item(2, 7).text() == "reference"


def test_a_second_click_updates_in_place(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s")
    click_and_wait(panel, qtbot)
    first = list(viewer.layers)
    panel.fusion.methods.choose("last", {"shift": 2})
    click_and_wait(panel, qtbot)
    assert list(viewer.layers) == first
    assert viewer.layers["s [index]"].data.max() == 2
    assert viewer.layers["s [fused]"].metadata[PLUGIN]["recipe"]["fuse_options"] == {"shift": 2}


def test_a_lazy_colour_burst_stacks(viewer, panel, qtbot):
    frames = np.arange(4 * 40 * 50 * 3, dtype=np.uint16).reshape(4, 40, 50, 3)
    viewer.add_image(da.from_array(frames, chunks=(1, -1, -1, -1)), rgb=True, name="raw", axis_labels=("z", "y", "x"))
    assert facts(panel) == "50 × 40 px · colour · 16 bit"
    assert panel.chooser.channels.isHidden()
    click_and_wait(panel, qtbot)
    fused = viewer.layers["raw [fused]"]
    assert (fused.rgb, fused.data.dtype) == (True, np.uint16)
    np.testing.assert_array_equal(fused.data, frames[-1])


def test_times_and_channels_are_looped(viewer, panel, qtbot):
    data = np.random.default_rng(0).integers(0, 60000, (2, 3, 4, 20, 30)).astype(np.uint16)
    viewer.add_image(data, name="series", axis_labels=("t", "c", "z", "y", "x"))
    assert facts(panel) == "30 × 20 px · 3 channels · 16 bit · 2 × t"
    entries = [panel.chooser.channels.itemText(i) for i in range(panel.chooser.channels.count())]
    assert entries[0] == "all channels"
    assert entries[-1] == "each channel on its own"
    assert len(entries) == 5
    panel.chooser.choose_channels(1)
    assert panel.recipe().channels == 1
    click_and_wait(panel, qtbot)
    np.testing.assert_array_equal(viewer.layers["series [fused]"].data[:, :, 0], data[:, :, -1])
    assert viewer.layers["series [index]"].data.shape == (2, 1, 1, 20, 30)


def test_the_focus_axis_can_be_chosen(viewer, panel, qtbot):
    data = np.random.default_rng(0).integers(0, 255, (3, 4, 20, 30)).astype(np.uint8)
    viewer.add_image(data, name="s")
    assert [panel.chooser.focus.itemText(i) for i in range(2)] == ["axis 1 · 4 frames", "axis 0 · 3 frames"]
    panel.chooser.focus.setCurrentIndex(1)
    assert panel.button.text() == "Stack 3 frames"
    click_and_wait(panel, qtbot)
    np.testing.assert_array_equal(viewer.layers["s [fused]"].data, data[-1])


def test_selected_layers_stack_together_as_channels(viewer, panel, stack, qtbot):
    for name in ("nuclei", "membrane"):
        viewer.add_image(stack, name=name, blending="additive")
    viewer.layers.selection = {viewer.layers["nuclei"], viewer.layers["membrane"]}
    assert panel.chooser.together.isVisibleTo(panel)
    assert panel.button.text() == "Stack 2 channels together"
    assert panel.chooser.channels.itemText(1) == "nuclei only"
    click_and_wait(panel, qtbot)
    assert names(viewer)[2:] == ["nuclei + membrane [index]", "nuclei [fused]", "membrane [fused]"]
    assert panel.button.text() == "Stack 2 channels together"  # and again
    panel.chooser.together.setChecked(False)
    assert panel.button.text() == "Stack 5 frames"
    viewer.add_image(stack[:3], name="other")
    assert not panel.chooser.together.isVisibleTo(panel)


def test_the_chooser_follows_the_layer_list(viewer, panel, stack):
    viewer.add_image(stack, name="a")
    viewer.add_image(stack[:3], name="b")
    assert panel.chooser.layer.currentText() == "b"
    viewer.layers.selection.active = viewer.layers["a"]
    assert panel.button.text() == "Stack 5 frames"
    viewer.layers["a"].name = "c"
    assert panel.chooser.layer.currentText() == "c"
    viewer.layers.remove("c")
    assert panel.button.text() == "Stack 3 frames"
    viewer.layers.clear()
    assert not panel.button.isEnabled()


def test_cancel_stops_at_once_and_changes_nothing(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s")
    choose(panel, "slow")
    panel.button.click()
    qtbot.waitUntil(lambda: panel.progress.bar.format().startswith("Fusing · "), timeout=5000)
    assert panel.button.text() == "Stacking …"
    assert not panel.button.isEnabled()
    assert panel.progress.stop.isVisibleTo(panel)
    panel.progress.stop.click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=5000)
    assert names(viewer) == ["s"]
    assert panel.message.text() == "Cancelled. Nothing was changed."
    assert panel.button.isEnabled()


def test_closing_the_window_mid_run_is_safe(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s")
    choose(panel, "slow")
    panel.button.click()
    qtbot.waitUntil(lambda: panel.progress.bar.format().startswith("Fusing · "), timeout=5000)
    run = panel._run
    with qtbot.waitSignal(run.ended, timeout=5000):
        viewer.close()


def reopened(viewer, panel):
    viewer.window.remove_dock_widget(panel.parent())
    return viewer.window.add_plugin_dock_widget(PLUGIN, "Focus stack")[1]


def test_choices_outlive_the_dock_but_not_the_viewer(viewer, panel, stack, make_napari_viewer_proxy):
    viewer.add_image(stack, name="s")
    panel.depth.methods.choose("sff", {"radius": 4.0})
    panel.depth.step.line.setText("250")
    panel.diffusion.when.setCurrentIndex(panel.diffusion.when.findData("on"))
    panel.fusion.methods.choose("last", {"shift": 3})
    chosen = panel.recipe()
    panel = reopened(viewer, panel)
    assert panel.recipe() == chosen
    assert (chosen.step, chosen.diffusion, chosen.fuse_options) == (250, "on", {"shift": 3})
    assert panel.sections["Depth"].summary.text() == "Shape from focus · 250 µm"
    assert panel.sections["Halos"].summary.text() == "On"
    _, another = make_napari_viewer_proxy().window.add_plugin_dock_widget(PLUGIN, "Focus stack")
    assert another.recipe() == Recipe(depth="sff")
    panel.recipes.reset.click()
    assert panel.recipe() == Recipe(depth="sff")
    assert reopened(viewer, panel).recipe() == Recipe(depth="sff")


def test_changed_preferences_count_more_than_what_was_chosen_before(viewer, panel):
    from napari.settings import get_plugin_settings

    panel.fusion.methods.choose("last", {"shift": 3})
    get_plugin_settings(PLUGIN).methods.fuse = "wavelet"
    assert reopened(viewer, panel).recipe() == Recipe(fuse="wavelet", depth="sff")


def test_closing_the_dock_mid_run_stops_it(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s")
    choose(panel, "slow")
    panel.button.click()
    qtbot.waitUntil(lambda: panel.progress.bar.format().startswith("Fusing · "), timeout=5000)
    with qtbot.waitSignal(panel._run.ended, timeout=5000):
        viewer.window.remove_dock_widget(panel)
    assert names(viewer) == ["s"]
    viewer.add_image(stack, name="later")  # nobody follows any more
    assert panel.chooser.layer.count() == 1


def test_a_layer_that_is_removed_mid_run_does_no_harm(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s")
    panel.button.click()
    viewer.layers.clear()
    qtbot.waitUntil(lambda: panel._run is None, timeout=5000)
    assert names(viewer) == ["s [index]", "s [fused]"]


@pytest.mark.parametrize(("method", "words"), [("greedy", "not enough memory"), ("wrong", "(1, 2) are not a burst")])
def test_an_error_is_told_in_the_panel_and_the_buttons_come_back(viewer, panel, stack, qtbot, method, words):
    viewer.add_image(stack, name="s")
    choose(panel, method)
    click_and_wait(panel, qtbot)
    assert words in panel.message.text()
    assert panel.message.property("kind") == "error"
    assert panel.button.isEnabled()
    assert names(viewer) == ["s"]
    choose(panel, "last")
    click_and_wait(panel, qtbot)
    assert "s [fused]" in names(viewer)


def test_align_only_adds_the_aligned_frames(viewer, panel, stack, qtbot):
    viewer.add_image(stack, name="s")
    click_and_wait(panel, qtbot, panel.alignment.only)
    assert panel.message.text() == "Choose a method of alignment first."
    choose(panel, "last", align="ecc")
    click_and_wait(panel, qtbot, panel.alignment.only)
    assert names(viewer) == ["s", "s [aligned]"]
    assert viewer.layers["s [aligned]"].data.shape[0] == 5
    assert panel.message.text().startswith("5 frames aligned in ")


def still(frames=5, height=40, width=60):
    """Alignment that moves every frame by one px more than the one before."""
    transforms = np.repeat(np.eye(3)[None], frames, 0)
    transforms[:, 0, 2] = np.arange(frames) - frames // 2
    return Alignment(
        transforms=transforms,
        area=Area(0, 2, height, width - 4),
        reference=frames // 2,
        kept=np.ones(frames, bool),
        correlation=np.ones(frames),
        gains=np.ones((frames, 1)),
        transfer="linear",
    )


def test_a_saved_alignment_is_applied(viewer, panel, stack, qtbot, tmp_path, monkeypatch):
    viewer.add_image(stack, name="s")
    still().save(tmp_path / "motion.json")
    monkeypatch.setattr(panel.files, "ask_open", lambda _: str(tmp_path / "motion.json"))
    panel.alignment.apply.click()
    assert "motion.json" in panel.alignment.applied.text()
    assert not panel.alignment.methods.isEnabled()
    click_and_wait(panel, qtbot)
    np.testing.assert_array_equal(viewer.layers["s [fused]"].translate, [0, 2])
    assert "Largest shift 2.0 px" in panel.message.text()
    monkeypatch.setattr(panel.files, "ask_save", lambda *_: str(tmp_path / "again.json"))
    panel.alignment.save.click()
    np.testing.assert_allclose(Alignment.load(tmp_path / "again.json").transforms, still().transforms)
    panel.alignment.forget.click()
    assert panel.alignment.methods.isEnabled()


def test_a_folder_that_is_not_there_is_told(viewer, panel, tmp_path, monkeypatch):
    monkeypatch.setattr(panel.files, "ask_save", lambda *_: str(tmp_path / "no" / "recipe.json"))
    panel.recipes.save.click()
    assert panel.message.text().replace("\u200b", "") == f"{tmp_path / 'no'} is not a folder; make it first."


def test_a_recipe_goes_to_a_file_and_back(viewer, panel, tmp_path, monkeypatch):
    path = tmp_path / "recipe.json"
    monkeypatch.setattr(panel.files, "ask_save", lambda *_: str(path))
    monkeypatch.setattr(panel.files, "ask_open", lambda _: str(path))
    panel.fusion.methods.choose("last", {"shift": 3})
    panel.recipes.save.click()
    assert Recipe.from_json(path.read_text()).fuse_options == {"shift": 3}
    panel.recipes.reset.click()
    assert panel.recipe() == Recipe(depth="sff")
    panel.recipes.load.click()
    assert panel.recipe() == Recipe(align="none", fuse="last", fuse_options={"shift": 3})
    path.write_text("{}")
    panel.recipes.load.click()
    assert "“recipe.json” cannot be used: not a recipe" in panel.message.text()
    assert panel.message.property("kind") == "error"


def test_both_themes_have_their_colours(viewer, panel):
    dark = panel.styleSheet()
    viewer.theme = "light"
    assert panel.styleSheet() != dark


def test_long_paths_do_not_widen_the_panel(viewer, panel):
    width = panel.widget().minimumSizeHint().width()
    panel.say(
        "frame 3: /home/somebody/pictures/" + "a_very_long_folder_name/" * 5 + "shot_0003.tif cannot be read", "error"
    )
    assert panel.widget().minimumSizeHint().width() == width
    viewer.add_image(np.zeros((3, 8, 9)), name="a very long name of a layer " * 5)
    assert panel.widget().minimumSizeHint().width() <= width
    assert panel.message.textFormat() == panel.message.textFormat().PlainText
