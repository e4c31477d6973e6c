"""Results as layers: place, names, metadata, update in place."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_focusstack.alignment import Area
from napari_focusstack.pipeline import Aligned, Result
from napari_focusstack.recipe import Recipe
from napari_focusstack.ui.hover import go_to_frame
from napari_focusstack.ui.layers import show_aligned, show_result
from napari_focusstack.ui.placement import place
from napari_focusstack.ui.source import PLUGIN, source_of

AREA = Area(2, 3, 6, 5)  # top, left, height, width


def result(image_shape, axes, index_shape, index_axes, area=AREA, dtype=np.uint8, **recipe):
    index = np.zeros(index_shape, np.float32)
    image = np.zeros(image_shape, dtype)
    return Result(image, index, index.copy(), None, axes, index_axes, "", area, (), Recipe(**recipe))


def names(layers):
    return [layer.name for layer in layers]


def test_a_z_stack_gives_a_plane_where_its_source_lies():
    layers = ViewerModel().layers
    source = Image(
        np.zeros((7, 10, 12), np.uint16),
        name="cells",
        scale=(2, 0.5, 0.25),
        translate=(4, 5, 6),
        units="um",
        axis_labels=("z", "y", "x"),
        colormap="green",
        contrast_limits=(3, 77),
        metadata={"other": 1, PLUGIN: {"camera": "c"}},
    )
    layers.append(source)
    show_result(layers, source_of([source]), result((6, 5), "YX", (6, 5), "YX", dtype=np.uint16))
    assert names(layers) == ["cells", "cells [index]", "cells [fused]"]
    fused, index = layers["cells [fused]"], layers["cells [index]"]
    for layer in (fused, index):
        assert layer.scale.tolist() == [0.5, 0.25]
        assert layer.translate.tolist() == [5 + 2 * 0.5, 6 + 3 * 0.25]
        assert [str(unit) for unit in layer.units] == ["micrometer"] * 2
        assert layer.axis_labels == ("y", "x")
    assert fused.data.dtype == np.uint16
    assert (fused.colormap.name, fused.contrast_limits) == ("green", [3, 77])
    assert index.contrast_limits == [0, 6]
    assert (source.visible, fused.visible, index.visible) == (False, True, False)
    assert set(layers.selection) == {fused}
    ours = fused.metadata[PLUGIN]
    assert fused.metadata["other"] == 1
    assert (ours["camera"], ours["role"], ours["source"]) == ("c", "fused", "cells")
    assert ours["source_id"] == str(source.unique_id)
    assert ours["recipe"]["fuse"] == "pyramid"


def test_a_time_series_is_one_slab_that_is_seen_at_every_focus():
    viewer = ViewerModel()
    data = np.zeros((3, 5, 10, 12), np.uint8)
    source = viewer.add_image(data, axis_labels=("t", "z", "y", "x"), scale=(1, 2, 1, 1))
    sliders = viewer.dims.range
    show_result(viewer.layers, source_of([source]), result((3, 6, 5), "TYX", (3, 6, 5), "TYX"))
    fused = viewer.layers[-1]
    assert fused.data.shape == (3, 1, 6, 5)
    assert fused.axis_labels == ("t", "z", "y", "x")
    assert viewer.dims.range == sliders
    for z in range(5):
        assert fused.get_value((2, 2 * z, 4, 4), world=True) == 0


def test_channels_share_an_index_without_their_axis():
    layers = ViewerModel().layers
    source = Image(np.zeros((3, 2, 5, 10, 12), np.uint8), axis_labels=("t", "c", "z", "y", "x"), name="s")
    layers.append(source)
    show_result(layers, source_of([source]), result((3, 2, 6, 5), "TCYX", (3, 6, 5), "TYX"))
    assert layers["s [fused]"].data.shape == (3, 2, 1, 6, 5)
    assert layers["s [index]"].data.shape == (3, 1, 1, 6, 5)


def test_layers_that_were_joined_get_a_picture_each_and_one_index():
    layers = ViewerModel().layers
    sources = [Image(np.zeros((5, 10, 12), np.uint8), name=name, blending="additive") for name in "ab"]
    layers.extend(sources)
    made = result((2, 6, 5), "CYX", (6, 5), "YX")
    made.image[1] = 9
    show_result(layers, source_of(sources), made)
    assert names(layers) == ["a", "b", "a + b [index]", "a [fused]", "b [fused]"]
    assert layers["b [fused]"].data.max() == 9
    assert layers["a [fused]"].data.max() == 0
    assert layers["a [fused]"].blending == "additive"
    assert not any(layer.visible for layer in sources)
    show_result(layers, source_of(sources), result((2, 6, 5), "CYX", (2, 6, 5), "CYX", channels="separate"))
    assert names(layers)[5:] == ["a [index]", "b [index]"]


def test_a_second_run_updates_our_layers_and_keeps_how_they_look():
    layers = ViewerModel().layers
    source = Image(np.zeros((5, 10, 12), np.uint8), name="s")
    layers.append(source)
    show_result(layers, source_of([source]), result((6, 5), "YX", (6, 5), "YX"))
    fused = layers["s [fused]"]
    fused.name, fused.colormap = "best", "magma"
    again = result((4, 4), "YX", (4, 4), "YX", area=Area(1, 1, 4, 4), fuse="average")
    again.image[:] = 5
    show_result(layers, source_of([source]), again)
    assert names(layers) == ["s", "s [index]", "best"]
    assert layers[-1] is fused
    assert fused.data.shape == (4, 4)
    assert fused.data.max() == 5
    assert fused.translate.tolist() == [1, 1]
    assert fused.colormap.name == "magma"
    assert fused.metadata[PLUGIN]["recipe"]["fuse"] == "average"


def test_layers_of_others_are_left_alone_even_when_they_have_our_names():
    layers = ViewerModel().layers
    source, twin = (Image(np.zeros((5, 10, 12), np.uint8), name="s") for _ in range(2))
    foreign = Image(np.ones((3, 3)), name="s [fused]")
    layers.extend([source, foreign, twin])
    show_result(layers, source_of([source]), result((6, 5), "YX", (6, 5), "YX"))
    show_result(layers, source_of([twin]), result((6, 5), "YX", (6, 5), "YX"))
    assert foreign.data.shape == (3, 3)
    assert len(layers) == 7


def test_a_result_of_another_kind_replaces_ours():
    layers = ViewerModel().layers
    source = Image(np.zeros((5, 4, 10, 12), np.uint8), name="s")
    layers.append(source)
    show_result(layers, source_of([source], 0), result((4, 6, 5), "PYX", (4, 6, 5), "PYX"))
    assert layers["s [fused]"].ndim == 3
    show_result(layers, source_of([source], 1), result((5, 6, 5), "PYX", (5, 6, 5), "PYX"))
    assert layers["s [fused]"].data.shape == (5, 1, 6, 5)
    assert len(layers) == 3


def test_colour_stays_colour():
    layers = ViewerModel().layers
    source = Image(np.zeros((5, 10, 12, 3), np.uint8), name="s", scale=(1, 3, 3), rgb=True)
    layers.append(source)
    for _ in range(2):
        show_result(layers, source_of([source]), result((6, 5, 3), "YXS", (6, 5), "YX"))
    fused = layers["s [fused]"]
    assert (fused.rgb, fused.data.shape, fused.scale.tolist()) == (True, (6, 5, 3), [3, 3])
    assert not layers["s [index]"].rgb


def test_aligned_frames_keep_the_focus_axis_and_can_be_a_source():
    layers = ViewerModel().layers
    source = Image(np.zeros((5, 10, 12), np.uint8), name="s", scale=(2, 1, 1), translate=(1, 0, 0))
    layers.append(source)
    show_aligned(layers, source_of([source]), Aligned(np.zeros((4, 6, 5), np.uint8), "ZYX", AREA, ()))
    aligned = layers["s [aligned]"]
    assert aligned.data.shape == (4, 6, 5)
    assert aligned.scale.tolist() == [2, 1, 1]
    assert aligned.translate.tolist() == [1, 2, 3]
    assert source_of([aligned]).frames == 4


@pytest.mark.parametrize("rotate", [0, 30])
def test_a_result_lies_on_its_source_also_when_that_is_turned(rotate):
    source = Image(np.zeros((5, 20, 30)), scale=(2, 3, 4), translate=(7, 8, 9), rotate=(0, 0, rotate))
    slabs, where = place(source, "ZYX", "YX", AREA)
    part = Image(np.zeros((6, 5)), **where)
    assert slabs == ()
    for y, x in [(0, 0), (5, 4)]:
        there = source.data_to_world((0, y + AREA.top, x + AREA.left))[1:]
        np.testing.assert_allclose(part.data_to_world((y, x)), there, atol=1e-9)


def click(layer, position, *, dragged=False):
    """Press and release the mouse over a layer, as napari calls its callbacks."""
    event = SimpleNamespace(type="mouse_press", position=position, view_direction=None, dims_displayed=[1, 2])
    steps = go_to_frame(layer, event)
    next(steps)
    if dragged:
        event.type = "mouse_move"
        next(steps)
    event.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(steps)


def test_a_click_on_the_index_goes_to_the_frame(monkeypatch):
    viewer = ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    source = viewer.add_image(np.zeros((7, 10, 12), np.uint8), scale=(2, 1, 1), translate=(10, 0, 0), name="s")
    made = result((6, 5), "YX", (6, 5), "YX")
    made.index[1, 1], made.index[2, 2] = 5, np.nan
    show_result(viewer.layers, source_of([source]), made)
    index = viewer.layers["s [index]"]
    assert go_to_frame in index.mouse_drag_callbacks
    index.visible = True
    viewer.dims.set_point(0, 10)
    click(index, (10, 3, 4), dragged=True)  # the canvas was moved
    click(index, (10, 4, 5))  # no frame was in focus there
    click(index, (10, 50, 50))  # beside the picture
    assert viewer.dims.point[0] == 10
    click(index, (10, 3, 4))
    assert viewer.dims.point[0] == 10 + 2 * 5
    assert viewer.dims.current_step[0] == 5
