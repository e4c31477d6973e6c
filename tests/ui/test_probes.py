"""Probes, lines and regions, in a viewer without a window."""

import numpy as np
import pytest
from depth_making import SLOPE, add_depth
from napari.components import ViewerModel

from napari_focusstack.ui.annotations import Drawn
from napari_focusstack.ui.measured import measured
from napari_focusstack.ui.probes import ROLE, _empty, difference, label_probes, probes_csv
from napari_focusstack.ui.regions import empty_shapes, line_of, mask_of, region_of


@pytest.fixture
def model():
    return ViewerModel()


@pytest.fixture
def chosen(model):
    return measured(model.layers, add_depth(model), (0, 0))


@pytest.fixture
def told():
    return []


@pytest.fixture
def drawn(model, chosen, told):
    drawn = Drawn(model, ROLE, _empty, lambda: told.append(len(told)))
    drawn.follow(chosen)
    told.clear()
    return drawn


def test_a_probe_lies_where_the_depth_does(model, chosen, drawn):
    layer = drawn.ready()
    assert layer.name == "s [probes]"
    assert layer.scale.tolist() == [0.5, 0.5]
    assert layer.units == chosen.layer.units
    assert model.layers.selection.active is layer
    assert drawn.ready() is layer


def test_changes_are_told_once_each(model, drawn, told):
    layer = drawn.ready()
    told.clear()
    layer.add([10.0, 20.0])
    assert told
    told.clear()
    layer.refresh()
    assert not told
    layer.data = layer.data + 1
    assert len(told) == 1
    layer.selected_data = set()  # a new probe is selected
    layer.selected_data = {0}
    assert len(told) == 3
    drawn.release()
    layer.data = layer.data + 1
    assert len(told) == 3


def test_the_layer_is_found_again_and_forgotten_with_its_removal(model, chosen, drawn):
    layer = drawn.ready()
    other = Drawn(model, ROLE, _empty, lambda: None)
    other.follow(chosen)
    assert other.layer is layer
    model.layers.remove(layer)
    assert drawn.layer is None
    assert other.layer is None


def test_what_is_drawn_stays_in_place_when_the_depth_covers_another_part(model, chosen, drawn, shapes):
    layer = drawn.ready()
    layer.add([10.0, 20.0])
    shapes.layer.add(BOX, shape_type="rectangle")
    chosen.layer.translate = (1, -2)
    now = measured(model.layers, chosen.layer, (0, 0))
    for one in (drawn, shapes):
        one.follow(now)
        assert one.layer.translate.tolist() == [1, -2]
    assert layer.data.tolist() == [[8, 24]]
    np.testing.assert_allclose(shapes.layer.data[0], BOX + np.array((-2, 4)))
    chosen.layer.scale = (2, 2)
    drawn.follow(measured(model.layers, chosen.layer, (0, 0)))
    assert layer.data.tolist() == [[8, 24]]  # another scale of the same pixels
    assert layer.scale.tolist() == [2, 2]


def test_probes_are_labelled_with_depth_error_and_frame(model, chosen, drawn):
    layer = drawn.ready()
    for place in ((10, 20), (0, 0)):
        layer.add(np.array(place, float))
    label_probes(layer, chosen, model.layers)
    row = layer.features.iloc[0]
    assert (row["depth"], row["sigma"], row["frame"]) == (pytest.approx(2.0), pytest.approx(0.2), pytest.approx(1.0))
    assert layer.features["label"].tolist() == ["2.00 ± 0.20 µm", "unknown"]
    assert [str(word) for word in layer.text.values] == ["2.00 ± 0.20 µm", "unknown"]


def test_the_difference_of_two_has_error_distance_and_slope(chosen):
    found = difference(chosen, (10, 20), (40, 60))
    assert found.height == pytest.approx(40 * SLOPE)
    assert found.sigma == pytest.approx(0.2 * 2**0.5)
    assert found.distance == pytest.approx(25.0)  # 3-4-5, half a micrometre per px
    assert found.slope == pytest.approx(np.degrees(np.arctan(4 / 25)))
    assert str(found) == "Δz 4.00 ± 0.28 µm · distance 25 µm · slope 9.1°"
    assert str(difference(chosen, (40, 60), (10, 20))).startswith("Δz −4.00")
    assert str(difference(chosen, (0, 0), (30, 40))) == "Δz not known · distance 25 µm"


def test_without_a_scale_there_is_no_slope(model):
    chosen = measured(model.layers, add_depth(model, unit="frame"), (0, 0))
    assert str(difference(chosen, (10, 20), (40, 60))) == "Δz 4.00 ± 0.28 frames · distance 50 px"


def test_probes_as_csv(chosen, drawn):
    layer = drawn.ready()
    layer.add([10.0, 20.0])
    layer.add([0.0, 0.0])
    assert probes_csv(layer, chosen) == ("probe,y (µm),x (µm),depth (µm),sigma (µm),frame\n1,5,10,2,0.2,1\n2,0,0,,,\n")


@pytest.fixture
def shapes(model, chosen):
    drawn = Drawn(model, "regions", empty_shapes, lambda: None)
    drawn.follow(chosen)
    drawn.ready()
    return drawn


BOX = np.array([(10, 10), (10, 30), (20, 30), (20, 10)], float)


def test_the_selected_line_and_region_count_else_the_last(shapes):
    assert line_of(shapes) is None
    assert region_of(shapes) is None
    first, second = np.array([(0, 0), (5, 5)], float), np.array([(1, 2), (3, 4)], float)
    shapes.layer.add(first, shape_type="line")
    shapes.layer.add(BOX, shape_type="rectangle")
    shapes.layer.add(second, shape_type="line")
    shapes.layer.selected_data = set()
    np.testing.assert_array_equal(line_of(shapes), second)
    assert region_of(shapes)[0] == "rectangle"
    shapes.layer.selected_data = {0}
    np.testing.assert_array_equal(line_of(shapes), first)


def test_masks_hold_what_is_inside():
    box = mask_of("rectangle", BOX, (60, 80))
    assert box[10:21, 10:31].all()
    assert box.sum() == 11 * 21
    ellipse = mask_of("ellipse", BOX, (60, 80))
    assert ellipse.sum() == pytest.approx(np.pi * 5 * 10, rel=0.25)  # its edge counts
    assert not ellipse[10, 10]
    assert ellipse[15, 20]
    assert (ellipse & ~box).sum() == 0
    assert mask_of("polygon", BOX + 1000, (60, 80)).sum() == 0
