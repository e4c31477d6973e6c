"""Levels of noise against noise that is drawn."""

import pytest
import torch

from napari_focusstack.nets.noise import LEVELS, deviation_at, deviations


@pytest.mark.parametrize("transfer", ["linear", "srgb"])
@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_levels_are_the_deviation_of_stored_noise(transfer, gain):
    shot, read = 4e-5, 1e-7
    found = deviations(torch.tensor([[shot, read]]), transfer, torch.tensor([[gain]]))
    assert found.shape == (1, 1, LEVELS)
    generator = torch.Generator().manual_seed(0)
    for level in range(1, LEVELS - 1):
        stored = level / (LEVELS - 1)
        light = stored if transfer == "linear" else ((stored + 0.055) / 1.055) ** 2.4
        measured = torch.full((200_000,), light / gain)
        noisy = gain * (measured + (shot * measured + read).sqrt() * torch.randn(200_000, generator=generator))
        if transfer == "srgb":
            noisy = 1.055 * noisy ** (1 / 2.4) - 0.055
        assert float(found[0, 0, level]) == pytest.approx(float(noisy.std()), rel=0.02)


def test_between_levels_it_is_interpolated():
    levels = torch.linspace(0, 1, LEVELS).square()[None, None]
    picture = torch.tensor([0.0, 0.5, 0.5625, 1.0, 1.7, -0.3]).view(1, 1, 1, 6)
    found = deviation_at(levels, picture).flatten()
    torch.testing.assert_close(found, torch.tensor([0, 0.25, (0.25 + 0.390625) / 2, 1, 1, 0]))


def test_darkness_with_much_read_noise_is_capped():
    assert deviations(torch.tensor([[0.0, 1.0]]), "srgb").max() == pytest.approx(0.3)
