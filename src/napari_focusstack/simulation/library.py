"""What random bursts are drawn from: textures that cover everything, and cut-outs with fine edges."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from ..color import to_linear
from ..progress import track
from .canvas import Canvas
from .cutouts import CUTOUTS
from .textures import TEXTURES, surface

__all__ = ["Library", "Split", "drawn_library", "held_out", "read_library"]

SIZE = 512  # px of a picture's height and width
HELD_OUT = 0.15  # share of the original pictures that are never trained on
BLACK_AND_WHITE = 0.85  # share of the pixels, above which a grey picture is a silhouette
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
LINE = 9  # px: within as much of an opaque pixel or of a hole, partial coverage is that of an edge or of a hair
CLEAR = 0.1  # coverage that a hole has at most
TRANSLUCENT = 0.03  # share of what is covered, beyond edges and hairs

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

    def opaque(self) -> Library:
        """Return the same without cut-outs that are translucent over more than a line, such as wings.

        Where half of the light comes through, a pixel belongs neither to a foreground nor to what is behind it: there
        is no true mask.
        """
        covered = self.cutouts[:, None, 3].float() / 255
        most, least = max_pool2d(covered, LINE, 1, LINE // 2), -max_pool2d(-covered, LINE, 1, LINE // 2)
        through = ((most < 1 - CLEAR) & (least > CLEAR)).sum((1, 2, 3)) / (covered > CLEAR).sum((1, 2, 3)).clamp_min(1)
        return Library(self.textures, self.cutouts[through < TRANSLUCENT])

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
    canvas = Canvas(size, size, 0, 0, 0, 0, 2, 3, torch.Generator().manual_seed(seed))
    kinds = [*TEXTURES, None]  # None: patches of two
    surfaces = [_stored(surface(canvas, kinds[i % len(kinds)])) for i in track(range(textures), "Drawing textures")]
    shapes = []
    for i in track(range(cutouts), "Drawing cut-outs"):
        light, alpha = list(CUTOUTS.values())[i % len(CUTOUTS)](canvas)
        clean = light / alpha.clamp_min(1e-3)
        shapes.append(torch.cat([_stored(clean), (alpha[None] * 255).round().byte()]))
    return _together(surfaces, shapes, size)


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
    ValueError
        If a picture cannot be read.

    Notes
    -----
    Silhouettes, white on black, are filled with the folder's textures in turn, or grey if there are none.
    """
    folder = Path(folder).expanduser()
    originals = _originals(folder)
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    chosen = [p for p in paths if held_out(originals.get((p.parent.name, p.name), p.name)) == (split == "test")]
    if not chosen:
        kinds = ", ".join(SUFFIXES)
        raise FileNotFoundError(
            f"{folder}: no pictures ({kinds}) of the {split} split; name a folder with more of them"
        )
    textures: list[Tensor] = []
    cutouts: list[Tensor] = []
    silhouettes: list[Tensor] = []
    for path in track(chosen, "Reading pictures"):
        planes = _planes(path, size)
        if len(planes) == 1 and ((planes < 16) | (planes > 239)).float().mean() > BLACK_AND_WHITE:
            silhouettes.append(planes)
            continue
        light = torch.from_numpy(to_linear(planes[:3].expand(3, -1, -1).numpy().astype(np.float32) / 255, "srgb"))
        if len(planes) == 4:
            cutouts.append(torch.cat([_stored(light), planes[3:]]))
        else:
            textures.append(_stored(light))
    fillings = textures or [torch.full((3, size, size), 128, dtype=torch.uint8)]
    filled = [torch.cat([fillings[i % len(fillings)], shape]) for i, shape in enumerate(silhouettes)]
    return _together(textures, cutouts + filled, size)


def held_out(name: str) -> bool:
    """Whether an original picture of that name belongs to the test split."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) / 2**32 < HELD_OUT


def _originals(folder: Path) -> dict[tuple[str, str], str]:
    """Name of the original by a file's folder and name."""
    found: dict[tuple[str, str], str] = {}
    for manifest in folder.rglob("manifest.csv"):
        with manifest.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row.get("file") and row.get("orig"):
                    found[row.get("folder") or manifest.parent.name, row["file"]] = row["orig"]
    return found


def _planes(path: Path, size: int) -> Tensor:
    """(1, 3 or 4, size, size) uint8 of a picture's middle square: grey, or red, green, blue and coverage."""
    data = np.fromfile(path, np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if len(data) else None
    if picture is None:
        raise ValueError(f"{path}: not a picture that can be read; repair or remove it")
    if picture.dtype == np.uint16:
        picture = (picture // 257).astype(np.uint8)
    if picture.dtype != np.uint8:
        raise ValueError(f"{path}: its values are of type {picture.dtype}; save it with 8 or 16 bit")
    picture = np.atleast_3d(picture)
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    picture = picture[top : top + side, left : left + side]
    if side != size:
        way = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
        picture = np.atleast_3d(cv2.resize(picture, (size, size), interpolation=way))
    if picture.shape[2] > 1:
        picture = picture[..., [2, 1, 0, *range(3, picture.shape[2])]]
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))


def _stored(light: Tensor) -> Tensor:
    return (light.clamp(0, 1).sqrt() * 255).round().byte()


def _together(textures: list[Tensor], cutouts: list[Tensor], size: int) -> Library:
    return Library(
        torch.stack(textures) if textures else torch.empty(0, 3, size, size, dtype=torch.uint8),
        torch.stack(cutouts) if cutouts else torch.empty(0, 4, size, size, dtype=torch.uint8),
    )
