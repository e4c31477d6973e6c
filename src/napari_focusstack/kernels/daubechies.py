"""Filters of the symmetric complex Daubechies wavelets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LOW_PASS", "low_pass"]

LOW_PASS: dict[int, tuple[complex, ...]] = {
    6: (
        -0.0662912607 - 0.0855816496j,
        0.1104854346 - 0.0855816496j,
        0.6629126074 + 0.1711632992j,
    ),
    14: (
        0.0049120149 + 0.0018464710j,
        -0.0054111299 + 0.0143947836j,
        -0.0701089996 + 0.0079040001j,
        -0.0564377788 - 0.1169376946j,
        0.1872348173 - 0.2596312614j,
        0.3676385056 - 0.0475928095j,
        0.2792793518 + 0.4000165107j,
    ),
    22: (
        -0.0002890832 + 0.0000211708j,
        -0.0000935982 - 0.0012780664j,
        0.0059961342 - 0.0029648612j,
        0.0122232015 + 0.0144283733j,
        -0.0243700791 + 0.0503067404j,
        -0.1092940542 - 0.0044659104j,
        -0.0918847036 - 0.1999654035j,
        0.1540094645 - 0.2603015239j,
        0.4014277015 + 0.0013800055j,
        0.3153022916 + 0.2232934469j,
        0.0440795062 + 0.1795460286j,
    ),
}  # first half of each, mirrored for the second (Lina and Mayrand 1995; printed to ten digits)


def low_pass(taps: int) -> NDArray[np.complex128]:
    """First half of the low-pass filter h with so many taps; h is symmetric: h[L - 1 - k] = h[k].

    Scaled so that Σ h = √2 exactly, which the printed digits miss by 1e-9. The high-pass filter is
    g[k] = (-1)^k conj(h[L - 1 - k]), antisymmetric.
    """
    half = np.array(LOW_PASS[taps])
    half *= np.sqrt(0.5) / half.sum()
    return half
