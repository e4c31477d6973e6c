"""Pairs of frames for diffusion elimination: simulated ones whose truth is known, and those of a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focusstack import fuse
from napari_focusstack.arrays import from_float, to_float
from napari_focusstack.color import to_stored
from napari_focusstack.diffusion import eliminate_diffusion, eliminate_from_pair
from napari_focusstack.diffusion.pair import find_blur, find_foreground, fuse_pair
from napari_focusstack.metrics import (
    band_beside_depth_edges,
    miou,
    psnr,
    q_abf,
    q_mi,
    q_y,
    qcv_chen_varshney,
)
from napari_focusstack.nets.checkpoint import CheckpointError, read_checkpoint
from napari_focusstack.simulation.batches import Variety
from napari_focusstack.simulation.pairs import draw_pairs
from napari_focusstack.training.sources import generator_of

from .peers import FUSING, installed
from .quality import fused_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_focusstack.simulation.library import Library

    Picture = NDArray[np.float32]  # (Y, X, 3)
    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["NOISE", "Made", "Pair", "figures", "masks_of", "of_folder", "rows_of", "simulated", "there"]

SEED = 2**42  # no training step, none of its validations and no other table has this number
NOISE = {"without noise": 0.0, "with noise": 1.0}  # share of the pairs that have some
FUSERS = ("average", "pyramid", "guided")
BAND = 2.0  # standard deviations of the blur: width of the band beside the foreground
LEAST = 0.002  # share of the pixels that a band needs to be judged
BROAD = 0.05  # of the picture's pixels: less is covered by hairs, and by what only just reaches into it
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp")
NAMED = re.compile(r"(?P<scene>.+?)[-_ ](?P<role>A|B|M|mask|gt)$", re.IGNORECASE)  # lytro-01-A


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two frames, focused on the foreground and behind it.

    Attributes
    ----------
    name : str
        Of the scene.
    frames : (2, Y, X, 3) uint8
        sRGB curve.
    truth : (Y, X, 3) float32 or None
        All in focus, free of noise.
    mask : (Y, X) float32 or None
        True foreground, 0 or 1.
    sigma : float or None
        True standard deviation of its blur in the second frame, px.
    """

    name: str
    frames: NDArray[np.uint8]
    truth: Picture | None = None
    mask: Plane | None = None
    sigma: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """Picture that was made of a pair, and the mask it was made with, if any."""

    picture: Picture
    mask: Plane | None = None


Rows = dict[str, Callable[["Pair"], Made]]


def simulated(library: Library, noise: str, number: int, size: int) -> Pair:
    """Pair that follows from its number: the same scene with noise and without."""
    variety = replace(Variety(), noisy=NOISE[noise])
    drawn = draw_pairs(library, variety, generator_of((SEED, number)), bursts=1, size=size)
    light = np.clip(drawn.frames[0].numpy().transpose(0, 2, 3, 1), 0, 1)
    truth = np.clip(drawn.truth[0].numpy().transpose(1, 2, 0), 0, 1)
    frames = np.stack([from_float(to_stored(one).astype(np.float32), np.uint8) for one in light])
    sigma = float(drawn.sigma[0])
    return Pair(str(number), frames, to_stored(truth).astype(np.float32), drawn.mask[0, 0].numpy(), sigma)


def of_folder(folder: Path) -> Iterator[Pair]:
    """Pairs in a folder and its subfolders: lytro-01-A.jpg, lytro-01-B.jpg and, if there is one, lytro-01-mask.png.

    A is focused on the foreground. A mask is white where it is.

    Raises
    ------
    FileNotFoundError
        If there are none.
    ValueError
        If a picture cannot be read, or the pictures of a scene differ in size.
    """
    scenes: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.rglob("*")):
        named = NAMED.match(path.stem)
        if named and path.suffix.lower() in SUFFIXES:
            role = named["role"].upper()
            scenes.setdefault(named["scene"], {})["mask" if role in ("M", "MASK", "GT") else role] = path
    pairs = {name: paths for name, paths in scenes.items() if {"A", "B"} <= set(paths)}
    if not pairs:
        raise FileNotFoundError(f"{folder}: no pairs; they are named like lytro-01-A.jpg and lytro-01-B.jpg")
    for name, paths in sorted(pairs.items()):
        pictures = {role: _read(path) for role, path in paths.items()}
        if len({picture.shape for picture in pictures.values()}) > 1:
            raise ValueError(f"{name}: its pictures differ in size; cut them alike")
        white = pictures["mask"].mean(axis=2) > 127 if "mask" in pictures else None
        frames = np.stack([pictures["A"], pictures["B"]])
        yield Pair(name, frames, mask=None if white is None else white.astype(np.float32))


def _read(path: Path) -> NDArray[np.uint8]:
    data = np.fromfile(path, np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if picture is None:
        raise ValueError(f"{path}: not a picture that can be read; repair or remove it")
    return np.ascontiguousarray(picture[..., ::-1])


# --------------------------------------------------------------------
# rows


def masks_of(networks: Mapping[str, str], device: str) -> dict[str, Mapping[str, Any]]:
    """How masks are found, by name: options of `find_foreground`; by networks where there are checkpoints."""
    fsb, frb = networks["fsb"], networks["frb"]
    masks: dict[str, Mapping[str, Any]] = {"sharpness": {"method": "sharpness"}}
    if there(fsb):
        masks["FSB"] = {"method": "network", "checkpoint": fsb, "refine": "field", "device": device}
    if there(fsb) and there(frb):
        masks["FSB, FRB"] = masks["FSB"] | {"refine": "network", "refinement": frb, "transfer": "srgb"}
    return masks


def rows_of(networks: Mapping[str, str], device: str, *, truth: bool) -> Rows:
    """Everything that makes a picture of a pair, by the name of its row; networks where there are checkpoints.

    `networks`: checkpoints by the name of the architecture, "fsb", "frb" and "keb".
    """
    rows: Rows = {method: partial(_fused, method) for method in FUSERS}
    rows |= {tool.name: lambda pair, tool=tool: Made(fused_by(tool, pair.frames)) for tool in installed(FUSING)}
    if all(there(name) and name == shipped for shipped, name in networks.items()):  # it takes no others
        rows["pyramid, freed"] = partial(_freed, device)
    search = {"method": "search", "transfer": "srgb"}
    asked: dict[str, Mapping[str, Any]] = {}
    if there(networks["keb"]):
        network = {"checkpoint": networks["keb"], "device": device}
        asked = {"KEB": {"method": "network", **network}, "searched, else KEB": search | {"method": "auto", **network}}
    masks: dict[str, Mapping[str, Any] | None] = dict(masks_of(networks, device))
    if truth:
        masks["truth"] = None
    for name, how in masks.items():
        blurs: dict[str, Mapping[str, Any] | None] = {"searched": search}
        blurs |= {"true": None} if how is None else asked if name != "sharpness" else {}
        mask = lru_cache(1)(partial(_mask, how))  # rows of one mask follow each other
        rows[f"mask: {name}"] = partial(_joined, mask)
        rows |= {f"mask: {name}, blur: {kind}": partial(_eliminated, mask, blur) for kind, blur in blurs.items()}
    return rows


def there(checkpoint: str) -> bool:
    """Whether there is such a checkpoint."""
    try:
        read_checkpoint(checkpoint)
    except CheckpointError:
        return False
    return True


def _fused(method: str, pair: Pair) -> Made:
    return Made(fuse(pair.frames, method, device="cpu").image)


def _freed(device: str, pair: Pair) -> Made:
    fused = _fused("pyramid", pair).picture
    return Made(eliminate_from_pair(pair.frames, fused, transfer="srgb", device=device).image)


def _mask(how: Mapping[str, Any] | None, pair: Pair) -> Plane:
    if how is None:
        assert pair.mask is not None
        return pair.mask
    return (find_foreground(*pair.frames, **how) > 0.5).astype(np.float32)


def _joined(masked: Callable[[Pair], Plane], pair: Pair) -> Made:
    mask = masked(pair)
    return Made(fuse_pair(*pair.frames, mask), mask)


def _eliminated(masked: Callable[[Pair], Plane], blur: Mapping[str, Any] | None, pair: Pair) -> Made:
    """The same without diffusion; as it was where the foreground does not tell its blur."""
    made = _joined(masked, pair)
    assert made.mask is not None
    if blur is None:
        width = pair.sigma
    else:
        try:
            width = find_blur(*pair.frames, made.mask, **blur)
        except ValueError:
            return made
    index = 1 - made.mask
    found = eliminate_diffusion(
        pair.frames, made.picture, index, nearest="first", blur=width, psf="gaussian", transfer="srgb"
    )
    return Made(found.image, made.mask)


# --------------------------------------------------------------------
# figures


def figures(made: Made, pair: Pair) -> dict[str, float]:
    """Figures of one picture, of 8 bit, by name; with the truth for both sources where there is one, as the paper."""
    picture = to_float(from_float(np.clip(made.picture, 0, 1), np.uint8))
    sources = list(pair.frames) if pair.truth is None else [pair.truth, pair.truth]
    found = {"Q_MI": q_mi(picture, sources), "Q_AB/F": q_abf(picture, sources), "Q_Y": q_y(picture, sources)}
    if pair.truth is None:
        found["Q_CV"] = qcv_chen_varshney(picture, sources)
    if made.mask is not None and pair.mask is not None:
        found["mIoU"] = miou(made.mask, pair.mask)
        if pair.mask.mean() > BROAD:
            found["mIoU, broad"] = found["mIoU"]
    if pair.truth is not None and pair.mask is not None and pair.sigma is not None:
        found["PSNR, dB"] = psnr(picture, pair.truth)
        band = band_beside_depth_edges(1 - pair.mask, width=max(3.0, BAND * pair.sigma), step=0.5)
        if band.mean() > LEAST:
            found["beside edges, dB"] = psnr(picture, pair.truth, mask=band)
    return found
