"""Examples to learn from: bursts as a network gets them, in stored values, and what is true of them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from ..color import Transfer
from ..depth.candidates import Candidates
from ..depth.edges import placed
from ..depth.result import RELIABLE
from ..depth.sff import RADIUS, contrast_of, measured
from ..diffusion.crf import refined
from ..diffusion.rehearsal import rehearsed
from ..focus import Greys
from ..fusion.noise import variances_of
from ..nets.network import Network
from ..nets.noise import deviations
from ..simulation.batches import Batch
from ..simulation.pairs import Pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Examples",
    "as_stored",
    "candidates_of",
    "noise_levels",
    "positions_of",
    "turned",
    "with_candidates",
    "with_rehearsal",
]

LINEAR = 0.3  # share of batches in linear light, as microscopes store it; the others as photographs, in sRGB
LEVELS = (255, 4095, 65535)  # of a file of 8, 12 or 16 bit
MISJUDGED = 0.15  # standard deviation of the log of what the noise is taken for: it has to be estimated
MISMEASURED, GROSS = (0.5, 0.06), 0.12  # the same of blurs, if they are grossly wrong and else; share of the former

Known = Literal[
    "depth",
    "depths",
    "mask",
    "noise",
    "sigma",
    "sigma_behind",
    "rehearsal",
    "planes",
    "candidates",
    "fused",
    "freed",
    "veiled",
]
UNTURNED = ("noise", "sigma", "sigma_behind")  # what is known of whole bursts


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """B bursts of N frames and their truth, in stored values from 0 to 1.

    Attributes
    ----------
    frames : (B, N, C, H, W) float32
        What a network gets.
    truth : (B, C', H', W') float32
        All in focus, free of noise; larger than the frames where these are planes of a mosaic.
    depth : (B, H, W) float32, optional
        Number of the frame, with fractions, in which the front-most surface is sharpest.
    alphas, depths : (B, L, H, W) float32, optional
        Coverage and depth of each layer, near to far.
    noise : (B, C, K) float32, optional
        Standard deviation of the noise in each channel, in stored values, at K levels of brightness: see `nets.noise`.
    blur : float, optional
        Blur radius, in px, of what is one frame out of focus.
    mask : (B, 1, H, W) float32, optional
        Of a pair of frames, focused near and far: 1 where the foreground is.
    sigma, sigma_behind : (B,) float32, optional
        Standard deviation, in px, of the foreground's blur in the far frame of a pair, and of the background's in the
        near one.
    transfer : {"linear", "srgb"}
        How stored values relate to light.
    rehearsal : (B, 3, 3, H, W) float32, optional
        What pairs would look like if a draft of the mask were true: see `diffusion.rehearsal`.
    planes, candidates : (B, 19, H, W), (B, 5, H, W) float32, optional
        Depths that each pixel may have, in numbers of frames, and what is known of them: see `depth.candidates`. Of a
        correction, the planes are those of `diffusion.judging`, and there are 17.
    fused, freed : (B, C, H, W) float32, optional
        Pictures that were fused of the bursts, and the same freed of the light of nearer surfaces.
    veiled : (B, 1, H, W) float32, optional
        By how much a pixel may be freed at all, 0 to 1.
    """

    frames: Tensor
    truth: Tensor
    depth: Tensor | None = None
    alphas: Tensor | None = None
    depths: Tensor | None = None
    noise: Tensor | None = None
    blur: float | None = None
    mask: Tensor | None = None
    sigma: Tensor | None = None
    sigma_behind: Tensor | None = None
    transfer: Transfer = "srgb"
    rehearsal: Tensor | None = None
    planes: Tensor | None = None
    candidates: Tensor | None = None
    fused: Tensor | None = None
    freed: Tensor | None = None
    veiled: Tensor | None = None

    def asked(self, network: Network) -> tuple[Tensor, ...]:
        """What the network is given: frames, and what its task asks for beside.

        Raises
        ------
        ValueError
            If nobody knows it.
        """
        if network.task == "depth":
            return self.frames, positions_of(self.frames)
        if network.task == "kernel":
            return self.frames, self.known("mask")
        if network.task == "refinement":
            return (torch.cat([self.frames, self.known("rehearsal")], 1),)
        if network.task == "edges":
            return self.known("planes"), self.known("candidates")
        if network.task == "trust":
            return (self.known("planes"),)
        return (self.frames, self.known("noise")) if network.takes_noise else (self.frames,)

    def known(self, name: Known) -> Tensor:
        """What is true of the examples, by the attribute's name.

        Raises
        ------
        ValueError
            If nobody knows it.
        """
        value: Tensor | None = getattr(self, name)
        if value is None:
            raise ValueError(f"nobody knows the {name} of these examples; train on others, such as simulated ones")
        return value

    def shares(self) -> Tensor:
        """Depth (B, H, W) as a share of the sweep: 0 in the first frame, 1 in the last.

        Raises
        ------
        ValueError
            If nobody knows it.
        """
        return self.known("depth") / max(self.frames.shape[1] - 1, 1)

    def turned(self, way: int) -> Examples:
        """Return the same as seen in one of eight ways, see `turned`."""
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in values.items():
            if isinstance(value, Tensor) and name not in UNTURNED:
                values[name] = turned(value, way)
        return Examples(**values)

    def to(self, device: torch.device | str) -> Examples:
        """Return the same on a device."""
        values: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            values[field.name] = value.to(device) if isinstance(value, Tensor) else value
        return Examples(**values)


def as_stored(batch: Batch | Pairs, generator: torch.Generator) -> Examples:
    """Simulated light as a camera or a microscope would store it: clipped, sRGB or linear, of 8, 12 or 16 bit.

    Planes of a mosaic are white-balanced, and have the sRGB curve, too: so noise is alike in light and in shade.
    """
    chance = torch.rand(2, generator=generator, device=generator.device).tolist()
    levels = LEVELS[int(chance[0] * len(LEVELS))]
    gains = batch.gains if isinstance(batch, Batch) else None
    transfer: Transfer = "linear" if gains is None and chance[1] < LINEAR else "srgb"
    frames, truth = batch.frames.clamp(0, 1), batch.truth.clamp(0, 1)
    if transfer == "srgb":
        frames, truth = _srgb(frames), _srgb(truth)
    noise = deviations(batch.noise, transfer, gains)
    if gains is None:  # else the sensor's own values were rounded
        frames = (frames * levels).round() / levels
        noise = (noise.square() + 1 / (12 * levels**2)).sqrt()
    wrong = torch.exp(MISJUDGED * torch.randn((len(noise), 1, 1), generator=generator)).to(noise.device)
    noise = (wrong * noise).expand(-1, frames.shape[2], -1)
    if isinstance(batch, Pairs):
        return Examples(
            frames,
            truth,
            noise=noise,
            mask=batch.mask,
            sigma=batch.sigma,
            sigma_behind=batch.sigma_behind,
            transfer=transfer,
        )
    return Examples(frames, truth, batch.depth, batch.alphas, batch.depths, noise, batch.blur, transfer=transfer)


def positions_of(frames: Tensor) -> Tensor:
    """(B, N) places of the frames (B, N, C, H, W) in the sweep, evenly from 0 to 1."""
    return torch.linspace(0, 1, frames.shape[1], device=frames.device).expand(len(frames), -1)


def candidates_of(frames: Tensor, backwards: bool) -> tuple[Tensor, Tensor]:
    """What is known of the candidates (19, H, W), and their depths (5, H, W), of a burst (N, C, H, W).

    `backwards`: the nearest surface is sharp at its end. All is found on the CPU, as when depth is estimated.
    """
    light = np.ascontiguousarray(frames.detach().float().cpu().permute(0, 2, 3, 1).numpy())
    index, sigma, confidence, grey = measured(light, np.arange(len(light), dtype=np.float64), device="cpu")
    known = confidence >= RELIABLE
    index, sigma, _ = placed(light, index, sigma, known, contrast=contrast_of(grey), radius=RADIUS)
    found, greys = Candidates(index, sigma, known, grey, count=len(light)), Greys(light)
    for number in range(len(greys)):
        found.see(greys[number][..., 0], number)
    depths, planes = found.part(slice(None), slice(None), backwards=backwards)
    return torch.from_numpy(planes), torch.from_numpy(depths)


def with_candidates(examples: Examples) -> Examples:
    """Return the same with `planes` and `candidates`, the nearest surface at the front.

    Raises
    ------
    ValueError
        If nobody knows the layers' depths.
    """
    depths = examples.known("depths")
    backwards = (depths[:, 0].mean((1, 2)) > depths[:, -1].mean((1, 2))).tolist()
    found = [candidates_of(burst, end) for burst, end in zip(examples.frames, backwards, strict=True)]
    planes, candidates = (torch.stack(several).to(examples.frames.device) for several in zip(*found, strict=True))
    return replace(examples, planes=planes, candidates=candidates)


def with_rehearsal(examples: Examples, drafting: Network, generator: torch.Generator) -> Examples:
    """Return the same with `rehearsal`, by drafts of a network, and blurs as they are measured: not exactly.

    Raises
    ------
    ValueError
        If nobody knows the blurs.
    """
    frames = examples.frames.detach().float().cpu()
    pairs = np.ascontiguousarray(frames.permute(0, 1, 3, 4, 2).numpy())
    with torch.inference_mode():
        drafts = drafting(frames)[:, 0].numpy()
    blurs = torch.stack([examples.known("sigma"), examples.known("sigma_behind")], 1).cpu()
    z, gross = torch.randn(blurs.shape, generator=generator), torch.rand(blurs.shape, generator=generator) < GROSS
    measured = (blurs * torch.exp(z * torch.where(gross, *MISMEASURED))).tolist()
    found = [
        rehearsed(pair, refined(draft, pair[0]), front, behind, examples.transfer)
        for pair, draft, (front, behind) in zip(pairs, drafts, measured, strict=True)
    ]
    rehearsal = torch.from_numpy(np.stack(found)).permute(0, 1, 4, 2, 3)
    return replace(examples, rehearsal=rehearsal.to(examples.frames.device))


def turned(planes: Tensor, way: int) -> Tensor:
    """Planes (..., H, W) in one of eight ways: mirrored left to right (1), top to bottom (2), transposed (4), or so."""
    sides = [axis for axis, bit in ((-1, 1), (-2, 2)) if way & bit]
    planes = planes.flip(sides) if sides else planes
    return (planes.transpose(-1, -2) if way & 4 else planes).contiguous()


def noise_levels(frame: NDArray[Any]) -> Tensor:
    """Levels (1, C, K) of the noise in a frame (Y, X, C) as stored, measured in its quietest places."""
    factors = torch.from_numpy(variances_of(frame)).float()
    return deviations(factors, "linear")[None, :, 0]


def _srgb(light: Tensor) -> Tensor:
    return torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light.clamp_min(1e-4) ** (1 / 2.4) - 0.055)
