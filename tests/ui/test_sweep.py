"""What is known of the focus positions of a layer."""

import numpy as np
import pytest
from napari.layers import Image

from napari_focusstack.ui.source import PLUGIN, source_of
from napari_focusstack.ui.sweep import Known, known_positions


def known(scale=1.0, unit="pixel", *, said=None, label="z", start=0.0):
    layer = Image(
        np.zeros((4, 8, 9), np.uint8),
        scale=(scale, 1, 1),
        translate=(start, 0, 0),
        units=(unit, "um" if unit == "um" else unit, unit),
        axis_labels=(label, "y", "x"),
        metadata={PLUGIN: said or {}},
    )
    return known_positions(source_of([layer], 0))


def told(positions, unit="um", step=None):
    return {"positions": positions, "position_unit": unit, "step": step}


def test_without_a_length_depth_is_in_frames():
    for found in (known(), known(2.5, "pixel"), known(2.5, "second")):
        assert (found.positions, found.unit, found.step) == (None, "frame", None)
        assert str(found).startswith("Not known: depth is in frames.")


@pytest.mark.parametrize(
    ("unit", "name", "factor"), [("um", "um", 1), ("nm", "nm", 1), ("millimeter", "mm", 1), ("angstrom", "um", 1e-4)]
)
def test_a_layers_scale_is_a_step_where_it_is_a_length(unit, name, factor):
    found = known(2.5, unit, start=10)
    assert found.unit == name
    np.testing.assert_allclose(found.positions, factor * (10 + 2.5 * np.arange(4)))
    assert found.step == pytest.approx(2.5 * factor)


def test_the_words_say_how_far_and_who_says_so():
    assert str(known(2.5, "um")) == "2.5 µm · from the layer's scale"
    assert str(known(123456.5, "um")) == "123456 µm · from the layer's scale"
    assert str(known(0.30004, "um")) == "0.3 µm · from the layer's scale"
    assert str(known(2.5, "um", said=told((0, 2.5, 5, 7.5), step=2.5))) == "2.5 µm · from the file"


def test_uneven_positions_of_the_file_are_kept():
    found = known(2.0, "um", said=told((0, 1, 3, 6), step=2.0))
    assert found == Known((0, 1, 3, 6), "um", "from the file")
    assert found.step is None
    assert str(found) == "1 to 3 µm, uneven · from the file"


def test_a_scale_that_was_changed_since_is_what_the_user_means():
    found = known(3.0, "um", said=told((0, 2, 4, 6), step=2.0))
    assert found.positions == (0, 3, 6, 9)
    assert "layer" in found.origin


def test_focus_distances_of_a_lens_are_in_millimetres():
    found = known(said=told((0.2, 0.21, 0.23, 0.3), "m"))
    assert found.unit == "mm"
    np.testing.assert_allclose(found.positions, (200, 210, 230, 300))


def test_distances_that_repeat_are_of_no_use_and_it_says_so():
    found = known(said=told((0.2, 0.2, 0.23, 0.3), "m"))
    assert found.positions is None
    assert "repeat" in str(found)


@pytest.mark.parametrize("wrong", [{"label": "t"}, {"said": told((0, 1, 2), step=1.0)}])
def test_positions_of_another_axis_are_not_taken(wrong):
    arguments = {"said": told((0, 1, 2, 3), step=1.0), **wrong}
    assert known(**arguments).positions is None


def test_a_falling_sweep_has_its_distance():
    found = known(said=told((9, 6, 3, 0), step=3.0))
    assert (found.positions, found.step) == ((9, 6, 3, 0), 3)
