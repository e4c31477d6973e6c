"""What is held against an elimination: depth that is ragged, and light that adds up."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_focusstack.diffusion.elimination import _ragged
from napari_focusstack.diffusion.veils import Veils

SIZE = 96


def steps():
    """Depth of three flat surfaces, and of a slope beside them."""
    depth = np.zeros((SIZE, SIZE), np.float32)
    depth[30:60], depth[60:] = 4, 9
    depth[:, 60:] = np.linspace(0, 9, SIZE, dtype=np.float32)[:, None]
    return depth


def test_surfaces_are_not_ragged_and_what_was_hardly_measured_is():
    depth = steps()
    assert not _ragged(depth, 2.0).any()
    guessed = depth + np.random.default_rng(0).normal(0, 0.5, depth.shape).astype(np.float32)
    depth[:40, :40] = guessed[:40, :40]
    ragged = _ragged(depth, 2.0)
    assert ragged[:40, :40].all()
    assert not ragged[60:].any()


@pytest.mark.parametrize(
    ("hiding", "adding", "before", "adds"),
    [
        (1.0, 0.7, 1.0, True),  # fluorescence: what hides explains nothing
        (1.1, 0.9, 1.0, True),
        (0.6, 0.5, 1.0, False),  # dark and plain: hiding explains much, if adding does more
        (0.6, 0.9, 1.0, False),
        (0.9, 1.2, 1.0, False),
    ],
)
def test_light_adds_up_only_where_hiding_explains_little(hiding, adding, before, adds):
    def tried(law, *, opaque):
        return np.full((2, 50), [[hiding if opaque else adding], [before]])

    assert Veils.adds_up(SimpleNamespace(_tried=tried), None) is adds
