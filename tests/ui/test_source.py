"""Layers as sources of bursts."""

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.layers._source import layer_source

from napari_focusstack.ui.source import (
    PLUGIN,
    axes_of,
    bursts_among,
    channel_group,
    focus_axes,
    source_of,
)


def image(shape, labels=None, **keywords):
    return Image(np.zeros(shape, np.uint8), axis_labels=labels, **keywords)


@pytest.mark.parametrize(
    ("shape", "labels", "expected"),
    [
        ((5, 8, 9), None, [0]),
        ((5, 8, 9), "zyx", [0]),
        ((2, 5, 8, 9), None, [1, 0]),  # without labels the axis before Y is the likely one
        ((2, 5, 8, 9), "ztyx", [0, 1]),
        ((3, 2, 5, 8, 9), "tczyx", [2, 1, 0]),
        ((3, 2, 5, 8, 9), ("T", "Z", "C", "Y", "X"), [1, 2, 0]),
        ((4, 1, 8, 9), "tzyx", [0]),  # one frame is no burst
        ((8, 9), None, []),
        ((8, 9, 5), "yxz", [2]),
    ],
)
def test_focus_axes_are_found_by_label_and_length(shape, labels, expected):
    assert [axis.number for axis in focus_axes(image(shape, labels))] == expected


def test_a_focus_axis_reads_well():
    assert str(focus_axes(image((5, 8, 9), "zyx"))[0]) == "z · 5 frames"
    assert str(focus_axes(image((5, 8, 9)))[0]) == "axis 0 · 5 frames"


@pytest.mark.parametrize(
    ("shape", "labels", "rgb", "focus", "expected"),
    [
        ((5, 8, 9), None, False, 0, "ZYX"),
        ((5, 8, 9, 3), None, True, 0, "ZYXS"),
        ((3, 2, 5, 8, 9), "tczyx", False, 2, "TCZYX"),
        ((3, 2, 5, 8, 9), "tczyx", False, 1, "TZPYX"),  # the channel axis may be the focus axis
        ((3, 2, 5, 8, 9), None, False, 2, "PQZYX"),
        ((8, 9, 5), "yxz", False, 2, "YXZ"),
    ],
)
def test_axes_are_letters(shape, labels, rgb, focus, expected):
    assert axes_of(image(shape, labels, rgb=rgb), focus) == expected


def test_bursts_are_images_with_frames_that_are_not_our_results():
    burst, single, fused = image((5, 8, 9)), image((8, 9)), image((2, 1, 8, 9))
    fused.metadata[PLUGIN] = {"role": "fused"}
    aligned = image((5, 8, 9))
    aligned.metadata[PLUGIN] = {"role": "aligned"}
    labels = Labels(np.zeros((5, 8, 9), int))
    layers = ViewerModel().layers
    layers.extend([burst, single, fused, labels, aligned])
    assert bursts_among(layers) == [burst, aligned]


def test_channels_are_alike():
    a, b = image((5, 8, 9)), image((5, 8, 9))
    others = [
        image((6, 8, 9)),
        image((5, 8, 9), translate=(0, 1, 0)),
        Image(np.zeros((5, 8, 9), np.uint16)),
        image((5, 8, 9, 3), rgb=True),
    ]
    assert channel_group(a, [a, b, *others], []) == ((a, b), False)
    assert channel_group(others[0], [a, b, *others], [a, b]) == ((), False)
    assert channel_group(others[3], [others[3], image((5, 8, 9, 3), rgb=True)], []) == ((), False)
    assert channel_group(image((2, 5, 8, 9), "czyx"), [image((2, 5, 8, 9), "czyx")] * 2, []) == ((), False)


def test_channels_that_are_selected_or_come_from_one_file_belong_together():
    a, b, c = (image((5, 8, 9)) for _ in range(3))
    assert channel_group(a, [a, b, c], [a, b]) == ((a, b), True)
    assert channel_group(c, [a, b, c], [a, b]) == ((a, b, c), False)
    with layer_source(path="stack.tif"):
        d, e = image((5, 8, 9)), image((5, 8, 9))
    assert channel_group(d, [a, d, e], [d]) == ((d, e), True)


def test_a_source_of_one_layer_takes_its_data_as_they_are():
    lazy = da.zeros((5, 8, 9), np.uint16)
    layer = Image(lazy, name="a", contrast_limits=(0, 1))
    source = source_of([layer])
    assert source.data is lazy
    assert (source.axes, source.layer_axes, source.focus_axis) == ("ZYX", "ZYX", 0)
    assert (source.name, source.frames, source.channels, source.size) == ("a", 5, 1, (8, 9))
    assert (source.transfer, source.photograph) == ("linear", False)


def test_several_layers_are_joined_as_channels():
    layers = [Image(np.full((5, 8, 9), k, np.uint8), name=f"c{k}") for k in range(3)]
    layers[1].data = da.full((5, 8, 9), 1, dtype=np.uint8)
    source = source_of(layers)
    assert (source.axes, source.layer_axes, source.channels, source.name) == ("CZYX", "ZYX", 3, "c0 + c1 + c2")
    assert source.data.shape == (3, 5, 8, 9)
    assert source.data.dtype == np.uint8
    assert np.asarray(source.data[:, 2, 0, 0]).tolist() == [0, 1, 2]


def test_of_a_multiscale_layer_the_finest_level_counts():
    layer = Image([np.zeros((5, 64, 64), np.uint8), np.zeros((5, 32, 32), np.uint8)], multiscale=True)
    assert source_of([layer]).data.shape == (5, 64, 64)


def test_colour_is_taken_for_a_photograph_unless_the_reader_said_otherwise():
    colour = image((5, 8, 9, 3), rgb=True)
    assert (source_of([colour]).transfer, source_of([colour]).photograph) == ("srgb", True)
    colour.metadata[PLUGIN] = {"transfer": "linear"}
    assert (source_of([colour]).transfer, source_of([colour]).photograph) == ("linear", False)
    colour.metadata[PLUGIN] = {"transfer": "linear", "camera": "Some camera"}
    assert source_of([colour]).photograph


def test_a_single_picture_is_declined_with_the_next_step():
    with pytest.raises(ValueError, match=r"'p' is a single picture.*open them together"):
        source_of([image((8, 9), name="p")])
