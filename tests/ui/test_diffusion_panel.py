"""Halos in the window: the section of the panel, the layers, what stays when nothing was found."""

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_focusstack.alignment import Area
from napari_focusstack.diffusion import Elimination, Law
from napari_focusstack.diffusion.elimination import REFUSED
from napari_focusstack.pipeline import Result
from napari_focusstack.recipe import Recipe
from napari_focusstack.ui.layers import show_result
from napari_focusstack.ui.report import summary_of
from napari_focusstack.ui.source import PLUGIN, source_of
from napari_focusstack.ui.tasks import resolved

AREA = Area(2, 3, 6, 5)  # top, left, height, width
LAYERS = ["light S", "where taken", "veil", "blur in px"]


def result(shape=(6, 5, 3), axes="YXS", planes="YX", acted=1.0, **recipe):
    size = tuple(n for n, a in zip(shape, axes, strict=True) if a in planes)
    acted_plane = np.zeros(size, np.float32)
    acted_plane[..., :2] = acted
    image, component = np.zeros(shape, np.uint8), np.zeros(shape, np.float32)
    component[..., 0] = 0.3 * acted
    index = np.zeros(size, np.float32)
    why = "" if acted else "there are no depth edges"
    found = Elimination(image, component, acted_plane, acted_plane / 2, 3 * acted_plane, Law(1.0, 1.5), why)
    return Result(image, index, index, None, axes, planes, planes, AREA, (), Recipe(align="none", **recipe), found)


def without(whole):
    return replace(whole, diffusion=None)


def refused():
    """What comes of a check of the result that fails."""
    whole = result(acted=0.0)
    return replace(whole, diffusion=replace(whole.diffusion, obstacle=REFUSED))


def photograph(name="s"):
    return Image(np.zeros((4, 10, 12, 3), np.uint8), name=name, rgb=True, axis_labels=("z", "y", "x"), scale=(2, 3, 4))


@pytest.fixture
def layers():
    layers = ViewerModel().layers
    layers.append(photograph())
    return layers


def halos(layers):
    return [layer.name.partition("[halos: ")[2].rstrip("]") for layer in layers if "[halos: " in layer.name]


def test_what_was_taken_away_waits_hidden_where_the_picture_lies(layers):
    show_result(layers, source_of([layers[0]]), result())
    assert halos(layers) == LAYERS
    assert [layer.name for layer in layers if layer.visible] == ["s [fused]"]
    fused, light = layers["s [fused]"], layers["s [halos: light S]"]
    for layer in layers[3:]:
        assert not layer.rgb
        for place in ("scale", "translate", "axis_labels", "units"):
            assert str(getattr(layer, place)) == str(getattr(fused, place))
    np.testing.assert_allclose(light.data.squeeze(), 0.1)  # the mean of its colours
    assert light.contrast_limits == pytest.approx([-0.1, 0.1])
    assert layers["s [halos: blur in px]"].contrast_limits == [0, 3]
    ours = light.metadata[PLUGIN]
    assert ours["role"] == "diffusion"
    assert ours["source_id"] == fused.metadata[PLUGIN]["source_id"]
    assert "light of nearer surfaces taken from 40.0% of the picture" in fused.metadata[PLUGIN]["diffusion"]
    assert layers["s [halos: blur in px]"].metadata[PLUGIN]["psf"] == "disc"


def test_a_second_run_updates_them_and_one_that_found_nothing_takes_them_away(layers):
    source = source_of([layers[0]])
    show_result(layers, source, result())
    before = list(layers)
    show_result(layers, source, result(acted=0.5))
    assert list(layers) == before
    assert layers["s [halos: light S]"].contrast_limits == pytest.approx([-0.05, 0.05])
    show_result(layers, source, result(acted=0.0))
    assert halos(layers) == []
    show_result(layers, source, result())
    show_result(layers, source, without(result()))
    assert [layer.name for layer in layers] == ["s", "s [index]", "s [fused]"]


def test_joined_channels_have_a_light_each_and_one_veil():
    layers = ViewerModel().layers
    sources = [Image(np.zeros((5, 10, 12), np.uint8), name=name) for name in "ab"]
    layers.extend(sources)
    show_result(layers, source_of(sources), result((2, 6, 5), "CYX"))
    names = [layer.name for layer in layers if "halos" in layer.name]
    assert names[:2] == ["a [halos: light S]", "b [halos: light S]"]
    assert names[2:] == [f"a + b [halos: {what}]" for what in LAYERS[1:]]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (result(), "Halos taken from 40.0% of the picture, by the first frame as the nearest."),
        (result(acted=0.0), "No halos taken: there are no depth edges."),
        (refused(), "did not look better without the halos' light; if you see halos, try another nearest frame"),
        (
            without(result(diffusion="on")),
            "Halos were left: to take them, there must be two frames or more, in the order of the sweep",
        ),
    ],
)
def test_the_message_says_what_became_of_them(found, words):
    assert words in summary_of(found, 4, 1.0)


def test_of_what_nobody_asked_for_nothing_is_said():
    assert "alos" not in summary_of(without(result()), 4, 1.0)


def test_a_camera_that_the_files_name_makes_it_a_photograph():
    source = source_of([photograph()])
    assert resolved(Recipe(diffusion="auto"), source).diffusion == "on"
    assert resolved(Recipe(diffusion="auto", channels="separate"), source).diffusion == "auto"
    assert resolved(Recipe(diffusion="off"), source).diffusion == "off"
    assert resolved(Recipe(diffusion="auto"), replace(source, photograph=False)).diffusion == "auto"


@pytest.fixture
def panel(viewer):
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Focus stack")
    panel.alignment.methods.choose("none")
    panel.depth.methods.choose("none")
    return panel


def test_the_section_makes_the_recipe_and_shows_one(panel):
    assert panel.recipe().diffusion == "off"
    section = panel.sections["Halos"]
    assert section.summary.text() == "Off"
    wanted = replace(panel.recipe(), diffusion="on", diffusion_options={"strength": 0.5, "edge": -2, "psf": "disc"})
    panel.show_recipe(wanted)
    assert panel.recipe() == wanted
    assert section.summary.text() == "On"
    panel.diffusion.when.setCurrentIndex(2)
    assert (panel.recipe().diffusion, section.summary.text()) == ("off", "Off")
    assert not panel.diffusion.form.isEnabled()
    panel.reset()
    assert (panel.recipe().diffusion, panel.recipe().diffusion_options) == ("off", {})


def test_photographs_are_stacked_without_halos(viewer, panel, qtbot):
    from napari_focusstack import simulate

    frames = simulate("steps", frames=8, height=96, width=128, blur=1.2, seed=3).frames
    viewer.add_image(frames, rgb=True, name="s")
    panel.diffusion.when.setCurrentIndex(1)
    panel.button.click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=120_000)
    assert halos(viewer.layers) == LAYERS
    assert "Halos taken from " in panel.message.text()
    with_light = viewer.layers["s [fused]"].data.copy()
    panel.diffusion.when.setCurrentIndex(2)
    panel.button.click()
    qtbot.waitUntil(lambda: panel._run is None, timeout=120_000)
    assert halos(viewer.layers) == []
    assert (viewer.layers["s [fused]"].data != with_light).any()
