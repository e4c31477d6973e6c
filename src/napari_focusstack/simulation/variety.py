"""What random bursts are like, and the random numbers that they are drawn with."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

__all__ = ["Chance", "Variety"]

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Variety:
    """What random bursts are like; each pair is a range, each share is one of 0 to 1.

    Attributes
    ----------
    frames : (int, int)
        Number of frames.
    sweep : (float, float)
        Blur, in px, of what is nearest when the focus is farthest; drawn log-uniformly, a quarter of the size at most.
    layers : (int, int)
        Foregrounds in front of the background.
    disc : float
        Share of draws whose spots are discs; those of the others are Gaussians.
    stretch : (float, float)
        Astigmatism, see `Aberration`.
    skew : float
        How much more it blurs on one side of the focus: standard deviation, see `Aberration`.
    saturation : (float, float)
        Colourfulness of surfaces: 0 is grey, 1 is as the pictures are.
    plain : float
        Share of surfaces with hardly any contrast.
    translucent : float
        Share of foregrounds that what is behind shines through.
    glints : float
        Share of surfaces with specular points brighter than white, whose defocused spots show the lens's bokeh.
    shade : float
        Standard deviation of the log of the light between one side of the scene and the other.
    noisy : float
        Share of bursts with noise.
    shot : (float, float)
        Shot-noise variance factor (Brooks et al., CVPR 2019), log-uniform.
    jitter : float
        Residual misalignment, in px: standard deviation of each frame's shift, and of the drift over the sweep.
    breathing : float
        Residual change of scale over the sweep: standard deviation.
    exposure : float
        Relative standard deviation of each frame's light.
    drift : float
        Relative standard deviation of the change of light over the sweep.
    """

    frames: tuple[int, int] = (2, 30)
    sweep: Range = (1.5, 20.0)
    layers: tuple[int, int] = (0, 3)
    disc: float = 0.65
    stretch: Range = (0.0, 0.3)
    skew: float = 0.06
    saturation: Range = (0.0, 1.0)
    plain: float = 0.15
    translucent: float = 0.15
    glints: float = 0.12
    shade: float = 0.4
    noisy: float = 0.7
    shot: Range = (1e-4, 1.2e-2)
    jitter: float = 0.15
    breathing: float = 0.0005
    exposure: float = 0.01
    drift: float = 0.02

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            low, high = value if isinstance(value, tuple) else (value, value)
            if not 0 <= low <= high < math.inf:
                raise ValueError(f"{field.name}={value} is not possible; numbers ≥ 0 are, and ranges that ascend")
        for name in ("disc", "plain", "translucent", "glints", "noisy"):
            if getattr(self, name) > 1:
                raise ValueError(f"{name}={getattr(self, name)} is no share; give a number from 0 to 1")
        for name in ("frames", "sweep", "shot"):
            if getattr(self, name)[0] <= 0:
                raise ValueError(f"{name}={getattr(self, name)} begins at 0; give a range of numbers above 0")


class Chance:
    """Random numbers for a device: few of them, so all come from the processor, and no device is waited for.

    Parameters
    ----------
    generator : torch.Generator
        On the CPU.
    device : torch.device
        Where tensors are wanted.
    """

    def __init__(self, generator: torch.Generator, device: torch.device) -> None:
        self.generator, self.device = generator, device

    def uniform(self, *shape: int) -> Tensor:
        """Numbers from 0 to 1, on the device."""
        return torch.rand(shape, generator=self.generator).to(self.device)

    def normal(self, *shape: int) -> Tensor:
        """Numbers of mean 0 and variance 1, on the device."""
        return torch.randn(shape, generator=self.generator).to(self.device)

    def between(self, low: float, high: float) -> float:
        """One number of a range."""
        return low + (high - low) * float(torch.rand((), generator=self.generator, dtype=torch.float64))

    def log_between(self, low: float, high: float) -> float:
        """One number of a range, each factor as likely as the other."""
        return min(max(math.exp(self.between(math.log(low), math.log(high))), low), high)

    def whole(self, low: int, high: int) -> int:
        """One whole number of a range, both ends included."""
        return int(torch.randint(low, high + 1, (), generator=self.generator))

    def numbers(self, below: int, count: int) -> Tensor:
        """(count,) whole numbers ≥ 0 below one, on the CPU."""
        return torch.randint(below, (count,), generator=self.generator)

    def there(self, share: float, count: int) -> Tensor:
        """(count, 1, 1, 1) ones with that probability, else zeros, on the device."""
        return (self.uniform(count, 1, 1, 1) < share).float()

    def noise(self, *shape: int) -> Tensor:
        """As `normal`, for whole pictures: drawn on the device, so that each kind of device has its own."""
        if self.device.type == "cpu":
            return self.normal(*shape)
        seed = int(torch.randint(2**62, (), generator=self.generator))
        return torch.randn(shape, generator=torch.Generator(self.device).manual_seed(seed), device=self.device)
