"""The samples: what they hold; small stand-ins where only the wiring is asked."""

from __future__ import annotations

import numpy as np
import pytest
import rawpy

from napari_focusstack.simulation import sample_raw_burst, sample_zstack, samples


@pytest.fixture
def small(monkeypatch):
    """Samples of a few frames and pixels, made by the same functions."""
    full = samples.simulate

    def simulate(scene, **options):
        return full(scene, **{**options, "frames": 3, "height": 48, "width": 64})

    monkeypatch.setattr(samples, "simulate", simulate)


def test_the_raw_sample_is_a_folder_of_raw_files(small, tmp_path):
    files = sample_raw_burst(tmp_path / "new" / "folder")
    assert [file.name for file in files] == ["fly_01.dng", "fly_02.dng", "fly_03.dng"]
    values = []
    for file in files:
        with rawpy.imread(str(file)) as raw:
            values.append(raw.raw_image_visible.copy())
    assert values[0].shape == (48, 64) and values[0].dtype == np.uint16
    assert not np.array_equal(values[0], values[1])


def test_the_raw_sample_is_always_the_same(small, tmp_path):
    one, other = (sample_raw_burst(tmp_path / name)[0].read_bytes() for name in "ab")
    assert one == other


def test_the_zstack_has_an_axis_for_every_channel(small):
    stack, metadata = sample_zstack()
    assert stack.shape == (3, 3, 48, 64) and stack.dtype == np.uint16
    assert len(metadata["channel_names"]) == len(metadata["colormaps"]) == 3
    assert metadata["pixel_size_um"] > 0 and metadata["step_um"] > 0
    assert all(stack[:, channel].std() > 100 for channel in range(3))
