"""How good a checkpoint is on bursts whose truth is known, beside what needs no training: the table that docs quote."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..arrays import to_float
from ..fusion import FUSERS, fuse
from ..methods import options_of, pick
from ..metrics import band_beside_depth_edges, psnr, ssim
from ..nets.checkpoint import Checkpoint, check_frames
from ..progress import track

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]  # (Y, X, C)
    Sample = tuple[NDArray[Any], Picture, Picture | None]  # frames (N, Y, X, C), truth, depth (Y, X) in frames

__all__ = ["METHODS", "Evaluation", "Row", "evaluate"]

METHODS = ("pyramid", "depthmap", "wavelet", "guided", "average")  # fusion that needs no training
REFERENCES = ("best frame at each pixel", "best single frame", "mean of the frames")
BAND = 6.0  # px to either side of depth edges


@dataclass(frozen=True, slots=True)
class Row:
    """Mean scores of one method.

    Attributes
    ----------
    psnr, ssim : float
        Of whole pictures; PSNR in dB.
    band : float
        PSNR in dB beside depth edges; NaN where no depth is known, or no edge there.
    """

    psnr: float
    ssim: float
    band: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores by method; the network's first.

    Attributes
    ----------
    name : str
        Of the checkpoint.
    bursts : int
        How many were looked at: of a dataset's tiles, each counts.
    rows : dict of str to Row
        By method, in the order of the table.
    """

    name: str
    bursts: int
    rows: dict[str, Row]

    @property
    def metrics(self) -> dict[str, float]:
        """What a checkpoint's config.json says of it: the network's scores and those it must beat."""
        best = max((self.rows[method].psnr for method in METHODS if method in self.rows), default=float("nan"))
        own = self.rows[self.name]
        values = {
            "psnr": own.psnr,
            "ssim": own.ssim,
            "psnr_band": own.band,
            "psnr_best_classical": best,
            "psnr_best_single_frame": self.rows["best single frame"].psnr,
            "psnr_mean_of_frames": self.rows["mean of the frames"].psnr,
        }
        return {name: round(value, 4) for name, value in values.items() if np.isfinite(value)}

    def markdown(self) -> str:
        """Return the table as Markdown: methods by PSNR, then the references."""
        ranked = sorted((n for n in self.rows if n not in REFERENCES), key=lambda n: -self.rows[n].psnr)
        lines = [f"| {self.bursts} examples | PSNR, dB | SSIM | beside depth edges, dB |", "|---|---|---|---|"]
        for name in (*ranked, *(n for n in REFERENCES if n in self.rows)):
            row = self.rows[name]
            shown = f"**{name}**" if name == self.name else name
            band = f"{row.band:.2f}" if np.isfinite(row.band) else "–"
            lines.append(f"| {shown} | {row.psnr:.2f} | {row.ssim:.4f} | {band} |")
        return "\n".join(lines)


def evaluate(
    checkpoint: Checkpoint, samples: Iterable[Sample], *, methods: Sequence[str] = METHODS, device: str = "auto"
) -> Evaluation:
    """Scores of a checkpoint, of methods that need no training, and of three references, burst by burst.

    The references: the mean of the frames; the frame of each burst that comes closest to the truth; and at each pixel
    the frame that does, which no method can know and only un-mixing or denoising can beat.

    Parameters
    ----------
    checkpoint : Checkpoint
        Of a network that fuses.
    samples : iterable of (frames, truth, depth)
        (N, Y, X, C) aligned frames as stored; (Y, X, C) float32 picture all in focus, in the scale of `to_float`;
        (Y, X) float32 depth in frames, or None. Read one burst at a time.
    methods : sequence of str
        Names in `FUSERS` to compare with.
    device : str
        "auto", "cpu", "cuda" or "mps".

    Raises
    ------
    CheckpointError
        If the network does not take such frames.
    ValueError
        If the network does not fuse, a method is unknown, or there is no burst.
    """
    if checkpoint.task != "fusion":
        raise ValueError(
            f"checkpoint {checkpoint.name!r} is for the task {checkpoint.task!r}; only networks that fuse are "
            "evaluated, the log.csv of a training run tells of the others"
        )
    for method in methods:
        pick(FUSERS, method, "fusion")
    ways: dict[str, Callable[[Picture, Picture], Picture]] = {
        checkpoint.name: lambda frames, _: (
            fuse(frames, _runs(checkpoint.architecture), checkpoint=str(checkpoint.folder), device=device).image
        )
    }
    for method in methods:
        ways[method] = lambda frames, _, method=method: fuse(frames, method, device=device).image  # type: ignore[misc]
    ways |= dict(zip(REFERENCES, (_best_at_each_pixel, _best_single, _mean), strict=True))
    scores: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
    count = 0
    for frames, truth, depth in track(samples, "Evaluating"):
        check_frames(checkpoint, frames)
        band = None if depth is None else _beside_edges(depth)
        for name, way in ways.items():
            given = to_float(frames) if name in REFERENCES else frames
            scores[name].append(_scores(way(given, truth), truth, band))
        count += 1
    if not count:
        raise ValueError("there is no burst to evaluate on; build a dataset with held-out bursts")
    return Evaluation(checkpoint.name, count, {name: Row(*_means(values)) for name, values in scores.items()})


def _runs(architecture: str) -> str:
    """Name of the fusion method that runs networks of an architecture."""
    options = {name: options_of(method).get("checkpoint") for name, method in FUSERS.items()}
    return next(name for name, option in options.items() if option and architecture in option.architectures)


def _beside_edges(depth: Picture) -> NDArray[np.bool_]:
    """Pixels near depth edges: on both sides, as the sweep may go either way."""
    ways: tuple[Literal["near-to-far"], Literal["far-to-near"]] = ("near-to-far", "far-to-near")
    there, back = (band_beside_depth_edges(depth, width=BAND, order=order) for order in ways)
    return there | back


def _scores(image: Picture, truth: Picture, band: NDArray[np.bool_] | None) -> tuple[float, float, float]:
    image = np.clip(image, 0, 1)
    beside = psnr(image, truth, mask=band) if band is not None and band.any() else float("nan")
    return min(psnr(image, truth), 100.0), ssim(image, truth), beside


def _means(values: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    columns = np.array(values, np.float64).T
    means = (float(c[np.isfinite(c)].mean()) if np.isfinite(c).any() else float("nan") for c in columns)
    return tuple(means)  # type: ignore[return-value]


def _mean(frames: Picture, truth: Picture) -> Picture:  # noqa: ARG001 - all references are asked alike
    return np.asarray(frames.mean(0, dtype=np.float32))


def _best_single(frames: Picture, truth: Picture) -> Picture:
    return np.asarray(min(frames, key=lambda frame: float(np.square(frame - truth).mean())))


def _best_at_each_pixel(frames: Picture, truth: Picture) -> Picture:
    index = np.stack([np.square(frame - truth).mean(2) for frame in frames]).argmin(0)
    return np.asarray(np.take_along_axis(frames, index[None, ..., None], 0)[0])
