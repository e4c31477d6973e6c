"""What random bursts are drawn from: textures that cover everything, and cut-outs with fine edges."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from ..color import to_linear
from ..progress import track
from .canvas import Canvas
from .cutouts import CUTOUTS
from .textures import TEXTURES, surface

__all__ = ["Library", "drawn_library", "read_library"]

SIZE = 512  # px of a picture's height and width
HELD_OUT = 0.15  # share of the original pictures that are never trained on
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")

Split = Literal["train", "test"]


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """Pictures to draw bursts from, uint8, linear light stored as its square root so that shadows keep their detail.

    Attributes
    ----------
    textures : (T, 3, S, S) uint8
        Surfaces without holes.
    cutouts : (K, 4, S, S) uint8
        Red, green, blue (not premultiplied) and coverage.
    """

    textures: Tensor
    cutouts: Tensor

    def __add__(self, other: Library) -> Library:
        """Both together."""
        return Library(torch.cat([self.textures, other.textures]), torch.cat([self.cutouts, other.cutouts]))

    def to(self, device: torch.device | str) -> Library:
        """Return the same on a device."""
        return Library(self.textures.to(device), self.cutouts.to(device))


def drawn_library(textures: int, cutouts: int, *, seed: int = 0, size: int = SIZE) -> Library:
    """Procedural pictures, each kind of `TEXTURES` and `CUTOUTS` in turn.

    Parameters
    ----------
    textures, cutouts : int
        How many.
    seed : int
        Of the random numbers: the same seed draws the same pictures.
    size : int
        Height and width in px.
    """
    generator = torch.Generator().manual_seed(seed)
    canvas = Canvas(size, size, 0, 0, 0, 0, 2, 3, generator)
    kinds = [*TEXTURES, None]  # None: patches of two
    drawn = [_stored(surface(canvas, kinds[i % len(kinds)])) for i in track(range(textures), "Drawing textures")]
    shapes = []
    for i in track(range(cutouts), "Drawing cut-outs"):
        light, alpha = list(CUTOUTS.values())[i % len(CUTOUTS)](canvas)
        clean = light / alpha.clamp_min(1e-3)
        shapes.append(torch.cat([_stored(clean), (alpha[None] * 255).round().byte()]))
    none = torch.empty(0, 3, size, size, dtype=torch.uint8), torch.empty(0, 4, size, size, dtype=torch.uint8)
    return Library(torch.stack(drawn) if drawn else none[0], torch.stack(shapes) if shapes else none[1])


def read_library(folder: Path | str, split: Split = "train", *, size: int = SIZE) -> Library:
    """Pictures of a folder: those with an alpha channel, and black-and-white silhouettes, become cut-outs.

    Parameters
    ----------
    folder : path
        Searched with its subfolders. A `manifest.csv` (columns folder, file, orig) says which pictures are parts of one
        original; without it each file is an original.
    split : {"train", "test"}
        Originals are parted by the hash of their names, so that no part of one is on both sides.
    size : int
        Height and width in px to which pictures are cut or enlarged.

    Raises
    ------
    FileNotFoundError
        If the folder holds no picture of this split.
    """
    folder = Path(folder)
    originals = _originals(folder)
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    chosen = [p for p in paths if held_out(originals.get(p.name, p.name)) == (split == "test")]
    if not chosen:
        raise FileNotFoundError(f"{folder}: no pictures ({', '.join(SUFFIXES)}) of the {split} split; name their folder")
    textures, cutouts = [], []
    for path in track(chosen, "Reading pictures"):
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if picture is None:
            continue
        picture = _squared(picture, size)
        if picture.ndim == 2:  # a silhouette
            picture = np.dstack([np.full((size, size, 3), 128, np.uint8), picture])
        planes = torch.from_numpy(np.ascontiguousarray(picture[..., [2, 1, 0, *range(3, picture.shape[2])]])).permute(2, 0, 1)
        light = _stored(torch.from_numpy(to_linear(planes[:3].numpy().astype(np.float32) / 255, "srgb")))
        if len(planes) == 4:
            cutouts.append(torch.cat([light, planes[3:]]))
        else:
            textures.append(light)
    empty = torch.empty(0, 3, size, size, dtype=torch.uint8), torch.empty(0, 4, size, size, dtype=torch.uint8)
    return Library(torch.stack(textures) if textures else empty[0], torch.stack(cutouts) if cutouts else empty[1])


def held_out(name: str) -> bool:
    """Whether an original picture of that name belongs to the test split."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) / 2**32 < HELD_OUT


def _originals(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for manifest in folder.rglob("manifest.csv"):
        with manifest.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if "file" in row:
                    found[row["file"]] = row.get("orig") or row["file"]
    return found


def _squared(picture: np.ndarray, size: int) -> np.ndarray:
    """Middle square of a picture, (size, size[, C]) uint8."""
    if picture.dtype == np.uint16:
        picture = (picture // 257).astype(np.uint8)
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    picture = picture[top : top + side, left : left + side]
    if side == size:
        return picture
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_CUBIC)


def _stored(light: Tensor) -> Tensor:
    return (light.clamp(0, 1).sqrt() * 255).round().byte()
