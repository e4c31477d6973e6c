"""The panel of depth and 3-D in the real window: its buttons are clicked."""

import errno
import json
import time
from pathlib import Path

import numpy as np
import pytest
from depth_making import SLOPE, add_depth, corners, tilted
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QApplication, QFileDialog, QStyleOptionComboBox

from napari_focusstack.progress import track
from napari_focusstack.ui.source import PLUGIN, notes


@pytest.fixture
def panel(viewer):
    """Panel in its dock, as the Plugins menu opens it."""
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Depth and 3-D")
    return panel


@pytest.fixture
def save_as(monkeypatch, tmp_path):
    """Let every file dialog answer with a name in a folder of its own."""

    def answer(name):
        path = str(tmp_path / name)
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (path, ""))
        return Path(path)

    return answer


@pytest.fixture
def notifications(monkeypatch):
    """Texts of what napari notifies of."""
    seen = []
    monkeypatch.setattr(notification_manager, "dispatch", lambda notification: seen.append(notification.message))
    return seen


def click_and_wait(panel, qtbot, button=None):
    (button or panel.button).click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=20000)


def surface(viewer):
    return next(layer for layer in viewer.layers if notes(layer).get("role") == "surface")


def test_without_a_depth_it_says_what_to_do(panel):
    assert not panel.button.isEnabled()
    assert panel.chooser.facts.text().startswith("Measure depth first")
    for button in (panel.probes.add, panel.profile.draw, panel.export.depth, panel.export.mesh):
        assert not button.isEnabled()


def test_it_follows_the_layers(viewer, panel):
    ours = add_depth(viewer)
    assert panel.chooser.chosen.layer.unique_id == ours.unique_id
    assert panel.button.isEnabled()
    own = viewer.add_image(np.ones((8, 9)), name="own")
    assert panel.chooser.layer.currentText() == "own"  # because it is selected
    viewer.layers.remove(own)
    assert panel.chooser.chosen.layer.unique_id == ours.unique_id
    ours.data = ours.data + 5
    assert panel.chooser.chosen.at(10, 20)[0] == pytest.approx(7)
    viewer.layers.clear()
    assert panel.chooser.chosen is None


def endless(*_, **__):
    """Never end by itself."""
    for _ in track(range(10**6), "Waiting"):
        time.sleep(0.005)


def state(viewer):
    camera = viewer.scene.camera
    return (
        [(layer.name, layer.visible) for layer in viewer.layers],
        {layer.name for layer in viewer.layers.selection},
        viewer.layers.selection.active.name,
        viewer.dims.ndisplay,
        viewer.dims.ndim,
        viewer.dims.nsteps,
        viewer.dims.point,
        camera.center[-2:],
        camera.zoom,
        camera.angles,
        camera.perspective,
    )


def test_a_long_name_keeps_its_unit_at_the_end(viewer, panel):
    layer = add_depth(viewer)
    layer.name = f"{'a very long name of a burst ' * 4}[depth in µm]"
    drawn = QStyleOptionComboBox()
    panel.chooser.layer.initStyleOption(drawn)
    assert drawn.currentText.startswith("a very")
    assert drawn.currentText.endswith("µm]")
    room = panel.chooser.layer.width() - panel.chooser.layer.fontMetrics().horizontalAdvance("…")
    assert panel.chooser.layer.fontMetrics().horizontalAdvance(drawn.currentText) < room
    layer.name = "short"
    panel.chooser.layer.initStyleOption(drawn)
    assert drawn.currentText == "short"


def test_there_and_back_again(viewer, panel, qtbot):
    viewer.add_image(np.zeros((5, 60, 80)), scale=(2, 0.5, 0.5), units="um", name="s", visible=False)
    add_depth(viewer)
    viewer.dims.set_point(0, 6)
    viewer.scene.camera.zoom, viewer.scene.camera.center = 3.3, (0, 11, 12)
    before = state(viewer)
    click_and_wait(panel, qtbot)
    assert panel.button.text() == "Back to 2-D"
    assert viewer.dims.ndisplay == 3
    assert [layer.name for layer in viewer.layers if layer.visible] == ["s [surface]"]
    assert viewer.layers.units is None or len({str(unit) for unit in surface(viewer).units}) == 1
    panel.button.click()
    assert state(viewer) == before
    assert panel.button.text() == "Show in 3-D"


def test_napari_s_own_button_leads_back_too(viewer, panel, qtbot):
    add_depth(viewer)
    before = state(viewer)
    click_and_wait(panel, qtbot)
    viewer.dims.ndisplay = 2
    qtbot.waitUntil(lambda: not panel.view.shown)
    assert state(viewer) == before
    click_and_wait(panel, qtbot)
    viewer.layers.remove(surface(viewer))
    assert state(viewer) == before
    assert not panel.view.shown


def test_closing_the_panel_leads_back(viewer, qtbot):
    dock, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Depth and 3-D")
    add_depth(viewer)
    before = state(viewer)
    click_and_wait(panel, qtbot)
    viewer.window.remove_dock_widget(dock)
    assert state(viewer) == before
    viewer.layers.clear()  # reaches nobody


def test_vertices_lie_where_the_picture_does(viewer, panel, qtbot):
    layer = add_depth(viewer, scale=(0.5, 0.25))
    layer.translate = (100, 200)
    click_and_wait(panel, qtbot)
    low, high = surface(viewer).extent.world
    np.testing.assert_allclose(low[1:], (100, 200), atol=0.5)
    np.testing.assert_allclose(high[1:], (100 + 59 * 0.5, 200 + 79 * 0.25), atol=0.5)
    assert high[0] == pytest.approx(79 * SLOPE, abs=0.05)


def test_the_surface_is_not_mirrored_and_as_bright_as_the_picture(plugin, make_napari_viewer_proxy, qtbot):
    viewer = make_napari_viewer_proxy(show=True)  # else nothing is drawn in 3-D
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Depth and 3-D")
    add_depth(viewer, np.full((60, 80), 3.0, np.float32))
    click_and_wait(panel, qtbot)
    viewer.scene.camera.angles, viewer.scene.camera.perspective = (0, 0, 0), 0  # from above
    viewer.fit_to_view(margin=0)
    seen = viewer.screenshot(flash=False)[..., :3].astype(int)
    lit = np.argwhere(seen.sum(-1) > 30)
    (top, left), (bottom, right) = lit.min(0), lit.max(0)
    picture = corners()
    for y, x in ((0.15, 0.15), (0.15, 0.85), (0.85, 0.15), (0.85, 0.85), (0.5, 0.5)):
        there = seen[round(top + y * (bottom - top)), round(left + x * (right - left))]
        np.testing.assert_allclose(there, picture[int(y * 60), int(x * 80)], atol=4)


def test_looks_and_heights_change_at_once(viewer, panel, qtbot):
    layer = add_depth(viewer)
    click_and_wait(panel, qtbot)
    shown = surface(viewer)
    assert shown.texture is not None
    panel.surface.height_.setValue(4)
    assert shown.extent.world[1][0] == pytest.approx(4 * 79 * SLOPE, abs=0.2)
    panel.surface.look.setCurrentIndex(1)
    assert shown.texture is None
    assert shown.colormap.name == layer.colormap.name
    assert shown.contrast_limits == layer.contrast_limits
    np.testing.assert_allclose(shown.data[2], shown.data[0][:, 0], atol=0.01)  # true depth
    panel.surface.look.setCurrentIndex(2)
    assert shown.shading == "smooth"
    assert shown.extent.world[1][0] == pytest.approx(4 * 79 * SLOPE, abs=0.2)
    panel.surface.level.click()
    assert shown.extent.world[1][0] == pytest.approx(79 * SLOPE, abs=0.05)
    assert panel.sections["3-D"].summary.text() == "Plain, shaded · height × 1"


def test_without_a_picture_the_header_says_what_is_shown(viewer, panel):
    add_depth(viewer, picture=False)
    title = panel.sections["3-D"].summary
    assert title.text() == "Depth colours · height × 1"
    assert "no picture yet" in panel.surface.said.text()
    assert "“Stack” makes one" in panel.surface.said.text()
    add_depth(viewer)
    assert title.text() == "Picture · height × 1"
    assert "no picture" not in panel.surface.said.text()
    viewer.layers.remove("s [fused]")
    assert title.text() == "Depth colours · height × 1"
    panel.surface.look.setCurrentIndex(2)
    assert title.text() == "Plain, shaded · height × 1"


def test_heights_are_called_true_only_where_the_scale_is_known(viewer, panel):
    add_depth(viewer)
    assert panel.surface.level.text() == "True heights"
    viewer.layers.clear()
    add_depth(viewer, unit="frame", units="pixel", scale=(1, 1))
    assert panel.surface.level.text() == "Heights × 1"
    assert "no scale is known" in panel.surface.level.toolTip()
    panel.surface.height_.setValue(3)
    panel.surface.level.click()
    assert panel.surface.height() == 1


@pytest.mark.parametrize("look", [0, 2])
def test_heights_stay_in_the_window(viewer, panel, qtbot, look):
    add_depth(viewer)
    panel.surface.look.setCurrentIndex(look)
    click_and_wait(panel, qtbot)
    camera = viewer.scene.camera
    before = (camera.zoom, camera.center[0], camera.angles)
    panel.surface.height_.setValue(10)
    assert camera.zoom < before[0]
    assert camera.center[0] > before[1]
    assert camera.angles == before[2]  # it is looked at from where it was
    panel.surface.level.click()
    assert (camera.zoom, camera.center[0]) == pytest.approx(before[:2], rel=1e-4)


def test_depth_colours_are_those_of_the_map_where_no_scale_is_known(viewer, panel, qtbot):
    add_depth(viewer, unit="frame", picture=False)
    assert "no measure" in panel.surface.said.text()
    click_and_wait(panel, qtbot)  # without a picture: in depth's colours
    shown = surface(viewer)
    assert shown.texture is None
    assert np.nanmax(shown.data[2]) == pytest.approx(79 * SLOPE, abs=0.1)


def test_the_surface_follows_the_step_in_time(viewer, panel, qtbot):
    add_depth(viewer, np.stack([tilted(), tilted() + 10])[:, None], picture=False)
    viewer.dims.set_point(0, 0)
    click_and_wait(panel, qtbot)
    assert surface(viewer).extent.world[0][0] == pytest.approx(0, abs=0.5)
    viewer.dims.set_point(0, 1)
    qtbot.waitUntil(lambda: surface(viewer).extent.world[0][0] > 9.5, timeout=20000)
    assert panel.view.shown
    panel.button.click()
    assert viewer.dims.point[0] == 1  # the time that was looked at last


def test_what_takes_long_can_be_stopped(viewer, panel, qtbot, monkeypatch):
    monkeypatch.setattr("napari_focusstack.depth.surface.surface_of", endless)
    add_depth(viewer)
    panel.button.click()
    qtbot.waitUntil(lambda: "/" in panel.progress.bar.format(), timeout=5000)
    assert not panel.button.isEnabled()
    assert not panel.export.mesh.isEnabled()
    panel.progress.stop.click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=5000)
    assert panel.message.text() == "Cancelled. Nothing was changed."
    assert (viewer.dims.ndisplay, len(viewer.layers)) == (2, 3)


def test_single_wrong_depths_do_not_make_the_rest_small(viewer, panel, qtbot):
    depth = tilted()
    zooms = []
    for peak in (0, 5000):
        depth[30:33, 40:43] += peak
        add_depth(viewer, depth.copy(), picture=False)
        click_and_wait(panel, qtbot)
        zooms.append(viewer.scene.camera.zoom)
        panel.button.click()
        viewer.layers.clear()
    assert zooms[1] == pytest.approx(zooms[0], rel=0.1)


def test_a_surface_of_other_vertices_takes_the_place_of_the_last(viewer, panel, qtbot):
    layer = add_depth(viewer)
    click_and_wait(panel, qtbot)
    few = len(surface(viewer).data[0])
    layer.data = np.nan_to_num(layer.data)
    qtbot.waitUntil(lambda: panel._run is None and len(surface(viewer).data[0]) > few, timeout=20000)
    assert surface(viewer).texture is not None
    panel.button.click()
    layer.data = np.where(np.arange(80) < 40, layer.data, np.nan).astype(np.float32)
    click_and_wait(panel, qtbot)
    assert len(surface(viewer).data[0]) == 60 * 40
    assert len([layer for layer in viewer.layers if notes(layer).get("role") == "surface"]) == 1


def test_near_and_far_can_be_turned_around(viewer, panel, qtbot):
    add_depth(viewer)
    click_and_wait(panel, qtbot)
    panel.surface.flip.click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=20000)
    assert surface(viewer).extent.world[0][0] == pytest.approx(-79 * SLOPE, abs=0.05)


def test_an_empty_depth_is_declined_in_words(viewer, panel, qtbot):
    add_depth(viewer, np.full((60, 80), np.nan, np.float32))
    click_and_wait(panel, qtbot)
    assert "no pixel has a depth" in panel.message.text()
    assert viewer.dims.ndisplay == 2


def test_probes_are_compared_in_the_panel(viewer, panel, qtbot, save_as):
    add_depth(viewer)
    panel.probes.add.click()
    layer = viewer.layers["s [probes]"]
    assert layer.mode == "add"
    layer.add([10.0, 20.0])
    layer.add([40.0, 60.0])
    assert layer.features["label"].tolist() == ["2.00 ± 0.20 µm", "6.00 ± 0.20 µm"]
    assert "Δz 4.00 ± 0.28 µm" in panel.probes.message.text()
    assert panel.sections["Probes"].summary.text() == "2 probes"
    layer.selected_data = {1}
    layer.remove_selected()
    assert panel.sections["Probes"].summary.text() == "1 probe"
    path = save_as("probes.csv")
    panel.probes.save.click()
    assert path.read_text(encoding="utf-8").splitlines()[1] == "1,5,10,2,0.2,1"


def test_probes_follow_the_step_in_time(viewer, panel):
    add_depth(viewer, np.stack([tilted(), tilted() + 10])[:, None], picture=False)
    panel.probes.add.click()
    layer = viewer.layers["s [probes]"]
    viewer.dims.set_point(0, 0)
    layer.add([10.0, 20.0])
    viewer.dims.set_point(0, 1)
    assert layer.features["depth"].iloc[0] == pytest.approx(12)


def test_a_profile_follows_its_line(viewer, panel, save_as):
    add_depth(viewer)
    panel.profile.draw.click()
    layer = viewer.layers["s [lines and regions]"]
    assert layer.mode == "add_line"
    layer.add(np.array([(30, 10), (30, 50)], float), shape_type="line")
    found = panel.profile.profile
    assert found.distance[-1] == pytest.approx(20)
    np.testing.assert_allclose(found.position, np.linspace(1, 5, len(found.position)), atol=1e-5)
    layer.data = [np.array([(30, 10), (30, 30)], float)]
    assert panel.profile.profile.distance[-1] == pytest.approx(10)
    path = save_as("profile")
    panel.profile.save.click()
    assert path.with_suffix(".csv").read_text(encoding="utf-8").startswith("distance (µm),depth (µm),sigma (µm)\n0,1,")


def test_roughness_of_a_region_and_of_everything(viewer, panel, qtbot):
    add_depth(viewer)
    panel.sections["Roughness"].open()
    qtbot.wait(300)
    assert "Draw a region" in panel.roughness.message.text()
    panel.roughness.rectangle.click()
    box = np.array([(10, 10), (10, 30), (20, 30), (20, 10)], float)
    viewer.layers["s [lines and regions]"].add(box, shape_type="rectangle")
    qtbot.waitUntil(lambda: panel.roughness.result is not None, timeout=5000)
    assert panel.roughness.result.pixels == 11 * 21
    assert panel.roughness.result.sq == pytest.approx(0, abs=1e-5)  # a plane, and the tilt is taken off
    panel.roughness.form.setCurrentIndex(2)
    qtbot.waitUntil(lambda: panel.roughness.result.form == "none", timeout=5000)
    assert panel.roughness.result.sz == pytest.approx(20 * SLOPE, abs=1e-4)
    panel.roughness.place.setCurrentIndex(1)
    qtbot.waitUntil(lambda: panel.roughness.result.pixels > 4000, timeout=5000)
    panel.roughness.copy_.click()
    assert QApplication.clipboard().text() == panel.roughness.result.report()


@pytest.mark.parametrize("name", ["d.ome.tif", "d.tif", "d.png", "m.glb", "m.ply", "m.obj", "m.stl"])
def test_everything_is_saved_where_one_says(viewer, panel, qtbot, save_as, name):
    add_depth(viewer)
    path = save_as(name)
    panel.export.sigma.setChecked(True)
    click_and_wait(panel, qtbot, panel.export.depth if name[0] == "d" else panel.export.mesh)
    assert path.stat().st_size > 300
    assert f"“{name}”" in panel.message.text().replace("\u200b", "")
    if name == "m.glb":
        data = path.read_bytes()
        said = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
        assert said["images"]


def test_a_saved_depth_has_the_size_of_its_pixels(viewer, panel, qtbot, save_as):
    from napari_focusstack.io import read_burst

    depth = add_depth(viewer)
    path = save_as("d.ome.tif")
    click_and_wait(panel, qtbot, panel.export.depth)
    burst = read_burst(path)
    np.testing.assert_array_equal(burst[0][..., 0], depth.data)
    assert burst.pixel_size == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize(("button", "name"), [("depth", "d.jpg"), ("mesh", "m.xyz")])
def test_a_format_that_does_not_fit_is_declined(viewer, panel, save_as, button, name):
    add_depth(viewer)
    path = save_as(name)
    getattr(panel.export, button).click()
    assert "extension" in panel.message.text()
    assert not path.exists()


@pytest.mark.parametrize("name", ["no/d.ome.tif", "no/m.glb", "no/probes.csv", "no/profile.csv"])
def test_a_folder_that_is_not_there_is_told_in_the_panel(viewer, panel, save_as, tmp_path, caplog, name):
    add_depth(viewer)
    panel.profile.draw.click()
    viewer.layers["s [lines and regions]"].add(np.array([(30, 10), (30, 50)], float), shape_type="line")
    panel.probes.add.click()
    viewer.layers["s [probes]"].add([10.0, 20.0])
    save_as(name)
    button, message = {
        "no/d.ome.tif": (panel.export.depth, panel.message),
        "no/m.glb": (panel.export.mesh, panel.message),
        "no/probes.csv": (panel.probes.save, panel.probes.message),
        "no/profile.csv": (panel.profile.save, panel.profile.message),
    }[name]
    button.click()
    assert message.text().replace("\u200b", "") == f"{tmp_path / 'no'} is not a folder; make it first."
    assert panel._run is None
    assert not caplog.records  # nor anything in the terminal


@pytest.mark.parametrize("name", ["d.ome.tif", "m.glb"])
def test_a_folder_that_takes_no_files_is_told_before_anything_is_made(viewer, panel, save_as, monkeypatch, name):
    add_depth(viewer)
    path = save_as(name)
    monkeypatch.setattr("os.access", lambda place, _: Path(place) != path.parent)
    (panel.export.depth if name[0] == "d" else panel.export.mesh).click()
    assert panel.message.text().replace("\u200b", "") == f"{path.parent} cannot be written; write elsewhere."
    assert panel._run is None


def test_a_full_disk_is_told_with_the_name_that_one_gave(viewer, panel, qtbot, save_as, monkeypatch, notifications):
    add_depth(viewer)
    path = save_as("d.tif")

    def fill_up(path, *_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", f"{Path(path).parent}/.d.tif.30ad38c6.part")

    monkeypatch.setattr("napari_focusstack.ui.depth_export.write_depth", fill_up)
    click_and_wait(panel, qtbot, panel.export.depth)
    words = f"{path} could not be written (No space left on device); write elsewhere"
    assert panel.message.text().replace("\u200b", "") == words
    assert notifications == [words]


def test_it_fits_into_its_width_in_every_theme(viewer, panel, qtbot):
    add_depth(viewer)
    for section in panel.sections.values():
        section.open()
    for theme in ("light", "dark"):
        viewer.theme = theme
        QApplication.processEvents()
        bar = panel.verticalScrollBar().sizeHint().width()
        assert panel.widget().minimumSizeHint().width() <= panel.minimumWidth() - bar
