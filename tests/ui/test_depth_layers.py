"""Depth as layers: place, unit, colours, update in place."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_focusstack.alignment import Area
from napari_focusstack.depth import Depth
from napari_focusstack.pipeline import Result
from napari_focusstack.recipe import Recipe
from napari_focusstack.ui.layers import show_result
from napari_focusstack.ui.source import PLUGIN, bursts_among, source_of

AREA = Area(2, 3, 6, 5)  # top, left, height, width


def depth(shape=(6, 5), unit="um", low=10.0, high=20.0, measured=True):
    position = np.linspace(low, high, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    confidence = np.full(shape, float(measured), np.float32)
    return Depth(position, position / 10, position, confidence, np.linspace(low, high, 5), unit)


def result(found, *, image=True, axes="YX", fill=False, channels=0):
    recipe = Recipe(fuse="pyramid" if image else "none", depth="sff", fill=fill)
    lead = (channels,) if channels else ()
    picture = np.zeros(lead + found.position.shape, np.uint8) if image else None
    index = np.zeros(found.position.shape, np.float32) if image else None
    return Result(picture, index, index, found, "C" * bool(channels) + axes, axes, axes, AREA, (), recipe)


def z_stack(name="s", shape=(5, 10, 12), **keywords):
    return Image(np.zeros(shape, np.uint8), name=name, **keywords)


def names(layers):
    return [layer.name for layer in layers]


def shown(layers):
    return [layer.name for layer in layers if layer.visible]


def test_along_with_the_picture_it_waits_hidden_above_it():
    layers = ViewerModel().layers
    source = z_stack(scale=(2, 0.5, 0.25), units="um", axis_labels=("z", "y", "x"), translate=(4, 5, 6))
    layers.append(source)
    show_result(layers, source_of([source]), result(depth()))
    assert names(layers) == ["s", "s [index]", "s [fused]", "s [depth σ in µm]", "s [depth in µm]"]
    assert shown(layers) == ["s [fused]"]
    fused, layer = layers["s [fused]"], layers["s [depth in µm]"]
    assert layer.data.dtype == np.float32
    for place in ("scale", "translate", "axis_labels", "units"):
        assert str(getattr(layer, place)) == str(getattr(fused, place))
    ours = layer.metadata[PLUGIN]
    assert (ours["role"], ours["depth_unit"], ours["measured"]) == ("depth", "um", None)
    assert ours["positions"] == [10, 12.5, 15, 17.5, 20]
    assert ours["source_id"] == fused.metadata[PLUGIN]["source_id"] == str(source.unique_id)
    assert ours["recipe"]["depth"] == "sff"
    assert layers["s [depth σ in µm]"].metadata[PLUGIN]["role"] == "depth_sigma"
    assert bursts_among(layers) == [source]


def test_alone_it_is_shown_instead_of_what_would_cover_it():
    layers = ViewerModel().layers
    source, other = z_stack(), z_stack("other")
    layers.extend([source, other])
    show_result(layers, source_of([source]), result(depth(), image=False))
    assert names(layers) == ["s", "other", "s [depth σ in µm]", "s [depth in µm]"]
    assert shown(layers) == ["other", "s [depth in µm]"]
    assert layers.selection.active.name == "s [depth in µm]"
    show_result(layers, source_of([source]), result(depth()))
    assert shown(layers) == ["other", "s [fused]"]
    show_result(layers, source_of([source]), result(depth(), image=False))
    assert shown(layers) == ["other", "s [depth in µm]"]
    assert len(layers) == 6


def test_colours_span_what_was_measured_without_its_tails():
    layers = ViewerModel().layers
    source = z_stack(shape=(5, 70, 80))
    layers.append(source)
    found = depth((60, 50))
    found.position[0, :5] = 1e6
    found.position[1], found.sigma[1], found.confidence[1] = np.nan, np.nan, 0
    found.position[2], found.confidence[2] = -1e6, 0  # filled
    show_result(layers, source_of([source]), result(found, image=False))
    layer = layers["s [depth in µm]"]
    assert 10 <= layer.contrast_limits[0] < 10.6
    assert 19.4 < layer.contrast_limits[1] <= 20
    assert layer.colorbar.visible
    grey, lowest = layer.colormap.map(np.array([np.nan, 0.0]))
    assert grey[0] == grey[1] == grey[2]
    assert grey[3] == 1
    assert np.ptp(lowest[:3]) > 0.1


def test_where_nothing_was_measured_there_are_colours_still():
    layers = ViewerModel().layers
    source = z_stack()
    layers.append(source)
    show_result(layers, source_of([source]), result(depth(measured=False), image=False))
    assert layers[-1].contrast_limits == [0, 1]


def test_a_second_run_keeps_the_look_unless_the_unit_is_another():
    layers = ViewerModel().layers
    source = z_stack()
    layers.append(source)
    show_result(layers, source_of([source]), result(depth(), image=False))
    layer = layers[-1]
    layer.contrast_limits, layer.colormap = (12, 13), "viridis"
    again = depth(low=10, high=20)
    again.position[:] = 15
    show_result(layers, source_of([source]), result(again, image=False))
    assert layers[-1] is layer
    assert (layer.contrast_limits, layer.colormap.name, layer.data.max()) == ([12, 13], "viridis", 15)
    show_result(layers, source_of([source]), result(depth(unit="mm", low=0.01, high=0.02), image=False))
    assert names(layers) == ["s", "s [depth σ in mm]", "s [depth in mm]"]
    assert layer.contrast_limits[1] <= 0.02 <= layer.contrast_limits_range[1] + 1e-3
    assert layer.metadata[PLUGIN]["depth_unit"] == "mm"


def test_what_was_measured_is_known_where_gaps_are_filled():
    layers = ViewerModel().layers
    source = z_stack()
    layers.append(source)
    found = depth()
    found.confidence[1, 1] = 0.2
    show_result(layers, source_of([source]), result(found, image=False, fill=True))
    measured = layers[-1].metadata[PLUGIN]["measured"]
    assert measured.sum() == 6 * 5 - 1
    assert not measured[1, 1]


@pytest.mark.parametrize("image", [True, False])
def test_joined_channels_have_one_depth(image):
    layers = ViewerModel().layers
    sources = [z_stack("a"), z_stack("b")]
    layers.extend(sources)
    show_result(layers, source_of(sources), result(depth(), image=image, channels=2))
    pictures = ["a + b [index]", "a [fused]", "b [fused]"] if image else []
    assert names(layers) == ["a", "b", *pictures, "a + b [depth σ in µm]", "a + b [depth in µm]"]
    assert shown(layers) == (["a [fused]", "b [fused]"] if image else ["a + b [depth in µm]"])


def test_a_time_series_is_seen_at_every_focus():
    viewer = ViewerModel()
    source = viewer.add_image(np.zeros((3, 5, 10, 12), np.uint8), axis_labels=("t", "z", "y", "x"), name="s")
    sliders = viewer.dims.range
    show_result(viewer.layers, source_of([source]), result(depth((3, 6, 5)), image=False, axes="TYX"))
    assert viewer.layers[-1].data.shape == (3, 1, 6, 5)
    assert viewer.dims.range == sliders
