"""Where there is neither napari nor a display, the tests of the window are left out, and say so."""

import os
import shutil
import sys
from importlib.resources import files
from importlib.util import find_spec

import numpy as np
import pytest

NAPARI = find_spec("napari") is not None
DISPLAY = sys.platform != "linux" or bool(os.environ.get("DISPLAY") or shutil.which("Xvfb"))

collect_ignore_glob = [] if NAPARI else ["test_*.py"]


def pytest_collection_modifyitems(items):
    if not DISPLAY:
        for item in items:
            if {"qtbot", "make_napari_viewer_proxy"} & set(getattr(item, "fixturenames", ())):
                item.add_marker(pytest.mark.skip(reason="needs a display: set DISPLAY or install Xvfb"))


@pytest.fixture
def stack():
    """Five frames (Z, Y, X) of noise: frame z is the sharp one in the z-th fifth of the columns."""
    rng = np.random.default_rng(0)
    truth = rng.integers(20, 236, (40, 60)).astype(np.uint8)
    flat = np.full_like(truth, 128)
    where = np.arange(60) // 12
    return np.stack([np.where(where == z, truth, flat) for z in range(5)])


@pytest.fixture
def plugin(npe2pm, plugin_settings):
    """Our manifest, registered as napari does it, with the preferences at their defaults."""
    with npe2pm.tmp_plugin(manifest=str(files("napari_focusstack") / "napari.yaml")) as manager:
        yield manager


@pytest.fixture
def viewer(plugin, make_napari_viewer_proxy):
    """Real window."""
    return make_napari_viewer_proxy()
