"""The spots that light is spread over are those of the optics."""

import numpy as np
import pytest

from napari_focusstack.kernels import veil_cpu
from napari_focusstack.optics import point_spread


@pytest.mark.parametrize("radius", [2.5, 3.2, 4.0, 7.3])
@pytest.mark.parametrize(("name", "kind"), [("disc", veil_cpu.DISC), ("gaussian", veil_cpu.GAUSSIAN)])
def test_spots_are_as_wide_as_those_that_are_simulated(name, kind, radius):
    spot, true = veil_cpu.spread(radius, kind), point_spread(radius, name).numpy()
    widths = []
    for kernel in (spot, true):
        reach = len(kernel) // 2
        place = np.arange(-reach, reach + 1) ** 2
        widths.append((kernel.sum(axis=0) * place).sum() / kernel.sum())
    assert spot.sum() == pytest.approx(1, abs=0.03)
    assert widths[0] == pytest.approx(widths[1], rel=0.06)
