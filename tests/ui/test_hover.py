"""What a layer of depth tells under the mouse."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_focusstack.alignment import Area
from napari_focusstack.depth import Depth
from napari_focusstack.pipeline import Result
from napari_focusstack.recipe import Recipe
from napari_focusstack.ui.hover import depth_words, frame_at, go_to_frame, tell_depth
from napari_focusstack.ui.layers import show_result
from napari_focusstack.ui.source import source_of

POSITIONS = np.array([0.0, 2.0, 4.0, 8.0, 16.0])


def depth(shape=(10, 12), unit="um"):
    """12.34 ± 0.21 everywhere; nothing known at (…, 2, 2), filled at (…, 3, 3)."""
    position, sigma, confidence = (np.full(shape, value, np.float32) for value in (12.34, 0.21, 1))
    position[..., 2, 2] = sigma[..., 2, 2] = np.nan
    confidence[..., 2:4, 2:4] = 0
    positions = POSITIONS if unit == "um" else np.arange(5.0)
    if unit == "frame":
        position[...] = 3.54
    return Depth(position, sigma, position, confidence, positions, unit)


@pytest.fixture
def viewer(monkeypatch):
    viewer = ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    return viewer


def measured(viewer, *, fill=False, unit="um", shape=(5, 10, 12), axes="YX", picture=False, **keywords):
    """Layers of a depth that was measured alone, and the source's."""
    source = viewer.add_image(np.zeros(shape, np.uint8), name="s", **keywords)
    sizes = tuple(n for n, label in zip(shape, source.axis_labels, strict=True) if label != "z")[-len(axes) :]
    recipe = Recipe(fuse="average" if picture else "none", depth="sff", fill=fill)
    image = np.full(sizes, 7, np.uint8) if picture else None
    result = Result(image, None, None, depth(sizes, unit), axes, axes, axes, Area(0, 0, *shape[-2:]), (), recipe)
    show_result(viewer.layers, source_of([source]), result)
    return viewer.layers.selection.active


def words(viewer, layer, *position):
    return depth_words(viewer.layers, layer, position)


def test_it_tells_depth_error_and_frame(viewer):
    layer = measured(viewer, fill=True)
    assert words(viewer, layer, 0, 5, 5) == "12.34 ± 0.21 µm · frame 3.5"
    assert words(viewer, layer, 4, 2, 2) == "depth not measured"
    assert words(viewer, layer, 0, 3, 3) == "12.34 ± 0.21 µm · frame 3.5 · filled"
    assert words(viewer, layer, 0, 5, 12) == words(viewer, layer, 0, -1, 0) == ""


def test_the_layer_of_errors_tells_the_same(viewer):
    layer = measured(viewer)
    sigma = next(other for other in viewer.layers if "σ" in other.name)
    assert words(viewer, sigma, 0, 5, 5) == words(viewer, layer, 0, 5, 5)


def test_in_frames_there_is_one_number(viewer):
    assert words(viewer, measured(viewer, unit="frame"), 0, 5, 5) == "frame 3.54 ± 0.21"


def test_without_its_error_a_depth_still_has_its_unit(viewer):
    layer = measured(viewer)
    viewer.layers.remove(next(other for other in viewer.layers if "σ" in other.name))
    assert words(viewer, layer, 0, 5, 5) == "12.34 µm · frame 3.5"


def test_scale_and_slabs_of_a_series_are_followed(viewer):
    labels = ("t", "z", "y", "x")
    keywords = {"axis_labels": labels, "scale": (1, 2, 0.5, 0.5), "translate": (0, 7, 20, 30)}
    layer = measured(viewer, fill=True, shape=(3, 5, 10, 12), axes="TYX", **keywords)
    assert layer.data.shape == (3, 1, 10, 12)
    assert words(viewer, layer, 2, 9, 22.5, 32.5) == "12.34 ± 0.21 µm · frame 3.5"
    assert words(viewer, layer, 1, 15, 21.5, 31.5).endswith("filled")


@pytest.mark.parametrize(
    ("sigma", "text"), [(0.213, "12.34 ± 0.21"), (3.4, "12.3 ± 3.4"), (21, "12 ± 21"), (0.0456, "12.340 ± 0.046")]
)
def test_a_depth_has_the_digits_that_its_error_allows(viewer, sigma, text):
    layer = measured(viewer)
    next(other for other in viewer.layers if "σ" in other.name).data[:] = sigma
    assert words(viewer, layer, 0, 5, 5) == f"{text} µm · frame 3.5"


@pytest.mark.parametrize(
    ("positions", "depth", "frame"),
    [
        ([0, 1, 2, 3], 1.25, 1.25),
        ([0, 10, 30], 20, 1.5),
        ([6, 4, 2, 0], 5, 0.5),
        ([0, 1, 2, 3], 99, 3),
        ([0, 2, 1, 3], 1.4, 1.6),  # frames 2 and 1 are neighbours in focus
        ([0, 3, 1, 2], 2.9, 1),  # but 3 and 1 are none in the stack
        ([5], 5, 0),
    ],
)
def test_the_frame_of_a_depth(positions, depth, frame):
    assert frame_at(positions, depth) == pytest.approx(frame)


def move(viewer, layer, *position):
    """What happens in napari as the mouse moves: callbacks, then the layer's own status from a thread."""
    tell_depth(layer, None)
    viewer.cursor.position = position
    active = viewer.layers.selection.active
    viewer.status = active.get_status(position, world=True)


def test_the_status_bar_shows_it_for_the_active_layer(viewer):
    layer = measured(viewer)
    for _ in range(2):  # once is enough, twice does no harm
        move(viewer, layer, 0, 5, 5)
        assert viewer.status["value"] == "12.34 ± 0.21 µm · frame 3.5"
        assert viewer.status["coordinates"].endswith("]: 12.34 ± 0.21 µm · frame 3.5")
    assert len([c for c in viewer.events.status.callbacks if "_tell" in str(c)]) == 1
    viewer.layers.selection.active = viewer.layers["s"]
    move(viewer, layer, 0, 5, 5)
    assert "µm" not in viewer.status["value"]
    viewer.layers.selection.active = layer
    viewer.status = "Ready"
    assert viewer.status == "Ready"
    viewer.dims.ndisplay = 3
    move(viewer, layer, 0, 5, 5)
    assert "µm" not in viewer.status["value"]


def click(layer, *position):
    event = SimpleNamespace(type="mouse_press", position=position, view_direction=None, dims_displayed=[1, 2])
    steps = go_to_frame(layer, event)
    next(steps)
    event.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(steps)


def test_a_click_goes_to_the_frame_that_is_in_focus_there(viewer):
    layer = measured(viewer, scale=(3, 1, 1), translate=(1, 0, 0))
    assert go_to_frame in layer.mouse_drag_callbacks
    before = viewer.dims.current_step[0]
    click(layer, 0, 2, 2)  # nothing known
    click(layer, 0, 50, 50)  # beside
    assert viewer.dims.current_step[0] == before == 2
    click(layer, 0, 5, 5)
    assert viewer.dims.current_step[0] == 4
    assert viewer.dims.point[0] == 1 + 3 * 4
    assert viewer.status == "sharpest in frame 4 of 's'; click again for the map"


def test_a_click_shows_the_frame_and_the_next_one_the_map(viewer):
    layer = measured(viewer)
    source = viewer.layers["s"]
    assert (layer.visible, source.visible) == (True, False)
    click(layer, 0, 5, 5)
    assert viewer.dims.current_step[0] == 4  # 3.5, to the even one
    assert (layer.visible, source.visible) == (False, True)
    assert viewer.status == "sharpest in frame 4 of 's'; click again for the map"
    click(layer, 0, 1, 1)
    assert (layer.visible, source.visible) == (True, False)
    assert "covering" not in layer.metadata["napari-focusstack"]


def test_the_fused_picture_tells_the_depth_beside_its_own_value(viewer):
    fused = measured(viewer, picture=True)
    assert fused.name == "s [fused]"
    for _ in range(2):
        move(viewer, fused, 0, 5, 5)
        assert viewer.status["value"] == "7 · 12.34 ± 0.21 µm · frame 3.5"
        assert viewer.status["coordinates"].endswith("]: 7 · 12.34 ± 0.21 µm · frame 3.5")
    move(viewer, fused, 0, 2, 2)
    assert viewer.status["value"] == "7 · depth not measured"
    move(viewer, fused, 0, 50, 50)
    assert viewer.status["value"] == ""
    viewer.layers.remove("s [depth in µm]")
    move(viewer, fused, 0, 5, 5)
    assert viewer.status["value"] == "7"


def test_a_click_on_the_fused_picture_shows_the_frame_and_the_next_one_the_picture(viewer):
    fused = measured(viewer, picture=True)
    source = viewer.layers["s"]
    click(fused, 0, 5, 5)
    assert viewer.dims.current_step[0] == 4
    assert (fused.visible, source.visible) == (False, True)
    assert viewer.status == "sharpest in frame 4 of 's'; click again for the picture"
    click(fused, 0, 5, 5)
    assert (fused.visible, source.visible) == (True, False)


def test_each_of_several_channels_tells_the_depth_of_all(viewer):
    channels = [viewer.add_image(np.zeros((5, 10, 12), np.uint8), name=name) for name in "ab"]
    recipe = Recipe(fuse="average", depth="sff")
    image = np.full((2, 10, 12), 7, np.uint8)
    result = Result(image, None, None, depth(), "CYX", "YX", "YX", Area(0, 0, 10, 12), (), recipe)
    show_result(viewer.layers, source_of(channels), result)
    first, second = viewer.layers["a [fused]"], viewer.layers["b [fused]"]
    assert words(viewer, second, 0, 5, 5) == "12.34 ± 0.21 µm · frame 3.5"
    click(second, 0, 5, 5)
    assert [layer.visible for layer in (first, second, *channels)] == [False, False, True, True]
    click(second, 0, 5, 5)
    assert [layer.visible for layer in (first, second, *channels)] == [True, True, False, False]


def test_before_the_mouse_moves_there_is_no_nan(viewer):
    layer = measured(viewer)
    viewer.cursor.position = (0, 2, 2)
    viewer.status = layer.get_status((0, 2, 2), world=True)
    assert viewer.status["value"] == "depth not measured"
