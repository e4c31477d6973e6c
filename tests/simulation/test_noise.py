"""The noise model against its law."""

from __future__ import annotations

import math

import pytest
import torch

from napari_focusstack.simulation.noise import SHOT_RANGE, add_noise, draw_shot_noise, read_noise


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_golden_variance():
    noisy = add_noise(torch.full((1000, 1000), 0.5), 1e-3, 1e-5, seeded())
    assert float(noisy.var()) == pytest.approx(5.1e-4, rel=0.02)
    assert float(noisy.mean()) == pytest.approx(0.5, abs=1e-4)


def test_noise_is_not_clipped_and_darkness_has_read_noise_only():
    noisy = add_noise(torch.tensor([0.0, -0.2]).repeat_interleave(100_000), 1e-2, 1e-4, seeded())
    assert float(noisy[:100_000].var()) == pytest.approx(1e-4, rel=0.02)
    assert float(noisy[100_000:].var()) == pytest.approx(1e-4, rel=0.02)
    assert (noisy < 0).any()


def test_read_noise_lies_on_the_line_and_scatters_about_it():
    assert read_noise(1e-3) == pytest.approx(math.exp(2.18 * math.log(1e-3) + 1.20))
    generator = seeded()
    logs = torch.tensor([math.log(read_noise(1e-3, generator)) for _ in range(4000)])
    assert float(logs.mean()) == pytest.approx(math.log(read_noise(1e-3)), abs=0.02)
    assert float(logs.std()) == pytest.approx(0.26, rel=0.05)


def test_sensitivities_are_log_uniform_over_the_range():
    generator = seeded()
    logs = torch.tensor([math.log(draw_shot_noise(generator)) for _ in range(4000)])
    low, high = (math.log(end) for end in SHOT_RANGE)
    assert low <= float(logs.min()) and float(logs.max()) <= high
    assert float(logs.mean()) == pytest.approx((low + high) / 2, abs=0.1)
    assert float(logs.std()) == pytest.approx((high - low) / 12**0.5, rel=0.05)


def test_negative_variance():
    with pytest.raises(ValueError, match=r"shot=-1, read=0 are not possible; give numbers ≥ 0"):
        add_noise(torch.zeros(2), -1, 0, seeded())
