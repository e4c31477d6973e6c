"""Samples of File > Open Sample, opened in a viewer."""

import gc
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_focusstack.simulation import samples, simulate
from napari_focusstack.ui.source import PLUGIN, channel_group, source_of


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Samples of the same kind, small and plain."""
    plain = {"insect": "slanted"}
    monkeypatch.setattr(
        samples,
        "simulate",
        lambda scene, **choices: simulate(plain.get(scene, scene), **{**choices, "height": 96, "width": 128}),
    )


def test_the_raw_burst_is_a_lazy_layer_whose_files_go_with_it(plugin):
    viewer = ViewerModel()
    (layer,) = viewer.open_sample(PLUGIN, "raw")
    source = source_of([layer])
    assert (source.axes, source.frames, source.data.dtype) == ("ZYXS", 10, np.uint16)
    assert source.photograph
    files = [Path(file) for file in layer.metadata[PLUGIN]["sources"]]
    assert all(file.exists() for file in files)
    assert np.asarray(layer.data[5]).max() > 1000
    del viewer, layer, source
    gc.collect()
    assert not any(file.exists() for file in files)


def test_the_z_stack_has_channels_that_belong_together(plugin):
    viewer = ViewerModel()
    layers = viewer.open_sample(PLUGIN, "zstack")
    assert [layer.name for layer in layers] == ["nuclei", "filaments", "puncta"]
    assert layers[0].axis_labels == ("z", "y", "x")
    assert [str(unit) for unit in layers[0].units] == ["micrometer"] * 3
    group, together = channel_group(layers[2], viewer.layers, [layers[2]])
    assert (list(group), together) == (list(layers), True)
    assert source_of(group).axes == "CZYX"
