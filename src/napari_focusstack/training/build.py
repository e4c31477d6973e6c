"""Datasets from the user's own bursts: aligned, fused for a truth, cut to tiles, split by burst, written to disk.

The way of FocusDeep (arXiv 2311.17846), with frames aligned as `alignment` does it, each resampled once; the truth by a
strong fusion method, or the user's own; and planes of raw files moved by exact transforms (see `alignment.planes`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..alignment import Alignment, Area, align, warped
from ..alignment.planes import AlignedPlanes, red_first
from ..arrays import Frames, from_float
from ..fusion import FUSERS, fuse
from ..io import Burst, read_burst
from ..methods import pick
from ..progress import part, track
from .store import Dataset, DatasetError, Kind, NewBurst, Split, check_free, write_dataset
from .targets import matched, read_target, targets_of
from .tiling import chosen_places, cut

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["build_dataset"]

KINDS: dict[int, Kind] = {1: "mono", 3: "rgb"}  # by channels


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is the same for all bursts."""

    out: Path
    raw: bool
    fuser: str
    targets: Mapping[str, Path]
    tile: int
    skip_bad: bool
    device: str


def build_dataset(
    folders: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    kind: Literal["rgb", "raw"] = "rgb",
    fuser: str = "pyramid",
    targets: str | os.PathLike[str] | None = None,
    tile: int = 128,
    held_out: float = 0.15,
    seed: int = 0,
    skip_bad: bool = False,
    device: str = "auto",
) -> Dataset:
    """Dataset of tiles of bursts, frames aligned, with fused pictures as their truth.

    Parameters
    ----------
    folders : sequence of path
        A burst each: a folder of frames, or a multi-page TIFF.
    out : path
        The dataset's folder; a dataset that is there is replaced when the new one is complete.
    kind : {"rgb", "raw"}
        Frames as pictures, raw files developed; or as planes of a raw file's mosaic, in linear light, whose truth is
        the developed picture. Bursts without colours make a dataset of kind "mono".
    fuser : str
        Method in `FUSERS` that makes the truth.
    targets : path, optional
        Folder of the user's own fused pictures, which have their bursts' names; they become the truth instead.
    tile : int
        Height and width of tiles, px of the truth.
    held_out : float
        Share of the bursts that are never trained on; at least one, where there are two bursts or more.
    seed : int
        Decides which.
    skip_bad : bool
        Go on without frames that cannot be read, and without bursts that cannot be used; the manifest tells which.
    device : str
        Where to fuse.

    Raises
    ------
    DatasetError
        If a burst or a target cannot be used.
    ValueError
        If an option is not allowed.
    OSError
        If a frame cannot be read, or the dataset cannot be written; a dataset that was there before is untouched.
    """
    out = Path(out).expanduser().resolve()
    pick(FUSERS, fuser, "fusion")
    _check(kind, tile, held_out)
    check_free(out)
    named = _names(folders)
    found = {} if targets is None else targets_of(Path(targets).expanduser(), list(named))
    plan = _Plan(out, kind == "raw", fuser, found, tile, skip_bad, device)
    splits = _splits(list(named), held_out, seed)
    made: dict[str, Any] = {
        "truth": f"own pictures from {Path(targets).name}" if targets is not None else fuser,
        "held out": held_out,
        "seed": seed,
        "left out": [],
    }
    found_kind = _kind(named, plan)
    bursts = _bursts(named, splits, plan, found_kind, made)
    return write_dataset(out, bursts, kind=found_kind, tile=tile, made=made)


def _check(kind: str, tile: int, held_out: float) -> None:
    if kind not in ("rgb", "raw"):
        raise ValueError(f"kind={kind!r} is not one of 'rgb', 'raw'")
    if not 32 <= tile <= 1024 or tile % 4:
        raise ValueError(f"tile={tile} px is not possible; a multiple of 4 from 32 to 1024 is")
    if not 0 <= held_out < 1:
        raise ValueError(f"held_out={held_out} is no share; 0 to 0.9 is allowed")


def _names(folders: Sequence[str | os.PathLike[str]]) -> dict[str, Path]:
    """Bursts by name: that of the folder or file, with that of the folder above it where two are alike."""
    paths = [Path(folder).expanduser().resolve() for folder in folders]
    names = [path.stem if path.is_file() else path.name for path in paths]
    names = [f"{p.parent.name} {n}" if names.count(n) > 1 else n for p, n in zip(paths, names, strict=True)]
    for name, path in zip(names, paths, strict=True):
        if names.count(name) > 1:
            raise DatasetError(f"{path}: another burst is called {name!r}, too; rename a folder, or name each once")
        if not path.exists():
            raise DatasetError(f"{path}: there is no such folder or file; name the folders of your bursts")
    if not names:
        raise DatasetError("there are no bursts; name their folders")
    return dict(zip(names, paths, strict=True))


def _splits(names: Sequence[str], share: float, seed: int) -> dict[str, Split]:
    """Which bursts are held out: those whose names, hashed with the seed, come first."""
    ranked = sorted(names, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())
    count = min(max(round(share * len(names)), 1), len(names) - 1) if share else 0
    return {name: "test" if rank < count else "train" for rank, name in enumerate(ranked)}


def _kind(named: Mapping[str, Path], plan: _Plan) -> Kind:
    """Kind of dataset, from the first burst; looks at all of them first, so that no hour is lost to the last one."""
    kind: Kind | None = "raw" if plan.raw else None
    for name, path in track(named.items(), "Looking at bursts", len(named)):
        try:
            burst = _read(name, path, plan, kind)
            kind = kind or KINDS[burst.shape[3]]
        except (OSError, ValueError):
            if not plan.skip_bad:
                raise
            continue
        if plan.skip_bad:  # looking at frames that may be bad takes long
            break
    return kind or "rgb"


def _bursts(
    named: Mapping[str, Path], splits: Mapping[str, Split], plan: _Plan, kind: Kind, made: dict[str, Any]
) -> Iterator[NewBurst]:
    used = 0
    for number, (name, path) in enumerate(named.items(), 1):
        with part(f"burst {number} of {len(named)}: {name}"):
            try:
                burst, bad = _burst(name, path, splits[name], plan, kind)
            except (OSError, ValueError) as error:  # a frame that cannot be read is an OSError
                if not plan.skip_bad:
                    raise DatasetError(str(error)) from error
                made["left out"].append(str(error) if name in str(error) else f"{name}: {error}")
                continue
            made["left out"] += bad
            used += 1
            yield burst
    if not used:
        raise DatasetError(f"none of the bursts can be used: {made['left out'][0]}")


def _read(name: str, path: Path, plan: _Plan, kind: Kind | None) -> Burst:
    burst = read_burst(path, skip_bad=plan.skip_bad)
    count, _, _, channels = burst.shape
    if count < 2:
        raise DatasetError(f"burst {name}: {count} frame; a burst has 2 or more")
    if plan.raw and not burst.is_raw:
        raise DatasetError(f"burst {name}: no camera raw files; build a dataset of kind 'rgb' of it")
    if channels not in KINDS or (not plan.raw and kind not in (None, KINDS[channels])):
        raise DatasetError(
            f"burst {name}: {channels} channels; a dataset's bursts all have 3, or all 1: build another one of it"
        )
    return burst


def _burst(name: str, path: Path, split: Split, plan: _Plan, kind: Kind) -> tuple[NewBurst, list[str]]:
    """Burst whose truth is there and whose frames are aligned when they are read; and which frames are left out."""
    burst = _read(name, path, plan, kind)
    turns = burst.quarter_turns if plan.raw else 0
    frames = burst.unturned() if plan.raw else burst
    photograph = burst.transfer == "srgb" or bool(burst.camera)
    alignment = align(frames, exposure=photograph and not plan.raw, transfer=burst.transfer)
    truth, area = _truth(name, frames, alignment, turns, plan)
    ready: Frames = _Part(warped(frames, alignment), alignment.area, area)
    if plan.raw:
        whole, area = area, red_first(area, burst.cfa_offset)
        truth = truth[area.top - whole.top :, area.left - whole.left :][: area.height, : area.width]
        ready = AlignedPlanes(burst, alignment, area)
    places = chosen_places(truth, plan.tile)
    if not places:
        raise DatasetError(
            f"burst {name}: its frames share only {area.width} × {area.height} px, no tile of {plan.tile} px; "
            "choose smaller tiles, or leave the burst out"
        )
    new = NewBurst(
        name,
        split,
        places,
        cut(ready, truth, places, plan.tile, plan.out.parent),
        transfer="linear" if plan.raw else burst.transfer,
        camera=burst.camera,
        sources=tuple(_name(burst, i) for i in np.flatnonzero(alignment.kept).tolist()),
        target=plan.targets[name].name if plan.targets else plan.fuser,
    )
    bad = [f"{name}: {source}: {problem}" for source, problem in burst.skipped]
    return new, bad + [f"{name}: {_name(burst, i)}: fits nowhere" for i in np.flatnonzero(~alignment.kept).tolist()]


def _truth(name: str, frames: Burst, alignment: Alignment, turns: int, plan: _Plan) -> tuple[NDArray[Any], Area]:
    """Picture all in focus, as it is stored, and its area in the reference frame."""
    channels = frames.shape[3]
    own = plan.targets.get(name)
    target = None if own is None else read_target(own, channels, turns)
    picture, area = fuse(warped(frames, alignment), plan.fuser, device=plan.device).image, alignment.area
    if own is not None and target is not None:
        picture, area = matched(own, target, picture, alignment)
    return from_float(np.ascontiguousarray(picture), "float32" if frames.dtype.kind == "f" else "uint16"), area


def _name(burst: Burst, i: int) -> str:
    source = burst.sources[i] if i < len(burst.sources) else burst.sources[0]
    return source.path.name if source.page is None else f"{source.path.name} page {source.page + 1}"


class _Part:
    """Frames cut to a part of their area."""

    def __init__(self, frames: Frames, whole: Area, area: Area) -> None:
        self._frames = frames
        top, left = area.top - whole.top, area.left - whole.left
        self._there = np.s_[top : top + area.height, left : left + area.width]
        count, _, _, channels = frames.shape
        self.shape = (count, area.height, area.width, channels)
        self.dtype = np.dtype(frames.dtype)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, i: int) -> NDArray[Any]:
        return np.asarray(self._frames[i])[self._there]
