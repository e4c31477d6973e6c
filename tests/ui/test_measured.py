"""Depth layers as measurements, in a viewer without a window."""

import numpy as np
import pytest
from depth_making import add_depth, corners, notes, tilted
from napari.components import ViewerModel

from napari_focusstack.depth import Depth
from napari_focusstack.ui.measured import depths_among, measured, with_error
from napari_focusstack.ui.report import summary
from napari_focusstack.ui.surface_texture import brightness_at, picture_of


@pytest.fixture
def model():
    return ViewerModel()


def take(model, layer):
    return measured(model.layers, layer, model.dims.point)


def test_a_depth_layer_has_its_error_its_scale_and_its_unit(model):
    chosen = take(model, add_depth(model))
    assert chosen.depth.unit == "um"
    assert chosen.pixel_size == (0.5, 0.5)
    assert (chosen.lateral_unit, chosen.source, chosen.source_id) == ("um", "s", "one")
    z, sigma = chosen.at(10.4, 20.2)
    assert z == pytest.approx(2.0)
    assert sigma == pytest.approx(0.2)
    assert np.isnan(chosen.at(0, 0)).all()
    assert np.isnan(chosen.at(-1, 5)).all()
    assert np.isnan(chosen.at(5, 80)).all()


@pytest.mark.parametrize(
    ("unit", "units", "size"),
    [
        ("um", "um", (0.5, 0.25)),
        ("mm", "um", (0.0005, 0.00025)),
        ("um", "mm", (500, 250)),
        ("frame", "um", None),
        ("um", None, None),
    ],
)
def test_pixels_are_measured_in_the_depths_unit(model, unit, units, size):
    chosen = take(model, add_depth(model, unit=unit, units=units, scale=(0.5, 0.25)))
    assert chosen.pixel_size == (None if size is None else pytest.approx(size))
    assert chosen.lateral_unit == ("px" if size is None else unit)


def test_the_plane_is_that_of_the_step_in_time(model):
    depth = np.stack([tilted(), tilted() + 10])[:, None]
    layer = add_depth(model, depth, scale=(0.5, 0.5), picture=False)
    for t, z in ((0, 2.0), (1, 12.0)):
        model.dims.set_point(0, t)
        assert take(model, layer).at(10, 20)[0] == pytest.approx(z)


def test_ones_own_picture_of_floats_can_be_a_depth_after_ours(model):
    own = model.add_image(np.ones((8, 9)), name="own")
    model.add_image(np.ones((8, 9), np.uint8), name="no floats")
    model.add_image(np.ones((3, 8, 9)), name="no plane")
    model.add_image(np.ones((8, 9)), name="another role", metadata=notes("depth_sigma"))
    ours = add_depth(model)
    assert depths_among(model.layers) == [ours, own]
    chosen = take(model, own)
    assert (chosen.depth.unit, chosen.source, chosen.pixel_size) == ("frame", "own", None)
    assert np.isnan(chosen.at(1, 1)[1])


def test_facts_tell_size_range_share_and_error(model):
    facts = take(model, add_depth(model)).facts()
    assert facts.split("\n") == ["80 × 60 px, 100% known", "most of it between 0.00 and 7.90 µm", "σ 0.2 µm"]


def test_the_same_range_is_told_everywhere(model):
    position = np.random.default_rng(0).gamma(4, 10, (90, 100)).astype(np.float32)
    depth = Depth(position, position, position, (position < 80).astype(np.float32), np.arange(5.0), "um")
    layer = add_depth(model, position)
    layer.metadata["napari-focusstack"]["measured"] = depth.measured  # beyond, gaps were filled
    low, high = np.percentile(position[depth.measured], (0.5, 99.5))
    words = f"between {low:.1f} and {high:.1f} µm"
    assert f"most of it {words}" in take(model, layer).facts()
    assert words in depth.describe()
    assert f"most of it {words}" in summary([], 5, 1, fused=False, depth=depth)


def test_what_was_filled_is_told_by_the_plane(model):
    depth = np.stack([tilted(), tilted() + 10])[:, None]
    layer = add_depth(model, depth, picture=False)
    mask = np.zeros((2, 60, 80), bool)
    mask[1, 10] = True
    layer.metadata["napari-focusstack"]["measured"] = mask
    for t, count in ((0, 0), (1, 80)):
        model.dims.set_point(0, t)
        assert take(model, layer).depth.measured.sum() == count


def test_digits_follow_the_error():
    assert with_error(12.3456, 0.213) == "12.35 ± 0.21"
    assert with_error(1234.5, 60.0) == "1234 ± 60"
    assert with_error(1.5, float("nan")) == "1.5"


def test_the_picture_is_the_fused_one_as_it_is(model):
    chosen = take(model, add_depth(model))
    np.testing.assert_array_equal(picture_of(model.layers, chosen, model.dims.point)(), corners())


def test_channels_are_added_up_in_their_colours(model):
    layer = add_depth(model, picture=False)
    ours = layer.metadata["napari-focusstack"]
    ours["source_id"] = "one+two"
    plane = np.zeros((60, 80), np.uint16)
    plane[:, 40:] = 1000
    for ident, color in (("one", "red"), ("two", "green")):
        about = notes("fused")
        about["napari-focusstack"]["source_id"] = ident
        model.add_image(plane, colormap=color, contrast_limits=(0, 1000), metadata=about)
    picture = picture_of(model.layers, take(model, layer), model.dims.point)()
    assert picture[0, 0].tolist() == [0, 0, 0]
    assert picture[0, 60].tolist() == [255, 255, 0]


def test_without_a_picture_of_its_size_there_is_none(model):
    layer = add_depth(model, picture=False)
    model.add_image(np.ones((60, 80), np.uint8))  # not made from its source
    assert picture_of(model.layers, take(model, layer), model.dims.point) is None
    own = model.add_image(tilted(), name="own")
    assert picture_of(model.layers, take(model, own), model.dims.point) is not None


def test_brightness_is_that_of_the_upper_layer_that_is_shown(model):
    chosen = take(model, add_depth(model))
    chosen.layer.visible = False
    assert brightness_at(model.layers, chosen, (59, 70)) == pytest.approx(1.0, abs=0.01)  # the white corner
    assert brightness_at(model.layers, chosen, (58, 0)) == pytest.approx(0.0722, abs=0.01)  # the blue one
    model.layers[0].visible = False
    assert brightness_at(model.layers, chosen, (59, 70)) == 0
